use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::admin_api::{Body, Field, Project};
use crate::composition::Composition;
use crate::listing::Filter;
use crate::selection::Selector;

const NOW: i64 = 1_800_000_000;

fn roll(selector: &str, emails: &[&str]) -> Roll {
    let criteria = Selector::parse(selector).unwrap().criteria();
    let addresses = emails.iter().map(|email| Filter::of_address(email).unwrap()).collect();
    let options = Arc::new(Options { projects_limit: 1, ..Options::default() });
    let mut roll =
        Roll::new(Arc::new(Wanted { criteria, addresses, ..Wanted::default() }), options, "acme".into());
    roll.begin(NOW);
    roll
}

fn user(id: &str, role: &str, projects: &[&str]) -> User<'static> {
    let text = |text: &str| Field::Value(Cow::Owned(text.to_owned()));
    let project = |id: &&str| Project { id: text(id), name: Field::Absent, role: text("member") };
    let projects: Vec<Project<'static>> = projects.iter().map(project).collect();
    User {
        id: id.to_owned().into(),
        role: text(role),
        email: text(&format!("{id}@acme.com")),
        projects: Field::Value(projects.into()),
        ..User::default()
    }
}

fn ids(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

fn show(roll: &mut Roll, users: &[User<'static>]) -> Vec<String> {
    let shown: Vec<&User<'_>> = users.iter().collect();
    roll.page(&shown, Vec::new).into_iter().map(|row| row.id).collect()
}

fn folds(users: &[User<'static>]) -> Folds {
    let options = Arc::new(Options { projects_limit: 1, ..Options::default() });
    let mut composition = Composition::new(options, NOW);
    users.iter().for_each(|user| composition.add(user));
    composition.folds()
}

#[test]
fn who_is_certainly_on_the_list_is_given_out_at_once_and_by_name() {
    let mut roll = roll(r#"{role="owner"}"#, &[]);
    let text = br#"{"object":"list","data":[{"id":"a","name":"Ada"},{"id":"a","name":"Eve"},{"id":"b","name":"Bea"}],
                    "has_more":false}"#;
    let body = Body::new(text.to_vec(), Box::default());
    let (a, b) = (user("a", "owner", &[]), user("b", "reader", &[]));
    let rows = roll.page(&[&a, &b], || body.people());
    assert_eq!(ids(&rows), ["a"]);
    assert_eq!(rows[0].name.as_deref(), Some("Ada"));
    assert_eq!(roll.outcome(), Outcome { users: 1, ..Outcome::default() });
}

#[test]
fn nobody_is_named_where_nobody_is_wanted() {
    let mut roll = roll(r#"{role="owner"}"#, &[]);
    let rows = roll.page(&[&user("b", "reader", &[])], || panic!("names are not decoded"));
    assert!(rows.is_empty());
}

#[test]
fn who_may_count_under_other_waits_for_the_end() {
    let users: Vec<User<'static>> =
        (0..25).map(|n| user(&format!("u{n:02}"), &format!("role-{n:02}"), &[])).collect();
    let mut other = roll(r#"openai_org_users{role="other"}"#, &[]);
    assert!(show(&mut other, &users).is_empty());
    assert!(other.waits());
    assert_eq!(other.outcome().doubtful, 25);
    let rows = other.finish(&folds(&users), 0);
    assert_eq!(ids(&rows), ["u20", "u21", "u22", "u23", "u24"]);
    assert_eq!(other.outcome(), Outcome { users: 5, ..Outcome::default() });
}

#[test]
fn memberships_count_as_the_series_of_projects_does() {
    let users = [
        user("a", "owner", &["big", "small-1", "small-2"]),
        user("b", "owner", &["big", "small-1"]),
        user("c", "owner", &["big"]),
    ];
    let mut roll = roll(r#"openai_org_project_users{project_id="other"}"#, &[]);
    assert!(show(&mut roll, &users).is_empty());
    assert_eq!(ids(&roll.finish(&folds(&users), 0)), ["a", "b"]);
    assert_eq!(roll.outcome(), Outcome { users: 2, memberships: 3, ..Outcome::default() });
}

#[test]
fn who_is_on_the_list_for_one_project_may_be_so_for_more_at_the_end() {
    let users = [user("a", "owner", &["big", "sk-odd", "small"]), user("b", "owner", &["big"])];
    let mut roll = roll(r#"openai_org_project_users{project_id="other"}"#, &[]);
    assert_eq!(show(&mut roll, &users), ["a"]);
    assert!(roll.finish(&folds(&users), 0).is_empty());
    assert_eq!(roll.outcome(), Outcome { users: 1, memberships: 2, ..Outcome::default() });
}

#[test]
fn a_walk_that_starts_over_gives_nobody_out_twice_and_knows_who_is_gone() {
    let mut roll = roll(r#"{role="owner"}"#, &[]);
    let [a, b, c] = ["a", "b", "c"].map(|id| user(id, "owner", &[]));
    assert_eq!(show(&mut roll, &[a.clone(), b.clone()]), ["a", "b"]);
    roll.start_over();
    assert_eq!(show(&mut roll, &[b, c, user("a", "reader", &[])]), ["c"]);
    assert!(roll.finish(&Folds::default(), 0).is_empty());
    assert_eq!(roll.outcome(), Outcome { users: 2, gone: vec!["a".into()], ..Outcome::default() });
}

#[test]
fn what_nobody_has_and_who_may_belong_on_the_list_is_remarked_at_the_end() {
    let remarks = |selector: &str, ids: &[&str], unreadable| {
        let wanted = Wanted {
            criteria: Selector::parse(selector).unwrap().criteria(),
            ids: ids.iter().map(|id| Filter::of_id(id).unwrap()).collect(),
            ..Wanted::default()
        };
        let mut roll = Roll::new(Arc::new(wanted), Arc::default(), "acme".into());
        roll.begin(NOW);
        show(&mut roll, &[user("a", "owner", &[]), User { id: "b".into(), ..User::default() }]);
        roll.finish(&Folds::default(), unreadable);
        roll.outcome().remarks
    };
    assert_eq!(remarks("openai_org_users", &["a", "!b", "c@d"], 0), [r#"nobody has the id "<unusual>""#]);
    assert_eq!(remarks("openai_org_users", &["c"], 1), [""; 0], "it may be the one that cannot be read");
    assert_eq!(
        remarks(r#"{role="owner",scim_managed="false"}"#, &[], 0),
        ["the API does not say is_scim_managed of 2 users, role of 1 user, who may belong on the list"]
    );
    assert_eq!(remarks(r#"{role="unknown"}"#, &[], 0), [""; 0]);
    for text in ["-", "@file"] {
        assert!(Filter::of_id(text).unwrap_err().contains("are not read from"), "{text}");
    }
}

#[test]
fn it_is_known_whether_all_addresses_were_met() {
    let mut roll = roll("openai_org_users", &["A@acme.com", "b@acme.com", "!c@acme.com"]);
    let [a, b, c] = ["a", "b", "c"].map(|id| user(id, "owner", &[]));
    assert_eq!(show(&mut roll, &[a, c]), ["a"]);
    assert!(!roll.met_all_addresses());
    assert_eq!(show(&mut roll, &[b]), ["b"]);
    assert!(roll.met_all_addresses());
}

proptest! {
    #[test]
    fn the_list_is_as_long_as_each_series_says(
        roles in prop::collection::vec(0u8..30, 1..80), cut in 0usize..80,
    ) {
        let user = |(n, role): (usize, &u8)| user(&format!("u{n}"), &format!("role-{role}"), &[]);
        let users: Vec<User<'static>> = roles.iter().enumerate().map(user).collect();
        let options = Arc::new(Options::default());
        let mut composition = Composition::new(options, NOW);
        users.iter().for_each(|user| composition.add(user));
        let folds = composition.folds();
        for row in composition.figures().users {
            let [role, account_type, scim, status] = row.labels;
            let mut roll = roll(
                &format!("openai_org_users{{role={role:?},account_type={account_type:?},scim_managed={scim:?},status={status:?}}}"),
                &[],
            );
            let (first, rest) = users.split_at(cut.min(users.len()));
            let mut listed = show(&mut roll, first);
            listed.extend(show(&mut roll, rest));
            listed.extend(roll.finish(&folds, 0).into_iter().map(|row| row.id));
            let outcome = roll.outcome();
            prop_assert_eq!(outcome.users, row.value);
            listed.sort_unstable();
            listed.dedup();
            prop_assert_eq!(listed.len() as u64, row.value);
        }
    }
}
