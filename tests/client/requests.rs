//! What is asked, what is asked again, and what is taken for an answer.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use openai_org_exporter::admin_api::Client;
use openai_org_exporter::telemetry::Telemetry;
use prometheus::Registry;
use tokio::time::Instant;

use crate::scripted::{Answer, PAGE, answer, bench, options, page, serve};

#[tokio::test]
async fn a_request_says_who_asks_for_what_and_nothing_more() {
    let bench = bench(vec![page()]).await;
    assert_eq!(bench.list().await.unwrap(), 1);
    bench.client.list_users(Some("user a"), 2, Instant::now() + Duration::from_secs(5)).await.unwrap();
    let requests = bench.requests();
    assert!(requests[0].starts_with("GET /v1/organization/users?limit=100 HTTP/1.1\r\n"), "{}", requests[0]);
    assert!(requests[1].starts_with("GET /v1/organization/users?limit=100&after=user+a HTTP/1.1\r\n"));
    let mut headers: Vec<String> = requests[0].lines().skip(1).map(str::to_lowercase).collect();
    headers.retain(|line| !line.is_empty() && !line.starts_with("host:"));
    headers.sort();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        headers,
        [
            "accept-encoding: gzip".to_owned(),
            "accept: */*".to_owned(),
            "authorization: bearer sk-admin-planted".to_owned(),
            format!("user-agent: openai-org-exporter/{version}"),
        ]
    );
    assert_eq!(*bench.server.connections.lock().unwrap(), 1, "the connection is kept");
}

#[tokio::test]
async fn what_the_sdk_retries_is_retried_and_counted_by_reason() {
    let soon = "retry-after-ms: 5\r\n";
    let bench = bench(vec![
        answer("500 Oops", soon, ""),
        answer("429 Too Many", soon, ""),
        answer("409 Conflict", soon, ""),
        page(),
    ])
    .await;
    assert_eq!(bench.list().await.unwrap(), 1);
    for (sample, expected) in [
        (r#"api_retries_total{organization="acme",reason="server_error"}"#, 1),
        (r#"api_retries_total{organization="acme",reason="rate_limited"}"#, 1),
        (r#"api_retries_total{organization="acme",reason="client_error"}"#, 1),
        (r#"api_requests_total{code="200",organization="acme"}"#, 1),
        (r#"api_requests_total{code="500",organization="acme"}"#, 1),
        (r#"api_requests_total{code="none",organization="acme"}"#, 0),
        (r#"api_request_duration_seconds_count{organization="acme"}"#, 4),
    ] {
        assert_eq!(bench.counted(&format!("openai_org_exporter_{sample}")), expected, "{sample}");
    }
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again() {
    for (status, result) in [("401 Unauthorized", "unauthorized"), ("403 Forbidden", "forbidden")] {
        let body =
            r#"{"error":{"message":"Bad key sk-admin-planted of jo@example.com","code":"invalid_api_key"}}"#;
        let bench = bench(vec![answer(status, "x-request-id: req_7\r\n", body)]).await;
        let error = bench.list().await.unwrap_err();
        assert_eq!(error.result(), result);
        let message = error.to_string();
        assert!(
            message.contains("\"Bad key <key> of <address>\" (code invalid_api_key, x-request-id req_7)"),
            "{message}"
        );
        assert_eq!(bench.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_wait_that_ends_behind_the_deadline_is_not_begun() {
    let bench = bench(vec![answer("503 Busy", "retry-after: 60\r\n", "")]).await;
    let start = std::time::Instant::now();
    assert_eq!(bench.list().await.unwrap_err().result(), "server_error");
    assert!(start.elapsed() < Duration::from_secs(5), "it did not wait for the 60 s");
    assert_eq!(bench.requests().len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = serve(vec![page()]).await;
    let location = format!("location: http://{}/v1/organization/users\r\n", elsewhere.address);
    let bench = bench(vec![answer("302 Found", &location, "")]).await;
    let error = bench.list().await.unwrap_err();
    assert_eq!(error.result(), "invalid_response");
    assert!(error.to_string().contains("redirect"), "{error}");
    assert!(elsewhere.requests.lock().unwrap().is_empty(), "the key went nowhere else");
}

#[tokio::test]
async fn a_body_of_more_than_8_mib_is_given_up_before_it_fills_memory() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..64 {
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    for answer in
        [answer("200 OK", "content-encoding: gzip\r\n", bomb), answer("200 OK", "", vec![b' '; 9 << 20])]
    {
        let bench = bench(vec![answer]).await;
        let error = bench.list().await.unwrap_err();
        assert_eq!(error.result(), "invalid_response");
        assert!(error.to_string().contains("larger than 8 MiB"), "{error}");
        let read = bench.counted(r#"openai_org_exporter_api_response_bytes_total{organization="acme"}"#);
        assert!(read < 9 << 20, "{read} bytes were read");
    }
}

#[tokio::test]
async fn a_compressed_page_is_read_and_a_corrupt_one_is_no_page() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(PAGE.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let good = bench(vec![answer("200 OK", "content-encoding: gzip\r\n", &gzip)]).await;
    assert_eq!(good.list().await.unwrap(), 1);
    assert_eq!(
        good.counted(r#"openai_org_exporter_api_response_bytes_total{organization="acme"}"#),
        PAGE.len() as u64
    );
    let corrupt = bench(vec![answer("200 OK", "content-encoding: gzip\r\n", "this is no gzip")]).await;
    assert_eq!(corrupt.list().await.unwrap_err().result(), "invalid_response");
    assert_eq!(corrupt.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let cut = Answer::Bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{PAGE}").into_bytes());
    for broken in [cut, Answer::Close] {
        // Whatever breaks off is closed by the next answer of the script.
        let bench = bench(vec![broken, Answer::Close, page()]).await;
        let outcome = bench.list().await;
        let connect =
            bench.counted(r#"openai_org_exporter_api_retries_total{organization="acme",reason="connect"}"#);
        let timeout =
            bench.counted(r#"openai_org_exporter_api_retries_total{organization="acme",reason="timeout"}"#);
        assert_eq!(outcome.unwrap(), 1);
        assert!(connect + timeout >= 1);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_time_out_and_is_tried_again() {
    let bench = bench(vec![Answer::Hang, page()]).await;
    assert_eq!(bench.list().await.unwrap(), 1);
    assert_eq!(
        bench.counted(r#"openai_org_exporter_api_retries_total{organization="acme",reason="timeout"}"#),
        1
    );
    assert_eq!(
        bench.counted(r#"openai_org_exporter_api_requests_total{code="none",organization="acme"}"#),
        1
    );
}

#[tokio::test]
async fn nobody_listening_is_a_failed_connection() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut bench = bench(vec![page()]).await;
    let telemetry = Telemetry::new(&Registry::new()).organization("acme");
    bench.client = Client::new(options(free), telemetry).unwrap();
    let outcome = bench.client.list_users(None, 1, Instant::now() + Duration::from_millis(100)).await;
    assert_eq!(outcome.unwrap_err().result(), "connect");
}

#[tokio::test]
async fn html_with_status_200_is_no_page() {
    let bench = bench(vec![answer(
        "200 OK",
        "content-type: text/html\r\nx-request-id: req_9\r\n",
        "<html>hello</html>",
    )])
    .await;
    let error = bench.list().await.unwrap_err();
    assert_eq!(error.result(), "invalid_response");
    let message = error.to_string();
    assert!(message.contains("x-request-id req_9") && message.contains("not a JSON object"), "{message}");
    assert!(!message.contains("hello"), "bodies are not repeated");
}
