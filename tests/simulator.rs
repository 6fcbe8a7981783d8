//! The simulator, met as a client meets it: over a socket.

// Clippy's exception for tests does not reach the helpers of an integration test.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use flate2::read::GzDecoder;
use openai_org_exporter::simulator::{FaultSwitch, Options, Simulator};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const NOW: i64 = 1_760_000_000;
const DAY: i64 = 86_400;
const KEY: &str = "sk-admin-simulated";

struct Running {
    base_url: String,
    faults: FaultSwitch,
    client: Client,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(options: Options) -> Self {
        let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.unwrap();
        let (base_url, faults) = (simulator.base_url(), simulator.faults());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(simulator.run(shutdown.clone()));
        let client = client();
        Self { base_url, faults, client, shutdown, task }
    }

    async fn of(users: usize) -> Self {
        Self::start(Options { users, now: NOW, ..Options::default() }).await
    }

    async fn with_fault(users: usize, fault: &str) -> Self {
        let faults = vec![fault.parse().unwrap()];
        Self::start(Options { users, faults, now: NOW, ..Options::default() }).await
    }

    fn request(&self, query: &str) -> RequestBuilder {
        self.request_with(KEY, query)
    }

    fn request_with(&self, key: &str, query: &str) -> RequestBuilder {
        self.client.get(format!("{}/organization/users?{query}", self.base_url)).bearer_auth(key)
    }

    async fn get(&self, query: &str) -> Response {
        self.request(query).send().await.unwrap()
    }

    async fn page(&self, query: &str) -> Value {
        self.page_with(KEY, query).await
    }

    async fn page_with(&self, key: &str, query: &str) -> Value {
        let response = self.request_with(key, query).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        json_of(response).await
    }

    async fn status_with(&self, key: &str, query: &str) -> u16 {
        self.request_with(key, query).send().await.unwrap().status().as_u16()
    }

    async fn walk(&self, limit: usize) -> Vec<Value> {
        self.walk_with(KEY, limit).await
    }

    async fn walk_with(&self, key: &str, limit: usize) -> Vec<Value> {
        let (mut users, mut after) = (vec![], String::new());
        loop {
            let page = self.page_with(key, &format!("limit={limit}{after}")).await;
            let data = page["data"].as_array().unwrap();
            assert!(data.len() <= limit);
            assert_eq!(page["first_id"], data.first().map_or(Value::Null, |user| user["id"].clone()));
            assert_eq!(page["last_id"], data.last().map_or(Value::Null, |user| user["id"].clone()));
            users.extend(data.iter().cloned());
            if page["has_more"] == false {
                return users;
            }
            after = format!("&after={}", page["last_id"].as_str().unwrap());
        }
    }
}

/// A client that takes bodies as they come.
fn client() -> Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder().no_proxy().build().unwrap()
}

async fn json_of(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

fn ids(users: &[Value]) -> Vec<&str> {
    users.iter().map(|user| user["id"].as_str().unwrap()).collect()
}

fn count(users: &[Value], trait_of: impl Fn(&Value) -> bool) -> usize {
    users.iter().filter(|user| trait_of(user)).count()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_organization() {
    let options = |seed| Options { seed, now: NOW, ..Options::default() };
    let first = Running::start(options(7)).await.walk(100).await;
    assert_eq!(first, Running::start(options(7)).await.walk(100).await);
    let other = Running::start(options(8)).await.walk(100).await;
    assert!(ids(&first).iter().collect::<HashSet<_>>().is_disjoint(&ids(&other).iter().collect()));
}

#[tokio::test]
async fn paging_with_any_limit_meets_each_user_once_in_the_same_order() {
    let simulator = Running::of(101).await;
    let all = simulator.walk(100).await;
    assert_eq!(ids(&all).iter().collect::<HashSet<_>>().len(), 101);
    for limit in [1, 2, 3, 7, 20, 50, 99] {
        assert_eq!(simulator.walk(limit).await, all, "limit {limit}");
    }
    assert_eq!(simulator.page("").await["data"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn has_more_is_exact_at_the_edges() {
    for (users, pages) in
        [(0, [false, false]), (1, [false, false]), (100, [false, true]), (101, [true, true])]
    {
        let simulator = Running::of(users).await;
        assert_eq!(simulator.page("limit=100").await["has_more"], pages[0], "{users} users");
        assert_eq!(simulator.page("limit=99").await["has_more"], pages[1], "{users} users");
    }
    let empty = Running::of(0).await.page("").await;
    assert_eq!(
        empty,
        json!({ "object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false })
    );
}

#[tokio::test]
async fn the_page_behind_the_last_user_is_empty() {
    let simulator = Running::of(5).await;
    let last = simulator.page("").await["last_id"].as_str().unwrap().to_owned();
    let page = simulator.page(&format!("after={last}")).await;
    assert_eq!(page["data"], json!([]));
    assert_eq!(page["has_more"], false);
}

#[tokio::test]
async fn users_have_the_fields_of_the_reference_with_their_types() {
    let types: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("added_at", &["integer"] as &[_]),
        ("api_key_last_used_at", &["integer", "null"]),
        ("created", &["integer"]),
        ("developer_persona", &["string", "null"]),
        ("email", &["string", "null"]),
        ("id", &["string"]),
        ("is_default", &["boolean"]),
        ("is_scale_tier_authorized_purchaser", &["boolean", "null"]),
        ("is_scim_managed", &["boolean"]),
        ("is_service_account", &["boolean"]),
        ("name", &["string"]),
        ("object", &["string"]),
        ("projects", &["object", "null"]),
        ("role", &["string"]),
        ("technical_level", &["string", "null"]),
        ("user", &["object"]),
    ]);
    let users = Running::of(2000).await.walk(100).await;
    let mut seen = BTreeMap::<&str, HashSet<&str>>::new();
    for user in &users {
        for (name, value) in user.as_object().unwrap() {
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(number) if number.is_i64() => "integer",
                Value::String(_) => "string",
                Value::Object(_) => "object",
                _ => "other",
            };
            assert!(types[name.as_str()].contains(&kind), "{name} is {value}");
            seen.entry(name).or_default().insert(kind);
        }
        assert_eq!(user["object"], "organization.user");
        assert!(user["created"].as_i64() < user["added_at"].as_i64());
        if let Some(nested) = user.get("user") {
            assert_eq!(nested["object"], "user");
            assert_eq!(nested["id"], user["id"]);
            assert_eq!(nested["banned"] == true, nested["banned_at"].is_i64());
        }
    }
    for (name, kinds) in types {
        assert_eq!(seen[name].len(), kinds.len(), "{name} does not show all of {kinds:?}");
    }
    for name in ["api_key_last_used_at", "developer_persona", "technical_level", "projects", "email", "user"]
    {
        assert!(users.iter().any(|user| user.get(name).is_none()), "{name} is never absent");
    }
}

#[tokio::test]
async fn the_organization_looks_like_one() {
    let users = Running::of(3000).await.walk(100).await;
    let percent = |trait_of: &dyn Fn(&Value) -> bool| count(&users, trait_of) as f64 / 30.0;
    let between = |share: f64, low: f64, high: f64| assert!((low..=high).contains(&share), "{share} %");
    between(percent(&|user| user["role"] == "owner"), 1.0, 3.0);
    between(percent(&|user| user["is_service_account"] == true), 6.0, 10.0);
    between(percent(&|user| user["is_scim_managed"] == true), 62.0, 78.0);
    between(percent(&|user| user["user"]["banned"] == true), 0.5, 1.5);
    between(percent(&|user| user["user"]["enabled"] == false), 1.5, 2.5);
    between(
        percent(&|user| user["email"].as_str().is_some_and(|email| email.ends_with("@example.com"))),
        60.0,
        85.0,
    );
    between(percent(&|user| user.get("api_key_last_used_at") == Some(&Value::Null)), 15.0, 40.0);
    between(percent(&|user| user["projects"]["data"] == json!([])), 4.0, 14.0);
    assert_eq!(count(&users, |user| user["is_default"] == true), 1);
    assert_eq!(count(&users, |user| user["is_scale_tier_authorized_purchaser"] == true), 2);
    let age = |user: &Value| NOW - user["added_at"].as_i64().unwrap();
    for (days, least) in [(1, 10), (7, 50), (30, 150)] {
        assert!(count(&users, |user| age(user) < days * DAY) >= least, "{days} days");
    }
    assert!(users.iter().all(|user| (0..=3 * 365 * DAY).contains(&age(user))));
    assert!(users.is_sorted_by_key(|user| user["added_at"].as_i64()));
    assert!(users.iter().any(|user| !user["name"].as_str().unwrap().is_ascii()));
}

#[tokio::test]
async fn no_two_users_share_an_address_and_no_project_lists_a_user_twice() {
    let users = Running::of(8000).await.walk(100).await;
    let mut emails = HashSet::new();
    let mut projects = BTreeMap::<String, usize>::new();
    for user in &users {
        assert!(user["email"].as_str().is_none_or(|email| emails.insert(email)), "{user}");
        let mut own = HashSet::new();
        for project in user["projects"]["data"].as_array().into_iter().flatten() {
            assert!(own.insert(project["id"].as_str().unwrap()), "{user}");
            *projects.entry(project["name"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!((60..=70).contains(&projects.len()), "{} projects", projects.len());
}

#[tokio::test]
async fn every_size_has_an_owner_and_some_projects() {
    for users in [1, 2, 10, 49, 250] {
        let users = Running::of(users).await.walk(100).await;
        assert!(count(&users, |user| user["role"] == "owner") >= 1);
        assert_eq!(users[0]["is_default"], true);
    }
}

#[tokio::test]
async fn answers_carry_the_headers_of_the_api() {
    let simulator = Running::of(1).await;
    let mut request_ids = HashSet::new();
    for left in (9_990..10_000).rev() {
        let response = simulator.get("").await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/json");
        assert!(header("x-request-id").starts_with("req_"));
        assert!(request_ids.insert(header("x-request-id")));
        assert!(header("openai-processing-ms").parse::<u32>().is_ok());
        assert_eq!(header("x-ratelimit-limit-requests"), "10000");
        assert_eq!(header("x-ratelimit-remaining-requests"), left.to_string());
        assert!(header("x-ratelimit-reset-requests").ends_with('s'));
    }
}

#[tokio::test]
async fn requests_that_are_wrong_get_the_errors_of_the_api() {
    let simulator = Running::of(5).await;
    let root = simulator.base_url.trim_end_matches("/v1").to_owned();
    let users = "/v1/organization/users";
    for (method, path, key, status, code) in [
        (Method::GET, users.to_owned(), None, 401, "invalid_api_key"),
        (Method::GET, users.to_owned(), Some("sk-admin-other"), 401, "invalid_api_key"),
        (Method::GET, format!("{users}?limit=0"), Some(KEY), 400, "integer_below_min_value"),
        (Method::GET, format!("{users}?limit=-1"), Some(KEY), 400, "integer_below_min_value"),
        (Method::GET, format!("{users}?limit=101"), Some(KEY), 400, "integer_above_max_value"),
        (Method::GET, format!("{users}?limit=many"), Some(KEY), 400, "invalid_type"),
        (Method::GET, format!("{users}?limit="), Some(KEY), 400, "invalid_type"),
        (Method::GET, format!("{users}?after=user-nobody"), Some(KEY), 404, "user_not_found"),
        (Method::GET, format!("{users}/"), Some(KEY), 404, "unknown_url"),
        (Method::GET, "/v1/models".to_owned(), Some(KEY), 404, "unknown_url"),
        (Method::POST, users.to_owned(), Some(KEY), 405, "method_not_supported"),
        (Method::DELETE, users.to_owned(), Some(KEY), 405, "method_not_supported"),
    ] {
        let mut request = simulator.client.request(method.clone(), format!("{root}{path}"));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.headers()["content-type"], "application/json");
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(response.headers().contains_key("allow"), status == 405);
        let error = &json_of(response).await["error"];
        assert_eq!(error["code"], code, "{method} {path}");
        let members: Vec<_> = error.as_object().unwrap().keys().collect();
        assert_eq!(members, ["code", "message", "param", "type"]);
    }
}

#[tokio::test]
async fn answers_are_compressed_when_both_sides_agree() {
    let plain = client();
    for (gzip, accepted, compressed) in [
        (true, "gzip, deflate", true),
        (true, "deflate, gzip;q=0.5", true),
        (true, "*", true),
        (true, "gzip;q=0", false),
        (true, "identity", false),
        (false, "gzip", false),
    ] {
        let simulator = Running::start(Options { gzip, now: NOW, ..Options::default() }).await;
        let url = format!("{}/organization/users", simulator.base_url);
        let request = plain.get(url).bearer_auth(KEY).header("accept-encoding", accepted);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers().contains_key("content-encoding"), compressed, "{accepted}");
        let bytes = response.bytes().await.unwrap();
        assert_eq!(bytes.starts_with(&[0x1f, 0x8b]), compressed, "{accepted}");
        let page: Value = match compressed {
            true => serde_json::from_reader(GzDecoder::new(&bytes[..])).unwrap(),
            false => serde_json::from_slice(&bytes).unwrap(),
        };
        assert_eq!(page, simulator.page("").await, "{accepted}");
        assert_eq!(simulator.page("").await["data"].as_array().unwrap().len(), 20);
    }
}

#[tokio::test]
async fn the_filter_finds_users_by_address_in_any_case() {
    let simulator = Running::of(250).await;
    let users = simulator.walk(100).await;
    let with_email: Vec<&Value> = users.iter().filter(|user| user["email"].is_string()).collect();
    let wanted = [with_email[200], with_email[3]];
    let emails = wanted.map(|user| user["email"].as_str().unwrap().to_uppercase().replace('@', "%40"));
    let query = format!("emails%5B%5D={}&emails%5B%5D={}", emails[0], emails[1]);
    let page = simulator.page(&query).await;
    assert_eq!(page["data"], json!([wanted[1], wanted[0]]));
    assert_eq!(page["has_more"], false);
    let first = simulator.page(&format!("{query}&limit=1")).await;
    assert_eq!(first["data"], json!([wanted[1]]));
    assert_eq!(first["has_more"], true);
    let none = simulator.page("emails%5B%5D=nobody%40example.com").await;
    assert_eq!(none["data"], json!([]));
    assert_eq!(none["first_id"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn latency_is_waited_before_each_answer() {
    let latency = Duration::from_secs(5);
    let simulator = Running::start(Options { latency, ..Options::default() }).await;
    let start = tokio::time::Instant::now();
    let response = simulator.get("").await;
    assert!(start.elapsed() >= latency);
    assert_eq!(response.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn churn_changes_the_list_and_cursors_of_the_removed_are_gone() {
    let simulator = Running::start(Options { churn_per_minute: 60.0, now: NOW, ..Options::default() }).await;
    let before = simulator.walk(100).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let after = simulator.walk(100).await;
    let (old, new): (HashSet<_>, HashSet<_>) =
        (ids(&before).into_iter().collect(), ids(&after).into_iter().collect());
    assert!((150..350).contains(&after.len()), "{} users", after.len());
    let newest = after.last().unwrap();
    assert!(!old.contains(newest["id"].as_str().unwrap()));
    assert!((NOW..NOW + 3700).contains(&newest["added_at"].as_i64().unwrap()));
    let gone = old.difference(&new).next().expect("somebody left within an hour");
    assert_eq!(simulator.get(&format!("after={gone}")).await.status(), 404);
    let owners = count(&after, |user| user["role"] == "owner");
    assert!((1..30).contains(&owners), "{owners} owners");
}

#[tokio::test]
async fn each_of_several_organizations_has_its_own_key_and_users() {
    let options = || Options { users: 120, now: NOW, ..Options::default() };
    let several = Running::start(Options { organizations: 3, ..options() }).await;
    let mut all = vec![];
    for number in 1..=3 {
        all.push(several.walk_with(&format!("{KEY}-{number}"), 100).await);
    }
    assert_eq!(all[0], Running::start(options()).await.walk(100).await, "the first is what a single one is");
    let distinct: HashSet<&str> = all.iter().flat_map(|users| ids(users)).collect();
    assert_eq!(distinct.len(), 3 * 120);
    let again = Running::start(Options { organizations: 3, ..options() }).await;
    assert_eq!(again.walk_with(&format!("{KEY}-3"), 100).await, all[2], "it follows from the seed");

    let cursor = format!("after={}", all[0][5]["id"].as_str().unwrap());
    assert_eq!(several.status_with(&format!("{KEY}-1"), &cursor).await, 200);
    assert_eq!(several.status_with(&format!("{KEY}-2"), &cursor).await, 404, "it is no cursor of another");
    for key in [KEY, "sk-admin-simulated-0", "sk-admin-simulated-4", "sk-admin-simulated-01", ""] {
        assert_eq!(several.status_with(key, "").await, 401, "{key:?}");
    }
}

#[tokio::test]
async fn faults_strike_all_of_several_organizations() {
    let simulator = Running::start(Options { organizations: 2, now: NOW, ..Options::default() }).await;
    simulator.faults.set(vec!["status-500".parse().unwrap()]);
    for number in 1..=2 {
        assert_eq!(simulator.status_with(&format!("{KEY}-{number}"), "").await, 500);
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_several_organizations_changes() {
    let options = Options { organizations: 2, churn_per_minute: 60.0, now: NOW, ..Options::default() };
    let simulator = Running::start(options).await;
    let keys = [format!("{KEY}-1"), format!("{KEY}-2")];
    let before = [simulator.walk_with(&keys[0], 100).await, simulator.walk_with(&keys[1], 100).await];
    tokio::time::sleep(Duration::from_secs(600)).await;
    for (key, before) in keys.iter().zip(&before) {
        assert_ne!(&simulator.walk_with(key, 100).await, before, "{key}");
    }
}

#[tokio::test]
async fn there_is_at_least_one_organization() {
    let options = Options { organizations: 0, ..Options::default() };
    let error = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn churn_must_be_a_number_of_at_least_0() {
    for churn_per_minute in [-1.0, f64::NAN, f64::INFINITY] {
        let options = Options { churn_per_minute, ..Options::default() };
        let error = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.err().unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn fault_status_500_answers_with_an_error() {
    let response = Running::with_fault(5, "status-500").await.get("").await;
    assert_eq!(response.status(), 500);
    assert_eq!(json_of(response).await["error"]["type"], "server_error");
}

#[tokio::test]
async fn fault_status_429_says_when_to_come_back() {
    let simulator = Running::with_fault(5, "status-429").await;
    let mut hints = HashSet::new();
    for _ in 0..2 {
        let response = simulator.get("").await;
        assert_eq!(response.status(), 429);
        for name in ["retry-after", "retry-after-ms"] {
            hints.extend(response.headers().get(name).map(|value| (name, value.clone())));
        }
        assert_eq!(json_of(response).await["error"]["code"], "rate_limit_exceeded");
    }
    let expected = [("retry-after", "1"), ("retry-after-ms", "250")];
    assert_eq!(hints, expected.map(|(name, value)| (name, value.parse().unwrap())).into());
}

#[tokio::test]
async fn fault_reset_ends_the_connection_without_an_answer() {
    let simulator = Running::with_fault(5, "reset").await;
    let error = simulator.request("").send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
    simulator.faults.set(vec![]);
    assert_eq!(simulator.get("").await.status(), 200);
}

#[tokio::test]
async fn fault_truncate_sends_less_than_it_promises() {
    let simulator = Running::with_fault(50, "truncate").await;
    for encoding in ["identity", "gzip"] {
        let mut response = simulator.request("").header("accept-encoding", encoding).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let promised = response.content_length();
        let (mut received, mut broke) = (0, false);
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => received += chunk.len(),
                Ok(None) => break,
                Err(_) => {
                    broke = true;
                    break;
                }
            }
        }
        assert!(broke, "{encoding}");
        if encoding == "identity" {
            assert_eq!(received as u64, promised.unwrap() / 2);
        }
    }
}

#[tokio::test]
async fn fault_html_answers_200_with_a_page_for_people() {
    let response = Running::with_fault(5, "html").await.get("").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/html; charset=UTF-8");
    assert!(response.text().await.unwrap().starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn fault_hang_answers_never_and_does_not_hold_up_the_end() {
    let simulator = Running::with_fault(5, "hang").await;
    let request = tokio::spawn(simulator.request("").send());
    let waiting = tokio::time::timeout(Duration::from_millis(200), simulator.request("").send()).await;
    assert!(waiting.is_err());
    simulator.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(1), simulator.task).await.unwrap().unwrap();
    assert!(request.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn fault_slow_sends_the_whole_page_in_pieces() {
    let simulator = Running::of(50).await;
    let fast = simulator.page("").await;
    simulator.faults.set(vec!["slow".parse().unwrap()]);
    let start = tokio::time::Instant::now();
    assert_eq!(simulator.page("").await, fast);
    assert!((2..5).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn fault_repeat_cursor_leads_back() {
    let simulator = Running::with_fault(50, "repeat-cursor").await;
    let first = simulator.page("limit=100").await;
    assert_eq!(first["last_id"], first["data"][0]["id"]);
    assert_eq!(first["has_more"], true);
    let after = first["data"][9]["id"].as_str().unwrap();
    let second = simulator.page(&format!("limit=100&after={after}")).await;
    assert_eq!(second["last_id"], after);
    assert_eq!(second["has_more"], true);
}

#[tokio::test]
async fn fault_missing_cursor_leaves_out_last_id() {
    let simulator = Running::with_fault(5, "missing-cursor").await;
    let page = simulator.page("limit=3").await;
    assert_eq!(page["has_more"], true);
    assert!(page.get("last_id").is_none());
    let last = page["data"][2]["id"].as_str().unwrap();
    let behind = simulator.page(&format!("limit=3&after={last}")).await;
    assert_eq!((&behind["last_id"], &behind["has_more"]), (&behind["data"][1]["id"], &json!(false)));
}

#[tokio::test]
async fn fault_duplicate_shows_one_user_of_the_page_twice() {
    let page = Running::with_fault(50, "duplicate").await.page("limit=10").await;
    let data = page["data"].as_array().unwrap();
    assert_eq!(data.len(), 11);
    assert_eq!(ids(data).iter().collect::<HashSet<_>>().len(), 10);
    assert_eq!(data[0], data[10]);
    assert_eq!(page["last_id"], data[9]["id"]);
}

#[tokio::test]
async fn fault_huge_sends_more_than_64_mebibytes_compressed_to_little() {
    let simulator = Running::with_fault(5, "huge").await;
    let plain = client();
    let request = simulator.request("").header("accept-encoding", "gzip").build().unwrap();
    let compressed = plain.execute(request).await.unwrap().bytes().await.unwrap();
    assert!(compressed.len() < 1024 * 1024, "{} bytes", compressed.len());
    for encoding in ["gzip", "identity"] {
        let mut request = simulator.request("");
        if encoding == "identity" {
            request = request.header("accept-encoding", encoding);
        }
        let mut response = request.send().await.unwrap();
        let (mut length, mut tail) = (0, vec![]);
        while let Some(chunk) = response.chunk().await.unwrap() {
            length += chunk.len();
            tail.extend_from_slice(&chunk);
            tail.drain(..tail.len().saturating_sub(16));
        }
        assert!(length > 64 * 1024 * 1024, "{encoding}: {length} bytes");
        assert_eq!(tail, br#""has_more":false}"#[1..], "{encoding}");
    }
}

#[tokio::test]
async fn fault_wrong_types_spares_ids_and_every_fourth_user() {
    let simulator = Running::of(50).await;
    let right = simulator.page("limit=40").await;
    simulator.faults.set(vec!["wrong-types".parse().unwrap()]);
    let text = simulator.get("limit=40").await.text().await.unwrap();
    for oddity in [r"own\ud800er", "1e400", r#""1700000000""#, r#""banned":"yes""#, r#""email":{}"#] {
        assert!(text.contains(oddity), "{oddity}");
    }
    assert!(serde_json::from_str::<Value>(&text).is_err());
    let readable = text.replace(r"\ud800", "").replace(r"\udfff", "").replace("1e400", "1");
    let wrong: Value = serde_json::from_str(&readable).unwrap();
    assert_eq!(wrong["last_id"], right["last_id"]);
    let pairs = wrong["data"].as_array().unwrap().iter().zip(right["data"].as_array().unwrap());
    for (index, (wrong, right)) in pairs.enumerate() {
        assert_eq!(wrong["id"], right["id"]);
        assert_eq!(wrong["added_at"], right["added_at"]);
        assert_eq!(wrong == right, index % 4 == 3);
    }
}

#[tokio::test]
async fn faults_do_not_strike_requests_without_the_key() {
    let simulator = Running::with_fault(5, "status-500").await;
    let response = simulator.client.get(format!("{}/organization/users", simulator.base_url)).send().await;
    assert_eq!(response.unwrap().status(), 401);
}

#[tokio::test]
async fn shutting_down_ends_idle_connections_at_once() {
    let simulator = Running::of(5).await;
    simulator.get("").await;
    simulator.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(1), simulator.task).await.unwrap().unwrap();
    let error = simulator.client.get(&simulator.base_url).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}
