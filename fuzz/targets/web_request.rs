//! The bytes of a connection, answered by the server: every answer is well formed, and the connection ends.
//!
//! The first byte says how many of the following are sent at a time.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use openai_org_exporter::clock::Clock;
use openai_org_exporter::exposition::{self, Renderer};
use openai_org_exporter::snapshot::{Board, Organization};
use openai_org_exporter::telemetry::Telemetry;
use openai_org_exporter::web::{Facts, Guard, Options, Site, reloads, serve_stream};
use prometheus::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, split};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Its clock stands still but for waits, so that time-outs come at once.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime can be made")
});

static SITE: LazyLock<Arc<Site>> = LazyLock::new(|| {
    let hour = Duration::from_secs(3600);
    let board = Arc::new(Board::new(vec![Arc::new(Organization::new("<acme>", hour, hour * 2))]));
    let (telemetry, clock) = (Telemetry::new(&Registry::new()), Clock::system());
    let changes = exposition::Options { changes: true };
    let renderer = Renderer::new(board.clone(), telemetry.clone(), clock, changes, Registry::new());
    let (asking, mut requests) = reloads();
    RUNTIME.spawn(async move {
        while let Some(request) = requests.recv().await {
            request.answer(Ok("nothing changed".into()));
        }
    });
    let guard = Guard::open(&telemetry, clock);
    Arc::new(Site {
        renderer: Arc::new(renderer),
        board,
        clock,
        telemetry,
        guard,
        telemetry_path: "/metrics".into(),
        facts: Facts::default(),
        reload: Some(asking),
        shutdown: CancellationToken::new(),
    })
});

fuzz_target!(|bytes: &[u8]| {
    let Some((step, bytes)) = bytes.split_first() else { return };
    let step = usize::from(*step).max(1);
    let answers = RUNTIME.block_on(async {
        let (ours, theirs) = duplex(64 << 10);
        let server = serve_stream(theirs, SITE.clone(), Options::default());
        let (mut answers, mut requests) = split(ours);
        let send = async {
            for piece in bytes.chunks(step) {
                if requests.write_all(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            let _ = requests.shutdown().await;
        };
        let receive = async {
            let mut received = Vec::new();
            answers.read_to_end(&mut received).await.expect("memory can be read");
            received
        };
        let all = async { tokio::join!(server, send, receive).2 };
        timeout(Duration::from_secs(60), all).await.expect("the connection ends")
    });
    are_well_formed(&answers, bytes.windows(4).any(|window| window == b"HEAD"));
});

fn are_well_formed(mut answers: &[u8], may_be_head: bool) {
    while !answers.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut answer = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(length)) = answer.parse(answers) else {
            panic!("no answer: {:?}", String::from_utf8_lossy(answers));
        };
        let header = |name: &str| {
            let header = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(header.value).ok()
        };
        let status = answer.code.expect("an answer has a status");
        assert!(
            matches!(status, 100 | 200 | 400 | 403 | 404 | 405 | 408 | 413 | 431 | 500 | 501 | 503),
            "answered {status}"
        );
        let size: usize = header("content-length").map_or(0, |size| size.parse().expect("a number"));
        if size > 0 {
            assert_eq!(header("x-content-type-options"), Some("nosniff"));
            assert!(header("content-type").is_some() && header("content-security-policy").is_some());
        }
        let is_refused = matches!(status, 400 | 408 | 413 | 431 | 501);
        let rest = &answers[length..];
        let begins_another = |rest: &[u8]| rest.is_empty() || rest.starts_with(b"HTTP/1.");
        answers = match rest.split_at_checked(size) {
            // Behind what is refused nothing is answered.
            Some((_, behind)) if begins_another(behind) && !(is_refused && !behind.is_empty()) => behind,
            // To HEAD the body is only announced.
            _ if may_be_head && begins_another(rest) && !(is_refused && !rest.is_empty()) => rest,
            _ => panic!("a body that is not {size} bytes: {:?}", String::from_utf8_lossy(rest)),
        };
    }
}
