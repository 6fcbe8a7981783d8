//! One policy of one organization, in words.

use super::Walked;
use super::text::share;
use crate::admin_api::shown_id;
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
            let (least, most) = (number(*least), number(*most));
            reasons.push(format!("it may be {least} to {most}: {}", self.doubts()));
        }
        reasons
    }

    /// What it is that cannot be told: `the API does not say role of 2 users`.
    fn doubts(&self) -> String {
        let fields = self.found.missing.iter().map(|(field, users)| {
            let plural = if *users == 1 { "" } else { "s" };
            format!("{field} of {users} user{plural}")
        });
        let fields: Vec<String> = fields.collect();
        let missing = (!fields.is_empty()).then(|| format!("the API does not say {}", fields.join(", ")));
        let unreadable = match self.walked.unreadable {
            0 => None,
            1 => Some("1 record cannot be read".to_owned()),
            many => Some(format!("{many} records cannot be read")),
        };
        missing.into_iter().chain(unreadable).collect::<Vec<_>>().join(", and ")
    }

    /// What is odd about exceptions, and no matter of the verdict.
    pub(super) fn notes(&self, ids: Ids) -> Vec<String> {
        let exceptions = self.policy.terms().exceptions.iter().zip(&self.found.excepts).enumerate();
        let is_idle = |(_, (exception, excepts)): &(usize, (&Exception, &bool))| {
            !**excepts && self.walked.unreadable == 0 && exception.until.holds_at(self.walked.start)
        };
        let note = |(place, (exception, _)): (usize, (&Exception, &bool))| {
            format!("the exception for {} is for nobody who is there", whom(place, exception, ids))
        };
        exceptions.filter(is_idle).map(note).collect()
    }

    /// The same of names in the policy that nobody has. Names of others stand in it.
    pub(super) fn remarks(&self) -> &'r [String] {
        &self.found.unseen
    }

    /// Whether it is worth to name users: where nothing but an exception has ended, nobody is one too many.
    pub(super) fn rests_on_users(&self) -> bool {
        let Judgement { verdict, is_exceeded, .. } = self.judgement;
        (is_exceeded || verdict == Verdict::Unknown) && !self.found.behind.is_empty()
    }
}

/// Whom an exception is for. An address is never repeated.
fn whom(place: usize, exception: &Exception, ids: Ids) -> String {
    match (&exception.whom, ids) {
        (Whom::User(id), Some(written)) => written(shown_id(id)),
        (Whom::User(_), None) => format!("a user (number {})", place + 1),
        (Whom::Email(_), _) => format!("an address (number {})", place + 1),
    }
}
