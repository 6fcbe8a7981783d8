//! Which fields the API still sends.

use crate::admin_api::{Account, Field, User};

/// How many fields are looked at.
pub(super) const FIELD_COUNT: usize = 17;

/// Whether a user's record carries a field.
type Carries = fn(&User<'_>) -> bool;

/// Each optional field that is read, as the label `field` calls it, and whether a record carries it.
pub const FIELDS: [(&str, Carries); FIELD_COUNT] = [
    ("added_at", |user| user.added_at.is_carried()),
    ("api_key_last_used_at", |user| user.api_key_last_used_at.is_carried()),
    ("created", |user| user.created.is_carried()),
    ("developer_persona", |user| user.developer_persona.is_carried()),
    ("email", |user| user.email.is_carried()),
    ("is_default", |user| user.is_default.is_carried()),
    ("is_scale_tier_authorized_purchaser", |user| user.is_scale_tier_authorized_purchaser.is_carried()),
    ("is_scim_managed", |user| user.is_scim_managed.is_carried()),
    ("is_service_account", |user| user.is_service_account.is_carried()),
    ("projects", |user| user.projects.is_carried()),
    ("role", |user| user.role.is_carried()),
    ("technical_level", |user| user.technical_level.is_carried()),
    ("user", |user| user.user.is_carried()),
    ("user.banned", |user| nested(user, |account| account.banned.is_carried())),
    ("user.banned_at", |user| nested(user, |account| account.banned_at.is_carried())),
    ("user.email", |user| nested(user, |account| account.email.is_carried())),
    ("user.enabled", |user| nested(user, |account| account.enabled.is_carried())),
];

/// Users by field carried, and what the zeros of `status` rest on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Coverage {
    carried: [u64; FIELDS.len()],
    /// Users with `banned` true or false.
    pub(super) banned_known: u64,
    /// Users with `enabled` true or false.
    pub(super) enabled_known: u64,
}

impl Coverage {
    pub(super) fn add(&mut self, user: &User<'_>) {
        for (users, (_, carries)) in self.carried.iter_mut().zip(FIELDS) {
            *users += u64::from(carries(user));
        }
        self.banned_known += u64::from(nested(user, |account| account.banned.value().is_some()));
        self.enabled_known += u64::from(nested(user, |account| account.enabled.value().is_some()));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.carried.iter_mut().zip(other.carried) {
            *ours += theirs;
        }
        self.banned_known += other.banned_known;
        self.enabled_known += other.enabled_known;
    }

    /// Users by field carried.
    pub(super) fn by_field(&self) -> impl Iterator<Item = (&'static str, u64)> {
        FIELDS.iter().map(|(field, _)| *field).zip(self.carried)
    }

    /// Users who carry `field`.
    pub(super) fn of(&self, field: &str) -> u64 {
        self.by_field().find_map(|(name, users)| (name == field).then_some(users)).unwrap_or_default()
    }
}

fn nested(user: &User<'_>, carries: fn(&Account<'_>) -> bool) -> bool {
    matches!(&user.user, Field::Value(account) if carries(account))
}
