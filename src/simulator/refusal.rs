//! Errors in the shape of the API: `{"error": {"message", "type", "param", "code"}}`.

use hyper::StatusCode;
use serde_json::json;

/// A request that gets an error instead of a page.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl Refusal {
    fn invalid_request(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), kind: "invalid_request_error", param: None, code: None }
    }

    pub(super) fn unknown_path(path: &str) -> Self {
        let message = format!("Invalid URL ({path})");
        Self { code: Some("unknown_url"), ..Self::invalid_request(StatusCode::NOT_FOUND, message) }
    }

    pub(super) fn method_not_allowed(method: &str) -> Self {
        let message = format!("Not allowed to {method} on this URL (HINT: use GET)");
        Self {
            code: Some("method_not_supported"),
            ..Self::invalid_request(StatusCode::METHOD_NOT_ALLOWED, message)
        }
    }

    pub(super) fn unauthorized(key_given: bool) -> Self {
        let message = if key_given {
            "Incorrect API key provided. An admin key of this organization is needed."
        } else {
            "You didn't provide an API key. Send it in an Authorization header (Authorization: Bearer KEY)."
        };
        Self { code: Some("invalid_api_key"), ..Self::invalid_request(StatusCode::UNAUTHORIZED, message) }
    }

    pub(super) fn limit(code: &'static str, what: &str) -> Self {
        let message = format!("Invalid 'limit': {what}.");
        let refusal = Self::invalid_request(StatusCode::BAD_REQUEST, message);
        Self { param: Some("limit"), code: Some(code), ..refusal }
    }

    pub(super) fn bad_query(what: &str) -> Self {
        Self::invalid_request(StatusCode::BAD_REQUEST, format!("Invalid query: {what}."))
    }

    pub(super) fn unknown_cursor(after: &str) -> Self {
        let refusal =
            Self::invalid_request(StatusCode::NOT_FOUND, format!("No user found with id '{after}'."));
        Self { param: Some("after"), code: Some("user_not_found"), ..refusal }
    }

    pub(super) fn server_error() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "The server had an error while processing your request. Sorry about that!".to_owned(),
            kind: "server_error",
            param: None,
            code: None,
        }
    }

    pub(super) fn rate_limited() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            message: "Rate limit reached for requests.".to_owned(),
            kind: "requests",
            param: None,
            code: Some("rate_limit_exceeded"),
        }
    }

    pub(super) fn body(&self) -> String {
        let Self { message, kind, param, code, .. } = self;
        json!({ "error": { "message": message, "type": kind, "param": param, "code": code } }).to_string()
    }
}
