//! Reading JSON field by field, so that one odd value costs one field and nothing else.
//!
//! Objects are read in one of two ways by the same code. The quick way goes straight through the text and gives
//! up at a value that serde_json refuses (a lone surrogate, `1e400`). The careful way first cuts the object into
//! raw pieces and reads each by itself, so that such a value is merely absent.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// An optional field: absent, null and present are three things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// Not there, or of a type that cannot be read.
    #[default]
    Absent,
    /// There, and null.
    Null,
    /// There, with a value.
    Value(T),
}

impl<T> Field<T> {
    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Field::Value(value) => Some(value),
            _ => None,
        }
    }

    /// The value, if there is one, by itself.
    pub(super) fn into_value(self) -> Option<T> {
        match self {
            Field::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the record carries the field: with a value, or with null.
    pub fn is_carried(&self) -> bool {
        !matches!(self, Field::Absent)
    }

    /// The field where the reference does not allow null: null is a wrong type there, and so counts as absent.
    #[must_use]
    pub fn not_null(self) -> Self {
        match self {
            Field::Null => Field::Absent,
            other => other,
        }
    }

    pub(super) fn and_then<U>(self, f: impl FnOnce(T) -> Option<U>) -> Field<U> {
        match self {
            Field::Absent => Field::Absent,
            Field::Null => Field::Null,
            Field::Value(value) => f(value).map_or(Field::Absent, Field::Value),
        }
    }
}

/// A value that can be taken from a JSON value of the right type. The default of each method is a wrong type.
pub(super) trait Lenient<'de>: Sized {
    fn from_bool(_: bool) -> Option<Self> {
        None
    }
    fn from_i64(_: i64) -> Option<Self> {
        None
    }
    fn from_f64(_: f64) -> Option<Self> {
        None
    }
    fn from_str(_: Cow<'de, str>) -> Option<Self> {
        None
    }
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn from_seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Option<Self>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl Lenient<'_> for bool {
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl<'de> Lenient<'de> for Cow<'de, str> {
    fn from_str(value: Cow<'de, str>) -> Option<Self> {
        Some(value)
    }
}

/// Integers, also from strings and floats. What a double cannot hold exactly is no value.
impl<'de> Lenient<'de> for i64 {
    fn from_i64(value: i64) -> Option<Self> {
        (value.unsigned_abs() <= 1 << 53).then_some(value)
    }

    fn from_f64(value: f64) -> Option<Self> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is within 2^53; the fraction is dropped on purpose"
        )]
        (value.abs() <= EXACT).then_some(value as i64)
    }

    fn from_str(value: Cow<'de, str>) -> Option<Self> {
        let value = value.trim();
        match value.parse::<i64>() {
            Ok(value) => Self::from_i64(value),
            Err(_) => value.parse::<f64>().ok().and_then(Self::from_f64),
        }
    }
}

impl<'de, T: Lenient<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<T> FieldVisitor<T> {
    fn field<E>(value: Option<T>) -> Result<Field<T>, E> {
        Ok(value.map_or(Field::Absent, Field::Value))
    }
}

impl<'de, T: Lenient<'de>> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Self::field(T::from_bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Self::field(T::from_i64(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Self::field(i64::try_from(value).ok().and_then(T::from_i64))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Self::field(T::from_f64(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Self::field(T::from_str(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Self::field(T::from_str(Cow::Borrowed(value)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::from_map(map).and_then(Self::field)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        T::from_seq(seq).and_then(Self::field)
    }
}

/// A JSON object whose fields are read one by one.
pub(super) trait Record<'de>: Default {
    /// How many of an array are read.
    const MOST: usize = usize::MAX;

    /// Whether it says enough to be kept.
    fn is_usable(&self) -> bool {
        true
    }

    /// Reads the field `key` into its place, which is absent if `value` fails.
    ///
    /// `CAREFUL` must be handed on to objects and arrays inside.
    fn read<D: Deserializer<'de>, const CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error>;
}

/// Reads a field into its place; a failure leaves it absent, whatever stood there.
pub(super) fn read_into<'de, T: Lenient<'de>, D: Deserializer<'de>>(
    place: &mut Field<T>,
    value: D,
) -> Result<(), D::Error> {
    *place = Field::Absent;
    *place = Field::deserialize(value)?;
    Ok(())
}

/// An object, as a value of a field.
pub(super) struct Object<R, const CAREFUL: bool>(pub(super) R);

impl<'de, R: Record<'de>, const CAREFUL: bool> Lenient<'de> for Object<R, CAREFUL> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut record = R::default();
        if CAREFUL {
            while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                let Ok(key) = serde_json::from_str::<String>(key.get()) else { continue };
                let mut value = serde_json::Deserializer::from_str(value.get());
                // A value that serde_json refuses is an absent field, which is what `read` leaves behind.
                let _ = record.read::<_, CAREFUL>(&key, &mut value);
            }
        } else {
            while let Some(Key(key)) = map.next_key()? {
                map.next_value_seed(Into { record: &mut record, key: &key })?;
            }
        }
        Ok(Some(Object(record)))
    }
}

struct Into<'r, R> {
    record: &'r mut R,
    key: &'r str,
}

impl<'de, R: Record<'de>> de::DeserializeSeed<'de> for Into<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.record.read::<_, false>(self.key, deserializer)
    }
}

/// A key, borrowed unless it has escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
            fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// An array whose entries are objects. Only records that can be used are kept, the rest is counted.
pub(super) struct Objects<R, const CAREFUL: bool> {
    pub(super) records: Vec<R>,
    /// Entries that are no records, or none that can be used.
    pub(super) others: u64,
    /// Whether the last entry was one of these.
    pub(super) ends_with_other: bool,
}

impl<R, const CAREFUL: bool> Objects<R, CAREFUL> {
    fn push(&mut self, record: Option<R>) {
        self.ends_with_other = record.is_none();
        match record {
            Some(record) => self.records.push(record),
            None => self.others += 1,
        }
    }
}

impl<'de, R: Record<'de>, const CAREFUL: bool> Lenient<'de> for Objects<R, CAREFUL> {
    fn from_seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Option<Self>, A::Error> {
        let mut objects = Self { records: Vec::new(), others: 0, ends_with_other: false };
        let usable = |field: Field<Object<R, CAREFUL>>| match field {
            Field::Value(Object(record)) if record.is_usable() => Some(record),
            _ => None,
        };
        while objects.records.len() < R::MOST {
            let record = if CAREFUL {
                let Some(raw) = seq.next_element::<&RawValue>()? else { return Ok(Some(objects)) };
                serde_json::from_str(raw.get()).ok().and_then(usable)
            } else {
                let Some(field) = seq.next_element()? else { return Ok(Some(objects)) };
                usable(field)
            };
            objects.push(record);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(objects))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(json: &str) -> Field<i64> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_are_read_from_numbers_strings_and_floats() {
        for json in ["1711471533", "\"1711471533\"", "\" 1711471533 \"", "1711471533.9", "\"1.711471533e9\""]
        {
            assert_eq!(int(json), Field::Value(1_711_471_533), "{json}");
        }
    }

    #[test]
    fn what_is_no_number_is_absent_and_null_is_null() {
        for json in [
            "true",
            "\"x\"",
            "\"inf\"",
            "\"nan\"",
            "\"1e400\"",
            "{}",
            "[1]",
            "9007199254740993",
            "1e300",
            "18446744073709551615",
        ] {
            assert_eq!(int(json), Field::Absent, "{json}");
        }
        assert_eq!(int("null"), Field::Null);
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let field: Field<Cow<'_, str>> = serde_json::from_str("\"owner\"").unwrap();
        assert!(matches!(field, Field::Value(Cow::Borrowed("owner"))));
    }
}
