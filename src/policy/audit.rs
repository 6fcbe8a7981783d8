//! What one walk shows to whoever asks who is behind a verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Bound, Policies, Policy, Standing, Tally};
use crate::admin_api::{User, shown_id};
use crate::composition::{self, Folds};
use crate::selection::{Reading, Sightings, Truth};

/// Findings in the making, one for each policy.
#[derive(Debug)]
pub struct Audit {
    policies: Arc<Policies>,
    options: Arc<composition::Options>,
    reference: i64,
    /// Whether ids are kept of whoever is behind a verdict.
    keeps_ids: bool,
    found: Vec<Found>,
    /// Of each policy, the names in it that nobody has yet.
    sightings: Vec<Sightings>,
}

/// What was found for one policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Who counts.
    pub tally: Tally,
    /// Of each exception, whether it is for anybody who is there, or may be.
    pub excepts: Vec<bool>,
    /// Fields that the API does not send, and how many users that leaves open.
    pub missing: BTreeMap<&'static str, u64>,
    /// Remarks on names in it that nobody has.
    pub unseen: Vec<String>,
    /// Whom a verdict other than `ok` would rest on, in the order of the list.
    pub behind: Vec<Behind>,
}

/// Somebody whom a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// The user's id, as logs show it.
    pub id: Box<str>,
    /// Whether it is known that the user is one of those.
    pub is_sure: bool,
}

impl Audit {
    /// Nobody yet. Labels will be made as `options` say, and ages counted from `reference`, in Unix seconds.
    pub fn new(
        policies: Arc<Policies>,
        options: Arc<composition::Options>,
        reference: i64,
        keeps_ids: bool,
    ) -> Self {
        let nobody = |policy: &Arc<Policy>| Found {
            excepts: vec![false; policy.terms().exceptions.len()],
            ..Found::default()
        };
        let found = policies.iter().map(nobody).collect();
        let sightings = policies.iter().map(|policy| Sightings::of(policy.criteria())).collect();
        Self { policies, options, reference, keeps_ids, found, sightings }
    }

    /// Looks at one user.
    pub fn add(&mut self, user: &User<'_>) {
        let reading = Reading::of(user, self.reference);
        self.sightings.iter_mut().for_each(|sightings| sightings.look(&reading, &self.options));
        for (policy, found) in self.policies.iter().zip(&mut self.found) {
            let standing = policy.standing(user, &reading, &self.options, self.reference);
            if leaves_open(policy.terms().bound, &standing) {
                for field in policy.missing_fields(user, &reading, &self.options, self.reference) {
                    *found.missing.entry(field).or_default() += 1;
                }
            }
            found.tally.add(&standing);
            for place in policy.concerned(user, &reading) {
                found.excepts[place] = true;
            }
            if self.keeps_ids
                && let Some(is_sure) = is_behind(policy.terms().bound, &standing)
            {
                found.behind.push(Behind { id: shown_id(&user.id).into(), is_sure });
            }
        }
    }

    /// What was found, in the order of the policies, in a walk that told the names of `folds` apart and left so many
    /// records `unreadable`.
    pub fn finish(mut self, folds: &Folds, unreadable: u64) -> Vec<Found> {
        for (found, sightings) in self.found.iter_mut().zip(&self.sightings) {
            found.unseen = sightings.remarks(folds, unreadable);
        }
        self.found
    }
}

/// Whether the value may be another one, as it cannot be told what a user is.
fn leaves_open(bound: Bound, standing: &Standing) -> bool {
    let selected = Truth::all([standing.truly_counts, standing.truly_selected]);
    let is_open = standing.truly_counts == Truth::Open
        || (standing.truly_counts == Truth::Yes && standing.truly_selected == Truth::Open);
    if bound.is_share() { is_open } else { selected == Truth::Open }
}

/// Whether a verdict rests on a user: surely, or maybe. Where too few are selected, nobody can be named but those who
/// may be selected.
fn is_behind(bound: Bound, standing: &Standing) -> Option<bool> {
    let selected = Truth::all([standing.truly_counts, standing.truly_selected]);
    let others = Truth::all([standing.truly_counts, !standing.truly_selected]);
    let is_behind = match bound {
        Bound::Max(_) | Bound::Exactly(_) | Bound::MaxShare(_) => selected,
        Bound::MinShare(_) => others,
        Bound::Min(_) => {
            if selected == Truth::Open {
                selected
            } else {
                Truth::No
            }
        }
    };
    match is_behind {
        Truth::Yes => Some(true),
        Truth::Open => Some(false),
        Truth::No => None,
    }
}
