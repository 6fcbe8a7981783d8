//! For programs.

use serde_json::{Value, json};

use super::line::Line;
use super::text::time;
use super::{Organization, Report};
use crate::listing::harmless_json;
use crate::policy::Value as PolicyValue;

/// The version of the form.
const VERSION: u32 = 1;

pub(super) fn write(report: &Report) -> String {
    let organizations: Vec<Value> =
        report.organizations.iter().map(|one| organization(one, report)).collect();
    let whole =
        json!({"version": VERSION, "outcome": report.outcome().name(), "organizations": organizations});
    harmless_json(&format!("{whole:#}\n"))
}

fn organization(organization: &Organization, report: &Report) -> Value {
    match &organization.outcome {
        Ok(walked) => json!({
            "name": organization.name,
            "walked": true,
            "walk_start_time": time(walked.start),
            "users": walked.users,
            "unreadable_records": walked.unreadable,
            "policies": organization.lines().map(|line| policy(&line, report)).collect::<Vec<_>>(),
        }),
        Err(failed) => json!({
            "name": organization.name,
            "walked": false,
            "result": failed.result,
            "error": failed.why,
        }),
    }
}

fn policy(line: &Line<'_>, report: &Report) -> Value {
    let (terms, judgement) = (line.policy.terms(), &line.judgement);
    let mut policy = json!({
        "name": terms.name,
        "description": terms.description,
        "severity": terms.severity,
        "select": terms.select.to_string(),
        "bound": terms.bound.name(),
        "limit": terms.bound.limit(),
        "verdict": judgement.verdict.label(),
        "value": judgement.value.map(PolicyValue::number),
        "least": judgement.range.map(|(least, _)| least),
        "most": judgement.range.map(|(_, most)| most),
        "missing_fields": line.found.missing,
        "reasons": line.reasons(report.ids()),
        "notes": line.notes(report.ids()).iter().chain(line.remarks()).collect::<Vec<_>>(),
    });
    if let Some(of) = &terms.of {
        policy["of"] = of.to_string().into();
    }
    if report.shows_users && line.rests_on_users() {
        let user = |behind: &crate::policy::Behind| json!({"id": behind.id, "sure": behind.is_sure});
        policy["users"] = line.found.behind.iter().map(user).collect();
    }
    policy
}
