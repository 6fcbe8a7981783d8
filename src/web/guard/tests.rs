//! The guard as a whole: requests here; connections, and files that do not answer, in files of their own.

mod connections;
mod slow_files;

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use prometheus::Registry;
use tempfile::TempDir;
use tokio::time::advance;

use super::*;

/// A guard of one file, and what its reading gives next.
struct World {
    directory: TempDir,
    registry: Registry,
    next: Arc<StdMutex<Result<GuardSettings, String>>>,
    readings: Arc<AtomicUsize>,
    guard: Guard,
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("web.yml")
}

/// What a file that holds `text` and means `outcome` is read as.
fn reading(path: &std::path::Path, outcome: Result<GuardSettings, String>) -> GuardReading {
    let seen = SeenFile::new(path, fs::metadata(path).ok().as_ref());
    let content = fs::read(path).unwrap_or_default();
    GuardReading::new(vec![seen], &[&content], outcome)
}

impl World {
    fn new(settings: GuardSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory);
        fs::write(&path, "0").unwrap();
        let registry = Registry::new();
        let telemetry = Telemetry::new(&registry);
        let next = Arc::new(StdMutex::new(Ok(settings.clone())));
        let readings = Arc::<AtomicUsize>::default();
        let first = reading(&path, Ok(settings));
        let read = {
            let (next, readings) = (next.clone(), readings.clone());
            move || {
                readings.fetch_add(1, Ordering::Relaxed);
                reading(&path, next.lock().unwrap().clone())
            }
        };
        let guard = Guard::new(first, Box::new(read), &telemetry, Clock::starting_at(1_800_000_000)).unwrap();
        Self { directory, registry, next, readings, guard }
    }

    /// Writes another file that means `outcome`, and lets the guard look again.
    async fn change(&self, outcome: Result<GuardSettings, String>) {
        let text = format!("{:?}", std::time::Instant::now());
        *self.next.lock().unwrap() = outcome;
        fs::write(file(&self.directory), text).unwrap();
        self.look().await;
    }

    async fn look(&self) {
        advance(LOOK_EVERY).await;
        self.ask("", true).await.unwrap();
    }

    /// Asks as `user:password`, or as nobody.
    async fn ask(&self, user: &str, open: bool) -> Result<(), Refusal> {
        self.guard.admit(&headers_of(user), open).await
    }

    /// The samples whose names begin with `name`, as they are shown.
    fn samples(&self, name: &str) -> Vec<String> {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    }

    fn successful(&self) -> bool {
        let lines = self.samples("openai_org_exporter_web_config_last_reload_successful");
        lines[0].ends_with(" 1")
    }
}

/// What `user:password`, or nobody, sends.
fn headers_of(user: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !user.is_empty() {
        let value = format!("Basic {}", STANDARD.encode(user));
        headers.insert(AUTHORIZATION, value.parse().unwrap());
    }
    headers
}

fn with_users(passwords: &[(&str, &str)]) -> GuardSettings {
    let hash = |password: &str| PasswordHash::parse(&bcrypt::hash(password, 4).unwrap()).unwrap();
    let users = passwords.iter().map(|(name, password)| ((*name).to_owned(), hash(password))).collect();
    GuardSettings { users, ..GuardSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn without_a_file_everybody_comes_in_and_nothing_is_shown() {
    let registry = Registry::new();
    let guard = Guard::open(&Telemetry::new(&registry), Clock::system());
    assert_eq!(guard.admit(&HeaderMap::new(), false).await, Ok(()));
    assert!(matches!(guard.handshake(tokio::io::duplex(1).0).await, Ok(Transport::Plain(_))));
    let names: Vec<_> = registry.gather().iter().map(|family| family.name().to_owned()).collect();
    assert!(!names.iter().any(|name| name.contains("web_config") || name.contains("tls")), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn passwords_are_asked_for_and_not_of_probes() {
    let world = World::new(with_users(&[("a", "one")]));
    for _ in 0..2 {
        assert_eq!(world.ask("a:one", false).await, Ok(()));
        assert_eq!(world.ask("a:two", false).await, Err(Refusal::Unauthorized));
        assert_eq!(world.ask("b:one", false).await, Err(Refusal::Unauthorized));
        assert_eq!(world.ask("", false).await, Err(Refusal::Unauthorized));
        assert_eq!(world.ask("", true).await, Ok(()));
        assert_eq!(world.ask("a:two", true).await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_users_in_one_request_neither_is_believed() {
    let world = World::new(with_users(&[("a", "one")]));
    for second in ["a:one", "a:two"] {
        for turned in [false, true] {
            let mut headers = HeaderMap::new();
            let (first, second) = if turned { (second, "a:one") } else { ("a:one", second) };
            for user in [first, second] {
                headers.append(AUTHORIZATION, headers_of(user)[AUTHORIZATION].clone());
            }
            assert_eq!(world.guard.admit(&headers, false).await, Err(Refusal::Unauthorized));
        }
    }
    assert_eq!(world.ask("a:one", false).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn the_limit_comes_before_the_password_and_does_not_count_probes() {
    let rate_limit = Some(RateLimit { interval: Duration::from_secs(60), burst: 2 });
    let world = World::new(GuardSettings { rate_limit, ..with_users(&[("a", "one")]) });
    for _ in 0..10 {
        assert_eq!(world.ask("", true).await, Ok(()));
    }
    assert_eq!(world.ask("", false).await, Err(Refusal::Unauthorized));
    assert_eq!(world.ask("a:one", false).await, Ok(()));
    let Err(Refusal::TooMany(wait)) = world.ask("a:one", false).await else { panic!("not limited") };
    assert!(wait <= Duration::from_secs(60), "{wait:?}");
    assert_eq!(world.ask("", true).await, Ok(()));
    // A file that is another one, and says the same of the limit, does not fill it up.
    world.change(Ok(GuardSettings { rate_limit, ..with_users(&[("b", "two")]) })).await;
    assert!(matches!(world.ask("b:two", false).await, Err(Refusal::TooMany(_))));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_to_do_and_no_more() {
    let headers = |refusal: Refusal| {
        let mut headers = HeaderMap::new();
        refusal.add_headers(&mut headers);
        let text = |(name, value): (&hyper::header::HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        (refusal.status().as_u16(), headers.iter().map(text).collect::<Vec<_>>())
    };
    let wait = Duration::from_millis(1001);
    assert_eq!(
        headers(Refusal::Unauthorized),
        (401, vec!["www-authenticate: Basic".to_owned(), "connection: close".to_owned()])
    );
    assert_eq!(headers(Refusal::TooMany(wait)), (429, vec!["retry-after: 2".to_owned()]));
    assert_eq!(
        headers(Refusal::Busy),
        (503, vec!["retry-after: 1".to_owned(), "connection: close".to_owned()])
    );
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_the_file_take_the_place_of_others() {
    let header = ExtraHeader::new("X-Frame-Options", "sameorigin").unwrap().unwrap();
    let world = World::new(GuardSettings { headers: vec![header], ..GuardSettings::default() });
    let mut headers = HeaderMap::new();
    headers.insert("x-frame-options", HeaderValue::from_static("DENY"));
    headers.insert("x-other", HeaderValue::from_static("stays"));
    world.guard.decorate(&mut headers);
    assert_eq!(headers["x-frame-options"], "sameorigin");
    assert_eq!((headers.len(), headers["x-other"].to_str().unwrap()), (2, "stays"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_is_in_force_at_the_next_look() {
    let world = World::new(with_users(&[("a", "one")]));
    assert_eq!(world.ask("a:one", false).await, Ok(()));
    world.change(Ok(with_users(&[("a", "two")]))).await;
    assert_eq!(
        world.ask("a:one", false).await,
        Err(Refusal::Unauthorized),
        "and what was known is forgotten"
    );
    assert_eq!(world.ask("a:two", false).await, Ok(()));
    assert!(world.successful());
    let time = world.samples("openai_org_exporter_web_config_last_reload_success_timestamp_seconds");
    // The clock that stands still began a look ago.
    assert!(time[0].ends_with(" 1800000000.25"), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn files_are_not_looked_at_more_often_than_that() {
    let world = World::new(with_users(&[("a", "one")]));
    // What was just written is read again at each look.
    for _ in 0..100 {
        let _ = world.ask("a:one", false).await;
    }
    let before = world.readings.load(Ordering::Relaxed);
    assert!(before <= 1, "{before}");
    world.look().await;
    assert_eq!(world.readings.load(Ordering::Relaxed), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_says_the_same_changes_nothing() {
    let world = World::new(with_users(&[("a", "one")]));
    assert_eq!(world.ask("a:one", false).await, Ok(()));
    let before = Arc::as_ptr(&world.guard.in_force());
    // Written again, and another one to look at.
    fs::write(file(&world.directory), "0").unwrap();
    world.look().await;
    assert!(world.readings.load(Ordering::Relaxed) > 0);
    assert_eq!(Arc::as_ptr(&world.guard.in_force()), before, "the passwords that are known stay known");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_became_wrong_changes_nothing_until_it_is_good_again() {
    let world = World::new(with_users(&[("a", "one")]));
    world.change(Err("web.yml:1:1: wrong".to_owned())).await;
    assert!(!world.successful());
    assert_eq!(world.ask("a:one", false).await, Ok(()));
    assert_eq!(world.ask("", false).await, Err(Refusal::Unauthorized));
    world.change(Ok(with_users(&[("a", "two")]))).await;
    assert!(world.successful());
    assert_eq!(world.ask("a:two", false).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_takes_the_passwords_away_waits_for_a_reload() {
    let world = World::new(with_users(&[("a", "one"), ("b", "two")]));
    world.change(Ok(with_users(&[("b", "two")]))).await;
    assert_eq!(
        world.ask("a:one", false).await,
        Err(Refusal::Unauthorized),
        "fewer users are no less protection"
    );
    world.change(Ok(GuardSettings::default())).await;
    assert!(!world.successful());
    assert_eq!(world.ask("", false).await, Err(Refusal::Unauthorized));

    let asked = reading(&file(&world.directory), Ok(GuardSettings::default()));
    world.guard.reload(asked).await;
    assert!(world.successful());
    assert_eq!(world.ask("", false).await, Ok(()));
    world.look().await;
    assert!(world.successful());
}

#[tokio::test(start_paused = true)]
async fn what_takes_the_rate_limit_away_waits_for_a_reload() {
    let rate_limit = Some(RateLimit { interval: Duration::from_secs(60), burst: 1 });
    let world = World::new(GuardSettings { rate_limit, ..GuardSettings::default() });
    assert_eq!(world.ask("", false).await, Ok(()));
    world.change(Ok(GuardSettings::default())).await;
    assert!(!world.successful());
    assert!(matches!(world.ask("", false).await, Err(Refusal::TooMany(_))));
    world.guard.reload(reading(&file(&world.directory), Ok(GuardSettings::default()))).await;
    assert!(world.successful());
    assert_eq!(world.ask("", false).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_reload_of_what_is_in_force_changes_nothing() {
    let world = World::new(with_users(&[("a", "one")]));
    let before = Arc::as_ptr(&world.guard.in_force());
    let same = world.next.lock().unwrap().clone();
    world.guard.reload(reading(&file(&world.directory), same)).await;
    assert_eq!(Arc::as_ptr(&world.guard.in_force()), before);
}

#[test]
fn nothing_secret_is_shown() {
    let settings = with_users(&[("MARKED", "one")]);
    let hash = bcrypt::hash("x", 4).unwrap();
    for text in [format!("{settings:?}"), format!("{settings}")] {
        assert!(!text.contains("$2b") && !text.contains(&hash[7..]), "{text}");
    }
    assert_eq!(settings.to_string(), "no TLS; 1 user");
}
