//! When the next walk starts: pure.

use std::hash::Hasher;
use std::time::Duration;

use siphasher::sip::SipHasher13;
use tokio::time::Instant;

/// The wait after a failure is never shorter than this, unless the interval is.
const SHORTEST_RETRY: Duration = Duration::from_secs(10);

/// The schedule of one organization.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    interval: Duration,
    /// The part of the interval between the first walk and the second, at most 1.
    first: f64,
}

impl Schedule {
    /// Walks every `interval`, from start to start.
    pub fn every(interval: Duration) -> Self {
        Self { interval, first: 1.0 }
    }

    /// The same with another interval.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// The same for one organization among many: all walk at once when the exporter starts, so the second walk comes
    /// after half an interval to a whole one, by a hash of `name`, and from then on they are spread.
    #[must_use]
    pub fn spread_by(self, name: &str) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(name.as_bytes());
        #[expect(clippy::cast_precision_loss, reason = "a fraction needs no 64 bits")]
        let fraction = hasher.finish() as f64 / u64::MAX as f64;
        Self { first: 0.5 + fraction / 2.0, ..self }
    }

    /// The next start after a walk that began at `start` and succeeded. `chance` is between 0 and 1.
    pub(super) fn after_success(&self, start: Instant, first: bool, chance: f64) -> Instant {
        let part = if first { self.first } else { 1.0 };
        start + jittered(self.interval.mul_f64(part), chance)
    }

    /// The next start after the API refused the key: no sooner than usual.
    pub(super) fn after_refusal(&self, start: Instant, chance: f64) -> Instant {
        self.after_success(start, false, chance)
    }

    /// The next start after a walk that failed at `end`: an eighth of the interval, at least 10 s, and not above the
    /// interval.
    pub(super) fn after_failure(&self, end: Instant, chance: f64) -> Instant {
        end + jittered((self.interval / 8).max(SHORTEST_RETRY).min(self.interval), chance)
    }
}

/// Up to a fortieth more or less, so that many exporters do not keep in step.
fn jittered(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(1.0 + (chance.clamp(0.0, 1.0) - 0.5) / 20.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NO_JITTER: f64 = 0.5;

    fn seconds(of: impl Fn(&Schedule, Instant) -> Instant, interval: u64) -> u64 {
        let now = Instant::now();
        (of(&Schedule::every(Duration::from_secs(interval)), now) - now).as_secs()
    }

    #[test]
    fn a_failed_walk_is_retried_sooner() {
        let wait = |interval| seconds(|schedule, now| schedule.after_failure(now, NO_JITTER), interval);
        assert_eq!((wait(300), wait(80), wait(30), wait(5)), (37, 10, 10, 5));
    }

    #[test]
    fn a_refused_key_is_not_retried_sooner() {
        assert_eq!(seconds(|schedule, now| schedule.after_refusal(now, NO_JITTER), 300), 300);
    }

    #[test]
    fn one_organization_alone_keeps_its_interval_from_the_first_walk_on() {
        assert_eq!(seconds(|schedule, now| schedule.after_success(now, true, NO_JITTER), 300), 300);
    }

    #[test]
    fn many_organizations_are_spread_over_half_an_interval() {
        let firsts: Vec<f64> = (0..200)
            .map(|number| Schedule::every(Duration::from_secs(300)).spread_by(&format!("org-{number}")).first)
            .collect();
        assert!(firsts.iter().all(|first| (0.5..=1.0).contains(first)));
        let early = firsts.iter().filter(|first| **first < 0.75).count();
        assert!((70..130).contains(&early), "{early} of 200 in the first half");
    }

    proptest! {
        #[test]
        fn jitter_moves_a_start_by_a_fortieth_at_most(interval in 1u64..100_000, chance in 0.0..1.0f64) {
            let now = Instant::now();
            let interval = Duration::from_secs(interval);
            let wait = Schedule::every(interval).after_success(now, false, chance) - now;
            prop_assert!(wait >= interval.mul_f64(0.974) && wait <= interval.mul_f64(1.026));
        }
    }
}
