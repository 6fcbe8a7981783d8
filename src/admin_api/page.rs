//! One page of the list: the body as it came, and what can be read of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use smallvec::SmallVec;

use super::error::{Detail, Error};
use super::field::{Field, Others, Record, read_array, read_into, read_record};
use super::scan::Scanner;
use super::user::{User, usable_id};

/// The most users of one page; 100 are asked for.
const MOST_USERS: usize = User::MOST - 1;

/// The most objects in one page: users, projects and what else there is. It bounds the memory that a page takes when it
/// is read, whatever it holds; 100 users with 1,000 projects each have half as many.
const MOST_OBJECTS: usize = 200_000;

/// The most places with broken UTF-8 that are put right. Beyond that a body is no text.
const MOST_BROKEN: usize = 65_536;

/// The longest end of a body that is looked at for a cursor, in bytes: some ids, and room for what is not known yet.
const LONGEST_TAIL: usize = 4096;

/// The body of an answer, from which a [`Page`] borrows.
#[derive(Debug)]
pub struct Body {
    /// The text, if the body is one.
    text: Option<String>,
    /// What was asked, for messages.
    detail: Box<Detail>,
}

/// One page of the list of users (source: API reference, "List users").
#[derive(Debug, Clone, PartialEq)]
pub struct Page<'a> {
    /// The users that can be told apart, in the order of the page.
    pub users: Vec<User<'a>>,
    /// How many records had no usable id.
    pub unreadable: u64,
    /// Whether the last record was one of these.
    pub ends_unreadable: bool,
    /// Whether more pages follow.
    pub has_more: bool,
    /// The cursor of the next page, where the page names one that can be used.
    pub last_id: Option<Cow<'a, str>>,
}

/// Why a text is no page of a list.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PageError {
    /// Not UTF-8, not even nearly.
    #[error("the body is no text")]
    NoText,
    /// Not JSON, or not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// Another object.
    #[error("the body is not a list page: {0} is missing or of another type")]
    NotAList(&'static str),
    /// A field of the list twice, so that nobody can tell which one is meant.
    #[error("the body is not a list page: {0} stands in it twice")]
    Twice(&'static str),
    /// More users than a page can have.
    #[error("the page has more than {MOST_USERS} users, where 100 were asked for")]
    TooManyUsers,
    /// More of everything than a page can have.
    #[error("the body has more than {MOST_OBJECTS} objects, where 100 users were asked for")]
    TooManyObjects,
}

impl Body {
    /// A body of `bytes` that answers `detail`.
    ///
    /// Broken UTF-8 becomes a broken escape, so that it spoils the string it stands in and nothing more. One byte
    /// order mark before the text is no part of it.
    pub fn new(bytes: Vec<u8>, detail: Box<Detail>) -> Self {
        let mut text = match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(error) => mended(error.as_bytes()),
        };
        if let Some(text) = &mut text
            && text.starts_with('\u{feff}')
        {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Self { text, detail }
    }

    /// The text, if the body is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// What the body says.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidResponse`] if it is no page of a list.
    pub fn page(&self) -> Result<Page<'_>, Error> {
        self.text.as_deref().ok_or(PageError::NoText).and_then(Page::parse).map_err(|error| {
            Error::InvalidResponse(Box::new(self.detail.clone().with_cause(error.to_string())))
        })
    }

    /// The cursor of the next page, read off the end of the body at next to no cost; `None` wherever that leaves a
    /// doubt.
    ///
    /// It is a hint, by which the next page can be asked for while this one is read: what comes before the end is not
    /// looked at, so only [`Body::page`] says whether there is a page here, and what its cursor is.
    pub fn announced_cursor(&self) -> Option<Cow<'_, str>> {
        let (_, tail) = self.text.as_deref()?.rsplit_once(']')?;
        let fields = tail.trim_start().strip_prefix(',').filter(|fields| fields.len() <= LONGEST_TAIL)?;
        let tail: Tail = serde_json::from_str(&format!("{{{fields}")).ok()?;
        usable_id(Field::Value(tail.last_id.into())).filter(|_| tail.has_more)
    }
}

/// What stands behind the data of a page that has a next one. A field twice is an error.
#[derive(Deserialize)]
struct Tail {
    last_id: String,
    has_more: bool,
}

#[cfg(fuzzing)]
impl Body {
    /// The text, and what the quick and the careful way read in it.
    pub fn both_ways(&self) -> Option<(&str, [Result<Page<'_>, PageError>; 2])> {
        self.text.as_deref().map(|text| (text, [Page::read::<false>(text), Page::read::<true>(text)]))
    }
}

/// The text that `bytes` nearly are; `None` where they are none at all.
fn mended(bytes: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(bytes.len());
    let mut broken = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            broken += 1;
            if broken > MOST_BROKEN {
                return None;
            }
            // Behind a backslash that begins an escape, the escape is there already.
            let backslashes = text.len() - text.trim_end_matches('\\').len();
            text.push_str(if backslashes.is_multiple_of(2) { r"\ud800x" } else { "ud800x" });
        }
    }
    Some(text)
}

impl<'a> Page<'a> {
    /// Reads a page: quickly, and where that fails carefully, field by field.
    ///
    /// # Errors
    ///
    /// If `text` is no JSON object with `object` = "list", an array `data` and a boolean `has_more`, or one that
    /// contradicts itself or is larger than a page can be.
    pub fn parse(text: &'a str) -> Result<Self, PageError> {
        // A text that is shorter has fewer without being looked at.
        if text.len() > MOST_OBJECTS && text.bytes().filter(|byte| *byte == b'{').count() > MOST_OBJECTS {
            return Err(PageError::TooManyObjects);
        }
        match Self::read::<false>(text) {
            Err(PageError::NotAnObject) => Self::read::<true>(text),
            outcome => outcome,
        }
    }

    fn read<const CAREFUL: bool>(text: &'a str) -> Result<Self, PageError> {
        let mut envelope = Field::<Envelope<'a>>::Absent;
        let is_read = if CAREFUL {
            let mut json = serde_json::Deserializer::from_str(text);
            read_record::<_, _, CAREFUL>(&mut envelope, &mut json).and_then(|()| json.end()).is_ok()
        } else {
            let mut json = Scanner::new(text);
            read_record::<_, _, CAREFUL>(&mut envelope, &mut json).and_then(|()| json.end()).is_ok()
        };
        let Some(envelope) = envelope.into_value().filter(|_| is_read) else {
            return Err(PageError::NotAnObject);
        };
        if let Some(field) = envelope.twice {
            return Err(PageError::Twice(field));
        }
        if envelope.object.value().is_none_or(|object| object != "list") {
            return Err(PageError::NotAList("object"));
        }
        let (Some(others), Field::Value(has_more)) = (envelope.others, envelope.has_more) else {
            let missing = if envelope.has_more.value().is_none() { "has_more" } else { "data" };
            return Err(PageError::NotAList(missing));
        };
        if envelope.users.len() > MOST_USERS {
            return Err(PageError::TooManyUsers);
        }
        Ok(Self {
            users: envelope.users.into_vec(),
            unreadable: others.count,
            ends_unreadable: others.at_end,
            has_more,
            last_id: usable_id(envelope.last_id),
        })
    }
}

#[derive(Default)]
struct Envelope<'a> {
    object: Field<Cow<'a, str>>,
    users: SmallVec<[User<'a>; 0]>,
    /// What else the data holds, if they are an array.
    others: Option<Others>,
    has_more: Field<bool>,
    last_id: Field<Cow<'a, str>>,
    /// The fields that were there already, by their place in [`FIELDS`].
    seen: [bool; FIELDS.len()],
    /// A field that stood there twice.
    twice: Option<&'static str>,
}

/// The fields that say what a page is.
const FIELDS: [&str; 4] = ["object", "data", "has_more", "last_id"];

impl<'de> Record<'de> for Envelope<'de> {
    fn read<D: Deserializer<'de>, const CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error> {
        if let Some(number) = FIELDS.iter().position(|field| *field == key)
            && std::mem::replace(&mut self.seen[number], true)
        {
            self.twice = Some(FIELDS[number]);
        }
        match key {
            "object" => read_into(&mut self.object, value),
            "data" => {
                self.others = Some(read_array::<_, _, CAREFUL>(&mut self.users, value)?);
                Ok(())
            }
            "has_more" => read_into(&mut self.has_more, value),
            "last_id" => read_into(&mut self.last_id, value),
            _ => IgnoredAny::deserialize(value).map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests;
