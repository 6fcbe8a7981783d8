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
}
