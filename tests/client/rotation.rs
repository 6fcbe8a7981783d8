//! Keys that are rotated while the client is in use.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use openai_org_exporter::clock::Clock;
use openai_org_exporter::composition;
use openai_org_exporter::telemetry::OrganizationTelemetry;
use openai_org_exporter::walk::{self, Before, Meter, walk};
use tokio::time::Instant;

use crate::scripted::{Answer, Bench, answer, bench_of, page, serve_with};

const OLD: &str = "sk-admin-planted";
const NEW: &str = "sk-admin-rotated";

/// A client whose key file holds what it was given at first, and an API that takes `accepted` alone.
async fn rotating(directory: &Path, accepted: &'static str) -> (Bench, PathBuf) {
    let file = directory.join("key");
    fs::write(&file, OLD).unwrap();
    let server = serve_with(move |_, request| {
        match request.to_lowercase().contains(&format!("authorization: bearer {accepted}\r\n")) {
            true => page(),
            false => refusal(request),
        }
    })
    .await;
    let bench = bench_of(server, |options| options.admin_key_file = Some(file.clone()));
    (bench, file)
}

/// A refusal that repeats every key there is.
fn refusal(_: &str) -> Answer {
    let body = format!(r#"{{"error":{{"message":"Neither {NEW} nor {OLD} will do","code":"{OLD}"}}}}"#);
    answer("401 Unauthorized", &format!("x-request-id: {NEW}\r\n"), body)
}

#[tokio::test]
async fn a_key_that_was_rotated_costs_one_request_and_then_none() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, file) = rotating(directory.path(), NEW).await;
    fs::write(file, NEW).unwrap();
    let start = std::time::Instant::now();
    assert_eq!(bench.list().await.unwrap(), 1);
    assert!(start.elapsed() < Duration::from_millis(300), "it was sent again at once");
    assert_eq!((bench.requests().len(), bench.retries("unauthorized")), (2, 1));
    assert_eq!(bench.list().await.unwrap(), 1);
    assert_eq!((bench.requests().len(), bench.retries("unauthorized")), (3, 1));
}

#[tokio::test]
async fn a_refused_key_is_not_sent_again_while_its_file_holds_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, file) = rotating(directory.path(), NEW).await;
    for change in [None, Some("two words"), Some("")] {
        if let Some(content) = change {
            fs::write(&file, content).unwrap();
        }
        let before = bench.requests().len();
        assert_eq!(bench.list().await.unwrap_err().result(), "unauthorized");
        assert_eq!(bench.requests().len() - before, 1);
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(bench.list().await.unwrap_err().result(), "unauthorized");
    assert_eq!(bench.retries("unauthorized"), 0);
}

#[tokio::test]
async fn a_new_key_that_is_refused_too_ends_the_request() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, file) = rotating(directory.path(), "no key at all").await;
    fs::write(file, NEW).unwrap();
    let error = bench.list().await.unwrap_err();
    assert_eq!((error.result(), bench.requests().len()), ("unauthorized", 2));
    let text = format!("{error} {error:?}");
    assert!(!text.contains("rotated") && !text.contains("planted"), "{text}");
    assert!(text.contains("Neither <key> nor <key> will do"), "{text}");
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_new_key() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, file) = rotating(directory.path(), NEW).await;
    fs::write(file, NEW).unwrap();
    let all = tokio::join!(bench.list(), bench.list(), bench.list(), bench.list());
    assert_eq!((all.0.unwrap(), all.1.unwrap(), all.2.unwrap(), all.3.unwrap()), (1, 1, 1, 1));
    assert!(bench.retries("unauthorized") <= 4, "each at most once");
    assert_eq!(bench.requests().len() as u64, 4 + bench.retries("unauthorized"));
}

#[tokio::test]
async fn a_walk_begins_with_the_key_that_the_file_holds_then() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, file) = rotating(directory.path(), NEW).await;
    fs::write(file, NEW).unwrap();
    let options = walk::Options {
        timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(5),
        composition: composition::Options {
            stale_after: vec![],
            email_domains: vec![],
            projects_limit: 1,
            project_names: true,
        }
        .into(),
        policies: Arc::default(),
    };
    let telemetry = OrganizationTelemetry::detached("acme");
    let walked =
        walk(&bench.client, &options, Before::default(), Clock::system(), &telemetry, &Meter::default())
            .await
            .unwrap();
    assert_eq!(walked.composition.users(), 1);
    assert_eq!((bench.requests().len(), bench.retries("unauthorized")), (1, 0));
}

#[tokio::test]
async fn a_key_without_a_file_stays_what_it_is() {
    let server = serve_with(|_, request| refusal(request)).await;
    let bench = bench_of(server, |_| {});
    bench.client.refresh_key().await;
    let outcome = bench.client.list_users(None, 1, Instant::now() + Duration::from_secs(5)).await;
    assert_eq!((outcome.unwrap_err().result(), bench.requests().len()), ("unauthorized", 1));
}
