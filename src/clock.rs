//! What time it is: on the wall, for what is exported, and since the start, for what is measured.
//!
//! Rooms get a [`Clock`] handed in, so that tests move both times together by pausing tokio's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A source of both times.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// `None` reads the system's wall clock; otherwise wall time runs from here with tokio's clock.
    origin: Option<(SystemTime, Instant)>,
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Wall time.
    pub wall: SystemTime,
    /// Monotonic time.
    pub instant: Instant,
}

impl Clock {
    /// The system's clocks.
    pub fn system() -> Self {
        Self { origin: None }
    }

    /// A clock that shows `unix_seconds` now and then runs with tokio's, which tests can pause.
    pub fn starting_at(unix_seconds: u64) -> Self {
        Self { origin: Some((UNIX_EPOCH + Duration::from_secs(unix_seconds), Instant::now())) }
    }

    /// The current moment.
    pub fn now(&self) -> Moment {
        let instant = Instant::now();
        let wall = match self.origin {
            None => SystemTime::now(),
            Some((wall, start)) => wall + (instant - start),
        };
        Moment { wall, instant }
    }
}

impl Moment {
    /// Wall time in Unix seconds, with fractions.
    pub fn unix_seconds(&self) -> f64 {
        self.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    /// Wall time in whole Unix seconds, rounded down.
    pub fn whole_unix_seconds(&self) -> i64 {
        let seconds = self.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        i64::try_from(seconds).unwrap_or(i64::MAX)
    }

    /// Wall time in whole Unix milliseconds, rounded down: as exact as a wall clock is.
    pub fn unix_milliseconds(&self) -> u64 {
        let milliseconds = self.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        u64::try_from(milliseconds).unwrap_or(u64::MAX)
    }

    /// The moment `unix_milliseconds` of the wall clock, as seen from this one, if it is not later.
    pub fn earlier(&self, unix_milliseconds: u64) -> Option<Self> {
        let wall = UNIX_EPOCH.checked_add(Duration::from_millis(unix_milliseconds))?;
        let ago = self.wall.duration_since(wall).ok()?;
        // A machine that was started since then has no monotonic time for it; the wall clock has.
        Some(Self { wall, instant: self.instant.checked_sub(ago).unwrap_or(self.instant) })
    }

    /// The moment at which the monotonic clock shows `instant`, as seen from this one.
    pub fn at(&self, instant: Instant) -> Self {
        let wall = match instant.checked_duration_since(self.instant) {
            Some(ahead) => self.wall.checked_add(ahead),
            None => self.wall.checked_sub(self.instant - instant),
        };
        Self { wall: wall.unwrap_or(self.wall), instant }
    }

    /// How long ago `earlier` was, by whichever clock says longer.
    ///
    /// The monotonic clock stands still while a machine is suspended and the wall clock may be set back; neither
    /// may make an old figure look young.
    pub fn since(&self, earlier: &Moment) -> Duration {
        let monotonic = self.instant.saturating_duration_since(earlier.instant);
        monotonic.max(self.wall.duration_since(earlier.wall).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn both_times_run_together_in_tests() {
        let clock = Clock::starting_at(1_000);
        let start = clock.now();
        tokio::time::advance(Duration::from_millis(2_500)).await;
        let now = clock.now();
        assert_eq!(now.unix_seconds(), 1_002.5);
        assert_eq!(now.whole_unix_seconds(), 1_002);
        assert_eq!(now.since(&start), Duration::from_millis(2_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_of_the_past_is_found_again_and_one_of_the_future_is_none() {
        let now = Clock::starting_at(1_000).now();
        let earlier = now.earlier(400_250).unwrap();
        assert_eq!(earlier.unix_milliseconds(), 400_250);
        assert_eq!(now.since(&earlier), Duration::from_millis(599_750));
        assert_eq!(now.earlier(1_000_000), Some(now));
        assert_eq!(now.earlier(1_000_001), None);
        assert_eq!(now.earlier(u64::MAX), None);
    }

    #[tokio::test(start_paused = true)]
    async fn age_is_the_longer_of_the_two() {
        let start = Clock::starting_at(1_000).now();
        let suspended = Moment { wall: start.wall + Duration::from_secs(3_600), ..start };
        assert_eq!(suspended.since(&start), Duration::from_secs(3_600));
        let set_back = Moment {
            wall: start.wall - Duration::from_secs(3_600),
            instant: start.instant + Duration::from_secs(60),
        };
        assert_eq!(set_back.since(&start), Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_monotonic_time_is_found_on_the_wall() {
        let clock = Clock::starting_at(1_000);
        let start = clock.now();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now().at(start.instant), start);
        assert_eq!(start.at(clock.now().instant), clock.now());
    }
}
