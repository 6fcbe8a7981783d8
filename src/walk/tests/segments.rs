//! Walks in segments, against the walk page after page.

use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::Registry;
use prometheus::proto::Metric;
use tokio::task::yield_now;

use super::*;
use crate::telemetry::Telemetry;

/// A list that is walked by so many at a time, and whose answers overtake each other.
struct Parallel {
    list: List,
    walkers: usize,
    /// How long the next answers take, in turns of the scheduler.
    delays: Vec<usize>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Parallel {
    fn new(list: List, walkers: usize) -> Self {
        let (in_flight, most_in_flight) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { list, walkers, delays: vec![0], in_flight, most_in_flight }
    }

    fn delayed(self, delays: Vec<usize>) -> Self {
        Self { delays, ..self }
    }

    /// Walks by `boundaries`, as if there had been enough pages.
    async fn walk_by(&self, boundaries: &[&str]) -> Result<CompletedWalk, Box<FailedWalk>> {
        let ids = boundaries.iter().map(|id| (*id).into());
        let before = Before { roster: None, boundaries: Some(Arc::new(Boundaries::new(ids, 1_000))) };
        let telemetry = OrganizationTelemetry::detached("acme");
        walk(self, &options(), before, Clock::starting_at(1_800_000_000), &telemetry, &Meter::default()).await
    }

    /// Who was counted, each once, and which way the walk went.
    async fn counted_by(&self, boundaries: &[&str]) -> (Vec<String>, Way) {
        let walk = self.walk_by(boundaries).await.unwrap_or_else(|failed| panic!("{}", failed.error));
        let counted = counted(&walk);
        assert!(counted.values().all(|times| *times == 1), "{counted:?}");
        assert_eq!((counted.len(), walk.composition.users()), (walk.roster.len(), walk.roster.len() as u64));
        (counted.into_keys().collect(), way(&walk))
    }
}

impl Pages for Parallel {
    fn walkers(&self) -> usize {
        self.walkers
    }

    async fn list_users(&self, after: Option<&str>, number: u64, deadline: Instant) -> Result<Body, Error> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Ordering::Relaxed);
        for _ in 0..self.delays[usize::try_from(number).unwrap() % self.delays.len()] {
            yield_now().await;
        }
        let answer = self.list.list_users(after, number, deadline).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    fn detail(&self, number: u64, cause: String) -> Box<Detail> {
        self.list.detail(number, cause)
    }
}

/// Which way a walk went, without how many segments there were at first.
fn way(walk: &CompletedWalk) -> Way {
    match walk.way {
        Way::Segmented { stood, .. } => in_segments(stood),
        other => other,
    }
}

/// What a walk in so many segments says, whatever there were at first.
fn in_segments(stood: usize) -> Way {
    Way::Segmented { stood, of: 0 }
}

fn names(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn telemetry() -> (Registry, OrganizationTelemetry) {
    let registry = Registry::new();
    let telemetry = Telemetry::new(&registry).organization("acme");
    (registry, telemetry)
}

/// The counter of segments that were no chain.
fn mismatches(registry: &Registry) -> f64 {
    let families = registry.gather();
    let anomalies = families.iter().find(|family| family.name().ends_with("walk_anomalies_total")).unwrap();
    let is_mismatch =
        |metric: &&Metric| metric.get_label().iter().any(|label| label.value() == "segment_mismatch");
    anomalies.get_metric().iter().find(is_mismatch).unwrap().get_counter().get_value()
}

const ALL: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

#[tokio::test]
async fn segments_are_walked_at_the_same_time_and_are_the_whole_list() {
    let pages = Parallel::new(list(&ALL, 2), 3).delayed(vec![3]);
    assert_eq!(pages.counted_by(&["c", "g"]).await, (names(&ALL), in_segments(3)));
    assert_eq!(pages.most_in_flight.into_inner(), 3);
    let mut asked = pages.list.asked();
    asked.sort();
    // Nothing is asked for twice but what lies on both sides of a boundary.
    assert_eq!(asked, [None, Some("b".into()), Some("c".into()), Some("e".into()), Some("g".into())]);
}

#[tokio::test]
async fn no_more_walkers_are_sent_out_than_there_are() {
    let pages = Parallel::new(list(&ALL, 1), 2).delayed(vec![3, 1, 2]);
    assert_eq!(pages.counted_by(&["b", "c", "d", "f", "g", "h"]).await, (names(&ALL), in_segments(7)));
    assert_eq!(pages.most_in_flight.into_inner(), 2);
}

#[tokio::test]
async fn a_single_walker_and_a_small_organization_walk_page_after_page() {
    let (_, went) = Parallel::new(list(&ALL, 2), 1).counted_by(&["c", "g"]).await;
    assert_eq!(went, Way::Sequential);
    let before = Before { roster: None, boundaries: Some(Arc::new(Boundaries::new(["c".into()], 9))) };
    let (pages, telemetry) = (Parallel::new(list(&ALL, 2), 4), OrganizationTelemetry::detached("acme"));
    let walk =
        walk(&pages, &options(), before, Clock::starting_at(0), &telemetry, &Meter::default()).await.unwrap();
    assert_eq!(way(&walk), Way::Sequential);
}

#[tokio::test]
async fn boundaries_that_are_refused_or_lead_nowhere_are_left_out() {
    for unknown in [UnknownCursor::Refuse(404), UnknownCursor::Refuse(400), UnknownCursor::AnswerNothing] {
        let mut list = list(&ALL, 2);
        list.unknown_cursor = unknown;
        let pages = Parallel::new(list, 3).delayed(vec![2, 0, 1]);
        assert_eq!(pages.counted_by(&["gone", "c", "left", "g", "x"]).await, (names(&ALL), in_segments(3)));
    }
}

#[tokio::test]
async fn with_all_boundaries_gone_the_walk_is_sequential_and_says_so() {
    let pages = Parallel::new(list(&ALL, 2), 3);
    assert_eq!(pages.counted_by(&["x", "y", "z"]).await, (names(&ALL), in_segments(1)));
}

#[tokio::test]
async fn a_server_that_knows_no_old_cursor_is_not_asked_for_all_of_them() {
    let gone: Vec<String> = (0..300).map(|number| format!("gone-{number}")).collect();
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    let pages = Parallel::new(list(&ALL, 2), 4);
    assert_eq!(pages.counted_by(&gone).await, (names(&ALL), in_segments(1)));
    let in_vain = pages.list.asked().iter().flatten().filter(|cursor| cursor.starts_with("gone")).count();
    assert!(in_vain <= 8, "{in_vain} requests");
}

#[tokio::test]
async fn where_some_boundaries_lead_on_those_that_do_not_are_no_reason_to_give_up_the_others() {
    let all: Vec<String> = (0..120).map(|number| format!("{number:03}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let pages = Parallel::new(list(&all, 4), 8);
    let boundaries =
        ["gone-1", "010", "gone-2", "gone-3", "040", "gone-4", "060", "070", "080", "090", "100", "110"];
    let walk = pages.walk_by(&boundaries).await.unwrap();
    assert_eq!((walk.composition.users(), way(&walk)), (120, in_segments(9)));
}

/// A list that answers c, which a walk page after page never asks for, with what stands three places on.
struct Skipping(Parallel);

impl Pages for Skipping {
    fn walkers(&self) -> usize {
        3
    }

    async fn list_users(&self, after: Option<&str>, number: u64, deadline: Instant) -> Result<Body, Error> {
        let after = if after == Some("c") { Some("e") } else { after };
        self.0.list_users(after, number, deadline).await
    }

    fn detail(&self, number: u64, cause: String) -> Box<Detail> {
        self.0.detail(number, cause)
    }
}

#[tokio::test]
async fn a_segment_that_does_not_begin_behind_its_boundary_is_left_out() {
    for delays in [vec![0], vec![0, 0, 9], vec![0, 9, 0], vec![5, 0]] {
        let pages = Skipping(Parallel::new(list(&ALL, 2), 3).delayed(delays));
        let before = Before {
            roster: None,
            boundaries: Some(Arc::new(Boundaries::new(["c", "g"].map(Box::from), 1_000))),
        };
        let telemetry = OrganizationTelemetry::detached("acme");
        let walk = walk(&pages, &options(), before, Clock::starting_at(0), &telemetry, &Meter::default())
            .await
            .unwrap();
        assert_eq!(
            (counted(&walk).into_keys().collect::<Vec<_>>(), way(&walk)),
            (names(&ALL), in_segments(2))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_boundary_that_fails_or_hangs_at_its_first_request_does_not_fail_the_walk() {
    for unknown in [UnknownCursor::Refuse(500), UnknownCursor::Hang] {
        let mut list = list(&ALL, 2);
        list.unknown_cursor = unknown;
        let walk = Parallel::new(list, 4).walk_by(&["c", "gone", "g"]).await.unwrap();
        assert_eq!((counted(&walk).len(), way(&walk)), (9, in_segments(3)));
        assert_eq!(walk.summary.duration(), Duration::ZERO, "nobody waits for what is of no use");
    }
}

#[tokio::test]
async fn an_end_that_users_further_on_contradict_throws_the_attempt_away() {
    let list = list(&ALL, 2).answering(1, Answer::Text(page(&["a", "b"], false)));
    let pages = Parallel::new(list, 3).delayed(vec![0, 9, 0]);
    assert_eq!(pages.counted_by(&["c", "g"]).await, (names(&ALL), Way::FellBack));
}

#[tokio::test]
async fn what_is_thrown_away_counts_for_nothing() {
    // Behind what it does not know the server begins with the third user: nothing of that is kept, nor measured.
    let mut list = list(&ALL, 1);
    list.unknown_cursor = UnknownCursor::AnswerFrom(2);
    let pages = Parallel::new(list, 2).delayed(vec![0, 3, 1]);
    let (meter, telemetry) = (Meter::default(), OrganizationTelemetry::detached("acme"));
    let ids = ["gone", "g"].map(Box::from);
    let before = Before { roster: None, boundaries: Some(Arc::new(Boundaries::new(ids, 10))) };
    let walk = walk(&pages, &options(), before, Clock::starting_at(0), &telemetry, &meter).await.unwrap();
    assert_eq!((way(&walk), meter.users()), (in_segments(2), 9));
    assert_eq!(walk.summary.anomalies, NONE);
}

/// A list that is walked by fewer and fewer.
struct Slowing(Parallel, AtomicUsize);

impl Pages for Slowing {
    fn walkers(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }

    async fn list_users(&self, after: Option<&str>, number: u64, deadline: Instant) -> Result<Body, Error> {
        if number == 10 {
            self.1.store(2, Ordering::Relaxed);
        }
        if number == 30 {
            self.0.most_in_flight.store(0, Ordering::Relaxed);
        }
        self.0.list_users(after, number, deadline).await
    }

    fn detail(&self, number: u64, cause: String) -> Box<Detail> {
        self.0.detail(number, cause)
    }
}

#[tokio::test]
async fn walkers_that_are_too_many_rest_and_go_on_later() {
    let all: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let pages = Slowing(Parallel::new(list(&all, 2), 0).delayed(vec![1]), AtomicUsize::new(8));
    let ids = ["020", "040", "060", "080", "100", "120", "140"].map(Box::from);
    let before = Before { roster: None, boundaries: Some(Arc::new(Boundaries::new(ids, 100))) };
    let telemetry = OrganizationTelemetry::detached("acme");
    let walk =
        walk(&pages, &options(), before, Clock::starting_at(0), &telemetry, &Meter::default()).await.unwrap();
    assert_eq!((walk.composition.users(), way(&walk)), (200, in_segments(8)));
    assert_eq!(pages.0.most_in_flight.into_inner(), 2);
    // Nobody asks twice for what he has, and the pages of 8 segments are 104.
    assert!(pages.0.list.asked().len() <= 104, "{}", pages.0.list.asked().len());
}

#[tokio::test]
async fn boundaries_in_another_order_than_the_list_count_no_one_twice() {
    for boundaries in [["g", "c"], ["i", "a"], ["a", "i"], ["c", "c"]] {
        for delays in [vec![0], vec![5, 0], vec![0, 5], vec![0, 0, 9]] {
            let pages = Parallel::new(list(&ALL, 2), 3).delayed(delays);
            assert_eq!(pages.counted_by(&boundaries).await.0, names(&ALL));
        }
    }
}

#[tokio::test]
async fn the_last_user_as_a_boundary_leads_to_the_end() {
    assert_eq!(Parallel::new(list(&ALL, 2), 3).counted_by(&["i"]).await, (names(&ALL), in_segments(1)));
}

#[tokio::test]
async fn somebody_in_two_segments_throws_the_attempt_away() {
    let twice = ["a", "b", "c", "d", "b", "f"];
    let pages = Parallel::new(list(&twice, 3), 3);
    let (registry, telemetry) = telemetry();
    let before = Before { roster: None, boundaries: Some(Arc::new(Boundaries::new(["c".into()], 10))) };
    let walk =
        walk(&pages, &options(), before, Clock::starting_at(0), &telemetry, &Meter::default()).await.unwrap();
    assert_eq!((way(&walk), walk.summary.anomalies.duplicate), (Way::FellBack, 1));
    assert_eq!(counted(&walk).into_keys().collect::<Vec<_>>(), ["a", "b", "c", "d", "f"]);
    assert_eq!(mismatches(&registry), 1.0);
}

#[tokio::test]
async fn a_page_that_leads_elsewhere_than_behind_its_last_user_throws_the_attempt_away() {
    // The segment from the start would jump over c to f, and the chain would be unbroken.
    for odd in [
        page_with(&["a", "b"], r#""last_id":"f","has_more":true"#),
        page_with::<&str>(&[], r#""last_id":"f","has_more":true"#),
    ] {
        let list = list(&ALL, 2).answering(1, Answer::Text(odd));
        let pages = Parallel::new(list, 2).delayed(vec![0, 0, 9]);
        assert_eq!(pages.counted_by(&["c", "g"]).await, (names(&ALL), Way::FellBack));
    }
}

#[tokio::test]
async fn a_boundary_on_a_page_with_unreadable_records_is_not_used() {
    let users = ["a", "?", "b", "c", "d", "e", "f"];
    let pages = Parallel::new(list(&users, 3), 3);
    let walk = pages.walk_by(&["b", "d"]).await.unwrap();
    assert_eq!(
        (walk.composition.users(), walk.composition.figures().unreadable, way(&walk)),
        (6, 1, in_segments(2))
    );
}

#[tokio::test]
async fn a_segment_goes_on_where_a_boundary_behind_it_fails_later() {
    // The segment from the start meets b at once; what stands behind b is refused after that.
    let list = list(&ALL, 2).answering(2, Answer::Status(404));
    let pages = Parallel::new(list, 2).delayed(vec![0, 0, 9]);
    let (users, way) = pages.counted_by(&["b", "f"]).await;
    assert_eq!((users, way), (names(&ALL), in_segments(2)));
}

/// A list that fails at one cursor.
struct Failing(Parallel, Option<&'static str>);

impl Pages for Failing {
    fn walkers(&self) -> usize {
        3
    }

    async fn list_users(&self, after: Option<&str>, number: u64, deadline: Instant) -> Result<Body, Error> {
        match after == self.1 {
            true => Err(Error::ServerError(Box::default())),
            false => self.0.list_users(after, number, deadline).await,
        }
    }

    fn detail(&self, number: u64, cause: String) -> Box<Detail> {
        self.0.detail(number, cause)
    }
}

/// Behind g, where a page ends, whoever comes that way asks too.
#[tokio::test]
async fn a_failure_fails_the_walk_unless_it_is_the_boundary_that_fails() {
    for (cursor, segments) in
        [(None, None), (Some("b"), None), (Some("e"), None), (Some("c"), Some(2)), (Some("g"), None)]
    {
        let pages = Failing(Parallel::new(list(&ALL, 2), 3), cursor);
        let ids = ["c", "g"].map(Box::from);
        let before = Before { roster: None, boundaries: Some(Arc::new(Boundaries::new(ids, 1_000))) };
        let telemetry = OrganizationTelemetry::detached("acme");
        let walk =
            walk(&pages, &options(), before, Clock::starting_at(0), &telemetry, &Meter::default()).await;
        match segments {
            None => {
                let failed = walk.unwrap_err();
                assert_eq!(failed.error.result(), "server_error", "{cursor:?}");
                assert!(matches!(failed.way, Way::Segmented { stood: 0, .. }));
            }
            Some(stood) => assert_eq!(way(&walk.unwrap()), in_segments(stood), "{cursor:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_hangs_stalls_the_walk() {
    let list = list(&ALL, 2).answering(2, Answer::Hang);
    let failed = Parallel::new(list, 3).walk_by(&["c", "g"]).await.unwrap_err();
    assert_eq!((failed.error.result(), failed.summary.duration()), ("timeout", Duration::from_secs(120)));
}

#[tokio::test]
async fn a_list_without_end_is_left_in_segments_too() {
    let all: Vec<String> = (0..100).map(|number| format!("{number:03}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let before = || Before { roster: None, boundaries: Some(Arc::new(Boundaries::new(["050".into()], 10))) };
    let telemetry = OrganizationTelemetry::detached("acme");
    for (most, expected) in [(100, Some(100)), (99, None)] {
        let pages = Parallel::new(list(&all, 7), 2);
        let walk = walk_on(
            Terms { most, before: before(), audience: None },
            &pages,
            &options(),
            Clock::starting_at(0),
            &telemetry,
            &Meter::default(),
        )
        .await;
        assert_eq!(walk.ok().map(|walk| walk.composition.users()), expected);
    }
}

#[tokio::test]
async fn a_walk_leaves_boundaries_by_which_the_next_one_goes() {
    let all: Vec<String> = (0..2_000).map(|number| format!("u{number:05}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let (pages, telemetry) =
        (Parallel::new(list(&all, 100), 4).delayed(vec![2, 0, 1]), OrganizationTelemetry::detached("acme"));
    let (mut before, mut ways) = (Before::default(), vec![]);
    for _ in 0..4 {
        let walk = walk(&pages, &options(), before, Clock::starting_at(0), &telemetry, &Meter::default())
            .await
            .unwrap();
        assert_eq!(walk.composition.users(), 2_000);
        ways.push(walk.way);
        before = Before { roster: Some(walk.roster), boundaries: Some(walk.boundaries) };
    }
    assert_eq!(ways[0], Way::Sequential);
    assert!(ways[1..].iter().all(|way| matches!(way, Way::Segmented { stood: 5.., .. })), "{ways:?}");
}

/// What a server does with cursors that it does not know.
fn unknown() -> impl Strategy<Value = UnknownCursor> {
    prop_oneof![
        Just(UnknownCursor::Refuse(404)),
        Just(UnknownCursor::AnswerNothing),
        Just(UnknownCursor::Refuse(422)),
        Just(UnknownCursor::Refuse(500)),
        Just(UnknownCursor::GoRound),
        (0usize..40).prop_map(UnknownCursor::AnswerFrom),
    ]
}

fn ids(numbers: Vec<usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("u{number}")).collect()
}

fn strings(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

proptest! {
    /// Any list, also one with a record that cannot be read; any boundaries; any server; answers in any order.
    #[test]
    fn a_list_that_does_not_change_is_counted_as_page_after_page(
        users in prop::collection::btree_set(0usize..60, 0..50).prop_map(Vec::from_iter).prop_shuffle(),
        unreadable in prop::option::of(any::<prop::sample::Index>()),
        boundaries in prop::collection::vec(0usize..60, 1..12),
        page_size in 1usize..9,
        unknown in unknown(),
        walkers in 2usize..6,
        delays in prop::collection::vec(0usize..6, 1..9),
    ) {
        let (mut users, boundaries) = (ids(users), ids(boundaries));
        if let Some(place) = unreadable {
            users.insert(place.index(users.len() + 1), "?".to_owned());
        }
        let in_runtime = |walkers| {
            let mut list = list(&strings(&users), page_size);
            list.unknown_cursor = unknown;
            let pages = Parallel::new(list, walkers).delayed(delays.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(pages.walk_by(&strings(&boundaries)))
        };
        let (sequential, segmented) = (in_runtime(1).unwrap(), in_runtime(walkers));
        if users.is_empty() && segmented.is_err() {
            // The server made up somebody behind a boundary: that nobody is there is not believed at once.
            return Ok(());
        }
        let segmented = segmented.unwrap();
        prop_assert!(sequential.tallied.of(&policy()).is_some());
        prop_assert_eq!(sequential.tallied, segmented.tallied);
        prop_assert_eq!(sequential.composition, segmented.composition);
        prop_assert_eq!(sequential.roster.fingerprint(), segmented.roster.fingerprint());
        prop_assert_eq!(sequential.roster.len(), segmented.roster.len());
    }

    /// Users who leave meanwhile, and a server that refuses what it does not know or answers nothing.
    #[test]
    fn whoever_stays_is_counted_once_in_segments_too(
        users in 1usize..20,
        boundaries in prop::collection::btree_set(0usize..20, 1..10),
        leaving in prop::collection::vec((1u64..30, 0usize..20), 0..20),
        page_size in 1usize..9,
        answers_nothing in any::<bool>(),
        walkers in 2usize..6,
        delays in prop::collection::vec(0usize..6, 1..9),
    ) {
        let users = ids((0..users).collect());
        let boundaries = ids(boundaries.into_iter().collect());
        let mut list = list(&strings(&users), page_size);
        list.leaving = leaving.into_iter().map(|(request, number)| (request, format!("u{number}"))).collect();
        if answers_nothing {
            list.unknown_cursor = UnknownCursor::AnswerNothing;
        }
        let staying: Vec<String> =
            users.iter().filter(|id| list.leaving.iter().all(|(_, leaver)| leaver != *id)).cloned().collect();
        let pages = Parallel::new(list, walkers).delayed(delays);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        match runtime.block_on(pages.walk_by(&strings(&boundaries))) {
            Ok(walk) => {
                let counted = counted(&walk);
                prop_assert!(counted.values().all(|times| *times == 1));
                prop_assert!(staying.iter().all(|id| counted.contains_key(id)), "{:?} of {:?}", counted, staying);
                prop_assert!(counted.keys().all(|id| users.contains(id)));
            }
            Err(failed) => {
                let cause = failed.error.detail().cause.clone().unwrap_or_default();
                prop_assert!(cause.contains("lost twice") || cause.contains("found nobody"), "{}", cause);
            }
        }
    }
}
