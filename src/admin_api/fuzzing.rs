//! Doors for the fuzz targets to what only this room uses. They exist with `--cfg fuzzing` alone, which `fuzz/run.sh`
//! sets.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use super::budget::{Budget, Grant, LONGEST_BELIEVED, Turn};
use super::error::{Detail, Error, harmless, identifier};
use super::key::{AdminKey, Keys};
use super::retry::{LONGEST_WAIT, Verdict, back_off, retry_after};

/// The longest wait between two attempts, and the longest that a budget holds a request back.
pub const LONGEST: (Duration, Duration) = (LONGEST_WAIT, LONGEST_BELIEVED);

/// The error that an answer with `status` and `body` is; `id` is its `x-request-id`, `cause` what the transport says.
/// `keys` are those that no text may show, the one in use last.
pub fn error_of(status: u16, id: &str, cause: &str, body: &[u8], keys: &[AdminKey]) -> Error {
    let mut keys = keys.iter();
    let first = keys.next().expect("a client has a key");
    let keys = keys.fold(Keys::only(first.clone()), |keys, key| keys.replaced_by(key));
    let mut detail = Box::new(Detail::default().with_cause(harmless(cause, &keys)));
    detail.request_id = Some(identifier(id, &keys));
    detail.read_error_body(body, &keys);
    Error::from_status(StatusCode::from_u16(status).unwrap_or_default(), detail)
}

/// The wait for retry number `attempt` that an answer leads to, if there is to be one.
pub fn wait(status: u16, headers: &HeaderMap, attempt: u32, now: SystemTime) -> Option<Duration> {
    match Verdict::on(status, headers, now) {
        Verdict::GiveUp => None,
        Verdict::Retry => Some(back_off(attempt, 0.5)),
        Verdict::RetryAfter(wait) => Some(wait),
    }
}

/// The budget of one key.
#[derive(Debug, Default)]
pub struct Pace(Budget);

impl Pace {
    /// An answer came, and is noted as the client does it.
    pub fn answered(&mut self, status: u16, headers: &HeaderMap, now: Instant, wall: SystemTime) {
        let asked = if status == 429 { retry_after(headers, wall) } else { None };
        match (asked, Grant::read(headers)) {
            (Some(wait), _) => self.0.told_to_wait(wait, now),
            (None, Some(grant)) => self.0.granted(grant, now),
            (None, None) => {}
        }
        if status == 429
            && let Some(wait) = wait(status, headers, 0, wall)
        {
            self.0.refused(wait, now);
        }
    }

    /// When a request may be sent; it is, if that is now.
    pub fn take(&mut self, now: Instant) -> Instant {
        match self.0.take(now) {
            Turn::Now => now,
            Turn::At(at) => at,
        }
    }
}
