//! What the service manager is told: sd_notify(3), one datagram a message.
//!
//! Without NOTIFY_SOCKET there is nobody to tell. Where nobody can be told, one warning says so, and the exporter goes on.

use std::io;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::clock::Moment;
use crate::config::{Environment, without_keys};
use crate::snapshot::Board;

/// The time between two looks at whether the status is another.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The time that one message may take: a manager that does not read must not hold up the exporter.
const SEND_TIMEOUT: Duration = Duration::from_millis(250);

/// The service manager, if there is one. Clones tell the same one.
#[derive(Debug, Clone, Default)]
pub struct ServiceManager(Option<Arc<Line>>);

#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    address: SocketAddr,
    /// The manager restarts the exporter when it hears nothing for that long.
    watchdog: Option<Duration>,
    /// The status told last.
    status: Mutex<String>,
    /// Whether a message was lost already.
    complained: AtomicBool,
}

/// Knows whether those are still there who must stay until they are told to end.
#[derive(Debug, Clone, Default)]
pub(super) struct Liveness(Arc<AtomicBool>);

/// Held by one who must stay.
#[derive(Debug)]
pub(super) struct Stays {
    lost: Arc<AtomicBool>,
    until: CancellationToken,
}

impl ServiceManager {
    /// The manager that `environment` names. Its watchdog is looked at if it is meant for the process `pid`.
    pub fn from_environment(environment: &Environment, pid: u32) -> Self {
        let given =
            |name: &str| environment.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let Some(name) = given("NOTIFY_SOCKET") else { return Self::default() };
        let for_us = given("WATCHDOG_PID").is_none_or(|theirs| theirs.parse() == Ok(pid));
        let watchdog = given("WATCHDOG_USEC").filter(|_| for_us).and_then(|text| text.parse().ok());
        let watchdog = watchdog.filter(|micros| *micros > 0).map(Duration::from_micros);
        match Line::open(name, watchdog) {
            Ok(line) => Self(Some(Arc::new(line))),
            Err(error) => {
                warn_of(&error);
                Self::default()
            }
        }
    }

    /// The exporter serves, or has done with a reload.
    pub(super) fn ready(&self, status: &str) {
        if let Self(Some(line)) = self {
            line.remember(status);
            line.send(&format!("READY=1\nSTATUS={status}"));
        }
    }

    /// A reload begins.
    pub(super) fn reloading(&self) {
        if let Self(Some(line)) = self {
            let now = clock_gettime(ClockId::Monotonic);
            let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
            line.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
        }
    }

    /// Keeps the manager informed from [`ServiceManager::ready`] until `shutdown`, and tells it of that: the status when
    /// it is another, and to the watchdog that the exporter is alive, as long as `liveness` says so. This must be a task
    /// of the runtime whose life it attests.
    pub(super) async fn attend(
        self,
        status: impl Fn() -> String,
        liveness: Liveness,
        shutdown: CancellationToken,
    ) {
        let Self(Some(line)) = self else { return };
        let every = |period: Duration| {
            let mut ticks = interval(period.max(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let mut pings = every(line.watchdog.unwrap_or(LOOK_EVERY) / 2);
        let mut looks = every(LOOK_EVERY);
        let mut silent = line.watchdog.is_none();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                _ = pings.tick(), if !silent => match liveness.all_there() {
                    true => line.send("WATCHDOG=1"),
                    false => {
                        silent = true;
                        tracing::error!("the pollers are not looked after any more; the watchdog is not told of life");
                    }
                },
                _ = looks.tick() => {
                    let status = status();
                    if line.remember(&status) {
                        line.send(&format!("STATUS={status}"));
                    }
                }
            }
        }
        line.send("STOPPING=1");
    }
}

impl Line {
    fn open(name: &str, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = address(name)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self { socket, address, watchdog, status: Mutex::default(), complained: AtomicBool::new(false) })
    }

    /// Notes the status that is told; true if it is another than before.
    fn remember(&self, status: &str) -> bool {
        let mut told = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let differs = *told != status;
        if differs {
            status.clone_into(&mut told);
        }
        differs
    }

    fn send(&self, message: &str) {
        if let Err(error) = self.socket.send_to_addr(message.as_bytes(), &self.address)
            && !self.complained.swap(true, Ordering::Relaxed)
        {
            warn_of(&error);
        }
    }
}

impl Liveness {
    /// Whoever holds this is expected to hold it until `until`.
    pub(super) fn expect(&self, until: CancellationToken) -> Stays {
        Stays { lost: self.0.clone(), until }
    }

    /// Whether all are there who are expected.
    pub(super) fn all_there(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

/// By a panic or otherwise.
impl Drop for Stays {
    fn drop(&mut self) {
        if !self.until.is_cancelled() {
            self.lost.store(true, Ordering::Relaxed);
        }
    }
}

/// A path, or behind an `@` a name in Linux' abstract namespace.
fn address(name: &str) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(name),
        #[cfg(target_os = "linux")]
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
        _ => Err(io::Error::other(without_keys(&format!(
            "{name:?} is neither an absolute path nor a name that begins with @"
        )))),
    }
}

fn warn_of(error: &io::Error) {
    tracing::warn!(error = %error, "NOTIFY_SOCKET: the service manager cannot be told of the exporter's state");
}

/// How the organizations are, in a line.
pub(super) fn status(board: &Board, now: &Moment) -> String {
    let (stale, all) = board.without_fresh_snapshot(now);
    let plural = if all == 1 { "" } else { "s" };
    format!("{all} organization{plural}, {} fresh", all - stale)
}

#[cfg(test)]
mod tests;
