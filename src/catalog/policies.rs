//! The families of policies.

use super::{Family, Kind, Part};

/// The families of this file, in the order of the documentation.
pub(super) const FAMILIES: &[&Family] = &[&POLICY_VIOLATION, &POLICY_VALUE, &POLICY_LIMIT];

families! { Policies Gauge:
    /// Whether a policy is violated.
    POLICY_VIOLATION "openai_org_policy_violation" ["organization", "policy", "severity"]
        "1 if the organization violates the policy by its last completed walk, 0 if it keeps it. Absent where missing fields or unreadable records could decide either way.";
    /// What a policy is about, in numbers.
    POLICY_VALUE "openai_org_policy_value" ["organization", "policy"]
        "Users that the policy is about in the last completed walk, or for shares their ratio from 0 to 1; by the labels, and without excepted users. Absent for a share of nobody.";
    /// What that is held to.
    POLICY_LIMIT "openai_org_policy_limit" ["bound", "organization", "policy", "severity"]
        "What the policy holds its value to, users or a ratio from 0 to 1, with its bound: max, min, exactly, max_share or min_share. There for as long as the policy is configured, whatever is known.";
}
