//! Every number of page and JSON is that of the metrics.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openai_org_exporter::admin_api::{Account, Field, Project, Projects, User};
use openai_org_exporter::snapshot::Activity;
use openai_org_exporter::walk::Meter;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::advance;

use crate::world::{World, text};

/// The samples of one family of the exposition: labels and values.
fn samples(exposition: &str, family: &str) -> Vec<(String, u64)> {
    exposition
        .lines()
        .filter_map(|line| line.strip_prefix(family)?.strip_prefix('{'))
        .map(|line| {
            let (labels, value) = line.rsplit_once("} ").unwrap();
            (labels.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// The sum of the samples that have all of `wanted` among their labels; nothing where there is none.
fn sum(samples: &[(String, u64)], wanted: &[&str]) -> Value {
    let fitting = samples.iter().filter(|(labels, _)| wanted.iter().all(|label| labels.contains(label)));
    fitting.map(|(_, value)| *value).reduce(|a, b| a + b).map_or(Value::Null, Value::from)
}

/// The values of `label`, each as it is written, with its quotes.
fn values(samples: &[(String, u64)], label: &str) -> BTreeSet<String> {
    let value = |labels: &str| {
        let (_, rest) =
            labels.split_once(&format!("{{{label}=\"")).or(labels.split_once(&format!(",{label}=\"")))?;
        let mut escaped = false;
        let end = rest.find(|c| {
            c == '"' && !escaped || {
                escaped = c == '\\' && !escaped;
                false
            }
        })?;
        Some(format!("\"{}\"", &rest[..end]))
    };
    // The first label has nothing before it.
    samples.iter().filter_map(|(labels, _)| value(&format!("{{{labels}"))).collect()
}

/// The account types that there is somebody or something known of.
fn accounts(samples: &[(String, u64)]) -> BTreeSet<String> {
    let there = |(labels, value): &&(String, u64)| *value > 0 || !labels.contains("account_type=\"unknown\"");
    values(&samples.iter().filter(there).cloned().collect::<Vec<_>>(), "account_type")
}

/// What the `rows` are called by `key`, each as JSON writes it; no two are called the same.
fn names(rows: &Value, key: &str) -> BTreeSet<String> {
    let rows = rows.as_array().unwrap();
    let names: BTreeSet<String> = rows.iter().map(|row| row[key].to_string()).collect();
    assert_eq!(names.len(), rows.len());
    names
}

fn assert_equal_to_the_exposition(organization: &Value, exposition: &str) {
    let figures = &organization["figures"];
    let users = samples(exposition, "openai_org_users");
    let stale = samples(exposition, "openai_org_users_api_key_stale");
    if figures.is_null() {
        assert_eq!((users.len(), stale.len()), (0, 0));
        return;
    }
    let or_zero = |value: Value| if value.is_null() { json!(0) } else { value };
    assert_eq!(figures["users"], or_zero(sum(&users, &[])));
    assert_eq!(figures["owners"], sum(&users, &["role=\"owner\""]));
    assert_eq!(figures["service_accounts"], sum(&users, &["account_type=\"service_account\""]));
    for (key, status) in [("active", "active"), ("disabled", "disabled"), ("banned", "banned")] {
        assert_eq!(figures["status"][key], sum(&users, &[&format!("status=\"{status}\"")]), "{status}");
    }
    for scim in figures["scim"].as_array().unwrap() {
        let account = format!("account_type={}", scim["account_type"]);
        for (key, managed) in [("managed", "true"), ("not_managed", "false")] {
            assert_eq!(scim[key], sum(&users, &[&account, &format!("scim_managed=\"{managed}\"")]));
        }
        assert_eq!(scim["unknown"], or_zero(sum(&users, &[&account, "scim_managed=\"unknown\""])));
    }
    assert_eq!(figures["status"]["unknown"], or_zero(sum(&users, &["status=\"unknown\""])));
    assert_eq!(names(&figures["roles"], "role"), values(&users, "role"));
    for row in figures["roles"].as_array().unwrap() {
        let of = |account: &str| {
            sum(&users, &[&format!("role={}", row["role"]), &format!("account_type=\"{account}\"")])
        };
        assert_eq!(row["users"], sum(&users, &[&format!("role={}", row["role"])]));
        assert_eq!(row["people"], of("user"));
        assert_eq!(row["service_accounts"], of("service_account"));
        assert_eq!(row["unknown"], or_zero(of("unknown")));
    }
    let key_use = samples(exposition, "openai_org_users_by_api_key_use");
    for row in figures["api_key_use"].as_array().unwrap() {
        let account = format!("account_type={}", row["account_type"]);
        for used in ["used", "never"] {
            assert_eq!(row[used], sum(&key_use, &[&account, &format!("use=\"{used}\"")]));
        }
        assert_eq!(row["unknown"], or_zero(sum(&key_use, &[&account, "use=\"unknown\""])));
    }
    assert_eq!(names(&figures["scim"], "account_type"), accounts(&users));
    assert_eq!(names(&figures["api_key_use"], "account_type"), accounts(&key_use));
    assert_eq!(names(&figures["api_keys_stale"], "older_than"), values(&stale, "older_than"));
    let recent = samples(exposition, "openai_org_users_recently_added");
    assert_eq!(names(&figures["recently_added"], "within"), values(&recent, "within"));
    for row in figures["recently_added"].as_array().unwrap() {
        assert_eq!(row["users"], sum(&recent, &[&format!("within={}", row["within"])]));
    }
    for (key, family) in [
        ("users_without_project", "openai_org_users_without_project"),
        ("default_users", "openai_org_users_default"),
        ("scale_tier_purchasers", "openai_org_users_scale_tier_purchasers"),
        ("unreadable_records", "openai_org_users_unreadable"),
    ] {
        assert_eq!(figures[key], sum(&samples(exposition, family), &[]), "{key}");
    }
    let projects = values(&samples(exposition, "openai_org_project_users"), "project_id");
    if projects.is_empty() || projects.contains("\"other\"") {
        assert!(figures["projects"].is_null() || figures["projects"] == 0, "{}", figures["projects"]);
    } else {
        assert_eq!(figures["projects"], projects.len());
    }
    for row in figures["api_keys_stale"].as_array().unwrap() {
        assert_eq!(
            row["service_accounts"],
            sum(&stale, &["account_type=\"service_account\"", &format!("older_than={}", row["older_than"])])
        );
        let threshold = format!("older_than={}", row["older_than"]);
        for used in ["used", "never"] {
            assert_eq!(row[used], sum(&stale, &[&threshold, &format!("use=\"{used}\"")]));
        }
    }
    for (key, family, label) in [
        ("developer_personas", "openai_org_users_by_developer_persona", "developer_persona"),
        ("technical_levels", "openai_org_users_by_technical_level", "technical_level"),
        ("email_domains", "openai_org_users_by_email_domain", "email_domain"),
    ] {
        let samples = samples(exposition, family);
        assert_eq!(names(&figures[key], "name"), values(&samples, label), "{key}");
        for row in figures[key].as_array().unwrap() {
            assert_eq!(row["users"], sum(&samples, &[&format!("{label}={}", row["name"])]), "{key}");
        }
    }
    let fields = samples(exposition, "openai_org_users_with_field");
    assert_eq!(names(&figures["fields"], "field"), values(&fields, "field"));
    for row in figures["fields"].as_array().unwrap() {
        assert_eq!(row["users"], sum(&fields, &[&format!("field={}", row["field"])]));
    }
    let changes = samples(exposition, "openai_org_user_changes_total");
    for row in organization["changes"]["kinds"].as_array().unwrap() {
        assert_eq!(row["users"], sum(&changes, &[&format!("change={}", row["change"])]));
    }
}

fn any_field<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Field<T>> {
    prop_oneof![2 => value.prop_map(Field::Value), 1 => Just(Field::Null), 1 => Just(Field::Absent)]
}

fn any_user() -> impl Strategy<Value = User<'static>> {
    let name = || any_field("owner|reader|other|unknown|[a-c<&\"é]{0,3}".prop_map(std::borrow::Cow::Owned));
    let time = || any_field(prop_oneof![any::<i64>(), 1_780_000_000i64..1_810_000_000]);
    let account = (any_field(any::<bool>()), any_field(any::<bool>()), time()).prop_map(
        |(banned, enabled, banned_at)| Account { banned, enabled, banned_at, ..Account::default() },
    );
    let flags = (any_field(any::<bool>()), any_field(any::<bool>()), any_field(any::<bool>()));
    let project = ("[a-d]", name()).prop_map(|(id, role)| Project {
        id: Field::Value(id.into()),
        name: Field::Value("Project".into()),
        role,
    });
    let projects = any_field(prop::collection::vec(project, 0..4).prop_map(Projects::from));
    let email = any_field("[a-z]@(example.org|example.com|é)".prop_map(std::borrow::Cow::Owned));
    ("[a-z]{1,3}", name(), name(), flags, (time(), time()), any_field(account), projects, email).prop_map(
        |(id, role, developer_persona, (service, scim, default), (added_at, used), user, projects, email)| {
            User {
                id: id.into(),
                role,
                developer_persona,
                is_service_account: service,
                is_scim_managed: scim,
                is_default: default,
                added_at,
                api_key_last_used_at: used,
                user,
                projects,
                email,
                ..User::default()
            }
        },
    )
}

#[derive(Debug, Clone)]
enum Step {
    Walk(Vec<User<'static>>),
    Refuse,
    Panic,
    Wait(u64),
    Begin,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec(any_user(), 0..8).prop_map(Step::Walk),
        1 => Just(Step::Refuse),
        1 => Just(Step::Panic),
        1 => (0u64..5_000).prop_map(Step::Wait),
        1 => Just(Step::Begin),
    ]
}

/// Takes the `steps`, and holds page and JSON against the metrics after each.
fn agrees_after(steps: Vec<Step>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::one();
        for step in steps {
            match step {
                Step::Walk(mut users) => {
                    users.sort_by(|a, b| a.id.cmp(&b.id));
                    users.dedup_by(|a, b| a.id == b.id);
                    world.walk(0, &users).await;
                }
                Step::Refuse => world.refuse(0),
                Step::Panic => world.organizations[0].note_panic(world.clock.now(), world.clock.now()),
                Step::Wait(seconds) => advance(Duration::from_secs(seconds)).await,
                Step::Begin => {
                    let (start, meter) = (world.clock.now(), Arc::new(Meter::default()));
                    world.organizations[0].set_activity(Activity::Walking { start, meter });
                }
            }
            let status = world.json("").await;
            let (_, _, exposition) = world.ask("/metrics").await;
            assert_equal_to_the_exposition(&status["organization"], &exposition);
            let page = world.page("").await;
            let words = status["organization"]["words"].as_str().unwrap();
            assert!(text(&page).contains(&words[1..]), "{words}");
            if let Some(users) = status["organization"]["figures"]["users"].as_u64() {
                assert!(
                    page.contains(&format!("<dt>Users</dt><dd class=\"value\"><data value=\"{users}\">"))
                );
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_happens_the_page_is_well_formed_and_every_number_is_that_of_the_metrics(
        steps in prop::collection::vec(any_step(), 0..8),
    ) {
        agrees_after(steps);
    }
}

#[test]
fn nobody_at_all_agrees_too() {
    agrees_after(vec![Step::Walk(Vec::new())]);
}
