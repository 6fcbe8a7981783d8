use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::*;
use crate::admin_api::{Body, Detail, Error};
use crate::roster::Change;

mod plans;
mod segments;

/// Answers each request by a script, the last entry for ever.
struct Script {
    answers: Vec<Answer>,
    asked_at: Mutex<Vec<Instant>>,
}

#[derive(Clone, Copy)]
enum Answer {
    OneUser,
    /// Users by the numbers from the first to before the second.
    Users(u32, u32),
    Fail(fn(Box<Detail>) -> Error),
    Hang,
    Panic,
}

impl Pages for Script {
    async fn list_users(&self, _: Option<&str>, _: u64, deadline: Instant) -> Result<Body, Error> {
        let number = {
            let mut asked_at = self.asked_at.lock().unwrap();
            asked_at.push(Instant::now());
            asked_at.len() - 1
        };
        match self.answers[number.min(self.answers.len() - 1)] {
            Answer::OneUser => Ok(page(0, 1)),
            Answer::Users(from, to) => Ok(page(from, to)),
            Answer::Fail(error) => Err(error(Box::default())),
            Answer::Hang => {
                sleep_until(deadline).await;
                Err(Error::Timeout(Box::default()))
            }
            Answer::Panic => panic!("a fault planted by a test"),
        }
    }

    fn detail(&self, _: u64, _: String) -> Box<Detail> {
        Box::default()
    }
}

fn page(from: u32, to: u32) -> Body {
    let users: Vec<String> =
        (from..to).map(|number| format!(r#"{{"id":"user-{number}","role":"reader"}}"#)).collect();
    let page = format!(r#"{{"object":"list","data":[{}],"has_more":false}}"#, users.join(","));
    Body::new(page.into_bytes(), Box::default())
}

fn plan(script: &Arc<Script>, interval: Duration) -> Plan<Script> {
    Plan {
        pages: script.clone(),
        walk: walk::Options {
            timeout: Duration::from_secs(3600),
            stall_timeout: Duration::from_secs(120),
            composition: Arc::default(),
            policies: Arc::default(),
        },
        schedule: Schedule::every(interval),
        max_drop: 0.5,
    }
}

/// Polls with an interval of 100 s for as long as `duration`, and tells when requests began, in whole seconds.
async fn poll(answers: &[Answer], duration: Duration) -> (Arc<Organization>, Vec<u64>) {
    let script = Arc::new(Script { answers: answers.to_vec(), asked_at: Mutex::default() });
    let interval = Duration::from_secs(100);
    let organization = Arc::new(Organization::new("acme", interval, interval * 3));
    let poller = Poller {
        plan: watch::channel(plan(&script, interval)).1,
        organization: organization.clone(),
        published: Arc::default(),
        clock: Clock::starting_at(1_800_000_000),
        telemetry: OrganizationTelemetry::detached("acme"),
    };
    let shutdown = CancellationToken::new();
    let start = Instant::now();
    let task = tokio::spawn(poller.run(shutdown.clone()));
    sleep(duration).await;
    shutdown.cancel();
    task.await.unwrap();
    assert_eq!(start.elapsed(), duration, "a poller stops at once");
    let asked_at = script.asked_at.lock().unwrap();
    (organization, asked_at.iter().map(|at| (*at - start).as_secs()).collect())
}

fn about(seconds: u64, expected: u64) {
    assert!(seconds.abs_diff(expected) <= 1 + expected / 39, "{seconds} is not about {expected}");
}

#[tokio::test(start_paused = true)]
async fn the_first_walk_starts_at_once_and_the_next_after_the_interval() {
    let (organization, asked) = poll(&[Answer::OneUser], Duration::from_secs(150)).await;
    assert_eq!((asked.len(), asked[0]), (2, 0));
    about(asked[1], 100);
    assert_eq!(organization.state().snapshot.as_ref().unwrap().users, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_walk_keeps_the_last_figures_and_is_retried_sooner() {
    let answers = [Answer::OneUser, Answer::Fail(Error::ServerError), Answer::OneUser];
    let (organization, asked) = poll(&answers, Duration::from_secs(107)).await;
    assert_eq!(asked.len(), 2);
    let state = organization.state();
    assert_eq!(state.last_walk.as_ref().unwrap().failure, Some("server_error"));
    assert_eq!(state.snapshot.as_ref().unwrap().users, 1);

    let (organization, asked) = poll(&answers, Duration::from_secs(130)).await;
    about(asked[2] - asked[1], 12);
    assert_eq!(organization.state().last_walk.as_ref().unwrap().failure, None);
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_waits_for_the_whole_interval() {
    for error in [Error::Unauthorized as fn(Box<Detail>) -> Error, Error::Forbidden] {
        let (_, asked) = poll(&[Answer::Fail(error)], Duration::from_secs(150)).await;
        about(asked[1], 100);
    }
}

#[tokio::test(start_paused = true)]
async fn walks_never_overlap() {
    let (_, asked) = poll(&[Answer::Hang, Answer::OneUser], Duration::from_secs(150)).await;
    about(asked[1], 132);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_walk_and_the_poller_comes_back() {
    let (organization, asked) = poll(&[Answer::OneUser, Answer::Panic], Duration::from_secs(106)).await;
    assert_eq!(asked.len(), 2);
    let state = organization.state();
    assert_eq!(state.last_walk.as_ref().unwrap().failure, Some("panic"));
    assert!(state.snapshot.is_some());
    let (organization, _) = poll(&[Answer::Panic, Answer::OneUser], Duration::from_secs(20)).await;
    assert_eq!(organization.state().last_walk.as_ref().unwrap().failure, None);
}

/// What a board shows after a while: users, why the latest walk failed, users removed and added.
fn shown(organization: &Organization) -> (u64, Option<&'static str>, u64, u64) {
    let state = organization.state();
    let changed = |change| state.changes.changes[change as usize];
    (
        state.snapshot.as_ref().unwrap().users,
        state.last_walk.as_ref().unwrap().failure,
        changed(Change::Removed),
        changed(Change::Added),
    )
}

#[tokio::test(start_paused = true)]
async fn changes_are_counted_from_one_published_walk_to_the_next() {
    let answers = [Answer::Users(0, 20), Answer::Fail(Error::ServerError), Answer::Users(5, 22)];
    let (organization, _) = poll(&answers, Duration::from_secs(140)).await;
    assert_eq!(shown(&organization), (17, None, 5, 2));
    let state = organization.state();
    assert_eq!(state.changes.since, Some(1_800_000_000_000), "the start of the first walk");
    let end = state.last_success.unwrap().unix_milliseconds();
    assert_eq!(state.changes.last_changes[Change::Added as usize], Some(end));
    assert_eq!(state.changes.last_changes[Change::Banned as usize], None);
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_lost_more_than_half_is_published_when_a_second_one_agrees() {
    let answers = [Answer::Users(0, 100), Answer::Users(0, 20), Answer::Users(0, 19), Answer::Hang];
    let (organization, asked) = poll(&answers, Duration::from_secs(150)).await;
    assert_eq!((shown(&organization), asked.len()), ((100, Some("implausible"), 0, 0), 2));
    let (organization, asked) = poll(&answers, Duration::from_secs(170)).await;
    assert_eq!((shown(&organization), asked.len()), ((19, None, 81, 0), 3));
    assert!((60..=61).contains(&(asked[2] - asked[1])), "a minute later");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_whole_again_shows_no_trace_of_the_drop() {
    for drop in [Answer::Users(0, 30), Answer::Users(0, 0)] {
        let answers = [Answer::Users(0, 100), drop, Answer::Users(0, 99), Answer::Hang];
        let (organization, asked) = poll(&answers, Duration::from_secs(170)).await;
        assert_eq!((shown(&organization), asked.len()), ((99, None, 1, 0), 3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_between_confirms_nothing() {
    let answers = [
        Answer::Users(0, 100),
        Answer::Users(0, 9),
        Answer::Fail(Error::ServerError),
        Answer::Users(0, 30),
        Answer::Hang,
    ];
    let (organization, asked) = poll(&answers, Duration::from_secs(200)).await;
    assert_eq!((shown(&organization), asked.len()), ((100, Some("implausible"), 0, 0), 4));
}

#[tokio::test(start_paused = true)]
async fn another_organization_is_held_back_and_then_a_new_baseline_without_changes() {
    let answers = [Answer::Users(0, 30), Answer::Users(100, 140), Answer::Users(100, 141), Answer::Hang];
    let (organization, _) = poll(&answers, Duration::from_secs(150)).await;
    assert_eq!(shown(&organization), (30, Some("implausible"), 0, 0));
    let (organization, _) = poll(&answers, Duration::from_secs(170)).await;
    assert_eq!(shown(&organization), (41, None, 0, 0));
    let state = organization.state();
    let start = state.snapshot.as_ref().unwrap().summary.start.unix_milliseconds();
    assert_eq!(state.changes.since, Some(start), "changes are watched from here on");
}

#[tokio::test(start_paused = true)]
async fn an_organization_tells_whether_it_walks_and_when_the_next_walk_is_due() {
    let (organization, _) = poll(&[Answer::OneUser], Duration::from_secs(50)).await;
    let Activity::Waiting { next: Some(next) } = &*organization.activity() else { panic!("it waits") };
    about(u64::try_from(next.whole_unix_seconds()).unwrap() - 1_800_000_000, 100);
    let (organization, _) = poll(&[Answer::Hang], Duration::from_secs(50)).await;
    let after = organization.activity();
    assert!(
        matches!(*after, Activity::Waiting { next: None }),
        "a walk given up leads to no other: {after:?}"
    );
}
