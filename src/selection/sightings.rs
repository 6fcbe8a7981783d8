//! Which of the names that a selector asks for were met: one that nobody has selects nobody, and may be misspelled.

use std::collections::BTreeSet;

use super::criteria::{Criteria, Matcher};
use super::label::Label;
use super::pattern::{Pattern, Test};
use super::reading::{Reading, View};
use super::selector::quoted;
use super::truth::Truth;
use crate::composition::{Folds, Options};

/// Names that a remark lists at most.
const MOST_LISTED: usize = 10;

/// What is asked of labels whose values the API chooses, and that nobody has met until now.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    unseen: Vec<Unseen>,
}

/// A test that nobody has passed, and who would.
#[derive(Debug, Clone)]
struct Unseen {
    label: Label,
    test: Test,
    passing: Criteria,
}

impl Sightings {
    /// Nobody was met yet; the names are those that `criteria` ask for, or ask not to be there.
    pub fn of<'c>(criteria: impl IntoIterator<Item = &'c Criteria>) -> Self {
        let mut unseen: Vec<Unseen> = Vec::new();
        for (label, test) in criteria.into_iter().flat_map(Criteria::tests) {
            for test in single(&test.pattern) {
                let is_known = unseen.iter().any(|known| known.label == label && known.test == test);
                if is_named_by_the_api(label, &test.pattern) && !is_known {
                    let passing = Criteria::of(None, vec![Matcher { label, any_of: vec![test.clone()] }]);
                    unseen.push(Unseen { label, test, passing });
                }
            }
        }
        Self { unseen }
    }

    /// Meets the user of `reading`, whose labels are made as `options` say. Whoever may pass a test has passed it.
    pub fn look(&mut self, reading: &Reading<'_, '_>, options: &Options) {
        if !self.unseen.is_empty() {
            let view = View::with_doubts(options);
            self.unseen.retain(|unseen| unseen.passing.select(reading, &view) == Truth::No);
        }
    }

    /// A remark on each name that nobody has, in a walk that told the names of `folds` apart and left no record
    /// `unreadable`, who might have it.
    pub fn remarks(&self, folds: &Folds, unreadable: u64) -> Vec<String> {
        match unreadable {
            0 => self.unseen.iter().map(|unseen| remark(unseen.label, &unseen.test, folds)).collect(),
            _ => Vec::new(),
        }
    }
}

/// The tests of single names that a pattern stands for; an expression of plain names is one of each.
fn single(pattern: &Pattern) -> Vec<Test> {
    match pattern {
        Pattern::Like(text, _) if text.bytes().all(|byte| is_plain(byte) || byte == b'|') => {
            text.split('|').filter(|name| !name.is_empty()).map(Test::is).collect()
        }
        pattern => vec![Test { negated: false, pattern: pattern.clone() }],
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ')
}

/// Whether a value of `label` is a name that the API gives, and `pattern` asks for one that there need not be.
fn is_named_by_the_api(label: Label, pattern: &Pattern) -> bool {
    let is_usual = |name: &str| match label {
        Label::Role => matches!(name, "other" | "unknown") || Folds::always_has_role(name),
        _ => matches!(name, "" | "other" | "unknown" | "none"),
    };
    label.has_other() && !pattern.literal().is_some_and(is_usual)
}

fn remark(label: Label, test: &Test, folds: &Folds) -> String {
    let none = BTreeSet::new();
    let names = match label {
        Label::Role => &folds.roles,
        Label::DeveloperPersona => &folds.personas,
        Label::TechnicalLevel => &folds.levels,
        Label::ProjectRole => &folds.project_roles,
        // Too many to list.
        _ => &none,
    };
    let mut known: Vec<String> = names.iter().take(MOST_LISTED).map(|name| quoted(name)).collect();
    if names.len() > MOST_LISTED {
        known.push("others".to_owned());
    }
    let known = if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) };
    let asked = match &test.pattern {
        Pattern::Is(name) => format!("={}", quoted(name)),
        Pattern::Like(text, _) => format!("=~{}", quoted(text)),
    };
    format!("nobody has {}{asked}{known}", label.label())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin_api::{Field, Project, User};
    use crate::selection::Selector;
    use crate::selection::tests::{NOW, options};

    fn user(role: Option<&'static str>, projects: &[&'static str]) -> User<'static> {
        let text = |text: &'static str| Field::Value(text.into());
        let project =
            |id: &&'static str| Project { id: text(id), role: text("member"), ..Project::default() };
        let projects: Vec<Project<'static>> = projects.iter().map(project).collect();
        User {
            role: role.map_or(Field::Absent, text),
            projects: Field::Value(projects.into()),
            ..User::default()
        }
    }

    fn remarks(selectors: &[&str], users: &[User<'static>]) -> Vec<String> {
        let selected: Vec<Criteria> =
            selectors.iter().map(|text| Selector::parse(text).unwrap().criteria()).collect();
        let (mut sightings, options) = (Sightings::of(&selected), options());
        users.iter().for_each(|user| sightings.look(&Reading::of(user, NOW), &options));
        let folds = Folds { roles: ["owner", "reader"].map(str::to_owned).into(), ..Folds::default() };
        assert!(sightings.remarks(&folds, 1).is_empty(), "somebody who cannot be read may have it");
        sightings.remarks(&folds, 0)
    }

    #[test]
    fn a_name_that_nobody_has_is_remarked_with_those_that_there_are() {
        let selectors = [
            r#"{role="Owner",project_id="proj_1",project_role=~"owner"}"#,
            r#"{role!="Owner",role="reader",technical_level="unknown"}"#,
            r#"{role=~"Own.*",scim_managed="false",role=~"auditor|owner"}"#,
        ];
        let known = r#"; there are "owner", "reader""#;
        let owner = user(Some("owner"), &["proj_1"]);
        assert_eq!(
            remarks(&selectors, &[owner]),
            [
                format!(r#"nobody has role="Owner"{known}"#),
                r#"nobody has project_role="owner""#.to_owned(),
                format!(r#"nobody has role=~"Own.*"{known}"#),
                format!(r#"nobody has role="auditor"{known}"#),
            ]
        );
    }

    #[test]
    fn nothing_is_remarked_that_somebody_may_have() {
        let selectors = [r#"{role="Owner",project_id="proj_9"}"#];
        assert_eq!(remarks(&selectors, &[user(None, &["proj_9"])]), [""; 0]);
        assert_eq!(remarks(&selectors, &[user(Some("Owner"), &["proj_9"])]), [""; 0]);
    }
}
