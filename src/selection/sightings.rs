//! Which of the values that somebody named were met: a selector with a name that nobody has selects nobody, and may be
//! misspelled.

use std::collections::BTreeSet;

use super::criteria::{Criteria, Matcher};
use super::label::Label;
use super::pattern::Test;
use super::reading::{Reading, View};
use super::selector::quoted;
use super::truth::Truth;
use crate::composition::{Folds, Options};

/// Names that a remark lists at most.
const MOST_LISTED: usize = 10;

/// Values that are asked for, of labels whose values the API chooses, and those of them that nobody had until now.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    unseen: Vec<(Label, String, Criteria)>,
}

impl Sightings {
    /// Nobody was met yet; the values are those that `criteria` ask for.
    pub fn of<'c>(criteria: impl IntoIterator<Item = &'c Criteria>) -> Self {
        let mut unseen: Vec<(Label, String, Criteria)> = Vec::new();
        for (label, value) in criteria.into_iter().flat_map(Criteria::wanted) {
            let is_known = unseen.iter().any(|(of, known, _)| (*of, known.as_str()) == (label, value));
            if is_named_by_the_api(label, value) && !is_known {
                let matcher = Matcher { label, any_of: vec![Test::is(value)] };
                unseen.push((label, value.to_owned(), Criteria::of(None, vec![matcher])));
            }
        }
        Self { unseen }
    }

    /// Meets the user of `reading`, whose labels are made as `options` say.
    pub fn look(&mut self, reading: &Reading<'_, '_>, options: &Options) {
        if !self.unseen.is_empty() {
            let view = View::with_own_names(options);
            self.unseen.retain(|(_, _, has)| has.select(reading, &view) != Truth::Yes);
        }
    }

    /// A remark on each value that nobody had, in a walk that told the names of `folds` apart.
    pub fn remarks(&self, folds: &Folds) -> Vec<String> {
        self.unseen.iter().map(|(label, value, _)| remark(*label, value, folds)).collect()
    }
}

/// Whether `value` of `label` is a name that the API gives, and no role of which there may well be nobody.
fn is_named_by_the_api(label: Label, value: &str) -> bool {
    let is_name = !matches!(value, "other" | "unknown");
    match label {
        Label::Role => is_name && !Folds::always_has_role(value),
        Label::DeveloperPersona | Label::TechnicalLevel | Label::ProjectId | Label::ProjectRole => is_name,
        _ => false,
    }
}

fn remark(label: Label, value: &str, folds: &Folds) -> String {
    let none = BTreeSet::new();
    let names = match label {
        Label::Role => &folds.roles,
        Label::DeveloperPersona => &folds.personas,
        Label::TechnicalLevel => &folds.levels,
        Label::ProjectRole => &folds.project_roles,
        // Too many to list, and made up by nobody.
        _ => &none,
    };
    let mut known: Vec<String> = names.iter().take(MOST_LISTED).map(|name| quoted(name)).collect();
    if names.len() > MOST_LISTED {
        known.push("others".to_owned());
    }
    let known = if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) };
    format!("nobody has {}={}{known}", label.label(), quoted(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin_api::{Field, Project, User};
    use crate::selection::Selector;
    use crate::selection::tests::{NOW, options};

    #[test]
    fn a_name_that_nobody_has_is_remarked_with_those_that_there_are() {
        let options = options();
        let selected = [
            r#"{role="Owner",project_id="proj_1",project_role=~"owner"}"#,
            r#"{role!="nobody",role="reader",technical_level="unknown"}"#,
            r#"{role=~"Own.*",scim_managed="false",role="Owner"}"#,
        ];
        let selected = selected.map(|text| Selector::parse(text).unwrap().criteria());
        let mut sightings = Sightings::of(&selected);
        let folds = Folds { roles: ["owner", "reader"].map(str::to_owned).into(), ..Folds::default() };
        let expected =
            [r#"nobody has role="Owner"; there are "owner", "reader""#, r#"nobody has project_id="proj_1""#];
        assert_eq!(sightings.remarks(&folds), expected);
        let project = Project { id: Field::Value("proj_1".into()), ..Project::default() };
        let user = User {
            role: Field::Value("owner".into()),
            projects: Field::Value(vec![project].into()),
            ..User::default()
        };
        sightings.look(&Reading::of(&user, NOW), &options);
        assert_eq!(sightings.remarks(&folds), expected[..1]);
    }
}
