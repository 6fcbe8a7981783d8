//! Which names have series of their own: it takes a whole walk to know, as the rest is `other`.

use std::collections::BTreeSet;

use super::Composition;
use super::figures::{MOST_VALUES, REFERENCE_ROLES};

/// The names of a walk that are label values; each other name counts under `other`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folds {
    /// Values of the label `role`.
    pub roles: BTreeSet<String>,
    /// Values of the label `developer_persona`.
    pub personas: BTreeSet<String>,
    /// Values of the label `technical_level`.
    pub levels: BTreeSet<String>,
    /// Values of the label `project_id`.
    pub projects: BTreeSet<String>,
    /// Values of the label `project_role`.
    pub project_roles: BTreeSet<String>,
}

impl Folds {
    /// Whether `role` has series of its own in every walk.
    pub fn always_has_role(role: &str) -> bool {
        REFERENCE_ROLES.contains(&role)
    }

    pub(super) fn of(composition: &Composition) -> Self {
        Self {
            roles: composition.roles.kept(&REFERENCE_ROLES, MOST_VALUES),
            personas: composition.personas.kept(&[], MOST_VALUES),
            levels: composition.levels.kept(&[], MOST_VALUES),
            projects: composition.projects.kept_ids(composition.options.projects_limit),
            project_roles: composition.projects.kept_roles(),
        }
    }
}
