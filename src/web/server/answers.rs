//! Answers that take time and memory: made once for all who ask for the same at the same time, a few at a time, and as
//! far as there is room for them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::sync::{OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::connections::{Connection, Connections};
use crate::web::body::Content;
use crate::web::routes::text;

/// Answers that are made at the same time: each takes a core, and much more memory than it has in the end.
const AT_A_TIME: usize = 1;
/// How often it is looked whether there is room by now: whoever takes no answer gives way as time goes by.
const LOOK_EVERY: Duration = Duration::from_millis(20);

type Answer = Response<Content>;
/// An answer that is to be made: nothing as long as it is not.
type Batch = Arc<RwLock<Option<Answer>>>;

/// The answers that are asked for.
pub(in crate::web) struct Answers {
    connections: Arc<Connections>,
    /// The time that a request waits.
    within: Duration,
    turns: Arc<Semaphore>,
    /// Those that nobody has begun to make.
    to_make: Mutex<HashMap<String, Batch>>,
    made: AtomicU64,
}

/// A connection that asks.
#[derive(Clone, Copy)]
pub(in crate::web) struct Asking<'a> {
    pub(super) answers: &'a Answers,
    pub(super) connection: &'a Connection,
}

/// Says of an answer which one it is. It is kept once, however many take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Made(pub(super) u64);

/// The right to make an answer. Whoever makes it keeps it until it is made, or drops it.
pub(in crate::web) struct Turn(
    #[expect(dead_code, reason = "it is kept, and not used")] OwnedSemaphorePermit,
);

/// What a wait ended with.
enum Waited {
    /// Somebody has made it meanwhile.
    Made(Answer),
    /// It is to be made now, and put here for those who wait for the same.
    Make(OwnedRwLockWriteGuard<Option<Answer>>, Turn),
}

impl Asking<'_> {
    /// What `make` answers, or what it answered to another request that had come before it was called. Requests share
    /// an answer by `key`, in which all must be that makes answers differ: never ask for whom may not see all of it.
    pub(in crate::web) async fn shared<F>(self, key: String, make: impl FnOnce(Turn) -> F) -> Answer
    where
        F: Future<Output = Answer>,
    {
        self.connection.waits_for_turn();
        match timeout(self.answers.within, self.answers.turn(key)).await {
            Ok(Waited::Made(answer)) => answer,
            Ok(Waited::Make(mut shared, turn)) => {
                self.connection.answers();
                let mut answer = make(turn).await;
                answer.extensions_mut().insert(Made(self.answers.made.fetch_add(1, Ordering::Relaxed)));
                *shared = Some(answer.clone());
                answer
            }
            Err(_) => {
                let mut answer = text(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Too much is asked for, or not taken; try again.\n",
                );
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                answer
            }
        }
    }
}

impl Answers {
    pub(super) fn new(connections: Arc<Connections>, within: Duration) -> Self {
        Self {
            connections,
            within,
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            to_make: Mutex::default(),
            made: AtomicU64::new(0),
        }
    }

    async fn turn(&self, key: String) -> Waited {
        let batch = self.batch(&key);
        // Whoever makes it holds it until it is made, and all others get it at once.
        let shared = match batch.clone().try_write_owned() {
            Ok(shared) => shared,
            Err(_) => {
                if let Some(answer) = batch.read().await.clone() {
                    return Waited::Made(answer);
                }
                // Who comes next makes it, as that one has gone.
                batch.clone().write_owned().await
            }
        };
        if let Some(answer) = &*shared {
            return Waited::Made(answer.clone());
        }
        let turn = self.turns.clone().acquire_owned().await.expect("the semaphore is never closed");
        while !self.connections.room_for_answer() {
            sleep(LOOK_EVERY).await;
        }
        // Those who have asked already, and were not heard yet, are to share it.
        yield_now().await;
        // Who asks from now on is to see what is from now on.
        let mut to_make = self.to_make.lock().unwrap_or_else(PoisonError::into_inner);
        if to_make.get(&key).is_some_and(|next| Arc::ptr_eq(next, &batch)) {
            to_make.remove(&key);
        }
        Waited::Make(shared, Turn(turn))
    }

    fn batch(&self, key: &str) -> Batch {
        let mut to_make = self.to_make.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that everybody who wanted them has left.
        to_make.retain(|_, batch| Arc::strong_count(batch) > 1);
        to_make.entry(key.to_owned()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use prometheus::Registry;
    use tokio::sync::oneshot;

    use super::*;
    use crate::telemetry::Telemetry;
    use crate::web::Options;

    #[tokio::test(start_paused = true)]
    async fn who_asks_while_an_answer_is_made_gets_one_that_is_begun_later() {
        let connections = Connections::new(Options::default(), Telemetry::new(&Registry::new()));
        let answers = Answers::new(connections.clone(), Duration::from_secs(10));
        let ((begin, begun), (go_on, until)) = (oneshot::channel(), oneshot::channel::<()>());
        let of = [connections.admit().await, connections.admit().await, connections.admit().await];
        let [first, second, third] = of.each_ref().map(|connection| Asking { answers: &answers, connection });
        let (first, (second, third, ())) = tokio::join!(
            first.shared("page".into(), async |_turn| {
                begin.send(()).unwrap();
                let _ = until.await;
                text(StatusCode::OK, "early")
            }),
            async {
                begun.await.unwrap();
                tokio::join!(
                    second.shared("page".into(), async |_turn| text(StatusCode::OK, "late")),
                    third.shared("page".into(), async |_turn| text(StatusCode::OK, "late, and not made")),
                    async { go_on.send(()).unwrap() },
                )
            },
        );
        for (answer, expected) in [(first, "early"), (second, "late"), (third, "late")] {
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_waits_for_work_that_goes_on_though_nobody_wants_it_any_more() {
        let connections = Connections::new(Options::default(), Telemetry::new(&Registry::new()));
        let answers = Answers::new(connections.clone(), Duration::from_secs(10));
        let connection = &connections.admit().await;
        let asking = Asking { answers: &answers, connection };
        let second = Duration::from_secs(1);
        let mut works = None;
        let first = asking.shared("page".into(), |turn| {
            works = Some(turn);
            std::future::pending()
        });
        assert!(timeout(second, first).await.is_err());
        let next = || asking.shared("page".into(), async |_turn| text(StatusCode::OK, "page"));
        assert!(timeout(second, next()).await.is_err());
        drop(works);
        assert_eq!(timeout(second, next()).await.unwrap().status(), StatusCode::OK);
    }
}
