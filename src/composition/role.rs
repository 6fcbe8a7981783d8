//! The counts of one role, by everything that is crossed with it.

use super::Options;
use super::labels::{EmailDomain, WINDOWS};
use super::names::{Tally, at};
use super::traits::Traits;
use crate::admin_api::User;

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
        let traits = Traits::of(user, reference);
        let (account, key_use) = (traits.account_type as usize, traits.key_use as usize);
        self.users[account][traits.scim_managed as usize][traits.status as usize] += 1;
        self.api_key_use[account][key_use] += 1;

        for (number, threshold) in options.stale_after.iter().enumerate() {
            let stale = at(&mut self.stale, number);
            if traits.is_stale(threshold.seconds) {
                stale[account][key_use] += 1;
            }
        }
        for (number, (_, seconds)) in WINDOWS.iter().enumerate() {
            if traits.is_recent(*seconds) {
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
