//! The families of what changed in an organization.

use super::{Family, Kind, Part};

/// The families of this file, in the order of the documentation.
pub(super) const FAMILIES: &[&Family] =
    &[&USER_CHANGES, &USER_ROLE_GRANTS, &LAST_CHANGE, &CHANGES_SINCE, &ROSTER_FINGERPRINT];

/// The value of `change` in [`LAST_CHANGE`] that [`USER_CHANGES`] does not have.
pub const OWNER_GRANTED: &str = "owner_granted";

/// Users who changed.
pub const USER_CHANGES: Family = Family {
    name: "openai_org_user_changes_total",
    help: "Users found changed from one completed walk to the next, by change. Only a change between two known values counts; kept in the state file.",
    kind: Kind::Counter,
    labels: &["change", "organization"],
    part: Part::Changes,
};

/// Roles granted.
pub const USER_ROLE_GRANTS: Family = Family {
    name: "openai_org_user_role_grants_total",
    help: "Users found with this role who were not there in the walk before or had another known role: owner, reader, or other for any other known role; kept in the state file.",
    kind: Kind::Counter,
    labels: &["organization", "role"],
    part: Part::Changes,
};

/// The latest change of each kind.
pub const LAST_CHANGE: Family = Family {
    name: "openai_org_last_change_timestamp_seconds",
    help: "End of the walk that found the latest change of this kind, in Unix seconds; owner_granted is a grant of the role owner. Absent until it happens; kept in the state file.",
    kind: Kind::Gauge,
    labels: &["change", "organization"],
    part: Part::Changes,
};

/// Since when nothing was missed.
pub const CHANGES_SINCE: Family = Family {
    name: "openai_org_changes_since_timestamp_seconds",
    help: "Start of the walk since which changes are watched without a gap, in Unix seconds. Absent before the first completed walk; kept in the state file.",
    kind: Kind::Gauge,
    labels: &["organization"],
    part: Part::Changes,
};

/// What replicas compare.
pub const ROSTER_FINGERPRINT: Family = Family {
    name: "openai_org_roster_fingerprint",
    help: "A hash of everybody's id, role, status and SCIM management in the last completed walk, in whatever order, below 2^53: equal in exporters that see the same users. Goes with the composition.",
    kind: Kind::Gauge,
    labels: &["organization"],
    part: Part::Changes,
};
