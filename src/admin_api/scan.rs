//! A quick reader of JSON, for serde.
//!
//! Texts without escapes, whole numbers and what holds them together are read here, and lent. Whatever else there
//! is, is cut out and handed to `serde_json`; what that refuses, and what is no JSON, is given up without a word
//! why. So this reads what `serde_json` reads, or nothing.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// The most digits of a number that fits in any case.
const MOST_DIGITS: usize = 18;

/// Something that is not read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GivenUp;

/// Reads a JSON text from its beginning, without a bound on the depth of what is looked into.
pub(super) struct Scanner<'de> {
    text: &'de str,
    place: usize,
}

/// The entries of an array, or the members of an object.
struct Parts<'s, 'de> {
    scanner: &'s mut Scanner<'de>,
    /// The bracket behind the last one.
    end: u8,
    first: bool,
}

/// A number as it stands in the text.
enum Number<'de> {
    Whole(u64),
    Other(&'de str),
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no JSON that is read quickly")
    }
}

impl std::error::Error for GivenUp {}

impl de::Error for GivenUp {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl From<serde_json::Error> for GivenUp {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

impl<'de> Scanner<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self { text, place: 0 }
    }

    /// Whether nothing comes any more.
    pub(super) fn end(&mut self) -> Result<(), GivenUp> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(GivenUp),
        }
    }

    fn rest(&self) -> &'de [u8] {
        self.text.as_bytes().get(self.place..).unwrap_or_default()
    }

    /// The first byte of what comes next, blanks being passed.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.place)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.place += 1;
        }
    }

    /// Passes `byte`, which must come next.
    fn pass(&mut self, byte: u8) -> Result<(), GivenUp> {
        if self.peek() != Some(byte) {
            return Err(GivenUp);
        }
        self.place += 1;
        Ok(())
    }

    /// Takes the next `length` bytes.
    fn take(&mut self, length: usize) -> Result<&'de str, GivenUp> {
        let text = self.text.get(self.place..self.place + length).ok_or(GivenUp)?;
        self.place += length;
        Ok(text)
    }

    fn literal(&mut self, literal: &str) -> Result<(), GivenUp> {
        if !self.rest().starts_with(literal.as_bytes()) {
            return Err(GivenUp);
        }
        self.place += literal.len();
        Ok(())
    }

    /// The string that comes next, beginning with its quote, if it is plain.
    #[inline]
    fn string(&mut self) -> Option<&'de str> {
        let start = self.place + 1;
        let rest = self.text.as_bytes().get(start..)?;
        let length = plain(rest);
        if rest.get(length) != Some(&b'"') {
            return None;
        }
        self.place = start + length + 1;
        self.text.get(start..start + length)
    }

    /// The string that comes next and is not plain, with quotes and escapes.
    #[cold]
    fn escaped(&mut self) -> Result<&'de str, GivenUp> {
        let rest = self.rest();
        let mut length = 1;
        loop {
            match rest.get(length) {
                Some(b'"') => return self.take(length + 1),
                Some(b'\\') => length += 2,
                Some(_) => length += 1,
                None => return Err(GivenUp),
            }
        }
    }

    /// The number that comes next.
    fn number(&mut self) -> Result<Number<'de>, GivenUp> {
        let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let text = self.take(self.rest().iter().take_while(|byte| part(byte)).count())?;
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
        let whole = match text.len() {
            1 => text.bytes().next().and_then(digit),
            2..=MOST_DIGITS if !text.starts_with('0') => {
                text.bytes().try_fold(0, |number, byte| Some(number * 10 + digit(byte)?))
            }
            _ => None,
        };
        Ok(whole.map_or(Number::Other(text), Number::Whole))
    }

    /// Passes the value that comes next.
    fn skip(&mut self) -> Result<(), GivenUp> {
        let elsewhere = match self.peek().ok_or(GivenUp)? {
            b'"' => match self.string() {
                Some(_) => return Ok(()),
                None => self.escaped()?,
            },
            b'-' | b'0'..=b'9' => match self.number()? {
                Number::Whole(_) => return Ok(()),
                Number::Other(text) => text,
            },
            b't' => return self.literal("true"),
            b'f' => return self.literal("false"),
            b'n' => return self.literal("null"),
            _ => {
                let rest = self.text.get(self.place..).unwrap_or_default();
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
                values.next().ok_or(GivenUp)??;
                self.place += values.byte_offset();
                return Ok(());
            }
        };
        serde_json::from_str::<IgnoredAny>(elsewhere)?;
        Ok(())
    }
}

/// How many bytes there are before a quote, a backslash or a control character, or the end.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    // The first bit of each byte that is below `limit`, at least up to the lowest of these bytes.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & (ONES << 7);
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let (words, rest) = bytes.as_chunks();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let ends = below(word, 0x20) | is(word, b'"') | is(word, b'\\');
        if ends != 0 {
            return number * 8 + ends.trailing_zeros() as usize / 8;
        }
    }
    let end = |byte: &u8| matches!(byte, ..0x20 | b'"' | b'\\');
    words.len() * 8 + rest.iter().position(end).unwrap_or(rest.len())
}

impl<'de> Deserializer<'de> for &mut Scanner<'de> {
    type Error = GivenUp;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        let elsewhere = match self.peek().ok_or(GivenUp)? {
            b'"' => match self.string() {
                Some(text) => return visitor.visit_borrowed_str(text),
                None => self.escaped()?,
            },
            b'-' | b'0'..=b'9' => match self.number()? {
                Number::Whole(number) => return visitor.visit_u64(number),
                Number::Other(text) => text,
            },
            b't' => return self.literal("true").and_then(|()| visitor.visit_bool(true)),
            b'f' => return self.literal("false").and_then(|()| visitor.visit_bool(false)),
            b'n' => return self.literal("null").and_then(|()| visitor.visit_unit()),
            b'{' => return visitor.visit_map(Parts::of(self, b'}')),
            b'[' => return visitor.visit_seq(Parts::of(self, b']')),
            _ => return Err(GivenUp),
        };
        let mut elsewhere = serde_json::Deserializer::from_str(elsewhere);
        let value = elsewhere.deserialize_any(visitor)?;
        elsewhere.end()?;
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

impl<'s, 'de> Parts<'s, 'de> {
    /// What stands behind the bracket that comes next.
    fn of(scanner: &'s mut Scanner<'de>, end: u8) -> Self {
        scanner.place += 1;
        Self { scanner, end, first: true }
    }

    /// Whether there is one more, and goes there. Visitors must ask until there is none.
    fn advance(&mut self) -> Result<bool, GivenUp> {
        match self.scanner.peek().ok_or(GivenUp)? {
            byte if byte == self.end => {
                self.scanner.place += 1;
                return Ok(false);
            }
            _ if self.first => {}
            b',' => self.scanner.place += 1,
            _ => return Err(GivenUp),
        }
        self.first = false;
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Parts<'_, 'de> {
    type Error = GivenUp;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, GivenUp> {
        match self.advance()? {
            true => seed.deserialize(&mut *self.scanner).map(Some),
            false => Ok(None),
        }
    }
}

impl<'de> MapAccess<'de> for Parts<'_, 'de> {
    type Error = GivenUp;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, GivenUp> {
        if !self.advance()? {
            return Ok(None);
        }
        if self.scanner.peek() != Some(b'"') {
            return Err(GivenUp);
        }
        if let Some(key) = self.scanner.string() {
            return seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some);
        }
        let key = self.scanner.escaped()?;
        Ok(Some(seed.deserialize(&mut serde_json::Deserializer::from_str(key))?))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, GivenUp> {
        self.scanner.pass(b':')?;
        seed.deserialize(&mut *self.scanner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, GivenUp> {
        let mut scanner = Scanner::new(text);
        let value = T::deserialize(&mut scanner)?;
        scanner.end().map(|()| value)
    }

    /// Holds the two readers of `text` against each other, also where everything is skipped.
    fn agree(text: &str) {
        let expected = serde_json::from_str::<Value>(text).map_err(|_| GivenUp);
        assert_eq!(from_str(text), expected, "{text}");
        let skipped = serde_json::from_str::<IgnoredAny>(text).map_err(|_| GivenUp);
        assert_eq!(from_str::<IgnoredAny>(text), skipped, "{text}");
    }

    #[test]
    fn what_serde_json_refuses_is_given_up_and_all_else_is_read_the_same() {
        let long = format!("\"{}\\u00e9{}\"", "x".repeat(31), "é".repeat(9));
        for text in [
            "",
            " ",
            "n",
            "nul",
            "null",
            "nulll",
            "null null",
            " true\n",
            "false,",
            "TRUE",
            "0",
            "-0",
            "00",
            "01",
            "-",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.5",
            "1e3",
            "1E+3",
            "1e",
            "1e400",
            "-1e-400",
            "123456789012345678",
            "1234567890123456789",
            "18446744073709551615",
            "18446744073709551616",
            "1-2",
            "1 2",
            "\"",
            "\"\"",
            "\"a",
            "\"\\",
            "\"\\\"",
            "\"\\\"\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud83d\\ude00\"",
            "\"a\u{1}\"",
            "\"\u{7f}é\u{80}\"",
            "\"\\é\"",
            "[",
            "]",
            "[]",
            "[ ]",
            "[,]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1,2]",
            " [ 1 , \"a\" ] ",
            "[1}",
            "{",
            "{}",
            "{ }",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{1:2}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "{ \"a\" : 1 , \"b\" : [ ] }",
            "{\"a\":1]",
            "{\"\\u0061\":1}",
            "{\"\\ud800\":1}",
            "{\"a\":1,\"a\":2}",
            "\u{feff}1",
            "'a'",
            "\u{a0}1",
            "/**/1",
            &long,
        ] {
            agree(text);
        }
    }

    #[test]
    fn depth_is_no_danger_where_it_is_skipped() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(from_str::<IgnoredAny>(&deep), Ok(IgnoredAny));
    }

    #[test]
    fn text_is_plain_up_to_the_first_byte_that_is_not() {
        for length in 0..40 {
            for byte in 0..=u8::MAX {
                let mut bytes = vec![b'x'; 40];
                bytes[length] = byte;
                let ends = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(plain(&bytes), if ends { length } else { 40 }, "{byte} at {length}");
            }
        }
    }

    fn json() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => prop::sample::select(vec!["{", "}", "[", "]", ",", ":", " ", "\n", "null", "true", "false", "0", "7", "-1", "1.5"]),
            2 => prop::sample::select(vec!["\"a\"", "\"id\"", "\"\\n\"", "\"\\ud800\"", "\"", "\\", "\"é\"", "e", "1e400", "\t", "\u{1}"]),
            2 => prop::sample::select(vec!["[]", "{}", "{\"a\":", "[1,", ",\"b\":", "}}", "]]", "\"x\":"]),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((".{0,8}", inner), 0..6)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_reads_and_nothing_else(text in json()) {
            agree(&text);
        }

        #[test]
        fn it_reads_whatever_is_written(value in value(), pretty in any::<bool>()) {
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            agree(&text);
        }
    }
}
