//! Policies, and whether they are kept.

use serde::Serialize;

use crate::policy::{Policies, Policy, Value, Verdict};
use crate::snapshot::Snapshot;

/// A policy that is about the organization.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::web::status) struct PolicyLine {
    pub(in crate::web::status) name: String,
    pub(in crate::web::status) severity: String,
    /// The kind of the limit: `max`, `min`, `exactly`, `max_share` or `min_share`.
    pub(in crate::web::status) bound: &'static str,
    /// Users, or a ratio.
    pub(in crate::web::status) limit: f64,
    /// `ok`, `violated` or `unknown`; absent where no walk that is served has counted for it.
    pub(in crate::web::status) verdict: Option<&'static str>,
    /// Users, or a ratio; by the labels, without excepted users. Absent for a share of nobody too.
    pub(in crate::web::status) value: Option<f64>,
    /// Exceptions that have ended, each of which is a violation: their numbers in the policy's list, from 1, and days.
    pub(in crate::web::status) ended_exceptions: Vec<EndedException>,
    /// Limit and value in words, for the page alone.
    #[serde(skip)]
    pub(in crate::web::status) words: Words,
}

/// An exception that has ended. Whom it is for is not said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::web::status) struct EndedException {
    pub(in crate::web::status) number: usize,
    /// The last day on which it held.
    pub(in crate::web::status) until: String,
}

/// What the page says in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web::status) struct Words {
    pub(in crate::web::status) limit: String,
    pub(in crate::web::status) value: Option<String>,
}

impl PolicyLine {
    /// Each of `policies`, by what `snapshot` counted.
    pub(super) fn all(policies: &Policies, snapshot: Option<&Snapshot>) -> Vec<Self> {
        policies.iter().map(|policy| Self::of(policy, snapshot)).collect()
    }

    fn of(policy: &Policy, snapshot: Option<&Snapshot>) -> Self {
        let terms = policy.terms();
        let judgement = snapshot.and_then(|snapshot| snapshot.judge(policy));
        let value = judgement.as_ref().and_then(|judgement| judgement.value);
        let ended = judgement.iter().flat_map(|judgement| &judgement.ended);
        Self {
            name: terms.name.clone(),
            severity: terms.severity.clone(),
            bound: terms.bound.name(),
            limit: terms.bound.limit(),
            verdict: judgement.as_ref().map(|judgement| judgement.verdict.label()),
            value: value.map(Value::number),
            ended_exceptions: ended
                .map(|(place, exception)| EndedException {
                    number: place + 1,
                    until: exception.until.to_string(),
                })
                .collect(),
            words: Words { limit: terms.bound.to_string(), value: value.map(|value| value.to_string()) },
        }
    }

    /// Whether it is known to be violated.
    pub(in crate::web::status) fn is_violated(&self) -> bool {
        self.verdict == Some(Verdict::Violated.label())
    }
}
