//! What this process remembers of an organization: totals of its snapshots, changes and failed walks of the last day.
//!
//! It is small and bounded, for a picture of the last day and not for a record: a restart forgets it, and Prometheus
//! keeps the real history. At most 300 points of 20 bytes, 98 spans of 44 bytes and 10 failed walks: 12 kB.

use std::time::Duration;

use super::{LastWalk, Snapshot, UserTotals};
use crate::clock::Moment;
use crate::roster::{Change, Changes, Grant};

/// Nothing older is remembered, in seconds.
const DAY: u32 = 86_400;

/// Points kept: a day of walks every five minutes.
const MOST_POINTS: usize = 300;

/// About so many are left when they are too many.
const THINNED: u32 = 150;

/// The length of a span within which changes are added up, in seconds.
const SPAN: u32 = 900;

/// Failed walks kept.
const MOST_FAILURES: usize = 10;

/// What stands for a number that is not known.
const UNKNOWN: u32 = u32::MAX;

/// The memory of one organization.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// Unix seconds since which changes are remembered.
    since: Option<u32>,
    /// The least time between two points, the last one aside; 0 until there are too many.
    spacing: u32,
    points: Vec<Packed>,
    spans: Vec<Span>,
    failures: Vec<Failure>,
    failing_since: Option<Moment>,
    /// The same for the latest way of failing.
    failing_so_since: Option<Moment>,
}

/// Totals of one snapshot. A number that the API did not tell is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The walk's start in Unix seconds.
    pub start: u64,
    /// All users.
    pub users: u64,
    /// Owners.
    pub owners: Option<u64>,
    /// Service accounts.
    pub service_accounts: Option<u64>,
    /// People, so no service accounts, whom SCIM does not manage.
    pub people_outside_scim: Option<u64>,
}

/// A point in 20 bytes: start, users, owners, service accounts, people outside SCIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packed([u32; 5]);

/// Changes found within one span, by kind; the last number is of users who were made owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    users: [u32; Change::ALL.len() + 1],
}

/// Changes found within the last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentChanges {
    /// Since when, in Unix seconds: a day ago at most, and no earlier than they are watched.
    pub since: u64,
    /// Users by [`Change`].
    pub users: [u64; Change::ALL.len()],
    /// Users who were made owners.
    pub owners_granted: u64,
}

/// A walk that yielded no snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// When, how far, and its result.
    pub walk: LastWalk,
    /// The status code of the answer that ended it, where it was an answer.
    pub status: Option<u16>,
}

impl History {
    /// Totals of the snapshots of the day before `now`, the oldest first.
    pub fn points(&self, now: &Moment) -> impl ExactSizeIterator<Item = Point> {
        let day_ago = seconds(now.unix_milliseconds()).saturating_sub(DAY);
        let old = self.points.partition_point(|point| point.start() < day_ago);
        self.points[old..].iter().map(|point| point.unpack())
    }

    /// The latest failed walks, the oldest first.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The end of the first failed walk since the last success of this process.
    pub fn failing_since(&self) -> Option<&Moment> {
        self.failing_since.as_ref()
    }

    /// The end of the first of those that failed one after the other as the latest one did.
    pub fn failing_so_since(&self) -> Option<&Moment> {
        self.failing_so_since.as_ref()
    }

    /// The changes that walks of this process found within the day before `now`; nothing before there is something to
    /// compare with. Spans of a quarter of an hour count as a whole, so that a day is up to so much less.
    pub fn changes(&self, now: &Moment) -> Option<RecentChanges> {
        let day_ago = seconds(now.unix_milliseconds()).saturating_sub(DAY);
        let since = match self.since? {
            since if since >= day_ago => since,
            _ => day_ago.div_ceil(SPAN) * SPAN,
        };
        let mut changes = RecentChanges { since: since.into(), users: Default::default(), owners_granted: 0 };
        for span in self.spans.iter().filter(|span| span.start >= day_ago) {
            let (owners, users) = span.users.split_last().expect("there are kinds of changes");
            changes.owners_granted += u64::from(*owners);
            for (sum, users) in changes.users.iter_mut().zip(users) {
                *sum += u64::from(*users);
            }
        }
        Some(changes)
    }

    /// The same after `snapshot` was published; without `changes` it is a new baseline, and what was before is of no
    /// meaning any more.
    pub(super) fn with_snapshot(&self, snapshot: &Snapshot, changes: Option<&Changes>) -> Self {
        let (start, end) = (&snapshot.summary.start, &snapshot.summary.end);
        let mut next = match changes {
            Some(_) => self.clone(),
            None => Self { failures: self.failures.clone(), ..Self::default() },
        };
        (next.failing_since, next.failing_so_since) = (None, None);
        next.since.get_or_insert(seconds(start.unix_milliseconds()));
        next.add_point(Packed::of(snapshot));
        if let Some(changes) = changes {
            next.add_changes(seconds(end.unix_milliseconds()), changes);
        }
        next
    }

    /// The same after a walk failed.
    pub(super) fn with_failure(&self, failure: Failure) -> Self {
        let mut next = self.clone();
        next.failing_since.get_or_insert(failure.walk.end);
        let how = |failure: &Failure| (failure.walk.failure, failure.status);
        match self.failures.last() {
            Some(last) if how(last) == how(&failure) => next.failing_so_since.get_or_insert(failure.walk.end),
            _ => next.failing_so_since.insert(failure.walk.end),
        };
        let surplus = (next.failures.len() + 1).saturating_sub(MOST_FAILURES);
        next.failures.drain(..surplus);
        next.failures.reserve_exact(1);
        next.failures.push(failure);
        next
    }

    fn add_point(&mut self, point: Packed) {
        let start = point.start();
        // A wall clock that was set back makes a point of the future.
        self.points.retain(|known| known.start() < start && known.start() >= start.saturating_sub(DAY));
        if let [.., before, last] = &mut self.points[..]
            && last.start() - before.start() < self.spacing
        {
            *last = point;
            return;
        }
        self.points.reserve_exact(1);
        self.points.push(point);
        if self.points.len() > MOST_POINTS {
            self.thin();
        }
    }

    /// Halves the points, evenly in time. The last one stays.
    fn thin(&mut self) {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else { return };
        let (first, last) = (first.start(), *last);
        self.spacing = ((last.start() - first) / THINNED).max(1);
        let (spacing, mut due) = (self.spacing, first);
        self.points.retain(|point| {
            let keep = point.start() >= due;
            if keep {
                due = point.start().saturating_add(spacing);
            }
            keep
        });
        if self.points.last() != Some(&last) {
            self.points.push(last);
        }
    }

    fn add_changes(&mut self, end: u32, changes: &Changes) {
        let start = end / SPAN * SPAN;
        self.spans.retain(|span| span.start <= start && span.start >= start.saturating_sub(DAY));
        let kinds = Change::ALL.iter().map(|change| changes.of(*change));
        let found: Vec<u32> = kinds.chain([changes.granted(Grant::Owner)]).map(number).collect();
        if found.iter().all(|users| *users == 0) {
            return;
        }
        if self.spans.last().is_none_or(|span| span.start != start) {
            self.spans.reserve_exact(1);
            self.spans.push(Span { start, users: Default::default() });
        }
        let Some(span) = self.spans.last_mut() else { return };
        for (sum, users) in span.users.iter_mut().zip(found) {
            *sum = sum.saturating_add(users);
        }
    }
}

impl Packed {
    fn of(snapshot: &Snapshot) -> Self {
        let totals = UserTotals::of(&snapshot.figures);
        let known = |users: Option<u64>| users.map_or(UNKNOWN, number);
        Self([
            seconds(snapshot.summary.start.unix_milliseconds()),
            number(totals.users),
            known(totals.owners),
            known(totals.service_accounts),
            known(totals.people_outside_scim),
        ])
    }

    fn start(self) -> u32 {
        self.0[0]
    }

    fn unpack(self) -> Point {
        let [start, users, owners, service_accounts, people_outside_scim] = self.0;
        let known = |users: u32| (users != UNKNOWN).then_some(u64::from(users));
        Point {
            start: start.into(),
            users: users.into(),
            owners: known(owners),
            service_accounts: known(service_accounts),
            people_outside_scim: known(people_outside_scim),
        }
    }
}

/// Seconds, as far as they fit.
fn seconds(milliseconds: u64) -> u32 {
    number(Duration::from_millis(milliseconds).as_secs())
}

/// A number, as far as it fits: no walk has so many users.
fn number(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(UNKNOWN - 1)
}

#[cfg(test)]
mod tests;
