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
fn timestamps_that_are_no_seconds_of_our_days_are_absent() {
    for number in ["0", "-1", "-0.0", "\"0\"", "1711471533000", "100000000000"] {
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
    for text in ["", "null", "[]", "7", "<html>", r#"{"object":"list","data":[],"has_more":false"#, "{} {}"] {
        assert_eq!(refused(text), "the body is not a JSON object", "{text}");
    }
    let list = "the body is not a list page:";
    let other = "is missing or of another type";
    assert_eq!(refused("{}"), format!("{list} object {other}"));
    assert_eq!(refused(r#"{"object":"error"}"#), format!("{list} object {other}"));
    assert_eq!(refused(r#"{"object":"list","has_more":false}"#), format!("{list} data {other}"));
    assert_eq!(refused(r#"{"object":"list","data":{},"has_more":false}"#), format!("{list} data {other}"));
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
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(","))),
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

/// How the body `bytes` is refused.
fn refused(bytes: impl Into<Vec<u8>>) -> String {
    let error = Body::new(bytes.into(), Box::default()).page().unwrap_err();
    assert_eq!(error.result(), "invalid_response");
    error.detail().cause.clone().unwrap()
}

#[test]
fn one_byte_order_mark_is_no_part_of_the_page() {
    let text = page_of(r#"{"id":"a"}"#);
    let body = Body::new(format!("\u{feff}{text}").into_bytes(), Box::default());
    assert_eq!(body.page().unwrap(), Page::parse(&text).unwrap());
    assert_eq!(refused(format!("\u{feff}\u{feff}{text}")), "the body is not a JSON object");
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(refused([&[0xff, 0xfe], &utf_16[..]].concat()), "the body is not a JSON object");
}

#[test]
fn a_field_of_the_list_that_stands_twice_is_refused() {
    for (field, value) in
        [("object", r#""list""#), ("data", "[]"), ("has_more", "false"), ("last_id", r#""z""#)]
    {
        for again in [value, "7", r#""\ud800""#] {
            for text in [
                page_of(r#"{"id":"a"}"#).replacen('{', &format!(r#"{{"{field}":{again},"#), 1),
                page_of(r#"{"id":"a"}"#).replacen('{', &format!(r#"{{"odd":"\ud800","{field}":{again},"#), 1),
            ] {
                let expected = format!("the body is not a list page: {field} stands in it twice");
                assert_eq!(refused(text), expected);
            }
        }
    }
}

#[test]
fn a_page_of_10_000_users_is_read_and_a_larger_one_refused() {
    let users = |number| (0..number).map(|n| format!(r#"{{"id":"{n}"}}"#)).collect::<Vec<_>>().join(",");
    assert_eq!(Page::parse(&page_of(&users(10_000))).unwrap().users.len(), 10_000);
    assert_eq!(
        refused(page_of(&users(10_001))),
        "the page has more than 10000 users, where 100 were asked for"
    );
}

#[test]
fn a_body_that_would_fill_memory_is_refused_before_it_is_read() {
    let projects = format!(r#"{{"id":"a","projects":{{"data":[{}{{}}]}}}}"#, "{},".repeat(200_000));
    let message = "the body has more than 200000 objects, where 100 users were asked for";
    assert_eq!(refused(page_of(&projects)), message);
    assert_eq!(refused(vec![0xff; 1 << 20]), "the body is no text");
}

prop_compose! {
    /// A page as the API writes it: the fields behind the data in any order, with or without blanks, a cursor or none.
    fn api_page()(
        ids in prop::collection::vec("[a-zA-Z0-9_-]{1,40}", 0..4),
        projects in any::<bool>(),
        cursor in prop_oneof![
            4 => "[a-zA-Z0-9_-]{1,40}".prop_map(|id| Some(format!("{id:?}"))),
            1 => r#" {0,3}|x{256,258}|user\\u002d[0-9]"#.prop_map(|id| Some(format!("\"{id}\""))),
            1 => Just(Some("null".to_owned())),
            1 => Just(None),
        ],
        has_more in any::<bool>(),
        mut order in Just(vec![0, 1, 2]).prop_shuffle(),
        blank in prop_oneof![Just(""), Just(" "), Just("\n  ")],
    ) -> String {
        let fields = [
            ids.first().map(|id| format!("\"first_id\":{blank}{id:?}")),
            cursor.map(|cursor| format!("\"last_id\":{blank}{cursor}")),
            Some(format!("\"has_more\":{blank}{has_more}")),
        ];
        let list = if projects { r#","projects":{"object":"list","data":[]}"# } else { "" };
        let users: Vec<String> = ids.iter().map(|id| format!("{{\"id\":{id:?}{list}}}")).collect();
        order.retain(|number| fields[*number].is_some());
        let tail: Vec<&str> = order.iter().filter_map(|number| fields[*number].as_deref()).collect();
        let comma = format!(",{blank}");
        format!("{{\"object\":\"list\",\"data\":[{}]{blank},{}{blank}}}", users.join(&comma), tail.join(&comma))
    }
}

proptest! {
    #[test]
    fn the_cursor_announced_is_the_cursor_of_the_page(text in api_page()) {
        let body = Body::new(text.into_bytes(), Box::default());
        let page = body.page().unwrap();
        prop_assert_eq!(body.announced_cursor(), page.last_id.filter(|_| page.has_more));
    }

    #[test]
    fn no_end_of_a_body_makes_the_announcement_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), text in ".*") {
        for end in [&bytes, text.as_bytes()] {
            let tail = [br#"{"data":[],"last_id":"a","#, end].concat();
            let _ = Body::new(tail, Box::default()).announced_cursor();
        }
    }
}

#[test]
fn no_cursor_is_announced_where_there_is_a_doubt() {
    let announced =
        |text: &str| Body::new(text.into(), Box::default()).announced_cursor().map(Cow::into_owned);
    assert_eq!(announced(r#"{"data":[1],"last_id":"a","has_more":true}"#).as_deref(), Some("a"));
    for doubtful in [
        "",
        "]",
        "],",
        r#"{"last_id":"a","has_more":true,"data":[]}"#,
        r#"{"last_id":"a","data":[],"has_more":true}"#,
        r#"{"data":[],"last_id":"a","has_more":true"#,
        r#"{"data":[],"last_id":"a","has_more":true} "x""#,
        r#"{"data":[],"last_id":"a","has_more":true,"last_id":"b"}"#,
        r#"{"data":[],"last_id":"a","has_more":true,"has_more":true}"#,
        r#"{"data":[],"last_id":"a","has_more":"true"}"#,
        r#"{"data":[],"last_id":"\ud800","has_more":true}"#,
        r#"{"data":[],"last_id":"a]b","has_more":true}"#,
        r#"{"data":[],"last_id":"a","has_more":true,"more":[]}"#,
    ] {
        assert_eq!(announced(doubtful), None, "{doubtful}");
    }
    let long = format!(r#"{{"data":[],"last_id":"a","has_more":true,"padding":"{}"}}"#, "x".repeat(5_000));
    assert_eq!(announced(&long), None, "an end that is long is not looked at");
}
