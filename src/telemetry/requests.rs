//! What is counted of the requests that are served: numbers alone, as it is read with each of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::distribution::Distribution;
use super::series::{Count, collected, described};
use crate::catalog::{self, Family};

/// The families of requests, by name.
pub const REQUEST_FAMILIES: [&Family; 2] = [&catalog::HTTP_REQUEST_DURATION, &catalog::HTTP_REQUESTS];

/// The requests served so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Requests {
    /// By status code and handler.
    counts: BTreeMap<(u16, &'static str), u64>,
    durations: BTreeMap<&'static str, Distribution>,
}

/// The requests as they are counted. Clones share the same.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    requests: Arc<Mutex<Requests>>,
    descriptions: Arc<[Desc]>,
}

impl Requests {
    /// Gives `tell` the label values and the count of each series of `family`, in the order of the values.
    #[expect(clippy::cast_precision_loss, reason = "a number of requests is far below 2^53")]
    pub fn series(&self, family: &Family, mut tell: impl FnMut(&[&str], Count<'_>)) {
        if family.name == catalog::HTTP_REQUESTS.name {
            for ((code, handler), count) in &self.counts {
                tell(&[&code.to_string(), handler], Count::Number(*count as f64));
            }
        } else if family.name == catalog::HTTP_REQUEST_DURATION.name {
            for (handler, durations) in &self.durations {
                tell(&[handler], Count::Distribution(durations));
            }
        }
    }
}

impl Counter {
    pub(super) fn new() -> Self {
        Self { requests: Arc::default(), descriptions: described(&REQUEST_FAMILIES) }
    }

    pub(super) fn count(&self, handler: &'static str, code: u16, duration: Duration) {
        let mut requests = self.requests();
        *requests.counts.entry((code, handler)).or_default() += 1;
        let durations = requests.durations.entry(handler);
        durations.or_insert_with(|| Distribution::of(&catalog::HTTP_REQUEST_DURATION)).observe(duration);
    }

    /// Those counted by now.
    pub(super) fn now(&self) -> Requests {
        self.requests().clone()
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same for whoever gathers a registry.
impl Collector for Counter {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let now = self.now();
        REQUEST_FAMILIES.map(|family| collected(family, |tell| now.series(family, tell))).into()
    }
}
