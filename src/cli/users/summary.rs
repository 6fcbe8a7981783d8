//! What is said of a list. No names and no addresses.

use super::printing::Printed;
use super::request::Request;
use crate::listing::{Comparison, harmless};

/// Ids that are named at most, where users are no longer on the list.
const MOST_NAMED: usize = 20;

/// What casts doubt on the list, a line each.
pub(super) fn doubts(printed: &Printed) -> Vec<String> {
    let mut lines = Vec::new();
    for list in &printed.lists {
        let organization = &list.ending.organization;
        if let Some(failure) = list.failure.as_ref().filter(|_| !printed.limited) {
            let doubtful = match list.outcome.doubtful {
                0 => String::new(),
                number => format!("; {} more may be on it, which only a whole walk tells", users(number)),
            };
            lines.push(format!(
                "incomplete: the walk of organization {organization:?} is not whole, and nobody knows who is missing: \
                 {failure}{doubtful}"
            ));
        }
        let gone = &list.outcome.gone;
        if !gone.is_empty() {
            let named: Vec<_> = gone.iter().take(MOST_NAMED).map(|id| harmless(id)).collect();
            let more = if gone.len() > MOST_NAMED { " and others" } else { "" };
            lines.push(format!(
                "the walk of organization {organization:?} had to start over; {} listed before it did, and not since: \
                 {}{more}",
                users(gone.len() as u64),
                named.join(", ")
            ));
        }
    }
    lines
}

/// How many users there are, and whether that is what series say.
pub(super) fn summary(printed: &Printed, request: &Request, comparison: Option<&Comparison>) -> String {
    let endings = || printed.lists.iter().map(|list| &list.ending);
    if printed.limited {
        return format!("{}, as --limit has it; there may be more", users(printed.rows));
    }
    let number: u64 = endings().map(|ending| ending.users).sum();
    let mut text = users(number);
    if request.limit.is_some() && printed.rows < number {
        text = format!("{} of {text}", printed.rows);
    }
    let memberships: Option<u64> = endings().map(|ending| ending.memberships).sum();
    if let Some(memberships) = memberships {
        let plural = if memberships == 1 { "" } else { "s" };
        text.push_str(&format!(" in {memberships} membership{plural}"));
    }
    if printed.lists.len() > 1 {
        text.push_str(&format!(" of {} organizations", printed.lists.len()));
    }
    let Some(comparison) = comparison else { return text };
    if comparison.says(memberships.unwrap_or(number)) {
        return text + ", as the series";
    }
    match comparison.value {
        Some(value) => text.push_str(&format!("; the series says {value}")),
        None => text.push_str("; there is no such series"),
    }
    match comparison.reasons.as_slice() {
        [] => text,
        reasons => format!("{text}: {}", reasons.join("; ")),
    }
}

fn users(number: u64) -> String {
    format!("{number} user{}", if number == 1 { "" } else { "s" })
}
