//! Requests that are not let in, and what they are told.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too many came before; this is the time until the next is answered.
    TooMany(Duration),
    /// It has no user, or another password.
    Unauthorized,
    /// Too many passwords wait to be compared.
    Busy,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Its body.
    pub fn text(self) -> &'static str {
        match self {
            Self::TooMany(_) => "Too many requests.\n",
            Self::Unauthorized => "Unauthorized.\n",
            Self::Busy => "Too many passwords wait to be compared.\n",
        }
    }

    /// Adds the headers that belong to it.
    pub fn add_headers(self, headers: &mut HeaderMap) {
        let seconds = match self {
            Self::Unauthorized => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
                // Nobody tries one password after the other on a connection, and has all of them wait.
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
                return;
            }
            Self::TooMany(wait) => wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
            Self::Busy => 1,
        };
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        if self == Self::Busy {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// What helps whoever should have been answered.
    pub(super) fn mend(self) -> &'static str {
        match self {
            Self::TooMany(_) => "raise rate_limit in the web configuration, or ask less often",
            Self::Unauthorized => "whoever asks needs a user of basic_auth_users and the right password",
            Self::Busy => "many passwords are tried; set rate_limit, or ask for client certificates",
        }
    }

    /// Its name in the log.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::TooMany(_) => "too_many_requests",
            Self::Unauthorized => "unauthorized",
            Self::Busy => "busy",
        }
    }
}
