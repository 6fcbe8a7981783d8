use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::admin_api::{Field, User};
use crate::clock::Clock;
use crate::composition::{self, Composition};
use crate::policy::{self, Bound, Policies, Policy, Tallies, Terms, Until, Whom, parse_selector};
use crate::roster::{Builder, Change, Grant, Totals};
use crate::snapshot::{Anomalies, Boundaries, OrganizationState, Snapshot, Summary};
use crate::state::Kept;
use std::sync::Arc;

const NOW: u64 = 1_800_000_000;

/// The moment of the tests; a runtime that stands still makes it the same each time.
fn now() -> Moment {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { Clock::starting_at(NOW).now() })
}

/// A policy that excepts people whom nobody may know of.
fn policies() -> Arc<Policies> {
    let except = |whom| policy::Exception { whom, reason: "secret-reason".into(), until: Until::Never };
    Arc::new(Policies::new(vec![Arc::new(Policy::new(Terms {
        name: "owners".into(),
        select: parse_selector(r#"{role="owner"}"#).unwrap(),
        of: None,
        bound: Bound::Max(5),
        severity: "warning".into(),
        description: None,
        exceptions: vec![except(Whom::User("secret-id-0".into())), except(Whom::email("secret@example.com"))],
    }))]))
}

fn organization(name: &str, users: usize, now: &Moment) -> Kept {
    let options = Arc::new(composition::Options { project_names: true, ..composition::Options::default() });
    let mut composition = Composition::new(options.clone(), now.whole_unix_seconds());
    let mut tallies = Tallies::new(policies(), options.clone(), now.whole_unix_seconds());
    let mut builder = Builder::new(None);
    for number in 0..users {
        let id = format!("secret-id-{number}");
        let role = ["owner", "reader", "admin \"x\"\n"][number % 3];
        let user = User { id: id.into(), role: Field::Value(role.into()), ..User::default() };
        assert!(builder.meet(&user));
        composition.add(&user);
        tallies.add(&user);
    }
    let (roster, _) = builder.finish();
    let mut changes = Totals {
        since: Some(NOW * 1000 - 90_000),
        last_owner_grant: Some(NOW * 1000 - 1),
        ..Totals::default()
    };
    changes.changes[Change::Added as usize] = users as u64;
    changes.last_changes[Change::Added as usize] = Some(NOW * 1000);
    changes.grants[Grant::Other as usize] = u64::MAX;
    let start = now.earlier(now.unix_milliseconds() - 61_500).unwrap();
    let end = now.earlier(now.unix_milliseconds() - 60_000).unwrap();
    let anomalies = Anomalies { duplicate: 1, missing_cursor: 2, cursor_gone: 3 };
    let snapshot = Snapshot {
        figures: composition.figures(),
        users: users as u64,
        fingerprint: roster.fingerprint(),
        tallied: tallies.finish(),
        options,
        summary: Summary { start, end, pages: 7, anomalies },
    };
    let state = OrganizationState {
        snapshot: Some(Arc::new(snapshot)),
        roster: Some(Arc::new(roster)),
        changes,
        last_success: Some(end),
        boundaries: Some(Arc::new(Boundaries::new(["user-\"1\"".into(), "user-2".into()], 7))),
        last_sequential: Some(start),
        ..OrganizationState::default()
    };
    Kept { name: name.to_owned(), state: Arc::new(state) }
}

fn written(organizations: &[Kept], now: &Moment) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(organizations, now, &mut bytes).unwrap();
    bytes
}

/// `content` with a checksum that fits.
fn summed(content: &[u8]) -> Vec<u8> {
    let mut sum = SipHasher24::new();
    sum.write(content);
    [content, &sum.finish().to_le_bytes()].concat()
}

#[test]
fn what_is_written_is_read() {
    let now = now();
    let nothing = Kept { name: "new".into(), state: Arc::default() };
    let organizations = [organization("acme", 5_000, &now), nothing, organization("\"umlaut ü\"", 0, &now)];
    assert_eq!(read(&written(&organizations, &now), &now).unwrap(), organizations);
    assert_eq!(read(&written(&[], &now), &now).unwrap(), []);
}

#[test]
fn a_user_takes_12_bytes() {
    let now = now();
    let size = |users| written(&[organization("acme", users, &now)], &now).len();
    assert_eq!((size(40_000) - size(10_000)) / 30_000, 12);
}

#[test]
fn it_holds_no_user_id() {
    let now = now();
    let bytes = written(&[organization("acme", 100, &now)], &now);
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("\"tallied\":{\"") && !text.contains("secret"), "{text}");
}

#[test]
fn every_cut_and_every_changed_bit_is_noticed() {
    let now = now();
    let bytes = written(&[organization("acme", 20, &now)], &now);
    for end in 0..bytes.len() {
        let damage = read(&bytes[..end], &now).unwrap_err();
        assert!(matches!(damage, Damage::Foreign | Damage::Checksum), "{damage:?} at {end}");
    }
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1 << bit;
            assert!(read(&bytes, &now).is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn what_is_none_of_this_version_is_named() {
    let now = now();
    let says = |bytes: &[u8]| read(bytes, &now).unwrap_err().to_string();
    assert_eq!(says(b""), "it is no state file of openai-org-exporter");
    assert_eq!(says(b"PK\x03\x04"), "it is no state file of openai-org-exporter");
    assert_eq!(
        says(b"openai-org-exporter state 2\nwhatever"),
        "it was written by another version, in format \"2\"; this one reads format 1"
    );
    let content = |rest: &str| says(&summed(format!("openai-org-exporter state 1\n{rest}").as_bytes()));
    assert_eq!(content("{}"), "it cannot be read: its second line does not end");
    assert!(content("{}\n").starts_with("it cannot be read: its second line is wrong: missing field"));
    let roster = |users: u64, roles: &str, entries: &str| {
        content(&format!(
            "{{\"written_at\":1,\"organizations\":[{{\"name\":\"a\",\"changes\":{{\"changes\":{{}},\"grants\":{{}},\
             \"last_changes\":{{}}}},\"roster\":{{\"key\":[1,2],\"roles\":[{roles}],\"fingerprint\":0,\
             \"users\":{users}}}}}]}}\n{entries}"
        ))
    };
    let known = r#""owner","reader""#;
    assert_eq!(roster(1, known, "123"), "it cannot be read: it ends before the users of \"a\"");
    assert_eq!(roster(u64::MAX, known, ""), "it cannot be read: it ends before the users of \"a\"");
    assert_eq!(roster(0, known, "x"), "it cannot be read: it holds more users than its rosters");
    assert_eq!(roster(0, r#""reader""#, ""), "it cannot be read: \"a\": its table of roles is none");
    assert_eq!(
        roster(1, known, "123456781234"),
        "it cannot be read: \"a\": the attributes of a user are none that this version writes"
    );
    let entry = "12345678\0\0\0\0";
    assert_eq!(
        roster(2, known, &[entry, entry].concat()),
        "it cannot be read: \"a\": the hashes of users are not in rising order"
    );
}

#[test]
fn times_of_the_future_are_not_believed() {
    let now = now();
    let bytes = written(&[organization("acme", 10, &now)], &now);
    let earlier = |seconds: u64| now.earlier(now.unix_milliseconds() - seconds * 1000).unwrap();

    let state = |now: &Moment| OrganizationState::clone(&read(&bytes, now).unwrap()[0].state);
    let a_minute_ago = state(&earlier(61));
    assert_eq!((a_minute_ago.snapshot, a_minute_ago.last_success), (None, None), "its walk ended later");
    assert_eq!(a_minute_ago.changes.since, Some(NOW * 1000 - 90_000));
    assert_eq!(a_minute_ago.changes.last_changes, Totals::default().last_changes);
    assert_eq!(a_minute_ago.changes.last_owner_grant, None);
    assert_eq!(a_minute_ago.changes.changes[Change::Added as usize], 10, "counters are no times");
    assert_eq!(a_minute_ago.roster.unwrap().len(), 10);
    assert_eq!(state(&earlier(100)).changes.since, None);
    assert!(state(&now).snapshot.is_some());
}

#[test]
fn a_file_of_a_version_that_kept_no_boundaries_is_read() {
    let now = now();
    let organizations = [organization("acme", 0, &now)];
    let bytes = written(&organizations, &now);
    let text = std::str::from_utf8(&bytes[..bytes.len() - CHECKSUM]).unwrap();
    let start = text.find(r#","boundaries":"#).unwrap();
    let end =
        start + text[start..].find("}}").map_or_else(|| text[start..].find('}').unwrap() + 1, |end| end + 1);
    let older = summed(format!("{}{}", &text[..start], &text[end..]).as_bytes());
    let state = &read(&older, &now).unwrap()[0].state;
    assert_eq!((&state.boundaries, state.last_sequential), (&None, None));
    assert_eq!(state.snapshot, organizations[0].state.snapshot);
}

#[test]
fn a_disk_that_is_full_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let now = now();
    let error = write(&[organization("acme", 10, &now)], &now, full).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn the_age_of_what_was_read_is_its_true_age() {
    let now = now();
    let bytes = written(&[organization("acme", 1, &now)], &now);
    let later = Moment { wall: now.wall + Duration::from_secs(600), ..now };
    let kept = read(&bytes, &later).unwrap();
    let start = kept[0].state.snapshot.as_ref().unwrap().summary.start;
    assert_eq!(later.since(&start), Duration::from_millis(661_500));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), line in "\\PC{0,200}") {
        let now = now();
        let _ = read(&bytes, &now);
        let content = [b"openai-org-exporter state 1\n", line.as_bytes(), b"\n", &bytes].concat();
        let _ = read(&summed(&content), &now);
    }
}
