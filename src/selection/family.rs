//! The families that count users.

use super::label::{Group, Label};
use crate::catalog;

/// A family that counts users, each at most once in a series.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    declared: &'static catalog::Family,
    /// What a user has to have to be counted in any of its series; nothing where all users are.
    needs: Option<Group>,
}

const FAMILIES: [Family; 12] = [
    Family { declared: &catalog::USERS, needs: None },
    Family { declared: &catalog::USERS_BY_API_KEY_USE, needs: None },
    Family { declared: &catalog::USERS_API_KEY_STALE, needs: Some(Group::Stale) },
    Family { declared: &catalog::USERS_RECENTLY_ADDED, needs: Some(Group::Recent) },
    Family { declared: &catalog::USERS_BY_DEVELOPER_PERSONA, needs: None },
    Family { declared: &catalog::USERS_BY_TECHNICAL_LEVEL, needs: None },
    Family { declared: &catalog::USERS_BY_EMAIL_DOMAIN, needs: None },
    Family { declared: &catalog::PROJECT_USERS, needs: Some(Group::Projects) },
    Family { declared: &catalog::USERS_WITHOUT_PROJECT, needs: Some(Group::WithoutProject) },
    Family { declared: &catalog::USERS_DEFAULT, needs: Some(Group::Default) },
    Family { declared: &catalog::USERS_SCALE_TIER_PURCHASERS, needs: Some(Group::Purchaser) },
    Family { declared: &catalog::USERS_WITH_FIELD, needs: Some(Group::Fields) },
];

impl Family {
    /// All of them, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        FAMILIES.into_iter()
    }

    /// The family with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|family| family.name() == name)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.declared.name
    }

    /// Its labels, other than the organization.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        self.declared.labels.iter().filter_map(|name| Label::named(name))
    }

    /// Whether `label` is one of its labels.
    pub fn has(&self, label: Label) -> bool {
        self.labels().any(|own| own == label)
    }

    pub(super) fn needs(&self) -> Option<Group> {
        self.needs
    }
}

impl PartialEq for Family {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Part;

    /// What the composition says that is no number of users, each once.
    const OTHERS: [&str; 4] = [
        "openai_org_user_last_added_timestamp_seconds",
        "openai_org_user_last_banned_timestamp_seconds",
        "openai_org_project_info",
        "openai_org_users_unreadable",
    ];

    #[test]
    fn each_family_of_the_composition_counts_users_or_is_known_not_to() {
        for family in catalog::all().filter(|family| family.part == Part::Composition) {
            if family.name.starts_with("openai_org_snapshot") {
                continue;
            }
            assert_ne!(
                Family::named(family.name).is_some(),
                OTHERS.contains(&family.name),
                "{}",
                family.name
            );
        }
    }

    #[test]
    fn each_label_of_these_families_is_known() {
        for family in Family::all() {
            assert_eq!(family.labels().count() + 1, family.declared.labels.len(), "{}", family.name());
        }
    }
}
