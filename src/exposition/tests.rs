//! The formats against each other, and literally.

mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry};
use proptest::prelude::*;
use tokio::time::advance;

use super::*;
use crate::admin_api::{Account, Field, Project, User};
use crate::catalog;
use crate::clock::Clock;
use crate::composition::Composition;
use crate::policy::Tallied;
use crate::roster::Builder;
use crate::snapshot::{Anomalies, Board, Organization, Summary};
use crate::telemetry::{Births, Telemetry};
use crate::walk::{CompletedWalk, Way};
use reading::Reading;

const START: u64 = 1_800_000_000;

/// What each format says of the same families. Text has neither units nor births.
fn readings(families: &[MetricFamily], births: &Births) -> [Reading; 3] {
    let page = |format| encode(families, format, births).unwrap();
    [
        reading::text(&page(Format::Text)),
        reading::open_metrics(&page(Format::OpenMetrics)),
        reading::protobuf(&page(Format::Protobuf)),
    ]
}

/// Fails where the formats do not say the same, and gives what they say.
fn assert_alike(families: &[MetricFamily], births: &Births) -> Reading {
    let [text, mut open_metrics, protobuf] = readings(families, births);
    assert_eq!(text.samples, protobuf.samples);
    assert_eq!(text.samples, open_metrics.samples);
    assert_eq!(text.families, protobuf.families);
    for (name, (kind, _)) in &mut open_metrics.families {
        if kind == "unknown" {
            assert!(!name.ends_with("_total") || name == "_total", "{name}");
            "counter".clone_into(kind);
        }
    }
    assert_eq!(text.families, open_metrics.families);
    assert_eq!(open_metrics.units, protobuf.units);
    assert_eq!(open_metrics.births, protobuf.births);
    protobuf
}

/// A registry of the exporter's kinds, with what has to be escaped.
fn small() -> (Registry, Births) {
    let registry = Registry::new();
    let add = |collector: Box<dyn Collector>| registry.register(collector).unwrap();
    let counter =
        CounterVec::new(Opts::new("openai_org_exporter_walks_total", "Walks."), &["result"]).unwrap();
    counter.with_label_values(&["success"]).inc_by(3.0);
    let bytes = CounterVec::new(Opts::new("sent_bytes_total", "Say \"hi\"\\\nand go."), &["to"]).unwrap();
    bytes.with_label_values(&["\"a\"\\\nb"]).inc_by(1.5);
    let gauge = GaugeVec::new(Opts::new("wait_seconds", "Waits."), &[]).unwrap();
    gauge.with_label_values::<&str>(&[]).set(-0.25);
    let histogram = HistogramOpts::new("openai_org_exporter_http_request_duration_seconds", "Durations.");
    let histogram = HistogramVec::new(histogram.buckets(vec![0.001, 1.0]), &["handler"]).unwrap();
    histogram.with_label_values(&["metrics"]).observe(0.5);
    histogram.with_label_values(&["metrics"]).observe(2.0);
    add(Box::new(counter));
    add(Box::new(bytes));
    add(Box::new(gauge));
    add(Box::new(histogram));
    let clock = Clock::starting_at(START);
    (registry, Telemetry::with_clock(&Registry::new(), clock).births())
}

#[tokio::test(start_paused = true)]
async fn a_small_registry_in_text() {
    let (registry, births) = small();
    let page = encode(&registry.gather(), Format::Text, &births).unwrap();
    assert_eq!(
        String::from_utf8(page).unwrap(),
        r#"# HELP openai_org_exporter_http_request_duration_seconds Durations.
# TYPE openai_org_exporter_http_request_duration_seconds histogram
openai_org_exporter_http_request_duration_seconds_bucket{handler="metrics",le="0.001"} 0
openai_org_exporter_http_request_duration_seconds_bucket{handler="metrics",le="1"} 1
openai_org_exporter_http_request_duration_seconds_bucket{handler="metrics",le="+Inf"} 2
openai_org_exporter_http_request_duration_seconds_sum{handler="metrics"} 2.5
openai_org_exporter_http_request_duration_seconds_count{handler="metrics"} 2
# HELP openai_org_exporter_walks_total Walks.
# TYPE openai_org_exporter_walks_total counter
openai_org_exporter_walks_total{result="success"} 3
# HELP sent_bytes_total Say "hi"\\\nand go.
# TYPE sent_bytes_total counter
sent_bytes_total{to="\"a\"\\\nb"} 1.5
# HELP wait_seconds Waits.
# TYPE wait_seconds gauge
wait_seconds -0.25
"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_small_registry_in_open_metrics() {
    let (registry, births) = small();
    let page = encode(&registry.gather(), Format::OpenMetrics, &births).unwrap();
    assert_eq!(
        String::from_utf8(page).unwrap(),
        r#"# HELP openai_org_exporter_http_request_duration_seconds Durations.
# TYPE openai_org_exporter_http_request_duration_seconds histogram
# UNIT openai_org_exporter_http_request_duration_seconds seconds
openai_org_exporter_http_request_duration_seconds_bucket{handler="metrics",le="0.001"} 0
openai_org_exporter_http_request_duration_seconds_bucket{handler="metrics",le="1.0"} 1
openai_org_exporter_http_request_duration_seconds_bucket{handler="metrics",le="+Inf"} 2
openai_org_exporter_http_request_duration_seconds_sum{handler="metrics"} 2.5
openai_org_exporter_http_request_duration_seconds_count{handler="metrics"} 2
openai_org_exporter_http_request_duration_seconds_created{handler="metrics"} 1800000000.000
# HELP openai_org_exporter_walks Walks.
# TYPE openai_org_exporter_walks counter
openai_org_exporter_walks_total{result="success"} 3
# HELP sent_bytes Say \"hi\"\\\nand go.
# TYPE sent_bytes counter
# UNIT sent_bytes bytes
sent_bytes_total{to="\"a\"\\\nb"} 1.5
# HELP wait_seconds Waits.
# TYPE wait_seconds gauge
# UNIT wait_seconds seconds
wait_seconds -0.25
# EOF
"#
    );
}

/// Bytes as they read in a message: text as it is, all else by value.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_small_registry_in_protobuf() {
    let (registry, births) = small();
    let families = registry.gather();
    let page = |at: usize| shown(&encode(&families[at..=at], Format::Protobuf, &births).unwrap());
    // Length; name, help, type; a metric of a label and a counter.
    assert_eq!(
        page(1),
        concat!(
            r"K\n\x1fopenai_org_exporter_walks_total",
            r"\x12\x06Walks.",
            r"\x18\x00",
            r#"\"\x1e\n\x11\n\x06result\x12\x07success\x1a\t\t\x00\x00\x00\x00\x00\x00\x08@"#,
        )
    );
    // The same of a gauge, without labels; the unit.
    assert_eq!(
        page(3),
        concat!(
            r".\n\x0cwait_seconds",
            r"\x12\x06Waits.",
            r"\x18\x01",
            r#"\"\x0b\x12\t\t\x00\x00\x00\x00\x00\x00\xd0\xbf"#,
            r"*\x07seconds",
        )
    );
    // A histogram: count, sum, two buckets and its birth. Its length takes two bytes.
    assert_eq!(
        page(0),
        concat!(
            r"\x91\x01\n1openai_org_exporter_http_request_duration_seconds",
            r"\x12\nDurations.",
            r"\x18\x04",
            r#"\"E\n\x12\n\x07handler\x12\x07metrics"#,
            r":/\x08\x02\x11\x00\x00\x00\x00\x00\x00\x04@",
            r"\x1a\x0b\x08\x00\x11\xfc\xa9\xf1\xd2MbP?",
            r"\x1a\x0b\x08\x01\x11\x00\x00\x00\x00\x00\x00\xf0?",
            r"z\x08\x08\x80\xa4\xa7\xda\x06\x10\x00",
            r"*\x07seconds",
        )
    );
}

#[test]
fn what_is_not_well_formed_is_refused_in_every_format() {
    let (nameless, named) = (MetricFamily::default(), {
        let mut family = MetricFamily::default();
        family.set_name("a".to_owned());
        family
    });
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        assert!(encode(std::slice::from_ref(&nameless), format, &Births::default()).is_err());
        assert!(encode(std::slice::from_ref(&named), format, &Births::default()).is_err(), "without samples");
    }
}

#[test]
fn an_empty_registry_is_an_empty_page_and_in_open_metrics_the_end() {
    let page = |format| encode(&[], format, &Births::default()).unwrap();
    assert_eq!([page(Format::Text), page(Format::Protobuf)], [b"", b""]);
    assert_eq!(page(Format::OpenMetrics), b"# EOF\n");
}

/// OpenMetrics gives a family its suffixes: no other one may be named like that.
#[test]
fn no_family_of_the_catalog_has_the_name_of_another_ones_sample() {
    let base = |family: &catalog::Family| family.name.strip_suffix("_total").unwrap_or(family.name);
    let bases: BTreeSet<&str> = catalog::all().map(base).collect();
    assert_eq!(bases.len(), catalog::all().count());
    for family in catalog::all().filter(|family| family.kind != catalog::Kind::Gauge) {
        for suffix in ["_total", "_created", "_bucket", "_count", "_sum", "_info"] {
            let taken = format!("{}{suffix}", base(family));
            assert!(!bases.contains(&*taken), "{taken}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn births_are_told_where_they_are_known_and_nowhere_else() {
    let clock = Clock::starting_at(START);
    let telemetry = Telemetry::with_clock(&Registry::new(), clock);
    let board =
        Arc::new(Board::new(vec![Arc::new(Organization::new("acme", Duration::ZERO, Duration::ZERO))]));
    let changes = Options { changes: true };
    let renderer = Renderer::new(board, telemetry.clone(), clock, changes, Registry::new());
    advance(Duration::from_millis(250)).await;
    telemetry.organization("acme");
    telemetry.http_request("metrics", 200, Duration::from_secs(1));
    let reading = reading::protobuf(&renderer.page(Format::Protobuf).unwrap().to_bytes());
    assert_eq!(reading, reading::open_metrics(&renderer.page(Format::OpenMetrics).unwrap().to_bytes()));
    for ((name, labels), birth) in &reading.births {
        let since = if labels.contains_key("organization") { START * 1_000 + 250 } else { START * 1_000 };
        assert_eq!(*birth, since, "{name} {labels:?}");
    }
    let with_births: BTreeSet<&str> = reading.births.keys().map(|(name, _)| name.as_str()).collect();
    let counting: BTreeSet<&str> = reading
        .families
        .iter()
        .filter(|(_, (kind, _))| kind != "gauge")
        .map(|(name, _)| name.as_str())
        .collect();
    let kept = ["openai_org_user_changes_total", "openai_org_user_role_grants_total"];
    assert_eq!(counting.difference(&with_births).copied().collect::<Vec<_>>(), kept);
}

/// One family of a registry, with its series.
#[derive(Debug, Clone)]
struct Drawn {
    name: String,
    help: String,
    kind: u8,
    labels: BTreeSet<&'static str>,
    series: Vec<(Vec<String>, f64)>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let names = "[a-z_:][a-z0-9_:]{0,6}(_total|_seconds|_bytes|_seconds_total|_created|_info|)";
    let labels = prop::collection::btree_set(prop::sample::select(vec!["a", "organization", "x_y"]), 0..3);
    let series = prop::collection::vec((prop::collection::vec(any::<String>(), 2), any::<f64>()), 1..4);
    (names, ".{1,12}|[\"\\\\\n ]{1,5}", 0..3_u8, labels, series)
        .prop_map(|(name, help, kind, labels, series)| Drawn { name, help, kind, labels, series })
}

impl Drawn {
    /// Puts the family into `registry`, unless there is one of this name.
    fn register(&self, registry: &Registry) {
        let labels: Vec<&str> = self.labels.iter().copied().collect();
        let opts = Opts::new(&self.name, &self.help);
        // A counter has nothing but what was added, and a histogram is of finite numbers.
        let added = |value: f64| if value.is_finite() { value.abs() } else { 0.0 };
        let values = |series: &Vec<String>| series[..labels.len()].to_vec();
        let collector: Box<dyn Collector> = match self.kind {
            0 => {
                let family = CounterVec::new(opts, &labels).unwrap();
                self.series.iter().for_each(|(l, v)| family.with_label_values(&values(l)).inc_by(added(*v)));
                Box::new(family)
            }
            1 => {
                let family = GaugeVec::new(opts, &labels).unwrap();
                self.series.iter().for_each(|(l, v)| family.with_label_values(&values(l)).set(*v));
                Box::new(family)
            }
            _ => {
                let mut bounds: Vec<f64> =
                    self.series.iter().map(|(_, value)| *value).filter(|value| value.is_finite()).collect();
                bounds.extend([1e-5, 1.0, 1e6]);
                bounds.sort_by(f64::total_cmp);
                bounds.dedup();
                let family = HistogramVec::new(HistogramOpts::from(opts).buckets(bounds), &labels).unwrap();
                self.series.iter().for_each(|(l, v)| family.with_label_values(&values(l)).observe(*v));
                Box::new(family)
            }
        };
        let _ = registry.register(collector);
    }
}

fn field<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Field<T>> {
    prop_oneof![1 => Just(Field::Absent), 1 => Just(Field::Null), 4 => value.prop_map(Field::Value)]
}

fn user() -> impl Strategy<Value = User<'static>> {
    let text = || "owner|reader|.{0,3}|[\"\\\\\n]{1,3}".prop_map(std::borrow::Cow::Owned);
    let project =
        (field(text()), field(text()), field(text())).prop_map(|(id, name, role)| Project { id, name, role });
    let account = (field(any::<bool>()), field(any::<bool>())).prop_map(|(banned, enabled)| Account {
        banned,
        enabled,
        ..Account::default()
    });
    (
        "[a-z]{1,8}",
        field(text()),
        field(text()),
        field(any::<bool>()),
        field(1..START.cast_signed()),
        field(prop::collection::vec(project, 0..3).prop_map(Into::into)),
        field(account),
    )
        .prop_map(|(id, role, persona, flag, time, projects, user)| User {
            id: id.into(),
            role,
            developer_persona: persona,
            is_service_account: flag,
            is_scim_managed: flag,
            added_at: time,
            api_key_last_used_at: time,
            projects,
            user,
            ..User::default()
        })
}

/// The families of an exporter whose organization has these users.
fn of_users(users: &[User<'_>], name: &str) -> (Vec<MetricFamily>, Births) {
    let (registry, clock) = (Registry::new(), Clock::system());
    let telemetry = Telemetry::with_clock(&registry, clock);
    telemetry.organization(name).api_request(Some(200), Duration::from_millis(70));
    let mut composition = Composition::new(Arc::default(), clock.now().whole_unix_seconds());
    let mut roster = Builder::new(None);
    for user in users {
        roster.meet(user);
        composition.add(user);
    }
    let (roster, changes) = roster.finish();
    let (start, end) = (clock.now(), clock.now());
    let summary = Summary { start, end, pages: 1, anomalies: Anomalies::default() };
    let hour = Duration::from_secs(3_600);
    let organization = Organization::new(name, hour, hour);
    organization.publish(CompletedWalk {
        composition,
        tallied: Tallied::default(),
        roster: Arc::new(roster),
        changes,
        boundaries: Arc::default(),
        way: Way::Sequential,
        summary,
    });
    let board = Arc::new(Board::new(vec![Arc::new(organization)]));
    registry.register(Box::new(OrganizationCollector::new(board, clock, Options { changes: true }))).unwrap();
    (registry.gather(), telemetry.births())
}

proptest! {
    #[test]
    fn all_formats_of_any_registry_say_the_same(drawn in prop::collection::vec(drawn(), 0..6)) {
        let registry = Registry::new();
        drawn.iter().for_each(|family| family.register(&registry));
        let families = registry.gather();
        let reading = assert_alike(&families, &Births::default());
        prop_assert_eq!(reading.families.len(), families.len());
        prop_assert_eq!(reading.births, BTreeMap::new());
    }

    #[test]
    fn all_formats_of_any_organization_say_the_same(
        users in prop::collection::vec(user(), 0..12),
        name in ".{1,6}",
    ) {
        let (families, births) = of_users(&users, &name);
        let reading = assert_alike(&families, &births);
        let total = users.iter().map(|user| &user.id).collect::<BTreeSet<_>>().len();
        prop_assert!(reading.samples.len() > 50 && total <= users.len());
        prop_assert!(reading.births.len() > 30 && reading.units.len() > 5);
    }
}
