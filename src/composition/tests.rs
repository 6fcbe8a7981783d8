use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::admin_api::{Account, Page, Project, Projects};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn options() -> Arc<Options> {
    let threshold = |label: &str, days: i64| Threshold { label: label.into(), seconds: days * DAY };
    Arc::new(Options {
        stale_after: vec![threshold("30d", 30), threshold("90d", 90)],
        email_domains: vec![EmailDomain::parse("acme.com").unwrap()],
        projects_limit: 2,
        project_names: true,
    })
}

fn count(users: &[User<'_>]) -> Composition {
    let mut composition = Composition::new(options(), NOW);
    for user in users {
        composition.add(user);
    }
    composition
}

/// The series of a family as `a/b/c -> value`.
fn series<const N: usize>(rows: &[Row<N>]) -> BTreeMap<String, u64> {
    let series: BTreeMap<_, _> = rows.iter().map(|row| (row.labels.join("/"), row.value)).collect();
    assert_eq!(series.len(), rows.len(), "a series stands twice");
    series
}

fn total<const N: usize>(rows: &[Row<N>]) -> u64 {
    rows.iter().map(|row| row.value).sum()
}

fn known_role<'a>(role: &'a str) -> User<'a> {
    User { role: Field::Value(role.into()), ..User::default() }
}

#[test]
fn projects_are_not_named_when_that_is_off() {
    let project =
        Project { id: Field::Value("p".into()), name: Field::Value("Secret".into()), ..Project::default() };
    let user = User { projects: Field::Value(vec![project].into()), ..User::default() };
    let named = |project_names| {
        let options = Options { project_names, ..Options::clone(&options()) };
        let mut composition = Composition::new(Arc::new(options), NOW);
        composition.add(&user);
        let figures = composition.figures();
        (series(&figures.project_info).len(), total(&figures.project_users))
    };
    assert_eq!((named(true), named(false)), ((1, 1), (0, 1)));
}

#[test]
fn roles_in_projects_are_told_apart_up_to_a_bound_and_all_counted() {
    let mut composition = Composition::new(options(), NOW);
    let (users, projects) = (110, 2_000);
    for user in 0..users {
        let project = |number: usize| Project {
            id: Field::Value(format!("proj_{number}").into()),
            role: Field::Value(format!("role-{user}").into()),
            ..Project::default()
        };
        let list: Vec<Project<'_>> = (0..projects).map(project).collect();
        composition.add(&User { projects: Field::Value(list.into()), ..User::default() });
    }
    let told_apart = composition.projects.told_apart();
    assert!((200_000..=200_000 + projects).contains(&told_apart), "{told_apart} of {}", users * projects);
    assert_eq!(total(&composition.figures().project_users), (users * projects) as u64);
}

#[test]
fn an_organization_without_users_has_one_series_of_zero() {
    let figures = count(&[]).figures();
    assert_eq!(series(&figures.users), BTreeMap::from([("unknown/unknown/unknown/unknown".into(), 0)]));
    assert_eq!(series(&figures.by_api_key_use), BTreeMap::from([("unknown/unknown/unknown".into(), 0)]));
    assert_eq!(series(&figures.by_developer_persona), BTreeMap::from([("unknown".into(), 0)]));
    assert_eq!(series(&figures.by_email_domain), BTreeMap::from([("none/unknown".into(), 0)]));
    assert!(figures.api_key_stale.is_empty() && figures.recently_added.is_empty());
    assert_eq!((figures.default_users, figures.without_project, figures.last_added), (None, None, None));
}

#[test]
fn what_the_api_does_not_carry_is_unknown_and_never_zero() {
    let text = r#"{"object":"list","data":[{"object":"organization.user","id":"user_abc","name":"First Last",
        "email":"user@example.com","role":"owner","added_at":1711471533}],"has_more":false}"#;
    let figures = count(&Page::parse(text).unwrap().users).figures();
    assert_eq!(
        series(&figures.users),
        BTreeMap::from([
            ("owner/unknown/unknown/unknown".into(), 1),
            ("reader/unknown/unknown/unknown".into(), 0),
        ])
    );
    assert_eq!(
        series(&figures.by_api_key_use),
        BTreeMap::from([("owner/unknown/unknown".into(), 1), ("reader/unknown/unknown".into(), 0)])
    );
    assert!(figures.api_key_stale.is_empty());
    assert_eq!(figures.scale_tier_purchasers, None);
    assert_eq!(series(&figures.by_email_domain)["other/owner"], 1);
    assert_eq!(series(&figures.by_email_domain)["acme.com/reader"], 0);
    let carried = series(&figures.with_field);
    assert_eq!((carried["role"], carried["added_at"], carried["is_scim_managed"]), (1, 1, 0));
}

#[test]
fn a_carried_dimension_is_filled_with_zeros_and_unknown_only_where_seen() {
    let scim = |value| User { is_scim_managed: value, ..known_role("owner") };
    let users = series(&count(&[scim(Field::Value(true)), scim(Field::Absent)]).figures().users);
    assert_eq!(
        users,
        BTreeMap::from([
            ("owner/unknown/false/unknown".into(), 0),
            ("owner/unknown/true/unknown".into(), 1),
            ("owner/unknown/unknown/unknown".into(), 1),
            ("reader/unknown/false/unknown".into(), 0),
            ("reader/unknown/true/unknown".into(), 0),
        ])
    );
}

#[test]
fn zeros_of_a_status_rest_on_its_own_field() {
    let account = Account { banned: Field::Value(false), ..Account::default() };
    let user = User { user: Field::Value(account), ..known_role("owner") };
    let users = series(&count(&[user]).figures().users);
    assert_eq!(users["owner/unknown/unknown/banned"], 0);
    assert!(!users.contains_key("owner/unknown/unknown/disabled"), "nobody sent `enabled`");
}

#[test]
fn a_role_beyond_the_twenty_largest_is_other_and_the_references_roles_come_first() {
    let names: Vec<String> = (0..25).map(|number| format!("role-{number:02}")).collect();
    let long = "x".repeat(65);
    let mut users = vec![known_role("owner"), known_role(" reader ")];
    for name in &names {
        users.extend([known_role(name), known_role(name)]);
    }
    users.push(known_role("other"));
    users.push(known_role("unknown"));
    users.push(known_role(&long));
    let by_role = |prefix: &str| {
        let users = series(&count(&users).figures().users);
        users.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, value)| value).sum::<u64>()
    };
    assert_eq!((by_role("owner/"), by_role("reader/")), (1, 1));
    assert_eq!((by_role("role-17/"), by_role("role-18/")), (2, 0));
    assert_eq!(by_role("other/"), 7 * 2 + 2);
    assert_eq!(by_role("unknown/"), 1);
}

#[test]
fn what_looks_like_an_address_or_a_key_is_no_label_value() {
    for (role, label) in [
        ("bob@corp.example", "other"),
        ("@", "other"),
        ("sk-admin-abcdef", "other"),
        ("key of sk-proj-1", "other"),
        ("risk-owner", "risk-owner"),
        ("ask", "ask"),
    ] {
        let users = series(&count(&[known_role(role)]).figures().users);
        let of_label: u64 = users
            .iter()
            .filter(|(key, _)| key.starts_with(&format!("{label}/")))
            .map(|(_, value)| value)
            .sum();
        assert_eq!(of_label, 1, "{role}: {users:?}");
    }
}

#[test]
fn ages_are_inclusive_and_the_future_is_no_age() {
    let used = |age: i64| User { api_key_last_used_at: Field::Value(NOW - age), ..known_role("owner") };
    let users = [used(30 * DAY - 1), used(30 * DAY), used(90 * DAY), used(-5)];
    let stale = series(&count(&users).figures().api_key_stale);
    assert_eq!((stale["owner/unknown/used/30d"], stale["owner/unknown/used/90d"]), (2, 1));

    let added = |age: i64| User { added_at: Field::Value(NOW - age), ..known_role("owner") };
    let users = [added(DAY), added(DAY + 1), added(-5)];
    let recent = series(&count(&users).figures().recently_added);
    assert_eq!((recent["owner/unknown/1d"], recent["owner/unknown/7d"]), (2, 3));
    assert_eq!(count(&users).figures().last_added, Some(NOW + 5));
}

#[test]
fn a_key_never_used_is_as_old_as_its_user() {
    let never = |added_at| User { api_key_last_used_at: Field::Null, added_at, ..known_role("owner") };
    let known = count(&[never(Field::Value(NOW - 31 * DAY)), never(Field::Absent)]).figures();
    assert_eq!(series(&known.api_key_stale)["owner/unknown/never/30d"], 1);
    assert_eq!(series(&known.by_api_key_use)["owner/unknown/never"], 2);
    let unknown = series(&count(&[never(Field::Absent)]).figures().api_key_stale);
    assert_eq!(unknown.keys().filter(|key| key.contains("/never/")).count(), 0, "nobody can tell");
    assert_eq!(unknown["owner/unknown/used/30d"], 0);
}

#[test]
fn addresses_are_matched_by_exact_domain_in_any_case() {
    let mail = |address: &'static str| User { email: Field::Value(address.into()), ..known_role("owner") };
    let nested = Account { email: Field::Value("b@acme.com".into()), ..Account::default() };
    let users = [
        mail("a@ACME.com"),
        mail("odd@b@acme.com"),
        mail("a@x.acme.com"),
        mail("no address"),
        mail(" "),
        User { user: Field::Value(nested), ..known_role("owner") },
    ];
    let domains = series(&count(&users).figures().by_email_domain);
    assert_eq!((domains["acme.com/owner"], domains["other/owner"], domains["none/owner"]), (3, 2, 1));
}

#[test]
fn projects_count_each_user_once_per_role_and_fold_the_smallest() {
    let project = |id: &'static str, role: &'static str| Project {
        id: Field::Value(id.into()),
        name: Field::Value(format!("{id}'s name").into()),
        role: Field::Value(role.into()),
    };
    let user =
        |projects: Vec<Project<'static>>| User { projects: Field::Value(projects.into()), ..User::default() };
    let users = [
        user(vec![project("a", "owner"), project("a", "owner"), project("a", "member")]),
        user(vec![project("b", "member"), project("c", "member")]),
        user(vec![project("c", "member"), Project::default()]),
        user(vec![]),
        User { projects: Field::Null, ..User::default() },
    ];
    let figures = count(&users).figures();
    assert_eq!(
        series(&figures.project_users),
        BTreeMap::from([
            ("a/member".into(), 1),
            ("a/owner".into(), 1),
            ("c/member".into(), 2),
            ("other/member".into(), 1),
            ("unknown/unknown".into(), 1),
        ])
    );
    assert_eq!(series(&figures.project_info).into_keys().collect::<Vec<_>>(), ["a/a's name", "c/c's name"]);
    assert_eq!(figures.without_project, Some(1));
}

#[test]
fn bans_are_dated_by_the_banned_only() {
    let account = |banned, at| {
        let account = Account { banned, banned_at: Field::Value(at), ..Account::default() };
        User { user: Field::Value(account), ..User::default() }
    };
    let users = [account(Field::Value(true), 10), account(Field::Value(false), 20)];
    assert_eq!(count(&users).figures().last_banned, Some(10));
}

fn field<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Field<T>> {
    prop_oneof![1 => Just(Field::Absent), 1 => Just(Field::Null), 4 => value.prop_map(Field::Value)]
}

fn text(pattern: &'static str) -> impl Strategy<Value = Field<std::borrow::Cow<'static, str>>> {
    field(pattern.prop_map(std::borrow::Cow::Owned))
}

prop_compose! {
    fn time()(age in prop_oneof![0..200 * DAY, Just(30 * DAY), Just(90 * DAY), Just(DAY)]) -> i64 { NOW - age }
}

prop_compose! {
    fn account()(
        banned in field(any::<bool>()),
        banned_at in field(time()),
        email in text("[ab]@(acme.com|x)"),
        enabled in field(any::<bool>()),
    ) -> Account<'static> {
        Account { banned, banned_at, email, enabled }
    }
}

prop_compose! {
    fn project()(id in text("p[0-4]"), name in text("[ab]?"), role in text("owner|member|[a-z]"))
        -> Project<'static> {
        Project { id, name, role }
    }
}

prop_compose! {
    fn user()(
        (added_at, api_key_last_used_at) in (field(time()), field(time())),
        (developer_persona, technical_level) in (text("[a-z]{1,2}"), text("low|high")),
        (role, email) in (text("owner|reader|[a-z]|unknown|other"), text("[ab]@(acme.com|x)|x| ")),
        (is_scim_managed, is_service_account) in (field(any::<bool>()), field(any::<bool>())),
        (is_default, is_scale_tier_authorized_purchaser) in (field(any::<bool>()), field(any::<bool>())),
        projects in field(prop::collection::vec(project(), 0..4).prop_map(Projects::from)),
        user in field(account()),
    ) -> User<'static> {
        User {
            id: "id".into(),
            added_at: added_at.not_null(),
            created: Field::Absent,
            is_default: is_default.not_null(),
            is_scim_managed: is_scim_managed.not_null(),
            is_service_account: is_service_account.not_null(),
            user: user.not_null(),
            api_key_last_used_at, developer_persona, technical_level, role, email,
            is_scale_tier_authorized_purchaser, projects,
        }
    }
}

fn users() -> impl Strategy<Value = Vec<User<'static>>> {
    prop::collection::vec(user(), 0..16)
}

proptest! {
    #[test]
    fn every_family_that_covers_all_users_sums_to_the_same(users in users()) {
        let figures = count(&users).figures();
        let all = users.len() as u64;
        prop_assert_eq!(count(&users).users(), all);
        prop_assert_eq!(total(&figures.users), all);
        prop_assert_eq!(total(&figures.by_api_key_use), all);
        prop_assert_eq!(total(&figures.by_developer_persona), all);
        prop_assert_eq!(total(&figures.by_technical_level), all);
        prop_assert_eq!(total(&figures.by_email_domain), all);
    }

    #[test]
    fn no_more_keys_are_stale_than_there_are_and_thresholds_are_cumulative(users in users()) {
        let figures = count(&users).figures();
        let by_use = series(&figures.by_api_key_use);
        let stale = series(&figures.api_key_stale);
        for (key, value) in &stale {
            let (cell, threshold) = key.rsplit_once('/').unwrap();
            prop_assert!(*value <= by_use[cell]);
            if threshold == "90d" {
                let wider = format!("{cell}/30d");
                prop_assert!(*value <= stale[&wider]);
            }
        }
    }

    #[test]
    fn merging_is_counting_one_after_the_other(a in users(), b in users()) {
        let mut merged = count(&a);
        merged.merge(&count(&b));
        let counted = count(&[a, b].concat());
        prop_assert_eq!(merged.figures(), counted.figures());
        prop_assert_eq!(merged, counted);
    }

    #[test]
    fn the_order_of_users_changes_nothing_but_the_names_of_projects(users in users()) {
        let mut reversed = users.clone();
        reversed.reverse();
        let (mut figures, mut backwards) = (count(&users).figures(), count(&reversed).figures());
        figures.project_info.clear();
        backwards.project_info.clear();
        prop_assert_eq!(figures, backwards);
    }

    #[test]
    fn no_family_has_a_series_twice_or_too_many_values(users in users()) {
        let figures = count(&users).figures();
        series(&figures.users);
        series(&figures.recently_added);
        series(&figures.by_email_domain);
        series(&figures.project_users);
        series(&figures.project_info);
        series(&figures.with_field);
        prop_assert!(series(&figures.by_developer_persona).len() <= 22);
        let ids: std::collections::BTreeSet<_> = figures.project_users.iter().map(|row| &row.labels[0]).collect();
        prop_assert!(ids.len() <= 4);
    }
}
