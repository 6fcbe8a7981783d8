//! Series that are no more than numbers, as the `prometheus` crate has them.

use std::sync::Arc;

use prometheus::core::Desc;
use prometheus::proto;

use super::distribution::Distribution;
use crate::catalog::{Family, Kind};

/// What one series is at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Count<'c> {
    /// A counter or a gauge.
    Number(f64),
    /// A histogram.
    Distribution(&'c Distribution),
}

pub(super) fn described(families: &[&Family]) -> Arc<[Desc]> {
    let describe = |family: &&Family| {
        let labels = family.labels.iter().map(|label| (*label).to_owned()).collect();
        Desc::new(family.name.to_owned(), family.help.to_owned(), labels, Default::default())
            .expect("the catalog's names are valid")
    };
    families.iter().map(describe).collect()
}

/// `family` with the series that `all` tells of.
pub(super) fn collected(
    family: &Family,
    all: impl FnOnce(&mut dyn FnMut(&[&str], Count<'_>)),
) -> proto::MetricFamily {
    let mut metrics = Vec::new();
    all(&mut |values, count| metrics.push(metric(family, values, count)));
    let mut proto = proto::MetricFamily::default();
    proto.set_name(family.name.to_owned());
    proto.set_help(family.help.to_owned());
    proto.set_field_type(match family.kind {
        Kind::Counter => proto::MetricType::COUNTER,
        Kind::Gauge => proto::MetricType::GAUGE,
        Kind::Histogram(_) => proto::MetricType::HISTOGRAM,
    });
    proto.set_metric(metrics);
    proto
}

fn metric(family: &Family, values: &[&str], count: Count<'_>) -> proto::Metric {
    let mut metric = proto::Metric::default();
    let pair = |(name, value): (&str, &str)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    metric.set_label(family.pairs(values).into_iter().map(pair).collect());
    match count {
        Count::Number(value) if family.kind == Kind::Counter => metric.set_counter({
            let mut counter = proto::Counter::default();
            counter.set_value(value);
            counter
        }),
        Count::Number(value) => metric.set_gauge({
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            gauge
        }),
        Count::Distribution(all) => metric.set_histogram({
            let bucket = |(bound, count)| {
                let mut bucket = proto::Bucket::default();
                bucket.set_upper_bound(bound);
                bucket.set_cumulative_count(count);
                bucket
            };
            let mut histogram = proto::Histogram::default();
            histogram.set_sample_count(all.count());
            histogram.set_sample_sum(all.sum());
            histogram.set_bucket(all.buckets().into_iter().map(bucket).collect());
            histogram
        }),
    }
    metric
}
