//! The composition of an organization: counts that a walk yields, built by adding users, mergeable.
//!
//! Pure: no I/O, and no clock of its own, the reference time of all ages is handed in. It must not know families
//! or pages. The rules stand in `docs/counting.md`.

mod coverage;
mod figures;
mod folds;
mod labels;
mod names;
mod projects;
mod role;
mod totals;
mod traits;

use std::sync::Arc;

use coverage::Coverage;
use names::Values;
use projects::Projects;
use role::RoleCounts;
use serde::{Deserialize, Serialize};

use crate::admin_api::{Field, User};

pub use coverage::FIELDS;
pub use figures::{Figures, Label, Row};
pub use folds::Folds;
pub(crate) use labels::label_enum;
pub use labels::{
    AccountType, ApiKeyUse, EmailDomain, EmailDomainError, ScimManaged, Status, Threshold, WINDOWS, address,
};
pub use names::Names;
pub use totals::total;
pub use traits::{Named, Traits};

/// What to count by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Thresholds from which on an API key is stale.
    pub stale_after: Vec<Threshold>,
    /// Mail domains that are counted by name.
    pub email_domains: Vec<EmailDomain>,
    /// How many projects have series of their own.
    pub projects_limit: usize,
    /// Whether projects are named.
    pub project_names: bool,
}

/// Counts of users, as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct Composition {
    options: Arc<Options>,
    /// Unix seconds from which ages are counted.
    reference: i64,
    roles: Values<RoleCounts>,
    personas: Values<u64>,
    levels: Values<u64>,
    projects: Projects,
    coverage: Coverage,
    default_users: Flag,
    purchasers: Flag,
    last_added: Option<i64>,
    last_banned: Option<i64>,
    unreadable: u64,
}

/// How many users have a flag set, and how many have it at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Flag {
    known: u64,
    set: u64,
}

impl Options {
    /// About how many series a composition has: owners and readers, three personas and three levels, all projects
    /// taken with two roles each, and every field carried.
    pub fn estimated_series(&self) -> usize {
        const USERS: usize = 2 * 2 * 2 * 3;
        const USES: usize = 2 * 2 * 2;
        const OTHERS: usize = 3 + 3 + 6;
        let stale = USES * self.stale_after.len();
        let recent = 2 * 2 * WINDOWS.len();
        let domains = match self.email_domains.len() {
            0 => 0,
            domains => 2 * (domains + 2),
        };
        let projects = self.projects_limit * if self.project_names { 3 } else { 2 };
        USERS + USES + stale + recent + domains + projects + OTHERS + coverage::FIELD_COUNT
    }
}

impl Composition {
    /// Nobody yet. Ages will be counted from `reference`, in Unix seconds.
    pub fn new(options: Arc<Options>, reference: i64) -> Self {
        Self {
            options,
            reference,
            roles: Values::default(),
            personas: Values::default(),
            levels: Values::default(),
            projects: Projects::default(),
            coverage: Coverage::default(),
            default_users: Flag::default(),
            purchasers: Flag::default(),
            last_added: None,
            last_banned: None,
            unreadable: 0,
        }
    }

    /// Counts one user.
    pub fn add(&mut self, user: &User<'_>) {
        self.roles.of(&user.role).add(user, &self.options, self.reference);
        *self.personas.of(&user.developer_persona) += 1;
        *self.levels.of(&user.technical_level) += 1;
        self.projects.add(&user.projects);
        self.coverage.add(user);
        self.default_users.add(&user.is_default);
        self.purchasers.add(&user.is_scale_tier_authorized_purchaser);
        self.last_added = self.last_added.max(user.added_at.value().copied());
        if let Some(account) = user.user.value()
            && account.banned == Field::Value(true)
        {
            self.last_banned = self.last_banned.max(account.banned_at.value().copied());
        }
    }

    /// Counts `records` that could not be read.
    pub fn add_unreadable(&mut self, records: u64) {
        self.unreadable += records;
    }

    /// Adds what `other` counted, by the same options and reference time.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!((&self.options, self.reference), (&other.options, other.reference));
        self.roles.merge(&other.roles);
        self.personas.merge(&other.personas);
        self.levels.merge(&other.levels);
        self.projects.merge(&other.projects);
        self.coverage.merge(&other.coverage);
        self.default_users.merge(other.default_users);
        self.purchasers.merge(other.purchasers);
        self.last_added = self.last_added.max(other.last_added);
        self.last_banned = self.last_banned.max(other.last_banned);
        self.unreadable += other.unreadable;
    }

    /// What is counted by.
    pub fn options(&self) -> &Arc<Options> {
        &self.options
    }

    /// How many users were counted.
    pub fn users(&self) -> u64 {
        self.personas.total()
    }

    /// How many records could not be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Which names have series of their own.
    pub fn folds(&self) -> Folds {
        Folds::of(self)
    }

    /// The counts under their labels, zeros and unknowns included.
    pub fn figures(&self) -> Figures {
        Figures::of(self)
    }
}

impl Flag {
    fn add(&mut self, field: &Field<bool>) {
        if let Some(value) = field.value() {
            self.known += 1;
            self.set += u64::from(*value);
        }
    }

    fn merge(&mut self, other: Self) {
        self.known += other.known;
        self.set += other.set;
    }

    /// The number, where there is ground for one.
    fn figure(self) -> Option<u64> {
        (self.known > 0).then_some(self.set)
    }
}

#[cfg(test)]
mod tests;
