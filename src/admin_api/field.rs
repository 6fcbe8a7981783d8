//! Reading JSON field by field, so that one odd value costs one field and nothing else.
//!
//! Objects are read in one of two ways by the same code. The quick way goes straight through the text and gives
//! up at a value that serde_json refuses (a lone surrogate, `1e400`), and at an entry that is no object. The careful
//! way first cuts the object into raw pieces and reads each by itself, so that such a value is merely absent.
//!
//! Everything is read into its place: records are large, and to move one costs about as much as to read it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::{Array, SmallVec};

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

    /// The same with what `f` makes of a value.
    pub(super) fn map<U>(&self, f: impl FnOnce(&T) -> U) -> Field<U> {
        match self {
            Field::Absent => Field::Absent,
            Field::Null => Field::Null,
            Field::Value(value) => Field::Value(f(value)),
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

    fn set(&mut self, value: Option<T>) {
        *self = value.map_or(Field::Absent, Field::Value);
    }

    /// Puts a value there, and lends it.
    fn insert(&mut self, value: T) -> &mut T {
        *self = Field::Value(value);
        match self {
            Field::Value(value) => value,
            _ => unreachable!("it was put there"),
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
    /// Reads `map` into its place, which is absent before.
    fn read_map<A: MapAccess<'de>, const CAREFUL: bool>(
        _: &mut Field<Self>,
        mut map: A,
    ) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
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

/// Where a field goes; absent before.
struct Place<'p, T, const CAREFUL: bool>(&'p mut Field<T>);

impl<'de, T: Lenient<'de>, const CAREFUL: bool> Visitor<'de> for Place<'_, T, CAREFUL> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        *self.0 = Field::Null;
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.0.set(T::from_bool(value));
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.0.set(T::from_i64(value));
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.0.set(i64::try_from(value).ok().and_then(T::from_i64));
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.0.set(T::from_f64(value));
        Ok(())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        self.0.set(T::from_str(Cow::Owned(value.to_owned())));
        Ok(())
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<(), E> {
        self.0.set(T::from_str(Cow::Borrowed(value)));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        T::read_map::<_, CAREFUL>(self.0, map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// A JSON object whose fields are read one by one.
pub(super) trait Record<'de>: Default {
    /// How many of an array are read.
    const MOST: usize = usize::MAX;

    /// For how many of an array room is made at once.
    const USUAL: usize = 0;

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
    value.deserialize_any(Place::<_, false>(place)).inspect_err(|_| *place = Field::Absent)
}

/// The same for a field that is an object. It is absent too if it says too little to be kept.
pub(super) fn read_record<'de, R: Record<'de>, D: Deserializer<'de>, const CAREFUL: bool>(
    place: &mut Field<R>,
    value: D,
) -> Result<(), D::Error> {
    *place = Field::Absent;
    value.deserialize_any(Place::<_, CAREFUL>(place)).inspect_err(|_| *place = Field::Absent)
}

impl<'de, R: Record<'de>> Lenient<'de> for R {
    fn read_map<A: MapAccess<'de>, const CAREFUL: bool>(
        place: &mut Field<Self>,
        map: A,
    ) -> Result<(), A::Error> {
        let record = place.insert(R::default());
        Entry::<R, CAREFUL>(record).visit_map(map)?;
        if !record.is_usable() {
            *place = Field::Absent;
        }
        Ok(())
    }
}

/// A record of which an object is read, and nothing else.
struct Entry<'r, R, const CAREFUL: bool>(&'r mut R);

impl<'de, R: Record<'de>, const CAREFUL: bool> Visitor<'de> for Entry<'_, R, CAREFUL> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if CAREFUL {
            while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                let Ok(key) = serde_json::from_str::<String>(key.get()) else { continue };
                let mut value = serde_json::Deserializer::from_str(value.get());
                // A value that serde_json refuses is an absent field, which is what `read` leaves behind.
                let _ = self.0.read::<_, CAREFUL>(&key, &mut value);
            }
        } else {
            while let Some(Key(key)) = map.next_key()? {
                map.next_value_seed(Into { record: &mut *self.0, key: &key })?;
            }
        }
        Ok(())
    }
}

impl<'de, R: Record<'de>, const CAREFUL: bool> de::DeserializeSeed<'de> for Entry<'_, R, CAREFUL> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
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

/// What stood in an array besides the records that were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Others {
    /// Entries that are no records, or none that can be used, or too many.
    pub(super) count: u64,
    /// Whether the last entry was one of these.
    pub(super) at_end: bool,
}

/// Reads an array whose entries are objects behind `records`, those that can be used. Anything else is an error.
pub(super) fn read_array<'de, L: Array<Item: Record<'de>>, D: Deserializer<'de>, const CAREFUL: bool>(
    records: &mut SmallVec<L>,
    value: D,
) -> Result<Others, D::Error> {
    value.deserialize_any(Entries::<_, CAREFUL>(records))
}

struct Entries<'r, L: Array, const CAREFUL: bool>(&'r mut SmallVec<L>);

impl<'de, L: Array<Item: Record<'de>>, const CAREFUL: bool> Visitor<'de> for Entries<'_, L, CAREFUL> {
    type Value = Others;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Others, A::Error> {
        let (records, mut others) = (self.0, Others::default());
        records.reserve_exact(L::Item::USUAL);
        while records.len() < L::Item::MOST {
            let index = records.len();
            records.push(L::Item::default());
            let record = &mut records[index];
            let is_record = if CAREFUL {
                seq.next_element::<&RawValue>()?.map(|raw| {
                    let mut raw = serde_json::Deserializer::from_str(raw.get());
                    raw.deserialize_any(Entry::<_, CAREFUL>(record)).is_ok()
                })
            } else {
                seq.next_element_seed(Entry::<_, CAREFUL>(record))?.map(|()| true)
            };
            let is_kept = is_record.map(|is_record| is_record && record.is_usable());
            if is_kept != Some(true) {
                records.pop();
            }
            let Some(is_kept) = is_kept else { return Ok(others) };
            others.count += u64::from(!is_kept);
            others.at_end = !is_kept;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            others.count += 1;
        }
        Ok(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'j, T: Lenient<'j>>(json: &'j str) -> Field<T> {
        let mut field = Field::Absent;
        read_into(&mut field, &mut serde_json::Deserializer::from_str(json)).unwrap();
        field
    }

    fn int(json: &str) -> Field<i64> {
        read(json)
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
        let field: Field<Cow<'_, str>> = read("\"owner\"");
        assert!(matches!(field, Field::Value(Cow::Borrowed("owner"))));
    }
}
