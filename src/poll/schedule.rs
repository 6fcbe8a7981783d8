//! When the next walk starts: pure.

use std::hash::Hasher;
use std::time::Duration;

use siphasher::sip::SipHasher13;
use tokio::time::Instant;

/// The wait after a failure is never shorter than this, unless the interval is.
const SHORTEST_RETRY: Duration = Duration::from_secs(10);

/// The time between the first walks of two organizations, on average.
const FIRST_START_APART: Duration = Duration::from_millis(100);

/// The schedule of one organization.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    interval: Duration,
    /// The wait before the first walk.
    delay: Duration,
    /// The intervals between the first walk and the second.
    first: f64,
}

impl Schedule {
    /// Walks every `interval`, from start to start.
    pub fn every(interval: Duration) -> Self {
        Self { interval, delay: Duration::ZERO, first: 1.0 }
    }

    /// The same with another interval.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// The same for one of many `organizations`, spread by a hash of its `name`: first walks start over a tenth of a
    /// second for each organization, and an interval at most; second walks half an interval to one and a half later,
    /// so that from then on walks are spread over the whole interval.
    #[must_use]
    pub fn spread_by(self, name: &str, organizations: usize) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(name.as_bytes());
        #[expect(clippy::cast_precision_loss, reason = "a fraction needs no 64 bits")]
        let fraction = hasher.finish() as f64 / u64::MAX as f64;
        let starting = FIRST_START_APART.saturating_mul(u32::try_from(organizations).unwrap_or(u32::MAX));
        Self { delay: starting.min(self.interval).mul_f64(fraction), first: 0.5 + fraction, ..self }
    }

    /// The wait before the first walk.
    pub(super) fn delay(&self) -> Duration {
        self.delay
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

    /// The schedules of so many organizations with an interval of 300 s.
    fn schedules(organizations: usize) -> Vec<Schedule> {
        let schedule = |number| {
            Schedule::every(Duration::from_secs(300)).spread_by(&format!("org-{number}"), organizations)
        };
        (0..organizations).map(schedule).collect()
    }

    #[test]
    fn first_walks_of_many_organizations_start_one_after_the_other() {
        let within = |organizations, seconds: f64| {
            let delays: Vec<f64> =
                schedules(organizations).iter().map(|schedule| schedule.delay().as_secs_f64()).collect();
            let early = delays.iter().filter(|delay| **delay < seconds / 2.0).count();
            assert!(delays.iter().all(|delay| *delay <= seconds));
            assert!(early.abs_diff(organizations / 2) < organizations / 8, "{early} of {organizations}");
        };
        within(200, 20.0);
        within(5_000, 300.0);
    }

    #[test]
    fn later_walks_of_many_organizations_are_spread_over_the_interval() {
        let schedules = schedules(400);
        assert!(schedules.iter().all(|schedule| (0.5..=1.5).contains(&schedule.first)));
        for quarter in 0..4 {
            let from = 0.5 + f64::from(quarter) * 0.25;
            let starts =
                schedules.iter().filter(|schedule| (from..from + 0.25).contains(&schedule.first)).count();
            assert!((65..135).contains(&starts), "{starts} of 400 in quarter {quarter}");
        }
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
