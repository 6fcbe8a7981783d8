//! Pages against those that are made plainly, whatever has happened since the last one.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use prometheus::core::{Collector, Desc};
use prometheus::proto::Metric;
use proptest::prelude::*;
use tokio::runtime::Builder as RuntimeBuilder;
use tokio::time::advance;

use super::super::samples::families;
use super::super::{OrganizationCollector, encode};
use super::*;
use crate::admin_api::{Field, User};
use crate::catalog;
use crate::composition::Composition;
use crate::policy::Tallied;
use crate::roster::Builder;
use crate::snapshot::{Anomalies, Organization, Summary, Timing};
use crate::walk::{CompletedWalk, Way};

const START: u64 = 1_800_000_000;
const NAMES: [&str; 4] = ["acme", "\"b\"", "c", "acme2"];
const FORMATS: [Format; 3] = [Format::Text, Format::OpenMetrics, Format::Protobuf];
const CHANGES: Options = Options { changes: true };

/// A renderer, and a registry of the same.
struct World {
    board: Arc<Board>,
    clock: Clock,
    telemetry: Telemetry,
    renderer: Renderer,
    plain: Registry,
}

impl World {
    fn new() -> Self {
        let (plain, clock) = (Registry::new(), Clock::starting_at(START));
        let (board, telemetry) = (Arc::new(Board::default()), Telemetry::with_clock(&plain, clock));
        plain.register(Box::new(OrganizationCollector::new(board.clone(), clock, CHANGES))).unwrap();
        let renderer = Renderer::new(board.clone(), telemetry.clone(), clock, CHANGES, Registry::new());
        Self { board, clock, telemetry, renderer, plain }
    }

    /// Adds an organization behind the others.
    fn add(&self, name: &str) -> Arc<Organization> {
        let organization = Arc::new(Organization::new(name, SECOND * 60, SECOND * 600));
        self.telemetry.organization(name);
        let others = self.board.organizations().iter().cloned().collect::<Vec<_>>();
        self.board.replace([others, vec![organization.clone()]].concat());
        organization
    }

    fn remove(&self, name: &str) {
        let others = self.board.organizations().iter().filter(|other| other.name != name).cloned().collect();
        self.board.replace(others);
        self.telemetry.remove_organizations(&BTreeSet::from([name]));
    }

    /// Publishes a walk that met so many users.
    fn publish(&self, organization: &Organization, users: u64) {
        let mut composition = Composition::new(Arc::default(), self.clock.now().whole_unix_seconds());
        let state = organization.state();
        let mut roster = Builder::new(state.roster.clone());
        for user in 0..users {
            let role = Field::Value(if user == 0 { "owner".into() } else { "say \"hi\"".into() });
            let user = User { id: format!("user-{user}").into(), role, ..User::default() };
            roster.meet(&user);
            composition.add(&user);
        }
        let (roster, changes) = roster.finish();
        let (start, end) = (self.clock.now(), self.clock.now());
        let summary = Summary { start, end, pages: users, anomalies: Anomalies::default() };
        organization.publish(CompletedWalk {
            composition,
            tallied: Tallied::default(),
            roster: Arc::new(roster),
            changes,
            boundaries: Arc::default(),
            way: Way::Sequential,
            summary,
        });
    }

    fn page(&self, format: Format) -> Vec<u8> {
        self.renderer.page(format).unwrap().to_bytes().to_vec()
    }

    /// The same page from families that are gathered anew: first those of organizations, one after the other.
    fn plain_page(&self, format: Format) -> Vec<u8> {
        let of_organizations: BTreeSet<&str> = families().map(|family| family.name).collect();
        let mut gathered = self.plain.gather();
        gathered.sort_by_key(|family| !of_organizations.contains(family.name()));
        for family in &mut gathered {
            let organization = |metric: &Metric| {
                let label = metric.get_label().iter().find(|label| label.name() == "organization");
                label.map(|label| label.value().to_owned())
            };
            family.mut_metric().sort_by_cached_key(organization);
        }
        encode(&gathered, format, &self.telemetry.births()).unwrap()
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// All that can be told of the process, but for requests.
const OF_THE_PROCESS: [fn(&Telemetry); 10] = [
    |telemetry| telemetry.http_connections(7),
    |telemetry| telemetry.http_connections(8),
    |telemetry| telemetry.http_connection_closed_early("made_room"),
    |telemetry| telemetry.state_write(true, 1),
    |telemetry| telemetry.config_loaded(1.5),
    |telemetry| telemetry.config_refused(),
    |telemetry| telemetry.tls_on(),
    |telemetry| telemetry.tls_handshake_error("timeout"),
    |telemetry| telemetry.web_config_loaded(1.5),
    |telemetry| telemetry.web_config_refused(),
];

/// What can happen between two scrapes.
#[derive(Debug, Clone)]
enum Step {
    Add(usize),
    Remove(usize),
    Publish(usize, u64),
    Fail(usize),
    /// In seconds.
    Retime(usize, u64),
    Advance(u64),
    Count(usize, u16),
    /// Something that is told of the process.
    Tell(usize),
    Scrape(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    prop_oneof![
        2 => name().prop_map(Step::Add),
        1 => name().prop_map(Step::Remove),
        3 => (name(), 0..4_u64).prop_map(|(name, users)| Step::Publish(name, users)),
        1 => name().prop_map(Step::Fail),
        1 => (name(), 1..1_200_u64).prop_map(|(name, age)| Step::Retime(name, age)),
        2 => prop_oneof![0..300_u64, Just(600), 601..2_000_u64].prop_map(Step::Advance),
        1 => (name(), 200..520_u16).prop_map(|(name, code)| Step::Count(name, code)),
        1 => (0..OF_THE_PROCESS.len()).prop_map(Step::Tell),
        6 => (0..FORMATS.len()).prop_map(Step::Scrape),
    ]
}

async fn take(world: &World, step: &Step) {
    let named = |name: usize| {
        let organizations = world.board.organizations();
        organizations.iter().find(|organization| organization.name == NAMES[name]).cloned()
    };
    match *step {
        Step::Add(name) if named(name).is_none() => {
            world.add(NAMES[name]);
        }
        Step::Add(_) => {}
        Step::Remove(name) => world.remove(NAMES[name]),
        Step::Publish(name, users) => {
            named(name).iter().for_each(|organization| world.publish(organization, users));
        }
        Step::Fail(name) => named(name).iter().for_each(|organization| {
            organization.note_panic(world.clock.now(), world.clock.now());
        }),
        Step::Retime(name, age) => named(name).iter().for_each(|organization| {
            organization
                .set_timing(Timing { interval: SECOND, max_age: SECOND * u32::try_from(age).unwrap() });
        }),
        Step::Advance(seconds) => advance(Duration::from_secs(seconds)).await,
        Step::Count(name, code) => world.telemetry.handle(NAMES[name]).api_request(Some(code), SECOND),
        Step::Tell(what) => OF_THE_PROCESS[what](&world.telemetry),
        Step::Scrape(format) => assert_plain(world, FORMATS[format]),
    }
}

fn assert_plain(world: &World, format: Format) {
    let expected = world.plain_page(format);
    let page = world.renderer.page(format).unwrap();
    // What differs is to be read, where it can be.
    assert_eq!(String::from_utf8_lossy(&page.to_bytes()), String::from_utf8_lossy(&expected));
    assert_eq!(page.to_bytes(), expected);
    assert_eq!(page.len(), expected.len());
    let (mut decoded, gzip) = (Vec::new(), page.gzip().unwrap());
    // One member, and nothing behind it.
    let mut member = GzDecoder::new(&gzip[..]);
    member.read_to_end(&mut decoded).unwrap();
    assert_eq!(decoded, expected);
    assert!(member.into_inner().is_empty());
}

proptest! {
    #[test]
    fn a_page_is_what_it_is_without_anything_kept(steps in prop::collection::vec(step(), 1..40)) {
        RuntimeBuilder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
            let world = World::new();
            for step in &steps {
                take(&world, step).await;
            }
            FORMATS.into_iter().for_each(|format| assert_plain(&world, format));
        });
    }
}

proptest! {
    #[test]
    fn a_page_that_still_shows_what_is_there_is_what_another_would_be(steps in prop::collection::vec(step(), 1..40)) {
        RuntimeBuilder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
            let (world, mut pages) = (World::new(), Vec::new());
            for step in &steps {
                take(&world, step).await;
                pages.retain(|(_, page)| world.renderer.still_shows(page));
                for (format, page) in &pages {
                    assert_eq!(page.to_bytes(), world.plain_page(*format), "{step:?}");
                }
                if let Step::Scrape(format) = step {
                    pages.push((FORMATS[*format], world.renderer.page(FORMATS[*format]).unwrap()));
                }
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_shows_what_is_there_for_less_than_two_milliseconds() {
    let world = World::new();
    world.publish(&world.add("acme"), 3);
    let page = world.renderer.page(Format::Text).unwrap();
    world.telemetry.http_request("metrics", 200, SECOND);
    advance(Duration::from_micros(1_999)).await;
    assert!(world.renderer.still_shows(&page));
    advance(Duration::from_micros(1)).await;
    assert!(!world.renderer.still_shows(&page));
}

#[tokio::test(start_paused = true)]
async fn a_page_no_longer_shows_what_is_there_once_anything_else_has_happened() {
    let world = World::new();
    let organization = world.add("acme");
    world.publish(&organization, 3);
    let is_shown_after = |happens: &dyn Fn()| {
        let page = world.renderer.page(Format::Text).unwrap();
        assert!(world.renderer.still_shows(&page));
        happens();
        world.renderer.still_shows(&page)
    };
    for (what, tell) in OF_THE_PROCESS.iter().enumerate() {
        assert!(!is_shown_after(&|| tell(&world.telemetry)), "{what}");
    }
    assert!(!is_shown_after(&|| world.telemetry.handle("acme").api_retry("timeout")));
    assert!(!is_shown_after(&|| world.publish(&organization, 3)));
    assert!(!is_shown_after(&|| organization.set_timing(Timing { interval: SECOND, max_age: SECOND })));
    assert!(!is_shown_after(&|| drop(world.add("c"))));
    assert!(!is_shown_after(&|| world.remove("c")));
    // Nor once a figure is too old, be it within that time.
    advance(SECOND - Duration::from_micros(500)).await;
    let page = world.renderer.page(Format::Text).unwrap();
    advance(Duration::from_micros(500)).await;
    assert!(world.renderer.still_shows(&page));
    advance(Duration::from_micros(1)).await;
    assert!(!world.renderer.still_shows(&page));
}

#[tokio::test(start_paused = true)]
async fn a_state_is_written_once_for_both_formats_of_lines_and_no_longer_than_it_holds() {
    let world = World::new();
    let [one, other] = ["acme", "c"].map(|name| world.add(name));
    world.publish(&one, 3);
    let parts = |format| world.renderer.organizations(format).parts.clone();
    let (text, protobuf) = (parts(Format::Text), parts(Format::Protobuf));
    let same = |before: &[Arc<Part>], format| {
        let now = parts(format);
        before.iter().zip(&now).map(|(before, now)| Arc::ptr_eq(before, now)).collect::<Vec<_>>()
    };
    assert_eq!(same(&text, Format::OpenMetrics), [true, true]);
    assert_eq!(same(&protobuf, Format::Protobuf), [true, true]);
    assert_eq!(same(&text, Format::Protobuf), [false, false]);
    let whole = world.renderer.organizations(Format::Text);
    assert!(Arc::ptr_eq(&whole, &world.renderer.organizations(Format::Text)), "nothing has changed");
    world.publish(&one, 3);
    assert_eq!(same(&text, Format::OpenMetrics), [false, true]);
    other.set_timing(Timing { interval: SECOND, max_age: SECOND });
    assert_eq!(same(&text, Format::Text), [false, false]);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_kept_outlives_the_maximum_age() {
    let world = World::new();
    world.publish(&world.add("acme"), 3);
    let is_shown = |format| {
        let page = world.renderer.page(format).unwrap();
        let (mut decoded, gzip) = (Vec::new(), page.gzip().unwrap());
        GzDecoder::new(&gzip[..]).read_to_end(&mut decoded).unwrap();
        assert_eq!(page.to_bytes(), decoded);
        let name = catalog::USERS_BY_API_KEY_USE.name.as_bytes();
        decoded.windows(name.len()).any(|window| window == name)
    };
    assert_eq!(FORMATS.map(is_shown), [true; 3]);
    advance(SECOND * 600).await;
    assert_eq!(FORMATS.map(is_shown), [true; 3]);
    advance(Duration::from_millis(1)).await;
    assert_eq!(FORMATS.map(is_shown), [false; 3]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asks_for_is_not_kept() {
    let world = World::new();
    world.publish(&world.add("acme"), 3);
    let kept = || world.renderer.kept().iter().map(|kept| kept.format).collect::<Vec<_>>();
    FORMATS.into_iter().for_each(|format| drop(world.page(format)));
    assert_eq!(kept(), FORMATS);
    advance(KEPT_FOR / 2).await;
    world.page(Format::Text);
    advance(KEPT_FOR / 2).await;
    world.page(Format::OpenMetrics);
    assert_eq!(kept(), [Format::Text, Format::OpenMetrics]);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_replaced_is_not_held() {
    let world = World::new();
    let organization = world.add("acme");
    world.publish(&organization, 3);
    world.page(Format::Text);
    let roster = Arc::downgrade(organization.state().roster.as_ref().unwrap());
    world.publish(&organization, 2);
    assert!(roster.upgrade().is_none());
}

/// Does something in the middle of a page.
struct Meanwhile(Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>, Vec<Desc>);

impl Collector for Meanwhile {
    fn desc(&self) -> Vec<&Desc> {
        self.1.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if let Some(act) = self.0.get() {
            act();
        }
        Vec::new()
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_held_up_while_a_page_is_written() {
    let mut world = World::new();
    let (meanwhile, further) = (Arc::new(OnceLock::new()), Registry::new());
    let description = Desc::new("meanwhile".into(), "Acts.".into(), vec![], Default::default()).unwrap();
    further.register(Box::new(Meanwhile(meanwhile.clone(), vec![description]))).unwrap();
    world.renderer =
        Renderer::new(world.board.clone(), world.telemetry.clone(), world.clock, CHANGES, further);
    let (organization, world) = (world.add("acme"), Arc::new(world));
    let (inside, acted) = (Arc::downgrade(&world), Arc::new(AtomicUsize::new(0)));
    let times = acted.clone();
    let act = move || {
        // What is done in the middle has another page written.
        if times.fetch_add(1, Ordering::Relaxed) == 0 {
            let world = inside.upgrade().unwrap();
            world.publish(&organization, 3);
            world.telemetry.handle("acme").walk("success");
            world.remove("acme");
            world.page(Format::Protobuf);
        }
    };
    assert!(meanwhile.set(Box::new(act)).is_ok());
    let page = String::from_utf8(world.page(Format::Text)).unwrap();
    assert_eq!(acted.load(Ordering::Relaxed), 2);
    // It shows what was there when it was begun.
    assert!(page.contains("openai_org_snapshot_available{organization=\"acme\"} 0\n"));
    assert!(!String::from_utf8(world.page(Format::Text)).unwrap().contains("acme"));
}
