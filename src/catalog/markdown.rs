//! `docs/metrics.md`, written from the catalog.

use std::fmt::Write as _;

use super::{
    ANOMALY_KINDS, API_CODES, CLOSED_EARLY_REASONS, Family, Kind, Part, RETRY_REASONS, STATE_WRITE_RESULTS,
    TLS_HANDSHAKE_REASONS, WALK_RESULTS, all,
};

/// The whole of `docs/metrics.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Written by `openai-org-exporter docs metrics` from the catalog; a test keeps it true. How each number is\n\
         counted, zeros and unknowns included, stands in [counting.md](counting.md).\n",
    );
    for (part, title, about) in PARTS {
        let _ = write!(
            page,
            "\n## {title}\n\n{about}\n\n| family | type | labels | meaning |\n|---|---|---|---|\n"
        );
        for family in all().filter(|family| family.part == part) {
            page.push_str(&row(family));
        }
    }
    page.push_str(
        "\n## Label values that are there from the start\n\n\
         All stand at 0 until they happen.\n\n",
    );
    for (label, values) in [
        ("`result` of `openai_org_exporter_walks_total`", WALK_RESULTS),
        ("`code` of `openai_org_exporter_api_requests_total`, others as they come", API_CODES),
        ("`reason` of `openai_org_exporter_api_retries_total`", RETRY_REASONS),
        ("`kind` of `openai_org_exporter_walk_anomalies_total`", ANOMALY_KINDS),
        (
            "`reason` of `openai_org_exporter_tls_handshake_errors_total`, where TLS is served",
            TLS_HANDSHAKE_REASONS,
        ),
        ("`reason` of `openai_org_exporter_http_connections_closed_early_total`", CLOSED_EARLY_REASONS),
        ("`result` of `openai_org_exporter_state_writes_total`", &STATE_WRITE_RESULTS),
    ] {
        let _ = writeln!(page, "- {label}: `{}`", values.join("`, `"));
    }
    page
}

const PARTS: [(Part, &str, &str); 5] = [
    (
        Part::Composition,
        "Composition",
        "Absent before the first completed walk, and once the start of the last one is longer ago than \
         `poll.max-age`.\nAll of one organization comes from one walk.",
    ),
    (
        Part::Freshness,
        "Freshness",
        "For every configured organization from the first scrape on; never withdrawn.",
    ),
    (
        Part::Policies,
        "Policies",
        "For each policy that is about the organization ([policies.md](policies.md)). Violation and value go with the \
         composition,\nand come with the first walk that counted for the policy.",
    ),
    (
        Part::Changes,
        "Changes",
        "Found by comparing each completed walk with the one before, user by user. They belong to the organization's \
         state:\ncounters are there at 0 from the start, outlive the composition, and go on after a restart with \
         `--state.file`.\nWhat counts as a change stands in [changes.md](changes.md).",
    ),
    (
        Part::Exporter,
        "The exporter itself",
        "Besides these there are the usual `process_*` families. Counters start at 0 with the process.",
    ),
];

fn row(family: &Family) -> String {
    let kind = match family.kind {
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
        Kind::Histogram(_) => "histogram",
    };
    let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    let buckets = match family.kind {
        Kind::Histogram(bounds) => {
            let bounds: Vec<String> = bounds.iter().map(ToString::to_string).collect();
            format!(" Buckets: {}.", bounds.join(", "))
        }
        _ => String::new(),
    };
    format!("| `{}` | {kind} | {} | {}{buckets} |\n", family.name, labels.join(", "), family.help)
}
