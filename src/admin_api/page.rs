//! One page of the list: the body as it came, and what can be read of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use super::error::{Detail, Error};
use super::field::{Field, Object, Objects, Record, read_into};
use super::user::{User, usable_id};

/// The body of an answer, from which a [`Page`] borrows.
#[derive(Debug)]
pub struct Body {
    text: String,
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
    /// Not JSON, or not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// Another object.
    #[error("the body is not a list page: {0} is missing or of another type")]
    NotAList(&'static str),
}

impl Body {
    /// A body of `bytes` that answers `detail`.
    ///
    /// Broken UTF-8 becomes a broken escape, so that it spoils the string it stands in and nothing more.
    pub fn new(bytes: Vec<u8>, detail: Box<Detail>) -> Self {
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            let mut text = String::with_capacity(error.as_bytes().len());
            for chunk in error.as_bytes().utf8_chunks() {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    // Behind a backslash that begins an escape, the escape is there already.
                    let backslashes = text.len() - text.trim_end_matches('\\').len();
                    text.push_str(if backslashes.is_multiple_of(2) { r"\ud800x" } else { "ud800x" });
                }
            }
            text
        });
        Self { text, detail }
    }

    /// What the body says.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidResponse`] if it is no page of a list.
    pub fn page(&self) -> Result<Page<'_>, Error> {
        Page::parse(&self.text).map_err(|error| {
            Error::InvalidResponse(Box::new(self.detail.clone().with_cause(error.to_string())))
        })
    }
}

impl<'a> Page<'a> {
    /// Reads a page: quickly, and where that fails carefully, field by field.
    ///
    /// # Errors
    ///
    /// If `text` is no JSON object with `object` = "list", an array `data` and a boolean `has_more`.
    pub fn parse(text: &'a str) -> Result<Self, PageError> {
        match Self::read::<false>(text) {
            Err(PageError::NotAnObject) => Self::read::<true>(text),
            outcome => outcome,
        }
    }

    fn read<const CAREFUL: bool>(text: &'a str) -> Result<Self, PageError> {
        let Ok(Field::Value(Object(envelope))) =
            serde_json::from_str::<Field<Object<Envelope<'a, CAREFUL>, CAREFUL>>>(text)
        else {
            return Err(PageError::NotAnObject);
        };
        if envelope.object.value().is_none_or(|object| object != "list") {
            return Err(PageError::NotAList("object"));
        }
        let (Field::Value(data), Field::Value(has_more)) = (envelope.data, envelope.has_more) else {
            let missing = if envelope.has_more.value().is_none() { "has_more" } else { "data" };
            return Err(PageError::NotAList(missing));
        };
        Ok(Self {
            users: data.records,
            unreadable: data.others,
            ends_unreadable: data.ends_with_other,
            has_more,
            last_id: usable_id(envelope.last_id),
        })
    }
}

struct Envelope<'a, const CAREFUL: bool> {
    object: Field<Cow<'a, str>>,
    data: Field<Objects<User<'a>, CAREFUL>>,
    has_more: Field<bool>,
    last_id: Field<Cow<'a, str>>,
}

impl<const CAREFUL: bool> Default for Envelope<'_, CAREFUL> {
    fn default() -> Self {
        Self { object: Field::Absent, data: Field::Absent, has_more: Field::Absent, last_id: Field::Absent }
    }
}

impl<'de, const CAREFUL: bool> Record<'de> for Envelope<'de, CAREFUL> {
    fn read<D: Deserializer<'de>, const _CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error> {
        match key {
            "object" => read_into(&mut self.object, value),
            "data" => read_into(&mut self.data, value),
            "has_more" => read_into(&mut self.has_more, value),
            "last_id" => read_into(&mut self.last_id, value),
            _ => IgnoredAny::deserialize(value).map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admin_api::Account;

    fn page_of(records: &str) -> String {
        format!(r#"{{"object":"list","data":[{records}],"first_id":null,"last_id":"z","has_more":true}}"#)
    }

    fn only_user(text: &str) -> User<'_> {
        let page = Page::parse(text).unwrap();
        assert_eq!((page.users.len(), page.unreadable), (1, 0), "{text}");
        page.users.into_iter().next().unwrap()
    }

    #[test]
    fn the_example_of_the_reference_is_read() {
        let text = r#"{"object":"list","data":[{"object":"organization.user","id":"user_abc","name":"First Last",
            "email":"user@example.com","role":"owner","added_at":1711471533}],
            "first_id":"user-abc","last_id":"user-xyz","has_more":false}"#;
        let page = Page::parse(text).unwrap();
        let expected = User {
            id: "user_abc".into(),
            email: Field::Value("user@example.com".into()),
            role: Field::Value("owner".into()),
            added_at: Field::Value(1_711_471_533),
            ..User::default()
        };
        assert_eq!(page.users, [expected]);
        assert_eq!((page.has_more, page.last_id.as_deref(), page.unreadable), (false, Some("user-xyz"), 0));
    }

    #[test]
    fn absent_null_and_present_are_three_things() {
        let field = |json: &str| only_user(&page_of(json)).api_key_last_used_at;
        assert_eq!(field(r#"{"id":"a"}"#), Field::Absent);
        assert_eq!(field(r#"{"id":"a","api_key_last_used_at":null}"#), Field::Null);
        assert_eq!(field(r#"{"id":"a","api_key_last_used_at":7}"#), Field::Value(7));
    }

    #[test]
    fn null_is_a_wrong_type_where_the_reference_does_not_allow_it() {
        let text = page_of(
            r#"{"id":"a","added_at":null,"created":null,"is_default":null,"is_scim_managed":null,
                "is_service_account":null,"user":null}"#,
        );
        assert_eq!(only_user(&text), User { id: "a".into(), ..User::default() });
    }

    #[test]
    fn timestamps_that_are_not_above_zero_are_absent() {
        for number in ["0", "-1", "-0.0", "\"0\""] {
            let text = page_of(&format!(r#"{{"id":"a","added_at":{number}}}"#));
            assert_eq!(only_user(&text).added_at, Field::Absent, "{number}");
        }
    }

    /// Values that serde_json refuses, or of a type that no field has.
    const SPOILT: [&str; 6] =
        [r#""\ud800""#, "1e400", "[[1]]", r#"{"a":{"b":"\ud800"}}"#, "-1e999", r#""\udfff x""#];

    #[test]
    fn a_spoilt_value_costs_its_field_and_no_other() {
        let fields = [
            "added_at",
            "api_key_last_used_at",
            "created",
            "developer_persona",
            "email",
            "is_default",
            "is_scale_tier_authorized_purchaser",
            "is_scim_managed",
            "is_service_account",
            "name",
            "projects",
            "role",
            "technical_level",
            "user",
            "something_new",
        ];
        for field in fields {
            for value in SPOILT {
                let marker = if field == "role" { "technical_level" } else { "role" };
                let text = page_of(&format!(
                    r#"{{"{field}":1,"{field}":{value},"id":"a","{marker}":"kept"}},{{"id":"b","role":"owner"}}"#
                ));
                let page = Page::parse(&text).unwrap();
                let mut expected = User { id: "a".into(), ..User::default() };
                match field {
                    "role" => expected.technical_level = Field::Value("kept".into()),
                    _ => expected.role = Field::Value("kept".into()),
                }
                let mut first = page.users[0].clone();
                if field == "user" && value.starts_with('{') {
                    assert_eq!(first.user, Field::Value(Account::default()));
                    first.user = Field::Absent;
                }
                assert_eq!(first, expected, "{field}: {value}");
                assert_eq!(page.users[1].role, Field::Value("owner".into()));
            }
        }
    }

    #[test]
    fn a_spoilt_value_inside_user_or_a_project_costs_no_more_than_itself() {
        let text = page_of(
            r#"{"id":"a","user":{"id":"\ud800","email":"\ud800","banned":true,"banned_at":1e400,"name":"\ud800"},
                "projects":{"object":"list","data":[{"id":"p","name":"\ud800","role":"owner"},7,null]}}"#,
        );
        let user = only_user(&text);
        assert_eq!(user.user, Field::Value(Account { banned: Field::Value(true), ..Account::default() }));
        let projects = &user.projects.value().unwrap().list;
        assert_eq!(projects.len(), 1);
        assert_eq!((&projects[0].id, &projects[0].name), (&Field::Value("p".into()), &Field::Absent));
    }

    #[test]
    fn a_broken_record_costs_one_user() {
        let text = page_of(r#"{"id":"a"},null,7,"x",[],{},{"id":7},{"id":""},{"id":"\ud800"},{"id":"b"}"#);
        let page = Page::parse(&text).unwrap();
        assert_eq!(page.users.iter().map(|user| &*user.id).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((page.unreadable, page.ends_unreadable), (8, false));
        let long = page_of(&format!(r#"{{"id":"{}"}}"#, "x".repeat(257)));
        assert!(Page::parse(&long).unwrap().ends_unreadable);
    }

    #[test]
    fn broken_utf_8_spoils_the_string_it_stands_in() {
        let mut bytes = page_of(r#"{"id":"a","role":"ow?ner","technical_level":"kept"}"#).into_bytes();
        let place = bytes.iter().position(|byte| *byte == b'?').unwrap();
        bytes[place] = 0xff;
        let body = Body::new(bytes, Box::default());
        let user = body.page().unwrap().users[0].clone();
        assert_eq!((user.role, user.technical_level), (Field::Absent, Field::Value("kept".into())));
    }

    #[test]
    fn what_is_no_list_page_is_refused_by_name() {
        let refused = |text: &str| Page::parse(text).unwrap_err().to_string();
        for text in
            ["", "null", "[]", "7", "<html>", r#"{"object":"list","data":[],"has_more":false"#, "{} {}"]
        {
            assert_eq!(refused(text), "the body is not a JSON object", "{text}");
        }
        let list = "the body is not a list page:";
        let other = "is missing or of another type";
        assert_eq!(refused("{}"), format!("{list} object {other}"));
        assert_eq!(refused(r#"{"object":"error"}"#), format!("{list} object {other}"));
        assert_eq!(refused(r#"{"object":"list","has_more":false}"#), format!("{list} data {other}"));
        assert_eq!(
            refused(r#"{"object":"list","data":{},"has_more":false}"#),
            format!("{list} data {other}")
        );
        assert_eq!(refused(r#"{"object":"list","data":[]}"#), format!("{list} has_more {other}"));
        assert_eq!(
            refused(r#"{"object":"list","data":[],"has_more":"false"}"#),
            format!("{list} has_more {other}")
        );
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        let deep = format!(r#"{{"id":"a","role":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(only_user(&page_of(&deep)).role, Field::Absent);
    }

    fn json_value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|value| value.to_string()),
            any::<i64>().prop_map(|value| value.to_string()),
            any::<f64>()
                .prop_filter("JSON has no NaN", |value| value.is_finite())
                .prop_map(|value| format!("{value:e}")),
            Just("1e400".to_owned()),
            Just(r#""\ud800""#.to_owned()),
            "[a-z@. ]{0,8}".prop_map(|text| format!("{text:?}")),
            Just(r#""\u006fwner""#.to_owned()),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let key = prop_oneof![
                "id|name|role|email|banned|enabled|banned_at|data|object".prop_map(|key| format!("{key:?}")),
                Just(r#""ro\u006ce""#.to_owned()),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|values| format!("[{}]", values.join(","))),
                prop::collection::vec((key, inner), 0..4).prop_map(|fields| {
                    let fields: Vec<String> =
                        fields.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                    format!("{{{}}}", fields.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_quick_and_the_careful_way_read_the_same(values in prop::collection::vec(json_value(), 1..6)) {
            let fields = ["role", "user", "projects", "added_at", "is_scim_managed", "email"];
            let record: Vec<String> =
                values.iter().zip(fields).map(|(value, field)| format!("{field:?}:{value}")).collect();
            let text = page_of(&format!(r#"{{"id":"a",{}}},{}"#, record.join(","), values[0]));
            let careful = Page::read::<true>(&text).unwrap();
            if let Ok(quick) = Page::read::<false>(&text) {
                prop_assert_eq!(quick, careful);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Body::new(bytes, Box::default()).page();
        }
    }
}
