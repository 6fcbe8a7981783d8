//! Verdicts on policies, written down: as a table, JSON, JUnit, SARIF or Markdown.
//!
//! Pure. No name and no address of anybody is in it, and ids only where they are asked for. It must not know how users
//! were found.

mod json;
mod junit;
mod line;
mod markdown;
mod sarif;
mod table;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::{Found, Policies, Verdict};
use line::{Ids, Line};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a person at a terminal.
    Table,
    /// For programs.
    Json,
    /// JUnit's XML: a test case for each policy of each organization.
    Junit,
    /// SARIF 2.1.0: a rule for each policy, a result for each that is not kept.
    Sarif,
    /// For a pull request, or a job's summary.
    Markdown,
}

/// What was found in organizations.
#[derive(Debug)]
pub struct Report {
    /// Those that policies are about.
    pub organizations: Vec<Organization>,
    /// Where policies stand, by name.
    pub locations: BTreeMap<String, Location>,
    /// Whether ids of users are shown.
    pub shows_users: bool,
}

/// One organization.
#[derive(Debug)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// The policies that are about it.
    pub policies: Arc<Policies>,
    /// Its walk.
    pub outcome: Result<Walked, Failed>,
}

/// A walk that is complete.
#[derive(Debug)]
pub struct Walked {
    /// When it began, in Unix seconds: the reference time of all ages.
    pub start: i64,
    /// Users.
    pub users: u64,
    /// Records that could not be read.
    pub unreadable: u64,
    /// What was found, in the order of the policies.
    pub found: Vec<Found>,
}

/// A walk that is not.
#[derive(Debug)]
pub struct Failed {
    /// The value of the label `result`.
    pub result: &'static str,
    /// Why, in one line.
    pub why: String,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The path as given.
    pub path: String,
    /// From 1.
    pub line: u64,
}

/// How it stands with everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All policies are kept.
    Ok,
    /// Some organization was not walked.
    NotWalked,
    /// All were walked, and some policy is violated.
    Violated,
    /// None is, and of some it cannot be told.
    Unknown,
}

impl Format {
    const NAMES: [(&'static str, Self); 5] = [
        ("table", Self::Table),
        ("json", Self::Json),
        ("junit", Self::Junit),
        ("sarif", Self::Sarif),
        ("markdown", Self::Markdown),
    ];

    /// The format called `text`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        let names = || Self::NAMES.map(|(name, _)| name).join(", ");
        found.map(|(_, format)| *format).ok_or_else(|| format!("{text:?} is not one of {}", names()))
    }
}

impl Outcome {
    /// What it is called.
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotWalked => "not_walked",
            Self::Violated => "violated",
            Self::Unknown => "unknown",
        }
    }
}

impl Report {
    /// The report in `format`.
    pub fn write(&self, format: Format) -> String {
        match format {
            Format::Table => table::write(self),
            Format::Json => json::write(self),
            Format::Junit => junit::write(self),
            Format::Sarif => sarif::write(self),
            Format::Markdown => markdown::write(self),
        }
    }

    /// How it stands.
    pub fn outcome(&self) -> Outcome {
        let verdicts: Vec<Verdict> = self.lines().map(|line| line.judgement.verdict).collect();
        if self.organizations.iter().any(|organization| organization.outcome.is_err()) {
            Outcome::NotWalked
        } else if verdicts.contains(&Verdict::Violated) {
            Outcome::Violated
        } else if verdicts.contains(&Verdict::Unknown) {
            Outcome::Unknown
        } else {
            Outcome::Ok
        }
    }

    /// How ids are written where they are written as they are.
    fn ids(&self) -> Ids {
        self.shows_users.then_some(str::to_owned as fn(&str) -> String)
    }

    /// Each policy of each organization that was walked.
    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.organizations.iter().flat_map(Organization::lines)
    }

    /// Organizations that were not walked, and why.
    fn failures(&self) -> impl Iterator<Item = (&str, &Failed)> {
        self.organizations.iter().filter_map(|one| Some((one.name.as_str(), one.outcome.as_ref().err()?)))
    }

    /// What there is to say in all: `3 policies: 1 ok, 2 violated`.
    fn summary(&self) -> String {
        let lines: Vec<Line<'_>> = self.lines().collect();
        let count = |verdict: Verdict| lines.iter().filter(|line| line.judgement.verdict == verdict).count();
        let mut parts: Vec<String> =
            Verdict::ALL.iter().map(|verdict| format!("{} {}", count(*verdict), verdict.label())).collect();
        match self.failures().count() {
            0 => {}
            1 => parts.push("1 organization not walked".to_owned()),
            many => parts.push(format!("{many} organizations not walked")),
        }
        let verdicts = if lines.len() == 1 { "1 verdict" } else { &format!("{} verdicts", lines.len()) };
        format!("{verdicts}: {}", parts.join(", "))
    }
}

impl Organization {
    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let walked = self.outcome.as_ref().ok();
        walked.into_iter().flat_map(|walked| {
            let pairs = self.policies.iter().zip(&walked.found);
            pairs.map(|(policy, found)| Line::of(&self.name, policy, walked, found))
        })
    }
}

#[cfg(test)]
mod tests;
