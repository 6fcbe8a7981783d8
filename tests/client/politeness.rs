//! Requests are slowed down before the API has to refuse them, and are never more than allowed at a time.

use std::time::Duration;

use openai_org_exporter::admin_api::{Client, Error, InFlight};
use openai_org_exporter::telemetry::Telemetry;
use prometheus::Registry;
use tokio::time::Instant;

use crate::scripted::{Answer, Bench, PAGE, answer, bench, bench_of, options, page, serve};

/// A page that says how many requests are left, of how many, and when they are back.
fn page_with(remaining: &str, limit: &str, reset: &str) -> Answer {
    let headers = format!(
        "x-ratelimit-remaining-requests: {remaining}\r\nx-ratelimit-limit-requests: {limit}\r\n\
         x-ratelimit-reset-requests: {reset}\r\n"
    );
    answer("200 OK", &headers, PAGE)
}

/// How long a request takes, the waits before it included.
async fn timed(bench: &Bench) -> Duration {
    let start = Instant::now();
    assert_eq!(bench.list().await.unwrap(), 1);
    start.elapsed()
}

async fn list_within(bench: &Bench, time: Duration) -> Result<(), Error> {
    bench.client.list_users(None, 1, Instant::now() + time).await.map(|_| ())
}

const A_WHILE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn with_no_request_left_the_reset_is_waited_for() {
    let bench = bench(vec![page_with("0", "60", "400ms"), page()]).await;
    assert!(timed(&bench).await < A_WHILE);
    assert!(timed(&bench).await >= A_WHILE);
    assert!(timed(&bench).await < A_WHILE);
}

#[tokio::test]
async fn with_few_requests_left_they_are_spread_and_with_plenty_not() {
    let few = bench(vec![page_with("1", "60", "800ms"), page()]).await;
    timed(&few).await;
    let waited = timed(&few).await;
    assert!(waited >= A_WHILE && waited < 2 * A_WHILE, "{waited:?} is about half of the time to the reset");
    let plenty = bench(vec![page_with("59", "60", "10m")]).await;
    for _ in 0..10 {
        assert!(timed(&plenty).await < A_WHILE);
    }
}

#[tokio::test]
async fn a_reset_that_cannot_be_true_stops_nobody() {
    for reset in ["8760h", "-1s", "9999999999999999999999999s", "1e308", "soon"] {
        let bench = bench(vec![page_with("0", "1", reset)]).await;
        for _ in 0..3 {
            assert!(timed(&bench).await < A_WHILE, "{reset}");
        }
    }
}

#[tokio::test]
async fn a_reset_behind_the_deadline_fails_at_once_and_says_so() {
    let bench = bench(vec![page_with("0", "60", "5m")]).await;
    timed(&bench).await;
    let error = list_within(&bench, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(error.result(), "rate_limited");
    let message = error.to_string();
    assert!(message.contains("the API grants the next request in 300.0 s, which is behind"), "{message}");
    assert_eq!(bench.requests().len(), 1);
    assert_eq!(bench.retries("rate_limited"), 0);
}

#[tokio::test]
async fn after_a_429_every_request_of_the_client_waits() {
    let bench = bench(vec![answer("429 Slow Down", "retry-after-ms: 400\r\n", ""), page()]).await;
    let start = Instant::now();
    let (first, second) = tokio::join!(bench.list(), async {
        while bench.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        // The answer has to come in.
        tokio::time::sleep(Duration::from_millis(50)).await;
        bench.list().await
    });
    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!((bench.requests().len(), bench.retries("rate_limited")), (3, 1));
}

#[tokio::test]
async fn a_429_that_asks_for_minutes_ends_the_walk_and_holds_back_the_next() {
    let bench = bench(vec![answer("429 Slow Down", "retry-after: 300\r\n", ""), page()]).await;
    let error = list_within(&bench, Duration::from_secs(3600)).await.unwrap_err();
    assert!(error.to_string().contains("it asks for a wait of more than 120 s"), "{error}");
    let error = list_within(&bench, Duration::from_secs(120)).await.unwrap_err();
    assert_eq!((error.result(), bench.requests().len()), ("rate_limited", 1));
}

#[tokio::test]
async fn a_wait_behind_the_deadline_is_told_with_the_answer_that_asks_for_it() {
    let bench = bench(vec![answer("429 Slow Down", "retry-after: 60\r\nx-request-id: req_1\r\n", "")]).await;
    let message = list_within(&bench, Duration::from_secs(30)).await.unwrap_err().to_string();
    assert!(message.contains("x-request-id req_1"), "{message}");
    assert!(
        message.contains("attempt 1 was the last, as the next would come in 60.0 s, which is behind"),
        "{message}"
    );
}

#[tokio::test]
async fn a_place_is_waited_for_until_the_deadline_and_not_on_the_time_of_the_request() {
    let in_flight = InFlight::new(1);
    let slow = bench_of(serve(vec![Answer::Hang]).await, |options| options.in_flight = in_flight.clone());
    let other = bench_of(serve(vec![Answer::Hang, page()]).await, |options| options.in_flight = in_flight);
    let (_, (kept_out, hung)) = tokio::join!(list_within(&slow, Duration::from_secs(1)), async {
        while slow.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        let kept_out = list_within(&other, Duration::from_millis(100)).await;
        // The place is free after 300 ms, and this request has its 300 ms all the same.
        let start = Instant::now();
        let hung = list_within(&other, Duration::from_millis(650)).await;
        (kept_out, (hung, start.elapsed()))
    });
    let error = kept_out.unwrap_err();
    assert_eq!(error.result(), "timeout");
    assert!(
        error.to_string().contains("as many requests as are allowed at a time were in flight"),
        "{error}"
    );
    assert_eq!(hung.0.unwrap_err().result(), "timeout");
    assert!(hung.1 >= Duration::from_millis(450), "{:?}", hung.1);
    assert_eq!(
        other.counted(r#"openai_org_exporter_api_requests_total{code="none",organization="acme"}"#),
        1
    );
}

#[tokio::test]
async fn the_clients_of_a_process_share_its_places() {
    let server = serve(vec![Answer::Hang]).await;
    let telemetry = Telemetry::new(&Registry::new());
    let in_flight = InFlight::new(3);
    let clients: Vec<Client> = (0..10)
        .map(|number| {
            let mut options = options(server.address);
            (options.in_flight, options.request_timeout) = (in_flight.clone(), Duration::from_secs(5));
            Client::new(options, telemetry.organization(&format!("o{number}"))).unwrap()
        })
        .collect();
    // One deadline for all: a place that comes free at it is of no use to another.
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut requests = tokio::task::JoinSet::new();
    for client in clients {
        requests.spawn(async move {
            let _ = client.list_users(None, 1, deadline).await;
        });
    }
    requests.join_all().await;
    assert_eq!(server.requests.lock().unwrap().len(), 3);
}
