//! Lists that have no end.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// A list that makes its pages up: `page` gives the users and the next cursor by the cursor asked for.
struct MadeUp<F> {
    page: F,
    asked: AtomicU64,
}

impl<F: Fn(Option<u64>, u64) -> (Vec<String>, String) + Sync> Pages for MadeUp<F> {
    async fn list_users(&self, after: Option<&str>, number: u64, _: Instant) -> Result<Body, Error> {
        self.asked.store(number, Ordering::Relaxed);
        let after = after.map(|cursor| cursor.trim_start_matches("cursor-").parse().unwrap());
        let (users, cursor) = (self.page)(after, number);
        let text = page_with(&users, &format!(r#""last_id":"cursor-{cursor}","has_more":true"#));
        Ok(Body::new(text.into_bytes(), Box::default()))
    }

    fn detail(&self, _: u64, cause: String) -> Box<Detail> {
        Box::new(Detail::default().with_cause(cause))
    }
}

/// Walks over a list without end: the result, the cause, and how many pages were asked for.
async fn failed_after<F>(most: usize, page: F) -> (&'static str, String, u64)
where
    F: Fn(Option<u64>, u64) -> (Vec<String>, String) + Sync,
{
    let list = MadeUp { page, asked: AtomicU64::new(0) };
    let telemetry = OrganizationTelemetry::detached("acme");
    let walk = walk_on(
        Terms { most, before: Before::default(), audience: None },
        &list,
        &options(),
        Clock::starting_at(0),
        &telemetry,
        &Meter::default(),
    )
    .await;
    let failed = walk.expect_err("a list without end is no complete walk");
    let cause = failed.error.detail().cause.clone().unwrap();
    (failed.error.result(), cause, list.asked.load(Ordering::Relaxed))
}

#[tokio::test]
async fn an_api_that_invents_users_for_ever_fails_the_walk() {
    let new_users = |_, number: u64| {
        (vec![format!("a{number}"), format!("b{number}"), format!("c{number}")], number.to_string())
    };
    let (result, cause, asked) = failed_after(1_000, new_users).await;
    assert_eq!((result, &*cause), ("invalid_response", "the list has more than 1000 users or pages"));
    assert_eq!(asked, 334);
}

#[tokio::test]
async fn an_api_that_invents_empty_pages_or_the_same_users_for_ever_fails_the_walk() {
    for users in [vec![], vec!["a".to_owned()], vec!["?".to_owned()]] {
        let (result, cause, asked) = failed_after(50, |_, number| (users.clone(), number.to_string())).await;
        assert_eq!((result, &*cause), ("invalid_response", "the list has more than 50 users or pages"));
        assert_eq!(asked, 51);
    }
}

#[tokio::test]
async fn exactly_the_most_users_are_no_failure() {
    let (list, options) = (list(&["a", "b", "c"], 1), options());
    let telemetry = OrganizationTelemetry::detached("acme");
    for (most, expected) in [(3, Some(3)), (2, None)] {
        let walk = walk_on(
            Terms { most, before: Before::default(), audience: None },
            &list,
            &options,
            Clock::starting_at(0),
            &telemetry,
            &Meter::default(),
        )
        .await;
        assert_eq!(walk.ok().map(|walk| walk.composition.users()), expected);
    }
}

proptest! {
    /// Cursors that go on for a while and then round in a circle, with new users on every page, the same, or none.
    #[test]
    fn a_circle_of_cursors_is_left_after_one_round(tail in 0u64..30, period in 1u64..30, kind in 0u8..3) {
        let page = |after: Option<u64>, number: u64| {
            let users = match kind {
                0 => vec![format!("new-{number}")],
                1 => vec!["same".to_owned()],
                _ => vec![],
            };
            let next = after.map_or(0, |cursor| cursor + 1);
            (users, if next == tail + period { tail } else { next }.to_string())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (result, cause, asked) = runtime.block_on(failed_after(1_000, page));
        prop_assert_eq!(result, "invalid_response");
        prop_assert_eq!(&*cause, "the cursor of the next page was given before; the pages go round in circles");
        prop_assert_eq!(asked, tail + period + 1);
    }
}
