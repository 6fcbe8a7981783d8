//! What the server does with bytes that are no request, or doubtful ones, and with more connections than it takes.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use openai_org_exporter::clock::Clock;
use openai_org_exporter::exposition::{self, Renderer};
use openai_org_exporter::snapshot::{Board, Organization};
use openai_org_exporter::telemetry::Telemetry;
use openai_org_exporter::web::{Facts, Guard, ListenAddress, Options, Site, serve};
use prometheus::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(10);

async fn run(options: Options) -> SocketAddr {
    let listener = ListenAddress::parse("127.0.0.1:0").unwrap().bind().await.unwrap();
    let address = listener.local_addr().unwrap();
    let hour = Duration::from_secs(3600);
    let board = Arc::new(Board::new(vec![Arc::new(Organization::new("acme", hour, hour * 2))]));
    let (telemetry, clock) = (Telemetry::new(&Registry::new()), Clock::system());
    let changes = exposition::Options { changes: true };
    let renderer = Renderer::new(board.clone(), telemetry.clone(), clock, changes, Registry::new());
    let site = Site {
        guard: Guard::open(&telemetry, clock),
        facts: Facts::default(),
        telemetry,
        renderer: Arc::new(renderer),
        board,
        clock,
        telemetry_path: "/metrics".into(),
        reload: None,
        shutdown: CancellationToken::new(),
    };
    tokio::spawn(serve(vec![listener], Arc::new(site), options));
    address
}

/// Sends `bytes`, and gives what comes back until the server closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    let mut answer = Vec::new();
    // The server may close before it has read everything, and is heard nevertheless.
    let (_, read) = tokio::join!(writing.write_all(bytes), reading.read_to_end(&mut answer));
    read.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The status of each answer.
fn statuses(answers: &str) -> Vec<u16> {
    answers.split("HTTP/1.").skip(1).map(|answer| answer[2..5].parse().unwrap()).collect()
}

async fn metrics(address: SocketAddr) -> String {
    exchange(address, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await
}

const GET: &str = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n";
const CHUNKED: &str = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What comes of bytes before the request [`SECOND`]: statuses, the last one that of the second where that is a request
/// on its own, and why the connection is closed if it is not.
type Case = (&'static str, String, &'static [u16], Option<&'static str>);

const SECOND: &str = "GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const BAD: Option<&str> = Some("bad_request");
const LARGE: Option<&str> = Some("too_large");

fn lines_and_names() -> Vec<Case> {
    let get = |rest: &str| format!("{GET}{rest}\r\n");
    vec![
        ("a request", get(""), &[200, 200], None),
        ("empty lines before it", format!("\r\n\r\n{GET}\r\n"), &[200, 200], None),
        ("LF alone everywhere", "GET /-/healthy HTTP/1.1\nHost: x\n\n".into(), &[400], BAD),
        ("LF alone at the end of a header", format!("{GET}a: b\n\r\n"), &[400], BAD),
        ("LF alone at the end of the headers", format!("{GET}a: b\n\n"), &[400], BAD),
        ("LF alone before a body", format!("{GET}a: b\nContent-Length: 3\r\n\r\nabc"), &[400], BAD),
        ("LF alone behind a request", format!("{GET}\r\n{GET}a: b\n\r\n"), &[200, 400], BAD),
        ("CR within a header", get("a: b\rc\r\n"), &[400], BAD),
        ("NUL within a header", get("a: b\0c\r\n"), &[400], BAD),
        ("NUL within the target", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n".into(), &[400], BAD),
        ("a folded header", get("a: b\r\n c\r\n"), &[400], BAD),
        ("a folded first header", "GET /-/healthy HTTP/1.1\r\n Host: x\r\n\r\n".into(), &[400], BAD),
        ("space before the colon", get("a : b\r\n"), &[400], BAD),
        ("a coding with space before the colon", get("Transfer-Encoding : chunked\r\n"), &[400], BAD),
        ("a header without a colon", get("a\r\n"), &[400], BAD),
        ("a header without a name", get(": b\r\n"), &[400], BAD),
        ("two spaces in the first line", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n".into(), &[400], BAD),
        ("a tab in the first line", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n".into(), &[400], BAD),
        ("space behind the version", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n".into(), &[400], BAD),
        ("a method that is no token", "G{}T / HTTP/1.1\r\nHost: x\r\n\r\n".into(), &[400], BAD),
        ("a TLS handshake", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03".into(), &[400], BAD),
        ("100 headers", get(&"a: b\r\n".repeat(99)), &[200, 200], None),
        ("101 headers", get(&"a: b\r\n".repeat(100)), &[431], LARGE),
        ("a header of 16 kB", get(&format!("a: {}\r\n", "a".repeat(16_000))), &[200, 200], None),
        ("a header of 17 kB", get(&format!("a: {}\r\n", "a".repeat(17_000))), &[431], LARGE),
        ("a header of 1 MB", get(&format!("a: {}\r\n", "a".repeat(1 << 20))), &[431], LARGE),
        ("a URL of 1 MB", format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20)), &[431], LARGE),
        ("a method of 1 MB", "A".repeat(1 << 20), &[431], LARGE),
        ("empty lines of 1 MB", "\r\n".repeat(1 << 19), &[431], LARGE),
    ]
}

fn versions_and_targets() -> Vec<Case> {
    let first = |line: &str| format!("{line}\r\nHost: x\r\n\r\n");
    vec![
        ("HTTP/1.0", "GET /-/healthy HTTP/1.0\r\n\r\n".into(), &[200], None),
        ("HTTP/1.0 that stays", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".into(), &[200, 200], None),
        ("HTTP/0.9", "GET /-/healthy\r\n\r\n".into(), &[400], BAD),
        ("HTTP/1.2", first("GET / HTTP/1.2"), &[400], BAD),
        ("a version in small letters", first("GET / http/1.1"), &[400], BAD),
        ("HTTP/2 without its preface", first("GET / HTTP/2.0"), &[400], BAD),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), &[], BAD),
        (
            "an upgrade to HTTP/2",
            format!("{GET}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
            &[200, 200],
            None,
        ),
        ("no Host", "GET / HTTP/1.1\r\n\r\n".into(), &[400], BAD),
        ("two Hosts", format!("{GET}Host: x\r\n\r\n"), &[400], BAD),
        ("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n".into(), &[400], BAD),
        ("no host in Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n".into(), &[200, 200], None),
        ("a user in Host", "GET / HTTP/1.1\r\nHost: a@x\r\n\r\n".into(), &[400], BAD),
        ("a list in Host", "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n".into(), &[400], BAD),
        ("the absolute form", first("GET http://y/-/healthy HTTP/1.1"), &[200, 200], None),
        ("the absolute form of something else", first("GET ftp://y/ HTTP/1.1"), &[400], BAD),
        ("the authority form", first("GET y:80 HTTP/1.1"), &[400], BAD),
        ("CONNECT", first("CONNECT y:80 HTTP/1.1"), &[501], BAD),
        ("the asterisk form", first("OPTIONS * HTTP/1.1"), &[404, 200], None),
        ("the asterisk form of GET", first("GET * HTTP/1.1"), &[400], BAD),
        ("a target without a slash", first("GET metrics HTTP/1.1"), &[400], BAD),
        ("a method that nobody knows", first("BREW / HTTP/1.1"), &[405, 200], None),
        ("a pipeline", format!("{GET}\r\n").repeat(5), &[200, 200, 200, 200, 200, 200], None),
        ("a request that is the last", format!("{GET}Connection: close\r\n\r\n"), &[200], None),
    ]
}

/// Nothing behind a body is a request.
fn bodies() -> Vec<Case> {
    let body = |headers: &str, body: &str| format!("{GET}{headers}\r\n\r\n{body}");
    let length = |value: &str| body(&format!("Content-Length: {value}"), "abc");
    let coding = |value: &str| body(&format!("Transfer-Encoding: {value}"), "0\r\n\r\n");
    vec![
        ("a length", length("3"), &[200], None),
        ("a length of 0", body("Content-Length: 0", ""), &[200, 200], None),
        ("the same length twice", length("3\r\nContent-Length: 3"), &[200], None),
        ("two lengths", length("3\r\nContent-Length: 4"), &[400], BAD),
        ("a list of lengths", length("3, 3"), &[400], BAD),
        ("a length with a plus", length("+3"), &[400], BAD),
        ("a length with a minus", length("-3"), &[400], BAD),
        ("a length in hexadecimal", length("0x3"), &[400], BAD),
        ("a length that is empty", length(""), &[400], BAD),
        ("a length that no number holds", length("99999999999999999999"), &[400], BAD),
        ("a length that no memory holds", length("18446744073709551615"), &[431], LARGE),
        ("16 KiB", body("Content-Length: 16384", &"a".repeat(16_384)), &[200], None),
        ("more than 16 KiB", body("Content-Length: 16385", &"a".repeat(16_385)), &[413], LARGE),
        ("1 MB", body("Content-Length: 1048576", &"a".repeat(1 << 20)), &[413], LARGE),
        ("lines of a body", body("Content-Length: 3", "a\nb"), &[200], None),
        ("an expectation", body("Content-Length: 3\r\nExpect: 100-continue", "abc"), &[100, 200], None),
        ("a large one", body("Content-Length: 99999\r\nExpect: 100-continue", ""), &[413], LARGE),
        ("one to POST", format!("POST{}Content-Length: 3\r\n\r\nabc", &GET[3..]), &[405], None),
        ("chunks", format!("{CHUNKED}3\r\nabc\r\n0\r\n\r\n"), &[200], None),
        ("chunks with a trailer", format!("{CHUNKED}0\r\na: b\r\n\r\n"), &[200], None),
        ("chunks with an extension", format!("{CHUNKED}3;a=\"b\"\r\nabc\r\n0\r\n\r\n"), &[200], None),
        ("LF in an extension", format!("{CHUNKED}3;a\nb\r\nabc\r\n0\r\n\r\n"), &[400], BAD),
        ("LF alone behind a size", format!("{CHUNKED}3\nabc\r\n0\r\n\r\n"), &[400], BAD),
        ("LF alone behind a chunk", format!("{CHUNKED}3\r\nabc\n0\r\n\r\n"), &[400], BAD),
        ("a size with a minus", format!("{CHUNKED}-3\r\nabc\r\n0\r\n\r\n"), &[400], BAD),
        ("a size with 0x", format!("{CHUNKED}0x3\r\nabc\r\n0\r\n\r\n"), &[400], BAD),
        ("a size that no number holds", format!("{CHUNKED}fffffffffffffffff\r\n"), &[400], BAD),
        ("a chunk of 4 GB", format!("{CHUNKED}ffffffff\r\n{}", "a".repeat(1 << 20)), &[413], LARGE),
        ("many chunks", format!("{CHUNKED}{}", "5\r\nabcde\r\n".repeat(10_000)), &[413], LARGE),
        ("a coding, then a length", coding("chunked\r\nContent-Length: 5"), &[200], None),
        (
            "a length, then a coding",
            body("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
            &[200],
            None,
        ),
        ("capitals", coding("CHUNKED"), &[200], None),
        ("chunked in two headers", coding("chunked\r\nTransfer-Encoding: chunked"), &[501], BAD),
        ("chunked twice", coding("chunked, chunked"), &[501], BAD),
        ("another coding below", coding("gzip, chunked"), &[501], BAD),
        ("another coding above", coding("chunked, gzip"), &[400], BAD),
        ("a coding that is no coding", coding("identity"), &[400], BAD),
        ("a coding that looks like it", coding("xchunked"), &[400], BAD),
        ("a coding with a parameter", coding("chunked;a=b"), &[400], BAD),
        ("a coding behind a vertical tab", coding("\x0bchunked"), &[400], BAD),
        (
            "a coding in HTTP/1.0",
            "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            &[400],
            BAD,
        ),
    ]
}

#[tokio::test]
async fn what_is_doubtful_is_refused_and_nothing_behind_it_is_answered() {
    let address = run(Options::default()).await;
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for (what, bytes, expected, reason) in [lines_and_names(), versions_and_targets(), bodies()].concat() {
        let answers = timeout(PATIENCE, exchange(address, format!("{bytes}{SECOND}").as_bytes())).await;
        let answers = answers.unwrap_or_else(|_| panic!("{what}: the connection stays open"));
        assert_eq!(statuses(&answers), expected, "{what}: {answers}");
        let is_second = expected.len() > 1 && reason.is_none() && !expected.contains(&100);
        assert_eq!(answers.ends_with("Ready.\n"), is_second, "{what}: {answers}");
        if let Some(reason) = reason {
            *counted.entry(reason).or_default() += 1;
            assert!(
                expected.is_empty() || answers.contains("\r\nconnection: close\r\n"),
                "{what}: {answers}"
            );
        }
    }
    let metrics = metrics(address).await;
    for (reason, count) in counted {
        let name = "openai_org_exporter_http_connections_closed_early_total";
        let sample = format!("{name}{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&sample), "{sample} {metrics}");
    }
}

#[tokio::test]
async fn what_comes_in_one_piece_is_answered_in_its_order() {
    let address = run(Options::default()).await;
    let paths = ["/-/healthy", "/metrics", "/nothing", "/", "/-/fresh", "/-/ready"];
    let requests: Vec<String> =
        paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    let answers = exchange(address, format!("{}{SECOND}", requests.concat().repeat(20)).as_bytes()).await;
    let order = [200, 200, 404, 200, 503, 200].repeat(20);
    assert_eq!(statuses(&answers), [order, vec![200]].concat());
    let bodies = [
        "Healthy.\n",
        "openai_org_",
        "There is nothing",
        "<!DOCTYPE html>",
        "organizations have no",
        "Ready.\n",
    ];
    let mut rest = answers.as_str();
    for body in bodies.repeat(20) {
        rest = &rest[rest.find(body).unwrap_or_else(|| panic!("no {body}"))..];
    }
}

#[tokio::test]
async fn refusals_say_why_and_forbid_browsers_what_they_do_not_need() {
    let address = run(Options::default()).await;
    let answer = exchange(address, b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\nA request has a Host header.\n"), "{answer}");
    for header in [
        "content-type: text/plain; charset=utf-8",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(answer.contains(&format!("\r\n{header}\r\n")), "{answer}");
    }
    let counted = "openai_org_exporter_http_requests_total{code=\"400\",handler=\"other\"} 1\n";
    assert!(metrics(address).await.contains(counted));
}

#[tokio::test]
async fn who_is_still_sending_when_he_is_refused_hears_why() {
    let address = run(Options::default()).await;
    for head in ["GET /", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n"] {
        // What it sends does not wait in its own machine.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let bytes = head.to_owned() + &"a".repeat(1 << 20);
        timeout(PATIENCE, stream.write_all(bytes.as_bytes())).await.unwrap().unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(matches!(statuses(&answer)[..], [413 | 431]), "{answer}");
    }
}

/// Reads an answer from a connection that stays open.
async fn read_answer(stream: &mut TcpStream, end: &str) {
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        assert!(timeout(PATIENCE, stream.read_buf(&mut answer)).await.unwrap().unwrap() > 0, "closed");
    }
}

#[tokio::test]
async fn with_all_places_taken_everyone_is_answered() {
    let address = run(Options { max_connections: 4, ..Options::default() }).await;
    let mut kept = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{GET}\r\n").as_bytes()).await.unwrap();
        read_answer(&mut stream, "Healthy.\n").await;
        kept.push(stream);
    }
    let metrics = metrics(address).await;
    assert!(metrics.contains("openai_org_exporter_http_connections 4\n"), "{metrics}");
    let made_room = "openai_org_exporter_http_connections_closed_early_total{reason=\"made_room\"} 37\n";
    assert!(metrics.contains(made_room), "{metrics}");
    // The first to come were the first to go.
    let mut byte = [0];
    assert_eq!(timeout(PATIENCE, kept[0].read(&mut byte)).await.unwrap().unwrap(), 0);
    kept[39].write_all(SECOND.as_bytes()).await.unwrap();
    read_answer(&mut kept[39], "Ready.\n").await;
}
