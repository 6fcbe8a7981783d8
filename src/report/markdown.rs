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
    for line in report.lines() {
        let terms = line.policy.terms();
        let why = line.reasons(report.shows_users).into_iter().chain(line.notes(report.shows_users));
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            mark(line.judgement.verdict),
            escaped(line.organization),
            escaped(&terms.name),
            line.value(),
            terms.bound,
            escaped(&why.collect::<Vec<_>>().join("; "))
        );
    }
    for (name, failed) in report.failures() {
        let _ = writeln!(page, "\n**{}** was not walked: {}", escaped(name), escaped(&failed.why));
    }
    if report.shows_users {
        for line in report.lines().filter(Line::rests_on_users) {
            let _ =
                writeln!(page, "\nBehind {}, {}:\n", escaped(line.organization), escaped(line.policy.name()));
            for behind in &line.found.behind {
                let maybe = if behind.is_sure { "" } else { " (maybe: the API does not say enough)" };
                let _ = writeln!(page, "- {}{maybe}", escaped(&behind.id));
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

/// `text` with nothing in it that Markdown or HTML would take for its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // A mention would send mail to somebody.
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '|' | '!' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}
