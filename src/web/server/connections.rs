//! The table of open connections: what each waits for, when that must have come, and who gives way to others.
//!
//! It knows no bytes and no HTTP: whoever does tells it what a connection is about.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::Options;
use super::answers::Made;
use crate::telemetry::Telemetry;

/// A client takes an answer as long as it takes so many bytes more, or the rest, within the time-out. Counting every
/// byte would let one go on for ever that takes one at a time.
const STEP: usize = 64 << 10;
/// Whoever has taken no step for that long gives way to others, well before the time-out.
const STALLED: Duration = Duration::from_millis(250);
/// Whoever has waited so long for the exporter gives way to others, if nobody else does.
const TOO_LONG: Duration = Duration::from_secs(1);
/// Connections that may be there for a moment beyond the limit, as those that were told to leave need one.
const LEAVING: usize = 32;
/// Where nobody gives way, the time until it is tried again.
const AGAIN: Duration = Duration::from_millis(20);

/// Why a connection was closed before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClosedEarly {
    HeaderTimeout,
    BodyTimeout,
    WriteTimeout,
    MadeRoom,
    BadRequest,
    TooLarge,
}

impl ClosedEarly {
    /// The value of the label `reason`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HeaderTimeout => "header_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::MadeRoom => "made_room",
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
        }
    }
}

/// What a connection is about, from accept to close.
#[derive(Debug, Clone, Copy)]
enum Activity {
    /// The client is to come through the handshake.
    Handshake { since: Instant },
    /// The client is to send a request, since then; its header has begun, if it has.
    Request { since: Instant, begun: Option<Instant> },
    /// The client is to send the body of its request.
    Body { since: Instant },
    /// A large answer is to be made when it is its turn.
    Turn { since: Instant },
    /// Who asks is looked at, or the answer is made.
    Answer { since: Instant },
    /// The client is to take the answer of `size` bytes, which others may take as well if it was `made`. `given` says
    /// that all of it waits to be written.
    Response { since: Instant, step: Instant, taken: usize, made: Option<Made>, size: usize, given: bool },
    /// Everything is said; the client is to close.
    Close { since: Instant },
}

impl Activity {
    /// Since when nothing could be done for the client, if it should give way to another by now. Those whom the exporter
    /// keeps waiting, and not they it, do so after all others.
    fn gives_way(&self, now: Instant) -> Option<(bool, Instant)> {
        let (ours, since, patience) = match *self {
            Self::Handshake { since } | Self::Request { since, .. } => (false, since, Duration::ZERO),
            Self::Body { since } | Self::Close { since } => (false, since, Duration::ZERO),
            Self::Response { step, .. } => (false, step, STALLED),
            Self::Turn { since } | Self::Answer { since } => (true, since, TOO_LONG),
        };
        (now >= since + patience).then_some((ours, since))
    }

    /// When it must have come to an end, and why the connection is closed otherwise: nobody asks why an idle one is.
    fn deadline(&self, options: &Options) -> Option<(Instant, Option<ClosedEarly>)> {
        match *self {
            Self::Request { begun: Some(begun), .. } => {
                Some((begun + options.header_timeout, Some(ClosedEarly::HeaderTimeout)))
            }
            Self::Request { since, begun: None } => Some((since + options.idle_timeout, None)),
            Self::Response { since, step, .. } => {
                let deadline = (step + options.write_timeout).min(since + options.response_timeout);
                Some((deadline, Some(ClosedEarly::WriteTimeout)))
            }
            // Whoever waits for these has a deadline of its own.
            Self::Handshake { .. } | Self::Body { .. } | Self::Turn { .. } => None,
            Self::Answer { .. } | Self::Close { .. } => None,
        }
    }
}

/// All open connections.
pub(super) struct Connections {
    pub(super) options: Options,
    telemetry: Telemetry,
    table: Mutex<Table>,
    closed: Notify,
}

#[derive(Default)]
struct Table {
    last: u64,
    entries: BTreeMap<u64, Entry>,
}

struct Entry {
    activity: Activity,
    /// Whether it was told to make room.
    leaving: bool,
    waker: Option<Waker>,
}

/// One open connection, until it is dropped.
pub(super) struct Connection {
    id: u64,
    all: Arc<Connections>,
    /// Whether a line that was received ended otherwise than with CR LF.
    pub(super) odd_line_end: AtomicBool,
    /// Whether what is not sent yet is to be thrown away on close.
    pub(super) reset: Arc<AtomicBool>,
}

/// What becomes of a connection that was looked at.
pub(super) enum Verdict {
    /// It is closed when this time has come, for this reason.
    Stays(Option<(Instant, Option<ClosedEarly>)>),
    /// It makes room, now.
    Leaves,
}

impl Connections {
    pub(super) fn new(options: Options, telemetry: Telemetry) -> Arc<Self> {
        telemetry.http_connections(0);
        Arc::new(Self { options, telemetry, table: Mutex::default(), closed: Notify::new() })
    }

    /// A new connection, once there is a place for it. Where all are taken, another one makes room.
    pub(super) async fn admit(self: &Arc<Self>) -> Arc<Connection> {
        loop {
            if let Some(connection) = self.try_admit() {
                return connection;
            }
            // Whoever takes no answer gives way as time goes by.
            let _ = timeout(AGAIN, self.closed.notified()).await;
        }
    }

    /// A new connection, if there is a place for it by now.
    pub(super) fn try_admit(self: &Arc<Self>) -> Option<Arc<Connection>> {
        let (now, mut table) = (Instant::now(), self.table());
        while table.staying().count() >= self.options.max_connections {
            table.dismiss(now, |_| true)?;
        }
        if table.entries.len() >= self.options.max_connections + LEAVING {
            return None;
        }
        table.last += 1;
        let id = table.last;
        let activity = Activity::Handshake { since: now };
        table.entries.insert(id, Entry { activity, leaving: false, waker: None });
        self.telemetry.http_connections(table.entries.len());
        let reset = Arc::new(AtomicBool::new(false));
        Some(Arc::new(Connection { id, all: self.clone(), odd_line_end: AtomicBool::new(false), reset }))
    }

    /// Tells the one to leave that has kept the exporter waiting longest; false if nobody has.
    pub(super) fn dismiss_one(&self) -> bool {
        self.table().dismiss(Instant::now(), |_| true).is_some()
    }

    /// Whether another answer may be made, as those that wait to be taken are not too large together. Where they are,
    /// whoever does not take one makes room.
    pub(super) fn room_for_answer(&self) -> bool {
        let (now, mut table) = (Instant::now(), self.table());
        let mut unsent = Unsent::default();
        table.staying().for_each(|entry| unsent.add(&entry.activity));
        while unsent.bytes >= self.options.max_unsent {
            match table.dismiss(now, |activity| matches!(activity, Activity::Response { .. })) {
                Some(activity) => unsent.remove(&activity),
                None => return false,
            }
        }
        true
    }

    /// A connection was closed before its time.
    pub(super) fn closed_early(&self, why: ClosedEarly) {
        self.telemetry.http_connection_closed_early(why.name());
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn staying(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| !entry.leaving)
    }

    /// Tells the one to leave that has waited longest, of those that are `eligible` and give way by now.
    fn dismiss(&mut self, now: Instant, eligible: impl Fn(&Activity) -> bool) -> Option<Activity> {
        let eligible = self.entries.values_mut().filter(|entry| !entry.leaving && eligible(&entry.activity));
        let waiting = eligible.filter_map(|entry| Some((entry.activity.gives_way(now)?, entry)));
        let (_, entry) = waiting.min_by_key(|(order, _)| *order)?;
        entry.leaving = true;
        if let Some(waker) = entry.waker.take() {
            waker.wake();
        }
        Some(entry.activity)
    }
}

/// The answers that wait to be taken, each counted once.
#[derive(Default)]
struct Unsent {
    bytes: usize,
    /// How many take each.
    takers: HashMap<Made, usize>,
}

impl Unsent {
    fn add(&mut self, activity: &Activity) {
        if let Activity::Response { made, size, .. } = *activity
            && made.is_none_or(|made| {
                let takers = self.takers.entry(made).or_default();
                *takers += 1;
                *takers == 1
            })
        {
            self.bytes += size;
        }
    }

    fn remove(&mut self, activity: &Activity) {
        if let Activity::Response { made, size, .. } = *activity
            && made.is_none_or(|made| {
                let takers = self.takers.entry(made).or_default();
                *takers = takers.saturating_sub(1);
                *takers == 0
            })
        {
            self.bytes = self.bytes.saturating_sub(size);
        }
    }
}

impl Connection {
    /// Looks at the connection after it has done what it could. `waker` is told when it is to be looked at again
    /// before its deadline.
    pub(super) fn look(&self, waker: &Waker) -> Verdict {
        let (options, mut table) = (&self.all.options, self.all.table());
        let entry = table.entries.get_mut(&self.id).expect("it is there until it is dropped");
        // A request that came in the last moment is answered.
        if entry.leaving && entry.activity.gives_way(Instant::now()).is_some() {
            return Verdict::Leaves;
        }
        entry.leaving = false;
        match &mut entry.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        Verdict::Stays(entry.activity.deadline(options))
    }

    /// The first request is to come. Its header counts from here: whoever connects has something to say.
    pub(super) fn expects_request(&self) {
        self.update(|activity, now| *activity = Activity::Request { since: now, begun: Some(now) });
    }

    /// Bytes came in.
    pub(super) fn received(&self) {
        self.update(|activity, now| {
            if let Activity::Request { begun, .. } = activity {
                begun.get_or_insert(now);
            }
        });
    }

    /// The body of a request is read.
    pub(super) fn reads_body(&self) {
        self.update(|activity, now| *activity = Activity::Body { since: now });
    }

    /// A request is there, and waits until a large answer to it can be made.
    pub(super) fn waits_for_turn(&self) {
        self.update(|activity, now| *activity = Activity::Turn { since: now });
    }

    /// The answer to a request is made.
    pub(super) fn answers(&self) {
        self.update(|activity, now| *activity = Activity::Answer { since: now });
    }

    /// An answer with a body of `size` bytes is to be sent; which one, if others may take it as well.
    pub(super) fn responds(&self, made: Option<Made>, size: usize) {
        self.update(|activity, now| {
            *activity = Activity::Response { since: now, step: now, taken: 0, made, size, given: false };
        });
    }

    /// All of the answer waits to be written.
    pub(super) fn gave_response(&self) {
        self.update(|activity, _| {
            if let Activity::Response { given, .. } = activity {
                *given = true;
            }
        });
    }

    /// The client, or what lies before it, took `bytes`.
    pub(super) fn wrote(&self, bytes: usize) {
        self.update(|activity, now| {
            if let Activity::Response { step, taken, .. } = activity {
                *taken += bytes;
                if *taken >= STEP {
                    (*step, *taken) = (now, 0);
                }
            }
        });
    }

    /// All that was written is taken.
    pub(super) fn flushed(&self) {
        self.update(|activity, now| {
            if let Activity::Response { given: true, .. } = activity {
                *activity = Activity::Request { since: now, begun: None };
            }
        });
    }

    /// Nothing more is answered.
    pub(super) fn closes(&self) {
        self.update(|activity, now| *activity = Activity::Close { since: now });
    }

    /// The connection is closed for `why`; an answer that was not taken is thrown away.
    pub(super) fn ended(&self, why: Option<ClosedEarly>) {
        let mut table = self.all.table();
        let entry = table.entries.get_mut(&self.id).expect("it is there until it is dropped");
        self.reset.store(matches!(entry.activity, Activity::Response { .. }), Ordering::Relaxed);
        drop(table);
        if let Some(why) = why {
            self.all.closed_early(why);
        }
    }

    fn update(&self, change: impl FnOnce(&mut Activity, Instant)) {
        let (now, mut table) = (Instant::now(), self.all.table());
        let entry = table.entries.get_mut(&self.id).expect("it is there until it is dropped");
        change(&mut entry.activity, now);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut table = self.all.table();
        table.entries.remove(&self.id);
        self.all.telemetry.http_connections(table.entries.len());
        drop(table);
        self.all.closed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;

    #[test]
    fn an_answer_counts_once_as_long_as_somebody_takes_it() {
        let now = Instant::now();
        let takes = |made: Option<u64>, size| {
            let made = made.map(Made);
            Activity::Response { since: now, step: now, taken: 0, made, size, given: true }
        };
        let all =
            [takes(Some(1), 10), takes(None, 5), takes(Some(1), 10), takes(Some(2), 20), takes(None, 5)];
        let mut unsent = Unsent::default();
        let mut bytes = |activity: &Activity, comes: bool| {
            if comes {
                unsent.add(activity);
            } else {
                unsent.remove(activity);
            }
            unsent.bytes
        };
        assert_eq!(all.each_ref().map(|activity| bytes(activity, true)), [10, 15, 15, 35, 40]);
        assert_eq!(all.each_ref().map(|activity| bytes(activity, false)), [40, 35, 25, 5, 0]);
        assert_eq!(bytes(&Activity::Answer { since: now }, true), 0);
    }

    #[test]
    fn those_that_leave_and_are_not_gone_yet_are_few() {
        let options = Options { max_connections: 2, ..Options::default() };
        let connections = Connections::new(options, Telemetry::new(&Registry::new()));
        // Nobody serves them, so that they stay when they are told to leave.
        let mut open: Vec<_> = (0..2 + LEAVING).map(|_| connections.try_admit().unwrap()).collect();
        assert!(connections.try_admit().is_none());
        open.remove(0);
        assert!(connections.try_admit().is_some());
    }
}
