//! The one collector over the board: all samples of all organizations, made anew. It loads the state of each
//! organization once, so that nobody meets two walks mixed. Who is scraped writes them with
//! [`Renderer`](super::Renderer).

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::samples::{self, Options, families};
use crate::catalog::{Family, Kind};
use crate::clock::Clock;
use crate::snapshot::Board;

/// Collects composition and freshness of all organizations.
#[derive(Debug)]
pub struct OrganizationCollector {
    board: Arc<Board>,
    clock: Clock,
    options: Options,
    descriptions: Vec<Desc>,
}

/// Samples in the making, by family.
struct Families(Vec<(&'static Family, Vec<proto::Metric>)>);

impl OrganizationCollector {
    /// A collector over `board`.
    ///
    /// # Panics
    ///
    /// If the catalog holds a name that Prometheus does not allow.
    pub fn new(board: Arc<Board>, clock: Clock, options: Options) -> Self {
        let describe = |family: &Family| {
            let labels = family.labels.iter().map(|label| (*label).to_owned()).collect();
            Desc::new(family.name.to_owned(), family.help.to_owned(), labels, Default::default())
                .expect("the catalog's names are valid")
        };
        Self { board, clock, options, descriptions: families().map(describe).collect() }
    }
}

impl Collector for OrganizationCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let now = self.clock.now();
        let mut all = Families(families().map(|family| (family, Vec::new())).collect());
        for organization in self.board.organizations().iter() {
            let (state, timing) = (organization.state(), organization.timing());
            let (policies, snapshot) = (organization.policies(), state.fresh_snapshot(&now, timing.max_age));
            samples::collect(&mut all, self.options, &organization.name, timing, &policies, &state, snapshot);
        }
        all.into_families()
    }
}

impl samples::Samples<'_> for Families {
    fn push(&mut self, family: &'static Family, values: &[&str], value: f64) {
        let mut metric = proto::Metric::default();
        match family.kind {
            Kind::Counter => metric.set_counter({
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                counter
            }),
            _ => metric.set_gauge({
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                gauge
            }),
        }
        let pair = |(name, value): (&str, &str)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name(name.to_owned());
            pair.set_value(value.to_owned());
            pair
        };
        metric.set_label(family.pairs(values).into_iter().map(pair).collect());
        let (_, metrics) = self
            .0
            .iter_mut()
            .find(|(known, _)| known.name == family.name)
            .expect("the collector's families are the catalog's");
        metrics.push(metric);
    }
}

impl Families {
    fn into_families(self) -> Vec<proto::MetricFamily> {
        let family = |(family, metrics): (&Family, Vec<proto::Metric>)| {
            let mut proto = proto::MetricFamily::default();
            proto.set_name(family.name.to_owned());
            proto.set_help(family.help.to_owned());
            proto.set_field_type(match family.kind {
                Kind::Counter => proto::MetricType::COUNTER,
                _ => proto::MetricType::GAUGE,
            });
            proto.set_metric(metrics);
            proto
        };
        self.0.into_iter().map(family).collect()
    }
}

#[cfg(test)]
mod tests;
