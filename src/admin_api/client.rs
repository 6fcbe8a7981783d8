//! The client: asks for a page until it has one, or a reason why not.

mod connections;
mod content;
mod exchange;

use std::path::PathBuf;
use std::time::Duration;

use reqwest::NoProxy;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep, timeout_at};

use connections::Way;

use super::base_url::BaseUrl;
use super::error::{Detail, Error};
use super::gate::{Closed, Gate, InFlight};
use super::key::AdminKey;
use super::key_holder::KeyHolder;
use super::page::Body;
use super::retry::{Verdict, back_off};
use crate::telemetry::OrganizationTelemetry;

pub use connections::Connections;

/// The shortest wait before a request is sent again, whatever the answer asks for.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

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
    /// The connections that they share.
    pub connections: Connections,
    /// After so many failures of a request that will be sent again, there is a warning.
    pub retries_before_warning: u32,
}

/// A proxy for https requests.
#[derive(Debug, Clone)]
pub struct Proxy {
    all: reqwest::Proxy,
    /// What it was made of, which may hold a password.
    text: SecretString,
}

/// A client for one organization.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    options: Options,
    /// The addresses of the users that are asked for; none where it is all users.
    emails: Vec<String>,
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
    pub fn new(mut options: Options, telemetry: OrganizationTelemetry) -> Result<Self, reqwest::Error> {
        let http = options.connections.made(Way {
            is_plain_http: options.base_url.is_plain_http(),
            // A bundle of authorities is large, and of no use any more.
            extra_roots: options.extra_roots.take(),
            proxy: options.proxy.clone(),
            request_timeout: options.request_timeout,
        })?;
        Ok(Self {
            http,
            key: KeyHolder::new(
                &options.organization,
                options.admin_key.clone(),
                options.admin_key_file.clone(),
            ),
            gate: Gate::new(&options.organization, options.concurrency, options.in_flight.clone()),
            options,
            emails: Vec::new(),
            telemetry,
        })
    }

    /// The same client, which asks for no other users than those with the addresses `emails` (source: API reference,
    /// "List users", `emails[]`). An API that does not know how to will answer with all users.
    #[must_use]
    pub fn asking_for(self, emails: Vec<String>) -> Self {
        Self { emails, ..self }
    }

    /// Whether it asks for all users.
    pub fn asks_for_all(&self) -> bool {
        self.emails.is_empty()
    }

    /// Reads the admin key again from its file, if it has one. A file without a key is no failure: the one in use
    /// stays, and a warning is logged.
    pub async fn refresh_key(&self) {
        self.key.refresh().await;
    }

    /// A walk begins: as many requests may be in flight as in the one before, and as many again, up to those configured.
    pub fn begin_walk(&self) {
        self.gate.begin_walk();
    }

    /// How many requests of a walk may be in flight now. Each 429 halves them.
    pub fn walkers(&self) -> usize {
        self.gate.walkers()
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
                    "attempt {} was the last, as the next would come in {:.1} s, which is behind the time that is left for it",
                    attempt + 1,
                    wait.as_secs_f64()
                )));
            }
            self.announce_retry(attempt, &error, wait);
            sleep(wait).await;
            attempt += 1;
            last = Some(error);
        }
    }

    /// Says that a request will be sent again: once as a warning, and each time in the log of debugging.
    fn announce_retry(&self, attempt: u32, error: &Error, wait: Duration) {
        let organization = self.options.organization.as_str();
        let wait_seconds = wait.as_secs_f64();
        if attempt == self.options.retries_before_warning {
            tracing::warn!(organization, error = %error, wait_seconds, "request failed, will be sent again");
        } else {
            tracing::debug!(organization, error = %error, wait_seconds, "request failed, will be sent again");
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
