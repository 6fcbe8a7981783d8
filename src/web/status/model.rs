//! What the page and the JSON say, as plain data, built in one place so that they cannot disagree.
//!
//! The state of each organization is read once. Figures go when their snapshot is withdrawn, as they do behind the
//! telemetry path.

mod policies;
mod query;
mod reading;

use std::time::Duration;

use serde::Serialize;

pub(super) use policies::PolicyLine;
pub(super) use query::Query;

use super::Sources;
use super::figures::Figures;
use super::time::Time;
use crate::snapshot::OrganizationState;
use reading::Reading;

/// The version of the form of the JSON.
const VERSION: u32 = 1;

/// Up to so many organizations each has a line of its last day on the page of all.
const FEW: usize = 50;

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Status {
    pub(super) version: u32,
    pub(super) time: Time,
    pub(super) exporter: Exporter,
    pub(super) configuration: Configuration,
    pub(super) state_file: StateFile,
    pub(super) links: Links,
    pub(super) summary: Summary,
    /// All organizations, or those in the state that was asked for.
    pub(super) organizations: Vec<Organization>,
    /// The one that was asked for, or the only one.
    pub(super) organization: Option<Detail>,
}

/// The running program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Exporter {
    pub(super) version: &'static str,
    pub(super) revision: &'static str,
    pub(super) start_time: Time,
    pub(super) uptime_seconds: f64,
}

/// How the latest loading of the configuration went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Configuration {
    pub(super) last_reload_successful: bool,
    pub(super) last_success_time: Option<Time>,
}

/// How the state file does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct StateFile {
    pub(super) enabled: bool,
    /// Of this process.
    pub(super) last_write_time: Option<Time>,
    /// Whether the latest attempt succeeded; absent before the first.
    pub(super) last_write_successful: Option<bool>,
}

/// Where else to look: URLs if the external one is known, else paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Links {
    pub(super) status_page: String,
    pub(super) status: String,
    pub(super) metrics: String,
    pub(super) healthy: String,
    pub(super) ready: String,
    pub(super) fresh: String,
}

/// All organizations in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub(super) struct Summary {
    pub(super) organizations: usize,
    pub(super) fresh: usize,
    pub(super) failing: usize,
    pub(super) held_back: usize,
    pub(super) stale: usize,
    pub(super) first_walk: usize,
    pub(super) no_figures: usize,
    /// Organizations whose figures are published.
    pub(super) with_figures: usize,
    /// Users of those; absent where there are none.
    pub(super) users: Option<u64>,
}

/// How it stands with an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Figures are published, and the latest walk succeeded.
    Fresh,
    /// Figures are published, and the latest walk failed.
    Failing,
    /// Figures are published, and the latest walk is not believed before another one says the same.
    HeldBack,
    /// Figures are withdrawn because of their age.
    Stale,
    /// There are no figures, and no walk has ended yet.
    FirstWalk,
    /// There have been no figures yet, and walks fail.
    NoFigures,
}

/// An organization in a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Organization {
    pub(super) name: String,
    pub(super) state: State,
    /// The state in words.
    pub(super) words: String,
    pub(super) link: String,
    pub(super) users: Option<u64>,
    pub(super) owners: Option<u64>,
    pub(super) service_accounts: Option<u64>,
    pub(super) people_scim_managed_ratio: Option<f64>,
    /// The start of the walk that the figures come from.
    pub(super) snapshot_time: Option<Time>,
    pub(super) snapshot_age_seconds: Option<f64>,
    pub(super) next_walk_time: Option<Time>,
    pub(super) walking: bool,
    /// For the page alone, where there are few organizations; the JSON has it with the details.
    #[serde(skip)]
    pub(super) users_trend: Vec<Point>,
}

/// An organization with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Detail {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) words: String,
    pub(super) poll_interval_seconds: f64,
    pub(super) snapshot_max_age_seconds: f64,
    pub(super) snapshot: Option<SnapshotFacts>,
    /// When figures were withdrawn, if they are.
    pub(super) withdrawn_time: Option<Time>,
    pub(super) last_success_time: Option<Time>,
    pub(super) last_walk: Option<Walk>,
    /// The end of the first failed walk since the last success of this process.
    pub(super) failing_since_time: Option<Time>,
    pub(super) next_walk_time: Option<Time>,
    pub(super) walk_under_way: Option<Progress>,
    pub(super) figures: Option<Figures>,
    /// Those that are about it, in the order of the configuration.
    pub(super) policies: Vec<PolicyLine>,
    /// The oldest first; empty where figures are withdrawn.
    pub(super) trend: Vec<Point>,
    pub(super) changes: Option<Changes>,
    /// The latest first.
    pub(super) failed_walks: Vec<Walk>,
}

/// The walk that figures come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct SnapshotFacts {
    pub(super) start_time: Time,
    pub(super) end_time: Time,
    pub(super) age_seconds: f64,
    pub(super) duration_seconds: f64,
    pub(super) pages: u64,
}

/// A walk that has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Walk {
    pub(super) end_time: Time,
    /// `success`, or why it failed.
    pub(super) result: &'static str,
    pub(super) http_status: Option<u16>,
    pub(super) words: String,
    pub(super) duration_seconds: f64,
    pub(super) pages: u64,
}

/// A walk under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Progress {
    pub(super) start_time: Time,
    pub(super) elapsed_seconds: f64,
    pub(super) pages: u64,
    pub(super) users: u64,
    /// Of the users of the walk before, at most 1.
    pub(super) ratio: Option<f64>,
    /// If it goes on as until now and meets as many users as the walk before.
    pub(super) seconds_left: Option<f64>,
}

/// Totals of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Point {
    /// The start of its walk.
    pub(super) time: Time,
    pub(super) users: u64,
    pub(super) owners: Option<u64>,
    pub(super) service_accounts: Option<u64>,
    pub(super) people_outside_scim: Option<u64>,
}

/// Changes of the last day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Changes {
    pub(super) since_time: Time,
    pub(super) kinds: Vec<ChangeKind>,
    pub(super) owners_granted: u64,
}

/// Users with one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ChangeKind {
    pub(super) change: &'static str,
    pub(super) users: u64,
}

/// There is no organization with the name that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoSuchOrganization;

impl Status {
    /// The status at `now`, with the details of one organization: the one that was asked for, or the only one. `trends`
    /// says whether a list of a few has their lines of the last day.
    pub(super) fn read(
        sources: &Sources<'_>,
        query: &Query,
        trends: bool,
    ) -> Result<Self, NoSuchOrganization> {
        let Sources { board, telemetry, telemetry_path, facts, now } = sources;
        let organizations = board.organizations();
        let mut readings = organizations.iter().map(|organization| Reading::of(organization));
        let alone = organizations.len() == 1;
        let trends = trends && query.organization.is_none() && (2..=FEW).contains(&organizations.len());
        let (mut summary, mut lines, mut detail) = (Summary::default(), Vec::new(), None);
        for reading in &mut readings {
            let line = reading.line(&facts.paths, trends, now);
            summary.add(&line);
            let wanted = match &query.organization {
                Some(name) => *name == reading.name,
                None => alone,
            };
            if wanted {
                detail = Some(reading.detail(line.state, &line.words, now));
            }
            if query.state.is_none_or(|state| state == line.state) {
                lines.push(line);
            }
        }
        if query.organization.is_some() && detail.is_none() {
            return Err(NoSuchOrganization);
        }
        let start = facts.start.as_ref().unwrap_or(now);
        let url = |route| facts.paths.url(route);
        let writes = telemetry.state_writes();
        let (last_reload_successful, loaded) = telemetry.configuration();
        Ok(Self {
            version: VERSION,
            time: now.into(),
            exporter: Exporter {
                version: env!("CARGO_PKG_VERSION"),
                revision: env!("REVISION"),
                start_time: start.into(),
                uptime_seconds: now.since(start).as_secs_f64(),
            },
            configuration: Configuration {
                last_reload_successful,
                last_success_time: loaded.map(Time::from_milliseconds),
            },
            state_file: StateFile {
                enabled: facts.state_file,
                last_write_time: writes.last_success.map(Time::from_milliseconds),
                last_write_successful: writes.succeeded,
            },
            links: Links {
                status_page: url("/"),
                status: url("/api/v1/status"),
                metrics: url(telemetry_path),
                healthy: url("/-/healthy"),
                ready: url("/-/ready"),
                fresh: url("/-/fresh"),
            },
            summary,
            organizations: lines,
            organization: detail,
        })
    }
}

impl Summary {
    fn add(&mut self, organization: &Organization) {
        self.organizations += 1;
        *self.of_mut(organization.state) += 1;
        if let Some(users) = organization.users {
            self.with_figures += 1;
            *self.users.get_or_insert_default() += users;
        }
    }

    fn of_mut(&mut self, state: State) -> &mut usize {
        match state {
            State::Fresh => &mut self.fresh,
            State::Failing => &mut self.failing,
            State::HeldBack => &mut self.held_back,
            State::Stale => &mut self.stale,
            State::FirstWalk => &mut self.first_walk,
            State::NoFigures => &mut self.no_figures,
        }
    }

    /// How many organizations are in `state`.
    pub(super) fn of(&self, state: State) -> usize {
        *self.clone().of_mut(state)
    }
}

impl State {
    /// All, the good one first.
    pub(super) const ALL: [Self; 6] =
        [Self::Fresh, Self::Failing, Self::HeldBack, Self::Stale, Self::FirstWalk, Self::NoFigures];

    fn of(state: &OrganizationState, fresh: bool) -> Self {
        let failure = state.last_walk.as_ref().and_then(|walk| walk.failure);
        match (&state.snapshot, failure) {
            (Some(_), _) if !fresh => Self::Stale,
            (Some(_), None) => Self::Fresh,
            (Some(_), Some("implausible")) => Self::HeldBack,
            (Some(_), Some(_)) => Self::Failing,
            (None, None) => Self::FirstWalk,
            (None, Some(_)) => Self::NoFigures,
        }
    }

    /// The value in JSON and in queries.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Failing => "failing",
            Self::HeldBack => "held_back",
            Self::Stale => "stale",
            Self::FirstWalk => "first_walk",
            Self::NoFigures => "no_figures",
        }
    }
}

/// The time from now until `time`; none if it is past.
pub(super) fn until(time: Time, now: Time) -> Duration {
    Duration::from_millis(time.unix_milliseconds().saturating_sub(now.unix_milliseconds()))
}
