//! One user of a list.

use std::borrow::Cow;
use std::sync::Arc;

use crate::admin_api::{Field, Project, User};
use crate::composition::{AccountType, ApiKeyUse, EmailDomain, ScimManaged, Status, Traits, address};

/// What is shown of one user.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The organization's name.
    pub organization: Arc<str>,
    /// The reference time of all ages in Unix seconds: the start of the walk.
    pub reference: i64,
    /// The user's id.
    pub id: String,
    /// The name, if there is one.
    pub name: Option<String>,
    /// The address, if there is one.
    pub email: Option<String>,
    /// What stands behind its last `@`, in lower case.
    pub email_domain: Option<String>,
    /// The role as the API has it.
    pub role: Option<String>,
    /// The label `account_type`.
    pub account_type: AccountType,
    /// The label `scim_managed`.
    pub scim_managed: ScimManaged,
    /// The label `status`.
    pub status: Status,
    /// The label `use`.
    pub key_use: ApiKeyUse,
    /// When an API key was used last, in Unix seconds.
    pub key_last_used_at: Option<i64>,
    /// When the user was added, in Unix seconds.
    pub added_at: Option<i64>,
    /// When the user was banned, in Unix seconds.
    pub banned_at: Option<i64>,
    /// The developer persona.
    pub developer_persona: Option<String>,
    /// The technical level.
    pub technical_level: Option<String>,
    /// The projects; nothing where the API does not tell.
    pub projects: Option<Vec<Membership>>,
}

/// A project of a user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The project's id.
    pub id: Option<String>,
    /// The project's name.
    pub name: Option<String>,
    /// The user's role in it.
    pub role: Option<String>,
}

impl Row {
    /// The row of `user`, who is called `name`, as a walk of `organization` saw it that began at `reference`, in Unix seconds.
    pub fn of(user: &User<'_>, name: Option<&str>, organization: &Arc<str>, reference: i64) -> Self {
        let traits = Traits::of(user, reference);
        let account = user.user.value();
        let projects = user.projects.value();
        Self {
            organization: organization.clone(),
            reference,
            id: user.id.clone().into_owned(),
            name: name.map(str::to_owned),
            email: address(user).map(str::to_owned),
            email_domain: EmailDomain::of(user).filter(|domain| !domain.is_empty()).map(str::to_lowercase),
            role: text(&user.role),
            account_type: traits.account_type,
            scim_managed: traits.scim_managed,
            status: traits.status,
            key_use: traits.key_use,
            key_last_used_at: user.api_key_last_used_at.value().copied(),
            added_at: user.added_at.value().copied(),
            banned_at: account.and_then(|account| account.banned_at.value().copied()),
            developer_persona: text(&user.developer_persona),
            technical_level: text(&user.technical_level),
            projects: projects.map(|projects| projects.list.iter().map(Membership::of).collect()),
        }
    }
}

impl Membership {
    fn of(project: &Project<'_>) -> Self {
        Self { id: text(&project.id), name: text(&project.name), role: text(&project.role) }
    }
}

/// A text, trimmed; nothing where it is absent, null or blank.
fn text(field: &Field<Cow<'_, str>>) -> Option<String> {
    field.value().map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}
