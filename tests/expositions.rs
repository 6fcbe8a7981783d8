//! What is at the telemetry path, over a socket: formats, codings and headers.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use flate2::read::GzDecoder;
use openai_org_exporter::clock::Clock;
use openai_org_exporter::exposition::{Options, Renderer};
use openai_org_exporter::snapshot::{Board, Organization};
use openai_org_exporter::telemetry::Telemetry;
use openai_org_exporter::web::{self, Facts, Guard, ListenAddress, Site, serve};
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Metric, MetricFamily};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
const FORMATS: [&str; 3] = [TEXT, OPEN_METRICS, PROTOBUF];

/// The head of an answer, its names in lower case, and the body.
struct Answer {
    status: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn decoded(&self) -> Vec<u8> {
        match self.headers.get("content-encoding").map(String::as_str) {
            None => self.body.clone(),
            Some("gzip") => {
                let mut decoded = Vec::new();
                GzDecoder::new(&self.body[..]).read_to_end(&mut decoded).unwrap();
                decoded
            }
            Some("zstd") => zstd::stream::decode_all(&self.body[..]).unwrap(),
            Some(other) => panic!("sent as {other}"),
        }
    }
}

/// A collector that collects something without a name when it is told to.
#[derive(Clone)]
struct Breakable(Arc<AtomicBool>, Vec<Desc>);

impl Collector for Breakable {
    fn desc(&self) -> Vec<&Desc> {
        self.1.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut nameless = MetricFamily::default();
        nameless.set_metric(vec![Metric::default()]);
        if self.0.load(Relaxed) { vec![nameless] } else { Vec::new() }
    }
}

/// Serves two organizations and families of the exporter that nobody counts for: nothing moves from one scrape to the
/// next.
async fn run() -> (SocketAddr, Arc<AtomicBool>) {
    let listener = ListenAddress::parse("127.0.0.1:0").unwrap().bind().await.unwrap();
    let address = listener.local_addr().unwrap();
    let hour = Duration::from_secs(3600);
    let organizations = ["acme", "\"quoted\""].map(|name| Arc::new(Organization::new(name, hour, hour * 2)));
    let (board, clock) = (Arc::new(Board::new(organizations.to_vec())), Clock::system());
    let further = Registry::new();
    let breaks = Arc::new(AtomicBool::new(false));
    let description = Desc::new("breakable".into(), "Breaks.".into(), vec![], Default::default()).unwrap();
    further.register(Box::new(Breakable(breaks.clone(), vec![description]))).unwrap();
    let [telemetry, shown] = [(); 2].map(|()| Telemetry::new(&Registry::new()));
    let renderer = Renderer::new(board.clone(), shown, clock, Options { changes: true }, further);
    let guard = Guard::open(&telemetry, clock);
    let site = Site {
        renderer: Arc::new(renderer),
        board,
        clock,
        telemetry,
        guard,
        facts: Facts::default(),
        telemetry_path: "/metrics".into(),
        reload: None,
        shutdown: CancellationToken::new(),
    };
    tokio::spawn(serve(vec![listener], Arc::new(site), web::Options::default()));
    (address, breaks)
}

/// Sends a request with these further lines in its head.
async fn ask(address: SocketAddr, method: &str, path: &str, lines: &[(&str, &str)]) -> Answer {
    let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    let header =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: Vec<_> = headers.lines().map(|line| header(line).unwrap()).collect();
    let once: BTreeMap<_, _> = headers.iter().cloned().collect();
    assert_eq!(once.len(), headers.len(), "{head}");
    Answer { status: status.to_owned(), headers: once, body: answer[end + 4..].to_vec() }
}

#[tokio::test]
async fn each_format_comes_in_each_coding_and_says_what_it_depends_on() {
    let (address, _) = run().await;
    let mut pages = BTreeSet::new();
    for format in FORMATS {
        let plain = ask(address, "GET", "/metrics", &[("accept", format)]).await.body;
        for coding in ["gzip", "zstd", "identity"] {
            let answer =
                ask(address, "GET", "/metrics", &[("Accept", format), ("Accept-Encoding", coding)]).await;
            assert_eq!(answer.status, "HTTP/1.1 200 OK");
            assert_eq!(answer.headers["content-type"], format);
            assert_eq!(answer.headers["vary"], "Accept, Accept-Encoding");
            assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
            assert_eq!(answer.headers["x-content-type-options"], "nosniff");
            assert!(!answer.headers.contains_key("etag"));
            let expected = Some(coding).filter(|coding| *coding != "identity");
            assert_eq!(answer.headers.get("content-encoding").map(String::as_str), expected);
            assert_eq!(answer.decoded(), plain, "{format} in {coding}");
        }
        pages.insert(plain);
    }
    assert_eq!(pages.len(), FORMATS.len());
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    let (address, _) = run().await;
    for format in FORMATS {
        for coding in ["gzip", "zstd", "identity"] {
            let lines = [("accept", format), ("accept-encoding", coding)];
            let mut get = ask(address, "GET", "/metrics", &lines).await;
            let mut head = ask(address, "HEAD", "/metrics", &lines).await;
            assert_eq!(head.body, b"");
            get.headers.remove("date");
            head.headers.remove("date");
            assert_eq!(head.headers, get.headers);
            assert_eq!(head.headers["content-length"], get.body.len().to_string());
        }
    }
}

#[tokio::test]
async fn many_lines_of_a_header_are_one() {
    let (address, _) = run().await;
    let lines = [
        ("accept", "text/plain;q=0.5"),
        ("accept-encoding", "gzip;q=0.5"),
        ("accept", "application/openmetrics-text"),
        ("accept-encoding", "zstd"),
    ];
    let answer = ask(address, "GET", "/metrics", &lines).await;
    assert_eq!(answer.headers["content-type"], OPEN_METRICS);
    assert_eq!(answer.headers["content-encoding"], "zstd");
    assert!(answer.decoded().ends_with(b"# EOF\n"));
}

#[tokio::test]
async fn the_status_page_is_compressed_for_those_who_accept_it() {
    let (address, _) = run().await;
    let plain = ask(address, "GET", "/", &[]).await;
    let small = plain.body.len() < 1_200;
    let answer = ask(address, "GET", "/", &[("accept-encoding", "gzip, identity;q=0")]).await;
    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert_eq!(answer.headers["vary"], "Accept-Encoding");
    assert_eq!(plain.headers["vary"], "Accept-Encoding");
    assert!(String::from_utf8(answer.decoded()).unwrap().contains("acme"));
    let answer = ask(address, "GET", "/", &[("accept-encoding", "gzip")]).await;
    assert_eq!(answer.headers.contains_key("content-encoding"), !small);
}

#[tokio::test]
async fn an_exposition_that_cannot_be_written_is_an_error_and_the_server_goes_on() {
    let (address, breaks) = run().await;
    breaks.store(true, Relaxed);
    let answer = ask(address, "GET", "/metrics", &[("accept-encoding", "gzip")]).await;
    assert_eq!(answer.status, "HTTP/1.1 500 Internal Server Error");
    assert_eq!(answer.body, b"The exposition cannot be written; see the log.\n");
    assert_eq!(ask(address, "GET", "/-/healthy", &[]).await.status, "HTTP/1.1 200 OK");
    breaks.store(false, Relaxed);
    assert_eq!(ask(address, "GET", "/metrics", &[]).await.status, "HTTP/1.1 200 OK");
}
