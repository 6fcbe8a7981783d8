//! Answers that take time and memory: made once for all who ask for the same at the same time, a few at a time, and as
//! far as there is room for them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode, Uri};
use tokio::sync::{OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::connections::{Connection, Connections};
use crate::web::body::Content;
use crate::web::compression::Codings;
use crate::web::metrics::{Shown, Wanted};
use crate::web::routes::text;

/// Answers that are made at the same time: each takes a core, and much more memory than it has in the end.
const AT_A_TIME: usize = 1;
/// How often it is looked whether there is room by now: whoever takes no answer gives way as time goes by.
const LOOK_EVERY: Duration = Duration::from_millis(20);

type Answer = Response<Content>;
/// An answer that is to be made: nothing as long as it is not.
type Batch = Arc<RwLock<Option<(Made, Answer)>>>;

/// The answers that are asked for.
pub(in crate::web) struct Answers {
    connections: Arc<Connections>,
    /// The time that a request waits.
    within: Duration,
    turns: Arc<Semaphore>,
    /// Those that nobody has begun to make.
    to_make: Mutex<HashMap<Asked, Batch>>,
    made: AtomicU64,
    latest: ArcSwapOption<Latest>,
}

/// What is asked for: all that makes answers differ. What not everybody may see is none of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::web) enum Asked {
    /// The exposition.
    Exposition(Wanted),
    /// What stands at another path.
    Shown(Uri, Codings),
}

/// The exposition that was made last.
struct Latest {
    made: Made,
    answer: Answer,
    shown: Shown,
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
    Made(Made, Answer),
    /// It is to be made now, and put here for those who wait for the same.
    Make(OwnedRwLockWriteGuard<Option<(Made, Answer)>>, Turn),
}

impl Asking<'_> {
    /// The exposition that was made last, if `holds` says that it is what would be made now.
    pub(in crate::web) fn again(self, holds: impl FnOnce(&Shown) -> bool) -> Option<Answer> {
        let latest = self.answers.latest.load();
        let latest = latest.as_ref().filter(|latest| holds(&latest.shown))?;
        self.connection.gets(latest.made);
        Some(latest.answer.clone())
    }

    /// What `make` answers, or what it answered to another request for the same that had come before it was called. It
    /// also says what the answer shows, if that may be given to others who come in the same moment.
    pub(in crate::web) async fn shared<F>(self, asked: Asked, make: impl FnOnce(Turn) -> F) -> Answer
    where
        F: Future<Output = (Answer, Option<Shown>)>,
    {
        self.connection.waits_for_turn();
        match timeout(self.answers.within, self.answers.turn(asked)).await {
            Ok(Waited::Made(made, answer)) => {
                self.connection.gets(made);
                answer
            }
            Ok(Waited::Make(mut shared, turn)) => {
                self.connection.answers();
                let (answer, shown) = make(turn).await;
                let made = Made(self.answers.made.fetch_add(1, Ordering::Relaxed));
                self.connection.gets(made);
                *shared = Some((made, answer.clone()));
                if let Some(shown) = shown {
                    let latest = Latest { made, answer: answer.clone(), shown };
                    self.answers.latest.store(Some(Arc::new(latest)));
                }
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
            made: AtomicU64::default(),
            latest: ArcSwapOption::empty(),
        }
    }

    async fn turn(&self, asked: Asked) -> Waited {
        let batch = self.batch(&asked);
        // Whoever makes it holds it until it is made, and all others get it at once.
        let shared = match batch.clone().try_write_owned() {
            Ok(shared) => shared,
            Err(_) => {
                if let Some((made, answer)) = batch.read().await.clone() {
                    return Waited::Made(made, answer);
                }
                // Who comes next makes it, as that one has gone.
                batch.clone().write_owned().await
            }
        };
        if let Some((made, answer)) = &*shared {
            return Waited::Made(*made, answer.clone());
        }
        let turn = self.turns.clone().acquire_owned().await.expect("the semaphore is never closed");
        while !self.connections.room_for_answer() {
            sleep(LOOK_EVERY).await;
        }
        // Those who have asked already, and were not heard yet, are to share it.
        yield_now().await;
        // Who asks from now on is to see what is from now on.
        let mut to_make = self.to_make.lock().unwrap_or_else(PoisonError::into_inner);
        if to_make.get(&asked).is_some_and(|next| Arc::ptr_eq(next, &batch)) {
            to_make.remove(&asked);
        }
        Waited::Make(shared, Turn(turn))
    }

    fn batch(&self, asked: &Asked) -> Batch {
        let mut to_make = self.to_make.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that everybody who wanted them has left.
        to_make.retain(|_, batch| Arc::strong_count(batch) > 1);
        to_make.entry(asked.clone()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use hyper::HeaderMap;
    use prometheus::Registry;
    use tokio::sync::oneshot;

    use super::*;
    use crate::telemetry::Telemetry;
    use crate::web::Options;

    fn asked() -> Asked {
        Asked::Shown(Uri::from_static("/"), Codings::accepted(&HeaderMap::new()))
    }

    fn said(what: &'static str) -> (Answer, Option<Shown>) {
        (text(StatusCode::OK, what), None)
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_while_an_answer_is_made_gets_one_that_is_begun_later() {
        let connections = Connections::new(Options::default(), Telemetry::new(&Registry::new()));
        let answers = Answers::new(connections.clone(), Duration::from_secs(10));
        let ((begin, begun), (go_on, until)) = (oneshot::channel(), oneshot::channel::<()>());
        let of = [connections.admit().await, connections.admit().await, connections.admit().await];
        let [first, second, third] = of.each_ref().map(|connection| Asking { answers: &answers, connection });
        let (first, (second, third, ())) = tokio::join!(
            first.shared(asked(), async |_turn| {
                begin.send(()).unwrap();
                let _ = until.await;
                said("early")
            }),
            async {
                begun.await.unwrap();
                tokio::join!(
                    second.shared(asked(), async |_turn| said("late")),
                    third.shared(asked(), async |_turn| said("late, and not made")),
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
        let first = asking.shared(asked(), |turn| {
            works = Some(turn);
            std::future::pending()
        });
        assert!(timeout(second, first).await.is_err());
        let next = || asking.shared(asked(), async |_turn| said("page"));
        assert!(timeout(second, next()).await.is_err());
        drop(works);
        assert_eq!(timeout(second, next()).await.unwrap().status(), StatusCode::OK);
    }
}
