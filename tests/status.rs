//! The status page and its JSON over a board: what they say, and that they say the same as the metrics.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use openai_org_exporter::admin_api::{Account, Error, Field, User};
use openai_org_exporter::catalog;
use openai_org_exporter::clock::Clock;
use openai_org_exporter::composition::{self, Composition, EmailDomain, Threshold};
use openai_org_exporter::exposition::{self, OrganizationCollector};
use openai_org_exporter::roster::Builder;
use openai_org_exporter::snapshot::{Activity, Anomalies, Board, Organization, Summary};
use openai_org_exporter::telemetry::Telemetry;
use openai_org_exporter::walk::{CompletedWalk, FailedWalk, Meter, Way};
use openai_org_exporter::web::{ExternalUrl, Facts, Guard, Options, Paths, RoutePrefix, Site, serve_stream};
use prometheus::Registry;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::time::advance;
use tokio_util::sync::CancellationToken;

const START: u64 = 1_800_000_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// A board behind a site, and the clock that both read.
struct World {
    site: Arc<Site>,
    organizations: Vec<Arc<Organization>>,
    clock: Clock,
}

impl World {
    fn new(names: &[&str], paths: Paths) -> Self {
        let interval = Duration::from_secs(300);
        let organizations: Vec<_> =
            names.iter().map(|name| Arc::new(Organization::new(*name, interval, HOUR))).collect();
        let (registry, clock) = (Registry::new(), Clock::starting_at(START));
        let (telemetry, board) = (Telemetry::new(&registry), Arc::new(Board::new(organizations.clone())));
        telemetry.config_loaded(clock.now().unix_seconds());
        let guard = Guard::open(&telemetry, clock);
        let options = exposition::Options { changes: true };
        registry.register(Box::new(OrganizationCollector::new(board.clone(), clock, options))).unwrap();
        let site = Site {
            registry,
            board,
            clock,
            telemetry,
            telemetry_path: "/metrics".into(),
            facts: Facts { paths, start: Some(clock.now()), state_file: false },
            guard,
            reload: None,
            shutdown: CancellationToken::new(),
        };
        Self { site: Arc::new(site), organizations, clock }
    }

    fn one() -> Self {
        Self::new(&["acme"], Paths::default())
    }

    async fn ask(&self, path: &str) -> (StatusCode, BTreeMap<String, String>, String) {
        let (mut client, server) = duplex(64 << 10);
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        // The client goes once it has its answer: a server that waits for that would have time pass.
        let asking = async move {
            let mut answer = String::new();
            client.write_all(request.as_bytes()).await.unwrap();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let serving = serve_stream(server, self.site.clone(), Options::default());
        let ((), answer) = tokio::join!(serving, asking);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.lines().map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let status = StatusCode::from_bytes(&status.as_bytes()[9..12]).unwrap();
        (status, headers, body.to_owned())
    }

    async fn json(&self, query: &str) -> Value {
        let (status, _, body) = self.ask(&format!("/api/v1/status{query}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn page(&self, query: &str) -> String {
        let (status, _, body) = self.ask(&format!("/{query}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_well_formed(&body);
        body
    }

    /// Publishes a walk of 4.2 s that met `users`.
    async fn walk(&self, organization: usize, users: &[User<'_>]) {
        let organization = &self.organizations[organization];
        let start = self.clock.now();
        let mut composition = Composition::new(Arc::new(options()), start.whole_unix_seconds());
        let mut roster = Builder::new(organization.state().roster.clone());
        for user in users {
            composition.add(user);
            roster.meet(user);
        }
        let (roster, changes) = roster.finish();
        advance(Duration::from_millis(4_200)).await;
        let anomalies = Anomalies { duplicate: 1, ..Anomalies::default() };
        let summary = Summary { start, end: self.clock.now(), pages: 31, anomalies };
        organization.publish(CompletedWalk {
            composition,
            roster: Arc::new(roster),
            changes,
            boundaries: Arc::default(),
            way: Way::Sequential,
            summary,
        });
    }

    fn fail(&self, organization: usize, error: Error) {
        let (start, end) = (self.clock.now(), self.clock.now());
        let summary = Summary { start, end, pages: 3, anomalies: Anomalies::default() };
        self.organizations[organization].note_failure(&FailedWalk { error, way: Way::Sequential, summary });
    }

    fn refuse(&self, organization: usize) {
        let mut error = Error::Unauthorized(Box::default());
        if let Error::Unauthorized(detail) = &mut error {
            detail.status = Some(401);
            detail.message = Some("MARKED message".to_owned());
            detail.cause = Some("MARKED cause".to_owned());
            detail.asked = "page 1 of GET https://MARKED/".to_owned();
            detail.request_id = Some("MARKED".to_owned());
        }
        self.fail(organization, error);
    }
}

fn options() -> composition::Options {
    let threshold = |label: &str, days: i64| Threshold { label: label.to_owned(), seconds: days * 86_400 };
    composition::Options {
        stale_after: vec![threshold("30d", 30), threshold("90d", 90)],
        email_domains: vec![EmailDomain::parse("example.org").unwrap()],
        projects_limit: 50,
        project_names: true,
    }
}

/// Somebody of whom everything that counts is known.
fn known(number: u64, role: &'static str, service_account: bool, scim: bool) -> User<'static> {
    let now = i64::try_from(START).unwrap();
    User {
        id: format!("user-{number}").into(),
        role: Field::Value(role.into()),
        email: Field::Value(format!("marked-{number}@example.org").into()),
        is_service_account: Field::Value(service_account),
        is_scim_managed: Field::Value(scim),
        added_at: Field::Value(now - 40 * 86_400),
        api_key_last_used_at: if number.is_multiple_of(2) {
            Field::Null
        } else {
            Field::Value(now - 100 * 86_400)
        },
        user: Field::Value(Account {
            enabled: Field::Value(number != 3),
            banned: Field::Value(number == 4),
            ..Account::default()
        }),
        ..User::default()
    }
}

/// Two owners, three readers of whom one is a service account, and somebody of whom nothing is known.
fn users() -> Vec<User<'static>> {
    vec![
        known(1, "owner", false, true),
        known(2, "owner", false, false),
        known(3, "reader", false, true),
        known(4, "reader", false, true),
        known(5, "reader", true, false),
        User { id: "user-6".into(), ..User::default() },
    ]
}

/// What a reader without pictures sees: the text, with its blanks as one.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = true;
    for c in html.chars() {
        match c {
            '<' => {
                inside = false;
                text.push(' ');
            }
            '>' => inside = true,
            _ if inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",")
}

/// Every element is closed where it should be, no attribute is bare of quotes, and no id is there twice.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "link", "!DOCTYPE"];
    let (mut open, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
    for piece in html.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{tag}");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
        if let Some((_, id)) = tag.split_once(" id=\"") {
            let id = id.split('"').next().unwrap();
            assert!(ids.insert(id), "{id} is there twice");
        }
        assert!(!tag.contains(" style=") && !tag.contains(" on"), "{tag}");
    }
    assert_eq!(open, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn before_the_first_walk_there_are_no_figures() {
    let world = World::one();
    let status = world.json("").await;
    let organization = &status["organization"];
    assert_eq!(organization["state"], "first_walk");
    assert_eq!(organization["words"], "waiting for the first walk");
    for absent in ["figures", "snapshot", "changes", "last_walk", "walk_under_way", "withdrawn_time"] {
        assert_eq!(organization[absent], Value::Null, "{absent}");
    }
    assert_eq!(status["summary"]["users"], Value::Null);
    let page = text(&world.page("").await);
    assert!(page.contains("Waiting for the first walk"), "{page}");
    assert!(page.contains("figures come with the first complete walk"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_walk_under_way_shows_how_far_it_is() {
    let world = World::one();
    world.walk(0, &users()).await;
    let (start, meter) = (world.clock.now(), Arc::new(Meter::default()));
    world.organizations[0].set_activity(Activity::Walking { start, meter });
    advance(Duration::from_secs(3)).await;
    let status = world.json("").await;
    assert_eq!(
        status["organization"]["walk_under_way"],
        json!({
            "start_time": "2027-01-15T08:00:04.200Z",
            "elapsed_seconds": 3.0,
            "pages": 0,
            "users": 0,
            "ratio": 0.0,
            "seconds_left": null,
        })
    );
    let page = world.page("").await;
    assert!(text(&page).contains("Walk under way for 3 s: 0 pages, 0 users, 0% of the last walk's"));
    assert!(page.contains("data-refresh-seconds=\"2\""));
}

#[tokio::test(start_paused = true)]
async fn a_small_organization_literally() {
    let world = World::one();
    world.walk(0, &users()[..5]).await;
    advance(Duration::from_secs(60)).await;
    world.walk(0, &users()).await;
    let next = world.clock.now();
    world.organizations[0].set_activity(Activity::Waiting { next: Some(next) });
    advance(Duration::from_secs(120)).await;
    let status = world.json("").await;
    let mut organization = status["organization"].clone();
    let mut figures = organization["figures"].take();
    let mut fields = figures["fields"].take();
    assert_eq!(
        organization,
        json!({
            "name": "acme",
            "state": "fresh",
            "words": "fresh: walked 2 min ago in 4.2 s, 31 pages",
            "poll_interval_seconds": 300.0,
            "snapshot_max_age_seconds": 3600.0,
            "snapshot": {
                "start_time": "2027-01-15T08:01:04.200Z",
                "end_time": "2027-01-15T08:01:08.400Z",
                "age_seconds": 124.2,
                "duration_seconds": 4.2,
                "pages": 31,
            },
            "withdrawn_time": null,
            "last_success_time": "2027-01-15T08:01:08.400Z",
            "last_walk": {
                "end_time": "2027-01-15T08:01:08.400Z",
                "result": "success",
                "http_status": null,
                "words": "complete",
                "duration_seconds": 4.2,
                "pages": 31,
            },
            "failing_since_time": null,
            "next_walk_time": "2027-01-15T08:01:08.400Z",
            "walk_under_way": null,
            "figures": null,
            "trend": [
                {"time": "2027-01-15T08:00:00.000Z", "users": 5, "owners": 2, "service_accounts": 1, "people_outside_scim": 1},
                {"time": "2027-01-15T08:01:04.000Z", "users": 6, "owners": 2, "service_accounts": 1, "people_outside_scim": 1},
            ],
            "changes": {
                "since_time": "2027-01-15T08:00:00.000Z",
                "kinds": [
                    {"change": "added", "users": 1},
                    {"change": "removed", "users": 0},
                    {"change": "role_changed", "users": 0},
                    {"change": "banned", "users": 0},
                    {"change": "unbanned", "users": 0},
                    {"change": "disabled", "users": 0},
                    {"change": "enabled", "users": 0},
                    {"change": "scim_linked", "users": 0},
                    {"change": "scim_unlinked", "users": 0},
                ],
                "owners_granted": 0,
            },
            "failed_walks": [],
        })
    );
    assert_eq!(
        figures,
        json!({
            "users": 6,
            "owners": 2,
            "service_accounts": 1,
            "roles": [
                {"role": "owner", "users": 2, "people": 2, "service_accounts": 0, "unknown": 0},
                {"role": "reader", "users": 3, "people": 2, "service_accounts": 1, "unknown": 0},
                {"role": "unknown", "users": 1, "people": null, "service_accounts": null, "unknown": 1},
            ],
            "scim": [
                {"account_type": "user", "managed": 3, "not_managed": 1, "unknown": 0},
                {"account_type": "service_account", "managed": 0, "not_managed": 1, "unknown": 0},
                {"account_type": "unknown", "managed": null, "not_managed": null, "unknown": 1},
            ],
            "people_scim_managed_ratio": 0.75,
            "status": {"active": 3, "disabled": 1, "banned": 1, "unknown": 1},
            "api_key_use": [
                {"account_type": "user", "used": 2, "never": 2, "unknown": 0},
                {"account_type": "service_account", "used": 1, "never": 0, "unknown": 0},
                {"account_type": "unknown", "used": null, "never": null, "unknown": 1},
            ],
            "api_keys_stale": [
                {"older_than": "30d", "used": 3, "never": 2, "service_accounts": 1},
                {"older_than": "90d", "used": 3, "never": 0, "service_accounts": 1},
            ],
            "recently_added": [
                {"within": "1d", "users": 0},
                {"within": "7d", "users": 0},
                {"within": "30d", "users": 0},
            ],
            "developer_personas": [{"name": "unknown", "users": 6}],
            "technical_levels": [{"name": "unknown", "users": 6}],
            "email_domains": [
                {"name": "example.org", "users": 5},
                {"name": "other", "users": 0},
                {"name": "none", "users": 1},
            ],
            "projects": null,
            "users_without_project": null,
            "default_users": null,
            "scale_tier_purchasers": null,
            "last_added_time": "2026-12-06T08:00:00.000Z",
            "last_banned_time": null,
            "fields": null,
            "unreadable_records": 0,
            "anomalies": [
                {"kind": "cursor_gone", "times": 0},
                {"kind": "duplicate", "times": 1},
                {"kind": "missing_cursor", "times": 0},
            ],
        })
    );
    let role = fields.as_array_mut().unwrap().iter().find(|field| field["field"] == "role").unwrap();
    assert_eq!(*role, json!({"field": "role", "users": 5, "ratio": 5.0 / 6.0}));
}

#[tokio::test(start_paused = true)]
async fn the_page_says_in_text_what_the_json_says() {
    let world = World::one();
    world.walk(0, &users()[..5]).await;
    advance(Duration::from_secs(60)).await;
    world.walk(0, &users()).await;
    let page = text(&world.page("").await);
    for words in [
        "Fresh: walked 4 s ago in 4.2 s, 31 pages",
        "Users 6",
        "Owners 2 33% of users",
        "Service accounts 1 17% of users",
        "People outside SCIM 1 of 4 of whom it is known",
        "No API key use for 90d 3 0 of them never used",
        "Banned 1 1 disabled",
        "owner 2 0 0 2",
        "reader 2 1 0 3",
        "unknown unknown unknown 1 1",
        "75% of the people of whom it is known are managed; unknown: 0",
        "People: 4. Managed through SCIM: 3, not managed: 1, unknown: 0.",
        "People 3 1 0 Service accounts 0 1 0 Unknown type unknown unknown 1",
        "30d or longer 3 2 1 90d or longer 3 0 1",
        "Active 3 50% Disabled 1 17% Banned 1 17% Unknown 1 17%",
        "Users from 08:00 UTC to 08:01 UTC: between 5 and 6, at last 6.",
        "Users found changed by walks since 08:00 UTC Change Users Joined 1 Left 0",
        "role 5 83%",
        "Default users unknown",
        "In the walk: users met twice 1",
        "example.org 5 other 0 none 1",
        "Recent failed walks None since this process began.",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn figures_that_are_withdrawn_are_gone_from_both_and_it_is_said_since_when() {
    let world = World::one();
    world.walk(0, &users()).await;
    let max_age = HOUR - Duration::from_millis(4_200);
    advance(max_age).await;
    assert_eq!(
        world.json("").await["organization"]["figures"]["users"],
        6,
        "it is exactly as old as it may be"
    );
    advance(Duration::from_millis(1)).await;
    world.refuse(0);
    let status = world.json("").await;
    let organization = &status["organization"];
    assert_eq!(
        organization["words"],
        "stale: figures are withdrawn since 09:00 UTC; 401 since 09:00 UTC, key refused"
    );
    assert_eq!((&organization["figures"], &organization["snapshot"]), (&Value::Null, &Value::Null));
    assert_eq!(organization["trend"], json!([]));
    assert_eq!(organization["withdrawn_time"], "2027-01-15T09:00:00.000Z");
    let line = &status["organizations"][0];
    for absent in ["users", "owners", "service_accounts", "people_scim_managed_ratio", "snapshot_time"] {
        assert_eq!(line[absent], Value::Null, "{absent}");
    }
    let page = text(&world.page("").await);
    assert!(page.contains("The last figures were withdrawn at 09:00 UTC, when they were 1 h old."), "{page}");
    assert!(!page.contains("Owners"), "{page}");
    assert!(page.contains("Give it an admin key that is in force."));
}

#[tokio::test(start_paused = true)]
async fn failed_walks_are_told_without_anything_from_outside() {
    let world = World::one();
    world.walk(0, &users()).await;
    for _ in 0..12 {
        world.refuse(0);
    }
    let status = world.json("").await;
    let walks = status["organization"]["failed_walks"].as_array().unwrap();
    assert_eq!(walks.len(), 10);
    assert_eq!(
        walks[0],
        json!({
            "end_time": "2027-01-15T08:00:04.200Z",
            "result": "unauthorized",
            "http_status": 401,
            "words": "key refused",
            "duration_seconds": 0.0,
            "pages": 3,
        })
    );
    assert_eq!(status["organization"]["state"], "failing");
    assert_eq!(status["organization"]["figures"]["users"], 6, "figures stay");
    let page = world.page("").await;
    for face in [page, status.to_string()] {
        assert!(!face.to_lowercase().contains("marked"), "{face}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_is_held_back_is_told_apart_from_one_that_failed() {
    let world = World::one();
    world.walk(0, &users()).await;
    let (start, end) = (world.clock.now(), world.clock.now());
    let summary = Summary { start, end, pages: 1, anomalies: Anomalies::default() };
    world.organizations[0].note_implausible(&summary);
    let status = world.json("").await;
    assert_eq!(status["organization"]["state"], "held_back");
    assert!(text(&world.page("").await).contains("Held back: the latest walk is not believed"));
}

#[tokio::test(start_paused = true)]
async fn where_the_api_says_nothing_nothing_is_zero() {
    let world = World::one();
    let nobody_known =
        [User { id: "a".into(), ..User::default() }, User { id: "b".into(), ..User::default() }];
    world.walk(0, &nobody_known).await;
    let status = world.json("").await;
    let figures = &status["organization"]["figures"];
    assert_eq!(figures["users"], 2);
    for absent in ["owners", "service_accounts", "people_scim_managed_ratio", "projects", "default_users"] {
        assert_eq!(figures[absent], Value::Null, "{absent}");
    }
    assert_eq!(figures["status"], json!({"active": null, "disabled": null, "banned": null, "unknown": 2}));
    assert_eq!(
        figures["scim"],
        json!([{"account_type": "unknown", "managed": null, "not_managed": null, "unknown": 2}])
    );
    let page = text(&world.page("").await);
    for words in [
        "Owners unknown",
        "Banned unknown",
        "The API does not say which accounts are people's.",
        "Active unknown",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_is_not_none() {
    let told = |banned: Field<bool>, banned_at: Field<i64>| User {
        id: "a".into(),
        added_at: Field::Value(1_700_000_000),
        user: Field::Value(Account { banned, banned_at, enabled: Field::Value(true), ..Account::default() }),
        ..User::default()
    };
    let untold = || User { id: "b".into(), ..User::default() };
    let (not, at) = (Field::Value(false), Field::Value(1_700_000_000));
    for (users, added, ban) in [
        (vec![], "none", "none"),
        (vec![untold()], "unknown", "unknown"),
        (vec![told(not, Field::Absent)], "1157 d ago", "none"),
        (vec![told(not, Field::Absent), untold()], "1157 d ago", "unknown"),
        (vec![told(Field::Absent, Field::Absent)], "1157 d ago", "unknown"),
        (vec![told(Field::Value(true), Field::Absent)], "1157 d ago", "unknown"),
        (vec![told(Field::Value(true), at)], "1157 d ago", "1157 d ago"),
    ] {
        let world = World::one();
        world.walk(0, &users).await;
        let page = text(&world.page("").await);
        for words in [format!("Newest user added {added}"), format!("Latest ban of those banned {ban}")] {
            assert!(page.contains(&words), "{words}\n{page}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_share_in_scim_it_says_why() {
    let somebody = |service_account: Field<bool>, scim: Field<bool>| User {
        id: "a".into(),
        is_service_account: service_account,
        is_scim_managed: scim,
        ..User::default()
    };
    let (yes, no) = (Field::Value(true), Field::Value(false));
    let unknown = || User { id: "b".into(), is_service_account: no, ..User::default() };
    for (users, words) in [
        (vec![], "The API does not say which accounts are people's."),
        (vec![somebody(Field::Absent, yes)], "The API does not say which accounts are people's."),
        (vec![somebody(no, Field::Absent)], "The API does not say who is managed."),
        (vec![somebody(yes, no)], "No account is known to be a person's."),
        (vec![somebody(yes, no), unknown()], "Of no person it is known whether SCIM manages the account."),
        (vec![somebody(no, no)], "0% of the people of whom it is known are managed; unknown: 0"),
    ] {
        let world = World::one();
        world.walk(0, &users).await;
        let page = text(&world.page("").await);
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_organizations_are_listed_and_one_is_shown_when_asked_for() {
    let world = World::new(&["acme", "b&b", "<c>"], Paths::default());
    world.walk(0, &users()).await;
    world.walk(1, &users()).await;
    world.refuse(1);
    let all = world.json("").await;
    assert_eq!(all["organization"], Value::Null);
    assert_eq!(
        all["summary"],
        json!({
            "organizations": 3, "fresh": 1, "failing": 1, "held_back": 0, "stale": 0, "first_walk": 1,
            "no_figures": 0, "with_figures": 2, "users": 12,
        })
    );
    let page = world.page("").await;
    assert!(page.contains(r#"<a href="/?organization=b%26b">b&amp;b</a>"#), "{page}");
    assert!(text(&page).contains("1 of 3 organizations fresh. 12 users counted in 2 of them."));

    let one = world.json("?organization=b%26b").await;
    assert_eq!(
        (&one["organization"]["name"], &one["organization"]["state"]),
        (&json!("b&b"), &json!("failing"))
    );
    assert_eq!(one["organizations"].as_array().unwrap().len(), 3);
    assert!(world.page("?organization=b%26b").await.contains("<h1>b&amp;b</h1>"));
    assert!(world.page("?organization=%3Cc%3E").await.contains("<h1>&lt;c&gt;</h1>"));

    let failing = world.json("?state=failing").await;
    assert_eq!(failing["organizations"].as_array().unwrap().len(), 1);
    assert_eq!(failing["summary"]["organizations"], 3);
    assert!(!world.page("?state=failing").await.contains("acme"));
    assert_eq!(world.json("?state=none&x").await["organizations"].as_array().unwrap().len(), 3);

    for path in ["/?organization=nobody", "/api/v1/status?organization="] {
        let (status, headers, body) = world.ask(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_names_the_api_chooses_they_are_text() {
    const HOSTILE: &str = "<script>alert(1)</script>\"'&";
    let world = World::new(&["acme", HOSTILE], Paths::default());
    let user = User {
        id: "user-1".into(),
        role: Field::Value(HOSTILE.into()),
        developer_persona: Field::Value(HOSTILE.into()),
        technical_level: Field::Value(HOSTILE.into()),
        ..User::default()
    };
    world.walk(1, &[user]).await;
    let query = format!(
        "?organization={}",
        HOSTILE.replace('&', "%26").replace('<', "%3C").replace('>', "%3E").replace('"', "%22")
    );
    for query in ["", &query] {
        let page = world.page(query).await;
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"));
    }
    let status = world.json(&query).await;
    assert_eq!(status["organization"]["figures"]["roles"][1]["role"], HOSTILE);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_named() {
    let world = World::one();
    world.walk(0, &users()).await;
    for face in [world.page("").await, world.json("").await.to_string()] {
        for private in ["marked", "@", "user-1"] {
            assert!(!face.contains(private), "{private}: {face}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_result_of_a_walk_has_words() {
    let world = World::one();
    for result in catalog::WALK_RESULTS {
        let error = match *result {
            "forbidden" => Error::Forbidden(Box::default()),
            "rate_limited" => Error::RateLimited(Box::default()),
            "server_error" => Error::ServerError(Box::default()),
            "client_error" => Error::ClientError(Box::default()),
            "timeout" => Error::Timeout(Box::default()),
            "connect" => Error::Connect(Box::default()),
            "tls" => Error::Tls(Box::default()),
            "invalid_response" => Error::InvalidResponse(Box::default()),
            "unauthorized" => Error::Unauthorized(Box::default()),
            "cancelled" => Error::Cancelled(Box::default()),
            _ => continue,
        };
        world.fail(0, error);
        let status = world.json("").await;
        let walk = &status["organization"]["failed_walks"][0];
        assert_eq!(walk["result"], *result);
        assert_ne!(walk["words"], "failed", "{result}");
        assert!(text(&world.page("").await).contains("No figures: walks fail since 08:00 UTC, "));
    }
}

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
    let key_use = samples(exposition, "openai_org_users_by_api_key_use");
    for row in figures["api_key_use"].as_array().unwrap() {
        let account = format!("account_type={}", row["account_type"]);
        for used in ["used", "never"] {
            assert_eq!(row[used], sum(&key_use, &[&account, &format!("use=\"{used}\"")]));
        }
    }
    for row in figures["api_keys_stale"].as_array().unwrap() {
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
        for row in figures[key].as_array().unwrap() {
            assert_eq!(row["users"], sum(&samples, &[&format!("{label}={}", row["name"])]), "{key}");
        }
    }
    let fields = samples(exposition, "openai_org_users_with_field");
    assert_eq!(figures["fields"].as_array().unwrap().len(), fields.len());
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
    ("[a-z]{1,3}", name(), name(), flags, (time(), time()), any_field(account)).prop_map(
        |(id, role, developer_persona, (service, scim, default), (added_at, used), user)| User {
            id: id.into(),
            role,
            developer_persona,
            is_service_account: service,
            is_scim_managed: scim,
            is_default: default,
            added_at,
            api_key_last_used_at: used,
            user,
            ..User::default()
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_happens_the_page_is_well_formed_and_every_number_is_that_of_the_metrics(
        steps in prop::collection::vec(any_step(), 0..8),
    ) {
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
                    assert!(page.contains(&format!("<dt>Users</dt><dd class=\"value\"><data value=\"{users}\">")));
                }
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn assets_may_be_kept_for_ever_and_the_page_may_not() {
    let world = World::one();
    let (_, headers, page) = world.ask("/").await;
    assert_eq!(headers["cache-control"], "no-store");
    for (extension, content_type) in [
        ("css", "text/css; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("svg", "image/svg+xml"),
    ] {
        let end = page.find(&format!(".{extension}\"")).unwrap() + 1 + extension.len();
        let path = page[..end].rsplit('"').next().unwrap();
        let (status, headers, _) = world.ask(path).await;
        assert_eq!((status, &*headers["content-type"]), (StatusCode::OK, content_type), "{path}");
        assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    }
    let (status, _, _) = world.ask("/static/0000000000000000.css").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn below_a_prefix_is_everything_and_the_top_leads_there() {
    let prefix = Some(RoutePrefix::parse("/exporter").unwrap());
    let world = World::new(&["acme"], Paths::new(None, prefix));
    for path in ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/status"] {
        let (status, _, body) = world.ask(&format!("/exporter{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
    }
    for path in ["/metrics", "/-/healthy", "/api/v1/status", "/exporters/metrics"] {
        assert_eq!(world.ask(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/", "/exporter"] {
        let (status, headers, _) = world.ask(path).await;
        assert_eq!((status, &*headers["location"]), (StatusCode::FOUND, "/exporter/"), "{path}");
    }
    let (_, _, page) = world.ask("/exporter/").await;
    for link in ["href=\"/exporter/metrics\"", "src=\"/exporter/static/", "href=\"/exporter/api/v1/status\""]
    {
        assert!(page.contains(link), "{link}");
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_proxy_that_takes_the_path_away_links_have_it() {
    let url = ExternalUrl::parse("https://example.com/exporter/").unwrap();
    let paths = Paths::new(Some(url), Some(RoutePrefix::parse("/").unwrap()));
    let world = World::new(&["acme", "globex"], paths);
    let page = world.page("").await;
    for link in
        ["href=\"/exporter/metrics\"", "href=\"/exporter/?organization=acme\"", "src=\"/exporter/static/"]
    {
        assert!(page.contains(link), "{link}");
    }
    let status = world.json("").await;
    assert_eq!(status["links"]["metrics"], "https://example.com/exporter/metrics");
    assert_eq!(status["organizations"][0]["link"], "/exporter/?organization=acme");
}
