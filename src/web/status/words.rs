//! States and results in words. Nothing here comes from outside.

use super::model::{SnapshotFacts, State};
use super::time::{Time, about, exactly};

/// What the words on a state say.
pub(super) struct Facts {
    pub(super) now: Time,
    pub(super) snapshot: Option<SnapshotFacts>,
    pub(super) withdrawn: Option<Time>,
    pub(super) failure: Option<&'static str>,
    pub(super) http_status: Option<u16>,
    /// Since when walks fail as they do now.
    pub(super) failing_since: Option<Time>,
    pub(super) walking: bool,
}

/// The state of an organization in one sentence.
pub(super) fn state(state: State, facts: &Facts) -> String {
    let walked = facts.snapshot.as_ref().map_or_else(String::new, |snapshot| {
        format!(
            "walked {} ago in {}, {}",
            about(snapshot.age_seconds),
            exactly(snapshot.duration_seconds),
            counted(snapshot.pages, "page")
        )
    });
    let failing = failing(facts);
    match state {
        State::Fresh => format!("fresh: {walked}"),
        State::Failing => format!("failing: {failing}; the figures are of the last success, {walked}"),
        State::HeldBack => {
            format!(
                "held back: the latest walk is not believed before another one says the same; the figures are older, {walked}"
            )
        }
        State::Stale => {
            let since =
                facts.withdrawn.map_or_else(String::new, |time| format!(" since {}", at(time, facts.now)));
            match failing.as_str() {
                "" => format!("stale: figures are withdrawn{since}, as no walk has succeeded in time"),
                failing => format!("stale: figures are withdrawn{since}; {failing}"),
            }
        }
        State::FirstWalk if facts.walking => "first walk under way".to_owned(),
        State::FirstWalk => "waiting for the first walk".to_owned(),
        State::NoFigures => format!("no figures: {failing}"),
    }
}

/// Since when walks fail, and of what; empty if they do not.
fn failing(facts: &Facts) -> String {
    let Some(failure) = facts.failure else { return String::new() };
    let status = facts.http_status.map_or_else(String::new, |status| format!("{status} "));
    let since = facts.failing_since.map_or_else(String::new, |time| format!("since {}", at(time, facts.now)));
    match (failure, &*status) {
        ("implausible", _) => format!("walks are held back {since}"),
        (_, "") => format!("walks fail {since}, {}", result(failure)),
        _ => format!("{status}{since}, {}", result(failure)),
    }
}

/// A time of day with its zone.
pub(super) fn at(time: Time, now: Time) -> String {
    format!("{} UTC", time.short(now))
}

/// The result of a walk in words.
pub(super) fn result(result: &str) -> &'static str {
    match result {
        "success" => "complete",
        "unauthorized" => "key refused",
        "forbidden" => "key may not list users",
        "rate_limited" => "too many requests",
        "server_error" => "the API or a gateway before it is in trouble",
        "client_error" => "request not accepted",
        "timeout" => "no answer in time",
        "connect" => "connection failed",
        "tls" => "no secure connection",
        "invalid_response" => "the answer is no list of users",
        "implausible" => "held back: too many users are gone, or are others",
        "cancelled" => "given up",
        "panic" => "broken off by a fault of the exporter; its log says more",
        _ => "failed",
    }
}

/// What to do about a failed walk, if anything can be said.
pub(super) fn advice(result: &str) -> Option<&'static str> {
    Some(match result {
        "unauthorized" => "Give it an admin key that is in force.",
        "forbidden" => "Give the admin key the permission to read users.",
        "rate_limited" => "Raise the poll interval, or use a key that nothing else uses.",
        "server_error" => "The next walk tries again.",
        "client_error" | "invalid_response" => "Check the base URL and what stands between.",
        "timeout" => "Check the network, or raise the time-outs of polling.",
        "connect" => "Check the network, the proxy and the base URL.",
        "tls" => "Name a private authority with --openai.ca-file.",
        "implausible" => "The next walk confirms it, or is believed in its place.",
        _ => return None,
    })
}

/// "1 page", "2 pages", "12,345 pages".
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A number in groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole in percent, with a tenth where it is near to nothing or all: "97%", "99.6%".
///
/// Only nothing is 0% and only all is 100%.
pub(super) fn percent(part: f64) -> String {
    let tenths = match part {
        0.0 => 0.0,
        1.0 => 1000.0,
        _ => (part * 1000.0).round().clamp(1.0, 999.0),
    };
    match (10.0..=990.0).contains(&tenths) {
        true => format!("{:.0}%", tenths / 10.0),
        false if tenths % 10.0 == 0.0 => format!("{:.0}%", tenths / 10.0),
        false => format!("{:.1}%", tenths / 10.0),
    }
}

/// A text as a value in a query.
pub(super) fn quoted(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten minutes past eight on 15 January 2027.
    fn now() -> Time {
        Time::from_seconds(1_800_000_600)
    }

    fn facts() -> Facts {
        Facts {
            now: now(),
            snapshot: None,
            withdrawn: None,
            failure: None,
            http_status: None,
            failing_since: None,
            walking: false,
        }
    }

    fn snapshot() -> Option<SnapshotFacts> {
        let start_time = Time::from_seconds(1_800_000_480);
        let end_time = Time::from_milliseconds(1_800_000_484_200);
        Some(SnapshotFacts { start_time, end_time, age_seconds: 120.0, duration_seconds: 4.2, pages: 31 })
    }

    #[test]
    fn each_state_has_its_words() {
        let early = Some(Time::from_seconds(1_800_000_300));
        let refused = || Facts {
            failure: Some("unauthorized"),
            http_status: Some(401),
            failing_since: early,
            ..facts()
        };
        for (of, facts, words) in [
            (
                State::Fresh,
                Facts { snapshot: snapshot(), ..facts() },
                "fresh: walked 2 min ago in 4.2 s, 31 pages",
            ),
            (
                State::Failing,
                Facts { snapshot: snapshot(), ..refused() },
                "failing: 401 since 08:05 UTC, key refused; the figures are of the last success, walked 2 min ago in 4.2 s, 31 pages",
            ),
            (
                State::HeldBack,
                Facts { snapshot: snapshot(), failure: Some("implausible"), ..facts() },
                "held back: the latest walk is not believed before another one says the same; the figures are older, walked 2 min ago in 4.2 s, 31 pages",
            ),
            (
                State::Stale,
                Facts { withdrawn: early, ..facts() },
                "stale: figures are withdrawn since 08:05 UTC, as no walk has succeeded in time",
            ),
            (
                State::Stale,
                Facts { withdrawn: early, ..refused() },
                "stale: figures are withdrawn since 08:05 UTC; 401 since 08:05 UTC, key refused",
            ),
            (State::FirstWalk, facts(), "waiting for the first walk"),
            (State::FirstWalk, Facts { walking: true, ..facts() }, "first walk under way"),
            (
                State::NoFigures,
                Facts { failure: Some("connect"), failing_since: early, ..facts() },
                "no figures: walks fail since 08:05 UTC, connection failed",
            ),
        ] {
            assert_eq!(state(of, &facts), words);
        }
    }

    #[test]
    fn numbers_are_grouped_and_counted() {
        let numbers = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (value, words) in numbers {
            assert_eq!(grouped(value), words);
        }
        assert_eq!((&*counted(1, "page"), &*counted(0, "page")), ("1 page", "0 pages"));
        assert_eq!(counted(12_345, "user"), "12,345 users");
    }

    #[test]
    fn only_nothing_is_no_percent_and_only_all_is_all() {
        for (part, words) in [
            (0.0, "0%"),
            (0.000_01, "0.1%"),
            (0.004, "0.4%"),
            (0.01, "1%"),
            (0.764, "76%"),
            (0.99, "99%"),
            (0.996, "99.6%"),
            (0.999_99, "99.9%"),
            (1.0, "100%"),
        ] {
            assert_eq!(percent(part), words, "{part}");
        }
    }
}
