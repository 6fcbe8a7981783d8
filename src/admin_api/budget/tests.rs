use proptest::prelude::*;
use reqwest::header::{HeaderName, HeaderValue};

use super::*;

fn headers(remaining: &str, limit: &str, reset: &str) -> HeaderMap {
    let all = [
        ("x-ratelimit-remaining-requests", remaining),
        ("x-ratelimit-limit-requests", limit),
        ("x-ratelimit-reset-requests", reset),
    ];
    let present = all.into_iter().filter(|(_, value)| !value.is_empty());
    present
        .map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

/// A budget after an answer with these headers to a request sent at `now`.
fn told(remaining: &str, limit: &str, reset: &str, now: Instant) -> Budget {
    let mut budget = Budget::default();
    assert_eq!(budget.take(now), Turn::Now);
    if let Some(grant) = Grant::read(&headers(remaining, limit, reset)) {
        budget.granted(grant, now);
    }
    budget
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// How long the next request is held back.
fn held(budget: &Budget, now: Instant) -> Duration {
    match budget.turn(now) {
        Turn::Now => Duration::ZERO,
        Turn::At(at) => at - now,
    }
}

#[test]
fn durations_are_read_as_go_writes_them_and_as_seconds() {
    for (text, expected) in [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("0s", 0.0),
        ("7.66s", 7.66),
        ("250\u{b5}s", 0.000_25),
        ("250us", 0.000_25),
        ("1000ns", 0.000_001),
        ("2 s", 2.0),
        ("59", 59.0),
        ("0.5", 0.5),
        ("1e2", 100.0),
    ] {
        assert_eq!(duration(text), Some(seconds(expected)), "{text}");
    }
    for text in
        ["", "s", "-1s", "-5", "1", "1y", "1s-", "soon", "1..2s", "inf", "nan", "1e999", "1d", "1s1", "é"]
    {
        let expected = if text == "1" { Some(seconds(1.0)) } else { None };
        assert_eq!(duration(text), expected, "{text}");
    }
    assert_eq!(duration(&format!("{}h", "9".repeat(400))), None);
}

#[test]
fn with_plenty_left_nothing_is_held_back() {
    let now = Instant::now();
    for (remaining, limit, reset) in [("7", "60", "59s"), ("11", "", "59s"), ("4999", "5000", "12ms")] {
        assert_eq!(held(&told(remaining, limit, reset, now), now), Duration::ZERO, "{remaining} of {limit}");
    }
}

#[test]
fn few_left_are_spread_evenly_until_the_reset() {
    let start = Instant::now();
    let mut budget = told("5", "60", "54s", start);
    let mut sent = vec![];
    let mut now = start;
    for _ in 0..6 {
        now += held(&budget, now);
        assert_eq!(budget.take(now), Turn::Now);
        sent.push((now - start).as_secs_f64());
    }
    assert_eq!(sent, [9.0, 18.0, 27.0, 36.0, 45.0, 54.0]);
}

#[test]
fn it_is_known_when_few_are_left() {
    let now = Instant::now();
    for (remaining, limit, few) in
        [("6", "60", true), ("7", "60", false), ("10", "", true), ("11", "", false)]
    {
        let budget = told(remaining, limit, "50s", now);
        assert_eq!(budget.is_short(now), few, "{remaining} of {limit:?}");
        assert!(!budget.is_short(now + seconds(50.0)));
    }
}

#[test]
fn with_none_left_the_reset_is_waited_for() {
    let now = Instant::now();
    let mut budget = told("0", "60", "1m30s", now);
    assert_eq!(held(&budget, now), seconds(90.0));
    assert_eq!(budget.take(now + seconds(89.9)), Turn::At(now + seconds(90.0)));
    assert_eq!(budget.take(now + seconds(90.0)), Turn::Now);
    assert_eq!(held(&budget, now + seconds(90.0)), Duration::ZERO, "after the reset nothing is known");
}

#[test]
fn headers_that_make_no_sense_hold_nothing_back() {
    let now = Instant::now();
    for reset in ["8760h", "601s", "-5s", "-1", "soon", "", "1e300", "99999999999999999999h", "nan"] {
        assert_eq!(held(&told("0", "60", reset, now), now), Duration::ZERO, "reset {reset:?}");
    }
    for remaining in ["-1", "", "many", "1e3", "99999999999999999999999", "0x0"] {
        assert_eq!(held(&told(remaining, "60", "50s", now), now), Duration::ZERO, "remaining {remaining:?}");
    }
    for limit in ["-60", "lots", "99999999999999999999999"] {
        assert_eq!(held(&told("0", limit, "50s", now), now), seconds(50.0), "limit {limit:?}");
    }
    assert_eq!(held(&told("3", "18446744073709551615", "9s", now), now), seconds(2.25));
}

#[test]
fn after_a_429_everything_waits_as_long_as_it_asks_and_no_longer() {
    let now = Instant::now();
    let mut budget = told("0", "60", "9m", now);
    budget.refused(seconds(1.0), now);
    assert_eq!(held(&budget, now + seconds(1.0)), seconds(539.0), "a back-off of ours overrides nothing");
    budget.told_to_wait(seconds(20.0), now);
    assert_eq!(budget.turn(now), Turn::At(now + seconds(20.0)));
    budget.refused(seconds(5.0), now + seconds(1.0));
    assert_eq!(held(&budget, now), seconds(20.0), "a shorter wait does not end a longer one");
    assert_eq!(budget.take(now + seconds(20.0)), Turn::Now, "what the 429 asks for overrides the reset");
    budget.refused(Duration::MAX, now);
    assert_eq!(held(&budget, now), LONGEST_BELIEVED);
}

proptest! {
    /// A server that counts strictly, and other clients that take their share before we begin.
    #[test]
    fn a_key_that_nobody_else_uses_is_never_refused(
        limit in 1u64..200,
        taken in 0u64..200,
        window in 1u64..300,
        latency in 0u64..3_000,
        requests in 1usize..400,
    ) {
        let (start, window) = (Instant::now(), Duration::from_secs(window));
        let (mut used, mut reset) = (taken.min(limit - 1), start + window);
        let (mut budget, mut now) = (Budget::default(), start);
        for _ in 0..requests {
            let wait = held(&budget, now);
            prop_assert!(wait <= window + Duration::from_millis(latency + 1), "held back behind the reset");
            now += wait;
            prop_assert_eq!(budget.take(now), Turn::Now);
            now += Duration::from_millis(latency) / 2;
            while reset <= now {
                (used, reset) = (0, reset + window);
            }
            prop_assert!(used < limit, "refused");
            used += 1;
            let left = (reset - now).as_secs_f64();
            let left = format!("{:.3}s", left + 0.001);
            let grant = headers(&(limit - used).to_string(), &limit.to_string(), &left);
            now += Duration::from_millis(latency) / 2;
            budget.granted(Grant::read(&grant).unwrap(), now);
        }
    }

    #[test]
    fn whatever_the_headers_say_no_wait_is_longer_than_is_believed(
        remaining in "[0-9]{1,22}|[ -~]{0,8}",
        limit in "[0-9]{1,22}|[ -~]{0,8}",
        reset in "([0-9.]{1,9}(h|m|s|ms|us|ns|)){0,3}|[ -~]{0,8}",
        later in 0u64..10_000,
    ) {
        let now = Instant::now();
        let budget = told(remaining.trim(), limit.trim(), reset.trim(), now);
        prop_assert!(held(&budget, now) <= LONGEST_BELIEVED);
        let later = now + Duration::from_millis(later);
        prop_assert!(held(&budget, later) <= LONGEST_BELIEVED.saturating_sub(later - now));
    }

    #[test]
    fn a_go_duration_means_what_it_says(h in 0u64..100, m in 0u64..60, ms in 0u64..60_000) {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let text = format!("{h}h{m}m{}s", ms as f64 / 1000.0);
        let expected = Duration::from_millis((h * 3600 + m * 60) * 1000 + ms);
        let read = duration(&text).unwrap();
        prop_assert!(read.abs_diff(expected) < Duration::from_micros(1), "{} {:?}", text, read);
    }

    #[test]
    fn any_text_is_a_duration_or_none(text in "\\PC{0,20}") {
        let _ = duration(&text);
    }
}
