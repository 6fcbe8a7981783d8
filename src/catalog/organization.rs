//! The families of an organization: composition and freshness.

use super::{Family, Kind, Part};

/// The families of this file, in the order of the documentation.
pub(super) const FAMILIES: &[&Family] = &[
    &USERS,
    &USERS_BY_API_KEY_USE,
    &USERS_API_KEY_STALE,
    &USERS_RECENTLY_ADDED,
    &USER_LAST_ADDED,
    &USER_LAST_BANNED,
    &USERS_BY_DEVELOPER_PERSONA,
    &USERS_BY_TECHNICAL_LEVEL,
    &USERS_BY_EMAIL_DOMAIN,
    &PROJECT_USERS,
    &PROJECT_INFO,
    &USERS_WITHOUT_PROJECT,
    &USERS_DEFAULT,
    &USERS_SCALE_TIER_PURCHASERS,
    &USERS_WITH_FIELD,
    &USERS_UNREADABLE,
    &SNAPSHOT_TIMESTAMP,
    &SNAPSHOT_ANOMALIES,
    &SNAPSHOT_AVAILABLE,
    &LAST_SUCCESS,
    &UP,
    &LAST_WALK_RESULT,
    &LAST_WALK_DURATION,
    &LAST_WALK_PAGES,
    &POLL_INTERVAL,
    &SNAPSHOT_MAX_AGE,
];

families! { Composition Gauge:
    /// The full cross-table of users.
    USERS "openai_org_users" ["account_type", "organization", "role", "scim_managed", "status"]
        "Users of the organization in the last completed walk, as the full cross-table: sum() is the total.";
    /// Users by what is known of their API key use.
    USERS_BY_API_KEY_USE "openai_org_users_by_api_key_use" ["account_type", "organization", "role", "use"]
        "Users in the last completed walk by API key use: used (a last use is known), never (the API says null), unknown (the API sent no such field). The API does not say whether a user holds a key.";
    /// Users with stale or never used keys.
    USERS_API_KEY_STALE "openai_org_users_api_key_stale" ["account_type", "older_than", "organization", "role", "use"]
        "Users in the last completed walk whose last API key use (use=used), or whose addition without any use (use=never), is at least older_than ago. Cumulative: select one older_than.";
    /// Users added lately.
    USERS_RECENTLY_ADDED "openai_org_users_recently_added" ["account_type", "organization", "role", "within"]
        "Users in the last completed walk who were added at most this long before it. Cumulative: select one within.";
    /// The newest addition.
    USER_LAST_ADDED "openai_org_user_last_added_timestamp_seconds" ["organization"]
        "Newest time at which a user of the last completed walk was added, in Unix seconds.";
    /// The newest ban.
    USER_LAST_BANNED "openai_org_user_last_banned_timestamp_seconds" ["organization"]
        "Newest time at which a banned user of the last completed walk was banned, in Unix seconds.";
    /// Users by persona.
    USERS_BY_DEVELOPER_PERSONA "openai_org_users_by_developer_persona" ["developer_persona", "organization"]
        "Users in the last completed walk by developer persona.";
    /// Users by technical level.
    USERS_BY_TECHNICAL_LEVEL "openai_org_users_by_technical_level" ["organization", "technical_level"]
        "Users in the last completed walk by technical level.";
    /// Users by the domain of their address.
    USERS_BY_EMAIL_DOMAIN "openai_org_users_by_email_domain" ["email_domain", "organization", "role"]
        "Users in the last completed walk by the domain of their address: a configured domain, other, or none (no address).";
    /// Users of a project.
    PROJECT_USERS "openai_org_project_users" ["organization", "project_id", "project_role"]
        "Users in the project in the last completed walk, each once per project and role. The largest projects by themselves, the memberships of the rest under project_id=other.";
    /// Names of projects.
    PROJECT_INFO "openai_org_project_info" ["organization", "project_id", "project_name"]
        "1 for each project of the last completed walk that has series of its own, with its name.";
    /// Users in no project.
    USERS_WITHOUT_PROJECT "openai_org_users_without_project" ["organization"]
        "Users in the last completed walk whose list of projects is there and empty.";
    /// Default users.
    USERS_DEFAULT "openai_org_users_default" ["organization"]
        "Users in the last completed walk who are the organization's default user.";
    /// Scale tier purchasers.
    USERS_SCALE_TIER_PURCHASERS "openai_org_users_scale_tier_purchasers" ["organization"]
        "Users in the last completed walk who are authorized purchasers for Scale Tier.";
    /// Coverage of the API's fields.
    USERS_WITH_FIELD "openai_org_users_with_field" ["field", "organization"]
        "Users in the last completed walk whose record carries the field with a readable value, null included where the API reference allows null. Falls when the API stops sending the field.";
    /// Records that could not be read.
    USERS_UNREADABLE "openai_org_users_unreadable" ["organization"]
        "Records in the last completed walk without a usable id; they are counted in no other family.";
    /// Start of the walk that is served.
    SNAPSHOT_TIMESTAMP "openai_org_snapshot_timestamp_seconds" ["organization"]
        "Start of the last completed walk, from which all composition comes, in Unix seconds. Goes with the composition.";
    /// What casts doubt on the walk that is served.
    SNAPSHOT_ANOMALIES "openai_org_snapshot_anomalies" ["kind", "organization"]
        "Anomalies met by the last completed walk, from which all composition comes. Goes with the composition.";
}

families! { Freshness Gauge:
    /// Whether there is composition.
    SNAPSHOT_AVAILABLE "openai_org_snapshot_available" ["organization"]
        "1 if this scrape carries the organization's composition, 0 if there is none yet or it is older than the maximum age.";
    /// End of the last walk that succeeded.
    LAST_SUCCESS "openai_org_last_success_timestamp_seconds" ["organization"]
        "End of the last successful walk, in Unix seconds. Absent only before any; outlives the composition.";
    /// Whether the latest walk succeeded.
    UP "openai_org_up" ["organization"]
        "1 if the latest finished walk succeeded, 0 if it failed. Absent before one has finished.";
    /// How the latest walk ended.
    LAST_WALK_RESULT "openai_org_last_walk_result" ["organization", "result"]
        "1, with the result of the latest finished walk: success, or why it failed. Absent before one has finished.";
    /// Duration of the latest walk.
    LAST_WALK_DURATION "openai_org_last_walk_duration_seconds" ["organization"]
        "Duration of the latest finished walk, failed ones included.";
    /// Pages of the latest walk.
    LAST_WALK_PAGES "openai_org_last_walk_pages" ["organization"]
        "Pages accepted by the latest finished walk, failed ones included.";
    /// The interval as configured.
    POLL_INTERVAL "openai_org_poll_interval_seconds" ["organization"]
        "Configured time from the start of one walk to the start of the next.";
    /// The maximum age as configured.
    SNAPSHOT_MAX_AGE "openai_org_snapshot_max_age_seconds" ["organization"]
        "Configured age, counted from the start of its walk, above which composition is withdrawn.";
}
