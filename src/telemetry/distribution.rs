//! Durations by upper bound.

use std::time::Duration;

use crate::catalog::{Family, Kind};

/// The durations of one series of a histogram, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    bounds: &'static [f64],
    /// Those up to each bound and above the one before.
    within: Box<[u64]>,
    count: u64,
    sum: f64,
}

impl Distribution {
    /// None yet, by the bounds of `family`.
    pub(super) fn of(family: &Family) -> Self {
        let bounds = match family.kind {
            Kind::Histogram(bounds) => bounds,
            Kind::Gauge | Kind::Counter => &[],
        };
        Self { bounds, within: vec![0; bounds.len()].into(), count: 0, sum: 0.0 }
    }

    pub(super) fn observe(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        if let Some(at) = self.bounds.iter().position(|bound| seconds <= *bound) {
            self.within[at] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Each bound, and how many there are up to it.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let cumulative = self.within.iter().scan(0, |sum, within| {
            *sum += within;
            Some(*sum)
        });
        self.bounds.iter().copied().zip(cumulative).collect()
    }
}
