//! The labels that say something of a user.

use crate::composition::label_enum;

label_enum! {
    /// A label of the composition, other than the organization.
    Label {
        /// The user's role.
        Role "role",
        /// A person or a service account.
        AccountType "account_type",
        /// Whether the user is managed through SCIM.
        ScimManaged "scim_managed",
        /// Active, banned or disabled.
        Status "status",
        /// What is known of the user's API key use.
        Use "use",
        /// How long no API key was used.
        OlderThan "older_than",
        /// How recently the user was added.
        Within "within",
        /// The developer persona.
        DeveloperPersona "developer_persona",
        /// The technical level.
        TechnicalLevel "technical_level",
        /// What stands behind the @ of the address.
        EmailDomain "email_domain",
        /// A project of the user's.
        ProjectId "project_id",
        /// The user's role in it.
        ProjectRole "project_role",
        /// A field that the user's record carries.
        Field "field",
    }
}

/// What is looked at together: a user has one row in most of these, and any number of rows in some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// One label with one value.
    One(Label),
    /// All thresholds that the user's key is stale for.
    Stale,
    /// All windows in which the user was added.
    Recent,
    /// All projects of the user's, with the role in each.
    Projects,
    /// All fields that the record carries.
    Fields,
    /// That there is a list of projects, with nothing in it.
    WithoutProject,
    /// That this is the default user.
    Default,
    /// That this is an authorized purchaser for Scale Tier.
    Purchaser,
}

impl Label {
    /// The label with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|label| label.label() == name)
    }

    /// Whether its values are names that others choose: those that have no series of their own are `other`.
    pub fn has_other(self) -> bool {
        matches!(
            self,
            Self::Role
                | Self::DeveloperPersona
                | Self::TechnicalLevel
                | Self::ProjectId
                | Self::ProjectRole
                | Self::EmailDomain
        )
    }

    /// What it is looked at with.
    pub(super) fn group(self) -> Group {
        match self {
            Self::OlderThan => Group::Stale,
            Self::Within => Group::Recent,
            Self::ProjectId | Self::ProjectRole => Group::Projects,
            Self::Field => Group::Fields,
            one => Group::One(one),
        }
    }
}
