//! JUnit's XML: what CI servers show as tests. An organization is a suite, a policy a case.

use std::fmt::Write as _;

use super::line::Line;
use super::{Organization, Report};
use crate::listing::{harmless, is_command};
use crate::policy::Verdict;

pub(super) fn write(report: &Report) -> String {
    let counts = report.organizations.iter().map(Counts::of).fold(Counts::default(), Counts::plus);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"openai-org-exporter check\"{counts}>");
    for organization in &report.organizations {
        let name = escaped(&organization.name);
        let _ = writeln!(xml, "  <testsuite name=\"{name}\"{}>", Counts::of(organization));
        for line in organization.lines() {
            case(&mut xml, &line, report);
        }
        if let Err(failed) = &organization.outcome {
            let (result, why) = (escaped(failed.result), escaped(&failed.why));
            let _ = writeln!(
                xml,
                "    <testcase classname=\"{name}\" name=\"walk\">\n      <error type=\"{result}\" message=\"not walked: {why}\"/>\n    </testcase>"
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn case(xml: &mut String, line: &Line<'_>, report: &Report) {
    let (organization, policy) = (escaped(line.organization), escaped(line.policy.name()));
    let _ = write!(xml, "    <testcase classname=\"{organization}\" name=\"{policy}\"");
    let notes = line.notes(report.ids());
    let notes: Vec<&str> = notes.iter().chain(line.remarks()).map(String::as_str).collect();
    let element = match line.judgement.verdict {
        Verdict::Ok if notes.is_empty() => {
            xml.push_str("/>\n");
            return;
        }
        Verdict::Ok => None,
        Verdict::Violated => Some("failure"),
        Verdict::Unknown => Some("error"),
    };
    xml.push_str(">\n");
    if let Some(element) = element {
        cause(xml, element, line, report);
    }
    if !notes.is_empty() {
        let _ = writeln!(xml, "      <system-out>{}</system-out>", escaped(&notes.join("; ")));
    }
    xml.push_str("    </testcase>\n");
}

/// Why a policy is not kept, and who is behind it.
fn cause(xml: &mut String, element: &str, line: &Line<'_>, report: &Report) {
    let kind = line.judgement.verdict.label();
    let message = escaped(&line.reasons(report.ids()).join("; "));
    let _ = write!(xml, "      <{element} type=\"{kind}\" message=\"{message}\"");
    if report.shows_users && line.rests_on_users() {
        xml.push('>');
        for behind in &line.found.behind {
            let maybe = if behind.is_sure { "" } else { " (maybe)" };
            let mut id = escaped(&behind.id);
            if is_command(&id) {
                id = id.replacen(':', "&#58;", 1);
            }
            let _ = writeln!(xml, "{id}{maybe}");
        }
        let _ = writeln!(xml, "</{element}>");
    } else {
        xml.push_str("/>\n");
    }
}

/// How many cases there are.
#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
}

impl Counts {
    fn of(organization: &Organization) -> Self {
        let mut counts = Self::default();
        for line in organization.lines() {
            counts.tests += 1;
            counts.failures += usize::from(line.judgement.verdict == Verdict::Violated);
            counts.errors += usize::from(line.judgement.verdict == Verdict::Unknown);
        }
        let not_walked = usize::from(organization.outcome.is_err());
        counts.plus(Self { tests: not_walked, failures: 0, errors: not_walked })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tests, failures, errors } = self;
        write!(f, " tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"")
    }
}

/// `text` as XML has it: what is harmful is spelled out, and what XML cannot have besides is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // A command to GitHub's runner begins with two of them.
            '#' => escaped.push_str("&#35;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
