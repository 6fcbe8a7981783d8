use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;
use tokio::time::{Instant, advance, sleep_until, timeout};

use super::*;
use crate::admin_api::{Body, Detail, User};
use crate::policy::{self, Bound, Policy, parse_selector};
use crate::roster::Change;

mod hostile;
mod segments;

/// What a list does with a cursor that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnknownCursor {
    Refuse(u16),
    AnswerNothing,
    /// The page behind that many users.
    AnswerFrom(usize),
    Hang,
    /// Always this user, and that more follow.
    GoRound,
}

/// A list in memory whose answers can be replaced and whose users can leave between requests.
struct List {
    users: Mutex<Vec<String>>,
    page_size: usize,
    unknown_cursor: UnknownCursor,
    /// Answers by the number of the request, from 1, in place of the list's own.
    scripted: BTreeMap<u64, Answer>,
    /// Users who leave before the request with this number.
    leaving: Vec<(u64, String)>,
    asked: Mutex<Vec<Option<String>>>,
}

#[derive(Clone)]
enum Answer {
    Text(String),
    Status(u16),
    Hang,
}

fn list(users: &[&str], page_size: usize) -> List {
    List {
        users: Mutex::new(users.iter().map(|id| (*id).to_owned()).collect()),
        page_size,
        unknown_cursor: UnknownCursor::Refuse(404),
        scripted: BTreeMap::new(),
        leaving: vec![],
        asked: Mutex::default(),
    }
}

impl List {
    fn answering(mut self, request: u64, answer: Answer) -> Self {
        self.scripted.insert(request, answer);
        self
    }

    fn losing(mut self, request: u64, user: &str) -> Self {
        self.leaving.push((request, user.to_owned()));
        self
    }

    fn answering_nothing_to_unknown_cursors(mut self) -> Self {
        self.unknown_cursor = UnknownCursor::AnswerNothing;
        self
    }

    fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().clone()
    }

    fn own_answer(&self, after: Option<&str>) -> Answer {
        let users = self.users.lock().unwrap();
        let start = match after {
            None => Some(0),
            Some(cursor) => users.iter().position(|id| id == cursor).map(|place| place + 1),
        };
        match (start, self.unknown_cursor) {
            (Some(start), _) => {
                let end = (start + self.page_size).min(users.len());
                Answer::Text(page(&users[start..end], end < users.len()))
            }
            (None, UnknownCursor::AnswerFrom(start)) => {
                let start = start.min(users.len());
                let end = (start + self.page_size).min(users.len());
                Answer::Text(page(&users[start..end], end < users.len()))
            }
            (None, UnknownCursor::Hang) => Answer::Hang,
            (None, UnknownCursor::GoRound) => Answer::Text(page(&["round"], true)),
            (None, UnknownCursor::Refuse(status)) => Answer::Status(status),
            (None, UnknownCursor::AnswerNothing) => Answer::Text(page::<String>(&[], false)),
        }
    }
}

/// A page as the API writes it; each user's persona is the id, so that figures tell who was counted.
fn page<S: AsRef<str>>(users: &[S], has_more: bool) -> String {
    let last = users.last().map_or("null".to_owned(), |id| format!("{:?}", id.as_ref()));
    page_with(users, &format!(r#""last_id":{last},"has_more":{has_more}"#))
}

fn page_with<S: AsRef<str>>(users: &[S], ending: &str) -> String {
    let records: Vec<String> = users
        .iter()
        .map(AsRef::as_ref)
        .map(|id| match id {
            "?" => r#"{"object":"organization.user"}"#.to_owned(),
            id => format!(r#"{{"id":{id:?},"developer_persona":{id:?}}}"#),
        })
        .collect();
    format!(r#"{{"object":"list","data":[{}],{ending}}}"#, records.join(","))
}

impl Pages for List {
    async fn list_users(&self, after: Option<&str>, number: u64, deadline: Instant) -> Result<Body, Error> {
        self.asked.lock().unwrap().push(after.map(str::to_owned));
        let gone: Vec<&String> =
            self.leaving.iter().filter(|(request, _)| *request <= number).map(|(_, id)| id).collect();
        self.users.lock().unwrap().retain(|id| !gone.contains(&id));
        match self.scripted.get(&number).cloned().unwrap_or_else(|| self.own_answer(after)) {
            Answer::Text(text) => Ok(Body::new(text.into_bytes(), Box::default())),
            Answer::Status(status @ 400..500) => {
                Err(Error::ClientError(Box::new(Detail { status: Some(status), ..Detail::default() })))
            }
            Answer::Status(status) => {
                Err(Error::ServerError(Box::new(Detail { status: Some(status), ..Detail::default() })))
            }
            Answer::Hang => {
                sleep_until(deadline).await;
                Err(Error::Timeout(Box::default()))
            }
        }
    }

    fn detail(&self, _: u64, cause: String) -> Box<Detail> {
        Box::new(Detail::default().with_cause(cause))
    }
}

/// One that somebody counts for.
fn policy() -> Policy {
    Policy::new(policy::Terms {
        name: "owners".to_owned(),
        select: parse_selector(r#"{role="owner"}"#).unwrap(),
        of: None,
        bound: Bound::MaxShare(0.5),
        severity: "warning".to_owned(),
        description: None,
        exceptions: Vec::new(),
    })
}

fn options() -> Options {
    Options {
        timeout: Duration::from_secs(3600),
        stall_timeout: Duration::from_secs(120),
        composition: Arc::new(composition::Options {
            stale_after: vec![],
            email_domains: vec![],
            projects_limit: 50,
            project_names: true,
        }),
        policies: Arc::new(Policies::new(vec![Arc::new(policy())])),
    }
}

async fn walk_over(list: &List) -> Result<CompletedWalk, Box<FailedWalk>> {
    let telemetry = OrganizationTelemetry::detached("acme");
    walk(
        list,
        &options(),
        Before::default(),
        Clock::starting_at(1_800_000_000),
        &telemetry,
        &Meter::default(),
    )
    .await
}

/// Who was counted, and how often.
fn counted(walk: &CompletedWalk) -> BTreeMap<String, u64> {
    let figures = walk.composition.figures();
    let rows = figures.by_developer_persona.into_iter().filter(|row| row.value > 0);
    rows.map(|row| (row.labels[0].to_string(), row.value)).collect()
}

async fn completed(list: &List) -> (Vec<String>, Anomalies) {
    let walk = walk_over(list).await.unwrap_or_else(|failed| panic!("{}", failed.error));
    let counted = counted(&walk);
    assert!(counted.values().all(|times| *times == 1), "{counted:?}");
    assert_eq!(counted.len(), walk.roster.len());
    assert_eq!(walk.composition.users(), walk.roster.len() as u64);
    (counted.into_keys().collect(), walk.summary.anomalies)
}

async fn failed(list: &List) -> (&'static str, String) {
    let failed = walk_over(list).await.expect_err("the walk should fail");
    (failed.error.result(), failed.error.detail().cause.clone().unwrap_or_default())
}

const NONE: Anomalies = Anomalies { duplicate: 0, missing_cursor: 0, cursor_gone: 0 };

#[tokio::test]
async fn all_pages_are_walked_in_order() {
    let list = list(&["a", "b", "c", "d", "e"], 2);
    let walk = walk_over(&list).await.unwrap();
    assert_eq!(counted(&walk).into_keys().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    assert_eq!(walk.summary.pages, 3);
    assert_eq!(list.asked(), [None, Some("b".into()), Some("d".into())]);
}

/// A list that notes how many pages were accepted at each request.
struct Watched<'m>(List, &'m Meter, Mutex<Vec<u64>>);

impl Pages for Watched<'_> {
    async fn list_users(&self, after: Option<&str>, number: u64, deadline: Instant) -> Result<Body, Error> {
        self.2.lock().unwrap().push(self.1.pages());
        self.0.list_users(after, number, deadline).await
    }

    fn detail(&self, number: u64, cause: String) -> Box<Detail> {
        self.0.detail(number, cause)
    }
}

#[tokio::test]
async fn the_next_page_is_asked_for_before_the_users_of_the_one_before_are_counted() {
    let (meter, telemetry) = (Meter::default(), OrganizationTelemetry::detached("acme"));
    let pages = Watched(list(&["a", "b", "c", "d", "e", "f", "g"], 2), &meter, Mutex::default());
    walk(&pages, &options(), Before::default(), Clock::starting_at(0), &telemetry, &meter).await.unwrap();
    assert_eq!(*pages.2.lock().unwrap(), [0, 0, 1, 2]);
}

#[tokio::test]
async fn an_organization_without_users_is_a_complete_walk_of_one_page() {
    let walk = walk_over(&list(&[], 100)).await.unwrap();
    assert_eq!((walk.composition.users(), walk.summary.pages), (0, 1));
}

#[tokio::test]
async fn a_user_who_stands_twice_is_counted_once_and_reported() {
    let list = list(&["a", "b", "c"], 2).answering(2, Answer::Text(page(&["b", "c", "c"], false)));
    assert_eq!(
        completed(&list).await,
        (vec!["a".into(), "b".into(), "c".into()], Anomalies { duplicate: 2, ..NONE })
    );
}

#[tokio::test]
async fn without_a_last_id_the_walk_goes_on_behind_the_last_user() {
    for ending in
        [r#""has_more":true"#, r#""last_id":null,"has_more":true"#, r#""last_id":7,"has_more":true"#]
    {
        let list = list(&["a", "b", "c"], 2).answering(1, Answer::Text(page_with(&["a", "b"], ending)));
        let expected = (vec!["a".into(), "b".into(), "c".into()], Anomalies { missing_cursor: 1, ..NONE });
        assert_eq!(completed(&list).await, expected);
    }
}

#[tokio::test]
async fn without_a_last_id_and_without_a_last_user_the_walk_fails() {
    for users in [vec![], vec!["a", "?"], vec!["?"]] {
        let list = list(&["a"], 2).answering(1, Answer::Text(page_with(&users, r#""has_more":true"#)));
        let cause = "more pages are announced, and there is no cursor for them";
        assert_eq!(failed(&list).await, ("invalid_response", cause.to_owned()));
    }
}

#[tokio::test]
async fn a_cursor_seen_before_fails_the_walk_however_long_ago() {
    let circle = r#""last_id":"b","has_more":true"#;
    let list = list(&["a", "b", "c", "d", "e", "f"], 2).answering(3, Answer::Text(page_with(&["e"], circle)));
    let cause = "the cursor of the next page was given before; the pages go round in circles";
    assert_eq!(failed(&list).await, ("invalid_response", cause.to_owned()));
}

#[tokio::test]
async fn behind_a_user_who_left_the_walk_goes_on_from_the_one_before() {
    for status in [400, 404] {
        let mut list = list(&["a", "b", "c", "d", "e"], 2).losing(2, "b");
        list.unknown_cursor = UnknownCursor::Refuse(status);
        let all = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        assert_eq!(completed(&list).await, (all, Anomalies { cursor_gone: 1, ..NONE }));
        // The last one is asked for once, and not again after it was asked for ahead.
        assert_eq!(list.asked()[1..], [Some("b".into()), Some("a".into()), Some("d".into())]);
    }
}

#[tokio::test]
async fn when_a_whole_page_of_users_left_the_place_before_it_leads_on() {
    let list = list(&["a", "b", "c", "d", "e"], 2).losing(3, "c").losing(3, "d");
    let all = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    assert_eq!(completed(&list).await, (all, Anomalies { cursor_gone: 1, ..NONE }));
    assert_eq!(list.asked()[2..], [Some("d".into()), Some("c".into()), Some("b".into())]);
}

#[tokio::test]
async fn with_every_place_gone_the_walk_starts_over_once() {
    let list = list(&["a", "b", "c", "d", "e"], 2).losing(3, "b").losing(3, "c").losing(3, "d");
    assert_eq!(completed(&list).await, (vec!["a".into(), "e".into()], Anomalies { cursor_gone: 1, ..NONE }));
}

#[tokio::test]
async fn a_server_that_refuses_every_cursor_fails_the_walk() {
    let mut list = list(&["a", "b", "c", "d", "e"], 2);
    for request in [3, 4, 5, 8, 9, 10] {
        list = list.answering(request, Answer::Status(404));
    }
    // b leads on for a page each time, c and d never do, nor does b when asked again.
    let (result, cause) = failed(&list).await;
    assert_eq!(result, "invalid_response");
    assert_eq!(cause, "the place in the list was lost twice; users leave faster than pages come");
}

#[tokio::test]
async fn an_empty_last_page_is_an_end_when_the_page_before_it_confirms_it() {
    let list = list(&["a", "b", "c"], 2).answering(2, Answer::Text(page(&["c"], true)));
    let all = ["a", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(completed(&list).await, (all, NONE));
    assert_eq!(list.asked().last(), Some(&Some("b".into())), "the place before c confirmed that c stands");
}

#[tokio::test]
async fn a_single_user_announced_as_more_is_confirmed_from_the_start() {
    let list = list(&["a"], 2).answering(1, Answer::Text(page(&["a"], true)));
    assert_eq!(completed(&list).await, (vec!["a".into()], NONE));
}

#[tokio::test]
async fn an_empty_answer_to_a_cursor_that_left_is_not_taken_for_the_end() {
    let list = list(&["a", "b", "c", "d", "e"], 2)
        .answering_nothing_to_unknown_cursors()
        .losing(2, "b")
        .losing(2, "a");
    let all = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    assert_eq!(completed(&list).await, (all, Anomalies { cursor_gone: 1, ..NONE }));
}

#[tokio::test]
async fn a_server_that_answers_nothing_to_every_cursor_fails_the_walk() {
    let mut list = list(&["a", "b", "c"], 2)
        .answering(1, Answer::Text(page_with(&["a", "b"], r#""last_id":"c1","has_more":true"#)));
    list = list.answering_nothing_to_unknown_cursors();
    for request in 2..40 {
        let first = Answer::Text(page_with(&["a", "b"], r#""last_id":"c1","has_more":true"#));
        let nothing = Answer::Text(page::<&str>(&[], false));
        // Requests 5 and 6 are for the start, by stepping back and by starting over.
        list = list.answering(request, if matches!(request, 5 | 6 | 10) { first } else { nothing });
    }
    assert_eq!(failed(&list).await.0, "invalid_response");
}

#[tokio::test]
async fn an_empty_page_with_more_goes_on_only_behind_a_new_cursor() {
    let empty = |cursor: &str| {
        Answer::Text(page_with::<&str>(&[], &format!(r#""last_id":"{cursor}","has_more":true"#)))
    };
    let list_with = |cursor| list(&["a", "b", "c", "d"], 2).answering(2, empty(cursor));
    let (users, _) = completed(&list_with("c")).await;
    assert_eq!(users, ["a", "b", "d"], "the server said that c stands before its next page");
    assert_eq!(failed(&list_with("b")).await.0, "invalid_response");
}

#[tokio::test]
async fn records_that_cannot_be_read_are_counted_apart() {
    let list = list(&["a", "?", "b"], 100);
    let walk = walk_over(&list).await.unwrap();
    assert_eq!((walk.composition.users(), walk.composition.figures().unreadable), (2, 1));
}

#[tokio::test]
async fn records_that_cannot_be_read_are_never_counted_twice_on_the_way_back() {
    let list = list(&["a", "?", "b", "c", "d"], 3).losing(2, "b");
    let walk = walk_over(&list).await.unwrap();
    assert_eq!((walk.composition.users(), walk.composition.figures().unreadable), (3, 1));
}

#[tokio::test]
async fn something_that_is_no_list_page_fails_the_walk() {
    for text in ["<html></html>", r#"{"object":"list"}"#, r#"{"error":{}}"#] {
        let list = list(&["a", "b", "c"], 2).answering(2, Answer::Text(text.to_owned()));
        assert_eq!(failed(&list).await.0, "invalid_response");
    }
}

#[tokio::test]
async fn a_failure_anywhere_fails_the_walk_with_its_reason() {
    for request in 1..=3 {
        let list = list(&["a", "b", "c", "d", "e"], 2).answering(request, Answer::Status(500));
        assert_eq!(failed(&list).await.0, "server_error");
    }
    let list = list(&["a"], 2).answering(1, Answer::Status(404));
    assert_eq!(failed(&list).await.0, "client_error", "without a cursor, 404 is no cursor that left");
}

#[tokio::test(start_paused = true)]
async fn a_walk_stalls_when_no_page_is_accepted_for_the_stall_time_out() {
    let list = list(&["a", "b", "c"], 2).answering(2, Answer::Hang);
    let failed = walk_over(&list).await.unwrap_err();
    assert_eq!(failed.error.result(), "timeout");
    assert_eq!(failed.summary.duration(), Duration::from_secs(120));
    assert_eq!(failed.summary.pages, 1);
}

#[tokio::test(start_paused = true)]
async fn a_walk_never_outlasts_its_deadline() {
    let list = list(&["a", "b", "c"], 2).answering(2, Answer::Hang);
    let options = Options { timeout: Duration::from_secs(7), ..options() };
    let telemetry = OrganizationTelemetry::detached("acme");
    let failed =
        walk(&list, &options, Before::default(), Clock::starting_at(0), &telemetry, &Meter::default())
            .await
            .unwrap_err();
    assert_eq!(failed.summary.duration(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_meter_shows_pages_and_users_as_they_are_accepted() {
    let list = list(&["a", "b", "c"], 2).answering(2, Answer::Hang);
    let (meter, telemetry, options) = (Meter::default(), OrganizationTelemetry::detached("acme"), options());
    let walk = walk(&list, &options, Before::default(), Clock::starting_at(0), &telemetry, &meter);
    tokio::pin!(walk);
    assert!(timeout(Duration::from_secs(1), walk.as_mut()).await.is_err());
    assert_eq!((meter.pages(), meter.users()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn ages_count_from_the_start_of_the_walk() {
    let clock = Clock::starting_at(1_800_000_000);
    advance(Duration::from_secs(5)).await;
    let telemetry = OrganizationTelemetry::detached("acme");
    let walk = walk(&list(&["a"], 1), &options(), Before::default(), clock, &telemetry, &Meter::default())
        .await
        .unwrap();
    assert_eq!(walk.summary.start.whole_unix_seconds(), 1_800_000_005);
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_starts_over_compares_only_its_last_pass() {
    let telemetry = OrganizationTelemetry::detached("acme");
    let clock = Clock::starting_at(1_800_000_000);
    let before = walk_over(&list(&["a", "b", "c", "d"], 2)).await.unwrap();
    // The place is lost: a record that cannot be read stands where the walk was.
    let list = list(&["a", "b", "c", "x", "y"], 2)
        .answering(2, Answer::Status(404))
        .answering(3, Answer::Text(page(&["a", "?"], true)))
        .losing(4, "a")
        .losing(4, "b");
    let walk = walk(
        &list,
        &options(),
        Before { roster: Some(before.roster), boundaries: None },
        clock,
        &telemetry,
        &Meter::default(),
    )
    .await
    .unwrap();
    let changes = walk.changes.as_ref().unwrap();
    assert_eq!(counted(&walk).into_keys().collect::<Vec<_>>(), ["c", "x", "y"]);
    assert_eq!((changes.of(Change::Added), changes.of(Change::Removed)), (2, 3));
}

proptest! {
    #[test]
    fn any_page_size_gives_the_same_composition(users in 0usize..19, page_size in 1usize..8) {
        let names: Vec<String> = (0..users).map(|number| format!("u{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (by_pages, at_once) = runtime.block_on(async {
            (walk_over(&list(&names, page_size)).await.unwrap(), walk_over(&list(&names, 100)).await.unwrap())
        });
        prop_assert_eq!(by_pages.composition, at_once.composition);
        prop_assert_eq!(by_pages.tallied, at_once.tallied);
    }

    #[test]
    fn whoever_stays_is_counted_once_whoever_leaves_meanwhile(
        users in 0usize..15,
        page_size in 1usize..5,
        leaving in prop::collection::vec((1u64..12, 0usize..15), 0..8),
        answers_nothing in any::<bool>(),
        false_ends in prop::collection::vec(2u64..14, 0..4),
    ) {
        let names: Vec<String> = (0..users).map(|number| format!("u{number:02}")).collect();
        let mut list = list(&names.iter().map(String::as_str).collect::<Vec<_>>(), page_size);
        for (request, number) in leaving {
            list = list.losing(request, &format!("u{number:02}"));
        }
        for request in false_ends {
            list = list.answering(request, Answer::Text(page::<String>(&[], false)));
        }
        if answers_nothing {
            list = list.answering_nothing_to_unknown_cursors();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let Ok(walk) = runtime.block_on(walk_over(&list)) else { return Ok(()) };
        let counted = counted(&walk);
        prop_assert!(counted.values().all(|times| *times == 1));
        let asked = list.asked().len() as u64;
        for name in &names {
            let left = list.leaving.iter().any(|(request, id)| id == name && *request <= asked);
            prop_assert!(left || counted.contains_key(name), "{} stayed and is not counted", name);
        }
    }
}

/// Notes whom it sees.
#[derive(Default)]
struct Seen(Mutex<Vec<Vec<String>>>, Mutex<Option<u64>>);

impl Audience for Seen {
    fn begin(&self, start: &Moment) {
        *self.1.lock().unwrap() = Some(start.unix_milliseconds());
        self.start_over();
    }

    fn page(&self, body: &Body, users: &[&User<'_>]) {
        let ids: Vec<String> = users.iter().map(|user| user.id.to_string()).collect();
        assert!(ids.iter().all(|id| body.people().iter().any(|person| person.id == *id)));
        self.0.lock().unwrap().last_mut().unwrap().extend(ids);
    }

    fn start_over(&self) {
        self.0.lock().unwrap().push(Vec::new());
    }
}

#[tokio::test(start_paused = true)]
async fn an_audience_sees_each_user_once_and_everybody_anew_when_the_walk_starts_over() {
    let telemetry = OrganizationTelemetry::detached("acme");
    let seen_of = async |list: List| {
        let (seen, clock) = (Seen::default(), Clock::starting_at(1_800_000_000));
        let walk = walk_before(&seen, &list, &options(), clock, &telemetry, &Meter::default()).await.unwrap();
        assert_eq!(*seen.1.lock().unwrap(), Some(1_800_000_000_000));
        let passes = seen.0.into_inner().unwrap();
        assert_eq!(passes.last().unwrap().len(), walk.roster.len());
        passes
    };
    assert_eq!(seen_of(list(&["a", "b", "a", "c", "d"], 2)).await, [["a", "b", "c", "d"]]);
    let lost = list(&["a", "b", "?", "c"], 2).losing(2, "b");
    assert_eq!(seen_of(lost).await, [["a", "b"], ["a", "c"]]);
}
