//! SARIF 2.1.0: what code scanning shows, at the line where the policy stands.

use serde_json::{Value, json};

use super::line::Line;
use super::text::time;
use super::{Location, Report};
use crate::listing::harmless_json;
use crate::policy::{Policy, Verdict};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn write(report: &Report) -> String {
    let mut policies: Vec<&Policy> = Vec::new();
    for policy in report.organizations.iter().flat_map(|one| one.policies.iter()) {
        if !policies.iter().any(|known| known.name() == policy.name()) {
            policies.push(policy);
        }
    }
    let results: Vec<Value> = report
        .lines()
        .filter(|line| line.judgement.verdict != Verdict::Ok)
        .map(|line| result(report, &line, &policies))
        .collect();
    let run = json!({
        "tool": {"driver": {
            "name": "openai-org-exporter",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": policies.iter().map(|policy| rule(policy)).collect::<Vec<_>>(),
        }},
        "invocations": [invocation(report)],
        "results": results,
    });
    let whole = json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]});
    harmless_json(&format!("{whole:#}\n"))
}

fn rule(policy: &Policy) -> Value {
    let terms = policy.terms();
    let short = terms.description.clone().unwrap_or_else(|| format!("{} of {}", terms.bound, terms.select));
    let mut rule = json!({
        "id": terms.name,
        "shortDescription": {"text": message(&short)},
        "defaultConfiguration": {"level": level(&terms.severity)},
        "properties": {
            "severity": terms.severity,
            "select": terms.select.to_string(),
            "bound": terms.bound.name(),
            "limit": terms.bound.limit(),
        },
    });
    if let Some(of) = &terms.of {
        rule["properties"]["of"] = of.to_string().into();
    }
    rule
}

fn result(report: &Report, line: &Line<'_>, policies: &[&Policy]) -> Value {
    let name = line.policy.name();
    let (kind, level) = match line.judgement.verdict {
        Verdict::Violated => ("fail", level(&line.policy.terms().severity)),
        // Evaluated, and not decided. What is no failure has no level.
        Verdict::Ok | Verdict::Unknown => ("open", "none"),
    };
    let organization = line.organization;
    let mut text = format!("{organization}, {name}: {}", line.reasons(report.ids()).join("; "));
    if report.shows_users && line.rests_on_users() {
        let user = |behind: &crate::policy::Behind| match behind.is_sure {
            true => behind.id.to_string(),
            false => format!("{} (maybe)", behind.id),
        };
        let users: Vec<String> = line.found.behind.iter().map(user).collect();
        text.push_str(&format!("; users: {}", users.join(", ")));
    }
    let mut location = json!({"logicalLocations": [{"name": organization, "fullyQualifiedName": format!("{organization}/{name}")}]});
    if let Some(Location { path, line }) = report.locations.get(name) {
        location["physicalLocation"] =
            json!({"artifactLocation": {"uri": uri(path)}, "region": {"startLine": line}});
    }
    json!({
        "ruleId": name,
        "ruleIndex": policies.iter().position(|policy| policy.name() == name),
        "kind": kind,
        "level": level,
        "message": {"text": self::message(&text)},
        "locations": [location],
        "partialFingerprints": {"organizationAndPolicy/v1": format!("{organization}/{name}")},
        "properties": {"organization": organization, "verdict": line.judgement.verdict.label()},
    })
}

fn invocation(report: &Report) -> Value {
    let notification =
        |level: &str, text: String| json!({"level": level, "message": {"text": message(&text)}});
    let failures = report
        .failures()
        .map(|(name, failed)| notification("error", format!("{name}: not walked: {}", failed.why)));
    let mut notifications: Vec<Value> = failures.collect();
    let is_successful = notifications.is_empty();
    for line in report.lines() {
        let notes = line.notes(report.ids());
        let place = format!("{}, {}", line.organization, line.policy.name());
        let notes =
            notes.iter().chain(line.remarks()).map(|note| notification("note", format!("{place}: {note}")));
        notifications.extend(notes);
    }
    let starts = report.organizations.iter().filter_map(|one| one.outcome.as_ref().ok());
    let mut invocation = json!({
        "executionSuccessful": is_successful,
        "toolExecutionNotifications": notifications,
    });
    if let Some(start) = starts.map(|walked| walked.start).min().and_then(time) {
        invocation["startTimeUtc"] = start.into();
    }
    invocation
}

/// A text of which nothing is a link or a place for an argument (source: SARIF 2.1.0, 3.11.5 and 3.11.6).
fn message(text: &str) -> String {
    let mut message = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '{' => message.push_str("{{"),
            '}' => message.push_str("}}"),
            '\\' | '[' | ']' => message.extend(['\\', c]),
            c => message.push(c),
        }
    }
    message
}

/// The level that a severity comes nearest to.
fn level(severity: &str) -> &'static str {
    match severity.to_ascii_lowercase().as_str() {
        "critical" | "error" | "high" | "page" => "error",
        "info" | "informational" | "note" | "low" | "none" => "note",
        _ => "warning",
    }
}

/// A path as a URI: relative to wherever the report is read, or with its scheme.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into());
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
