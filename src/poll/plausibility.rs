//! Whether a completed walk is believed at once: pure.
//!
//! An API in trouble can answer with half a list and say that it is all, and a key of another organization can be put
//! in by mistake. Such a walk is held back until a second one says the same.

use std::sync::Arc;

use crate::roster::Roster;

/// Up to this many users may leave between two walks, whatever part of all they are.
const ALWAYS_MAY_LEAVE: u64 = 10;

/// The part of all users that two walks must share to confirm each other.
const AGREEMENT: f64 = 0.95;

/// What is held back, and so has to be confirmed.
#[derive(Debug, Clone, Default)]
pub(super) struct Plausibility {
    held: Option<(Doubt, Arc<Roster>)>,
}

/// How many users there were, are, and are in both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) before: u64,
    pub(super) now: u64,
    pub(super) shared: u64,
}

/// Why a walk is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Too many users are gone.
    Drop,
    /// Hardly anybody was there before.
    DifferentOrganization,
}

/// What to do with a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is published, with its changes.
    Publish,
    /// The same, after it was held back.
    PublishDrop,
    /// It is published as a beginning: between two organizations nothing changes.
    NewBaseline,
    /// It waits for a second one.
    HoldBack(Doubt),
}

impl Doubt {
    /// The value of the label `kind`.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Doubt::Drop => "implausible_drop",
            Doubt::DifferentOrganization => "different_organization",
        }
    }

    /// The doubt about a walk, if there is one. `max_drop` is the part of the users that may leave; 0 and 1 allow all.
    fn of(numbers: Numbers, max_drop: f64) -> Option<Self> {
        let Numbers { before, now, shared } = numbers;
        if before > 0 && now > 0 && shared * 2 < before && shared * 2 < now {
            return Some(Doubt::DifferentOrganization);
        }
        let watched = max_drop > 0.0 && max_drop < 1.0;
        let gone = before.saturating_sub(shared);
        let too_many = gone > ALWAYS_MAY_LEAVE && part(gone, before) > max_drop;
        (watched && gone > 0 && (too_many || now == 0)).then_some(Doubt::Drop)
    }
}

impl Numbers {
    /// The numbers of the rosters of two walks.
    pub(super) fn of(before: Option<&Roster>, now: &Roster) -> Self {
        Self {
            before: before.map_or(0, |before| before.len() as u64),
            now: now.len() as u64,
            shared: before.map_or(0, |before| before.shared_with(now)),
        }
    }

    /// Whether so many users are gone that a walk in segments does not suffice to say so.
    pub(super) fn miss_many(self) -> bool {
        let gone = self.before.saturating_sub(self.shared);
        gone > ALWAYS_MAY_LEAVE && gone * 100 > self.before
    }
}

impl Plausibility {
    /// The verdict on the next walk, which met the users of `roster`.
    pub(super) fn judge(&mut self, numbers: Numbers, roster: &Arc<Roster>, max_drop: f64) -> Verdict {
        let Some(doubt) = Doubt::of(numbers, max_drop) else {
            self.held = None;
            return Verdict::Publish;
        };
        match self.held.replace((doubt, roster.clone())) {
            Some((held, first)) if held == doubt && agree(&first, roster) => {
                self.held = None;
                match doubt {
                    Doubt::Drop => Verdict::PublishDrop,
                    Doubt::DifferentOrganization => Verdict::NewBaseline,
                }
            }
            _ => Verdict::HoldBack(doubt),
        }
    }
}

/// Whether two walks met the same users, or all but a few.
fn agree(first: &Roster, second: &Roster) -> bool {
    let all = first.len().max(second.len()) as u64;
    all == 0 || part(first.shared_with(second), all) >= AGREEMENT
}

#[expect(clippy::cast_precision_loss, reason = "users stay far below 2^53")]
fn part(users: u64, all: u64) -> f64 {
    users as f64 / all as f64
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::*;
    use crate::admin_api::User;
    use crate::roster::Builder;

    const HALF: f64 = 0.5;

    fn numbers(before: u64, now: u64, shared: u64) -> Numbers {
        Numbers { before, now, shared }
    }

    #[test]
    fn more_than_half_and_more_than_ten_gone_is_in_doubt() {
        let doubt = |before, now| Doubt::of(numbers(before, now, now.min(before)), HALF);
        assert_eq!(doubt(100, 50), None);
        assert_eq!(doubt(100, 49), Some(Doubt::Drop));
        assert_eq!(doubt(14, 4), None, "ten may always leave");
        assert_eq!(doubt(14, 3), Some(Doubt::Drop));
        assert_eq!(doubt(100, 1_000), None, "growth is no drop");
    }

    #[test]
    fn nobody_where_somebody_was_is_in_doubt_however_few_they_were() {
        assert_eq!(Doubt::of(numbers(1, 0, 0), HALF), Some(Doubt::Drop));
        assert_eq!(Doubt::of(numbers(0, 0, 0), HALF), None);
        assert_eq!(Doubt::of(numbers(0, 5, 0), HALF), None);
    }

    #[test]
    fn more_than_a_hundredth_and_more_than_ten_gone_is_confirmed() {
        let many = |before, shared| numbers(before, shared, shared).miss_many();
        assert!(!many(1_000, 990) && many(1_000, 989), "ten may always leave");
        assert!(!many(10_000, 9_900) && many(10_000, 9_899));
        assert!(many(11, 0) && !many(10, 0) && !many(0, 0));
        assert!(numbers(1_000, 1_000, 900).miss_many(), "others who came instead do not count");
    }

    #[test]
    fn the_part_is_configured_and_0_and_1_switch_it_off() {
        let doubt = |now, max_drop| Doubt::of(numbers(100, now, now), max_drop);
        assert_eq!((doubt(79, 0.2), doubt(80, 0.2)), (Some(Doubt::Drop), None));
        assert_eq!((doubt(21, 0.8), doubt(19, 0.8)), (None, Some(Doubt::Drop)));
        assert_eq!((doubt(0, 0.0), doubt(0, 1.0)), (None, None));
    }

    #[test]
    fn other_people_are_another_organization_but_growth_and_a_drop_are_not() {
        let doubt = |before, now, shared| Doubt::of(numbers(before, now, shared), HALF);
        assert_eq!(doubt(100, 100, 49), Some(Doubt::DifferentOrganization));
        assert_eq!(doubt(100, 100, 50), None);
        assert_eq!(doubt(10, 1_000, 10), None, "everybody is still there");
        assert_eq!(doubt(1_000, 20, 20), Some(Doubt::Drop), "they were all there before");
        assert_eq!(doubt(1_000, 502, 251), Some(Doubt::Drop), "who came does not make up for who is gone");
        assert_eq!(doubt(1_000, 20, 3), Some(Doubt::DifferentOrganization));
    }

    /// Rosters of users by number that can be compared with each other.
    struct Rosters(Arc<Roster>);

    impl Rosters {
        fn of(&self, users: Range<u32>) -> Arc<Roster> {
            let mut builder = Builder::new(Some(self.0.clone()));
            for number in users {
                builder.meet(&User { id: format!("user-{number}").into(), ..User::default() });
            }
            Arc::new(builder.finish().0)
        }

        /// The verdicts on walks after a published one of `before`.
        fn judge(&self, before: Range<u32>, walks: &[Range<u32>], max_drop: f64) -> Vec<Verdict> {
            let (before, mut plausibility) = (self.of(before), Plausibility::default());
            let judge = |users: &Range<u32>| {
                let roster = self.of(users.clone());
                plausibility.judge(Numbers::of(Some(&before), &roster), &roster, max_drop)
            };
            walks.iter().map(judge).collect()
        }
    }

    fn rosters() -> Rosters {
        Rosters(Arc::new(Roster::new()))
    }

    const HELD: Verdict = Verdict::HoldBack(Doubt::Drop);
    const OTHER: Verdict = Verdict::HoldBack(Doubt::DifferentOrganization);

    #[test]
    fn a_second_walk_that_met_the_same_users_confirms_the_first() {
        let judge = |walks: &[Range<u32>]| rosters().judge(0..1_000, walks, HALF);
        assert_eq!(judge(&[0..100, 0..95]), [HELD, Verdict::PublishDrop]);
        assert_eq!(judge(&[0..100, 0..94, 0..0, 0..0]), [HELD, HELD, HELD, Verdict::PublishDrop]);
        assert_eq!(judge(&[0..100, 100..200]), [HELD, HELD], "as many, and others");
    }

    #[test]
    fn a_good_walk_in_between_takes_the_doubt_away() {
        let verdicts = rosters().judge(0..1_000, &[0..100, 0..990, 0..100], HALF);
        assert_eq!(verdicts, [HELD, Verdict::Publish, HELD]);
    }

    #[test]
    fn another_organization_is_a_new_baseline_once_confirmed() {
        let judge = |walks: &[Range<u32>]| rosters().judge(0..100, walks, 0.1);
        assert_eq!(judge(&[500..580, 500..579]), [OTHER, Verdict::NewBaseline]);
        assert_eq!(judge(&[500..580, 600..680]), [OTHER, OTHER], "as many, and a third organization");
        assert_eq!(judge(&[0..30, 500..530]), [HELD, OTHER], "one doubt does not confirm another");
    }

    proptest! {
        #[test]
        fn whatever_is_lost_is_in_doubt(before in 0u64..2_000, now in 0u64..2_000, share in 0.0..1.0f64) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of few users")]
            let shared = (before.min(now) as f64 * share) as u64;
            let doubt = Doubt::of(numbers(before, now, shared), HALF);
            let lost = before > 0 && now == 0 || before - shared > 10 && shared * 2 < before;
            if lost {
                prop_assert!(doubt.is_some());
            }
        }
    }
}
