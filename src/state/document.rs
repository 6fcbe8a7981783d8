//! The part of a state file that is JSON. Label values stand for kinds, so that a later version can have more of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Kept;
use crate::clock::Moment;
use crate::composition::{self, Figures};
use crate::policy::Tallied;
use crate::roster::{Change, Grant, Roster, Totals};
use crate::snapshot::{Anomalies, Boundaries, OrganizationState, Snapshot, Summary};

/// The whole of it. Times are Unix milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Document {
    written_at: u64,
    organizations: Vec<OrganizationDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OrganizationDocument {
    name: String,
    last_success: Option<u64>,
    snapshot: Option<SnapshotDocument>,
    changes: TotalsDocument,
    roster: Option<RosterDocument>,
    /// Not in files of earlier versions.
    #[serde(default)]
    boundaries: Option<BoundariesDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SnapshotDocument {
    start: u64,
    end: u64,
    pages: u64,
    anomalies: BTreeMap<String, u64>,
    users: u64,
    fingerprint: u64,
    options: composition::Options,
    figures: Figures,
    /// Not in files of earlier versions.
    #[serde(default)]
    tallied: Tallied,
}

#[derive(Debug, Serialize, Deserialize)]
struct TotalsDocument {
    changes: BTreeMap<String, u64>,
    grants: BTreeMap<String, u64>,
    last_changes: BTreeMap<String, u64>,
    last_owner_grant: Option<u64>,
    since: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RosterDocument {
    key: (u64, u64),
    roles: Vec<String>,
    fingerprint: u64,
    users: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct BoundariesDocument {
    /// Ids of users.
    ids: Vec<Box<str>>,
    pages: u64,
    last_sequential: Option<u64>,
}

impl Document {
    pub(super) fn of(organizations: &[Kept], now: &Moment) -> Self {
        Self {
            written_at: now.unix_milliseconds(),
            organizations: organizations.iter().map(OrganizationDocument::of).collect(),
        }
    }

    /// What was kept; `entries` gives the next so many entries of rosters, if there are as many.
    pub(super) fn restore<I: Iterator<Item = (u64, u32)>>(
        self,
        now: &Moment,
        mut entries: impl FnMut(u64) -> Option<I>,
    ) -> Result<Vec<Kept>, String> {
        self.organizations.into_iter().map(|organization| organization.restore(now, &mut entries)).collect()
    }
}

impl OrganizationDocument {
    fn of(kept: &Kept) -> Self {
        let state = &kept.state;
        Self {
            name: kept.name.clone(),
            last_success: state.last_success.map(|end| end.unix_milliseconds()),
            snapshot: state.snapshot.as_deref().map(SnapshotDocument::of),
            changes: TotalsDocument::of(&state.changes),
            roster: state.roster.as_deref().map(RosterDocument::of),
            boundaries: state.boundaries.as_deref().map(|boundaries| BoundariesDocument {
                ids: boundaries.ids().to_vec(),
                pages: boundaries.pages(),
                last_sequential: state.last_sequential.map(|start| start.unix_milliseconds()),
            }),
        }
    }

    fn restore<I: Iterator<Item = (u64, u32)>>(
        self,
        now: &Moment,
        entries: &mut impl FnMut(u64) -> Option<I>,
    ) -> Result<Kept, String> {
        let roster = match self.roster {
            None => None,
            Some(roster) => {
                let entries = entries(roster.users)
                    .ok_or_else(|| format!("it ends before the users of {:?}", self.name))?;
                let restored =
                    roster.restore(entries).map_err(|error| format!("{:?}: {error}", self.name))?;
                Some(Arc::new(restored))
            }
        };
        let last_sequential = self.boundaries.as_ref().and_then(|kept| now.earlier(kept.last_sequential?));
        let boundaries = self.boundaries.map(|kept| Arc::new(Boundaries::new(kept.ids, kept.pages)));
        let state = OrganizationState {
            snapshot: self.snapshot.and_then(|snapshot| snapshot.restore(now)).map(Arc::new),
            roster,
            boundaries,
            last_sequential,
            changes: self.changes.restore(now),
            last_success: self.last_success.and_then(|end| now.earlier(end)),
            last_walk: None,
            history: Arc::default(),
        };
        Ok(Kept { name: self.name, state: Arc::new(state) })
    }
}

impl SnapshotDocument {
    fn of(snapshot: &Snapshot) -> Self {
        let Summary { start, end, pages, anomalies } = &snapshot.summary;
        Self {
            start: start.unix_milliseconds(),
            end: end.unix_milliseconds(),
            pages: *pages,
            anomalies: anomalies
                .by_kind()
                .into_iter()
                .map(|(kind, number)| (kind.to_owned(), number))
                .collect(),
            users: snapshot.users,
            fingerprint: snapshot.fingerprint,
            options: composition::Options::clone(&snapshot.options),
            figures: snapshot.figures.clone(),
            tallied: snapshot.tallied.clone(),
        }
    }

    /// The snapshot, if its times can be believed.
    fn restore(self, now: &Moment) -> Option<Snapshot> {
        let number = |kind: &str| self.anomalies.get(kind).copied().unwrap_or_default();
        let anomalies = Anomalies {
            duplicate: number("duplicate"),
            missing_cursor: number("missing_cursor"),
            cursor_gone: number("cursor_gone"),
        };
        let (start, end) = (now.earlier(self.start)?, now.earlier(self.end)?);
        (self.start <= self.end).then(|| Snapshot {
            figures: self.figures,
            users: self.users,
            fingerprint: self.fingerprint,
            tallied: self.tallied,
            options: Arc::new(self.options),
            summary: Summary { start, end, pages: self.pages, anomalies },
        })
    }
}

impl TotalsDocument {
    fn of(totals: &Totals) -> Self {
        let last =
            |change: &Change| Some((change.label().to_owned(), totals.last_changes[*change as usize]?));
        Self {
            changes: Change::ALL
                .iter()
                .map(|change| (change.label().to_owned(), totals.changes[*change as usize]))
                .collect(),
            grants: Grant::ALL
                .iter()
                .map(|grant| (grant.label().to_owned(), totals.grants[*grant as usize]))
                .collect(),
            last_changes: Change::ALL.iter().filter_map(last).collect(),
            last_owner_grant: totals.last_owner_grant,
            since: totals.since,
        }
    }

    fn restore(self, now: &Moment) -> Totals {
        let believed = |time: &u64| *time <= now.unix_milliseconds();
        let mut totals = Totals {
            last_owner_grant: self.last_owner_grant.filter(believed),
            since: self.since.filter(believed),
            ..Totals::default()
        };
        for change in Change::ALL {
            let (number, label) = (*change as usize, change.label());
            totals.changes[number] = self.changes.get(label).copied().unwrap_or_default();
            totals.last_changes[number] = self.last_changes.get(label).copied().filter(believed);
        }
        for grant in Grant::ALL {
            totals.grants[*grant as usize] = self.grants.get(grant.label()).copied().unwrap_or_default();
        }
        totals
    }
}

impl RosterDocument {
    fn of(roster: &Roster) -> Self {
        Self {
            key: roster.key(),
            roles: roster.roles().map(str::to_owned).collect(),
            fingerprint: roster.fingerprint(),
            users: roster.len() as u64,
        }
    }

    fn restore(self, entries: impl Iterator<Item = (u64, u32)>) -> Result<Roster, String> {
        let mut roster = Roster::with_key(self.key, self.roles.iter().map(String::as_str));
        if roster.roles().ne(self.roles.iter().map(String::as_str)) {
            return Err("its table of roles is none".into());
        }
        roster.extend_packed(entries).map_err(|error| error.to_string())?;
        Ok(roster.with_fingerprint(self.fingerprint))
    }
}
