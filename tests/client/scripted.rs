//! A server that answers by a script, and a client of it whose counters can be read.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openai_org_exporter::admin_api::{AdminKey, BaseUrl, Client, Connections, Error, InFlight, Options};
use openai_org_exporter::telemetry::Telemetry;
use prometheus::{Encoder as _, Registry, TextEncoder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

pub(crate) const PAGE: &str = r#"{"object":"list","data":[{"id":"a"}],"last_id":"a","has_more":false}"#;

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Answer {
    Bytes(Vec<u8>),
    /// Bytes, and then the end of the connection, by a reset or in order.
    Cut {
        bytes: Vec<u8>,
        reset: bool,
    },
    /// Bytes, and then the same piece for ever, with a pause before each.
    Endless {
        head: Vec<u8>,
        piece: Vec<u8>,
        pause: Duration,
    },
    Hang,
    Close,
}

/// A server that keeps what it was asked.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<Mutex<usize>>,
}

/// A client of such a server, and what it counted.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) registry: Registry,
    pub(crate) server: Server,
}

pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Answer::Bytes(bytes)
}

pub(crate) fn page() -> Answer {
    answer("200 OK", "content-type: application/json\r\n", PAGE)
}

/// Gives `answers` one after the other, the last for ever.
pub(crate) async fn serve(answers: Vec<Answer>) -> Server {
    serve_with(move |number, _| answers[number.min(answers.len() - 1)].clone()).await
}

/// Answers by the number of the request, from 0, and by what it says.
pub(crate) async fn serve_with(script: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (requests, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
    let (seen, opened, script) = (requests.clone(), connections.clone(), Arc::new(script));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            *opened.lock().unwrap() += 1;
            let (seen, script) = (seen.clone(), script.clone());
            tokio::spawn(async move {
                let mut buffer = Vec::new();
                while stream.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
                    while let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                        let request = String::from_utf8(buffer.drain(..end + 4).collect()).unwrap();
                        let answer = {
                            let mut seen = seen.lock().unwrap();
                            seen.push(request);
                            script(seen.len() - 1, &seen[seen.len() - 1])
                        };
                        match answer {
                            Answer::Bytes(bytes) => {
                                // The client may hang up on an answer that is too large.
                                let _ = stream.write_all(&bytes).await;
                            }
                            Answer::Cut { bytes, reset } => {
                                let _ = stream.write_all(&bytes).await;
                                if reset {
                                    stream.set_zero_linger().unwrap();
                                }
                                return;
                            }
                            Answer::Endless { head, piece, pause } => {
                                let mut sent = stream.write_all(&head).await;
                                while sent.is_ok() {
                                    if !pause.is_zero() {
                                        tokio::time::sleep(pause).await;
                                    }
                                    sent = stream.write_all(&piece).await;
                                }
                                return;
                            }
                            Answer::Hang => std::future::pending().await,
                            Answer::Close => return,
                        }
                    }
                }
            });
        }
    });
    Server { address, requests, connections }
}

/// Options for the server at `address`, with little patience.
pub(crate) fn options(address: SocketAddr) -> Options {
    Options {
        organization: "acme".into(),
        admin_key: AdminKey::parse("sk-admin-planted").unwrap(),
        admin_key_file: None,
        base_url: BaseUrl::parse(&format!("http://{address}/v1"), false).unwrap(),
        extra_roots: None,
        proxy: None,
        request_timeout: Duration::from_millis(300),
        concurrency: 4,
        in_flight: InFlight::new(64),
        connections: Connections::new(64),
        retries_before_warning: 3,
    }
}

pub(crate) async fn bench(answers: Vec<Answer>) -> Bench {
    bench_of(serve(answers).await, |_| {})
}

/// A client of `server`, with some options changed.
pub(crate) fn bench_of(server: Server, change: impl FnOnce(&mut Options)) -> Bench {
    let registry = Registry::new();
    let telemetry = Telemetry::new(&registry).organization("acme");
    let mut options = options(server.address);
    change(&mut options);
    Bench { client: Client::new(options, telemetry).unwrap(), registry, server }
}

impl Bench {
    pub(crate) async fn list(&self) -> Result<usize, Error> {
        let body = self.client.list_users(None, 1, Instant::now() + Duration::from_secs(5)).await?;
        Ok(body.page()?.users.len())
    }

    /// The value of a sample of the client's own metrics.
    pub(crate) fn counted(&self, sample: &str) -> u64 {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {sample} in\n{text}")).parse().unwrap()
    }

    /// How often a request was sent again because of `reason`.
    pub(crate) fn retries(&self, reason: &str) -> u64 {
        self.counted(&format!(
            "openai_org_exporter_api_retries_total{{organization=\"acme\",reason=\"{reason}\"}}"
        ))
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.server.requests.lock().unwrap().clone()
    }
}
