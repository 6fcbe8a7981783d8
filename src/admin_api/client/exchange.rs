//! One attempt: a request, its answer, and what the answer means.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::content::{Content, Encoding, Unfit};
use super::{Client, Failure};
use crate::admin_api::budget::Grant;
use crate::admin_api::error::{Detail, Error, harmless, identifier};
use crate::admin_api::gate::Pass;
use crate::admin_api::key_holder::InUse;
use crate::admin_api::page::Body;
use crate::admin_api::retry::{LONGEST_WAIT, Verdict, retry_after};

/// The largest body that is read, before decompression and after it.
const LARGEST_BODY: usize = 8 << 20;

/// The largest body of an error that is read.
const LARGEST_ERROR_BODY: usize = 64 << 10;

/// The longest that the body of an error is waited for.
const LONGEST_ERROR_BODY: Duration = Duration::from_secs(5);

/// An answer with a body to be read, if it is worth it.
enum Answer {
    /// Status 200, with the body.
    Page(Body),
    /// Another status, before its body.
    Other(Response, Box<Detail>),
}

impl Client {
    /// One attempt, counted whatever comes of it.
    pub(super) async fn attempt(
        &self,
        _pass: Pass,
        key: &InUse,
        after: Option<&str>,
        number: u64,
        deadline: Instant,
    ) -> Result<Body, Failure> {
        let start = Instant::now();
        let limit = deadline.min(start + self.options.request_timeout);
        let mut status = None;
        let outcome = match timeout_at(limit, self.exchange(key, after, number, &mut status)).await {
            Ok(Ok(Answer::Page(body))) => Ok(body),
            Ok(Ok(Answer::Other(response, detail))) => Err(self.other(response, detail, limit, number).await),
            Ok(Err(failure)) => Err(failure),
            Err(_) => {
                let waited = format!("waited {:.1} s", start.elapsed().as_secs_f64());
                let detail = Detail { status: status.map(|status| status.as_u16()), ..self.detail(number) };
                let error = Error::Timeout(Box::new(detail.with_cause(waited)));
                Err(Failure { error, verdict: Verdict::Retry })
            }
        };
        // A host that swallows connections holds its places for as long as one that answers nothing.
        let timed_out = matches!(&outcome, Err(Failure { error: Error::Timeout(_), .. }));
        self.gate.ended(status.is_some() && !timed_out);
        self.telemetry.api_request(status.map(|status| status.as_u16()), start.elapsed());
        outcome
    }

    async fn exchange(
        &self,
        key: &InUse,
        after: Option<&str>,
        number: u64,
        status: &mut Option<StatusCode>,
    ) -> Result<Answer, Failure> {
        let request = self
            .http
            .get(self.options.base_url.users(after, &self.emails))
            .header(AUTHORIZATION, key.authorization.clone())
            .send();
        let response = request.await.map_err(|error| self.broken(error, number))?;
        *status = Some(response.status());
        let mut detail = Box::new(self.detail(number));
        detail.request_id =
            header(response.headers(), "x-request-id").map(|id| identifier(id, &self.key.in_use().keys));
        self.note_limits(response.status(), response.headers());
        if response.status() != StatusCode::OK {
            return Ok(Answer::Other(response, detail));
        }
        if Encoding::of(response.headers()) == Encoding::Other {
            return Err(no_page(*detail, "the body is encoded in a way that was not asked for"));
        }
        match self.read(response, LARGEST_BODY, number).await? {
            Some(bytes) => Ok(Answer::Page(Body::new(bytes, detail))),
            None => Err(no_page(*detail, "the body is larger than 8 MiB")),
        }
    }

    /// What an answer means that is no page. The status is what matters: a body that breaks off, or does not come in
    /// time, only loses its message.
    async fn other(
        &self,
        response: Response,
        mut detail: Box<Detail>,
        limit: Instant,
        number: u64,
    ) -> Failure {
        let (status, now) = (response.status(), SystemTime::now());
        let verdict = Verdict::on(status.as_u16(), response.headers(), now);
        if retry_after(response.headers(), now).is_some_and(|wait| wait > LONGEST_WAIT) {
            detail.cause = Some(format!("it asks for a wait of more than {} s", LONGEST_WAIT.as_secs()));
        }
        let limit = limit.min(Instant::now() + LONGEST_ERROR_BODY);
        let body = timeout_at(limit, self.read(response, LARGEST_ERROR_BODY, number)).await;
        if let Ok(Ok(Some(body))) = body {
            detail.read_error_body(&body, &self.key.in_use().keys);
        }
        Failure { error: Error::from_status(status, detail), verdict }
    }

    /// Takes what an answer says of the requests that are left, for all requests of this key.
    fn note_limits(&self, status: StatusCode, headers: &HeaderMap) {
        let grant = Grant::read(headers);
        if let Some(grant) = &grant {
            #[expect(clippy::cast_precision_loss, reason = "limits stay far below 2^53")]
            self.telemetry.api_rate_limit_remaining(grant.remaining as f64);
        }
        let asked = match status {
            StatusCode::TOO_MANY_REQUESTS => retry_after(headers, SystemTime::now()),
            _ => None,
        };
        match (asked, grant) {
            (Some(wait), _) => self.gate.told_to_wait(wait),
            (None, Some(grant)) => self.gate.granted(grant),
            (None, None) => {}
        }
    }

    /// The body, or `None` if it is larger than `most` bytes. Never more than that is held.
    async fn read(
        &self,
        mut response: Response,
        most: usize,
        number: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut content = Content::new(Encoding::of(response.headers()), most);
        let mut unfit = None;
        while unfit.is_none()
            && let Some(piece) = response.chunk().await.map_err(|error| self.broken(error, number))?
        {
            let before = content.len();
            unfit = content.push(&piece).err();
            self.telemetry.api_response_bytes((content.len() - before) as u64);
        }
        match unfit.map_or_else(|| content.finish(), Err) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Unfit::TooLarge) => Ok(None),
            Err(Unfit::Corrupt) => {
                Err(no_page(self.detail(number), "the body is no gzip, though it says so"))
            }
            Err(Unfit::BrokenOff) => {
                let detail = self.detail(number).with_cause("the gzip of the body breaks off");
                Err(Failure { error: Error::Connect(Box::new(detail)), verdict: Verdict::Retry })
            }
        }
    }

    /// What a transport error means.
    fn broken(&self, error: reqwest::Error, number: u64) -> Failure {
        let error = error.without_url();
        let mut causes = Vec::new();
        let mut next = error.source();
        let (mut tls, mut connection_lost, mut no_http) = (false, false, false);
        while let Some(cause) = next {
            tls |= is_tls(cause);
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                connection_lost |=
                    io.kind() != io::ErrorKind::InvalidData && io.kind() != io::ErrorKind::InvalidInput;
            }
            if let Some(http) = cause.downcast_ref::<hyper::Error>() {
                no_http |= http.is_parse();
                connection_lost |= !http.is_parse();
            }
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes.dedup();
        let cause = harmless(&causes.join(": "), &self.key.in_use().keys);
        let detail = Box::new(self.detail(number).with_cause(cause));
        let corrupt = no_http || error.is_decode() && !connection_lost;
        match (tls, corrupt) {
            (true, _) => Failure { error: Error::Tls(detail), verdict: Verdict::GiveUp },
            (_, true) => Failure { error: Error::InvalidResponse(detail), verdict: Verdict::GiveUp },
            _ => Failure { error: Error::Connect(detail), verdict: Verdict::Retry },
        }
    }
}

fn no_page(detail: Detail, cause: &str) -> Failure {
    Failure { error: Error::InvalidResponse(Box::new(detail.with_cause(cause))), verdict: Verdict::GiveUp }
}

/// Whether `error` is one of TLS, however often it is wrapped; `source` of an `io::Error` steps over what it holds.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || inner.is_some_and(|inner| is_tls(inner))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
