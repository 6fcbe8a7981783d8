//! Whether a policy is kept. A verdict holds whatever the API did not say.

use std::fmt;

use super::bound::percent;
use super::{Bound, Exception, Policy, Tally};
use crate::composition::label_enum;

label_enum! {
    /// Whether a policy is kept.
    Verdict {
        /// It is.
        Ok "ok",
        /// It is not.
        Violated "violated",
        /// What the API did not say decides.
        Unknown "unknown",
    }
}

/// What a policy is about, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// So many users.
    Users(u64),
    /// So many users of so many.
    Share {
        /// The ones.
        part: u64,
        /// The others; not 0.
        whole: u64,
    },
}

/// What is said of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement<'p> {
    /// Whether it is kept.
    pub verdict: Verdict,
    /// The value by the labels, `unknown` being one of them; none for a share of nobody.
    pub value: Option<Value>,
    /// The least and the most that the value may be, users or a ratio; none for a share of nobody.
    pub range: Option<(f64, f64)>,
    /// Exceptions that have ended, which is a violation, with their places.
    pub ended: Vec<(usize, &'p Exception)>,
    /// Whether the numbers alone would be a violation.
    pub is_exceeded: bool,
}

/// What a share may be, given what is not known; neither is there for a share of nobody.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shares {
    range: Option<(f64, f64)>,
    /// Whether there surely is somebody to have a share of.
    of_somebody: bool,
}

impl Policy {
    /// The judgement by `tally`, of a walk that began at `reference`, in Unix seconds, and met `unreadable` records
    /// that may be anybody's.
    pub fn judge(&self, tally: &Tally, unreadable: u64, reference: i64) -> Judgement<'_> {
        let bound = self.terms().bound;
        let ended: Vec<_> = self.ended(reference).collect();
        let (value, range, numbers) = match bound.is_share() {
            true => {
                let shares = tally.shares(unreadable);
                (tally.share(), shares.range, shares.verdict(bound))
            }
            false => {
                let (least, most) = tally.users(unreadable);
                let range = (ratio(least, 1), ratio(most, 1));
                (Some(Value::Users(tally.part)), Some(range), of_users(bound, least, most))
            }
        };
        let verdict = if ended.is_empty() { numbers } else { Verdict::Violated };
        Judgement { verdict, value, range, ended, is_exceeded: numbers == Verdict::Violated }
    }
}

impl Judgement<'_> {
    /// Whether the policy is violated, where that is known.
    pub fn is_violated(&self) -> Option<bool> {
        match self.verdict {
            Verdict::Ok => Some(false),
            Verdict::Violated => Some(true),
            Verdict::Unknown => None,
        }
    }
}

impl Value {
    /// Users, or a ratio from 0 to 1.
    pub fn number(self) -> f64 {
        match self {
            Self::Users(users) => ratio(users, 1),
            Self::Share { part, whole } => ratio(part, whole),
        }
    }
}

/// `7`, or `987 of 1000 (98.7%)`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Users(users) => write!(f, "{users}"),
            Self::Share { part, whole } => write!(f, "{part} of {whole} ({})", percent(self.number())),
        }
    }
}

impl Tally {
    /// How many are selected: at least, and at most.
    fn users(&self, unreadable: u64) -> (u64, u64) {
        let least = self.sure[0];
        (least, least + self.sure[1] + self.open[0] + self.open[1] + unreadable)
    }

    /// The share by the labels.
    fn share(&self) -> Option<Value> {
        (self.whole > 0).then_some(Value::Share { part: self.part, whole: self.whole })
    }

    /// The share at the least and at the most. Whoever may be selected and may count is both, or neither, or makes the
    /// whole larger alone.
    fn shares(&self, unreadable: u64) -> Shares {
        let sure: u64 = self.sure.iter().sum();
        // At the most, whoever may be selected is, and counts; the others count only where they surely do.
        let more = self.open[0] + self.open[1] + unreadable;
        let most = match sure + more {
            0 => (self.open[2] > 0).then_some(0.0),
            whole => Some(ratio(self.sure[0] + self.sure[1] + more, whole)),
        };
        // At the least, whoever may not be selected is not, and counts; the others count only where they surely do.
        let least = match sure + self.open[1] + self.open[2] + unreadable {
            0 => (self.open[0] > 0).then_some(1.0),
            whole => Some(ratio(self.sure[0], whole)),
        };
        Shares { range: least.zip(most), of_somebody: sure > 0 }
    }
}

impl Shares {
    fn verdict(self, bound: Bound) -> Verdict {
        // A share of nobody is no violation, whatever the bound.
        let Some((least, most)) = self.range else { return Verdict::Ok };
        let (is_kept, is_broken) = match bound {
            Bound::MaxShare(limit) => (most <= limit, least > limit),
            Bound::MinShare(limit) => (least >= limit, most < limit),
            Bound::Max(_) | Bound::Min(_) | Bound::Exactly(_) => unreachable!("these are no shares"),
        };
        decided(is_kept, is_broken && self.of_somebody)
    }
}

/// The verdict where the number of users is in this range.
fn of_users(bound: Bound, least: u64, most: u64) -> Verdict {
    let (is_kept, is_broken) = match bound {
        Bound::Max(limit) => (most <= limit, least > limit),
        Bound::Min(limit) => (least >= limit, most < limit),
        Bound::Exactly(limit) => (least == limit && most == limit, least > limit || most < limit),
        Bound::MaxShare(_) | Bound::MinShare(_) => unreachable!("these are shares"),
    };
    decided(is_kept, is_broken)
}

/// The verdict where it is surely kept, or surely broken, or neither.
fn decided(is_kept: bool, is_broken: bool) -> Verdict {
    match (is_kept, is_broken) {
        (true, _) => Verdict::Ok,
        (false, true) => Verdict::Violated,
        (false, false) => Verdict::Unknown,
    }
}

#[expect(clippy::cast_precision_loss, reason = "users stay far below 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
