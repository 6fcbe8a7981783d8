//! What is said of a list. No names and no addresses.

use super::printing::{Printed, PrintedList};
use super::request::Request;
use crate::listing::Comparison;

/// Ids that are named at most, where users are no longer on the list.
const MOST_NAMED: usize = 20;

/// What casts doubt on the list, a line each.
pub(super) fn doubts(printed: &Printed) -> Vec<String> {
    let mut lines = Vec::new();
    for list in &printed.lists {
        let organization = &list.ending.organization;
        if let Some(failure) = &list.failure {
            let doubtful = match list.outcome.doubtful {
                0 => String::new(),
                number => format!("; {} more may be on it, which only a whole walk tells", users(number)),
            };
            lines.push(format!(
                "incomplete: the walk of organization {organization:?} is not whole, and nobody knows who is missing: \
                 {failure}{doubtful}"
            ));
        }
        match list.ending.unreadable {
            None | Some(0) => {}
            Some(1) => lines.push(format!(
                "1 record of organization {organization:?} could not be read and is on no list"
            )),
            Some(number) => lines.push(format!(
                "{number} records of organization {organization:?} could not be read and are on no list"
            )),
        }
        let gone = &list.outcome.gone;
        if !gone.is_empty() {
            let named: Vec<&str> = gone.iter().take(MOST_NAMED).map(String::as_str).collect();
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

/// What nobody has of what was asked for, and who may be missing.
pub(super) fn remarks(printed: &Printed) -> Vec<String> {
    let place = |list: &PrintedList| match printed.lists.len() {
        1 => String::new(),
        _ => format!("organization {:?}: ", list.ending.organization),
    };
    let remarks = printed.lists.iter().flat_map(|list| {
        let place = place(list);
        list.outcome.remarks.iter().map(move |remark| format!("{place}{remark}"))
    });
    remarks.collect()
}

/// How many users there are, and whether that is what series say.
pub(super) fn summary(printed: &Printed, request: &Request, comparison: Option<&Comparison>) -> String {
    text(printed, request.limit.is_some(), comparison)
}

fn text(printed: &Printed, has_limit: bool, comparison: Option<&Comparison>) -> String {
    let endings = || printed.lists.iter().map(|list| &list.ending);
    if printed.limited {
        return format!("{}, as --limit has it; there may be more", users(printed.rows));
    }
    let number: u64 = endings().map(|ending| ending.users).sum();
    let mut text = users(number);
    if has_limit && printed.rows < number {
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
    let absent: Vec<String> =
        comparison.absent.iter().map(|organization| format!("{organization:?}")).collect();
    match comparison.value {
        None => text.push_str("; there is no such series"),
        Some(value) if absent.is_empty() => text.push_str(&format!("; the series says {value}")),
        Some(value) => text.push_str(&format!(
            "; the series says {value}, and there is no such series of {}",
            absent.join(", ")
        )),
    }
    match comparison.reasons.as_slice() {
        [] => text,
        reasons => format!("{text}: {}", reasons.join("; ")),
    }
}

fn users(number: u64) -> String {
    format!("{number} user{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::{Ending, Outcome};

    fn list(users: u64, memberships: Option<u64>, outcome: Outcome, failure: Option<&str>) -> PrintedList {
        let ending = Ending {
            organization: "acme".to_owned(),
            walk_start: Some(0),
            users,
            memberships,
            unreadable: failure.is_none().then_some(0),
            complete: failure.is_none(),
        };
        PrintedList { ending, outcome, failure: failure.map(str::to_owned), added_at: vec![] }
    }

    fn printed(rows: u64, lists: Vec<PrintedList>) -> Printed {
        Printed { lists, rows, ..Printed::default() }
    }

    #[test]
    fn the_number_is_said_with_what_the_series_say() {
        let one =
            |users, memberships| printed(users, vec![list(users, memberships, Outcome::default(), None)]);
        let same = |value| Comparison { value: Some(value), counts: true, absent: vec![], reasons: vec![] };
        assert_eq!(text(&one(1, None), false, None), "1 user");
        assert_eq!(text(&one(7, None), false, Some(&same(7.0))), "7 users, as the series");
        let memberships = one(13, Some(14));
        assert_eq!(text(&memberships, false, Some(&same(14.0))), "13 users in 14 memberships, as the series");
        let differs = Comparison { reasons: vec!["a".to_owned(), "b".to_owned()], ..same(9.0) };
        assert_eq!(text(&one(7, None), false, Some(&differs)), "7 users; the series says 9: a; b");
        let nothing = Comparison { value: None, ..same(0.0) };
        assert_eq!(text(&one(7, None), false, Some(&nothing)), "7 users; there is no such series");
        assert_eq!(text(&one(0, None), false, Some(&nothing)), "0 users, as the series");
        let withdrawn =
            Comparison { absent: vec!["acme".to_owned()], reasons: vec!["a".to_owned()], ..nothing };
        assert_eq!(text(&one(0, None), false, Some(&withdrawn)), "0 users; there is no such series: a");
        let in_part =
            Comparison { absent: vec!["globex".to_owned()], reasons: vec!["a".to_owned()], ..same(7.0) };
        assert_eq!(
            text(&one(7, None), false, Some(&in_part)),
            "7 users; the series says 7, and there is no such series of \"globex\": a"
        );
        let two = printed(3, (0..2).map(|_| list(5, None, Outcome::default(), None)).collect());
        assert_eq!(text(&two, true, None), "3 of 10 users of 2 organizations");
        let limited = Printed { rows: 3, limited: true, ..Printed::default() };
        assert_eq!(text(&limited, true, None), "3 users, as --limit has it; there may be more");
    }

    #[test]
    fn a_limit_does_not_hide_an_organization_that_could_not_be_walked() {
        let mut enough = list(3, None, Outcome::default(), None);
        enough.ending.complete = false;
        let limited = Printed { limited: true, ..printed(3, vec![enough]) };
        assert!(!limited.has_failed() && doubts(&limited).is_empty());
        let mut lists = limited.lists;
        lists.insert(0, list(0, None, Outcome::default(), Some("the key is refused")));
        let limited = Printed { limited: true, ..printed(3, lists) };
        assert!(limited.has_failed());
        assert_eq!(
            doubts(&limited),
            [
                "incomplete: the walk of organization \"acme\" is not whole, and nobody knows who is missing: the key is refused"
            ]
        );
    }

    #[test]
    fn remarks_say_of_which_organization_they_are_where_there_are_several() {
        let nobody = Outcome { remarks: vec![r#"nobody has role="Owner""#.to_owned()], ..Outcome::default() };
        let one = printed(0, vec![list(0, None, nobody.clone(), None)]);
        assert_eq!(remarks(&one), [r#"nobody has role="Owner""#]);
        let two = printed(0, (0..2).map(|_| list(0, None, nobody.clone(), None)).collect());
        assert_eq!(remarks(&two), [r#"organization "acme": nobody has role="Owner""#; 2]);
    }

    #[test]
    fn records_that_could_not_be_read_are_said() {
        let with = |unreadable| {
            let mut acme = list(2, None, Outcome::default(), None);
            acme.ending.unreadable = Some(unreadable);
            doubts(&printed(2, vec![acme]))
        };
        assert!(with(0).is_empty());
        assert_eq!(with(1), ["1 record of organization \"acme\" could not be read and is on no list"]);
        assert_eq!(with(2), ["2 records of organization \"acme\" could not be read and are on no list"]);
    }

    #[test]
    fn what_casts_doubt_is_said_without_names() {
        let outcome = Outcome {
            users: 2,
            doubtful: 3,
            gone: vec!["<unusual>".to_owned(), "user-1".to_owned()],
            ..Outcome::default()
        };
        let doubtful = printed(2, vec![list(2, None, outcome, Some("no answer in time"))]);
        assert_eq!(
            doubts(&doubtful),
            [
                "incomplete: the walk of organization \"acme\" is not whole, and nobody knows who is missing: no answer in \
                 time; 3 users more may be on it, which only a whole walk tells",
                "the walk of organization \"acme\" had to start over; 2 users listed before it did, and not since: \
                 <unusual>, user-1",
            ]
        );
    }
}
