//! The answer at the telemetry path.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, VARY};
use hyper::{HeaderMap, Response, StatusCode};
use prometheus::Registry;
use tokio::task::spawn_blocking;

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
///
/// They are written beside the tasks that serve: a large exposition takes its time, and nobody else shall wait for it.
pub(super) async fn answer(
    registry: &Registry,
    telemetry: &Telemetry,
    wanted: Wanted,
) -> Response<Full<Bytes>> {
    let Wanted { exposition, codings } = wanted;
    let (registry, telemetry) = (registry.clone(), telemetry.clone());
    let written = spawn_blocking(move || {
        let page = expose(&registry, &telemetry, exposition.format())?;
        prometheus::Result::Ok(codings.of_body(page.len()).encode(page.into()))
    });
    let failure = match written.await {
        Ok(Ok((coding, page))) => {
            let mut response = Response::new(Full::new(page));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, exposition.content_type());
            headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
            coding.tell(headers);
            return response;
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(error = %failure, "cannot write the exposition");
    text(StatusCode::INTERNAL_SERVER_ERROR, "The exposition cannot be written; see the log.\n")
}
