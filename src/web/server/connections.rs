//! The table of open connections: what each waits for, when that must have come, and who gives way to others.
//!
//! It knows no bytes and no HTTP: whoever does tells it what a connection is about.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::Options;
use super::activity::{Activity, ClosedEarly, Unsent};
use super::answers::Made;
use super::heads::Heads;
use crate::telemetry::Telemetry;

/// Connections that may be there for a moment beyond the limit, as those that were told to leave need one.
const LEAVING: usize = 32;
/// Where nobody gives way, the time until it is tried again.
const AGAIN: Duration = Duration::from_millis(20);

/// All open connections.
pub(super) struct Connections {
    pub(super) options: Options,
    telemetry: Telemetry,
    table: Mutex<Table>,
    closed: Notify,
}

/// Who is there. It is locked when somebody comes, goes or is to make room; what a connection does changes its entry
/// alone, which is locked behind the table.
#[derive(Default)]
struct Table {
    last: u64,
    entries: BTreeMap<u64, Arc<Mutex<Entry>>>,
}

struct Entry {
    activity: Activity,
    heads: Heads,
    /// The answer to the present request, if others may get it as well.
    made: Option<Made>,
    /// Whether it was told to make room.
    leaving: bool,
    waker: Option<Waker>,
}

/// One open connection, until it is dropped.
pub(super) struct Connection {
    id: u64,
    all: Arc<Connections>,
    entry: Arc<Mutex<Entry>>,
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
        while table.staying() >= self.options.max_connections {
            table.dismiss(now, |_| true)?;
        }
        if table.entries.len() >= self.options.max_connections + LEAVING {
            return None;
        }
        table.last += 1;
        let id = table.last;
        let activity = Activity::Handshake { since: now };
        let entry = Entry { activity, heads: Heads::default(), made: None, leaving: false, waker: None };
        let entry = Arc::new(Mutex::new(entry));
        table.entries.insert(id, entry.clone());
        self.telemetry.http_connections(table.entries.len());
        let reset = Arc::new(AtomicBool::new(false));
        Some(Arc::new(Connection { id, all: self.clone(), entry, reset }))
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
        table.all().filter(|entry| !entry.leaving).for_each(|entry| unsent.add(&entry.activity));
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

fn locked(entry: &Mutex<Entry>) -> MutexGuard<'_, Entry> {
    entry.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    fn all(&self) -> impl Iterator<Item = MutexGuard<'_, Entry>> {
        self.entries.values().map(|entry| locked(entry))
    }

    /// How many are not told to leave.
    fn staying(&self) -> usize {
        self.all().filter(|entry| !entry.leaving).count()
    }

    /// Tells the one to leave that has waited longest, of those that are `eligible` and give way by now.
    fn dismiss(&mut self, now: Instant, eligible: impl Fn(&Activity) -> bool) -> Option<Activity> {
        let order = |entry: &Entry| {
            let gives_way = || entry.activity.gives_way(now);
            (!entry.leaving && eligible(&entry.activity)).then(gives_way).flatten()
        };
        let waiting = self.entries.values().filter_map(|entry| Some((order(&locked(entry))?, entry)));
        let (_, entry) = waiting.min_by_key(|(order, _)| *order)?;
        // Should it have begun something else since then, it finds that out when it looks.
        let mut entry = locked(entry);
        entry.leaving = true;
        if let Some(waker) = entry.waker.take() {
            waker.wake();
        }
        Some(entry.activity)
    }
}

impl Connection {
    /// Looks at the connection after it has done what it could. `waker` is told when it is to be looked at again
    /// before its deadline.
    pub(super) fn look(&self, waker: &Waker) -> Verdict {
        let mut entry = locked(&self.entry);
        // A request that came in the last moment is answered.
        if entry.leaving && entry.activity.gives_way(Instant::now()).is_some() {
            return Verdict::Leaves;
        }
        entry.leaving = false;
        match &mut entry.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        Verdict::Stays(entry.activity.deadline(&self.all.options))
    }

    /// The first request is to come. Its header counts from here: whoever connects has something to say.
    pub(super) fn expects_request(&self) {
        let now = Instant::now();
        self.is(Activity::Request { since: now, begun: Some(now) });
    }

    /// Bytes came in.
    pub(super) fn received(&self, bytes: &[u8]) {
        let mut entry = locked(&self.entry);
        entry.heads.see(bytes);
        if let Activity::Request { begun, .. } = &mut entry.activity {
            begun.get_or_insert_with(Instant::now);
        }
    }

    /// The header of a request is there, and was read: when, and whether a line of it ended otherwise than with CR LF.
    pub(super) fn takes_head(&self) -> (Instant, bool) {
        let (now, mut entry) = (Instant::now(), locked(&self.entry));
        entry.activity = Activity::Answer { since: now };
        entry.made = None;
        (now, entry.heads.take())
    }

    /// The body of a request is read.
    pub(super) fn reads_body(&self) {
        self.is(Activity::Body { since: Instant::now() });
    }

    /// A request is there, and waits until a large answer to it can be made.
    pub(super) fn waits_for_turn(&self) {
        self.is(Activity::Turn { since: Instant::now() });
    }

    /// The answer to a request is made.
    pub(super) fn answers(&self) {
        self.is(Activity::Answer { since: Instant::now() });
    }

    /// Its answer is this one, which others may get as well.
    pub(super) fn gets(&self, made: Made) {
        locked(&self.entry).made = Some(made);
    }

    /// The answer, with a body of `size` bytes, is to be sent.
    pub(super) fn responds(&self, size: usize) {
        let (now, mut entry) = (Instant::now(), locked(&self.entry));
        let made = entry.made;
        entry.activity = Activity::Response { since: now, step: now, taken: 0, made, size, given: false };
    }

    /// All of the answer waits to be written.
    pub(super) fn gave_response(&self) {
        if let Activity::Response { given, .. } = &mut locked(&self.entry).activity {
            *given = true;
        }
    }

    /// The client, or what lies before it, took `bytes`.
    pub(super) fn wrote(&self, bytes: usize) {
        locked(&self.entry).activity.wrote(bytes, Instant::now);
    }

    /// All that was written is taken. The next header may have begun before.
    pub(super) fn flushed(&self) {
        let mut entry = locked(&self.entry);
        if let Activity::Response { given: true, .. } = entry.activity {
            let now = Instant::now();
            let begun = entry.heads.within_one().then_some(now);
            entry.activity = Activity::Request { since: now, begun };
        }
    }

    /// Nothing more is answered.
    pub(super) fn closes(&self) {
        self.is(Activity::Close { since: Instant::now() });
    }

    /// The connection is closed for `why`; an answer that was not taken is thrown away.
    pub(super) fn ended(&self, why: Option<ClosedEarly>) {
        let is_untaken = matches!(locked(&self.entry).activity, Activity::Response { .. });
        self.reset.store(is_untaken, Ordering::Relaxed);
        if let Some(why) = why {
            self.all.closed_early(why);
        }
    }

    fn is(&self, activity: Activity) {
        locked(&self.entry).activity = activity;
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
