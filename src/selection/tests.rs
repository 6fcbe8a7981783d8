use std::borrow::Cow;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::admin_api::{Account, Field, Project, User};
use crate::composition::{Composition, EmailDomain, Figures, Options, Row, Threshold};

pub(crate) const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

pub(crate) fn options() -> Arc<Options> {
    let threshold = |label: &str, days: i64| Threshold { label: label.into(), seconds: days * DAY };
    Arc::new(Options {
        stale_after: vec![threshold("30d", 30), threshold("90d", 90)],
        email_domains: vec![EmailDomain::parse("acme.com").unwrap()],
        projects_limit: 2,
        project_names: true,
    })
}

fn count(users: &[User<'static>]) -> Composition {
    let mut composition = Composition::new(options(), NOW);
    users.iter().for_each(|user| composition.add(user));
    composition
}

/// One series: name, labels, value.
type Series = (&'static str, Vec<(&'static str, String)>, u64);

/// Each series of each family that counts users.
fn series(figures: &Figures) -> Vec<Series> {
    fn all<const N: usize>(
        into: &mut Vec<Series>,
        name: &'static str,
        labels: [&'static str; N],
        rows: &[Row<N>],
    ) {
        for row in rows {
            let pairs = labels.into_iter().zip(row.labels.iter().map(|label| label.clone().into_owned()));
            into.push((name, pairs.collect(), row.value));
        }
    }
    let mut found = Vec::new();
    let into = &mut found;
    all(into, "openai_org_users", ["role", "account_type", "scim_managed", "status"], &figures.users);
    all(into, "openai_org_users_by_api_key_use", ["role", "account_type", "use"], &figures.by_api_key_use);
    let stale = ["role", "account_type", "use", "older_than"];
    all(into, "openai_org_users_api_key_stale", stale, &figures.api_key_stale);
    all(into, "openai_org_users_recently_added", ["role", "account_type", "within"], &figures.recently_added);
    let persona = ["developer_persona"];
    all(into, "openai_org_users_by_developer_persona", persona, &figures.by_developer_persona);
    all(into, "openai_org_users_by_technical_level", ["technical_level"], &figures.by_technical_level);
    all(into, "openai_org_users_by_email_domain", ["email_domain", "role"], &figures.by_email_domain);
    all(into, "openai_org_project_users", ["project_id", "project_role"], &figures.project_users);
    all(into, "openai_org_users_with_field", ["field"], &figures.with_field);
    let plain = [
        ("openai_org_users_without_project", figures.without_project),
        ("openai_org_users_default", figures.default_users),
        ("openai_org_users_scale_tier_purchasers", figures.scale_tier_purchasers),
    ];
    found.extend(plain.into_iter().filter_map(|(name, value)| Some((name, Vec::new(), value?))));
    found
}

fn field<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> impl Strategy<Value = Field<T>> {
    prop_oneof![1 => Just(Field::Absent), 1 => Just(Field::Null), 4 => select(values).prop_map(Field::Value)]
}

fn not_null<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> impl Strategy<Value = Field<T>> {
    field(values).prop_map(Field::not_null)
}

fn name(
    prefix: &'static str,
    others: &[&'static str],
) -> impl Strategy<Value = Field<Cow<'static, str>>> + use<> {
    let odd = ["", " padded ", "unknown", "other", "a@b.c", "sk-x", &*"long".repeat(20).leak()];
    let many = (0..24).map(|number| Cow::from(format!("{prefix}-{number}")));
    field(odd.iter().chain(others).map(|text| Cow::from(*text)).chain(many).collect())
}

fn time() -> impl Strategy<Value = Field<i64>> {
    field([0, 1, 7, 8, 30, 89, 90, 91, -1].map(|days| NOW - days * DAY).to_vec())
}

fn flag() -> impl Strategy<Value = Field<bool>> {
    field(vec![true, false])
}

fn email() -> impl Strategy<Value = Field<Cow<'static, str>>> {
    field(["a@acme.com", "b@ACME.com", "c@x.org", "d", "", "e@Ünder.de"].map(Cow::from).to_vec())
}

prop_compose! {
    fn project()(id in name("proj", &[]), role in name("task", &["owner"])) -> Project<'static> {
        Project { id, name: Field::Absent, role }
    }
}

prop_compose! {
    fn account()(banned in flag(), email in email(), enabled in flag()) -> Account<'static> {
        Account { banned, banned_at: Field::Absent, email, enabled }
    }
}

prop_compose! {
    pub(crate) fn user()(
        (added_at, api_key_last_used_at, email, role) in (time(), time(), email(), name("role", &["owner", "reader"])),
        (developer_persona, technical_level) in (name("persona", &[]), name("level", &[])),
        (is_default, purchaser) in (not_null(vec![true, false]), flag()),
        (scim, service) in (not_null(vec![true, false]), not_null(vec![true, false])),
        projects in proptest::option::of(prop::collection::vec(project(), 0..4)),
        account in proptest::option::of(account()),
    ) -> User<'static> {
        User {
            added_at: added_at.not_null(),
            api_key_last_used_at,
            developer_persona,
            email,
            is_default,
            is_scale_tier_authorized_purchaser: purchaser,
            is_scim_managed: scim,
            is_service_account: service,
            projects: projects.map_or(Field::Absent, |projects| Field::Value(projects.into())),
            role,
            technical_level,
            user: account.map_or(Field::Absent, Field::Value),
            ..User::default()
        }
    }
}

/// `user` with everything that is missing as `other` has it.
pub(crate) fn completed(user: &User<'static>, other: &User<'static>) -> User<'static> {
    fn or<T: Clone>(own: &Field<T>, other: &Field<T>) -> Field<T> {
        if own.value().is_some() { own.clone() } else { other.clone() }
    }
    // Null is a value of these.
    fn or_null<T: Clone>(own: &Field<T>, other: &Field<T>) -> Field<T> {
        if own.is_carried() { own.clone() } else { other.clone() }
    }
    let account = match (&user.user, &other.user) {
        (Field::Value(own), Field::Value(other)) => Field::Value(Account {
            banned: or(&own.banned, &other.banned),
            banned_at: Field::Absent,
            email: or_null(&own.email, &other.email),
            enabled: or(&own.enabled, &other.enabled),
        }),
        (own, other) => or(own, other),
    };
    User {
        added_at: or(&user.added_at, &other.added_at),
        api_key_last_used_at: or_null(&user.api_key_last_used_at, &other.api_key_last_used_at),
        developer_persona: user.developer_persona.clone(),
        email: if EmailDomain::of(user).is_some() {
            user.email.clone()
        } else {
            or_null(&user.email, &other.email)
        },
        is_default: or(&user.is_default, &other.is_default),
        is_scale_tier_authorized_purchaser: or(
            &user.is_scale_tier_authorized_purchaser,
            &other.is_scale_tier_authorized_purchaser,
        ),
        is_scim_managed: or(&user.is_scim_managed, &other.is_scim_managed),
        is_service_account: or(&user.is_service_account, &other.is_service_account),
        projects: or(&user.projects, &other.projects),
        role: user.role.clone(),
        technical_level: user.technical_level.clone(),
        user: account,
        ..User::default()
    }
}

fn selects(selector: &str, user: &User<'_>, view: &View<'_>) -> Truth {
    Selector::parse(selector).unwrap().criteria().select(&Reading::of(user, NOW), view)
}

const SELECTORS: [&str; 16] = [
    r#"{scim_managed="false"}"#,
    r#"{scim_managed!="true",account_type="user"}"#,
    r#"{status="active"}"#,
    r#"{status!="banned"}"#,
    r#"{status=~"banned|disabled"}"#,
    r#"{use="never"}"#,
    r#"openai_org_users_api_key_stale{older_than="90d"}"#,
    r#"openai_org_users_api_key_stale{older_than="45d",use="used"}"#,
    r#"{within="7d"}"#,
    r#"openai_org_users_without_project"#,
    r#"openai_org_users_default"#,
    r#"openai_org_users_scale_tier_purchasers"#,
    r#"{email_domain="acme.com"}"#,
    r#"{email_domain!="acme.com"}"#,
    r#"openai_org_project_users{project_role="owner"}"#,
    r#"{project_id="proj-3",scim_managed="true"}"#,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn each_series_selects_as_many_users_as_it_counts(users in prop::collection::vec(user(), 0..80)) {
        let (composition, options) = (count(&users), options());
        let folds = composition.folds();
        let (labels, open) = (View::as_labels(&options, Some(&folds)), View::as_labels(&options, None));
        for (name, pairs, value) in series(&composition.figures()) {
            let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            let selector = Selector::parse(&format!("{name}{{{}}}", text.join(","))).unwrap();
            let printed = Selector::from_printed(&format!("{name}{{job=\"x\",{}}} {value}", text.join(", ")));
            prop_assert_eq!(printed.unwrap().criteria(), selector.criteria());
            let criteria = selector.criteria();
            let is_of_projects = name == "openai_org_project_users";
            let (mut selected, mut memberships) = (0, 0);
            for user in &users {
                let reading = Reading::of(user, NOW);
                let truth = criteria.select(&reading, &labels);
                prop_assert_ne!(truth, Truth::Open);
                if truth == Truth::Yes {
                    selected += 1;
                    memberships += criteria.memberships(&reading, &labels);
                }
                let before_the_end = criteria.select(&reading, &open);
                prop_assert!(before_the_end == truth || before_the_end == Truth::Open);
            }
            // Of several projects under one label value each counts.
            let is_sum = pairs.iter().any(|(name, value)| name.starts_with("project_") && value == "other");
            prop_assert_eq!(if is_of_projects { memberships } else { selected }, value, "{}", &selector);
            prop_assert!(selected == value || (is_sum && selected < value), "{selector}: {selected}, {value}");
        }
    }

    #[test]
    fn what_is_told_of_a_user_stays_so_whatever_is_missing(own in user(), others in prop::collection::vec(user(), 20)) {
        let options = options();
        let (doubts, plain) = (View::with_doubts(&options), View::with_own_names(&options));
        for selector in SELECTORS {
            let told = selects(selector, &own, &doubts);
            for other in &others {
                let so = selects(selector, &completed(&own, other), &plain);
                prop_assert!(told == Truth::Open || told == so, "{selector}: {told:?}, and {so:?} as {other:?}");
            }
        }
    }

}

#[test]
fn projects_are_one_row_each() {
    let member = |id: &'static str, role: &'static str| Project {
        id: Field::Value(id.into()),
        role: Field::Value(role.into()),
        ..Project::default()
    };
    let user = User {
        projects: Field::Value(vec![member("a", "owner"), member("b", "member")].into()),
        ..User::default()
    };
    let options = options();
    let view = View::with_own_names(&options);
    assert_eq!(selects(r#"{project_id="a",project_role="owner"}"#, &user, &view), Truth::Yes);
    assert_eq!(selects(r#"{project_id="b",project_role="owner"}"#, &user, &view), Truth::No);
    let mut criteria = Criteria::default();
    criteria.exclude(Matcher { label: Label::ProjectId, any_of: vec![Test::is("b")] });
    assert_eq!(criteria.select(&Reading::of(&user, NOW), &view), Truth::No);
}

#[test]
fn whoever_asks_for_unknown_gets_those_of_whom_nothing_is_said() {
    let options = options();
    let view = View::with_doubts(&options);
    let nobody = User::default();
    assert_eq!(selects(r#"{scim_managed="unknown"}"#, &nobody, &view), Truth::Yes);
    assert_eq!(selects(r#"{scim_managed!="unknown"}"#, &nobody, &view), Truth::No);
    assert_eq!(selects(r#"{scim_managed="false"}"#, &nobody, &view), Truth::Open);
    assert_eq!(selects(r#"{role="owner"}"#, &nobody, &view), Truth::Open);
    assert_eq!(selects(r#"{role="owner",scim_managed="unknown"}"#, &nobody, &view), Truth::Open);
}

#[test]
fn an_expression_that_fits_unknown_as_one_of_several_leaves_open_who_is_meant() {
    let options = options();
    let view = View::with_doubts(&options);
    let nobody = User::default();
    for selector in [
        r#"{scim_managed=~"un.*"}"#,
        r#"{scim_managed!~"true|false"}"#,
        r#"{scim_managed!="true",scim_managed!="false"}"#,
        r#"{status!~"active|banned|disabled"}"#,
        r#"{use!~"used|never"}"#,
        r#"{account_type!~"user|service_account"}"#,
    ] {
        assert_eq!(selects(selector, &nobody, &view), Truth::Open, "{selector}");
    }
}

#[test]
fn a_list_of_projects_that_is_not_whole_may_hold_any_project() {
    let options = options();
    let (view, labels) = (View::with_doubts(&options), View::with_own_names(&options));
    for (projects, told) in [
        (r#"{"data":[{"id":"a","role":"owner"}]}"#, Truth::No),
        (r#"{"data":[{"id":"a","role":"owner"},5]}"#, Truth::Open),
        (r#"{"data":[{"id":"a","role":"owner"}],"has_more":true}"#, Truth::Open),
        (r#"{"has_more":true,"data":[]}"#, Truth::Open),
        (r#"{"data":[{"id":"b","role":"owner"},5]}"#, Truth::Yes),
    ] {
        let text =
            format!(r#"{{"object":"list","has_more":false,"data":[{{"id":"u","projects":{projects}}}]}}"#);
        let page = crate::admin_api::Page::parse(&text).unwrap();
        assert_eq!(selects(r#"{project_id="b"}"#, &page.users[0], &view), told, "{projects}");
        assert_ne!(selects(r#"{project_id="b"}"#, &page.users[0], &labels), Truth::Open, "{projects}");
    }
    for (projects, told, counted) in [
        (r#"{"data":[]}"#, Truth::Yes, Truth::Yes),
        (r#"{"has_more":true,"data":[]}"#, Truth::Open, Truth::No),
        (r#"{"data":[],"has_more":true}"#, Truth::Open, Truth::No),
        (r#"{"data":[5]}"#, Truth::Open, Truth::No),
    ] {
        let text =
            format!(r#"{{"object":"list","has_more":false,"data":[{{"id":"u","projects":{projects}}}]}}"#);
        let page = crate::admin_api::Page::parse(&text).unwrap();
        let selects = |view| selects("openai_org_users_without_project", &page.users[0], view);
        assert_eq!((selects(&view), selects(&labels)), (told, counted), "{projects}");
        let mut composition = Composition::new(options.clone(), NOW);
        composition.add(&page.users[0]);
        let without = composition.figures().without_project;
        assert_eq!(without, Some(u64::from(counted == Truth::Yes)), "{projects}");
    }
}

#[test]
fn a_domain_that_is_called_like_a_label_value_of_its_own_is_another() {
    let options = options();
    let view = View::as_labels(&options, None);
    let user = User { email: Field::Value("z@none".into()), ..User::default() };
    assert_eq!(selects(r#"{email_domain="none"}"#, &user, &view), Truth::No);
    assert_eq!(selects(r#"{email_domain="other"}"#, &user, &view), Truth::Yes);
}
