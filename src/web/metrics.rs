//! The answer at the telemetry path.

use std::error::Error;
use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, HeaderValue, VARY};
use hyper::{HeaderMap, Response, StatusCode};
use tokio::task::spawn_blocking;

use super::body::Content;
use super::compression::Codings;
use super::negotiation::Exposition;
use super::routes::text;
use super::server::Turn;
use crate::exposition::Renderer;

/// What a client wants of the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    exposition: Exposition,
    codings: Codings,
}

impl Wanted {
    /// What a request with `headers` wants most.
    pub(super) fn by(headers: &HeaderMap) -> Self {
        Self { exposition: Exposition::wanted(headers), codings: Codings::accepted(headers) }
    }
}

/// The page of `renderer`, in the format and coding that are `wanted`.
///
/// A large one is written beside the tasks that serve: it takes its time, and nobody else shall wait for it. The `turn` is
/// kept until it is, whether the client is still there or not: there are never more at a time than are allowed. Not by
/// `block_in_place`: it leaves the work where it is and moves all else to other threads, and the allocator keeps memory
/// for each thread.
pub(super) async fn answer(renderer: &Arc<Renderer>, wanted: Wanted, turn: Turn) -> Response<Content> {
    if renderer.is_quick() {
        return written(renderer, wanted);
    }
    let renderer = renderer.clone();
    let writing = spawn_blocking(move || {
        let answer = written(&renderer, wanted);
        drop(turn);
        answer
    });
    writing.await.unwrap_or_else(|error| failed(&error))
}

fn written(renderer: &Renderer, wanted: Wanted) -> Response<Content> {
    match renderer.page(wanted.exposition.format()) {
        Ok(page) => {
            let (coding, page) = wanted.codings.of_body(page.len()).encode_page(page);
            let mut response = Response::new(page);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, wanted.exposition.content_type());
            headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
            coding.tell(headers);
            response
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn Error) -> Response<Content> {
    tracing::error!(error = %error, "cannot write the exposition");
    text(StatusCode::INTERNAL_SERVER_ERROR, "The exposition cannot be written; see the log.\n")
}
