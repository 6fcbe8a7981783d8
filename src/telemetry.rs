//! The exporter's own counters and histograms, handed down as handles: there are no globals.
//!
//! It must not know what the rooms above do; they tell it what happened.

mod births;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::{Collector, MetricVec, MetricVecBuilder},
    proto,
};

use crate::catalog::{self, Family, Kind};
use crate::clock::Clock;

pub use births::Births;

/// All the exporter's own families, registered once. Clones share the same values.
#[derive(Debug, Clone)]
pub struct Telemetry {
    walks: IntCounterVec,
    api_requests: IntCounterVec,
    api_request_duration: HistogramVec,
    api_retries: IntCounterVec,
    api_response_bytes: IntCounterVec,
    api_rate_limit_remaining: GaugeVec,
    walk_anomalies: IntCounterVec,
    http_requests: IntCounterVec,
    http_request_duration: HistogramVec,
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
    clock: Clock,
    births: births::Register,
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
        let births = births::Register::beginning(clock.now().unix_milliseconds());
        let build_info = register(registry, gauges(&catalog::BUILD_INFO));
        build_info
            .with_label_values(&[env!("REVISION"), env!("RUSTC_VERSION"), env!("CARGO_PKG_VERSION")])
            .set(1);
        let state_writes = register(registry, counters(&catalog::STATE_WRITES));
        for result in catalog::STATE_WRITE_RESULTS {
            state_writes.with_label_values(&[result]);
        }
        let http_connections_closed_early =
            register(registry, counters(&catalog::HTTP_CONNECTIONS_CLOSED_EARLY));
        for reason in catalog::CLOSED_EARLY_REASONS {
            http_connections_closed_early.with_label_values(&[reason]);
        }
        Self {
            state_writes,
            http_connections_closed_early,
            last_state_writes: Arc::default(),
            walks: register(registry, counters(&catalog::WALKS)),
            api_requests: register(registry, counters(&catalog::API_REQUESTS)),
            api_request_duration: register(registry, histograms(&catalog::API_REQUEST_DURATION)),
            api_retries: register(registry, counters(&catalog::API_RETRIES)),
            api_response_bytes: register(registry, counters(&catalog::API_RESPONSE_BYTES)),
            api_rate_limit_remaining: register(registry, float_gauges(&catalog::API_RATE_LIMIT_REMAINING)),
            walk_anomalies: register(registry, counters(&catalog::WALK_ANOMALIES)),
            http_requests: register(registry, counters(&catalog::HTTP_REQUESTS)),
            http_request_duration: register(registry, histograms(&catalog::HTTP_REQUEST_DURATION)),
            http_connections: register(
                registry,
                IntGauge::with_opts(opts(&catalog::HTTP_CONNECTIONS)).expect("the catalog's names are valid"),
            ),
            config_reload_successful: register(
                registry,
                IntGauge::with_opts(opts(&catalog::CONFIG_RELOAD_SUCCESSFUL))
                    .expect("the catalog's names are valid"),
            ),
            config_reload_success_timestamp: register(
                registry,
                Gauge::with_opts(opts(&catalog::CONFIG_RELOAD_SUCCESS_TIMESTAMP))
                    .expect("the catalog's names are valid"),
            ),
            tls_handshake_errors: register(registry, counters(&catalog::TLS_HANDSHAKE_ERRORS)),
            web_config_reload_successful: register(registry, gauges(&catalog::WEB_CONFIG_RELOAD_SUCCESSFUL)),
            web_config_reload_success_timestamp: register(
                registry,
                float_gauges(&catalog::WEB_CONFIG_RELOAD_SUCCESS_TIMESTAMP),
            ),
            clock,
            births,
        }
    }

    /// The handle of `organization`, with every known label value at 0 from now on.
    pub fn organization(&self, organization: &str) -> OrganizationTelemetry {
        // Before the series are there, as they go after it: nobody meets a series with the birth of another one.
        self.births.add(organization, self.clock.now().unix_milliseconds());
        for result in catalog::WALK_RESULTS {
            self.walks.with_label_values(&[organization, result]);
        }
        for code in catalog::API_CODES {
            self.api_requests.with_label_values(&[*code, organization]);
        }
        for reason in catalog::RETRY_REASONS {
            self.api_retries.with_label_values(&[organization, reason]);
        }
        for kind in catalog::ANOMALY_KINDS {
            self.walk_anomalies.with_label_values(&[*kind, organization]);
        }
        self.api_request_duration.with_label_values(&[organization]);
        self.api_response_bytes.with_label_values(&[organization]);
        self.handle(organization)
    }

    /// The handle of `organization`, which has no series before it counts.
    pub fn handle(&self, organization: &str) -> OrganizationTelemetry {
        OrganizationTelemetry { organization: organization.to_owned(), all: self.clone() }
    }

    /// Takes away all series of `organizations`. Nobody may count for them any more, or they come back.
    pub fn remove_organizations(&self, organizations: &BTreeSet<&str>) {
        self.births.remove(organizations);
        remove(&self.walks, organizations);
        remove(&self.api_requests, organizations);
        remove(&self.api_request_duration, organizations);
        remove(&self.api_retries, organizations);
        remove(&self.api_response_bytes, organizations);
        remove(&self.api_rate_limit_remaining, organizations);
        remove(&self.walk_anomalies, organizations);
    }

    /// Since when the exporter's own counters count. Whoever reads them too reads this before and after, and believes
    /// what is the same in both.
    pub fn births(&self) -> Births {
        self.births.now()
    }

    /// A request to `handler` was answered with `code` after `duration`.
    pub fn http_request(&self, handler: &str, code: u16, duration: Duration) {
        self.http_requests.with_label_values(&[&code.to_string(), handler]).inc();
        self.http_request_duration.with_label_values(&[handler]).observe(duration.as_secs_f64());
    }

    /// So many connections are open.
    pub fn http_connections(&self, open: usize) {
        self.http_connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// A connection was closed early for `reason`, one of [`catalog::CLOSED_EARLY_REASONS`].
    pub fn http_connection_closed_early(&self, reason: &str) {
        self.http_connections_closed_early.with_label_values(&[reason]).inc();
    }

    /// The state file was written, or could not be, at `unix_milliseconds`.
    pub fn state_write(&self, succeeded: bool, unix_milliseconds: u64) {
        let result = catalog::STATE_WRITE_RESULTS[usize::from(!succeeded)];
        self.state_writes.with_label_values(&[result]).inc();
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
    }

    /// The configuration was to be loaded, and the one before stays in force.
    pub fn config_refused(&self) {
        self.config_reload_successful.set(0);
    }

    /// TLS is served from now on, or still is: every reason why a handshake can fail is there.
    pub fn tls_on(&self) {
        for reason in catalog::TLS_HANDSHAKE_REASONS {
            self.tls_handshake_errors.with_label_values(&[*reason]);
        }
    }

    /// A handshake failed for `reason`, one of [`catalog::TLS_HANDSHAKE_REASONS`].
    pub fn tls_handshake_error(&self, reason: &str) {
        self.tls_handshake_errors.with_label_values(&[reason]).inc();
    }

    /// The web configuration was put in force at `unix_seconds`.
    pub fn web_config_loaded(&self, unix_seconds: f64) {
        self.web_config_reload_successful.with_label_values::<&str>(&[]).set(1);
        self.web_config_reload_success_timestamp.with_label_values::<&str>(&[]).set(unix_seconds);
    }

    /// The web configuration was to be put in force, and the one before stays.
    pub fn web_config_refused(&self) {
        self.web_config_reload_successful.with_label_values::<&str>(&[]).set(0);
    }
}

impl OrganizationTelemetry {
    /// A handle that nobody reads, for walks outside the server.
    pub fn detached(organization: &str) -> Self {
        Telemetry::new(&Registry::new()).organization(organization)
    }

    /// A walk ended with `result`, one of [`catalog::WALK_RESULTS`].
    pub fn walk(&self, result: &str) {
        self.all.walks.with_label_values(&[self.organization.as_str(), result]).inc();
    }

    /// A walk met an anomaly of `kind`, one of [`catalog::ANOMALY_KINDS`].
    pub fn anomaly(&self, kind: &str) {
        self.all.walk_anomalies.with_label_values(&[kind, &self.organization]).inc();
    }

    /// An attempt at a request ended after `duration`, with a status `code` or without an answer.
    pub fn api_request(&self, code: Option<u16>, duration: Duration) {
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        self.all.api_requests.with_label_values(&[code.as_str(), &self.organization]).inc();
        self.all
            .api_request_duration
            .with_label_values(&[self.organization.as_str()])
            .observe(duration.as_secs_f64());
    }

    /// A request is about to be sent again because of `reason`, one of [`catalog::RETRY_REASONS`].
    pub fn api_retry(&self, reason: &str) {
        self.all.api_retries.with_label_values(&[self.organization.as_str(), reason]).inc();
    }

    /// `bytes` of a body came in, after decompression.
    pub fn api_response_bytes(&self, bytes: u64) {
        self.all.api_response_bytes.with_label_values(&[self.organization.as_str()]).inc_by(bytes);
    }

    /// The API says that `requests` are left in this window.
    pub fn api_rate_limit_remaining(&self, requests: f64) {
        self.all.api_rate_limit_remaining.with_label_values(&[self.organization.as_str()]).set(requests);
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

fn histograms(family: &Family) -> HistogramVec {
    let mut opts = HistogramOpts::new(family.name, family.help);
    if let Kind::Histogram(bounds) = family.kind {
        opts = opts.buckets(bounds.to_vec());
    }
    HistogramVec::new(opts, family.labels).expect("the catalog's names are valid")
}

/// Takes away the series of `organizations`, whatever their other labels are: a code is any that came.
fn remove<B: MetricVecBuilder>(family: &MetricVec<B>, organizations: &BTreeSet<&str>)
where
    MetricVec<B>: Collector,
{
    for series in family.collect().iter().flat_map(proto::MetricFamily::get_metric) {
        let labels: HashMap<&str, &str> =
            series.get_label().iter().map(|label| (label.name(), label.value())).collect();
        if labels.get("organization").is_some_and(|organization| organizations.contains(organization)) {
            let _ = family.remove(&labels);
        }
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    registry.register(Box::new(collector.clone())).expect("each family is registered once");
    collector
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the families that have a series with `organization`.
    fn families_of(organization: &str, registry: &Registry) -> BTreeSet<String> {
        let is_its =
            |label: &proto::LabelPair| label.name() == "organization" && label.value() == organization;
        let gathered = registry.gather();
        let with_it = gathered
            .iter()
            .filter(|family| family.get_metric().iter().any(|metric| metric.get_label().iter().any(is_its)));
        with_it.map(|family| family.name().to_owned()).collect()
    }

    fn count_everything(telemetry: &OrganizationTelemetry) {
        telemetry.walk("success");
        telemetry.anomaly("duplicate");
        telemetry.api_request(Some(418), Duration::from_secs(1));
        telemetry.api_request(None, Duration::from_secs(1));
        telemetry.api_retry("timeout");
        telemetry.api_response_bytes(1);
        telemetry.api_rate_limit_remaining(1.0);
    }

    #[test]
    fn a_removed_organization_leaves_every_family_and_comes_back_at_zero() {
        let registry = Registry::new();
        let telemetry = Telemetry::new(&registry);
        for name in ["acme", "acme2"] {
            count_everything(&telemetry.organization(name));
        }
        let ours: BTreeSet<String> = catalog::all()
            .filter(|family| {
                family.part == catalog::Part::Exporter && family.labels.contains(&"organization")
            })
            .map(|family| family.name.to_owned())
            .collect();
        assert_eq!(families_of("acme", &registry), ours, "a family that this test does not fill");

        telemetry.remove_organizations(&BTreeSet::from(["acme"]));
        assert_eq!(families_of("acme", &registry), BTreeSet::new());
        assert_eq!(families_of("acme2", &registry), ours);

        telemetry.organization("acme");
        assert_eq!(telemetry.walks.with_label_values(&["acme", "success"]).get(), 0);
        assert_eq!(telemetry.walks.with_label_values(&["acme2", "success"]).get(), 1);
    }

    #[test]
    fn a_handle_alone_shows_nothing() {
        let registry = Registry::new();
        let _handle = Telemetry::new(&registry).handle("acme");
        assert_eq!(families_of("acme", &registry), BTreeSet::new());
    }

    #[test]
    fn a_refused_configuration_leaves_the_time_of_the_last_good_one() {
        let telemetry = Telemetry::new(&Registry::new());
        telemetry.config_loaded(1.5);
        telemetry.config_refused();
        assert_eq!(telemetry.config_reload_successful.get(), 0);
        assert_eq!(telemetry.config_reload_success_timestamp.get(), 1.5);
    }
}
