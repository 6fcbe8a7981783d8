//! What all connections share, and the answer to a request.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap,
    HeaderValue, RETRY_AFTER, VARY,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Options;
use super::blueprint::Blueprint;
use super::fault::{FaultKind, FaultSwitch};
use super::payload::Payload;
use super::population::{Page, Population};
use super::query::Query;
use super::refusal::Refusal;
use super::seed::{Id, mix};
use super::wire;

const PATH: &str = "/v1/organization/users";
const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>\
                    <body><h1>Checking your browser</h1></body></html>\n";

/// The organization behind its desk.
pub(super) struct Office {
    pub(super) blueprint: Blueprint,
    faults: FaultSwitch,
    population: RwLock<Population>,
    /// What the header `authorization` of its requests says.
    pub(super) authorization: Vec<u8>,
    latency: Duration,
    gzip: bool,
    /// Announced and counted down each minute, but never enforced: load tests would only meet the limit.
    requests_per_minute: u64,
    opened_at: i64,
    opened: Instant,
    requests: AtomicU64,
    /// The minute since the opening in the upper half, its requests in the lower.
    window: AtomicU64,
    stop: CancellationToken,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer on purpose")]
pub(super) struct NoAnswer;

/// What the answer will be, before its headers.
struct Draft {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Office {
    pub(super) fn open(options: Options, users: u32, faults: FaultSwitch, stop: CancellationToken) -> Self {
        let Options { seed, admin_key, latency, gzip, requests_per_minute, now, .. } = options;
        let blueprint = Blueprint::new(seed, users);
        let population = Population::generate(&blueprint, users, now);
        Self {
            blueprint,
            faults,
            population: RwLock::new(population),
            authorization: format!("Bearer {admin_key}").into_bytes(),
            latency,
            gzip,
            requests_per_minute,
            opened_at: now,
            opened: Instant::now(),
            requests: AtomicU64::new(0),
            window: AtomicU64::new(0),
            stop,
        }
    }

    pub(super) fn population(&self) -> RwLockReadGuard<'_, Population> {
        self.population.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn population_mut(&self) -> RwLockWriteGuard<'_, Population> {
        self.population.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unix seconds: what the options say, plus the time since.
    pub(super) fn now(&self) -> i64 {
        let elapsed = i64::try_from(self.opened.elapsed().as_secs());
        self.opened_at.saturating_add(elapsed.unwrap_or(i64::MAX))
    }

    pub(super) async fn answer<B>(&self, request: Request<B>) -> Result<Response<Payload>, NoAnswer> {
        let arrival = Instant::now();
        let answer = self.answer_at_once(request, arrival).await;
        if !self.latency.is_zero() {
            wait_until(arrival + self.latency).await;
        }
        answer
    }

    async fn answer_at_once<B>(
        &self,
        request: Request<B>,
        arrival: Instant,
    ) -> Result<Response<Payload>, NoAnswer> {
        let fault = match self.admit(&request) {
            Ok(()) => self.faults.roll(),
            Err(refusal) => {
                let mut response = self.send(Draft::refusal(&refusal), None, request.headers(), arrival);
                if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
                    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
                }
                return Ok(response);
            }
        };
        let draft = match fault {
            Some(FaultKind::Reset) => return Err(NoAnswer),
            Some(FaultKind::Hang) => {
                self.stop.cancelled().await;
                return Err(NoAnswer);
            }
            Some(FaultKind::Status500) => Draft::refusal(&Refusal::server_error()),
            Some(FaultKind::Status429) => Draft::refusal(&Refusal::rate_limited()),
            Some(FaultKind::Html) => {
                Draft { status: StatusCode::OK, content_type: "text/html; charset=UTF-8", body: HTML.into() }
            }
            _ => match self.page(request.uri().query().unwrap_or_default(), fault) {
                Ok(body) => Draft { status: StatusCode::OK, content_type: "application/json", body },
                Err(refusal) => Draft::refusal(&refusal),
            },
        };
        Ok(self.send(draft, fault, request.headers(), arrival))
    }

    /// Whether the request is one for the list, with the right key.
    fn admit<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        if request.uri().path() != PATH {
            return Err(Refusal::unknown_path(request.uri().path()));
        }
        if request.method() != Method::GET {
            return Err(Refusal::method_not_allowed(request.method().as_str()));
        }
        match request.headers().get(AUTHORIZATION) {
            Some(value) if value.as_bytes() == self.authorization => Ok(()),
            given => Err(Refusal::unauthorized(given.is_some())),
        }
    }

    fn page(&self, query: &str, fault: Option<FaultKind>) -> Result<Vec<u8>, Refusal> {
        let Query { after, limit, emails } = Query::parse(query)?;
        let serial = match &after {
            Some(id) => {
                let serial = Id::user_serial(self.blueprint.seed, id);
                Some(serial.ok_or_else(|| Refusal::unknown_cursor(id))?)
            }
            None => None,
        };
        // The lock covers only the choice of users: writing them takes longer.
        let page = if emails.is_empty() {
            self.population().page(serial, limit, |_| true)
        } else {
            self.population().page(serial, limit, |serial| self.has_email_among(serial, &emails))
        };
        let page: Page = page.ok_or_else(|| Refusal::unknown_cursor(after.as_deref().unwrap_or_default()))?;
        Ok(wire::page(&self.blueprint, &page, after.as_deref(), fault))
    }

    fn has_email_among(&self, serial: u32, emails: &std::collections::HashSet<String>) -> bool {
        let profile = self.blueprint.profile(serial);
        let mut email = Vec::with_capacity(64);
        profile.write_email(&mut email);
        profile.shows_email() && std::str::from_utf8(&email).is_ok_and(|email| emails.contains(email))
    }

    fn send(
        &self,
        draft: Draft,
        fault: Option<FaultKind>,
        request: &HeaderMap,
        arrival: Instant,
    ) -> Response<Payload> {
        let zip = self.gzip && accepts_gzip(request);
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(draft.content_type));
        headers.insert("x-request-id", self.request_id(number));
        headers.insert("openai-processing-ms", number_value(self.latency.max(arrival.elapsed()).as_millis()));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        self.announce_rate_limit(&mut headers);
        if fault == Some(FaultKind::Status429) {
            if number.is_multiple_of(2) {
                headers.insert("retry-after-ms", HeaderValue::from_static("250"));
            } else {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
        }
        let payload = if fault == Some(FaultKind::Huge) && draft.status == StatusCode::OK {
            Payload::huge(draft.body, zip)
        } else {
            let body = if zip { compressed(&draft.body) } else { draft.body };
            match fault {
                Some(FaultKind::Slow) => Payload::slow(body),
                Some(FaultKind::Truncate) => {
                    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
                    Payload::truncated(body)
                }
                _ => Payload::whole(body),
            }
        };
        if zip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let mut response = Response::new(payload);
        *response.status_mut() = draft.status;
        *response.headers_mut() = headers;
        response
    }

    fn request_id(&self, number: u64) -> HeaderValue {
        let high = mix(self.blueprint.seed ^ mix(number));
        HeaderValue::try_from(format!("req_{high:016x}{:016x}", mix(high) ^ number))
            .expect("hexadecimal digits are visible ASCII")
    }

    fn announce_rate_limit(&self, headers: &mut HeaderMap) {
        let seconds = self.opened.elapsed().as_secs();
        let minute = (seconds / 60) << 32;
        let count = |window: u64| if window >> 32 == minute >> 32 { window + 1 } else { minute + 1 };
        let counted = self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |w| Some(count(w)));
        let used = counted.map_or(0, count) & u64::from(u32::MAX);
        headers.insert("x-ratelimit-limit-requests", HeaderValue::from(self.requests_per_minute));
        let remaining = self.requests_per_minute.saturating_sub(used);
        headers.insert("x-ratelimit-remaining-requests", HeaderValue::from(remaining));
        let reset = HeaderValue::try_from(format!("{}s", 60 - seconds % 60));
        headers.insert("x-ratelimit-reset-requests", reset.expect("a number and a letter"));
    }
}

impl Draft {
    fn refusal(refusal: &Refusal) -> Self {
        Self { status: refusal.status, content_type: "application/json", body: refusal.body().into_bytes() }
    }
}

/// Waits more exactly than timers do, which are up to two milliseconds late.
#[expect(
    clippy::disallowed_methods,
    reason = "it is on a thread of its own, and timers are not exact enough"
)]
async fn wait_until(time: Instant) {
    const TIMERS_ARE_LATE: Duration = Duration::from_millis(3);
    sleep_until(time.checked_sub(TIMERS_ARE_LATE).unwrap_or(time)).await;
    let rest = time.saturating_duration_since(Instant::now()).min(TIMERS_ARE_LATE);
    if !rest.is_zero() {
        let _ = spawn_blocking(move || thread::sleep(rest)).await;
    }
    // Where the clock is one of a test.
    if Instant::now() < time {
        sleep_until(time).await;
    }
}

fn number_value(number: u128) -> HeaderValue {
    HeaderValue::try_from(number.to_string()).expect("digits are visible ASCII")
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
}

/// Whether `accept-encoding` names gzip or everything, with a weight above 0.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        matches!(name.trim(), "gzip" | "*") && weight.is_some_and(|weight| weight > 0.0)
    })
}
