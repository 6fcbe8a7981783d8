//! The server over a socket.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use openai_org_exporter::clock::Clock;
use openai_org_exporter::exposition::{self, Renderer};
use openai_org_exporter::snapshot::{Board, Organization};
use openai_org_exporter::telemetry::Telemetry;
use openai_org_exporter::web::{Facts, Guard, ListenAddress, Options, Reloads, Site, reloads, serve};
use prometheus::Registry;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn run(options: Options) -> Running {
    run_with(options, None).await
}

async fn run_with(options: Options, reload: Option<Reloads>) -> Running {
    let listener = ListenAddress::parse("127.0.0.1:0").unwrap().bind().await.unwrap();
    let address = listener.local_addr().unwrap();
    let hour = Duration::from_secs(3600);
    let board = Arc::new(Board::new(vec![Arc::new(Organization::new("<acme>", hour, hour * 2))]));
    let (telemetry, clock) = (Telemetry::new(&Registry::new()), Clock::system());
    let changes = exposition::Options { changes: true };
    let renderer = Renderer::new(board.clone(), telemetry.clone(), clock, changes, Registry::new());
    let shutdown = CancellationToken::new();
    let guard = Guard::open(&telemetry, clock);
    let site = Site {
        renderer: Arc::new(renderer),
        board,
        clock,
        telemetry,
        guard,
        telemetry_path: "/metrics".into(),
        facts: Facts::default(),
        reload,
        shutdown: shutdown.clone(),
    };
    let task = tokio::spawn(serve(vec![listener], Arc::new(site), options));
    Running { address, shutdown, task }
}

/// Sends `request` on a connection of its own and reads until the server closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> (String, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = exchange(address, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// What each answer carries, a page's own Content-Security-Policy included.
const SECURITY_HEADERS: [&str; 6] = [
    "content-security-policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options: nosniff\r\n",
    "x-frame-options: deny\r\n",
    "referrer-policy: no-referrer\r\n",
    "cross-origin-resource-policy: same-origin\r\n",
    "cache-control: no-store\r\n",
];

#[tokio::test]
async fn each_route_answers_with_its_status_and_type() {
    let server = run(Options::default()).await;
    for (path, status, content_type, body) in [
        (
            "/metrics",
            "200 ok",
            "text/plain; version=0.0.4; charset=utf-8",
            "openai_org_snapshot_available{organization=\"<acme>\"} 0",
        ),
        ("/", "200 ok", "text/html; charset=utf-8", "&lt;acme&gt;"),
        ("/-/healthy", "200 ok", "text/plain; charset=utf-8", "Healthy."),
        ("/-/ready", "200 ok", "text/plain; charset=utf-8", "Ready."),
        (
            "/-/fresh",
            "503 service unavailable",
            "text/plain; charset=utf-8",
            "1 of 1 organizations have no fresh snapshot.",
        ),
        ("/nothing", "404 not found", "text/plain; charset=utf-8", "nothing"),
        ("/metrics/", "404 not found", "text/plain; charset=utf-8", "nothing"),
        ("/metrics?name[]=x", "200 ok", "text/plain; version=0.0.4; charset=utf-8", "openai_org_"),
    ] {
        let (head, text) = ask(server.address, "GET", path).await;
        assert!(head.starts_with(&format!("http/1.1 {status}\r\n")), "{path}: {head}");
        assert!(head.contains(&format!("content-type: {content_type}\r\n")), "{path}: {head}");
        for header in SECURITY_HEADERS {
            assert!(head.contains(header), "{path}: {head}");
        }
        assert!(text.contains(body), "{path}: {text}");
    }
}

#[tokio::test]
async fn head_has_the_same_headers_and_no_body() {
    let server = run(Options::default()).await;
    let lines = |head: String| {
        let mut lines: Vec<String> =
            head.lines().filter(|line| !line.starts_with("date:")).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for path in ["/", "/-/healthy", "/-/fresh", "/nothing"] {
        let (get, _) = ask(server.address, "GET", path).await;
        let (head, body) = ask(server.address, "HEAD", path).await;
        assert_eq!((lines(head), body.as_str()), (lines(get), ""), "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_told_which_are_allowed() {
    let server = run(Options::default()).await;
    for method in ["POST", "DELETE", "OPTIONS"] {
        let (head, _) = ask(server.address, method, "/metrics").await;
        assert!(
            head.starts_with("http/1.1 405 method not allowed") && head.contains("allow: get, head"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn without_lifecycle_a_reload_is_refused_and_says_how_to_get_one() {
    let server = run(Options::default()).await;
    for method in ["POST", "PUT"] {
        let (head, body) = ask(server.address, method, "/-/reload").await;
        assert!(head.starts_with("http/1.1 403 forbidden\r\n"), "{head}");
        assert_eq!(body, "Reloading over HTTP is off. Start with --web.enable-lifecycle, or send SIGHUP.\n");
    }
}

#[tokio::test]
async fn a_reload_is_asked_for_by_post_or_put_alone() {
    let (asking, mut requests) = reloads();
    for reload in [None, Some(asking)] {
        let server = run_with(Options::default(), reload).await;
        for method in ["GET", "HEAD", "DELETE"] {
            let (head, _) = ask(server.address, method, "/-/reload").await;
            assert!(head.starts_with("http/1.1 405 method not allowed\r\n"), "{head}");
            assert!(head.contains("allow: post, put"), "{head}");
        }
        assert!(requests.try_recv().is_err(), "nobody was asked");
    }
}

#[tokio::test]
async fn a_reload_answers_with_what_came_of_it() {
    let (asking, mut requests) = reloads();
    let server = run_with(Options::default(), Some(asking)).await;
    for (method, outcome, status) in [
        ("POST", Ok("Reloaded: much."), "200 ok"),
        ("PUT", Err("flag --x: it is wrong; mend it"), "500 internal server error"),
    ] {
        let address = server.address;
        let asked = tokio::spawn(async move { ask(address, method, "/-/reload").await });
        let request = requests.recv().await.unwrap();
        // Meanwhile all else is answered.
        assert!(ask(address, "GET", "/-/ready").await.0.starts_with("http/1.1 200"));
        request.answer(outcome.map(str::to_owned).map_err(str::to_owned));
        let (head, body) = asked.await.unwrap();
        assert!(head.starts_with(&format!("http/1.1 {status}\r\n")), "{head}");
        assert!(head.contains("content-type: text/plain; charset=utf-8\r\n"), "{head}");
        assert_eq!(body, format!("{}\n", outcome.unwrap_or_else(|why| why)));
    }
    let (_, metrics) = ask(server.address, "GET", "/metrics").await;
    assert!(metrics.contains(r#"openai_org_exporter_http_requests_total{code="500",handler="reload"} 1"#));
}

#[tokio::test]
async fn a_reload_that_the_shutdown_overtakes_is_unavailable() {
    let (asking, mut requests) = reloads();
    let server = run_with(Options::default(), Some(asking)).await;
    let address = server.address;
    let asked = tokio::spawn(async move { ask(address, "POST", "/-/reload").await });
    let request = requests.recv().await.unwrap();
    server.shutdown.cancel();
    drop((request, requests));
    let (head, body) = asked.await.unwrap();
    assert!(head.starts_with("http/1.1 503 service unavailable\r\n"), "{head}");
    assert_eq!(body, "Shutting down.\n");
}

#[tokio::test]
async fn requests_are_counted_by_handler_and_code() {
    let server = run(Options::default()).await;
    ask(server.address, "GET", "/-/healthy").await;
    ask(server.address, "GET", "/x").await;
    ask(server.address, "GET", "/y").await;
    let (_, metrics) = ask(server.address, "GET", "/metrics").await;
    assert!(
        metrics.contains(r#"openai_org_exporter_http_requests_total{code="200",handler="healthy"} 1"#),
        "{metrics}"
    );
    assert!(metrics.contains(r#"openai_org_exporter_http_requests_total{code="404",handler="other"} 2"#));
    assert!(
        metrics.contains(r#"openai_org_exporter_http_request_duration_seconds_count{handler="healthy"} 1"#)
    );
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = run(Options::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 1024];
        let read = stream.read(&mut answer).await.unwrap();
        assert!(answer[..read].ends_with(b"Healthy.\n"));
    }
}

#[tokio::test]
async fn a_shutdown_closes_idle_connections_and_the_listener() {
    let server = run(Options::default()).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /-/ready HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 1024];
    assert!(idle.read(&mut answer).await.unwrap() > 0);
    server.shutdown.cancel();
    timeout(Duration::from_secs(10), server.task).await.unwrap().unwrap();
    assert_eq!(idle.read(&mut answer).await.unwrap_or(0), 0, "the connection is closed");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn a_connection_that_does_not_finish_is_dropped_after_the_grace() {
    let options = Options { grace: Duration::from_millis(200), ..Options::default() };
    let server = run(options).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
    ask(server.address, "GET", "/-/healthy").await;
    server.shutdown.cancel();
    timeout(Duration::from_secs(10), server.task).await.unwrap().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_client_sends_it_is_answered_in_http_or_not_at_all_and_the_server_goes_on(
        pieces in prop::collection::vec(
            prop_oneof![
                "(GET|HEAD|POST|CONNECT|PRI) (/|/metrics|/-/reload|\\*|http://x/|/%00)( HTTP/[0129]\\.[01])?\r\n",
                "host: x\r\n|content-length: -?[0-9]{1,20}\r\n|transfer-encoding: chunked\r\n|[!-~]{0,9}: [ -~]{0,9}\r\n|\r\n|\n",
            ].prop_map(String::into_bytes).boxed().prop_union(prop::collection::vec(any::<u8>(), 0..20).boxed()),
            0..12,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (answer, healthy) = runtime.block_on(async {
            let server = run(Options::default()).await;
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            // The server may close, or reset, before it has read everything.
            let _ = stream.write_all(&pieces.concat()).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.expect("it ends");
            (answer, ask(server.address, "GET", "/-/healthy").await.1)
        });
        prop_assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{}", String::from_utf8_lossy(&answer));
        prop_assert_eq!(healthy, "Healthy.\n");
    }
}
