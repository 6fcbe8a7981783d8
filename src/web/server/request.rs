//! What is no request that should be answered, though it can be read, and what becomes of bodies.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::http::uri::Authority;
use hyper::{Method, Request, StatusCode, Version};
use tokio::time::timeout;

use super::activity::ClosedEarly;

/// The largest body that is read, in bytes. Nothing is done with it.
const LARGEST_BODY: u64 = 16 << 10;

/// Why a request is refused, and its connection closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// One line for whoever sent it.
    pub(super) text: &'static str,
    pub(super) reason: ClosedEarly,
}

impl Refusal {
    const fn bad(status: StatusCode, text: &'static str) -> Self {
        Self { status, text, reason: ClosedEarly::BadRequest }
    }

    const TOO_LARGE: Self = Self {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        text: "A body of at most 16 KiB is read.\n",
        reason: ClosedEarly::TooLarge,
    };
    const TOO_SLOW: Self = Self {
        status: StatusCode::REQUEST_TIMEOUT,
        text: "The body did not come in time.\n",
        reason: ClosedEarly::BodyTimeout,
    };
}

/// Refuses what a proxy before the exporter might understand otherwise, and what is meant for a proxy.
/// `odd_line_end` says that a line of it, or of one before it, ended with LF alone.
pub(super) fn checked<B>(request: &Request<B>, odd_line_end: bool) -> Result<(), Refusal> {
    let bad = |text| Err(Refusal::bad(StatusCode::BAD_REQUEST, text));
    let (uri, headers) = (request.uri(), request.headers());
    if request.method() == Method::CONNECT {
        return Err(Refusal::bad(StatusCode::NOT_IMPLEMENTED, "This is no proxy.\n"));
    }
    if odd_line_end {
        return bad("Lines end with CR LF.\n");
    }
    let is_path = uri.path().starts_with('/') || uri.path() == "*" && request.method() == Method::OPTIONS;
    if !is_path || uri.scheme_str().is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
        return bad("The target of the request is no path.\n");
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() >= Version::HTTP_11 => return bad("A request has a Host header.\n"),
        (Some(host), None) if !is_host(host) => return bad("The Host header names no host.\n"),
        (_, Some(_)) => return bad("A request has one Host header.\n"),
        _ => {}
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (None, _) => Ok(()),
        _ => {
            Err(Refusal::bad(StatusCode::NOT_IMPLEMENTED, "The transfer coding is not known; use chunked.\n"))
        }
    }
}

/// Nothing, or a host with or without a port, and no user.
fn is_host(value: &HeaderValue) -> bool {
    value.is_empty() || !value.as_bytes().contains(&b'@') && Authority::try_from(value.as_bytes()).is_ok()
}

/// Reads a body to its end, and forgets it.
pub(super) async fn read_body(mut body: Incoming, within: Duration) -> Result<(), Refusal> {
    let most = |size| if size > LARGEST_BODY { Err(Refusal::TOO_LARGE) } else { Ok(()) };
    most(body.size_hint().lower())?;
    let all = async {
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let broken = Refusal::bad(StatusCode::BAD_REQUEST, "The body is broken.\n");
            let frame = frame.map_err(|_| broken)?;
            size += frame.data_ref().map_or(0, |data| data.len() as u64);
            most(size)?;
        }
        Ok(())
    };
    timeout(within, all).await.unwrap_or(Err(Refusal::TOO_SLOW))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for (host, good) in [
            ("", true),
            ("exporter", true),
            ("127.0.0.1:10195", true),
            ("[::1]:10195", true),
            ("exporter:", true),
            ("user@exporter", false),
            ("a b", false),
            ("a/b", false),
            ("a, b", false),
            ("[::1", false),
        ] {
            assert_eq!(is_host(&HeaderValue::from_static(host)), good, "{host:?}");
        }
    }
}
