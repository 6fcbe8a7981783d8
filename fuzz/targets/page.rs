//! What an answer's body is read as, held against what `serde_json` reads of it, and counted.

#![no_main]

use std::collections::HashSet;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use openai_org_exporter::admin_api::{Body, Field, Page, PageError, User};
use openai_org_exporter::composition::{Composition, EmailDomain, Options, Row, Threshold};
use openai_org_exporter::roster::{Builder, Changes};
use serde_json::Value;

/// The longest id that can be a cursor.
const LONGEST_ID: usize = 256;

fuzz_target!(|bytes: &[u8]| {
    let body = Body::new(bytes.to_vec(), Box::default());
    let page = body.page();
    // A hint, which may be wrong where the page is no page of the API's.
    let _ = body.announced_cursor();
    let Some((text, [quick, careful])) = body.both_ways() else {
        assert!(page.is_err(), "what is no text is no page");
        return;
    };
    if quick != Err(PageError::NotAnObject) {
        assert_eq!(quick, careful, "the quick way and the careful way read the same");
    }
    let Ok(page) = page else { return };
    assert_eq!(Ok(&page), careful.as_ref());
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        is_what_it_says(&page, &value);
    }
    is_counted_right(&page);
});

/// Holds `page` against the same text as a plain value.
fn is_what_it_says(page: &Page<'_>, value: &Value) {
    let records = value["data"].as_array().expect("a page has data");
    assert_eq!(page.users.len() as u64 + page.unreadable, records.len() as u64, "every record is met");
    assert_eq!(Some(page.has_more), value["has_more"].as_bool());
    assert_eq!(page.last_id.as_deref(), usable(&value["last_id"]));
    let readable: Vec<&Value> = records.iter().filter(|record| usable(&record["id"]).is_some()).collect();
    assert_eq!(page.users.len(), readable.len(), "every record with an id is read");
    for (user, record) in page.users.iter().zip(readable) {
        assert_eq!(Some(&*user.id), usable(&record["id"]));
        assert_eq!(user.role.value().map(|role| &**role), record["role"].as_str());
        assert_eq!(user.is_scim_managed.value().copied(), record["is_scim_managed"].as_bool());
        let banned = user.user.value().and_then(|account| account.banned.value().copied());
        assert_eq!(banned, record["user"]["banned"].as_bool());
        if record["api_key_last_used_at"].is_null() && record.get("api_key_last_used_at").is_some() {
            assert_eq!(user.api_key_last_used_at, Field::Null);
        }
    }
}

fn usable(id: &Value) -> Option<&str> {
    id.as_str().filter(|id| !id.trim().is_empty() && id.len() <= LONGEST_ID)
}

fn is_counted_right(page: &Page<'_>) {
    let options = Arc::new(Options {
        stale_after: vec![
            Threshold { label: "30d".into(), seconds: 30 * 86_400 },
            Threshold { label: "90d".into(), seconds: 90 * 86_400 },
        ],
        email_domains: vec![EmailDomain::parse("example.com").expect("it is a domain")],
        projects_limit: 2,
        project_names: true,
    });
    let reference = 1_800_000_000;
    let (mut whole, mut roster) = (Composition::new(options.clone(), reference), Builder::new(None));
    let mut halves = [whole.clone(), whole.clone()];
    let mut met: Vec<&User<'_>> = Vec::new();
    for user in &page.users {
        if roster.meet(user) {
            whole.add(user);
            met.push(user);
        }
    }
    for (number, user) in met.iter().enumerate() {
        halves[usize::from(number >= met.len() / 2)].add(user);
    }
    whole.add_unreadable(page.unreadable);
    halves[0].add_unreadable(page.unreadable);
    let ids: HashSet<&str> = page.users.iter().map(|user| &*user.id).collect();
    let users = ids.len() as u64;
    assert_eq!((whole.users(), roster.len() as u64), (users, users), "each user once");

    let figures = whole.figures();
    assert_eq!(sum(&figures.users), users);
    assert_eq!(sum(&figures.by_api_key_use), users);
    assert_eq!(sum(&figures.by_developer_persona), users);
    assert_eq!(sum(&figures.by_technical_level), users);
    assert_eq!(sum(&figures.by_email_domain), users);
    assert_eq!(figures.unreadable, page.unreadable);
    assert!(figures.with_field.iter().all(|row| row.value <= users));
    each_once(&figures.users);
    each_once(&figures.by_api_key_use);
    each_once(&figures.api_key_stale);
    each_once(&figures.by_email_domain);
    each_once(&figures.project_users);
    each_once(&figures.project_info);
    let [mut first, second] = halves;
    first.merge(&second);
    assert_eq!(first.figures(), figures, "counted in parts it is the same");

    // The same users again, in the other order, are no change.
    let before = Arc::new(roster.finish().0);
    let mut again = Builder::new(Some(before.clone()));
    for user in met.iter().rev() {
        assert!(again.meet(user));
    }
    let (again, changes) = again.finish();
    let changes = changes.expect("there was a roster before");
    assert_eq!((again.fingerprint(), again.len()), (before.fingerprint(), before.len()));
    assert_eq!(again.shared_with(&before), users);
    assert_eq!(changes, Changes::default());
}

fn sum<const N: usize>(rows: &[Row<N>]) -> u64 {
    rows.iter().map(|row| row.value).sum()
}

/// No two series have the same labels: Prometheus would refuse the scrape.
fn each_once<const N: usize>(rows: &[Row<N>]) {
    let labels: HashSet<_> = rows.iter().map(|row| &row.labels).collect();
    assert_eq!(labels.len(), rows.len(), "a series stands there twice: {rows:?}");
}
