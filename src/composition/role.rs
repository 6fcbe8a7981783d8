//! The counts of one role, by everything that is crossed with it.

use super::Options;
use super::labels::{AccountType, ApiKeyUse, EmailDomain, ScimManaged, Status, WINDOWS};
use super::names::{Tally, at};
use crate::admin_api::{Field, User};

/// Counts of the users of one role. Places are the numbers of the label enums.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RoleCounts {
    /// By account type, SCIM and status.
    pub(super) users: [[[u64; 4]; 3]; 3],
    /// By account type and API key use.
    pub(super) api_key_use: [[u64; 3]; 3],
    /// By threshold, account type, and used or never used.
    pub(super) stale: Vec<[[u64; 2]; 3]>,
    /// By account type and window.
    pub(super) recent: [[u64; WINDOWS.len()]; 3],
    /// By mail domain; behind the configured ones stand `other` and `none`. Empty if none are configured.
    pub(super) domains: Vec<u64>,
}

impl RoleCounts {
    /// Counts `user`, with ages counted from `reference`.
    pub(super) fn add(&mut self, user: &User<'_>, options: &Options, reference: i64) {
        let account = AccountType::of(user) as usize;
        let key_use = ApiKeyUse::of(user);
        self.users[account][ScimManaged::of(user) as usize][Status::of(user) as usize] += 1;
        self.api_key_use[account][key_use as usize] += 1;

        let age = |field: &Field<i64>| field.value().map(|time| reference.saturating_sub(*time).max(0));
        let added = age(&user.added_at);
        let idle = match key_use {
            ApiKeyUse::Used => age(&user.api_key_last_used_at),
            ApiKeyUse::Never => added,
            ApiKeyUse::Unknown => None,
        };
        for (number, threshold) in options.stale_after.iter().enumerate() {
            let stale = at(&mut self.stale, number);
            if idle.is_some_and(|idle| idle >= threshold.seconds) {
                stale[account][key_use as usize] += 1;
            }
        }
        for (number, (_, seconds)) in WINDOWS.iter().enumerate() {
            if added.is_some_and(|added| added <= *seconds) {
                self.recent[account][number] += 1;
            }
        }
        if !options.email_domains.is_empty() {
            *at(&mut self.domains, EmailDomain::place(user, &options.email_domains)) += 1;
        }
    }
}

impl Tally for RoleCounts {
    fn merge(&mut self, other: &Self) {
        add(self.users.as_flattened_mut().as_flattened_mut(), other.users.as_flattened().as_flattened());
        add(self.api_key_use.as_flattened_mut(), other.api_key_use.as_flattened());
        add(self.recent.as_flattened_mut(), other.recent.as_flattened());
        for (number, stale) in other.stale.iter().enumerate() {
            add(at(&mut self.stale, number).as_flattened_mut(), stale.as_flattened());
        }
        for (number, users) in other.domains.iter().enumerate() {
            *at(&mut self.domains, number) += users;
        }
    }

    fn users(&self) -> u64 {
        self.api_key_use.as_flattened().iter().sum()
    }
}

fn add(ours: &mut [u64], theirs: &[u64]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours += theirs;
    }
}
