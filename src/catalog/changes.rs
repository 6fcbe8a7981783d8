//! The families of what changed in an organization.

use super::{Family, Kind, Part};

/// The families of this file, in the order of the documentation.
pub(super) const FAMILIES: &[&Family] =
    &[&USER_CHANGES, &USER_ROLE_GRANTS, &LAST_CHANGE, &CHANGES_SINCE, &ROSTER_FINGERPRINT];

/// The value of `change` in [`LAST_CHANGE`] that [`USER_CHANGES`] does not have.
pub const OWNER_GRANTED: &str = "owner_granted";

families! { Changes Counter:
    /// Users who changed.
    USER_CHANGES "openai_org_user_changes_total" ["change", "organization"]
        "Users found changed from one completed walk to the next, by change. Only a change between two known values counts; kept in the state file.";
    /// Roles granted.
    USER_ROLE_GRANTS "openai_org_user_role_grants_total" ["organization", "role"]
        "Users found with this role who were not there in the walk before or had another known role: owner, reader, or other for any other known role; kept in the state file.";
}

families! { Changes Gauge:
    /// The latest change of each kind.
    LAST_CHANGE "openai_org_last_change_timestamp_seconds" ["change", "organization"]
        "End of the walk that found the latest change of this kind, in Unix seconds; owner_granted is a grant of the role owner. Absent until it happens; kept in the state file.";
    /// Since when nothing was missed.
    CHANGES_SINCE "openai_org_changes_since_timestamp_seconds" ["organization"]
        "Start of the walk since which changes are watched without a gap, in Unix seconds. Absent before the first completed walk; kept in the state file.";
    /// What replicas compare.
    ROSTER_FINGERPRINT "openai_org_roster_fingerprint" ["organization"]
        "A hash of everybody's id, role, status and SCIM management in the last completed walk, in whatever order, below 2^53: equal in exporters that see the same users. Goes with the composition.";
}
