//! One policy of one organization, in words.

use super::Walked;
use super::text::share;
use crate::policy::{Exception, Found, Judgement, Policy, Verdict, Whom};

/// How an id is written; none is, where there is nothing.
pub(super) type Ids = Option<fn(&str) -> String>;

/// What is said of it.
pub(super) struct Line<'r> {
    pub(super) organization: &'r str,
    pub(super) policy: &'r Policy,
    pub(super) judgement: Judgement<'r>,
    pub(super) found: &'r Found,
    walked: &'r Walked,
}

impl<'r> Line<'r> {
    pub(super) fn of(
        organization: &'r str,
        policy: &'r Policy,
        walked: &'r Walked,
        found: &'r Found,
    ) -> Self {
        let judgement = policy.judge(&found.tally, walked.unreadable, walked.start);
        Self { organization, policy, judgement, found, walked }
    }

    /// The value, if there is one.
    pub(super) fn value(&self) -> String {
        self.judgement.value.map_or_else(|| "nobody".to_owned(), |value| value.to_string())
    }

    /// Why it is violated or unknown.
    pub(super) fn reasons(&self, ids: Ids) -> Vec<String> {
        let Judgement { verdict, range, ended, is_exceeded, .. } = &self.judgement;
        let mut reasons = Vec::new();
        if *is_exceeded {
            reasons.push(format!("it is {}, and has to be {}", self.value(), self.policy.terms().bound));
        }
        for (place, exception) in ended {
            let whom = whom(*place, exception, ids);
            reasons.push(format!("the exception for {whom} ended on {}", exception.until));
        }
        if let (Verdict::Unknown, Some((least, most))) = (verdict, range) {
            let is_share = self.policy.terms().bound.is_share();
            let number = |number: f64| if is_share { share(number) } else { format!("{number}") };
            let unreadable = match self.walked.unreadable {
                0 => String::new(),
                1 => ", and 1 record cannot be read".to_owned(),
                many => format!(", and {many} records cannot be read"),
            };
            let (least, most) = (number(*least), number(*most));
            reasons.push(format!(
                "it may be {least} to {most}: the API does not say enough of some users{unreadable}"
            ));
        }
        reasons
    }

    /// What is odd, and no matter of the verdict.
    pub(super) fn notes(&self, ids: Ids) -> Vec<String> {
        let exceptions = self.policy.terms().exceptions.iter().zip(&self.found.excepts).enumerate();
        let is_idle = |(_, (exception, excepts)): &(usize, (&Exception, &bool))| {
            !**excepts && exception.until.holds_at(self.walked.start)
        };
        let note = |(place, (exception, _)): (usize, (&Exception, &bool))| {
            format!("the exception for {} is for nobody who is there", whom(place, exception, ids))
        };
        exceptions.filter(is_idle).map(note).collect()
    }

    /// Whether it is worth to name users.
    pub(super) fn rests_on_users(&self) -> bool {
        self.judgement.verdict != Verdict::Ok && !self.found.behind.is_empty()
    }
}

/// Whom an exception is for. An address is never repeated.
fn whom(place: usize, exception: &Exception, ids: Ids) -> String {
    match (&exception.whom, ids) {
        (Whom::User(id), Some(written)) => written(id),
        (Whom::User(_), None) => format!("a user (number {})", place + 1),
        (Whom::Email(_), _) => format!("an address (number {})", place + 1),
    }
}
