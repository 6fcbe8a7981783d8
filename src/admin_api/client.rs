//! The client: asks for a page until it has one, or a reason why not.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Certificate, NoProxy, Response, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep, timeout_at};

use super::base_url::BaseUrl;
use super::budget::Grant;
use super::error::{Detail, Error, harmless, identifier};
use super::gate::{Closed, Gate, InFlight, Pass};
use super::key::AdminKey;
use super::key_holder::{InUse, KeyHolder};
use super::page::Body;
use super::retry::{LONGEST_WAIT, Verdict, back_off, retry_after};
use crate::telemetry::OrganizationTelemetry;

/// The largest body that is read, after decompression.
const LARGEST_BODY: usize = 8 << 20;

/// The shortest wait before a request is sent again, whatever the answer asks for.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// The largest body of an error that is read.
const LARGEST_ERROR_BODY: usize = 64 << 10;

/// How to reach one organization.
#[derive(Debug, Clone)]
pub struct Options {
    /// The organization's name, for messages.
    pub organization: String,
    /// Its admin key.
    pub admin_key: AdminKey,
    /// The file that the admin key is read from again, before each walk and when it is refused.
    pub admin_key_file: Option<PathBuf>,
    /// Where the API lives.
    pub base_url: BaseUrl,
    /// Certificates in PEM that are trusted besides the system's.
    pub extra_roots: Option<Vec<u8>>,
    /// The proxy for https.
    pub proxy: Option<Proxy>,
    /// The time that one attempt may take, connecting and the body included.
    pub request_timeout: Duration,
    /// Requests in flight at most.
    pub concurrency: usize,
    /// The places for requests in flight that the clients of all organizations share.
    pub in_flight: InFlight,
}

/// A proxy for https requests.
#[derive(Debug, Clone)]
pub struct Proxy {
    all: reqwest::Proxy,
    /// What it was made of, which may hold a password.
    text: SecretString,
}

/// A client for one organization. It keeps its connections.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    options: Options,
    key: KeyHolder,
    gate: Gate,
    telemetry: OrganizationTelemetry,
}

/// How one attempt ended, other than with a page.
struct Failure {
    error: Error,
    verdict: Verdict,
}

impl Proxy {
    /// A proxy from the value of `HTTPS_PROXY`, and the hosts that go without it from `NO_PROXY`.
    ///
    /// # Errors
    ///
    /// If it is no http or https URL. The value is never repeated: it may hold a password.
    pub fn parse(https_proxy: &str, no_proxy: Option<&str>) -> Result<Self, BadProxy> {
        let url = reqwest::Url::parse(https_proxy).map_err(|_| BadProxy)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(BadProxy);
        }
        let all = reqwest::Proxy::https(url).map_err(|_| BadProxy)?;
        let text = format!("{https_proxy}\n{}", no_proxy.unwrap_or_default()).into();
        Ok(Self { all: all.no_proxy(no_proxy.and_then(NoProxy::from_string)), text })
    }
}

impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        self.text.expose_secret() == other.text.expose_secret()
    }
}

/// The value of `HTTPS_PROXY` is no proxy.
#[derive(Debug, thiserror::Error)]
#[error("it is not the URL of a proxy; write it like http://proxy.example.com:3128")]
pub struct BadProxy;

impl Client {
    /// A client with `options`, which counts on `telemetry`.
    ///
    /// # Errors
    ///
    /// If the certificates cannot be read, or none are to be had for https.
    pub fn new(options: Options, telemetry: OrganizationTelemetry) -> Result<Self, reqwest::Error> {
        // The one provider of the process; a second call finds it installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("openai-org-exporter/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .gzip(true)
            .connect_timeout(options.request_timeout.min(Duration::from_secs(10)))
            .pool_max_idle_per_host(options.concurrency);
        if let Some(proxy) = &options.proxy {
            builder = builder.proxy(proxy.all.clone());
        }
        let roots = match &options.extra_roots {
            Some(pem) => Certificate::from_pem_bundle(pem)?,
            None => Vec::new(),
        };
        // Over plain http there is nothing to verify, and a machine without any certificates will do.
        builder = match options.base_url.is_plain_http() {
            true => builder.tls_certs_only(roots),
            false => builder.tls_certs_merge(roots),
        };
        Ok(Self {
            http: builder.build()?,
            key: KeyHolder::new(
                &options.organization,
                options.admin_key.clone(),
                options.admin_key_file.clone(),
            ),
            gate: Gate::new(&options.organization, options.concurrency, options.in_flight.clone()),
            options,
            telemetry,
        })
    }

    /// Reads the admin key again from its file, if it has one. A file without a key is no failure: the one in use
    /// stays, and a warning is logged.
    pub async fn refresh_key(&self) {
        self.key.refresh().await;
    }

    /// The page of at most 100 users behind the cursor `after`, or the first one; `number` counts pages for messages.
    ///
    /// Failed attempts are repeated as the SDK does it, as long as the waits end before `deadline`. A refused key
    /// is replaced at once if its file holds another by now.
    ///
    /// # Errors
    ///
    /// The last attempt's, or [`Error::Timeout`] where `deadline` came during an attempt.
    pub async fn list_users(
        &self,
        after: Option<&str>,
        number: u64,
        deadline: Instant,
    ) -> Result<Body, Error> {
        let mut attempt = 0;
        let mut last: Option<Error> = None;
        let mut may_change_key = true;
        loop {
            let pass = match self.gate.pass(deadline).await {
                Ok(pass) => pass,
                Err(closed) => {
                    return Err(match last {
                        Some(error) => error.because(&closed.to_string()),
                        None => self.kept_out(&closed, number),
                    });
                }
            };
            if let Some(error) = &last {
                self.telemetry.api_retry(error.result());
            }
            let sent = self.key.in_use();
            let outcome = self.attempt(pass, &sent, after, number, deadline).await;
            let Failure { error, verdict } = match outcome {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            if matches!(error, Error::Unauthorized(_)) && may_change_key {
                may_change_key = false;
                // Another request may have found the new key before this one.
                let _ = timeout_at(deadline, self.key.refresh()).await;
                if self.key.in_use().keys.in_use() != sent.keys.in_use() && Instant::now() < deadline {
                    last = Some(error);
                    continue;
                }
            }
            if Instant::now() >= deadline {
                // An attempt that was cut off says less than the one before it.
                return Err(last.unwrap_or(error));
            }
            let wait = match verdict {
                Verdict::GiveUp => return Err(error),
                Verdict::Retry => back_off(attempt, fastrand::f64()),
                Verdict::RetryAfter(wait) => wait.max(SHORTEST_WAIT),
            };
            if matches!(error, Error::RateLimited(_)) {
                self.gate.refused(wait);
            }
            if Instant::now() + wait >= deadline {
                return Err(error.because(&format!(
                    "the next attempt would come in {:.1} s, which is behind the time that is left for it",
                    wait.as_secs_f64()
                )));
            }
            tracing::debug!(
                organization = self.options.organization,
                error = %error,
                wait_seconds = wait.as_secs_f64(),
                "request failed, will be sent again"
            );
            sleep(wait).await;
            attempt += 1;
            last = Some(error);
        }
    }

    /// One attempt, counted whatever comes of it.
    async fn attempt(
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
        let outcome = timeout_at(limit, self.exchange(key, after, number, &mut status)).await;
        self.telemetry.api_request(status.map(|status: StatusCode| status.as_u16()), start.elapsed());
        outcome.unwrap_or_else(|_| {
            let waited = format!("waited {:.1} s", start.elapsed().as_secs_f64());
            let detail = Detail { status: status.map(|status| status.as_u16()), ..self.detail(number) };
            Err(Failure {
                error: Error::Timeout(Box::new(detail.with_cause(waited))),
                verdict: Verdict::Retry,
            })
        })
    }

    async fn exchange(
        &self,
        key: &InUse,
        after: Option<&str>,
        number: u64,
        status: &mut Option<StatusCode>,
    ) -> Result<Body, Failure> {
        let request = self
            .http
            .get(self.options.base_url.users(after))
            .header(AUTHORIZATION, key.authorization.clone())
            .send();
        let response = request.await.map_err(|error| self.broken(error, number))?;
        *status = Some(response.status());
        let mut detail = Box::new(self.detail(number));
        detail.request_id =
            header(response.headers(), "x-request-id").map(|id| identifier(id, &self.key.in_use().keys));
        self.note_limits(response.status(), response.headers());
        if response.status() == StatusCode::OK {
            let bytes = self.read(response, LARGEST_BODY, number).await?;
            return match bytes {
                Some(bytes) => Ok(Body::new(bytes, detail)),
                None => Err(Failure {
                    error: Error::InvalidResponse(Box::new(
                        detail.with_cause("the body is larger than 8 MiB"),
                    )),
                    verdict: Verdict::GiveUp,
                }),
            };
        }
        let (code, verdict) = (
            response.status(),
            Verdict::on(response.status().as_u16(), response.headers(), SystemTime::now()),
        );
        if retry_after(response.headers(), SystemTime::now()).is_some_and(|wait| wait > LONGEST_WAIT) {
            detail.cause = Some(format!("it asks for a wait of more than {} s", LONGEST_WAIT.as_secs()));
        }
        // The status is what matters; a body that breaks off only loses its message.
        if let Ok(Some(body)) = self.read(response, LARGEST_ERROR_BODY, number).await {
            detail.read_error_body(&body, &self.key.in_use().keys);
        }
        Err(Failure { error: Error::from_status(code, detail), verdict })
    }

    /// Takes what an answer says of the requests that are left, for all requests of this key.
    fn note_limits(&self, status: StatusCode, headers: &HeaderMap) {
        let grant = Grant::read(headers);
        if let Some(remaining) = grant.and_then(|grant| u32::try_from(grant.remaining).ok()) {
            self.telemetry.api_rate_limit_remaining(remaining.into());
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

    /// Why a request was not sent at all.
    fn kept_out(&self, closed: &Closed, number: u64) -> Error {
        let detail = self.detail_of_page(number, closed.to_string());
        match closed {
            Closed::Budget(_) => Error::RateLimited(detail),
            Closed::Places(_) => Error::Timeout(detail),
        }
    }

    /// The body, or `None` if it is larger than `most` bytes. Never more than that is held.
    async fn read(
        &self,
        mut response: Response,
        most: usize,
        number: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut bytes = Vec::with_capacity(64 << 10);
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error, number))? {
            self.telemetry.api_response_bytes(chunk.len() as u64);
            if bytes.len() + chunk.len() > most {
                return Ok(None);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    }

    /// What a transport error means.
    fn broken(&self, error: reqwest::Error, number: u64) -> Failure {
        let error = error.without_url();
        let mut causes = Vec::new();
        let mut next = error.source();
        let (mut tls, mut connection_lost) = (false, false);
        while let Some(cause) = next {
            tls |= is_tls(cause);
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                connection_lost |=
                    io.kind() != io::ErrorKind::InvalidData && io.kind() != io::ErrorKind::InvalidInput;
            }
            connection_lost |= cause.is::<hyper::Error>();
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes.dedup();
        let cause = harmless(&causes.join(": "), &self.key.in_use().keys);
        let detail = Box::new(self.detail(number).with_cause(cause));
        let corrupt = error.is_decode() && !connection_lost;
        match (tls, corrupt) {
            (true, _) => Failure { error: Error::Tls(detail), verdict: Verdict::GiveUp },
            (_, true) => Failure { error: Error::InvalidResponse(detail), verdict: Verdict::GiveUp },
            _ => Failure { error: Error::Connect(detail), verdict: Verdict::Retry },
        }
    }

    fn detail(&self, number: u64) -> Detail {
        Detail {
            organization: self.options.organization.clone(),
            asked: format!("page {number} of GET {}/organization/users", self.options.base_url),
            ..Detail::default()
        }
    }

    /// A detail for failures that are found above: pages that do not fit together, a walk out of time.
    pub fn detail_of_page(&self, number: u64, cause: impl Into<String>) -> Box<Detail> {
        Box::new(self.detail(number).with_cause(cause))
    }
}

/// Whether `error` is one of TLS, however often it is wrapped; `source` of an `io::Error` steps over what it holds.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || inner.is_some_and(|inner| is_tls(inner))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
