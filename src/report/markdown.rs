//! For a comment on a pull request, or the summary of a job.

use std::fmt::Write as _;

use super::Report;
use super::line::Line;
use crate::listing::harmless;
use crate::policy::Verdict;

pub(super) fn write(report: &Report) -> String {
    let mut page = format!("### Policies: {}\n\n{}\n", title(report), report.summary());
    if report.lines().next().is_some() {
        page.push_str("\n| | organization | policy | value | limit | why |\n|---|---|---|---|---|---|\n");
    }
    let ids = report.shows_users.then_some(code as fn(&str) -> String);
    for line in report.lines() {
        let terms = line.policy.terms();
        let remarks = line.remarks().iter().map(|remark| code(remark));
        let why = line.reasons(ids).into_iter().chain(line.notes(ids)).chain(remarks);
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            mark(line.judgement.verdict),
            code(line.organization),
            code(&terms.name),
            line.value(),
            terms.bound,
            why.collect::<Vec<_>>().join("; ")
        );
    }
    for (name, failed) in report.failures() {
        let _ = writeln!(page, "\n**{}** was not walked: {}", code(name), code(&failed.why));
    }
    if report.shows_users {
        for line in report.lines().filter(Line::rests_on_users) {
            let _ = writeln!(page, "\nBehind {}, {}:\n", code(line.organization), code(line.policy.name()));
            for behind in &line.found.behind {
                let maybe = if behind.is_sure { "" } else { " (maybe: the API does not say enough)" };
                let _ = writeln!(page, "- {}{maybe}", code(&behind.id));
            }
        }
    }
    page
}

fn title(report: &Report) -> &'static str {
    use super::Outcome;
    match report.outcome() {
        Outcome::Ok => "all kept",
        Outcome::NotWalked => "not all checked",
        Outcome::Violated => "violated",
        Outcome::Unknown => "not all known",
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "✅ ok",
        Verdict::Violated => "❌ violated",
        Verdict::Unknown => "❔ unknown",
    }
}

/// `text` as code, of which nothing is a link, a mention, HTML or Markdown. What would end the code, or the cell of a table
/// that it stands in, is spelled out.
fn code(text: &str) -> String {
    let text = harmless(text).replace('`', r"\u{60}").replace('|', r"\u{7c}").replace("##", r"#\u{23}");
    // Two backticks alone would begin another code.
    if text.is_empty() { "` `".to_owned() } else { format!("`{text}`") }
}
