//! Limits, under a clock that stands still but for waits: over a stream in memory that holds 64 KiB.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Opts, Registry};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::activity::ClosedEarly;
use super::{Options, Server, connection};
use crate::clock::Clock;
use crate::exposition::{self, Renderer};
use crate::snapshot::Board;
use crate::telemetry::Telemetry;
use crate::web::guard::{GuardReading, GuardSettings, PasswordHash};
use crate::web::{Facts, Guard, Site, reloads};

const HEALTHY: &str = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
const METRICS: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

/// A server without listeners, whose exposition is of a little more than 1 MB.
struct World {
    server: Arc<Server>,
    registry: Registry,
    /// Counts the expositions that are made.
    expositions: Arc<AtomicUsize>,
}

/// A family that counts how often it is asked for.
struct Large {
    family: GaugeVec,
    asked: Arc<AtomicUsize>,
}

impl Collector for Large {
    fn desc(&self) -> Vec<&Desc> {
        self.family.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.family.collect()
    }
}

/// A client of it.
struct Client {
    stream: DuplexStream,
    /// Until when.
    served: JoinHandle<Instant>,
    since: Instant,
}

impl World {
    fn new(options: Options) -> Self {
        let family = GaugeVec::new(Opts::new("large", "Large."), &["text"]).unwrap();
        for number in 0..1024 {
            family.with_label_values(&[&format!("{number:01000}")]);
        }
        let expositions = Arc::new(AtomicUsize::new(0));
        Self::of(options, expositions.clone(), Large { family, asked: expositions })
    }

    /// One whose exposition has the families of `collector`.
    fn of(options: Options, expositions: Arc<AtomicUsize>, collector: impl Collector + 'static) -> Self {
        let [registry, large] = [(); 2].map(|()| Registry::new());
        large.register(Box::new(collector)).unwrap();
        let (telemetry, clock) = (Telemetry::new(&registry), Clock::system());
        let (board, changes) = (Arc::new(Board::default()), exposition::Options { changes: true });
        let renderer = Renderer::new(board.clone(), telemetry.clone(), clock, changes, large);
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
        Self { server: Server::new(Arc::new(site), options), registry, expositions }
    }

    /// Connects once there is a place.
    async fn connect(&self) -> Client {
        let connection = self.server.connections.admit().await;
        let (ours, theirs) = duplex(64 << 10);
        let server = self.server.clone();
        let served = tokio::spawn(async {
            connection::serve(theirs, server, connection).await;
            Instant::now()
        });
        settle().await;
        Client { stream: ours, served, since: Instant::now() }
    }

    /// The connections that are open, and why others were closed.
    fn counted(&self) -> (f64, Vec<(String, f64)>) {
        let (open, closed) = self.all_counted();
        (open, closed.into_iter().filter(|(_, count)| *count > 0.0).collect())
    }

    /// How many expositions were made.
    fn made(&self) -> usize {
        self.expositions.load(Ordering::Relaxed)
    }

    /// The same with all reasons.
    fn all_counted(&self) -> (f64, Vec<(String, f64)>) {
        let families = self.registry.gather();
        let family = |name: &str| families.iter().find(|family| family.name() == name).unwrap().get_metric();
        let open = &family("openai_org_exporter_http_connections")[0];
        let closed = family("openai_org_exporter_http_connections_closed_early_total").iter();
        let closed = closed.map(|one| (one.get_label()[0].value().to_owned(), one.get_counter().get_value()));
        (open.get_gauge().get_value(), closed.collect())
    }
}

/// Why so many connections were closed.
fn why(reason: &str, count: f64) -> Vec<(String, f64)> {
    vec![(reason.to_owned(), count)]
}

impl Client {
    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        settle().await;
    }

    /// What has come in by now.
    async fn received(&mut self) -> String {
        let mut bytes = vec![0; 64 << 10];
        let read = timeout(Duration::ZERO, self.stream.read(&mut bytes)).await.unwrap_or(Ok(0)).unwrap();
        String::from_utf8_lossy(&bytes[..read.min(1000)]).into_owned()
    }

    /// The answer to `request`, for which no time passes.
    async fn answer(&mut self, request: &str) -> String {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let (_, length) = head.split_once("content-length: ").unwrap();
        let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
        self.stream.read_exact(&mut body).await.unwrap();
        head + &String::from_utf8_lossy(&body)
    }

    async fn is_healthy(&mut self) -> bool {
        self.send(HEALTHY).await;
        self.received().await.ends_with("Healthy.\n")
    }

    fn is_served(&self) -> bool {
        !self.served.is_finished()
    }

    /// Waits for the server to close; the seconds from the connect to then.
    async fn closed_after(&mut self) -> f64 {
        let end = timeout(SECOND * 3600, &mut self.served).await.expect("it is closed").unwrap();
        (end - self.since).as_secs_f64().round()
    }
}

/// Lets every task do what it can, other threads included, for which the clock waits.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_header_has_ten_seconds_however_it_trickles() {
    let world = World::new(Options::default());
    let mut silent = world.connect().await;
    let mut slow = world.connect().await;
    for byte in HEALTHY.chars().cycle().filter(|c| *c != '\n').take(60) {
        if slow.stream.write_all(byte.to_string().as_bytes()).await.is_err() {
            break;
        }
        sleep(SECOND).await;
    }
    assert_eq!((silent.closed_after().await, slow.closed_after().await), (10.0, 10.0));
    assert_eq!(world.counted(), (0.0, why("header_timeout", 2.0)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_be_idle_for_longer_than_go_clients_are() {
    let world = World::new(Options::default());
    let mut client = world.connect().await;
    for _ in 0..3 {
        assert!(client.is_healthy().await);
        sleep(Duration::from_secs(300)).await;
    }
    assert!(client.is_healthy().await);
    assert_eq!(client.closed_after().await, 900.0 + 360.0);
    assert_eq!(world.counted(), (0.0, vec![]), "an idle connection is not closed early");
}

#[tokio::test(start_paused = true)]
async fn a_further_header_has_ten_seconds_from_its_first_byte() {
    let world = World::new(Options::default());
    let mut client = world.connect().await;
    assert!(client.is_healthy().await);
    sleep(SECOND * 100).await;
    client.send("GET / HT").await;
    assert_eq!(client.closed_after().await, 110.0);
    assert_eq!(world.counted(), (0.0, why("header_timeout", 1.0)));
}

#[tokio::test(start_paused = true)]
async fn a_further_header_that_came_with_the_request_before_has_ten_seconds_too() {
    let world = World::new(Options::default());
    for begin in ["G", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1\r\n\r"] {
        let mut client = world.connect().await;
        client.send(&format!("{HEALTHY}{begin}")).await;
        assert!(client.received().await.ends_with("Healthy.\n"));
        assert_eq!(client.closed_after().await, 10.0, "{begin:?}");
    }
    assert_eq!(world.counted(), (0.0, why("header_timeout", 3.0)));
    // An empty line is no beginning.
    let mut client = world.connect().await;
    client.send(&format!("{HEALTHY}\r\n")).await;
    assert_eq!(client.closed_after().await, 360.0);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_let_in_has_one_try_on_a_connection() {
    let mut world = World::new(Options::default());
    let hash = PasswordHash::parse(&bcrypt::hash("one", 4).unwrap()).unwrap();
    let settings = GuardSettings { users: vec![("a".to_owned(), hash)], ..GuardSettings::default() };
    let reading = GuardReading::new(Vec::new(), &[], Ok(settings));
    let (again, telemetry) = (reading.clone(), Telemetry::new(&Registry::new()));
    let guard = Guard::new(reading, Box::new(move || again.clone()), &telemetry, Clock::system()).unwrap();
    Arc::get_mut(&mut Arc::get_mut(&mut world.server).unwrap().site).unwrap().guard = guard;
    let mut client = world.connect().await;
    client.send(&METRICS.repeat(2)).await;
    let answers = client.received().await;
    assert!(answers.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answers}");
    assert!(answers.contains("\r\nconnection: close\r\n"), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert_eq!(client.closed_after().await, 2.0);
    assert_eq!(world.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_has_ten_seconds_and_is_told_so() {
    let world = World::new(Options::default());
    let mut client = world.connect().await;
    client.send("POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12345").await;
    sleep(SECOND * 9).await;
    assert_eq!(client.received().await, "");
    sleep(SECOND * 2).await;
    assert!(client.received().await.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    // It reads for two more seconds what may still come.
    assert_eq!(client.closed_after().await, 12.0);
    assert_eq!(world.counted(), (0.0, why("body_timeout", 1.0)));
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_an_answer_is_reset_after_thirty_seconds() {
    let world = World::new(Options::default());
    let mut client = world.connect().await;
    client.send(METRICS).await;
    assert_eq!(world.counted().0, 1.0);
    assert_eq!(client.closed_after().await, 30.0);
    assert_eq!(world.counted(), (0.0, why("write_timeout", 1.0)));
}

/// Takes `bytes` a second at most, until nothing has come for a minute or the server closes; what was taken in all.
async fn takes(client: &mut Client, bytes: usize) -> usize {
    let (mut all, mut buffer) = (0, vec![0; bytes]);
    while let Ok(Ok(read @ 1..)) = timeout(SECOND * 60, client.stream.read(&mut buffer)).await {
        all += read;
        sleep(SECOND).await;
    }
    all
}

#[tokio::test(start_paused = true)]
async fn who_takes_an_answer_in_crumbs_is_no_better_than_who_takes_nothing() {
    let world = World::new(Options::default());
    let mut client = world.connect().await;
    client.send(METRICS).await;
    takes(&mut client, 1000).await;
    assert_eq!(client.closed_after().await, 30.0);
    assert_eq!(world.counted(), (0.0, why("write_timeout", 1.0)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_two_minutes_in_all() {
    let world = World::new(Options::default());
    let mut client = world.connect().await;
    client.send(METRICS).await;
    // A step of 64 KiB takes 16 s, the whole of it more than four minutes.
    takes(&mut client, 4 << 10).await;
    assert_eq!(client.closed_after().await, 120.0);
    assert_eq!(world.counted(), (0.0, why("write_timeout", 1.0)));
}

#[tokio::test(start_paused = true)]
async fn who_takes_an_answer_slowly_gets_all_of_it() {
    let world = World::new(Options::default());
    let mut client = world.connect().await;
    client.send(METRICS).await;
    let taken = takes(&mut client, 16 << 10).await;
    assert!(taken > 1_000_000, "{taken}");
    assert!(world.counted().1.is_empty());
}

fn limited(max_connections: usize) -> Options {
    Options { max_connections, ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_takes_the_place_of_the_one_that_waits_longest() {
    let world = World::new(limited(3));
    // One that had an answer, one with half a header, one that says nothing: the first has waited least.
    let mut idle = world.connect().await;
    let mut half = world.connect().await;
    half.send("GET / HTTP").await;
    sleep(SECOND).await;
    let silent = world.connect().await;
    sleep(SECOND).await;
    assert!(idle.is_healthy().await);
    // That more of the header comes makes no difference.
    half.send("/1.").await;

    let mut all = vec![half, silent, idle];
    for gone in 0..3 {
        let mut next = world.connect().await;
        let served: Vec<bool> = all.iter().map(Client::is_served).collect();
        assert_eq!(served, (0..3 + gone).map(|place| place > gone).collect::<Vec<_>>());
        assert!(next.is_healthy().await);
        assert_eq!(world.counted().0, 3.0);
        all.push(next);
        sleep(SECOND).await;
    }
    assert_eq!(world.counted().1, why("made_room", 3.0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_gives_way_to_nobody_and_one_that_is_not_does() {
    let world = World::new(limited(2));
    let (mut first, mut second) = (world.connect().await, world.connect().await);
    first.send(METRICS).await;
    second.send(METRICS).await;
    let took = Instant::now();
    // The first takes its answer, and the second one does not.
    let reading = async {
        let mut buffer = vec![0; 64 << 10];
        for _ in 0..10 {
            first.stream.read_exact(&mut buffer).await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
    };
    let connecting = async {
        let next = world.connect().await;
        (next, took.elapsed())
    };
    let ((), (mut next, waited)) = tokio::join!(reading, connecting);
    assert!(waited >= Duration::from_millis(250) && waited < Duration::from_millis(350), "{waited:?}");
    assert!(first.is_served() && !second.is_served());
    assert!(next.is_healthy().await);
    assert_eq!(world.counted(), (2.0, why("made_room", 1.0)));
}

#[tokio::test(start_paused = true)]
async fn whom_the_exporter_keeps_waiting_gives_way_after_a_second_and_after_all_others() {
    let mut world = World::new(limited(2));
    let (asking, mut requests) = reloads();
    Arc::get_mut(&mut Arc::get_mut(&mut world.server).unwrap().site).unwrap().reload = Some(asking);
    const RELOAD: &str = "POST /-/reload HTTP/1.1\r\nHost: x\r\n\r\n";
    let (mut first, mut second) = (world.connect().await, world.connect().await);
    first.send(RELOAD).await;
    sleep(SECOND * 5).await;
    let mut third = world.connect().await;
    assert!(first.is_served() && !second.is_served(), "the second had nothing to say");
    assert!(second.stream.write_all(b"x").await.is_err());

    third.send(RELOAD).await;
    sleep(Duration::from_millis(500)).await;
    let mut fourth = world.connect().await;
    assert!(!first.is_served() && third.is_served() && fourth.is_served());
    // For a moment nobody gives way.
    fourth.send(RELOAD).await;
    let before = Instant::now();
    let _fifth = world.connect().await;
    assert!(before.elapsed() >= Duration::from_millis(450), "{:?}", before.elapsed());
    assert!(!third.is_served() && fourth.is_served());
    // The reloads go on whoever left.
    for _ in 0..3 {
        requests.recv().await.unwrap().answer(Ok("done".into()));
    }
    settle().await;
    assert!(fourth.received().await.ends_with("done\n"));
    assert_eq!(world.counted(), (2.0, why("made_room", 3.0)));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_came_in_the_last_moment_is_answered() {
    let world = World::new(limited(1));
    let mut first = world.connect().await;
    // Both happen before the server looks at the connection again.
    first.stream.write_all(HEALTHY.as_bytes()).await.unwrap();
    let second = world.server.connections.try_admit();
    assert!(second.is_some(), "the first is to leave");
    settle().await;
    assert!(first.received().await.ends_with("Healthy.\n"));
    assert!(!first.is_served(), "it leaves with its answer");

    drop(second);
    let mut first = world.connect().await;
    first.stream.write_all(METRICS.as_bytes()).await.unwrap();
    let second = world.server.connections.try_admit();
    assert!(second.is_some());
    settle().await;
    assert!(first.is_served(), "its answer takes longer");
    assert_eq!(world.counted(), (2.0, why("made_room", 1.0)));
    // One above the limit is made up for by the next.
    sleep(SECOND).await;
    let third = world.connect().await;
    assert!(!first.is_served());
    assert_eq!(world.counted().0, 2.0, "the second one, which nobody serves, is still told to leave");
    drop((second, third));
}

#[tokio::test(start_paused = true)]
async fn answers_that_nobody_takes_make_room_for_others() {
    let world = World::new(Options { max_unsent: 3 << 20, ..Options::default() });
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = world.connect().await;
        client.send(METRICS).await;
        clients.push(client);
    }
    // Four have an answer each. For a moment these could still be taken, and the others wait for theirs.
    assert_eq!(world.made(), 4);
    for client in &mut clients[4..] {
        assert_eq!(client.received().await, "");
    }
    assert!(world.connect().await.is_healthy().await, "probes need no room");
    sleep(Duration::from_millis(300)).await;
    // They share one: it needs the room of one.
    assert_eq!(world.made(), 5);
    let served: Vec<bool> = clients.iter().map(Client::is_served).collect();
    assert_eq!(served, (0..8).map(|place| place > 0).collect::<Vec<_>>());
    for client in &mut clients[4..] {
        assert!(client.received().await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(world.counted().1, why("made_room", 1.0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_shared_by_those_who_asked_before_it_was_made_and_by_nobody_else() {
    let world = World::new(Options { max_unsent: 1, ..Options::default() });
    let mut first = world.connect().await;
    first.send(METRICS).await;
    assert_eq!(world.made(), 1);
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut client = world.connect().await;
        client.send(METRICS).await;
        waiting.push(client);
    }
    // Whoever would have made it leaves, and another one does.
    waiting.remove(0);
    let mut answers = Vec::new();
    for client in &mut waiting {
        let mut answer = vec![0; 1_000_000];
        client.stream.read_exact(&mut answer).await.unwrap();
        answers.push(answer);
    }
    assert!(answers[0].starts_with(b"HTTP/1.1 200 OK\r\n") && answers.windows(2).all(|two| two[0] == two[1]));
    assert_eq!(world.made(), 2);
    let mut late = world.connect().await;
    late.send(METRICS).await;
    sleep(SECOND).await;
    assert_eq!(world.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_shared_with_nobody_who_wants_another_format_or_coding() {
    let world = World::new(Options { max_unsent: 1, ..Options::default() });
    let mut first = world.connect().await;
    first.send(METRICS).await;
    let wanted = [
        ("text/plain", "identity"),
        ("application/openmetrics-text", "identity"),
        ("application/openmetrics-text", "gzip"),
        ("application/openmetrics-text", "zstd"),
    ];
    let mut waiting = Vec::new();
    for (accept, coding) in wanted.into_iter().chain(wanted) {
        let mut client = world.connect().await;
        let request = METRICS.replace(
            "\r\n\r\n",
            &format!("\r\nAccept: {accept}\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n"),
        );
        client.send(&request).await;
        waiting.push((accept, coding, client));
    }
    assert_eq!(world.made(), 1);
    drop(first);
    let reading = waiting.into_iter().map(|(accept, coding, mut client)| {
        tokio::spawn(async move {
            let mut answer = Vec::new();
            client.stream.read_to_end(&mut answer).await.unwrap();
            let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
            let head = String::from_utf8(answer[..end].to_vec()).unwrap();
            assert!(head.contains(&format!("content-type: {accept};")), "{head}");
            let told = head.contains(&format!("content-encoding: {coding}\r\n"));
            assert!(told || (coding == "identity" && !head.contains("content-encoding")), "{head}");
        })
    });
    for read in reading.collect::<Vec<_>>() {
        read.await.unwrap();
    }
    assert_eq!(world.made(), 1 + wanted.len());
}

#[tokio::test(start_paused = true)]
async fn a_small_exposition_is_made_once_in_two_milliseconds_for_those_who_ask_in_the_same_words() {
    let family = GaugeVec::new(Opts::new("small", "Small."), &["text"]).unwrap();
    family.with_label_values(&["a"]);
    let made = Arc::new(AtomicUsize::new(0));
    let world = World::of(Options::default(), made.clone(), Large { family, asked: made });
    let (mut first, mut second) = (world.connect().await, world.connect().await);
    let zipped = METRICS.replace("\r\n\r\n", "\r\nAccept-Encoding: gzip\r\n\r\n");
    let answer = first.answer(METRICS).await;
    assert!(
        answer.contains("\r\nx-content-type-options: nosniff\r\n")
            && answer.contains("small{text=\"a\"} 0\n")
    );
    // No time has passed.
    assert_eq!((first.answer(METRICS).await, second.answer(METRICS).await), (answer.clone(), answer));
    assert_eq!(world.made(), 1);
    // Who wants something else gets that.
    assert!(second.answer(&zipped).await.contains("\r\ncontent-encoding: gzip\r\n"));
    assert!(!first.answer(METRICS).await.contains("content-encoding"));
    assert_eq!(world.made(), 3);
    settle().await;
    settle().await;
    let counted = first.answer(METRICS).await;
    assert!(
        counted.contains("openai_org_exporter_http_requests_total{code=\"200\",handler=\"metrics\"} 5\n")
    );
    assert_eq!(world.made(), 4);
    // Whoever comes or goes is seen at once.
    let third = world.server.connections.try_admit();
    assert!(first.answer(METRICS).await.contains("openai_org_exporter_http_connections 3\n"));
    drop(third);
    assert!(first.answer(METRICS).await.contains("openai_org_exporter_http_connections 2\n"));
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_for_an_answer_in_time_it_says_so() {
    let world = World::new(Options {
        max_unsent: 1,
        turn_timeout: Duration::from_millis(2300),
        ..Options::default()
    });
    let (mut first, mut second) = (world.connect().await, world.connect().await);
    first.send(METRICS).await;
    second.send(METRICS).await;
    // The first takes its answer slowly, and never stops for long.
    let mut step = vec![0; 64 << 10];
    for _ in 0..12 {
        assert_eq!(second.received().await, "");
        first.stream.read_exact(&mut step).await.unwrap();
        sleep(Duration::from_millis(200)).await;
    }
    let answer = second.received().await;
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(second.is_healthy().await, "the connection stays");
    assert!(first.is_served() && world.counted().1.is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_reason_is_there_from_the_start() {
    let mut names = [
        ClosedEarly::HeaderTimeout,
        ClosedEarly::BodyTimeout,
        ClosedEarly::WriteTimeout,
        ClosedEarly::MadeRoom,
        ClosedEarly::BadRequest,
        ClosedEarly::TooLarge,
    ]
    .map(|reason| (reason.name().to_owned(), 0.0));
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(World::new(Options::default()).all_counted(), (0.0, names.to_vec()));
}

/// A large family that takes as long as it is told to.
struct Slow {
    family: GaugeVec,
    begun: mpsc::UnboundedSender<()>,
    go_on: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Collector for Slow {
    fn desc(&self) -> Vec<&Desc> {
        self.family.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.begun.send(()).unwrap();
        self.go_on.try_lock().expect("nobody else is here").recv().unwrap();
        self.family.collect()
    }
}

#[tokio::test]
async fn expositions_of_whatever_kind_are_made_one_after_the_other() {
    let ((begun, mut begins), (go_on, until)) = (mpsc::unbounded_channel(), std::sync::mpsc::channel());
    let family = GaugeVec::new(Opts::new("slow", "Slow."), &["text"]).unwrap();
    family.with_label_values(&["a".repeat(1 << 20)]);
    let slow = Slow { family, begun, go_on: Mutex::new(until) };
    let world = World::of(Options::default(), Arc::default(), slow);
    let kinds = ["text/plain", "application/openmetrics-text", "application/vnd.google.protobuf"];
    let mut clients = Vec::new();
    for (kind, coding) in kinds.into_iter().flat_map(|kind| [(kind, "identity"), (kind, "gzip")]) {
        let mut client = world.connect().await;
        let lines = format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {kind}\r\nAccept-Encoding: {coding}\r\n\r\n"
        );
        client.send(&lines).await;
        clients.push(client);
    }
    for _ in &clients {
        begins.recv().await.unwrap();
        // All others wait for this one.
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(begins.try_recv().is_err());
        go_on.send(()).unwrap();
    }
    for mut client in clients {
        let mut answer = [0; 15];
        client.stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    }
}
