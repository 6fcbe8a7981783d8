use tempfile::TempDir;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

use super::*;

const PID: u32 = 4711;

/// A service manager that keeps what it is told.
struct Manager {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, directory }
    }

    /// What the exporter knows of it, with further variables.
    fn environment(&self, variables: &[(&str, &str)]) -> Environment {
        let path = self.directory.path().join("notify").to_str().unwrap().to_owned();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        variables.chain([("NOTIFY_SOCKET".to_owned(), path)]).collect()
    }

    /// The messages since the last time.
    fn told(&self) -> Vec<String> {
        let mut buffer = [0; 1024];
        let next = || self.socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec());
        std::iter::from_fn(next).map(|message| String::from_utf8(message).unwrap()).collect()
    }
}

/// An exporter that attends to its manager, and what it would say.
struct Attending {
    manager: Manager,
    liveness: Liveness,
    status: Arc<Mutex<String>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Attending {
    fn start(variables: &[(&str, &str)]) -> Self {
        let manager = Manager::new();
        let told = ServiceManager::from_environment(&manager.environment(variables), PID);
        let status = Arc::new(Mutex::new("quiet".to_owned()));
        let (liveness, shutdown) = (Liveness::default(), CancellationToken::new());
        told.ready("quiet");
        let shown = status.clone();
        let status_now = move || shown.lock().unwrap().clone();
        let task = tokio::spawn(told.attend(status_now, liveness.clone(), shutdown.clone()));
        Self { manager, liveness, status, shutdown, task }
    }

    /// The messages of so much time, which ends between two ticks.
    async fn pass(&self, seconds: u64) -> Vec<String> {
        sleep(Duration::from_secs(seconds)).await;
        yield_now().await;
        self.manager.told()
    }
}

#[tokio::test(start_paused = true)]
async fn the_watchdog_hears_of_life_twice_in_its_time() {
    let attending = Attending::start(&[("WATCHDOG_USEC", "20000000"), ("WATCHDOG_PID", "4711")]);
    assert_eq!(attending.pass(1).await, ["READY=1\nSTATUS=quiet", "WATCHDOG=1"]);
    assert_eq!(attending.pass(8).await, Vec::<String>::new());
    assert_eq!(attending.pass(2).await, ["WATCHDOG=1"]);
    assert_eq!(attending.pass(80).await, ["WATCHDOG=1"; 8]);
    attending.shutdown.cancel();
    attending.task.await.unwrap();
    assert_eq!(attending.manager.told(), ["STOPPING=1"]);
}

#[tokio::test(start_paused = true)]
async fn a_watchdog_of_another_process_or_of_no_time_hears_nothing() {
    let table: &[&[(&str, &str)]] = &[
        &[],
        &[("WATCHDOG_PID", "4711")],
        &[("WATCHDOG_USEC", "20000000"), ("WATCHDOG_PID", "4712")],
        &[("WATCHDOG_USEC", "20000000"), ("WATCHDOG_PID", "no number")],
        &[("WATCHDOG_USEC", "0")],
        &[("WATCHDOG_USEC", "soon")],
        &[("WATCHDOG_USEC", "-5")],
        &[("WATCHDOG_USEC", " ")],
    ];
    for variables in table {
        let attending = Attending::start(variables);
        assert_eq!(attending.pass(100).await, ["READY=1\nSTATUS=quiet"], "{variables:?}");
    }
    let for_anybody = Attending::start(&[("WATCHDOG_USEC", "20000000")]);
    assert_eq!(for_anybody.pass(1).await.len(), 2);
    let shortest = Attending::start(&[("WATCHDOG_USEC", "1")]);
    sleep(Duration::from_millis(4)).await;
    assert!(shortest.manager.told().len() > 3);
}

#[tokio::test(start_paused = true)]
async fn the_watchdog_hears_nothing_more_once_one_is_lost_who_must_stay() {
    let attending = Attending::start(&[("WATCHDOG_USEC", "20000000")]);
    let (stops, stays) = (CancellationToken::new(), CancellationToken::new());
    let stopped = attending.liveness.expect(stops.clone());
    let lost = attending.liveness.expect(stays);
    stops.cancel();
    drop(stopped);
    assert_eq!(attending.pass(15).await.len(), 3, "one that was told to end is none that is lost");
    let panics = tokio::spawn(async move {
        let _lost = lost;
        panic!("on purpose");
    });
    assert!(panics.await.is_err());
    assert_eq!(attending.pass(100).await, Vec::<String>::new());
    attending.shutdown.cancel();
    attending.task.await.unwrap();
    assert_eq!(attending.manager.told(), ["STOPPING=1"]);
}

#[tokio::test(start_paused = true)]
async fn a_status_is_told_when_it_is_another() {
    let attending = Attending::start(&[]);
    assert_eq!(attending.pass(20).await, ["READY=1\nSTATUS=quiet"]);
    "lively".clone_into(&mut attending.status.lock().unwrap());
    assert_eq!(attending.pass(20).await, ["STATUS=lively"]);
}

#[test]
fn a_reload_says_when_it_began_on_the_monotonic_clock() {
    let manager = Manager::new();
    let told = ServiceManager::from_environment(&manager.environment(&[]), PID);
    told.reloading();
    told.reloading();
    let micros: Vec<u64> = manager
        .told()
        .iter()
        .map(|message| message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse().unwrap())
        .collect();
    assert!(micros.len() == 2 && micros[0] <= micros[1] && micros[1] - micros[0] < 1_000_000, "{micros:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_behind_an_at_sign_is_an_abstract_one() {
    let name = format!("openai-org-exporter-test-{}", std::process::id());
    let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let environment = Environment::from([("NOTIFY_SOCKET".to_owned(), format!("@{name}"))]);
    ServiceManager::from_environment(&environment, PID).ready("quiet");
    let mut buffer = [0; 64];
    let length = manager.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"READY=1\nSTATUS=quiet");
}

#[test]
fn where_nobody_can_be_told_nothing_fails() {
    for name in
        ["", " ", "notify", "vsock:2:1234", "/nowhere/at/all", "@", "sk-admin-planted", &"/x".repeat(200)]
    {
        let environment = Environment::from([("NOTIFY_SOCKET".to_owned(), name.to_owned())]);
        let told = ServiceManager::from_environment(&environment, PID);
        told.reloading();
        told.ready("quiet");
    }
    let error = address("sk-admin-planted").unwrap_err().to_string();
    assert_eq!(error, "\"<key>\" is neither an absolute path nor a name that begins with @");
}

#[test]
fn the_status_counts_organizations() {
    let clock = crate::clock::Clock::starting_at(1_800_000_000);
    let organization = |name: &str| {
        Arc::new(crate::snapshot::Organization::new(name, Duration::from_secs(1), Duration::from_secs(2)))
    };
    assert_eq!(status(&Board::default(), &clock.now()), "0 organizations, 0 fresh");
    let one = Board::new(vec![organization("a")]);
    assert_eq!(status(&one, &clock.now()), "1 organization, 0 fresh");
}
