//! How fast a walk goes now.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What is looked back on: a page may take some seconds, and a wait for a retry shows soon.
const WINDOW: Duration = Duration::from_secs(30);
/// Less than that says nothing.
const LEAST: Duration = Duration::from_millis(500);

/// What was seen of a walk, of late.
#[derive(Debug, Default)]
pub(super) struct Pace {
    start: Option<Instant>,
    seen: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// Users per second of the walk that began at `start` and has met `users` by `now`; `None` while it is too early to
    /// say. A walk that starts over is looked at anew.
    pub(super) fn observe(&mut self, start: Instant, now: Instant, users: u64) -> Option<f64> {
        if self.start != Some(start) {
            self.start = Some(start);
            self.seen = VecDeque::from([(start, 0)]);
        }
        if self.seen.back().is_some_and(|(_, before)| users < *before) {
            self.seen.clear();
        }
        self.seen.push_back((now, users));
        while self.seen.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.seen.pop_front();
        }
        let (at, before) = self.seen.front()?;
        let span = now.duration_since(*at);
        // Users of one walk are at most 10 million, which a float holds exactly.
        #[allow(clippy::cast_precision_loss, reason = "see above")]
        (span >= LEAST).then(|| (users - before) as f64 / span.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_30_seconds() {
        let start = Instant::now();
        let mut pace = Pace::default();
        for (seconds, users, expected) in [
            (0.0, 0, None),
            (0.25, 0, None),
            (0.5, 100, Some(200.0)),
            (1.0, 200, Some(200.0)),
            (4.0, 1_000, Some(250.0)),
            (14.0, 1_000, Some(1_000.0 / 14.0)),
            (34.0, 1_000, Some(0.0)),
            (44.0, 1_600, Some(20.0)),
        ] {
            let seen = pace.observe(start, start + Duration::from_secs_f64(seconds), users);
            assert_eq!(seen, expected, "{seconds} s");
        }
    }

    #[test]
    fn another_walk_and_a_walk_that_starts_over_are_looked_at_anew() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        assert_eq!(pace.observe(start, after(10), 5_000), Some(500.0));
        assert_eq!(pace.observe(start, after(11), 100), None);
        assert_eq!(pace.observe(start, after(13), 300), Some(100.0));
        assert_eq!(pace.observe(after(20), after(22), 40), Some(20.0));
    }
}
