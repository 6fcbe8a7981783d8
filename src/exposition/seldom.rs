//! A collector whose families cost more than they are worth to whoever asks without a pause.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use tokio::time::Instant;

use crate::clock::Clock;

/// Asks a collector only if its latest answer is older than a certain age.
#[derive(Debug)]
pub struct Seldom<C> {
    collector: C,
    clock: Clock,
    age: Duration,
    latest: Mutex<Option<(Instant, Vec<MetricFamily>)>>,
}

impl<C> Seldom<C> {
    /// What `collector` answers, up to `age` old.
    pub fn new(collector: C, clock: Clock, age: Duration) -> Self {
        Self { collector, clock, age, latest: Mutex::default() }
    }
}

impl<C: Collector> Collector for Seldom<C> {
    fn desc(&self) -> Vec<&Desc> {
        self.collector.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = self.clock.now().instant;
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*latest {
            Some((since, families)) if now.saturating_duration_since(*since) <= self.age => families.clone(),
            _ => {
                let families = self.collector.collect();
                *latest = Some((now, families.clone()));
                families
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::IntCounter;
    use tokio::time::advance;

    use super::*;

    /// Counts how often it is asked.
    struct Counting(IntCounter);

    impl Collector for Counting {
        fn desc(&self) -> Vec<&Desc> {
            self.0.desc()
        }

        fn collect(&self) -> Vec<MetricFamily> {
            self.0.inc();
            self.0.collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_given_again_until_it_is_too_old() {
        let counting = Counting(IntCounter::new("asked_total", "Asked.").unwrap());
        let age = Duration::from_millis(100);
        let seldom = Seldom::new(counting, Clock::starting_at(0), age);
        let asked = || seldom.collect()[0].get_metric()[0].get_counter().get_value();
        assert_eq!([asked(), asked()], [1.0, 1.0]);
        advance(age).await;
        assert_eq!(asked(), 1.0);
        advance(Duration::from_millis(1)).await;
        assert_eq!([asked(), asked()], [2.0, 2.0]);
    }
}
