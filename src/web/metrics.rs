//! The answer at the telemetry path.

use std::error::Error;
use std::sync::Arc;

use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use hyper::{HeaderMap, Response, StatusCode};
use tokio::task::spawn_blocking;

use super::body::Content;
use super::compression::Codings;
use super::negotiation::Exposition;
use super::routes::text;
use super::security_headers::security_headers;
use super::server::{Asked, Asking, Turn};
use crate::exposition::{Page, Renderer};

/// What a client wants of the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    exposition: Exposition,
    codings: Codings,
}

/// What an answer shows, and to whom.
pub(super) struct Shown {
    words: Words,
    page: Page,
}

/// What was said of what is wanted. The same words are always understood the same.
struct Words {
    accept: Vec<HeaderValue>,
    accept_encoding: Vec<HeaderValue>,
}

impl Words {
    fn of(headers: &HeaderMap) -> Self {
        let all = |name| headers.get_all(name).iter().cloned().collect();
        Self { accept: all(ACCEPT), accept_encoding: all(ACCEPT_ENCODING) }
    }

    fn are_those_of(&self, headers: &HeaderMap) -> bool {
        self.accept.iter().eq(headers.get_all(ACCEPT))
            && self.accept_encoding.iter().eq(headers.get_all(ACCEPT_ENCODING))
    }
}

impl Wanted {
    /// What a request with `headers` wants most.
    pub(super) fn by(headers: &HeaderMap) -> Self {
        Self { exposition: Exposition::wanted(headers), codings: Codings::accepted(headers) }
    }
}

/// The page of `renderer`, in the format and coding that a request with `headers` wants most. Those who ask for it in the
/// same words within a moment share one.
pub(super) async fn answer(
    renderer: &Arc<Renderer>,
    headers: &HeaderMap,
    asking: Asking<'_>,
) -> Response<Content> {
    let holds = |shown: &Shown| shown.words.are_those_of(headers) && renderer.still_shows(&shown.page);
    if let Some(answer) = asking.again(holds) {
        return answer;
    }
    let wanted = Wanted::by(headers);
    let make = async |turn| {
        let (answer, page) = made(renderer, wanted, turn).await;
        (answer, page.map(|page| Shown { words: Words::of(headers), page }))
    };
    asking.shared(Asked::Exposition(wanted), make).await
}

/// A new answer, and the page that it shows, unless that is large.
///
/// A large one is written beside the tasks that serve: it takes its time, and nobody else shall wait for it. The `turn` is
/// kept until it is, whether the client is still there or not: there are never more at a time than are allowed. Not by
/// `block_in_place`: it leaves the work where it is and moves all else to other threads, and the allocator keeps memory
/// for each thread.
async fn made(renderer: &Arc<Renderer>, wanted: Wanted, turn: Turn) -> (Response<Content>, Option<Page>) {
    if renderer.is_quick() {
        return written(renderer, wanted);
    }
    let renderer = renderer.clone();
    let writing = spawn_blocking(move || {
        let answer = written(&renderer, wanted);
        drop(turn);
        answer
    });
    writing.await.unwrap_or_else(|error| (failed(&error), None))
}

fn written(renderer: &Renderer, wanted: Wanted) -> (Response<Content>, Option<Page>) {
    match renderer.page(wanted.exposition.format()) {
        Ok(page) => {
            let shown = renderer.is_quick().then(|| page.clone());
            let (coding, page) = wanted.codings.of_body(page.len()).encode_page(page);
            let mut response = Response::new(page);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, wanted.exposition.content_type());
            headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
            coding.tell(headers);
            // Once for all who get it.
            security_headers(&mut response);
            (response, shown)
        }
        Err(error) => (failed(&error), None),
    }
}

fn failed(error: &dyn Error) -> Response<Content> {
    tracing::error!(error = %error, "cannot write the exposition");
    text(StatusCode::INTERNAL_SERVER_ERROR, "The exposition cannot be written; see the log.\n")
}
