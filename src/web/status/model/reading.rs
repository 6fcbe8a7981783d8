//! What one organization's state, read once, says in a line and in everything that is known of it.

use std::sync::Arc;

use super::{
    ChangeKind, Changes, Detail, Organization, Point, PolicyLine, Progress, SnapshotFacts, State, Walk,
};
use crate::clock::Moment;
use crate::policy::Policies;
use crate::roster::Change;
use crate::snapshot::{self, Activity, OrganizationState, RecentChanges, Snapshot, Timing, UserTotals};
use crate::web::paths::Paths;
use crate::web::status::figures::{Figures, people_scim_managed_ratio};
use crate::web::status::time::Time;
use crate::web::status::words;

/// One reading of an organization: whatever is said of it comes from here.
pub(super) struct Reading {
    pub(super) name: String,
    timing: Timing,
    state: Arc<OrganizationState>,
    activity: Arc<Activity>,
    policies: Arc<Policies>,
}

impl Reading {
    pub(super) fn of(organization: &snapshot::Organization) -> Self {
        Self {
            name: organization.name.clone(),
            timing: organization.timing(),
            state: organization.state(),
            activity: organization.activity(),
            policies: organization.policies(),
        }
    }

    fn snapshot(&self, now: &Moment) -> Option<&Snapshot> {
        self.state.fresh_snapshot(now, self.timing.max_age)
    }

    /// When the figures were withdrawn, if they are.
    fn withdrawn(&self, now: &Moment) -> Option<Time> {
        let snapshot = self.state.snapshot.as_ref()?;
        let withdrawn = self.snapshot(now).is_none();
        withdrawn.then(|| Time::from(&snapshot.summary.start).plus(self.timing.max_age))
    }

    fn next_walk(&self) -> Option<Time> {
        match &*self.activity {
            Activity::Waiting { next } => next.as_ref().map(Time::from),
            Activity::Walking { .. } => None,
        }
    }

    pub(super) fn line(&self, paths: &Paths, trend: bool, now: &Moment) -> Organization {
        let snapshot = self.snapshot(now);
        let totals = snapshot.map(|snapshot| UserTotals::of(&snapshot.figures));
        let state = State::of(&self.state, snapshot.is_some());
        Organization {
            name: self.name.clone(),
            state,
            words: words::state(state, &self.facts(now)),
            link: paths.link(&format!("/?organization={}", words::quoted(&self.name))),
            users: totals.map(|totals| totals.users),
            owners: totals.and_then(|totals| totals.owners),
            service_accounts: totals.and_then(|totals| totals.service_accounts),
            people_scim_managed_ratio: totals.as_ref().and_then(people_scim_managed_ratio),
            snapshot_time: snapshot.map(|snapshot| (&snapshot.summary.start).into()),
            snapshot_age_seconds: snapshot.map(|snapshot| now.since(&snapshot.summary.start).as_secs_f64()),
            next_walk_time: self.next_walk(),
            walking: matches!(&*self.activity, Activity::Walking { .. }),
            users_trend: match snapshot {
                Some(_) if trend => self.state.history.points(now).map(Point::of).collect(),
                _ => Vec::new(),
            },
        }
    }

    /// What the words on the state say.
    fn facts(&self, now: &Moment) -> words::Facts {
        let last = self.state.last_walk.as_ref();
        words::Facts {
            now: now.into(),
            snapshot: self.snapshot(now).map(|snapshot| SnapshotFacts::of(snapshot, now)),
            withdrawn: self.withdrawn(now),
            failure: last.and_then(|walk| walk.failure),
            http_status: self.state.history.failures().last().and_then(|failure| failure.status),
            failing_since: self.state.history.failing_so_since().map(Time::from),
            walking: matches!(&*self.activity, Activity::Walking { .. }),
        }
    }

    pub(super) fn detail(&self, state: State, words: &str, now: &Moment) -> Detail {
        let (snapshot, history) = (self.snapshot(now), &self.state.history);
        let failures = history.failures();
        let is_last = |walk: &snapshot::LastWalk| failures.last().filter(|failure| failure.walk == *walk);
        Detail {
            name: self.name.clone(),
            state,
            words: words.to_owned(),
            poll_interval_seconds: self.timing.interval.as_secs_f64(),
            snapshot_max_age_seconds: self.timing.max_age.as_secs_f64(),
            snapshot: snapshot.map(|snapshot| SnapshotFacts::of(snapshot, now)),
            withdrawn_time: self.withdrawn(now),
            last_success_time: self.state.last_success.as_ref().map(Time::from),
            last_walk: self
                .state
                .last_walk
                .as_ref()
                .map(|walk| Walk::of(walk, is_last(walk).and_then(|failure| failure.status))),
            failing_since_time: history.failing_since().map(Time::from),
            next_walk_time: self.next_walk(),
            walk_under_way: Progress::of(
                &self.activity,
                self.state.roster.as_ref().map(|roster| roster.len()),
                now,
            ),
            figures: snapshot.map(Figures::of),
            policies: PolicyLine::all(&self.policies, snapshot),
            trend: match snapshot {
                Some(_) => history.points(now).map(Point::of).collect(),
                None => Vec::new(),
            },
            changes: history.changes(now).map(|changes| Changes::of(&changes)),
            failed_walks: failures
                .iter()
                .rev()
                .map(|failure| Walk::of(&failure.walk, failure.status))
                .collect(),
        }
    }
}

impl SnapshotFacts {
    fn of(snapshot: &Snapshot, now: &Moment) -> Self {
        let summary = &snapshot.summary;
        Self {
            start_time: (&summary.start).into(),
            end_time: (&summary.end).into(),
            age_seconds: now.since(&summary.start).as_secs_f64(),
            duration_seconds: summary.duration().as_secs_f64(),
            pages: summary.pages,
        }
    }
}

impl Walk {
    fn of(walk: &snapshot::LastWalk, http_status: Option<u16>) -> Self {
        let result = walk.failure.unwrap_or("success");
        Self {
            end_time: (&walk.end).into(),
            result,
            http_status,
            words: words::result(result).to_owned(),
            duration_seconds: walk.duration.as_secs_f64(),
            pages: walk.pages,
        }
    }
}

impl Progress {
    /// The walk under way, compared with one of so many `users_before`.
    #[expect(clippy::cast_precision_loss, reason = "users stay within 2^53")]
    fn of(activity: &Activity, users_before: Option<usize>, now: &Moment) -> Option<Self> {
        let Activity::Walking { start, meter } = activity else { return None };
        let (pages, users, elapsed) = (meter.pages(), meter.users(), now.since(start).as_secs_f64());
        let before = users_before.filter(|users| *users > 0).map(|users| users as f64);
        let met = users as f64;
        let left = |before: f64| (users > 0 && met < before).then(|| elapsed * (before - met) / met);
        Some(Self {
            start_time: start.into(),
            elapsed_seconds: elapsed,
            pages,
            users,
            ratio: before.map(|before| (met / before).min(1.0)),
            seconds_left: before.and_then(left),
        })
    }
}

impl Point {
    fn of(point: snapshot::Point) -> Self {
        let snapshot::Point { start, users, owners, service_accounts, people_outside_scim } = point;
        Self { time: Time::from_seconds(start), users, owners, service_accounts, people_outside_scim }
    }
}

impl Changes {
    fn of(changes: &RecentChanges) -> Self {
        let kinds = Change::ALL.iter().zip(changes.users);
        Self {
            since_time: Time::from_seconds(changes.since),
            kinds: kinds.map(|(change, users)| ChangeKind { change: change.label(), users }).collect(),
            owners_granted: changes.owners_granted,
        }
    }
}
