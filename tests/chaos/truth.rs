//! Holds each publication against the world, user by user.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::{Arc, Mutex};

use openai_org_exporter::roster::{Change, Grant, Roster, Totals};
use openai_org_exporter::snapshot::{LastWalk, OrganizationState};
use siphasher::sip::SipHasher24;

use crate::Seen;
use crate::api::ChaoticApi;
use crate::world::{Flag, Record, World};

/// What a roster knows of a user: role, SCIM management, `banned`, `enabled`; each where it is known.
type Known = (Option<String>, Option<bool>, Option<bool>, Option<bool>);

/// Watches an exporter from outside.
pub(crate) struct Auditor {
    world: Arc<Mutex<World>>,
    api: Arc<ChaoticApi>,
    /// What the exporter knew last.
    last: OrganizationState,
    /// Everything that was ever published, as far as a restart must find it again.
    published: Vec<(Option<Arc<Roster>>, Totals)>,
    last_walk: Option<LastWalk>,
    seen: Seen,
}

impl Auditor {
    pub(crate) fn new(world: Arc<Mutex<World>>, api: Arc<ChaoticApi>) -> Self {
        Self {
            world,
            api,
            last: OrganizationState::default(),
            published: vec![(None, Totals::default())],
            last_walk: None,
            seen: Seen::default(),
        }
    }

    /// Audits what has just been published.
    pub(crate) fn audit(&mut self, state: &OrganizationState) {
        self.seen.published += 1;
        let start = state.snapshot.as_ref().unwrap().summary.start;
        self.seen.segmented += usize::from(state.last_sequential != Some(start));
        let everybody = self.users(state);
        self.changes(state, &everybody);
        self.published.push((state.roster.clone(), state.changes.clone()));
        self.last = state.clone();
        self.api.published(everybody.len());
    }

    /// Notes how the latest walk ended.
    pub(crate) fn note(&mut self, walk: Option<&LastWalk>) {
        if walk == self.last_walk.as_ref() {
            return;
        }
        self.last_walk = walk.cloned();
        match walk.and_then(|walk| walk.failure) {
            Some("implausible") => self.seen.held_back += 1,
            Some(failure) => {
                assert_ne!(failure, "panic", "no answer makes a walk panic");
                self.seen.failed += 1;
            }
            None => {}
        }
    }

    /// The exporter starts with what it had written: something that was published, and never a third thing.
    pub(crate) fn restarted(&mut self, state: &OrganizationState) {
        let known = |(roster, totals): &(Option<Arc<Roster>>, Totals)| {
            *roster == state.roster && *totals == state.changes
        };
        assert!(self.published.iter().any(known), "restored what was never published");
        self.last = state.clone();
        self.last_walk = None;
        self.api.published(state.roster.as_ref().map_or(0, |roster| roster.len()));
    }

    /// What was seen in all.
    pub(crate) fn finish(self) -> Seen {
        self.seen
    }

    /// Everybody who was there throughout is counted, as at one moment of it; nobody else, but who came or went.
    fn users(&mut self, state: &OrganizationState) -> BTreeMap<String, Known> {
        let (snapshot, roster) = (state.snapshot.as_ref().unwrap(), state.roster.as_ref().unwrap());
        let (start, end) = (snapshot.summary.start.instant, snapshot.summary.end.instant);
        let world = self.world.lock().unwrap();
        let entries = entries(roster);
        let mut counted = BTreeMap::new();
        let mut truth = Vec::new();
        for (id, records) in world.between(start, end) {
            let found = entries.get(&hash(roster, id));
            if let Some(found) = found {
                let said = records.iter().flatten().any(|record| of_record(record) == *found);
                assert!(said, "{id} was never {found:?} during the walk, but {records:?}");
                counted.insert(id.to_owned(), found.clone());
            } else {
                let throughout = records.iter().all(Option::is_some);
                assert!(!throughout, "{id} was there throughout and is not counted");
            }
            truth.extend(records.last().copied().flatten().cloned());
        }
        assert_eq!(counted.len(), roster.len(), "somebody is counted who never was");
        assert_eq!(snapshot.users, roster.len() as u64);
        let total: u64 = snapshot.figures.users.iter().map(|row| row.value).sum();
        assert_eq!(total, snapshot.users);
        if world.stood_still(start, end) {
            self.seen.still += 1;
            let figures = snapshot.figures.users.iter().filter(|row| row.value > 0);
            let figures: BTreeMap<String, u64> =
                figures.map(|row| (row.labels.join("/"), row.value)).collect();
            assert_eq!(figures, cross_table(&truth), "the organization stood still");
        }
        counted
    }

    /// Counters advance by what differs from the publication before, or start anew with another organization.
    fn changes(&mut self, state: &OrganizationState, now: &BTreeMap<String, Known>) {
        let totals = &state.changes;
        let start = state.snapshot.as_ref().unwrap().summary.start.unix_milliseconds();
        let Some(before) = &self.last.roster else {
            assert_eq!(
                *totals,
                Totals { since: Some(start), ..Totals::default() },
                "a first walk changes nothing"
            );
            return;
        };
        let end = state.snapshot.as_ref().unwrap().summary.end.instant;
        let (world, entries) = (self.world.lock().unwrap(), entries(before));
        let everybody = world.between(end, end).map(|(id, _)| id);
        let before: BTreeMap<&str, &Known> =
            everybody.filter_map(|id| Some((id, entries.get(&hash(before, id))?))).collect();
        let shared = before.keys().filter(|id| now.contains_key(**id)).count();
        if totals.since != self.last.changes.since {
            assert!(shared * 2 < before.len() && shared * 2 < now.len(), "it is the same organization");
            let expected = Totals { since: Some(start), ..self.last.changes.clone() };
            assert_eq!(*totals, expected, "between two organizations nothing changes");
            return;
        }
        let (mut changes, mut grants) = (self.last.changes.changes, self.last.changes.grants);
        let mut count = |change: Change| {
            changes[change as usize] += 1;
            self.seen.changes += 1;
        };
        let mut grant = |role: &str| {
            let grant = match role {
                "owner" => Grant::Owner,
                "reader" => Grant::Reader,
                _ => Grant::Other,
            };
            grants[grant as usize] += 1;
        };
        for (id, (role, scim, banned, enabled)) in now {
            let Some((role_before, scim_before, banned_before, enabled_before)) = before.get(id.as_str())
            else {
                count(Change::Added);
                role.iter().for_each(|role| grant(role));
                continue;
            };
            if let (Some(before), Some(now)) = (role_before, role)
                && before != now
            {
                count(Change::RoleChanged);
                grant(now);
            }
            for (before, now, on, off) in [
                (scim_before, scim, Change::ScimLinked, Change::ScimUnlinked),
                (banned_before, banned, Change::Banned, Change::Unbanned),
                (enabled_before, enabled, Change::Enabled, Change::Disabled),
            ] {
                match (before, now) {
                    (Some(false), Some(true)) => count(on),
                    (Some(true), Some(false)) => count(off),
                    _ => {}
                }
            }
        }
        before.keys().filter(|id| !now.contains_key(**id)).for_each(|_| count(Change::Removed));
        assert_eq!(totals.changes, changes);
        assert_eq!(totals.grants, grants);
    }
}

fn hash(roster: &Roster, id: &str) -> u64 {
    let (left, right) = roster.key();
    let mut hasher = SipHasher24::new_with_keys(left, right);
    hasher.write(id.as_bytes());
    hasher.finish()
}

fn entries(roster: &Roster) -> BTreeMap<u64, Known> {
    let known = |(hash, attributes)| {
        let role = Some(roster.role(attributes).to_owned()).filter(|role| role != "unknown");
        (hash, (role, attributes.scim_managed().known(), attributes.banned(), attributes.enabled()))
    };
    roster.entries().map(known).collect()
}

fn of_record(record: &Record) -> Known {
    let flag = |flag: Flag, null| match flag {
        Flag::Absent => None,
        Flag::Null => Some(null),
        Flag::Is(flag) => Some(flag),
    };
    let banned = record.account.and_then(|(banned, _)| flag(banned, false));
    let enabled = record.account.and_then(|(_, enabled)| flag(enabled, true));
    (record.role.map(str::to_owned), record.scim, banned, enabled)
}

/// The cross-table of users, by the rules of docs/counting.md.
fn cross_table(records: &[Record]) -> BTreeMap<String, u64> {
    let mut table = BTreeMap::new();
    for record in records {
        let scim = record.scim.map_or("unknown", |scim| if scim { "true" } else { "false" });
        let status = match record.account {
            Some((Flag::Is(true), _)) => "banned",
            Some((_, Flag::Is(false))) => "disabled",
            Some((Flag::Is(_), _) | (_, Flag::Is(_))) => "active",
            _ => "unknown",
        };
        let labels = format!("{}/unknown/{scim}/{status}", record.role.unwrap_or("unknown"));
        *table.entry(labels).or_insert(0) += 1;
    }
    table
}
