//! The answer at the telemetry path.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, VARY};
use hyper::{HeaderMap, Response, StatusCode};
use prometheus::Registry;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::compression::Codings;
use super::negotiation::Exposition;
use super::routes::text;
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
pub(super) async fn answer(
    registry: &Registry,
    telemetry: &Telemetry,
    wanted: Wanted,
) -> Response<Full<Bytes>> {
    beside(|| written(registry, telemetry, wanted))
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
        Err(error) => {
            tracing::error!(error = %error, "cannot write the exposition");
            text(StatusCode::INTERNAL_SERVER_ERROR, "The exposition cannot be written; see the log.\n")
        }
    }
}

/// Does what takes its time while the other tasks of this thread go on elsewhere. It is not left half way when the
/// client goes, and the next one begun beside it: there are never more at a time than are allowed.
fn beside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => block_in_place(work),
        _ => work(),
    }
}
