//! The JSON face. `docs/status.schema.json` describes it.

use serde_json::json;

use super::model::Status;

/// `status` as JSON.
pub(super) fn write(status: &Status) -> String {
    serde_json::to_string(status).expect("plain data with text keys can be written")
}

/// What is said instead of a status.
pub(super) fn no_such_organization() -> String {
    json!({"error": "no organization of this name is watched"}).to_string()
}
