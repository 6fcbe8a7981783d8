//! A limit of requests, as a bucket that holds some and gets one back every so often.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// How many requests there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The time in which the bucket gets one back; above zero, at most a day.
    pub interval: Duration,
    /// What it holds; at least 1.
    pub burst: u32,
}

/// The bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: RateLimit,
    /// When it will be full again; what is not later than now is full.
    full: Mutex<Instant>,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, full: Mutex::new(Instant::now()) }
    }

    pub(super) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Takes one out. If there is none, the time until there is.
    pub(super) fn take(&self) -> Result<(), Duration> {
        let RateLimit { interval, burst } = self.limit;
        let now = Instant::now();
        let mut full = self.full.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let missing = full.saturating_duration_since(now);
        let most = interval.saturating_mul(burst.saturating_sub(1));
        match missing.checked_sub(most) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *full = now + missing + interval;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_full_bucket_gives_its_burst_and_then_one_for_each_interval() {
        let second = Duration::from_secs(1);
        let bucket = Bucket::new(RateLimit { interval: second, burst: 3 });
        let taken = || (0..10).filter(|_| bucket.take().is_ok()).count();
        assert_eq!(taken(), 3);
        assert_eq!(bucket.take(), Err(second));
        advance(second / 4).await;
        assert_eq!(bucket.take(), Err(second * 3 / 4));
        advance(second * 3 / 4).await;
        assert_eq!(taken(), 1);
        advance(second * 100).await;
        assert_eq!(taken(), 3);
    }

    proptest! {
        #[test]
        fn in_no_time_more_is_given_than_the_burst_and_what_came_back(
            milliseconds in 1u64..1_000,
            burst in 1u32..20,
            waits in prop::collection::vec(0u64..3_000, 1..50),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let interval = Duration::from_millis(milliseconds);
            let (given, passed) = runtime.block_on(async {
                let bucket = Bucket::new(RateLimit { interval, burst });
                let start = Instant::now();
                let mut given = 0u32;
                for wait in waits {
                    advance(Duration::from_millis(wait)).await;
                    while bucket.take().is_ok() {
                        given += 1;
                    }
                }
                (given, start.elapsed())
            });
            let back = passed.as_millis() / interval.as_millis();
            prop_assert!(given >= burst, "it begins full");
            prop_assert!(u128::from(given) <= u128::from(burst) + back);
        }

        #[test]
        fn no_limit_makes_it_panic(days in 0u64..365, nanoseconds in 1u64..1_000_000_000, burst in 1u32..) {
            let interval = Duration::from_secs(days * 86_400) + Duration::from_nanos(nanoseconds);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let bucket = Bucket::new(RateLimit { interval, burst });
                for _ in 0..100 {
                    let _ = bucket.take();
                }
            });
        }
    }
}
