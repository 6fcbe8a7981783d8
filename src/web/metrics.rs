//! The answer at the telemetry path.

use std::error::Error;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, VARY};
use hyper::{HeaderMap, Response, StatusCode};
use prometheus::Registry;
use tokio::task::spawn_blocking;

use super::compression::Codings;
use super::negotiation::Exposition;
use super::routes::text;
use super::server::Turn;
use crate::exposition::expose;
use crate::telemetry::Telemetry;

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

/// All families of `registry`, in the format and coding that are `wanted`.
///
/// They are written beside the tasks that serve: a large exposition takes its time, and nobody else shall wait for it. The
/// `turn` is kept until they are, whether the client is still there or not: there are never more at a time than are
/// allowed. Not by `block_in_place`: it leaves the work where it is and moves all else to other threads, and the
/// allocator keeps memory for each thread.
pub(super) async fn answer(
    registry: &Registry,
    telemetry: &Telemetry,
    wanted: Wanted,
    turn: Turn,
) -> Response<Full<Bytes>> {
    let (registry, telemetry) = (registry.clone(), telemetry.clone());
    let writing = spawn_blocking(move || {
        let answer = written(&registry, &telemetry, wanted);
        drop(turn);
        answer
    });
    writing.await.unwrap_or_else(|error| failed(&error))
}

fn written(registry: &Registry, telemetry: &Telemetry, wanted: Wanted) -> Response<Full<Bytes>> {
    match expose(registry, telemetry, wanted.exposition.format()) {
        Ok(page) => {
            let (coding, page) = wanted.codings.of_body(page.len()).encode(page.into());
            let mut response = Response::new(Full::new(page));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, wanted.exposition.content_type());
            headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
            coding.tell(headers);
            response
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn Error) -> Response<Full<Bytes>> {
    tracing::error!(error = %error, "cannot write the exposition");
    text(StatusCode::INTERNAL_SERVER_ERROR, "The exposition cannot be written; see the log.\n")
}
