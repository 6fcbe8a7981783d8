//! Complaints in the log, few enough that nobody who is refused can fill it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The time in which one complaint of a kind is made.
const PERIOD: Duration = Duration::from_secs(60);

/// When which kind was last complained of, and how often it was left out since.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<HashMap<&'static str, (Instant, u64)>>);

impl Complaints {
    /// Whether to complain of `kind` now: if so, how many complaints of it were left out since the last one.
    pub(super) fn due(&self, kind: &'static str) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match kinds.get_mut(kind) {
            Some((last, left_out)) if now.duration_since(*last) < PERIOD => {
                *left_out += 1;
                None
            }
            known => {
                let left_out = known.map_or(0, |(_, left_out)| *left_out);
                kinds.insert(kind, (now, 0));
                Some(left_out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_kind_is_complained_of_once_in_a_while_and_says_how_many_were_left_out() {
        let complaints = Complaints::default();
        assert_eq!(complaints.due("a"), Some(0));
        assert_eq!(complaints.due("b"), Some(0));
        for _ in 0..1000 {
            assert_eq!(complaints.due("a"), None);
        }
        advance(PERIOD).await;
        assert_eq!(complaints.due("a"), Some(1000));
        assert_eq!(complaints.due("b"), Some(0));
        assert_eq!(complaints.due("a"), None);
    }
}
