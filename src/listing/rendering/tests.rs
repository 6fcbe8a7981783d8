use std::sync::Arc;

use super::*;
use crate::composition::{AccountType, ApiKeyUse, ScimManaged, Status};
use crate::listing::Membership;

const NOW: i64 = 1_800_000_000;

fn row(id: &str, name: Option<&str>) -> Row {
    Row {
        organization: Arc::from("acme"),
        reference: NOW,
        id: id.to_owned(),
        name: name.map(str::to_owned),
        email: name.map(|_| format!("{id}@acme.com")),
        email_domain: name.map(|_| "acme.com".to_owned()),
        role: Some("owner".to_owned()),
        account_type: AccountType::User,
        scim_managed: ScimManaged::Unknown,
        status: Status::Active,
        key_use: ApiKeyUse::Never,
        key_last_used_at: None,
        added_at: Some(NOW - 3 * 86_400),
        banned_at: None,
        developer_persona: None,
        technical_level: None,
        projects: Some(vec![
            Membership { id: Some("p1".into()), name: Some("Web".into()), role: Some("owner".into()) },
            Membership { id: Some("p2".into()), name: None, role: None },
        ]),
    }
}

fn ending() -> Ending {
    Ending {
        organization: "acme".into(),
        walk_start: Some(NOW),
        users: 3,
        memberships: None,
        unreadable: Some(0),
        complete: true,
    }
}

/// A list of two pages.
fn written(format: Format, columns: &[Column], complete: bool) -> String {
    let mut rendering = Rendering::new(format, columns.to_vec(), None);
    let pages = [
        vec![row("user-1", Some("Ada \u{202e}L\"o\nve\u{1f}")), row("user-2", None)],
        vec![row("=cmd", Some("=1+1"))],
    ];
    let mut text = rendering.begin();
    for page in &pages {
        text.extend(rendering.rows(page));
    }
    text + &rendering.end(&[Ending { complete, ..ending() }], true)
}

#[test]
fn a_table_is_for_people() {
    let columns = [Column::Name, Column::Role, Column::KeyLastUsed, Column::Added, Column::Projects];
    let expected = "\
NAME                       ROLE      KEY LAST USED  ADDED          PROJECTS
Ada \\u{202e}L\"o\\nve\\u{1f}  owner     never          3 days ago     Web (owner), p2 (unknown)
-                          owner     never          3 days ago     Web (owner), p2 (unknown)
=1+1                       owner     never          3 days ago     Web (owner), p2 (unknown)
";
    assert_eq!(written(Format::Table, &columns, true), expected);
}

#[test]
fn no_name_is_a_command_to_the_runner_of_a_job() {
    let mut rendering = Rendering::new(Format::Table, vec![Column::Name], None);
    let rows = ["::add-mask::x", "a ##[error]b"].map(|name| row("user-1", Some(name)));
    let text: String = rendering.rows(&rows).collect();
    assert_eq!(text, "NAME\n- ::add-mask::x\na #\\u{23}[error]b\n");
}

#[test]
fn csv_is_for_spreadsheets() {
    let columns =
        [Column::Id, Column::Name, Column::Email, Column::KeyLastUsed, Column::Added, Column::Projects];
    let expected = "id,name,email,api_key_last_used_at,added_at,projects\r\n\
         user-1,\"Ada \\u{202e}L\"\"o\nve\\u{1f}\",user-1@acme.com,,2027-01-12T08:00:00Z,p1 (owner); p2 (unknown)\r\n\
         user-2,,,,2027-01-12T08:00:00Z,p1 (owner); p2 (unknown)\r\n\
         '=cmd,'=1+1,'=cmd@acme.com,,2027-01-12T08:00:00Z,p1 (owner); p2 (unknown)\r\n";
    assert_eq!(written(Format::Csv, &columns, true), expected);
}

#[test]
fn json_is_one_document_that_says_whether_it_is_whole() {
    let columns = [Column::Id, Column::Name, Column::ScimManaged, Column::Added, Column::KeyLastUsed];
    let expected = r#"{"users":[
{"id":"user-1","name":"Ada \u202eL\"o\nve\u001f","scim_managed":"unknown","added_at":1799740800,"api_key_last_used_at":null},
{"id":"user-2","name":null,"scim_managed":"unknown","added_at":1799740800,"api_key_last_used_at":null},
{"id":"=cmd","name":"=1+1","scim_managed":"unknown","added_at":1799740800,"api_key_last_used_at":null}
],"listed":3,"unreadable":0,"complete":false,"organizations":[{"complete":false,"organization":"acme","unreadable":0,"users":3,"walk_start":1800000000}]}
"#;
    assert_eq!(written(Format::Json, &columns, false), expected);
    let whole = written(Format::Json, Column::ALL, true);
    let document: serde_json::Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(document["complete"], true);
    assert_eq!(document["users"][0]["name"], "Ada \u{202e}L\"o\nve\u{1f}");
    assert_eq!(document["users"][0]["projects"][1], json!({"id": "p2", "name": null, "role": null}));
}

#[test]
fn nobody_is_a_document_too() {
    let rendering = Rendering::new(Format::Json, vec![Column::Id], None);
    let text = rendering.begin() + &rendering.end(&[], true);
    assert_eq!(
        text,
        "{\"users\":[\n],\"listed\":0,\"unreadable\":0,\"complete\":true,\"organizations\":[]}\n"
    );
}

#[test]
fn a_list_with_records_that_could_not_be_read_is_not_complete() {
    let rendering = Rendering::new(Format::Json, vec![Column::Id], None);
    let acme = Ending { unreadable: Some(2), ..ending() };
    let globex = Ending { organization: "globex".into(), unreadable: None, complete: false, ..ending() };
    let expected = r#"
],"listed":0,"unreadable":2,"complete":false,"organizations":[{"complete":false,"organization":"acme","unreadable":2,"users":3,"walk_start":1800000000}]}
"#;
    assert_eq!(rendering.end(std::slice::from_ref(&acme), true), expected);
    assert!(rendering.end(&[acme, globex], true).contains(r#""organization":"globex","unreadable":null"#));
}

#[test]
fn a_list_that_was_cut_short_is_not_complete() {
    let rendering = Rendering::new(Format::Json, vec![Column::Id], None);
    assert!(rendering.end(&[], false).contains("\"complete\":false"));
}

#[test]
fn json_lines_and_ids_have_a_line_for_each_user() {
    let expected = "{\"id\":\"user-1\",\"banned_at\":null}\n{\"id\":\"user-2\",\"banned_at\":null}\n{\"id\":\"=cmd\",\"banned_at\":null}\n";
    assert_eq!(written(Format::JsonLines, &[Column::Id, Column::Banned], true), expected);
    assert_eq!(written(Format::Ids, &[], true), "user-1\nuser-2\n=cmd\n");
    let mut rendering = Rendering::new(Format::Ids, vec![], None);
    assert_eq!(rendering.rows(&[row("a\nb\u{1b}", None)]).collect::<String>(), "a\\nb\\u{1b}\n");
}

#[test]
fn a_format_that_is_none_is_said_with_those_that_are() {
    assert_eq!(
        Format::parse("yaml").unwrap_err(),
        "\"yaml\" is no way to write a list; write it as one of table, json, jsonl, csv, ids"
    );
    assert_eq!(Format::parse("jsonl"), Ok(Format::JsonLines));
}
