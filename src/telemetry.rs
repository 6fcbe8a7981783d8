//! The exporter's own counters and histograms, handed down as handles: there are no globals.
//!
//! It must not know what the rooms above do; they tell it what happened.

mod births;
mod changes;
mod distribution;
mod organizations;
mod requests;
mod series;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{
    Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, core::Collector, proto,
};

use crate::catalog::{self, Family};
use crate::clock::Clock;

use self::changes::Changes;
use self::organizations::{Counts, Ledger, count};
use self::requests::Counter;

pub use births::Births;
pub use distribution::Distribution;
pub use organizations::{Counts as OrganizationCounts, ORGANIZATION_FAMILIES};
pub use requests::{REQUEST_FAMILIES, Requests};
pub use series::Count;

/// All the exporter's own families, registered once. Clones share the same values.
#[derive(Debug, Clone)]
pub struct Telemetry {
    organizations: Ledger,
    /// The families of the process but for those of requests.
    process: Registry,
    requests: Counter,
    tls_handshake_errors: IntCounterVec,
    http_connections: IntGauge,
    http_connections_closed_early: IntCounterVec,
    state_writes: IntCounterVec,
    last_state_writes: Arc<Mutex<StateWrites>>,
    config_reload_successful: IntGauge,
    config_reload_success_timestamp: Gauge,
    /// Without labels, and so without a series before there is a web configuration.
    web_config_reload_successful: IntGaugeVec,
    web_config_reload_success_timestamp: GaugeVec,
    /// Of all but the requests.
    changes: Changes,
    clock: Clock,
    /// Since when the process counts, in Unix milliseconds.
    birth: u64,
}

/// How writing the state file went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateWrites {
    /// Whether the latest attempt succeeded.
    pub succeeded: Option<bool>,
    /// The latest success, in Unix milliseconds.
    pub last_success: Option<u64>,
}

/// The handle of one organization.
#[derive(Debug, Clone)]
pub struct OrganizationTelemetry {
    organization: String,
    all: Telemetry,
}

impl Telemetry {
    /// Registers the families with `registry`; they begin at 0 now, by the system's clock.
    ///
    /// # Panics
    ///
    /// If they are registered there already.
    pub fn new(registry: &Registry) -> Self {
        Self::with_clock(registry, Clock::system())
    }

    /// The same by `clock`.
    ///
    /// # Panics
    ///
    /// If the families are registered there already.
    pub fn with_clock(registry: &Registry, clock: Clock) -> Self {
        // Read before anything can count.
        let birth = clock.now().unix_milliseconds();
        let process = Registry::new();
        let both = Both { process: &process, registry };
        let build_info = both.register(gauges(&catalog::BUILD_INFO));
        build_info
            .with_label_values(&[env!("REVISION"), env!("RUSTC_VERSION"), env!("CARGO_PKG_VERSION")])
            .set(1);
        let state_writes = both.register(counters(&catalog::STATE_WRITES));
        for result in catalog::STATE_WRITE_RESULTS {
            state_writes.with_label_values(&[result]);
        }
        let http_connections_closed_early = both.register(counters(&catalog::HTTP_CONNECTIONS_CLOSED_EARLY));
        for reason in catalog::CLOSED_EARLY_REASONS {
            http_connections_closed_early.with_label_values(&[reason]);
        }
        let changes = Changes::default();
        let organizations = Ledger::new(changes.clone());
        let requests = Counter::new();
        registry.register(Box::new(organizations.clone())).expect("each family is registered once");
        registry.register(Box::new(requests.clone())).expect("each family is registered once");
        Self {
            organizations,
            state_writes,
            http_connections_closed_early,
            last_state_writes: Arc::default(),
            requests,
            http_connections: both.register(
                IntGauge::with_opts(opts(&catalog::HTTP_CONNECTIONS)).expect("the catalog's names are valid"),
            ),
            config_reload_successful: both.register(
                IntGauge::with_opts(opts(&catalog::CONFIG_RELOAD_SUCCESSFUL))
                    .expect("the catalog's names are valid"),
            ),
            config_reload_success_timestamp: both.register(
                Gauge::with_opts(opts(&catalog::CONFIG_RELOAD_SUCCESS_TIMESTAMP))
                    .expect("the catalog's names are valid"),
            ),
            tls_handshake_errors: both.register(counters(&catalog::TLS_HANDSHAKE_ERRORS)),
            web_config_reload_successful: both.register(gauges(&catalog::WEB_CONFIG_RELOAD_SUCCESSFUL)),
            web_config_reload_success_timestamp: both
                .register(float_gauges(&catalog::WEB_CONFIG_RELOAD_SUCCESS_TIMESTAMP)),
            process,
            changes,
            clock,
            birth,
        }
    }

    /// The handle of `organization`, with every known label value at 0 from now on.
    pub fn organization(&self, organization: &str) -> OrganizationTelemetry {
        self.organizations.begin(organization, self.clock.now().unix_milliseconds());
        self.handle(organization)
    }

    /// The handle of `organization`, which has no series before it counts.
    pub fn handle(&self, organization: &str) -> OrganizationTelemetry {
        OrganizationTelemetry { organization: organization.to_owned(), all: self.clone() }
    }

    /// Takes away all series of `organizations`. Nobody may count for them any more, or they come back.
    pub fn remove_organizations(&self, organizations: &BTreeSet<&str>) {
        self.organizations.remove(organizations);
    }

    /// The exporter's own families but for [`REQUEST_FAMILIES`] and [`ORGANIZATION_FAMILIES`], those without samples left
    /// out.
    pub fn process_families(&self) -> Vec<proto::MetricFamily> {
        self.process.gather()
    }

    /// Since when the counters of the process count.
    pub fn process_births(&self) -> Births {
        Births { process: Some(self.birth), ..Births::default() }
    }

    /// What is counted of requests by now.
    pub fn requests(&self) -> Requests {
        self.requests.now()
    }

    /// What is counted of organizations by now, by their names.
    pub fn organizations(&self) -> Vec<(Arc<str>, Arc<OrganizationCounts>)> {
        self.organizations.all()
    }

    /// How often something was counted or set by now, requests left out: whoever has read everything does not learn more as
    /// long as this stays what it was before.
    pub fn changes(&self) -> u64 {
        self.changes.so_far()
    }

    /// Since when all of the exporter's own counters count.
    pub fn births(&self) -> Births {
        let birth = |(name, counts): (Arc<str>, Arc<Counts>)| Some((name.to_string(), counts.birth()?));
        let organizations = self.organizations().into_iter().filter_map(birth).collect();
        Births { process: Some(self.birth), organizations }
    }

    /// A request to `handler` was answered with `code` after `duration`.
    pub fn http_request(&self, handler: &'static str, code: u16, duration: Duration) {
        self.requests.count(handler, code, duration);
    }

    /// So many connections are open.
    pub fn http_connections(&self, open: usize) {
        self.http_connections.set(i64::try_from(open).unwrap_or(i64::MAX));
        self.changes.one_more();
    }

    /// A connection was closed early for `reason`, one of [`catalog::CLOSED_EARLY_REASONS`].
    pub fn http_connection_closed_early(&self, reason: &str) {
        self.http_connections_closed_early.with_label_values(&[reason]).inc();
        self.changes.one_more();
    }

    /// The state file was written, or could not be, at `unix_milliseconds`.
    pub fn state_write(&self, succeeded: bool, unix_milliseconds: u64) {
        let result = catalog::STATE_WRITE_RESULTS[usize::from(!succeeded)];
        self.state_writes.with_label_values(&[result]).inc();
        self.changes.one_more();
        let mut writes = self.last_state_writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.succeeded = Some(succeeded);
        if succeeded {
            writes.last_success = Some(unix_milliseconds);
        }
    }

    /// How writing the state file went.
    pub fn state_writes(&self) -> StateWrites {
        *self.last_state_writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the latest loading of the configuration succeeded, and when one did last, in Unix milliseconds.
    pub fn configuration(&self) -> (bool, Option<u64>) {
        let loaded =
            Duration::try_from_secs_f64(self.config_reload_success_timestamp.get()).unwrap_or_default();
        let loaded = u64::try_from(loaded.as_millis()).ok().filter(|loaded| *loaded > 0);
        (self.config_reload_successful.get() == 1, loaded)
    }

    /// The configuration was loaded at `unix_seconds`.
    pub fn config_loaded(&self, unix_seconds: f64) {
        self.config_reload_successful.set(1);
        self.config_reload_success_timestamp.set(unix_seconds);
        self.changes.one_more();
    }

    /// The configuration was to be loaded, and the one before stays in force.
    pub fn config_refused(&self) {
        self.config_reload_successful.set(0);
        self.changes.one_more();
    }

    /// TLS is served from now on, or still is: every reason why a handshake can fail is there.
    pub fn tls_on(&self) {
        for reason in catalog::TLS_HANDSHAKE_REASONS {
            self.tls_handshake_errors.with_label_values(&[*reason]);
        }
        self.changes.one_more();
    }

    /// A handshake failed for `reason`, one of [`catalog::TLS_HANDSHAKE_REASONS`].
    pub fn tls_handshake_error(&self, reason: &str) {
        self.tls_handshake_errors.with_label_values(&[reason]).inc();
        self.changes.one_more();
    }

    /// The web configuration was put in force at `unix_seconds`.
    pub fn web_config_loaded(&self, unix_seconds: f64) {
        self.web_config_reload_successful.with_label_values::<&str>(&[]).set(1);
        self.web_config_reload_success_timestamp.with_label_values::<&str>(&[]).set(unix_seconds);
        self.changes.one_more();
    }

    /// The web configuration was to be put in force, and the one before stays.
    pub fn web_config_refused(&self) {
        self.web_config_reload_successful.with_label_values::<&str>(&[]).set(0);
        self.changes.one_more();
    }
}

impl OrganizationTelemetry {
    /// A handle that nobody reads, for walks outside the server.
    pub fn detached(organization: &str) -> Self {
        Telemetry::new(&Registry::new()).organization(organization)
    }

    /// A walk ended with `result`, one of [`catalog::WALK_RESULTS`].
    pub fn walk(&self, result: &str) {
        self.change(|counts| count(&mut counts.walks, result));
    }

    /// A walk met an anomaly of `kind`, one of [`catalog::ANOMALY_KINDS`].
    pub fn anomaly(&self, kind: &str) {
        self.change(|counts| count(&mut counts.walk_anomalies, kind));
    }

    /// An attempt at a request ended after `duration`, with a status `code` or without an answer.
    pub fn api_request(&self, code: Option<u16>, duration: Duration) {
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        self.change(|counts| {
            count(&mut counts.api_requests, &code);
            counts.durations().observe(duration);
        });
    }

    /// A request is about to be sent again because of `reason`, one of [`catalog::RETRY_REASONS`].
    pub fn api_retry(&self, reason: &str) {
        self.change(|counts| count(&mut counts.api_retries, reason));
    }

    /// `bytes` of a body came in, after decompression.
    pub fn api_response_bytes(&self, bytes: u64) {
        self.change(|counts| *counts.api_response_bytes.get_or_insert_default() += bytes);
    }

    /// The API says that `requests` are left in this window.
    pub fn api_rate_limit_remaining(&self, requests: f64) {
        self.change(|counts| counts.api_rate_limit_remaining = Some(requests));
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        self.all.organizations.change(&self.organization, change);
    }
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn counters(family: &Family) -> IntCounterVec {
    IntCounterVec::new(opts(family), family.labels).expect("the catalog's names are valid")
}

fn gauges(family: &Family) -> IntGaugeVec {
    IntGaugeVec::new(opts(family), family.labels).expect("the catalog's names are valid")
}

fn float_gauges(family: &Family) -> GaugeVec {
    GaugeVec::new(opts(family), family.labels).expect("the catalog's names are valid")
}

/// Where the families of the process are registered.
struct Both<'r> {
    process: &'r Registry,
    registry: &'r Registry,
}

impl Both<'_> {
    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> C {
        for registry in [self.process, self.registry] {
            registry.register(Box::new(collector.clone())).expect("each family is registered once");
        }
        collector
    }
}

#[cfg(test)]
mod tests;
