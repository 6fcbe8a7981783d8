//! A selector as a person writes it, or as a series is printed.

mod text;

use std::fmt;

use super::criteria::{Criteria, Matcher};
use super::family::Family;
use super::label::Label;
use super::pattern::{Pattern, PatternError, Test};
use crate::catalog;
use crate::composition::{AccountType, ApiKeyUse, FIELDS, Named, ScimManaged, Status};
use crate::duration;

/// The label that belongs to the whole, not to a user.
const ORGANIZATION: &str = "organization";

/// How much of a text an error shows, in characters.
const LONGEST_SHOWN: usize = 80;

/// How many ignored labels an error lists.
const MOST_LISTED: usize = 8;

/// Names of series that say which alert, and not which family.
const OF_ALERTS: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Which users are meant: a family or none, and what their labels have to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    family: Option<Family>,
    matchers: Vec<Matcher>,
    organization: Vec<Test>,
    ignored: Vec<String>,
}

/// Why a text is no selector of users; in one line, with what to write instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct SelectorError(pub(super) String);

/// What to do with labels that say nothing of users.
#[derive(Clone, Copy, PartialEq)]
enum Foreign {
    Refused,
    Ignored,
}

impl Selector {
    /// The selector in `text`: a family, labels in braces, or both.
    ///
    /// # Errors
    ///
    /// If it is none, or anything in it does not concern users.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Self::resolve(text::parse(text)?, Foreign::Refused)
    }

    /// The selector in a series or label set as Prometheus, Grafana or an alert prints it. Labels that say where a series
    /// comes from (`instance`, `job`, `alertname`) are ignored; [`Selector::ignored`] has their names.
    ///
    /// # Errors
    ///
    /// If it is none, counts no users, or has a label that looks like one misspelled.
    pub fn from_printed(text: &str) -> Result<Self, SelectorError> {
        Self::resolve(text::parse_printed(text)?, Foreign::Ignored)
    }

    fn resolve(parsed: text::Parsed, foreign: Foreign) -> Result<Self, SelectorError> {
        let mut selector =
            Self { family: None, matchers: Vec::new(), organization: Vec::new(), ignored: Vec::new() };
        if let Some(name) = &parsed.metric {
            match Family::named(name) {
                Some(family) => selector.family = Some(family),
                None if foreign == Foreign::Ignored && is_derived(name) => {
                    selector.ignored.push(name.clone());
                }
                None => return Err(no_family(name)),
            }
        }
        for (name, test) in parsed.tests {
            selector.take(name, test, foreign)?;
        }
        let says_nothing = selector.family.is_none() && selector.matchers.is_empty();
        if says_nothing && !selector.ignored.is_empty() {
            let hint = match selector.ignored.iter().any(|name| name == "policy") {
                true => "who is behind a policy, check --show-users says",
                false => "for everybody, give openai_org_users",
            };
            let mut names: Vec<String> =
                selector.ignored.iter().take(MOST_LISTED).map(|name| shown(name)).collect();
            if let Some(more) = selector.ignored.len().checked_sub(MOST_LISTED).filter(|more| *more > 0) {
                names.push(format!("{more} more"));
            }
            return Err(SelectorError(format!(
                "nothing of users is left without {}; {hint}",
                listed(names.iter().map(String::as_str))
            )));
        }
        Ok(selector)
    }

    fn take(&mut self, name: String, test: Test, foreign: Foreign) -> Result<(), SelectorError> {
        if name == ORGANIZATION {
            self.organization.push(test);
            return Ok(());
        }
        let Some(label) = Label::named(&name) else {
            let similar = Label::ALL.iter().map(|label| label.label()).chain([ORGANIZATION]).find(|known| {
                strsim::damerau_levenshtein(known, &name) <= if known.len() > 4 { 2 } else { 1 }
            });
            return match similar {
                Some(similar) => {
                    Err(SelectorError(format!("label {}: unknown; did you mean {similar}?", shown(&name))))
                }
                None if foreign == Foreign::Ignored => {
                    self.ignored.push(name);
                    Ok(())
                }
                None => Err(SelectorError(format!(
                    "label {}: it says nothing of users; labels that do are {}",
                    shown(&name),
                    listed(Label::ALL.iter().map(|label| label.label()))
                ))),
            };
        };
        if let Some(family) = self.family
            && !family.has(label)
        {
            // A label that is not there is an empty one.
            if test.passes(["", ""]) {
                return Ok(());
            }
            let others = Family::all().filter(|family| family.has(label)).map(|family| family.name());
            return Err(SelectorError(format!(
                "{} has no label {name}; it is one of {} (or leave the family out: labels alone go together freely)",
                family.name(),
                listed(others)
            )));
        }
        if let Some(why) = complaints(label, &test.pattern) {
            return Err(SelectorError(format!("label {}: {why}", label.label())));
        }
        self.matchers.push(Matcher { label, any_of: vec![test] });
        Ok(())
    }

    /// What a user has to be.
    pub fn criteria(&self) -> Criteria {
        Criteria::of(self.family.as_ref(), self.matchers.clone())
    }

    /// The family, if it names one.
    pub fn family(&self) -> Option<Family> {
        self.family
    }

    /// Whether the organization with this name is meant, among others maybe.
    pub fn means_organization(&self, name: &str) -> bool {
        self.organization.iter().all(|test| test.passes([name, name]))
    }

    /// The tests of the label `organization`.
    pub fn organization(&self) -> &[Test] {
        &self.organization
    }

    /// What was ignored of a printed series: labels, and a name that is not a family's.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Whether a series with these labels is one of those selected.
    pub fn fits_series<'s>(&self, name: &str, value_of: impl Fn(&str) -> Option<&'s str>) -> bool {
        let value = |label: &str| value_of(label).unwrap_or_default();
        self.family.is_some_and(|family| family.name() == name)
            && self.means_organization(value(ORGANIZATION))
            && self.matchers.iter().all(|matcher| {
                let value = value(matcher.label.label());
                matcher.any_of.iter().any(|test| test.passes([value, value]))
            })
    }
}

/// As Prometheus takes it.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let organization = self.organization.iter().map(|test| format!("{ORGANIZATION}{test}"));
        let labels = self
            .matchers
            .iter()
            .flat_map(|matcher| matcher.any_of.iter().map(|test| format!("{}{test}", matcher.label.label())));
        let tests: Vec<String> = organization.chain(labels).collect();
        let name = self.family.map_or("", |family| family.name());
        match tests.is_empty() && !name.is_empty() {
            true => f.write_str(name),
            false => write!(f, "{name}{{{}}}", tests.join(",")),
        }
    }
}

impl From<PatternError> for SelectorError {
    fn from(error: PatternError) -> Self {
        Self(error.to_string())
    }
}

/// Whether a name is that of a rule's result.
fn is_derived(name: &str) -> bool {
    name.contains(':') || OF_ALERTS.contains(&name)
}

fn no_family(name: &str) -> SelectorError {
    let families = || Family::all().map(|family| family.name());
    SelectorError(match catalog::all().find(|family| family.name == name) {
        Some(_) if name.starts_with("openai_org_user_") && name.ends_with("_total") => format!(
            "{name} counts changes, and the exporter keeps nobody's history: its log has the ids of those who changed"
        ),
        Some(_) => format!("{name} does not count users; families that do are {}", listed(families())),
        None if is_derived(name) => format!(
            "{} is what a rule records; write the family itself, or give the series to --from-labels",
            shown(name)
        ),
        None => {
            let similar = families().min_by_key(|known| strsim::damerau_levenshtein(known, name));
            let hint = similar.filter(|known| strsim::damerau_levenshtein(known, name) <= 3);
            match hint {
                Some(similar) => format!("family {}: unknown; did you mean {similar}?", shown(name)),
                None => {
                    let name = shown(name);
                    format!("family {name}: unknown; families that count users are {}", listed(families()))
                }
            }
        }
    })
}

/// Why no user can have `value` as `label`, and what there is instead; nothing where somebody can.
pub fn complaint(label: Label, value: &str) -> Option<String> {
    let known: Vec<&str> = match label {
        Label::AccountType => AccountType::ALL.iter().map(|value| value.label()).collect(),
        Label::ScimManaged => ScimManaged::ALL.iter().map(|value| value.label()).collect(),
        Label::Status => Status::ALL.iter().map(|value| value.label()).collect(),
        Label::Use => ApiKeyUse::ALL.iter().map(|value| value.label()).collect(),
        Label::Field => FIELDS.iter().map(|(field, _)| *field).collect(),
        Label::OlderThan | Label::Within => {
            let is_span = duration::parse(value).is_ok_and(|span| span.as_secs() > 0);
            return (!is_span)
                .then(|| format!("{} is no span of time; write it like 90d or 1h30m", quoted(value)));
        }
        Label::EmailDomain => {
            let is_lower = value.to_lowercase() == value;
            return (!is_lower)
                .then(|| format!("domains are in lower case; write {}", quoted(&value.to_lowercase())));
        }
        Label::Role
        | Label::DeveloperPersona
        | Label::TechnicalLevel
        | Label::ProjectId
        | Label::ProjectRole => {
            let is_label =
                matches!(value, "other" | "unknown") || Named::of_text(value) == Named::Name(value);
            return (!is_label).then(|| {
                format!(
                    "{} is never a label's value; what is too long, or like an address or a key, is other",
                    quoted(value)
                )
            });
        }
    };
    (!known.contains(&value))
        .then(|| format!("nobody has {}; values are {}", quoted(value), listed(known.into_iter())))
}

/// The same of a pattern: its value, or what an expression has to fit.
fn complaints(label: Label, pattern: &Pattern) -> Option<String> {
    let text = match pattern {
        Pattern::Is(value) => return complaint(label, value),
        Pattern::Like(text, _) => text,
    };
    let is_closed =
        matches!(label, Label::AccountType | Label::ScimManaged | Label::Status | Label::Use | Label::Field);
    // Of plain alternatives each has to be a value.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'|'));
    match is_closed && is_plain {
        true => text.split('|').filter(|part| !part.is_empty()).find_map(|part| complaint(label, part)),
        false => None,
    }
}

/// A text as an error shows it: one word or in quotes, in one line, and not the whole of a long one.
pub(super) fn shown(text: &str) -> String {
    let is_word = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
    match is_word && text.len() <= LONGEST_SHOWN {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// The same, in quotes whatever it is.
pub(super) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST_SHOWN).collect();
    let rest = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{rest}")
}

fn listed<'t>(names: impl Iterator<Item = &'t str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
