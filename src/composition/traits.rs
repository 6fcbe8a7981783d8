//! What one user is: the definitions that counting and listing share.

use std::borrow::Cow;

use super::labels::{AccountType, ApiKeyUse, ScimManaged, Status};
use super::names::is_private;
use crate::admin_api::{Field, User};

/// The longest name in characters that is a label value.
const LONGEST_NAME: usize = 64;

/// What is said of one user, whatever is counted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// The label `account_type`.
    pub account_type: AccountType,
    /// The label `scim_managed`.
    pub scim_managed: ScimManaged,
    /// The label `status`.
    pub status: Status,
    /// The label `use`.
    pub key_use: ApiKeyUse,
    /// Seconds for which no API key was used: since the last use, or since the user was added where there was none.
    /// Nothing where nobody can tell.
    pub idle: Option<i64>,
    /// Seconds since the user was added.
    pub added: Option<i64>,
}

/// A name that the API chose, as a label value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named<'u> {
    /// A name, trimmed.
    Name(&'u str),
    /// One that is in no metric: too long, or like an address or a key.
    Other,
    /// None.
    Unknown,
}

impl Traits {
    /// What `user` is, with ages counted from `reference` in Unix seconds.
    pub fn of(user: &User<'_>, reference: i64) -> Self {
        let age = |field: &Field<i64>| field.value().map(|time| reference.saturating_sub(*time).max(0));
        let key_use = ApiKeyUse::of(user);
        let added = age(&user.added_at);
        Self {
            account_type: AccountType::of(user),
            scim_managed: ScimManaged::of(user),
            status: Status::of(user),
            key_use,
            idle: match key_use {
                ApiKeyUse::Used => age(&user.api_key_last_used_at),
                ApiKeyUse::Never => added,
                ApiKeyUse::Unknown => None,
            },
            added,
        }
    }

    /// Whether an API key of the user is stale from `seconds` on.
    pub fn is_stale(&self, seconds: i64) -> bool {
        self.idle.is_some_and(|idle| idle >= seconds)
    }

    /// Whether the user was added within the last `seconds`.
    pub fn is_recent(&self, seconds: i64) -> bool {
        self.added.is_some_and(|added| added <= seconds)
    }
}

impl<'u> Named<'u> {
    /// What `field` is called.
    pub fn of(field: &'u Field<Cow<'_, str>>) -> Self {
        field.value().map_or(Self::Unknown, |name| Self::of_text(name))
    }

    /// What `name` makes as a label value.
    pub fn of_text(name: &'u str) -> Self {
        match name.trim() {
            "" | "unknown" => Self::Unknown,
            "other" => Self::Other,
            name if name.len() > LONGEST_NAME && name.chars().count() > LONGEST_NAME => Self::Other,
            name if is_private(name) => Self::Other,
            name => Self::Name(name),
        }
    }
}
