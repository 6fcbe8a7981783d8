//! The wire format of the list, written straight into a buffer.
//!
//! Field names, types and which fields may be null or absent follow the reference page "List users".

use std::io::Write;

use super::blueprint::{Blueprint, Field, Memberships, Profile};
use super::fault::FaultKind;
use super::population::{Page, User};
use super::seed::Id;

/// A page as JSON, damaged by those faults that change pages; `after` is the request's own cursor.
pub(super) fn page(
    blueprint: &Blueprint,
    page: &Page,
    after: Option<&str>,
    fault: Option<FaultKind>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + page.users.len() * 1024);
    out.extend_from_slice(br#"{"object":"list","data":["#);
    for (index, (serial, user)) in page.users.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if fault == Some(FaultKind::WrongTypes) && index % 4 != 3 {
            write_wrong_user(&mut out, blueprint, *serial, user, index - (index + 1) / 4);
        } else {
            write_user(&mut out, blueprint, *serial, user);
        }
    }
    if fault == Some(FaultKind::Duplicate)
        && let Some((serial, user)) = page.users.first()
    {
        out.push(b',');
        write_user(&mut out, blueprint, *serial, user);
    }
    out.push(b']');
    write_cursors(&mut out, blueprint, page, after, fault);
    out.push(b'}');
    out
}

fn write_cursors(
    out: &mut Vec<u8>,
    blueprint: &Blueprint,
    page: &Page,
    after: Option<&str>,
    fault: Option<FaultKind>,
) {
    let id = |user: Option<&(u32, User)>| user.map(|(serial, _)| Id::user(blueprint.seed, *serial));
    let (first, last) = (id(page.users.first()), id(page.users.last()));
    write_cursor(out, "first_id", first.as_ref().map(Id::as_str));
    let mut has_more = page.has_more;
    match fault {
        Some(FaultKind::RepeatCursor) => {
            let repeated = after.or(first.as_ref().map(Id::as_str));
            write_cursor(out, "last_id", repeated);
            has_more |= repeated.is_some();
        }
        // The last page stays as it is: to say there that more follows would be another fault.
        Some(FaultKind::MissingCursor) if has_more => {}
        _ => write_cursor(out, "last_id", last.as_ref().map(Id::as_str)),
    }
    boolean(out, "has_more", has_more);
}

fn write_cursor(out: &mut Vec<u8>, name: &str, id: Option<&str>) {
    match id {
        Some(id) => text(out, name, id.as_bytes()),
        None => null(out, name),
    }
}

/// `user` of the organization, with the fields in the order of the reference.
fn write_user(out: &mut Vec<u8>, blueprint: &Blueprint, serial: u32, user: &User) {
    let profile = blueprint.profile(serial);
    let id = Id::user(blueprint.seed, serial);
    out.extend_from_slice(br#"{"object":"organization.user""#);
    text(out, "id", id.as_bytes());
    quoted(out, "name", |out| profile.write_name(out));
    field(out, "email", profile.email, |out, name, ()| quoted(out, name, |out| profile.write_email(out)));
    text(out, "role", if user.owner { b"owner" } else { b"reader" });
    integer(out, "added_at", user.added_at);
    boolean(out, "is_default", serial == 0);
    integer(out, "created", user.added_at - profile.head_start);
    if let Some(email) = profile.nested {
        write_nested(out, id, &profile, email, user);
    }
    boolean(out, "is_service_account", profile.is_service());
    field(out, "is_scale_tier_authorized_purchaser", profile.purchaser, boolean);
    boolean(out, "is_scim_managed", user.scim);
    field(out, "api_key_last_used_at", user.api_key_last_used_at, integer);
    field(out, "technical_level", profile.level, |out, name, value| text(out, name, value.as_bytes()));
    field(out, "developer_persona", profile.persona, |out, name, value| text(out, name, value.as_bytes()));
    field(out, "projects", profile.projects, |out, name, value| {
        write_projects(out, name, blueprint, &value);
    });
    out.push(b'}');
}

fn write_nested(out: &mut Vec<u8>, id: Id, profile: &Profile, email: Field<()>, user: &User) {
    key(out, "user");
    out.extend_from_slice(br#"{"object":"user""#);
    text(out, "id", id.as_bytes());
    field(out, "email", email, |out, name, ()| quoted(out, name, |out| profile.write_email(out)));
    quoted(out, "name", |out| profile.write_name(out));
    null(out, "picture");
    boolean(out, "enabled", user.enabled);
    boolean(out, "banned", user.banned_at.is_some());
    field(out, "banned_at", user.banned_at.map_or(Field::Null, Field::Set), integer);
    out.push(b'}');
}

fn write_projects(out: &mut Vec<u8>, name: &str, blueprint: &Blueprint, memberships: &Memberships) {
    key(out, name);
    out.extend_from_slice(br#"{"object":"list","data":["#);
    for (place, (index, owner)) in memberships.iter().enumerate() {
        let project = &blueprint.projects[index];
        out.extend_from_slice(if place > 0 { b",{\"id\":\"" } else { b"{\"id\":\"" });
        out.extend_from_slice(project.id.as_bytes());
        out.push(b'"');
        text(out, "name", project.name.as_bytes());
        text(out, "role", if owner { b"owner" } else { b"member" });
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

/// A user whose required fields are right and whose optional ones are not, in six ways.
fn write_wrong_user(out: &mut Vec<u8>, blueprint: &Blueprint, serial: u32, user: &User, way: usize) {
    out.extend_from_slice(br#"{"object":"organization.user""#);
    text(out, "id", Id::user(blueprint.seed, serial).as_bytes());
    integer(out, "added_at", user.added_at);
    out.extend_from_slice(match way % 6 {
        0 => br#","name":17,"email":{},"role":["owner"],"is_default":0,"is_service_account":1"#.as_slice(),
        1 => br#","role":"own\ud800er","name":"\udfff","developer_persona":"\ud800","technical_level":[]"#,
        2 => br#","api_key_last_used_at":1e400,"created":-1e400,"user":{"object":"user","banned_at":1e400}"#,
        3 => br#","api_key_last_used_at":"1700000000","created":"1690000000","is_scim_managed":"true""#,
        4 => br#","user":"none","projects":[{"id":"proj_x"}],"is_scale_tier_authorized_purchaser":"no""#,
        _ => {
            br#","user":{"object":7,"id":null,"banned":"yes","enabled":2,"email":[1]},"projects":{"object":"list","data":{"0":{}}}"#
        }
    });
    out.push(b'}');
}

fn field<T>(out: &mut Vec<u8>, name: &str, value: Field<T>, write: impl FnOnce(&mut Vec<u8>, &str, T)) {
    match value {
        Field::Absent => {}
        Field::Null => null(out, name),
        Field::Set(value) => write(out, name, value),
    }
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// `value` must need no escapes; all texts of a synthetic organization are of that kind.
fn text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    quoted(out, name, |out| out.extend_from_slice(value));
}

fn quoted(out: &mut Vec<u8>, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
    key(out, name);
    out.push(b'"');
    write(out);
    out.push(b'"');
}

fn integer(out: &mut Vec<u8>, name: &str, value: i64) {
    key(out, name);
    let _infallible = write!(out, "{value}");
}

fn boolean(out: &mut Vec<u8>, name: &str, value: bool) {
    key(out, name);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn null(out: &mut Vec<u8>, name: &str) {
    key(out, name);
    out.extend_from_slice(b"null");
}
