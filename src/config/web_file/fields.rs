//! The fields of a map, each as what it must be.

use std::fmt::Display;
use std::time::Duration;

use super::super::error::{ConfigError, Place};
use super::super::layers::{Placed, entry};
use super::super::yaml::{Node, Value};

/// A map of the file.
pub(super) struct Fields<'n>(pub(super) Option<&'n Node>);

impl<'n> Fields<'n> {
    /// The map behind `key`.
    pub(super) fn inner(&self, key: &str) -> Fields<'n> {
        Fields(self.node(key))
    }

    /// What stands behind `key`, if that is not nothing.
    pub(super) fn node(&self, key: &str) -> Option<&'n Node> {
        entry(self.0?, key).filter(|node| !matches!(node.value, Value::Nothing))
    }

    /// The entries of the map, with texts behind them.
    pub(super) fn texts(&self, what: &str) -> Result<Vec<(&'n str, Placed)>, ConfigError> {
        match self.0.map(|node| (&node.value, &node.place)) {
            None | Some((Value::Nothing, _)) => Ok(Vec::new()),
            Some((Value::Map(map), _)) => map
                .iter()
                .map(|(key, node)| match &node.value {
                    Value::Scalar(text) => {
                        Ok((key.name.as_str(), Placed { text: text.clone(), place: node.place.clone() }))
                    }
                    // Nothing is an empty text.
                    Value::Nothing => {
                        Ok((key.name.as_str(), Placed { text: String::new(), place: key.place.clone() }))
                    }
                    _ => Err(ConfigError::new(key.place.clone(), format!("an entry of {what} is no text"))),
                })
                .collect(),
            Some((_, place)) => Err(ConfigError::new(place.clone(), format!("{what} is no map"))),
        }
    }

    /// The text behind `key`; an empty one is none.
    pub(super) fn text(&self, key: &str) -> Result<Option<Placed>, ConfigError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match &node.value {
            Value::Scalar(text) if text.is_empty() => Ok(None),
            Value::Scalar(text) => Ok(Some(Placed { text: text.clone(), place: node.place.clone() })),
            _ => Err(ConfigError::new(node.place.clone(), format!("{key} takes one text"))),
        }
    }

    /// What the text behind `key` says to `parse`.
    pub(super) fn parsed<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.text(key)?.map(|placed| at(&placed.place, key, parse(&placed.text))).transpose()
    }

    /// `true` or `false` behind `key`.
    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match (&node.value, node.typed) {
            (Value::Scalar(text), true) if text == "true" => Ok(Some(true)),
            (Value::Scalar(text), true) if text == "false" => Ok(Some(false)),
            _ => Err(ConfigError::new(node.place.clone(), format!("{key} is neither true nor false"))),
        }
    }

    /// A whole number behind `key`, and where it is.
    pub(super) fn number(&self, key: &str) -> Result<Option<(u32, Place)>, ConfigError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let number = match (&node.value, node.typed) {
            (Value::Scalar(text), true) => text.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => Ok(Some((number, node.place.clone()))),
            None => Err(ConfigError::new(
                node.place.clone(),
                format!("{key} is no whole number from 0 to {}", u32::MAX),
            )),
        }
    }

    /// The list behind `key`, each entry as `parse` reads it, and where the list is.
    pub(super) fn list<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<(Vec<T>, Place)>, ConfigError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let Value::List(list) = &node.value else {
            return Err(ConfigError::new(node.place.clone(), format!("{key} is no list")));
        };
        let parsed = list.iter().map(|entry| match &entry.value {
            Value::Scalar(text) => at(&entry.place, key, parse(text)),
            _ => Err(ConfigError::new(entry.place.clone(), format!("an entry of {key} is no text"))),
        });
        Ok(Some((parsed.collect::<Result<_, _>>()?, node.place.clone())))
    }
}

/// An outcome with the place and the key that it is about.
pub(super) fn at<T, E: Display>(place: &Place, key: &str, outcome: Result<T, E>) -> Result<T, ConfigError> {
    outcome.map_err(|error| ConfigError::new(place.clone(), format!("{key}: {error}")))
}

/// A duration as Go writes it: numbers, with fractions or not, and their units, such as `1m30s` or `0.5s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let wrong = || format!("{text:?} is no duration; write it like 100ms, 1s or 1m30s");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut nanoseconds) = (text, 0u128);
    while !rest.is_empty() || text.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        // What is shorter than a nanosecond counts for nothing.
        let fraction = &fraction[..fraction.len().min(18)];
        if whole.is_empty() && fraction.is_empty() || whole.len() > 18 || fraction.contains('.') {
            return Err(wrong());
        }
        let digits =
            |digits: &str| if digits.is_empty() { Ok(0u128) } else { digits.parse().map_err(|_| wrong()) };
        let scale = 10u128.pow(u32::try_from(fraction.len()).unwrap_or_default());
        nanoseconds += digits(whole)? * length + digits(fraction)? * length / scale;
        rest = tail;
    }
    match u64::try_from(nanoseconds) {
        Ok(nanoseconds) => Ok(Duration::from_nanos(nanoseconds)),
        Err(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("0s", 0),
            ("1s", 1_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("100ms", 100_000_000),
            ("1us", 1_000),
            ("1µs", 1_000),
            ("1m30s", 90_000_000_000),
            ("30s1m", 90_000_000_000),
            ("1h0m0.000000001s", 3_600_000_000_001),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
        for text in
            ["", "1", "s", ".s", "1d", "-1s", "1 s", "1..s", "1.2.3s", "9999999999999999999h", "1s1", "+1s"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), like in "[0-9.]{0,30}(ns|µs|s|h|x)?[0-9.]{0,5}s?") {
            let _ = (duration(&text), duration(&like));
        }
    }
}
