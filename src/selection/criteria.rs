//! What a user has to be to be one of those selected.

use super::family::Family;
use super::label::{Group, Label};
use super::pattern::Test;
use super::reading::{Reading, Rows, View};
use super::truth::Truth;

/// Conditions, all of which have to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Criteria {
    clauses: Vec<Clause>,
}

/// One condition: that a user has, or has not, a row with these values.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    group: Group,
    /// All of which one row has to pass.
    matchers: Vec<Matcher>,
    /// Whether no row may pass.
    negated: bool,
}

/// Tests of a label's value, one of which has to pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Matcher {
    /// The label.
    pub label: Label,
    /// The tests.
    pub any_of: Vec<Test>,
}

impl Criteria {
    /// A user who passes all `matchers`, with those of one group in one row, and is counted in `family`.
    pub fn of(family: Option<&Family>, matchers: Vec<Matcher>) -> Self {
        let mut criteria = Self::default();
        if let Some(group) = family.and_then(Family::needs) {
            criteria.clauses.push(Clause { group, matchers: Vec::new(), negated: false });
        }
        for matcher in matchers {
            let group = matcher.label.group();
            match criteria.clauses.iter_mut().find(|clause| clause.group == group) {
                Some(clause) => clause.matchers.push(matcher),
                None => criteria.clauses.push(Clause { group, matchers: vec![matcher], negated: false }),
            }
        }
        criteria
    }

    /// And no row of the user's may pass `matcher`.
    pub fn exclude(&mut self, matcher: Matcher) {
        self.clauses.push(Clause { group: matcher.label.group(), matchers: vec![matcher], negated: true });
    }

    /// And what `other` says.
    pub fn extend(&mut self, other: Self) {
        self.clauses.extend(other.clauses);
    }

    /// Whether everybody is selected.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// The values that are named of `label`, in whatever test.
    pub fn literals(&self, label: Label) -> impl Iterator<Item = &str> {
        let tests = self.tests().filter(move |(of, _)| *of == label);
        tests.filter_map(|(_, test)| test.pattern.literal())
    }

    /// All tests with their labels.
    pub fn tests(&self) -> impl Iterator<Item = (Label, &Test)> {
        let matchers = self.clauses.iter().flat_map(|clause| &clause.matchers);
        matchers.flat_map(|matcher| matcher.any_of.iter().map(|test| (matcher.label, test)))
    }

    /// The fields that the API does not send, and by which it cannot be told whether the user of `reading` is one of
    /// those selected.
    pub fn missing_fields(
        &self,
        reading: &Reading<'_, '_>,
        view: &View<'_>,
    ) -> impl Iterator<Item = &'static str> {
        let open = self.clauses.iter().filter(|clause| clause.holds(reading, view) == Truth::Open);
        open.flat_map(|clause| reading.fields_behind(clause.group)).copied()
    }

    /// In how many projects, and roles in them, the user of `reading` is by which it is selected: what a series of projects
    /// counts, as users in several projects under `other` count in each.
    pub fn memberships(&self, reading: &Reading<'_, '_>, view: &View<'_>) -> u64 {
        let clause = self.clauses.iter().find(|clause| clause.group == Group::Projects && !clause.negated);
        let count = |clause: &Clause| {
            let rows = view.rows(reading, clause);
            clause.passing(&rows).filter(|truth| *truth == Truth::Yes).count() as u64
        };
        clause.map_or(0, count)
    }

    /// Whether it can be told how many of these memberships there are.
    pub fn memberships_are_told(&self, reading: &Reading<'_, '_>, view: &View<'_>) -> bool {
        let of_projects = |clause: &&Clause| clause.group == Group::Projects && !clause.negated;
        self.clauses.iter().filter(of_projects).all(|clause| {
            let rows = view.rows(reading, clause);
            clause.passing(&rows).all(|truth| truth != Truth::Open)
        })
    }

    /// Whether the user of `reading` is one of those selected, as `view` sees it.
    pub fn select(&self, reading: &Reading<'_, '_>, view: &View<'_>) -> Truth {
        Truth::all(self.clauses.iter().map(|clause| clause.holds(reading, view)))
    }
}

impl Clause {
    fn holds(&self, reading: &Reading<'_, '_>, view: &View<'_>) -> Truth {
        let rows = view.rows(reading, self);
        let any = Truth::any(self.passing(&rows).chain(rows.more.then_some(Truth::Open)));
        if self.negated { !any } else { any }
    }

    /// Whether each row passes.
    fn passing(&self, rows: &Rows<'_>) -> impl Iterator<Item = Truth> {
        rows.entries.iter().map(|alternatives| {
            Truth::agreed(alternatives.iter().map(|row| {
                self.matchers.iter().all(|matcher| {
                    let spellings = row[usize::from(matcher.label == Label::ProjectRole)];
                    matcher.any_of.iter().any(|test| test.passes(spellings))
                })
            }))
        })
    }

    pub(super) fn group(&self) -> Group {
        self.group
    }

    /// Whether anything is asked of `label`.
    pub(super) fn tests(&self, label: Label) -> bool {
        self.matchers.iter().any(|matcher| matcher.label == label)
    }

    /// Whether a test names `value` of `label`.
    pub(super) fn names(&self, label: Label, value: &str) -> bool {
        self.literals(label).any(|literal| literal == value)
    }

    /// The values that are named of `label`.
    pub(super) fn literals(&self, label: Label) -> impl Iterator<Item = &str> {
        let matchers = self.matchers.iter().filter(move |matcher| matcher.label == label);
        matchers.flat_map(|matcher| &matcher.any_of).filter_map(|test| test.pattern.literal())
    }
}
