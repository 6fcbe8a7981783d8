use std::mem::size_of;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::admin_api::{Field, User};
use crate::clock::Clock;
use crate::composition::{Figures, Row};
use crate::policy::Tallied;
use crate::roster::{Builder, Roster};
use crate::snapshot::{Anomalies, Summary};

const START: u64 = 1_800_000_000;

fn row(labels: [&'static str; 4], value: u64) -> Row<4> {
    Row { labels: labels.map(Into::into), value }
}

fn moment(seconds: u64) -> Moment {
    Clock::starting_at(seconds).now()
}

/// The snapshot of a walk that took no time.
fn snapshot(at: u64, figures: Figures) -> Snapshot {
    let (start, end) = (moment(at), moment(at));
    let summary = Summary { start, end, pages: 1, anomalies: Anomalies::default() };
    Snapshot {
        figures,
        users: 0,
        fingerprint: 0,
        tallied: Tallied::default(),
        options: Arc::default(),
        summary,
    }
}

fn of_users(at: u64, users: u64) -> Snapshot {
    snapshot(
        at,
        Figures { users: vec![row(["owner", "user", "true", "active"], users)], ..Figures::default() },
    )
}

fn roster(before: Option<Arc<Roster>>, users: u64) -> (Arc<Roster>, Option<Changes>) {
    let mut builder = Builder::new(before);
    for user in 0..users {
        let (id, role) = (format!("user-{user}").into(), Field::Value("owner".into()));
        builder.meet(&User { id, role, ..User::default() });
    }
    let (roster, changes) = builder.finish();
    (Arc::new(roster), changes)
}

/// The changes of a walk that found so many more users.
fn added(users: u64) -> Changes {
    let (before, _) = roster(None, 1);
    roster(Some(before), 1 + users).1.unwrap()
}

fn failure(at: u64, result: &'static str, status: Option<u16>) -> Failure {
    let walk = LastWalk { end: moment(at), duration: Duration::ZERO, pages: 0, failure: Some(result) };
    Failure { walk, status }
}

#[tokio::test(start_paused = true)]
async fn a_point_has_the_totals_of_its_snapshot() {
    let figures = Figures {
        users: vec![
            row(["owner", "user", "false", "active"], 2),
            row(["reader", "user", "false", "active"], 3),
            row(["reader", "user", "true", "active"], 5),
            row(["reader", "service_account", "false", "active"], 7),
        ],
        ..Figures::default()
    };
    let history = History::default().with_snapshot(&snapshot(START, figures), None);
    let point = Point {
        start: START,
        users: 17,
        owners: Some(2),
        service_accounts: Some(7),
        people_outside_scim: Some(5),
    };
    assert_eq!(history.points(&moment(START)).collect::<Vec<_>>(), [point]);
}

#[tokio::test(start_paused = true)]
async fn what_the_api_did_not_tell_is_absent_and_not_zero() {
    let figures =
        Figures { users: vec![row(["unknown", "unknown", "unknown", "unknown"], 4)], ..Figures::default() };
    let history = History::default().with_snapshot(&snapshot(START, figures), None);
    let point =
        Point { start: START, users: 4, owners: None, service_accounts: None, people_outside_scim: None };
    assert_eq!(history.points(&moment(START)).collect::<Vec<_>>(), [point]);
}

#[tokio::test(start_paused = true)]
async fn a_day_of_walks_every_five_minutes_is_kept_whole() {
    let mut history = History::default();
    for walk in 0..600 {
        history = history.with_snapshot(&of_users(START + walk * 300, walk), Some(&Changes::default()));
    }
    let last = START + 599 * 300;
    let points: Vec<Point> = history.points(&moment(last)).collect();
    assert_eq!((points.len(), points[0].users, points[288].users), (289, 311, 599));
    // What is a day old goes, whether walks succeed or not.
    let later: Vec<Point> = history.points(&moment(last + 86_400 - 300)).collect();
    assert_eq!((later.len(), later[0].users), (2, 598));
    assert_eq!(history.points(&moment(last + 86_401)).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn many_walks_are_thinned_evenly_and_the_newest_is_always_there() {
    let mut history = History::default();
    for walk in 0..20_000 {
        history = history.with_snapshot(&of_users(START + walk * 5, walk), Some(&Changes::default()));
        assert!(history.points.len() <= MOST_POINTS);
        assert_eq!(history.points(&moment(START + walk * 5)).last().unwrap().users, walk);
        assert!(history.points.capacity() <= MOST_POINTS + 1);
    }
    let points: Vec<Point> = history.points(&moment(START + 19_999 * 5)).collect();
    let apart: Vec<u64> = points.windows(2).map(|pair| pair[1].start - pair[0].start).collect();
    assert!(points.len() > MOST_POINTS / 3, "{}", points.len());
    assert!(apart[..apart.len() - 1].iter().all(|apart| (300..=900).contains(apart)), "{apart:?}");
    assert!(points.last().unwrap().start - points[0].start > 85_000);
}

#[tokio::test(start_paused = true)]
async fn changes_of_the_last_day_are_added_up_and_older_ones_forgotten() {
    let mut history = History::default().with_snapshot(&of_users(START, 1), None);
    assert_eq!(history.changes(&moment(START)).unwrap().since, START);
    for hour in 1..=30 {
        history = history.with_snapshot(&of_users(START + hour * 3_600, 1), Some(&added(2)));
    }
    let now = moment(START + 30 * 3_600);
    let changes = history.changes(&now).unwrap();
    // 24 hours and both ends.
    assert_eq!(changes.users[Change::Added as usize], 2 * 25);
    assert_eq!((changes.owners_granted, changes.since), (50, START + 6 * 3_600));
    let later = history.changes(&moment(START + 30 * 3_600 + 60)).unwrap();
    assert_eq!((later.owners_granted, later.since), (48, START + 6 * 3_600 + 900));
    assert_eq!(history.changes(&moment(START + 100 * 3_600)).unwrap().owners_granted, 0);
}

#[tokio::test(start_paused = true)]
async fn before_the_first_snapshot_nothing_is_known_and_a_new_baseline_begins_anew() {
    assert_eq!(History::default().changes(&moment(START)), None);
    let history = History::default()
        .with_snapshot(&of_users(START, 1), Some(&added(3)))
        .with_failure(failure(START + 10, "timeout", None))
        .with_snapshot(&of_users(START + 60, 5), None);
    let changes = history.changes(&moment(START + 60)).unwrap();
    assert_eq!((changes.since, changes.owners_granted), (START + 60, 0));
    assert_eq!(history.points(&moment(START + 60)).map(|point| point.users).collect::<Vec<_>>(), [5]);
    assert_eq!((history.failures().len(), history.failing_since()), (1, None));
}

#[tokio::test(start_paused = true)]
async fn the_latest_failures_are_kept_with_when_they_began() {
    let mut history = History::default();
    for number in 0..15 {
        let (result, status) = if number < 12 { ("connect", None) } else { ("unauthorized", Some(401)) };
        history = history.with_failure(failure(START + number, result, status));
    }
    assert_eq!(history.failures().len(), MOST_FAILURES);
    assert_eq!(history.failures()[0].walk.end.unix_milliseconds(), (START + 5) * 1000);
    let seconds = |moment: Option<&Moment>| moment.unwrap().unix_milliseconds() / 1000;
    assert_eq!((seconds(history.failing_since()), seconds(history.failing_so_since())), (START, START + 12));
    let over = history.with_snapshot(&of_users(START + 20, 1), Some(&Changes::default()));
    assert_eq!((over.failing_since(), over.failing_so_since()), (None, None));
}

#[test]
fn it_is_as_small_as_it_is_said_to_be() {
    assert_eq!((size_of::<Packed>(), size_of::<Span>()), (20, 44));
    let spans = DAY as usize / SPAN as usize + 2;
    let most =
        MOST_POINTS * size_of::<Packed>() + spans * size_of::<Span>() + MOST_FAILURES * size_of::<Failure>();
    assert!(most < 12_000, "{most}");
}

proptest! {
    #[test]
    fn whatever_the_clock_does_it_stays_bounded_and_in_order(
        walks in prop::collection::vec((0u64..5_000_000_000, any::<u64>(), any::<bool>()), 0..400),
    ) {
        let mut history = History::default();
        for (at, users, baseline) in walks {
            let changes = added(1);
            history = history.with_snapshot(&of_users(at, users), (!baseline).then_some(&changes));
            prop_assert!(history.points.len() <= MOST_POINTS && history.spans.len() <= 98);
            let starts: Vec<u64> = history.points(&moment(at)).map(|point| point.start).collect();
            prop_assert!(starts.is_sorted());
            let _ = history.changes(&moment(at));
        }
    }
}
