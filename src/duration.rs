//! Durations as Prometheus writes them.

use std::time::Duration;

/// The units of a duration, the largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A duration as Prometheus writes it: numbers with units from the largest to the smallest, such as `1h30m`.
///
/// # Errors
///
/// If it is none, in one line.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration; write it like 30s, 5m or 1h30m");
    let (mut rest, mut milliseconds, mut units) = (text.trim(), 0u64, UNITS.iter());
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let letters = &rest[digits..];
        let unit =
            &letters[..letters.len() - letters.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len()];
        let (_, length) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        milliseconds =
            number.checked_mul(*length).and_then(|part| milliseconds.checked_add(part)).ok_or_else(wrong)?;
        rest = &letters[unit.len()..];
    }
    if text.trim().is_empty() {
        return Err(wrong());
    }
    Ok(Duration::from_millis(milliseconds))
}

/// A duration in the largest units that fit, as [`parse`] reads it.
pub fn show(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    // Years and weeks are not how intervals are thought of.
    for (unit, length) in &UNITS[2..] {
        if rest >= *length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_written_as_prometheus_writes_them() {
        let seconds = |text: &str| parse(text).map(|duration| duration.as_secs_f64());
        for (text, expected) in [
            ("5m", 300.0),
            ("1h30m", 5400.0),
            ("90d", 7_776_000.0),
            ("1y2w3d4h5m6s7ms", 33_019_506.007),
            ("0", 0.0),
            ("0s", 0.0),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            " ",
            "5",
            "m",
            "5 m",
            "5M",
            "1m1h",
            "1m1m",
            "-5m",
            "1.5h",
            "99999999999999999999s",
            "9999999999999y",
        ] {
            assert_eq!(
                seconds(text).unwrap_err(),
                format!("{text:?} is no duration; write it like 30s, 5m or 1h30m")
            );
        }
    }

    proptest! {
        #[test]
        fn a_shown_duration_is_read_as_itself(milliseconds in 0u64..10_000_000_000) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&show(duration)).unwrap(), duration);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
