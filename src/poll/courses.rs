//! Whether an organization is walked in segments or page after page.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Moment;
use crate::snapshot::OrganizationState;
use crate::walk::{Boundaries, Way};

/// One walk in so long is sequential, whatever happens; and all are, for so long, where segments come to nothing.
const DAY: Duration = Duration::from_secs(86_400);

/// After so many walks in a row whose segments came to nothing they are given up for a day.
const MOST_IN_VAIN: u32 = 3;

/// What is remembered of earlier walks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Courses {
    in_vain: u32,
    /// Whether a walk in segments failed, and none has been completed since.
    failed: bool,
    sequential_until: Option<Instant>,
}

impl Courses {
    /// The boundaries that a walk goes by which begins at `now`, where it is not sequential.
    pub(super) fn boundaries(&self, state: &OrganizationState, now: &Moment) -> Option<Arc<Boundaries>> {
        let is_due = state.last_sequential.is_none_or(|start| now.since(&start) >= DAY);
        let are_given_up = self.sequential_until.is_some_and(|until| now.instant < until);
        state.boundaries.clone().filter(|_| !is_due && !are_given_up && !self.failed)
    }

    /// A walk was completed at `now` that went this way, or whose segments missed users whom a walk page after page met.
    pub(super) fn completed(&mut self, way: Way, now: &Moment) {
        match way {
            // What failed in segments succeeds page after page.
            Way::Sequential if self.failed => self.in_vain += 1,
            Way::Sequential => {}
            // What is read behind boundaries that fall is read twice.
            Way::Segmented { stood, of } if stood * 2 > of => self.in_vain = 0,
            Way::Segmented { .. } | Way::FellBack => self.in_vain += 1,
        }
        self.failed = false;
        if self.in_vain >= MOST_IN_VAIN {
            *self = Self { sequential_until: Some(now.instant + DAY), ..Self::default() };
        }
    }

    /// A walk failed that went this way: after one in segments the next is sequential.
    pub(super) fn failed(&mut self, way: Way) {
        self.failed |= way != Way::Sequential;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::clock::Clock;

    fn state(clock: Clock) -> OrganizationState {
        OrganizationState {
            boundaries: Some(Arc::new(Boundaries::new(["a".into()], 10))),
            last_sequential: Some(clock.now()),
            ..OrganizationState::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_walk_a_day_is_sequential() {
        let (clock, courses) = (Clock::starting_at(1_800_000_000), Courses::default());
        let state = state(clock);
        assert_eq!(courses.boundaries(&state, &clock.now()), state.boundaries);
        advance(DAY - Duration::from_secs(1)).await;
        assert_eq!(courses.boundaries(&state, &clock.now()), state.boundaries);
        advance(Duration::from_secs(1)).await;
        assert_eq!(courses.boundaries(&state, &clock.now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_sequential_walk_before_it_a_walk_is_one() {
        let (clock, courses) = (Clock::starting_at(1_800_000_000), Courses::default());
        let never = OrganizationState { last_sequential: None, ..state(clock) };
        assert_eq!(courses.boundaries(&never, &clock.now()), None);
        let nothing_kept = OrganizationState { boundaries: None, ..state(clock) };
        assert_eq!(courses.boundaries(&nothing_kept, &clock.now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn after_three_walks_in_vain_in_a_row_all_are_sequential_for_a_day() {
        let (clock, mut courses) = (Clock::starting_at(1_800_000_000), Courses::default());
        let goes_by_boundaries =
            |courses: &Courses| courses.boundaries(&state(clock), &clock.now()).is_some();
        for way in [
            Way::FellBack,
            Way::Segmented { stood: 2, of: 5 },
            Way::Segmented { stood: 3, of: 5 },
            Way::FellBack,
            Way::Sequential,
            Way::FellBack,
        ] {
            courses.completed(way, &clock.now());
            assert!(goes_by_boundaries(&courses), "{way:?}");
        }
        courses.completed(Way::Segmented { stood: 2, of: 5 }, &clock.now());
        assert!(!goes_by_boundaries(&courses));
        advance(DAY - Duration::from_secs(1)).await;
        assert!(!goes_by_boundaries(&courses));
        advance(Duration::from_secs(1)).await;
        assert!(goes_by_boundaries(&courses), "and then they are tried again");
        courses.completed(Way::FellBack, &clock.now());
        assert!(goes_by_boundaries(&courses));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_walk_in_segments_that_failed_walks_are_sequential_until_one_is_completed() {
        let (clock, mut courses) = (Clock::starting_at(1_800_000_000), Courses::default());
        let goes_by_boundaries =
            |courses: &Courses| courses.boundaries(&state(clock), &clock.now()).is_some();
        courses.failed(Way::Sequential);
        assert!(goes_by_boundaries(&courses));
        for _ in 0..2 {
            courses.failed(Way::Segmented { stood: 0, of: 5 });
            courses.failed(Way::Sequential);
            assert!(!goes_by_boundaries(&courses));
            courses.completed(Way::Sequential, &clock.now());
            assert!(goes_by_boundaries(&courses));
        }
        courses.failed(Way::Segmented { stood: 0, of: 5 });
        courses.completed(Way::Sequential, &clock.now());
        assert!(!goes_by_boundaries(&courses), "a third time is enough for a day");
    }
}
