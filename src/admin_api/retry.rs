//! Whether a failed request is sent again, and when.
//!
//! The rules are those of the official SDK (source: its retry logic as published): retried are connection errors,
//! time-outs, 408, 409, 429 and everything from 500 on, unless the header `x-should-retry` says otherwise.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

/// The longest wait that an answer may ask for.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// What to do after an answer that is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Trying again does not help.
    GiveUp,
    /// Try again after the usual back-off.
    Retry,
    /// Try again after the time that the answer asks for.
    RetryAfter(Duration),
}

impl Verdict {
    /// The verdict on an answer. `now` is needed to read a `retry-after` that is a date.
    pub(super) fn on(status: u16, headers: &HeaderMap, now: SystemTime) -> Self {
        let retried = match text(headers, "x-should-retry") {
            Some("true") => true,
            Some("false") => false,
            _ => matches!(status, 408 | 409 | 429 | 500..),
        };
        match (retried, retry_after(headers, now)) {
            (false, _) => Verdict::GiveUp,
            (true, None) => Verdict::Retry,
            (true, Some(wait)) if wait > LONGEST_WAIT => Verdict::GiveUp,
            (true, Some(wait)) => Verdict::RetryAfter(wait),
        }
    }
}

/// The wait before retry number `attempt` (from 0): half a second, doubled each time up to 8 s, less up to a
/// quarter at random. `chance` is between 0 and 1.
pub(super) fn back_off(attempt: u32, chance: f64) -> Duration {
    let full = Duration::from_millis(500 * 2u64.pow(attempt.min(4)));
    full.mul_f64(1.0 - 0.25 * chance.clamp(0.0, 1.0))
}

/// The wait that an answer asks for, if it is longer than nothing: `retry-after-ms`, else `retry-after` in seconds,
/// else `retry-after` as an HTTP date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let milliseconds = number(headers, "retry-after-ms").map(|value| value / 1000.0);
    if let Some(seconds) = milliseconds.or_else(|| number(headers, "retry-after")) {
        return match Duration::try_from_secs_f64(seconds) {
            Ok(wait) => (!wait.is_zero()).then_some(wait),
            // Too large for a Duration is too long as well.
            Err(_) => (seconds > 0.0).then_some(Duration::MAX),
        };
    }
    let date = httpdate::parse_http_date(text(headers, "retry-after")?).ok()?;
    date.duration_since(now).ok().filter(|wait| !wait.is_zero())
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    text(headers, name)?.parse().ok().filter(|value: &f64| value.is_finite())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn verdict(status: u16, headers: &[(&'static str, &str)]) -> Verdict {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        // Sun, 06 Nov 1994 08:49:37 GMT
        Verdict::on(status, &headers, UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    #[test]
    fn statuses_are_retried_as_the_sdk_does() {
        for status in [408, 409, 429, 500, 502, 503, 504, 520, 599] {
            assert_eq!(verdict(status, &[]), Verdict::Retry, "{status}");
        }
        for status in [204, 302, 400, 401, 403, 404, 410, 422] {
            assert_eq!(verdict(status, &[]), Verdict::GiveUp, "{status}");
        }
    }

    #[test]
    fn x_should_retry_overrides_the_status() {
        assert_eq!(verdict(400, &[("x-should-retry", "true")]), Verdict::Retry);
        assert_eq!(verdict(503, &[("x-should-retry", "false")]), Verdict::GiveUp);
        assert_eq!(verdict(503, &[("x-should-retry", "perhaps")]), Verdict::Retry);
    }

    #[test]
    fn waits_are_read_in_all_three_forms() {
        let after = |headers: &[(&'static str, &str)]| verdict(429, headers);
        assert_eq!(after(&[("retry-after-ms", "1500")]), Verdict::RetryAfter(Duration::from_millis(1500)));
        assert_eq!(after(&[("retry-after", "2")]), Verdict::RetryAfter(Duration::from_secs(2)));
        assert_eq!(after(&[("retry-after", "0.25")]), Verdict::RetryAfter(Duration::from_millis(250)));
        assert_eq!(
            after(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]),
            Verdict::RetryAfter(Duration::from_secs(10))
        );
        assert_eq!(
            after(&[("retry-after-ms", "1000"), ("retry-after", "9")]),
            Verdict::RetryAfter(Duration::from_secs(1))
        );
    }

    #[test]
    fn a_wait_of_more_than_two_minutes_is_not_waited_for() {
        assert_eq!(verdict(429, &[("retry-after", "120")]), Verdict::RetryAfter(Duration::from_secs(120)));
        for long in ["120.1", "1e300", "Sun, 06 Nov 1994 09:49:37 GMT"] {
            assert_eq!(verdict(429, &[("retry-after", long)]), Verdict::GiveUp, "{long}");
        }
    }

    #[test]
    fn a_wait_that_makes_no_sense_is_ignored() {
        for odd in ["0", "-1", "soon", "", "nan", "inf", "Sun, 06 Nov 1994 08:49:36 GMT"] {
            assert_eq!(verdict(429, &[("retry-after", odd)]), Verdict::Retry, "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn the_back_off_doubles_up_to_8_s_and_loses_at_most_a_quarter(attempt in 0u32..100, chance in 0.0..1.0f64) {
            let full = Duration::from_millis(500) * 2u32.pow(attempt.min(4));
            let wait = back_off(attempt, chance);
            prop_assert!(wait <= full && wait >= full.mul_f64(0.749));
        }

        #[test]
        fn whatever_the_headers_say_a_wait_is_longer_than_nothing_and_within_two_minutes(
            status in 100u16..600,
            milliseconds in "[-+]?[0-9]{1,9}(\\.[0-9]{1,3})?(e-?[0-9]{1,3})?|[ -~]{0,12}",
            seconds in "[-+]?[0-9]{1,9}(\\.[0-9]{1,3})?(e-?[0-9]{1,3})?|Sun, 06 Nov 1994 [0-2][0-9]:[0-5][0-9]:[0-5][0-9] GMT|[ -~]{0,12}",
        ) {
            for headers in [
                &[("retry-after-ms", milliseconds.as_str()), ("retry-after", &seconds)][..],
                &[("retry-after", &seconds), ("x-should-retry", "true")],
            ] {
                if let Verdict::RetryAfter(wait) = verdict(status, headers) {
                    prop_assert!(wait > Duration::ZERO && wait <= LONGEST_WAIT, "{:?}", wait);
                }
            }
        }
    }
}
