//! Policies: named rules over the labels, such as "at most 5 owners", and whether an organization keeps them.
//!
//! Pure. A verdict is three-valued: `ok` and `violated` hold whatever the API did not say, and everything else is
//! `unknown`. It must not know where policies are written, or who asks for verdicts.

mod audit;
mod bound;
mod exception;
mod judgement;
mod selector;
mod tally;

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use crate::admin_api::User;
use crate::composition;
use crate::selection::{Criteria, Reading, Selector, Truth, View};

pub use audit::{Audit, Behind, Found};
pub use bound::{Bound, BoundError};
pub use exception::{Exception, Until, UntilError, Whom};
pub use judgement::{Judgement, Value, Verdict};
pub use selector::parse as parse_selector;
pub use tally::{Tallied, Tallies, Tally};

use exception::{Exceptions, Exempt};

/// What a policy says.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The value of the label `policy`.
    pub name: String,
    /// Whom it is about.
    pub select: Selector,
    /// Of whom shares are; of all users where there is none.
    pub of: Option<Selector>,
    /// How many there may be.
    pub bound: Bound,
    /// The value of the label `severity`.
    pub severity: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who does not count, and until when.
    pub exceptions: Vec<Exception>,
}

/// A policy, ready to be held against users.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    terms: Terms,
    select: Criteria,
    of: Criteria,
    exceptions: Exceptions,
    fingerprint: u64,
}

/// The policies of an organization, in the order in which they are written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policies(Vec<Arc<Policy>>);

/// What a user is to a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// By the labels, whether the user is one of those selected.
    pub selected: bool,
    /// By the labels, whether the user counts at all: is one of those that shares are of, and not excepted.
    pub counts: bool,
    /// The same as `selected`, as far as it can be told.
    pub truly_selected: Truth,
    /// The same as `counts`, as far as it can be told.
    pub truly_counts: Truth,
}

impl Policy {
    /// A policy of these terms.
    pub fn new(terms: Terms) -> Self {
        let select = terms.select.criteria();
        let of = terms.of.as_ref().map(Selector::criteria).unwrap_or_default();
        let (exceptions, fingerprint) = (Exceptions::of(&terms.exceptions), fingerprint(&terms));
        Self { terms, select, of, exceptions, fingerprint }
    }

    /// What it says.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The value of the label `policy`.
    pub fn name(&self) -> &str {
        &self.terms.name
    }

    /// A number that is another one where other users would count.
    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Exceptions that had ended at `reference`, in Unix seconds, with their places.
    pub fn ended(&self, reference: i64) -> impl Iterator<Item = (usize, &Exception)> {
        let exceptions = self.terms.exceptions.iter().enumerate();
        exceptions.filter(move |(_, exception)| !exception.until.holds_at(reference))
    }

    /// Everything that is asked of users.
    fn criteria(&self) -> [&Criteria; 2] {
        [&self.select, &self.of]
    }

    /// The fields that the API does not send, and by which it cannot be told what the user of `reading` is to it; each once.
    fn missing_fields(
        &self,
        user: &User<'_>,
        reading: &Reading<'_, '_>,
        options: &composition::Options,
        reference: i64,
    ) -> BTreeSet<&'static str> {
        let exempt = self.exceptions.exempt(user, reading, reference, &self.terms.exceptions);
        let doubts = View::with_doubts(options);
        let open = self.criteria().into_iter().filter(|one| one.select(reading, &doubts) == Truth::Open);
        let missing = open.flat_map(|criteria| criteria.missing_fields(reading, &doubts));
        missing.chain((exempt == Exempt::Open).then_some("email")).collect()
    }

    /// The places of the exceptions that are for the user of `reading`, or may be.
    fn concerned(&self, user: &User<'_>, reading: &Reading<'_, '_>) -> Vec<usize> {
        self.exceptions.concerned(user, reading)
    }

    /// What the user of `reading` is to it at `reference`, in Unix seconds, by labels as `options` make them.
    pub fn standing(
        &self,
        user: &User<'_>,
        reading: &Reading<'_, '_>,
        options: &composition::Options,
        reference: i64,
    ) -> Standing {
        let exempt = self.exceptions.exempt(user, reading, reference, &self.terms.exceptions);
        let (plain, doubts) = (View::with_own_names(options), View::with_doubts(options));
        let is_excepted = matches!(exempt, Exempt::By(_));
        Standing {
            selected: self.select.select(reading, &plain) == Truth::Yes,
            counts: !is_excepted && self.of.select(reading, &plain) == Truth::Yes,
            truly_selected: self.select.select(reading, &doubts),
            truly_counts: Truth::all([!exempt.truth(), self.of.select(reading, &doubts)]),
        }
    }
}

impl Policies {
    /// These, in this order.
    pub fn new(policies: Vec<Arc<Policy>>) -> Self {
        Self(policies)
    }

    /// Each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Policy>> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Of everything that decides who counts; its version is raised when the meaning of any of it changes.
fn fingerprint(terms: &Terms) -> u64 {
    const VERSION: u8 = 1;
    let mut hasher = SipHasher13::new();
    hasher.write_u8(VERSION);
    let of = terms.of.as_ref().map(ToString::to_string).unwrap_or_default();
    let exceptions = terms.exceptions.iter().flat_map(|exception| {
        let (kind, whom) = exception.whom.parts();
        [kind.to_owned(), whom.to_owned(), exception.until.to_string()]
    });
    for text in [terms.select.to_string(), of].into_iter().chain(exceptions) {
        hasher.write_usize(text.len());
        hasher.write(text.as_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
