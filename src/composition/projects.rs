//! Users by project and role.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::figures::{Label, Row, row};
use super::names::{Names, OTHER, UNKNOWN, Values, at, is_private};
use crate::admin_api::{self, Field};

/// Projects and roles in them that are told apart; further roles of a project are [`OTHER`]. No organization comes near.
const MOST_PAIRS: usize = 200_000;

/// The longest project name in characters; a longer one is cut.
const LONGEST_PROJECT_NAME: usize = 64;

/// All projects of a walk.
#[derive(Debug, Clone)]
pub(super) struct Projects {
    ids: Names,
    roles: Names,
    projects: Vec<ProjectCounts>,
    /// Roles told apart in all projects together.
    pairs: usize,
    /// Users who have a list of projects.
    listed: u64,
    /// Users whose list is empty.
    without: u64,
    /// Project and role of each entry of the list at hand; kept for its memory.
    memberships: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct ProjectCounts {
    name: Option<Box<str>>,
    /// Users in the project, each once.
    users: u64,
    /// Users by the number of their role, each once per role. Most projects have few of many roles.
    roles: BTreeMap<usize, u64>,
}

/// The series of projects.
#[derive(Debug, Default)]
pub(super) struct ProjectFigures {
    /// project_id, project_role.
    pub(super) users: Vec<Row<2>>,
    /// project_id, project_name.
    pub(super) names: Vec<Row<2>>,
    pub(super) without: Option<u64>,
}

impl Projects {
    /// Counts the projects of one user.
    pub(super) fn add(&mut self, field: &Field<admin_api::Projects<'_>>) {
        let Some(projects) = field.value() else { return };
        self.listed += 1;
        self.without += u64::from(projects.is_empty());
        self.memberships.clear();
        for project in &projects.list {
            let id = self.ids.number(&project.id);
            let counts = at(&mut self.projects, id);
            if counts.name.is_none() && id > OTHER {
                counts.name = project.name.value().and_then(|name| project_name(name));
            }
            let role = self.roles.number(&project.role);
            let is_told_apart = self.pairs < MOST_PAIRS || counts.roles.contains_key(&role);
            self.memberships.push((id, if is_told_apart { role } else { OTHER }));
        }
        self.memberships.sort_unstable();
        self.memberships.dedup();
        let mut last = None;
        for &(id, role) in &self.memberships {
            let counts = &mut self.projects[id];
            counts.users += u64::from(last != Some(id));
            self.pairs += usize::from(!counts.roles.contains_key(&role));
            *counts.roles.entry(role).or_default() += 1;
            last = Some(id);
        }
    }

    /// Projects and roles in them that have counts of their own.
    #[cfg(test)]
    pub(super) fn told_apart(&self) -> usize {
        self.projects.iter().map(|counts| counts.roles.keys().filter(|role| **role != OTHER).count()).sum()
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.listed += other.listed;
        self.without += other.without;
        for (id, theirs) in other.projects.iter().enumerate() {
            let id = self.ids.translate(id, &other.ids);
            let ours = at(&mut self.projects, id);
            ours.users += theirs.users;
            if ours.name.is_none() {
                ours.name.clone_from(&theirs.name);
            }
            for (role, users) in &theirs.roles {
                let role = self.roles.translate(*role, &other.roles);
                *ours.roles.entry(role).or_default() += users;
            }
        }
    }

    /// The series, with the `most` largest projects by themselves.
    pub(super) fn figures(&self, most: usize) -> ProjectFigures {
        let role_label = self.role_labels();
        let mut ranked = self.ranked();
        let rest = ranked.split_off(most.min(ranked.len()));
        ranked.sort_unstable_by_key(|(id, _)| *id);

        let mut figures = ProjectFigures {
            without: (self.listed > 0).then_some(self.without),
            ..ProjectFigures::default()
        };
        for (id, counts) in &ranked {
            let name = counts.name.as_deref().unwrap_or("unknown");
            figures.names.push(row([Label::from((*id).to_owned()), Label::from(name.to_owned())], 1));
            push(&mut figures.users, id, [*counts].into_iter(), &role_label);
        }
        let reserved = |number: usize| self.projects.get(number).into_iter();
        let rest = rest.into_iter().map(|(_, counts)| counts).chain(reserved(OTHER));
        push(&mut figures.users, "other", rest, &role_label);
        push(&mut figures.users, "unknown", reserved(UNKNOWN), &role_label);
        figures
    }

    /// All projects with an id, those with most users first, equal numbers in byte order.
    fn ranked(&self) -> Vec<(&str, &ProjectCounts)> {
        let mut ranked: Vec<(&str, &ProjectCounts)> = self
            .projects
            .iter()
            .enumerate()
            .filter_map(|(number, counts)| Some((self.ids.name(number)?, counts)))
            .collect();
        ranked.sort_unstable_by_key(|(id, counts)| (Reverse(counts.users), *id));
        ranked
    }

    /// The ids of the `most` largest projects, which have series of their own.
    pub(super) fn kept_ids(&self, most: usize) -> BTreeSet<String> {
        self.ranked().into_iter().take(most).map(|(id, _)| id.to_owned()).collect()
    }

    /// The roles in projects that have series of their own.
    pub(super) fn kept_roles(&self) -> BTreeSet<String> {
        let mut memberships = Values::<u64>::default();
        for counts in &self.projects {
            for (role, users) in &counts.roles {
                *memberships.of(&Field::Value(self.roles.label(*role).into())) += users;
            }
        }
        memberships.kept(&[], super::figures::MOST_VALUES)
    }

    /// The label of each role by its number; at most 20 are told apart.
    fn role_labels(&self) -> Vec<String> {
        let name = |number: usize| self.roles.label(number);
        let kept = self.kept_roles();
        let highest = self.projects.iter().filter_map(|counts| counts.roles.keys().next_back()).max();
        (0..highest.map_or(0, |highest| highest + 1))
            .map(|number| match self.roles.name(number) {
                Some(name) if !kept.contains(name) => "other".to_owned(),
                _ => name(number).to_owned(),
            })
            .collect()
    }
}

/// Adds the series of one `project_id`, the sum of `projects`, in byte order of the role.
fn push<'p>(
    rows: &mut Vec<Row<2>>,
    id: &str,
    projects: impl Iterator<Item = &'p ProjectCounts>,
    role_label: &[String],
) {
    let mut by_role = BTreeMap::<&str, u64>::new();
    for counts in projects {
        for (role, users) in &counts.roles {
            *by_role.entry(&role_label[*role]).or_default() += users;
        }
    }
    for (role, users) in by_role {
        rows.push(row([Label::from(id.to_owned()), Label::from(role.to_owned())], users));
    }
}

fn project_name(name: &str) -> Option<Box<str>> {
    if is_private(name) {
        return Some("other".into());
    }
    let name: String = name.trim().chars().take(LONGEST_PROJECT_NAME).collect();
    (!name.is_empty()).then(|| name.into_boxed_str())
}

impl Default for Projects {
    fn default() -> Self {
        Self {
            ids: Names::new(100_000),
            roles: Names::new(4096),
            projects: Vec::new(),
            pairs: 0,
            listed: 0,
            without: 0,
            memberships: Vec::new(),
        }
    }
}

/// Equal are projects that yield the same series, however many are told apart.
impl PartialEq for Projects {
    fn eq(&self, other: &Self) -> bool {
        let series = |projects: &Self| {
            let figures = projects.figures(usize::MAX);
            (figures.users, figures.names, figures.without, projects.listed)
        };
        series(self) == series(other)
    }
}
