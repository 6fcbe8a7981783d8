//! For a person at a terminal.

use std::fmt::Write as _;

use super::Report;
use crate::listing::{harmless, unobeyed};

const HEADS: [&str; 6] = ["ORGANIZATION", "POLICY", "SEVERITY", "VALUE", "LIMIT", "VERDICT"];

pub(super) fn write(report: &Report) -> String {
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(report.lines().map(|line| {
        let terms = line.policy.terms();
        let verdict = line.judgement.verdict.label().to_owned();
        let cells = [line.organization, &terms.name, &terms.severity].map(|text| harmless(text).into_owned());
        let [organization, policy, severity] = cells;
        [organization, policy, severity, line.value(), terms.bound.to_string(), verdict]
    }));
    let mut text = String::new();
    if rows.len() > 1 {
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
        for row in &rows {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
    }
    for (name, failed) in report.failures() {
        let _ = writeln!(text, "{}: not walked: {}", harmless(name), harmless(&failed.why));
    }
    for line in report.lines() {
        let place = format!("{}, {}", harmless(line.organization), harmless(line.policy.name()));
        let remarks = line.remarks().iter().cloned();
        for sentence in line.reasons(report.ids()).into_iter().chain(line.notes(report.ids())).chain(remarks)
        {
            let _ = writeln!(text, "{place}: {}", harmless(&sentence));
        }
        if report.shows_users && line.rests_on_users() {
            let _ = writeln!(text, "{place}: users behind this:");
            for behind in &line.found.behind {
                let maybe = if behind.is_sure { "" } else { "  (maybe: the API does not say enough)" };
                let _ = writeln!(text, "  {}{maybe}", harmless(&behind.id));
            }
        }
    }
    let _ = writeln!(text, "{}", report.summary());
    text.lines().map(|line| unobeyed(line).into_owned() + "\n").collect()
}
