//! What a walk counts for policies: pieces add up.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Policies, Policy, Standing};
use crate::admin_api::User;
use crate::composition;
use crate::selection::{Reading, Truth};

/// Users by what they are to one policy. Whoever is excepted, or surely not one of those that shares are of, is in none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// By the labels: users who count.
    pub(super) whole: u64,
    /// By the labels: those of them who are selected.
    pub(super) part: u64,
    /// Who surely counts, and is selected: surely, maybe, surely not.
    pub(super) sure: [u64; 3],
    /// The same of those who may count.
    pub(super) open: [u64; 3],
}

/// Tallies in the making, one for each policy.
#[derive(Debug, Clone)]
pub struct Tallies {
    policies: Arc<Policies>,
    options: Arc<composition::Options>,
    reference: i64,
    tallies: Vec<Tally>,
}

/// Tallies of a whole walk, to be found by policy: also by one that came later, and counts the same users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tallied(BTreeMap<u64, Tally>);

impl Tally {
    /// Adds one user.
    pub fn add(&mut self, standing: &Standing) {
        self.whole += u64::from(standing.counts);
        self.part += u64::from(standing.counts && standing.selected);
        let users = match standing.truly_counts {
            Truth::Yes => &mut self.sure,
            Truth::Open => &mut self.open,
            Truth::No => return,
        };
        users[match standing.truly_selected {
            Truth::Yes => 0,
            Truth::Open => 1,
            Truth::No => 2,
        }] += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.whole += other.whole;
        self.part += other.part;
        let theirs = other.sure.iter().chain(&other.open);
        self.sure.iter_mut().chain(&mut self.open).zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
    }
}

impl Tallies {
    /// Nobody yet. Labels will be made as `options` say, and ages counted from `reference`, in Unix seconds.
    pub fn new(policies: Arc<Policies>, options: Arc<composition::Options>, reference: i64) -> Self {
        let tallies = vec![Tally::default(); policies.len()];
        Self { policies, options, reference, tallies }
    }

    /// Counts one user.
    pub fn add(&mut self, user: &User<'_>) {
        if self.tallies.is_empty() {
            return;
        }
        let reading = Reading::of(user, self.reference);
        for (policy, tally) in self.policies.iter().zip(&mut self.tallies) {
            tally.add(&policy.standing(user, &reading, &self.options, self.reference));
        }
    }

    /// Adds what `other` counted, for the same policies.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.tallies.len(), other.tallies.len());
        self.tallies.iter_mut().zip(&other.tallies).for_each(|(ours, theirs)| ours.merge(theirs));
    }

    /// What was counted.
    pub fn finish(&self) -> Tallied {
        let fingerprints = self.policies.iter().map(|policy| policy.fingerprint());
        Tallied(fingerprints.zip(self.tallies.iter().copied()).collect())
    }
}

impl Tallied {
    /// What was counted for `policy`, if it was.
    pub fn of(&self, policy: &Policy) -> Option<&Tally> {
        self.0.get(&policy.fingerprint())
    }
}
