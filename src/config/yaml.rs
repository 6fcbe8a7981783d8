//! A YAML file as a tree in which every piece knows where it stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::error::{ConfigError, Place};

/// A piece of the file.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    /// Whether it is a number, `true` or `false`, without quotes.
    pub(super) typed: bool,
}

/// What a piece is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Nothing,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) name: String,
}

/// Reads the text of the file at `path`.
pub(super) fn parse(path: &str, text: &str) -> Result<Node, ConfigError> {
    let options = serde_saphyr::options! { leading_zero_numbers_as_strings: true };
    serde_saphyr::from_str_with_options::<Raw>(text, options).map(|raw| raw.into_node(path)).map_err(
        |error| {
            let place = error.location().map_or(Place::file(path, 1, 1), |location| {
                Place::file(path, location.line(), location.column())
            });
            let message = error.without_snippet().to_string();
            // What the library says of the place, we say ourselves; its own options are not for our users.
            let message = message.lines().next().unwrap_or_default();
            let before = |text: &str, mark: &str| text.split(mark).next().unwrap_or_default().to_owned();
            let message = before(&before(message, " at line "), ", set ");
            let message = message.trim_end_matches('.');
            ConfigError::new(place, format!("{message}; this is not valid YAML"))
        },
    )
}

/// The tree before it knows its file.
struct Raw(Spanned<RawValue>);

enum RawValue {
    Nothing,
    Typed(String),
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl Raw {
    fn into_node(self, path: &str) -> Node {
        let place = |location: serde_saphyr::Location| Place::file(path, location.line(), location.column());
        let typed = matches!(self.0.value, RawValue::Typed(_));
        let value = match self.0.value {
            RawValue::Nothing => Value::Nothing,
            RawValue::Typed(text) | RawValue::Text(text) => Value::Scalar(text),
            RawValue::List(list) => Value::List(list.into_iter().map(|raw| raw.into_node(path)).collect()),
            RawValue::Map(map) => Value::Map(
                map.into_iter()
                    .map(|(key, raw)| {
                        (Key { place: place(key.referenced), name: key.value }, raw.into_node(path))
                    })
                    .collect(),
            ),
        };
        Node { place: place(self.0.referenced), value, typed }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Raw)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawVisitor;
        impl<'de> Visitor<'de> for RawVisitor {
            type Value = RawValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<RawValue, E> {
                Ok(RawValue::Nothing)
            }

            fn visit_bool<E>(self, value: bool) -> Result<RawValue, E> {
                Ok(RawValue::Typed(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<RawValue, E> {
                Ok(RawValue::Typed(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<RawValue, E> {
                Ok(RawValue::Typed(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<RawValue, E> {
                Ok(RawValue::Typed(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<RawValue, E> {
                Ok(RawValue::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawValue, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    list.push(entry);
                }
                Ok(RawValue::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawValue, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key()? {
                    if entries.len() >= 100_000 {
                        return Err(A::Error::custom("too many keys"));
                    }
                    entries.push((key, map.next_value()?));
                }
                Ok(RawValue::Map(entries))
            }
        }
        deserializer.deserialize_any(RawVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_knows_its_place() {
        let node = parse("a.yaml", "poll: {interval: 5m}\nname:\n  - 007\n  - true\nempty:\n").unwrap();
        let Value::Map(map) = node.value else { panic!("{node:?}") };
        let (poll, inner) = &map[0];
        assert_eq!((poll.name.as_str(), poll.place.to_string().as_str()), ("poll", "a.yaml:1:1"));
        let Value::Map(inner) = &inner.value else { panic!() };
        assert_eq!(
            (inner[0].0.place.to_string(), inner[0].1.place.to_string()),
            ("a.yaml:1:8".into(), "a.yaml:1:18".into())
        );
        let Value::List(list) = &map[1].1.value else { panic!() };
        let scalars: Vec<String> =
            list.iter().map(|node| format!("{:?} {}", node.value, node.place)).collect();
        assert_eq!(scalars, ["Scalar(\"007\") a.yaml:3:5", "Scalar(\"true\") a.yaml:4:5"]);
        assert!(matches!(map[2].1.value, Value::Nothing));
    }

    #[test]
    fn numbers_and_truth_values_are_told_from_texts() {
        let node = parse("a.yaml", "[true, 1, -1, 1.5, yes, 'true', \"1\", 007, a, null]").unwrap();
        let Value::List(list) = node.value else { panic!() };
        let typed: Vec<bool> = list.iter().map(|node| node.typed).collect();
        assert_eq!(typed, [true, true, true, true, true, false, false, false, false, false]);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_place() {
        for text in ["a: [1", "a: b: c", "a: 1\na: 2\n", "a: *nobody"] {
            let error = parse("a.yaml", text).unwrap_err().to_string();
            assert!(error.starts_with("a.yaml:") && !error.contains('\n'), "{error}");
        }
    }
}
