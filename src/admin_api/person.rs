//! What people are called. Nothing else of the program decodes names, and nothing but a list for a person's own terminal
//! asks for them.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use smallvec::SmallVec;

use super::field::{Field, Record, read_array, read_into, read_record};
use super::page::Body;
use super::scan::Scanner;
use super::user::{User, read_id};

/// The name of a user (source: API reference, "List users").
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Person<'a> {
    /// The user's id.
    pub id: Cow<'a, str>,
    name: Field<Cow<'a, str>>,
    nested: Field<NestedName<'a>>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct NestedName<'a> {
    name: Field<Cow<'a, str>>,
}

/// The data of a page, read for names.
#[derive(Default)]
struct People<'a> {
    list: SmallVec<[Person<'a>; 0]>,
}

impl Person<'_> {
    /// The name, trimmed: the user's own, else that of the nested object. Nothing where both are absent, null or blank.
    pub fn name(&self) -> Option<&str> {
        let nested = self.nested.value().map(|nested| &nested.name);
        let names = [Some(&self.name), nested].into_iter().flatten();
        names.filter_map(|name| name.value().map(|name| name.trim())).find(|name| !name.is_empty())
    }
}

impl Body {
    /// The names of the page's users, in its order. None for a body that is no page.
    pub fn people(&self) -> Vec<Person<'_>> {
        let Some(text) = self.text() else { return Vec::new() };
        let mut people = Field::<People<'_>>::Absent;
        let mut json = Scanner::new(text);
        if read_record::<_, _, false>(&mut people, &mut json).is_err() {
            people = Field::Absent;
            let mut json = serde_json::Deserializer::from_str(text);
            if read_record::<_, _, true>(&mut people, &mut json).is_err() {
                return Vec::new();
            }
        }
        people.into_value().map(|people| people.list.into_vec()).unwrap_or_default()
    }
}

impl<'de> Record<'de> for People<'de> {
    fn read<D: Deserializer<'de>, const CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error> {
        match key {
            "data" => read_array::<_, _, CAREFUL>(&mut self.list, value).map(|_| ()),
            _ => IgnoredAny::deserialize(value).map(|_| ()),
        }
    }
}

impl<'de> Record<'de> for Person<'de> {
    const MOST: usize = User::MOST;

    fn is_usable(&self) -> bool {
        !self.id.is_empty()
    }

    fn read<D: Deserializer<'de>, const CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error> {
        match key {
            "id" => read_id(&mut self.id, value),
            "name" => read_into(&mut self.name, value),
            "user" => read_record::<_, _, CAREFUL>(&mut self.nested, value),
            _ => IgnoredAny::deserialize(value).map(|_| ()),
        }
    }
}

impl<'de> Record<'de> for NestedName<'de> {
    fn read<D: Deserializer<'de>, const CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error> {
        match key {
            "name" => read_into(&mut self.name, value),
            _ => IgnoredAny::deserialize(value).map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_users_own_or_the_nested_one() {
        let text = r#"{"object":"list","data":[
            {"id":"a","name":" Ada "},
            {"id":"b","name":null,"user":{"name":"Bea"}},
            {"id":"c","name":" ","user":{"name":7}},
            {"name":"nobody"},
            7,
            {"id":"d","name":"\ud800"},
            {"id":"e","name":"E\u0301va"}
        ],"has_more":false}"#;
        let body = Body::new(text.as_bytes().to_vec(), Box::default());
        let people = body.people();
        let names: Vec<_> = people.iter().map(|person| (&*person.id, person.name())).collect();
        let expected =
            [("a", Some("Ada")), ("b", Some("Bea")), ("c", None), ("d", None), ("e", Some("E\u{301}va"))];
        assert_eq!(names, expected);
        assert!(Body::new(b"[".to_vec(), Box::default()).people().is_empty());
        assert!(Body::new(vec![0xff; 100_000], Box::default()).people().is_empty());
    }
}
