//! Walks in segments, and when there are none.

use super::*;

/// A list whose users can be others for each request; it is walked by four at a time.
struct Users {
    list: fn(start: u64) -> Vec<u32>,
    /// The cursor of each request, and how many requests for the start of the list there were by then.
    asked: Mutex<Vec<(Option<u32>, u64)>>,
}

impl Pages for Users {
    fn walkers(&self) -> usize {
        4
    }

    async fn list_users(&self, after: Option<&str>, _: u64, _: Instant) -> Result<Body, Error> {
        let after = after.map(|id| id.trim_start_matches("user-").parse::<u32>().unwrap());
        let start = {
            let mut asked = self.asked.lock().unwrap();
            let start = asked.last().map_or(0, |(_, start)| *start) + u64::from(after.is_none());
            asked.push((after, start));
            start
        };
        sleep(Duration::from_millis(10)).await;
        let list = (self.list)(start);
        let first = match after {
            None => 0,
            Some(after) => match list.iter().position(|id| *id == after) {
                Some(place) => place + 1,
                None => {
                    return Err(Error::ClientError(Box::new(Detail {
                        status: Some(404),
                        ..Detail::default()
                    })));
                }
            },
        };
        let end = (first + 100).min(list.len());
        let users: Vec<String> =
            list[first..end].iter().map(|id| format!(r#"{{"id":"user-{id}","role":"reader"}}"#)).collect();
        let page = format!(
            r#"{{"object":"list","data":[{}],"last_id":"user-{}","has_more":{}}}"#,
            users.join(","),
            list[end - 1],
            end < list.len()
        );
        Ok(Body::new(page.into_bytes(), Box::default()))
    }

    fn detail(&self, _: u64, _: String) -> Box<Detail> {
        Box::default()
    }
}

/// Polls `list` with an interval of 100 s. What is shown then, and for each request for the start of the list how many
/// requests at all came before the next one.
async fn poll_users(
    list: fn(u64) -> Vec<u32>,
    duration: Duration,
) -> ((u64, Option<&'static str>, u64, u64), Vec<usize>) {
    let pages = Arc::new(Users { list, asked: Mutex::default() });
    let interval = Duration::from_secs(100);
    let organization = Arc::new(Organization::new("acme", interval, interval * 3));
    let Plan { walk, schedule, max_drop, .. } =
        plan(&Arc::new(Script { answers: vec![], asked_at: Mutex::default() }), interval);
    let poller = Poller {
        plan: watch::channel(Plan { pages: pages.clone(), walk, schedule, max_drop }).1,
        organization: organization.clone(),
        published: Arc::default(),
        clock: Clock::starting_at(1_800_000_000),
        telemetry: OrganizationTelemetry::detached("acme"),
    };
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(poller.run(shutdown.clone()));
    sleep(duration).await;
    shutdown.cancel();
    task.await.unwrap();
    let asked = pages.asked.lock().unwrap();
    let starts = asked.last().unwrap().1;
    let requests = (1..=starts).map(|start| asked.iter().filter(|(_, of)| *of == start).count());
    (shown(&organization), requests.collect())
}

const FOUR_WALKS: Duration = Duration::from_secs(350);

#[tokio::test(start_paused = true)]
async fn the_first_walk_is_sequential_and_the_next_ones_are_in_segments() {
    let (shown, requests) = poll_users(|_| (0..2_000).collect(), FOUR_WALKS).await;
    assert_eq!(shown, (2_000, None, 0, 0));
    assert_eq!((requests.len(), requests[0]), (4, 20));
    assert!(requests[1..].iter().all(|requests| (21..=30).contains(requests)), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn many_gone_in_a_walk_in_segments_are_confirmed_page_after_page_before_it_is_published() {
    // Everybody with a number that 50 divides has left: 40 of 2,000.
    let left = |start| (0..2_000).filter(|id| start == 1 || id % 50 > 0).collect();
    let (shown, requests) = poll_users(left, FOUR_WALKS).await;
    assert_eq!(shown, (1_960, None, 40, 0));
    assert_eq!((requests.len(), requests[2]), (5, 20), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn gone_in_a_walk_in_segments_and_there_page_after_page_is_not_gone() {
    let hidden_once = |start| (0..2_000).filter(|id| start != 2 || id % 50 > 0).collect();
    let (shown, requests) = poll_users(hidden_once, FOUR_WALKS).await;
    assert_eq!(shown, (2_000, None, 0, 0));
    assert_eq!((requests.len(), requests[2]), (5, 20), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn segments_that_miss_users_three_times_in_a_row_are_given_up_for_a_day() {
    // The walk that confirms is of an odd number.
    let hidden = |start| (0..2_000).filter(|id| start % 2 == 1 || id % 50 > 0).collect();
    let (shown, requests) = poll_users(hidden, FOUR_WALKS * 2).await;
    assert_eq!(shown.0 + shown.2 - shown.3, 2_000, "what is hidden from sequential walks is a change");
    assert_eq!(requests[2], 20);
    assert_eq!((requests[4], requests[6]), (20, 20), "{requests:?}");
    assert!(requests[7..].iter().all(|requests| *requests == 20), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_few_gone_need_no_confirmation() {
    let left = |start| (0..2_000).filter(|id| start == 1 || id % 200 > 0).collect();
    let (shown, requests) = poll_users(left, FOUR_WALKS).await;
    assert_eq!((shown, requests.len()), ((1_990, None, 10, 0), 4));
}

#[tokio::test(start_paused = true)]
async fn once_a_day_a_walk_is_sequential() {
    let (_, requests) = poll_users(|_| (0..1_000).collect(), Duration::from_secs(90_000)).await;
    let sequential: Vec<usize> = (0..requests.len()).filter(|walk| requests[*walk] == 10).collect();
    assert_eq!(sequential.len(), 2, "{sequential:?} of {}", requests.len());
}

#[tokio::test(start_paused = true)]
async fn after_three_walks_whose_segments_were_no_chain_none_is_tried_for_a_day() {
    // One user stands in the list twice.
    let twice = |_| (0..1_000).chain([5]).chain(1_001..1_500).collect();
    let (shown, requests) = poll_users(twice, Duration::from_secs(780)).await;
    assert_eq!(shown, (1_499, None, 0, 0));
    // The first walk; three attempts, each with the walk that made up for it; and three walks.
    assert_eq!(requests.len(), 1 + 3 * 2 + 4, "{requests:?}");
    assert!(requests[7..].iter().all(|requests| *requests == 15), "{requests:?}");
}
