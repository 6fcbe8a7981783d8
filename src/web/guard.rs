//! Who may come in: TLS, passwords, a limit of requests, and headers on every answer.
//!
//! What is asked for stands in files that are read again when they change: looked at when a connection or a request
//! comes, and not more often than every [`LOOK_EVERY`]. What became wrong changes nothing, and what would protect less
//! waits for a reload that somebody asked for: a file that is just being written looks like that. Nobody waits for files
//! that do not answer for longer than 2 s.

mod client_certificates;
mod files;
mod handshake;
mod headers;
mod names;
mod password;
mod pem;
mod rate_limit;
mod refusal;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod users;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::header::{AUTHORIZATION, HeaderMap};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};

pub use files::{GuardReading, SeenFile};
pub use handshake::HandshakeError;
pub use headers::{ExtraHeader, HeaderError};
pub use names::{CipherSuite, ClientAuthType, Curve, NameError, TlsVersion};
pub use password::{MOST_COST, PasswordHash, PasswordHashError};
pub use rate_limit::RateLimit;
pub use refusal::Refusal;
pub use settings::GuardSettings;
pub use tls::{Authorities, Identity, IdentityError, TlsOptions, TlsSettings};
pub use transport::Transport;

use rate_limit::Bucket;
use users::{Credentials, Users, Verdict};

use crate::clock::Clock;
use crate::telemetry::Telemetry;
use crate::web::complaints::Complaints;

/// The time between two looks at the files.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The time that a look may take before what is in force is used: the files may lie on a network.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

/// Reads the files as they are now. It may block.
pub type ReadGuard = Box<dyn Fn() -> GuardReading + Send + Sync>;

/// Stands at the door. Clones stand at the same one.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    in_force: ArcSwap<InForce>,
    watch: Option<Watch>,
    telemetry: Telemetry,
    clock: Clock,
    complaints: Complaints,
}

/// What is asked for, ready to be asked.
#[derive(Debug, Default)]
struct InForce {
    settings: GuardSettings,
    users: Option<Users>,
    bucket: Option<Arc<Bucket>>,
}

/// The files behind it.
struct Watch {
    read: Arc<ReadGuard>,
    state: Mutex<Looked>,
}

/// How the last look went.
struct Looked {
    at: Option<Instant>,
    last: GuardReading,
    /// A look that took too long. No other begins before it ends.
    pending: Option<JoinHandle<Option<GuardReading>>>,
    /// Whether it was told so.
    hangs: bool,
}

impl Guard {
    /// Lets everybody in.
    pub fn open(telemetry: &Telemetry, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            in_force: ArcSwap::default(),
            watch: None,
            telemetry: telemetry.clone(),
            clock,
            complaints: Complaints::default(),
        }))
    }

    /// Asks for what `first` says, and for what `read` says once the files have changed.
    ///
    /// # Errors
    ///
    /// If `first` says nothing, or cannot be put in force, in one line.
    pub fn new(
        first: GuardReading,
        read: ReadGuard,
        telemetry: &Telemetry,
        clock: Clock,
    ) -> Result<Self, String> {
        let settings = first.outcome.clone()?;
        let in_force = InForce::new(settings, &InForce::default())?;
        let looked = Looked { at: None, last: first, pending: None, hangs: false };
        let guard = Self(Arc::new(Inner {
            in_force: ArcSwap::new(Arc::new(in_force)),
            watch: Some(Watch { read: Arc::new(read), state: Mutex::new(looked) }),
            telemetry: telemetry.clone(),
            clock,
            complaints: Complaints::default(),
        }));
        guard.told("web configuration in force");
        if guard.in_force().settings.tls.is_some() {
            tracing::info!(
                "HTTP/1.1 is served over TLS; HTTP/2 is not, whatever the web configuration says of http2"
            );
        }
        Ok(guard)
    }

    /// Whether connections go through TLS.
    pub fn speaks_tls(&self) -> bool {
        self.in_force().settings.tls.is_some()
    }

    /// Does what a new connection has to do before its first request.
    ///
    /// # Errors
    ///
    /// If it does not, or takes longer than 10 s. That is counted and logged.
    pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<Transport<S>, HandshakeError> {
        self.look().await;
        let config = || self.in_force().settings.tls.as_ref().map(|tls| tls.config.clone());
        let Some(first) = config() else { return Ok(Transport::Plain(stream)) };
        let config = || -> Arc<ServerConfig> { config().unwrap_or(first) };
        handshake::accept(stream, config).await.map(|stream| Transport::Tls(Box::new(stream))).inspect_err(
            |error| {
                let (reason, detail) = (error.reason.name(), error.detail.as_str());
                self.0.telemetry.tls_handshake_error(reason);
                match self.0.complaints.due(reason) {
                    Some(left_out) if !error.reason.is_noise() => {
                        tracing::warn!(reason, detail, left_out, "TLS handshake failed");
                    }
                    _ => tracing::debug!(reason, detail, "TLS handshake failed"),
                }
            },
        )
    }

    /// Whether a request with `headers` is answered. What is `open` to all, probes, is.
    ///
    /// # Errors
    ///
    /// If it is not. That is logged.
    pub async fn admit(&self, headers: &HeaderMap, open: bool) -> Result<(), Refusal> {
        self.look().await;
        let in_force = self.in_force();
        if open {
            return Ok(());
        }
        let outcome = in_force.admit(headers).await;
        if let Err(refusal) = outcome
            && let Some(left_out) = self.0.complaints.due(refusal.reason())
        {
            let (reason, mend) = (refusal.reason(), refusal.mend());
            tracing::warn!(reason, mend, left_out, "request refused");
        }
        outcome
    }

    /// Puts the headers that every answer gets in the place of those that were there.
    pub fn decorate(&self, headers: &mut HeaderMap) {
        self.0.in_force.load().settings.headers.iter().for_each(|header| header.put(headers));
    }

    /// Puts `reading` in force, even where it protects less: somebody asked for it.
    pub async fn reload(&self, reading: GuardReading) {
        let Some(watch) = &self.0.watch else { return };
        let mut looked = watch.state.lock().await;
        // A look that is under way may have read what was there before.
        (looked.at, looked.pending) = (None, None);
        self.answered(&mut looked);
        let known = looked.last == reading;
        looked.last = reading.clone();
        match reading.outcome {
            // What is in force, unless it was held back.
            Ok(settings) if known && self.in_force().settings.lost_in(&settings).is_none() => {}
            outcome => self.put(outcome, |_, _| None),
        }
    }

    fn in_force(&self) -> Arc<InForce> {
        self.0.in_force.load_full()
    }

    /// Reads the files again if they have changed. Who comes while another looks, or soon after, does not wait.
    async fn look(&self) {
        let Some(watch) = &self.0.watch else { return };
        let Ok(mut looked) = watch.state.try_lock() else { return };
        let now = Instant::now();
        if looked.at.is_some_and(|at| now.duration_since(at) < LOOK_EVERY) {
            return;
        }
        looked.at = Some(now);
        // What an earlier look read after everybody had gone may be old by now: another one follows.
        if let Some(done) = looked.pending.take_if(|look| look.is_finished()) {
            self.take(&mut looked, done.await.ok().flatten());
        }
        let (files, read) = (looked.last.files.clone(), watch.read.clone());
        // Nobody waits long for files that did not answer before.
        let patience = if looked.hangs { LOOK_EVERY } else { LONGEST_LOOK };
        // Who waits for it may go; then the next one waits for the same.
        let look = looked.pending.get_or_insert_with(|| {
            spawn_blocking(move || GuardReading::may_be_outdated(&files).then(|| read()))
        });
        let Ok(outcome) = timeout(patience, look).await else {
            if !std::mem::replace(&mut looked.hangs, true)
                && let Some(left_out) = self.0.complaints.due("files_hang")
            {
                let files = named(&looked.last.files);
                tracing::error!(
                    files,
                    left_out,
                    "the files of the web configuration do not answer within 2 s; what is in force stays; see to the file system \
                     that they are on"
                );
            }
            return;
        };
        looked.pending = None;
        self.answered(&mut looked);
        self.take(&mut looked, outcome.ok().flatten());
    }

    /// Notes that the files answer.
    fn answered(&self, looked: &mut Looked) {
        if std::mem::take(&mut looked.hangs) && self.0.complaints.due("files_answer").is_some() {
            tracing::info!(
                files = named(&looked.last.files),
                "the files of the web configuration answer again"
            );
        }
    }

    /// Puts what a look has read in force, if it is another reading.
    fn take(&self, looked: &mut Looked, reading: Option<GuardReading>) {
        let Some(reading) = reading else { return };
        let same = looked.last == reading;
        looked.last = reading.clone();
        if !same {
            self.put(reading.outcome, GuardSettings::lost_in);
        }
    }

    /// Puts what was read in force, unless it is wrong or `held_back` says that it takes something away.
    fn put(
        &self,
        outcome: Result<GuardSettings, String>,
        held_back: impl Fn(&GuardSettings, &GuardSettings) -> Option<&'static str>,
    ) {
        let before = self.in_force();
        let put = outcome.and_then(|settings| match held_back(&before.settings, &settings) {
            Some(lost) => Err(format!(
                "it would take away {lost}, which a changed file alone does not; reload by SIGHUP or POST /-/reload, or \
                 restart, if that is meant"
            )),
            None => InForce::new(settings, &before),
        });
        match put {
            Ok(in_force) => {
                self.0.in_force.store(Arc::new(in_force));
                self.told("web configuration changed, and in force");
            }
            Err(error) => {
                self.0.telemetry.web_config_refused();
                tracing::error!(error, "web configuration not in force; the one before stays");
            }
        }
    }

    /// Says what is in force.
    fn told(&self, message: &'static str) {
        let in_force = self.in_force();
        if in_force.settings.tls.is_some() {
            self.0.telemetry.tls_on();
        }
        self.0.telemetry.web_config_loaded(self.0.clock.now().unix_seconds());
        tracing::info!(settings = %in_force.settings, "{message}");
    }
}

impl InForce {
    /// What `settings` ask for, after what `before` did.
    fn new(settings: GuardSettings, before: &Self) -> Result<Self, String> {
        let users = match &before.users {
            _ if settings.users.is_empty() => None,
            Some(before) => Some(before.replaced_by(&settings.users)),
            None => Some(Users::new(&settings.users)?),
        };
        // A bucket that nobody changed is not filled up.
        let bucket = settings.rate_limit.map(|limit| match &before.bucket {
            Some(bucket) if bucket.limit() == limit => bucket.clone(),
            _ => Arc::new(Bucket::new(limit)),
        });
        Ok(Self { settings, users, bucket })
    }

    async fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if let Some(bucket) = &self.bucket {
            bucket.take().map_err(Refusal::TooMany)?;
        }
        let Some(users) = &self.users else { return Ok(()) };
        // Of several, a proxy may have looked at another one.
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let only = lines.next().filter(|_| lines.next().is_none());
        let credentials = only.and_then(|value| Credentials::parse(value.as_bytes()));
        match users.check(credentials.ok_or(Refusal::Unauthorized)?).await {
            Verdict::Right => Ok(()),
            Verdict::Wrong => Err(Refusal::Unauthorized),
            Verdict::Busy => Err(Refusal::Busy),
        }
    }
}

/// The paths of `files`.
fn named(files: &[SeenFile]) -> String {
    let paths = files.iter().map(|file| file.path().display().to_string());
    paths.collect::<Vec<_>>().join(", ")
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.in_force().settings).finish()
    }
}
