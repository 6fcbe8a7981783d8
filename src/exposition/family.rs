//! A family and its series as the formats write them, wherever they come from.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use crate::catalog::{Family, Kind};

/// The units that names end in.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// The suffix of counters.
const TOTAL: &str = "_total";

/// What is said of a family before its samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'f> {
    pub(super) name: &'f str,
    pub(super) help: &'f str,
    pub(super) kind: MetricType,
}

/// One series: its labels, and what it is at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series<'s> {
    pub(super) labels: &'s [(&'s str, &'s str)],
    pub(super) value: Value<'s>,
    /// Since when it counts, in Unix milliseconds, where it does and that is known.
    pub(super) birth: Option<u64>,
}

/// What a series is at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'s> {
    Counter(f64),
    Gauge(f64),
    /// Buckets are upper bounds and cumulative counts, that of infinity left out.
    Histogram {
        count: u64,
        sum: f64,
        buckets: &'s [(f64, u64)],
    },
    Summary {
        count: u64,
        sum: f64,
        quantiles: &'s [(f64, f64)],
    },
}

impl Head<'_> {
    /// The name without the suffix of counters, and whether it is a counter that has it.
    pub(super) fn base_name(&self) -> (&str, bool) {
        match self.name.strip_suffix(TOTAL) {
            Some(base) if !base.is_empty() && self.kind == MetricType::COUNTER => (base, true),
            _ => (self.name, false),
        }
    }

    /// The unit that the name, without the suffix of counters, ends in.
    pub(super) fn unit(&self) -> Option<&'static str> {
        let (name, _) = self.base_name();
        let is_its = |unit: &&str| name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'));
        UNITS.into_iter().find(|unit| is_its(unit))
    }
}

impl From<&'static Family> for Head<'static> {
    fn from(family: &'static Family) -> Self {
        let kind = match family.kind {
            Kind::Gauge => MetricType::GAUGE,
            Kind::Counter => MetricType::COUNTER,
            Kind::Histogram(_) => MetricType::HISTOGRAM,
        };
        Self { name: family.name, help: family.help, kind }
    }
}

impl<'f> From<&'f MetricFamily> for Head<'f> {
    fn from(family: &'f MetricFamily) -> Self {
        Self { name: family.name(), help: family.help(), kind: family.get_field_type() }
    }
}

/// Has `write` write the series that is `metric` of a family of this `kind`.
pub(super) fn with_series(
    kind: MetricType,
    metric: &Metric,
    birth: Option<u64>,
    write: impl FnOnce(&Series<'_>),
) {
    let labels: Vec<_> = metric.get_label().iter().map(|label| (label.name(), label.value())).collect();
    let (mut buckets, mut quantiles) = (Vec::new(), Vec::new());
    let value = match kind {
        MetricType::COUNTER => Value::Counter(metric.get_counter().get_value()),
        MetricType::HISTOGRAM => {
            let histogram = metric.get_histogram();
            let finite = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound() < f64::INFINITY);
            buckets.extend(finite.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())));
            let (count, sum) = (histogram.get_sample_count(), histogram.get_sample_sum());
            Value::Histogram { count, sum, buckets: &buckets }
        }
        MetricType::SUMMARY => {
            let summary = metric.get_summary();
            let all = summary.get_quantile().iter();
            quantiles.extend(all.map(|quantile| (quantile.quantile(), quantile.value())));
            let (count, sum) = (summary.sample_count(), summary.sample_sum());
            Value::Summary { count, sum, quantiles: &quantiles }
        }
        _ => Value::Gauge(metric.get_gauge().get_value()),
    };
    write(&Series { labels: &labels, value, birth });
}
