//! What is known of the organizations: one immutable value each, replaced as a whole, read by scrapes.
//!
//! It must not know how a walk is made, or how a figure is written down.

mod history;
mod totals;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::clock::Moment;
use crate::composition::{self, Figures};
use crate::policy::{Judgement, Policies, Policy, Tallied};
use crate::roster::{Roster, Totals};
use crate::walk::{CompletedWalk, FailedWalk, Way};

pub use crate::walk::{Anomalies, Boundaries, Meter, Summary};
pub use history::{Failure, History, Point, RecentChanges};
pub use totals::UserTotals;

/// The result of a completed walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Its series.
    pub figures: Figures,
    /// Users counted.
    pub users: u64,
    /// The roster's.
    pub fingerprint: u64,
    /// What was counted for policies.
    pub tallied: Tallied,
    /// What was counted by.
    pub options: Arc<composition::Options>,
    /// When, how far, and what was odd.
    pub summary: Summary,
}

/// What is known of one organization.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OrganizationState {
    /// The last completed walk's result, however old.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Whom the last completed walk met.
    pub roster: Option<Arc<Roster>>,
    /// Where the next walk may cut the list.
    pub boundaries: Option<Arc<Boundaries>>,
    /// The start of the last completed walk that went page after page.
    pub last_sequential: Option<Moment>,
    /// What changed until then.
    pub changes: Totals,
    /// The end of the last successful walk, of whichever process.
    pub last_success: Option<Moment>,
    /// The latest finished walk of this process.
    pub last_walk: Option<LastWalk>,
    /// What this process remembers of the last day.
    pub history: Arc<History>,
}

/// The latest finished walk.
#[derive(Debug, Clone, PartialEq)]
pub struct LastWalk {
    /// When it ended.
    pub end: Moment,
    /// How long it took.
    pub duration: Duration,
    /// Pages accepted.
    pub pages: u64,
    /// Why it failed, if it did: the value of the label `result`, or `panic`.
    pub failure: Option<&'static str>,
}

/// One organization: its name, its timing and the state that scrapes read.
#[derive(Debug)]
pub struct Organization {
    /// The value of the label `organization`.
    pub name: String,
    timing: ArcSwap<Timing>,
    state: ArcSwap<OrganizationState>,
    activity: ArcSwap<Activity>,
    policies: ArcSwap<Policies>,
}

/// What the poller of an organization does now. It says nothing about figures.
#[derive(Debug, Clone)]
pub enum Activity {
    /// It waits.
    Waiting {
        /// When the next walk is due; `None` before the first and after the last.
        next: Option<Moment>,
    },
    /// It walks.
    Walking {
        /// Since when.
        start: Moment,
        /// How far.
        meter: Arc<Meter>,
    },
}

/// What is said about the age of figures. A reload may replace it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the start of one walk to the start of the next.
    pub interval: Duration,
    /// The age above which a snapshot is withdrawn.
    pub max_age: Duration,
}

/// All organizations. A reload may replace them.
#[derive(Debug, Default)]
pub struct Board {
    organizations: ArcSwap<Vec<Arc<Organization>>>,
}

impl Default for Activity {
    fn default() -> Self {
        Self::Waiting { next: None }
    }
}

impl Snapshot {
    /// The judgement on `policy`; none where this walk did not count for it.
    pub fn judge<'p>(&self, policy: &'p Policy) -> Option<Judgement<'p>> {
        let reference = self.summary.start.whole_unix_seconds();
        Some(policy.judge(self.tallied.of(policy)?, self.figures.unreadable, reference))
    }
}

impl OrganizationState {
    /// The snapshot, unless its walk began longer than `max_age` before `now`.
    pub fn fresh_snapshot(&self, now: &Moment, max_age: Duration) -> Option<&Snapshot> {
        self.snapshot.as_deref().filter(|snapshot| now.since(&snapshot.summary.start) <= max_age)
    }
}

impl Organization {
    /// An organization of which nothing is known yet.
    pub fn new(name: impl Into<String>, interval: Duration, max_age: Duration) -> Self {
        Self::with_state(name, interval, max_age, OrganizationState::default())
    }

    /// An organization of which `state` is known.
    pub fn with_state(
        name: impl Into<String>,
        interval: Duration,
        max_age: Duration,
        state: OrganizationState,
    ) -> Self {
        let timing = ArcSwap::from_pointee(Timing { interval, max_age });
        let (state, activity) = (ArcSwap::from_pointee(state), ArcSwap::from_pointee(Activity::default()));
        let policies = ArcSwap::default();
        Self { name: name.into(), timing, state, activity, policies }
    }

    /// The timing in force. Whoever needs both values reads them at once.
    pub fn timing(&self) -> Timing {
        **self.timing.load()
    }

    /// Has `timing` hold from now on, for figures published already too.
    pub fn set_timing(&self, timing: Timing) {
        self.timing.store(Arc::new(timing));
    }

    /// The policies in force.
    pub fn policies(&self) -> Arc<Policies> {
        self.policies.load_full()
    }

    /// Has `policies` be in force from now on, for figures published already too.
    pub fn set_policies(&self, policies: Arc<Policies>) {
        self.policies.store(policies);
    }

    /// What is known now.
    pub fn state(&self) -> Arc<OrganizationState> {
        self.state.load_full()
    }

    /// What its poller does now.
    pub fn activity(&self) -> Arc<Activity> {
        self.activity.load_full()
    }

    /// Has `activity` be what its poller does now.
    pub fn set_activity(&self, activity: Activity) {
        self.activity.store(Arc::new(activity));
    }

    /// Publishes the result of a walk. Without changes it is a new baseline: they are watched from its start on.
    pub fn publish(&self, walk: CompletedWalk) {
        let summary = walk.summary;
        let before = self.state.load();
        let mut changes = before.changes.clone();
        match &walk.changes {
            Some(found) => {
                changes.add(found, summary.end.unix_milliseconds());
                changes.since.get_or_insert(summary.start.unix_milliseconds());
            }
            None => changes.since = Some(summary.start.unix_milliseconds()),
        }
        let last_walk =
            LastWalk { end: summary.end, duration: summary.duration(), pages: summary.pages, failure: None };
        let last_sequential = match walk.way {
            Way::Segmented { .. } => before.last_sequential,
            Way::Sequential | Way::FellBack => Some(summary.start),
        };
        let snapshot = Snapshot {
            figures: walk.composition.figures(),
            users: walk.composition.users(),
            fingerprint: walk.roster.fingerprint(),
            tallied: walk.tallied,
            options: walk.composition.options().clone(),
            summary,
        };
        self.state.store(Arc::new(OrganizationState {
            last_success: Some(last_walk.end),
            last_walk: Some(last_walk),
            changes,
            history: Arc::new(before.history.with_snapshot(&snapshot, walk.changes.as_ref())),
            snapshot: Some(Arc::new(snapshot)),
            roster: Some(walk.roster),
            boundaries: Some(walk.boundaries),
            last_sequential,
        }));
    }

    /// Notes that a walk failed. The snapshot stays what it was.
    pub fn note_failure(&self, walk: &FailedWalk) {
        self.note(LastWalk::failed(&walk.summary, walk.error.result()), walk.error.detail().status);
    }

    /// Notes that a completed walk is not believed. The snapshot stays what it was.
    pub fn note_implausible(&self, walk: &Summary) {
        self.note(LastWalk::failed(walk, "implausible"), None);
    }

    /// Notes that a walk from `start` to `end` broke off by a fault of the program. The snapshot stays what it was.
    pub fn note_panic(&self, start: Moment, end: Moment) {
        let duration = end.instant - start.instant;
        self.note(LastWalk { end, duration, pages: 0, failure: Some("panic") }, None);
    }

    fn note(&self, walk: LastWalk, status: Option<u16>) {
        let state = OrganizationState::clone(&self.state.load());
        let history = Arc::new(state.history.with_failure(Failure { walk: walk.clone(), status }));
        self.state.store(Arc::new(OrganizationState { last_walk: Some(walk), history, ..state }));
    }
}

impl LastWalk {
    fn failed(walk: &Summary, failure: &'static str) -> Self {
        Self { end: walk.end, duration: walk.duration(), pages: walk.pages, failure: Some(failure) }
    }
}

impl Board {
    /// A board of `organizations`.
    pub fn new(organizations: Vec<Arc<Organization>>) -> Self {
        Self { organizations: ArcSwap::from_pointee(organizations) }
    }

    /// The organizations watched now.
    pub fn organizations(&self) -> Arc<Vec<Arc<Organization>>> {
        self.organizations.load_full()
    }

    /// Has `organizations` be the ones watched from now on.
    pub fn replace(&self, organizations: Vec<Arc<Organization>>) {
        self.organizations.store(Arc::new(organizations));
    }

    /// How many organizations have no snapshot younger than their maximum age, and how many there are.
    pub fn without_fresh_snapshot(&self, now: &Moment) -> (usize, usize) {
        let organizations = self.organizations();
        let is_stale = |organization: &&Arc<Organization>| {
            organization.state().fresh_snapshot(now, organization.timing().max_age).is_none()
        };
        (organizations.iter().filter(is_stale).count(), organizations.len())
    }
}
