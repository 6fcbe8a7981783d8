//! What changed from one roster to the next.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Attributes, Roster};
use crate::composition::{AccountType, Names, label_enum};

label_enum! {
    /// The label `change`. Only a change between two known values is one.
    Change {
        /// Was not there before.
        Added "added",
        /// Is there no more.
        Removed "removed",
        /// Had another role.
        RoleChanged "role_changed",
        /// Was banned.
        Banned "banned",
        /// Is banned no more.
        Unbanned "unbanned",
        /// Was disabled.
        Disabled "disabled",
        /// Was enabled again.
        Enabled "enabled",
        /// Came under SCIM management.
        ScimLinked "scim_linked",
        /// Left SCIM management.
        ScimUnlinked "scim_unlinked",
    }
}

label_enum! {
    /// The label `role` of role grants.
    Grant {
        /// Owner.
        Owner "owner",
        /// Reader.
        Reader "reader",
        /// Any other known role.
        Other "other",
    }
}

/// Sightings kept of each kind of change; more are only counted.
pub(super) const MOST_SIGHTINGS: usize = 200;

/// Kinds of removed users, by role and account type, that are kept apart.
pub(super) const MOST_REMOVALS: usize = 20;

/// Everything that changed, as counts and, for the log, as some sightings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    users: [u64; Change::ALL.len()],
    grants: [u64; Grant::ALL.len()],
    sightings: Vec<Sighting>,
    removals: Vec<Removal>,
}

/// One change of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What changed.
    pub change: Change,
    /// Whose.
    pub user_id: Box<str>,
    /// The value before, if there was one.
    pub from: Option<Box<str>>,
    /// The value now.
    pub to: Box<str>,
}

/// Users who are gone: the roster does not know their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The role that they had.
    pub role: Box<str>,
    /// Their account type.
    pub account_type: AccountType,
    /// How many.
    pub users: u64,
}

impl Changes {
    /// Users with `change`.
    pub fn of(&self, change: Change) -> u64 {
        self.users[change as usize]
    }

    /// Users who were granted a role.
    pub fn granted(&self, grant: Grant) -> u64 {
        self.grants[grant as usize]
    }

    /// The first sightings of each kind, removals aside, in the order in which users came.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    /// Those who are gone, the most frequent kinds.
    pub fn removals(&self) -> &[Removal] {
        &self.removals
    }

    /// Somebody is in `now` with `attributes`, and was in the roster before with `before`, if there.
    pub(super) fn see(
        &mut self,
        id: &str,
        before: Option<(&Roster, Attributes)>,
        now: (&Roster, Attributes),
    ) {
        let (roster, attributes) = now;
        let role = roster.role(attributes);
        let known = attributes.role() != Names::UNKNOWN;
        let Some((roster_before, before)) = before else {
            self.count(Change::Added, id, None, role);
            if known {
                self.grants[grant(role) as usize] += 1;
            }
            return;
        };
        // Numbers are the same in both rosters; what is unknown has the lowest.
        if known && before.role() != Names::UNKNOWN && before.role() != attributes.role() {
            self.count(Change::RoleChanged, id, Some(roster_before.role(before)), role);
            self.grants[grant(role) as usize] += 1;
        }
        let scim = |attributes: Attributes| attributes.scim_managed().known();
        for (before, now, on, off) in [
            (before.banned(), attributes.banned(), Change::Banned, Change::Unbanned),
            (before.enabled(), attributes.enabled(), Change::Enabled, Change::Disabled),
            (scim(before), scim(attributes), Change::ScimLinked, Change::ScimUnlinked),
        ] {
            match (before, now) {
                (Some(false), Some(true)) => self.count(on, id, Some("false"), "true"),
                (Some(true), Some(false)) => self.count(off, id, Some("true"), "false"),
                _ => {}
            }
        }
    }

    /// Adds what changed in another part of the list. Nobody is gone yet.
    pub(super) fn add(&mut self, other: Self) {
        for sighting in other.sightings {
            let kept = self.sightings.iter().filter(|kept| kept.change == sighting.change).count();
            if kept < MOST_SIGHTINGS {
                self.sightings.push(sighting);
            }
        }
        self.users.iter_mut().zip(other.users).for_each(|(ours, theirs)| *ours += theirs);
        self.grants.iter_mut().zip(other.grants).for_each(|(ours, theirs)| *ours += theirs);
    }

    /// Everybody of `before` who is gone.
    pub(super) fn miss(&mut self, before: &Roster, gone: impl Iterator<Item = Attributes>) {
        let mut numbers = BTreeMap::<(usize, usize), (Attributes, u64)>::new();
        for attributes in gone {
            let kind = (attributes.role(), attributes.account_type() as usize);
            numbers.entry(kind).or_insert((attributes, 0)).1 += 1;
        }
        self.users[Change::Removed as usize] = numbers.values().map(|(_, users)| users).sum();
        let mut removals: Vec<Removal> = numbers
            .into_values()
            .map(|(attributes, users)| Removal {
                role: before.role(attributes).into(),
                account_type: attributes.account_type(),
                users,
            })
            .collect();
        removals.sort_by_key(|removal| Reverse(removal.users));
        removals.truncate(MOST_REMOVALS);
        self.removals = removals;
    }

    fn count(&mut self, change: Change, id: &str, from: Option<&str>, to: &str) {
        let users = &mut self.users[change as usize];
        *users += 1;
        if *users <= MOST_SIGHTINGS as u64 {
            let (user_id, from) = (id.into(), from.map(Into::into));
            self.sightings.push(Sighting { change, user_id, from, to: to.into() });
        }
    }
}

fn grant(role: &str) -> Grant {
    match role {
        "owner" => Grant::Owner,
        "reader" => Grant::Reader,
        _ => Grant::Other,
    }
}
