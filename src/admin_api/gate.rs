//! What a request passes before it is sent: the budget of its admin key, and a place among those in flight.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::budget::{Budget, Grant, Turn};
use super::walkers::Walkers;

/// The places for requests in flight that all clients of the process share. Clones are of the same places.
#[derive(Debug, Clone)]
pub struct InFlight {
    all: Arc<Semaphore>,
    /// The part of them that is open to whom an answer did not come in time: others keep the rest.
    suspect: Arc<Semaphore>,
}

/// The gate of one client.
#[derive(Debug)]
pub(super) struct Gate {
    organization: String,
    budget: Mutex<Budget>,
    own: InFlight,
    shared: InFlight,
    walkers: Walkers,
    /// Whether the latest request had no answer in time.
    suspect: AtomicBool,
}

/// Leave to send one request, until it is dropped.
#[derive(Debug)]
pub(super) struct Pass {
    _own: OwnedSemaphorePermit,
    _shared: OwnedSemaphorePermit,
    _suspect: Option<OwnedSemaphorePermit>,
}

/// Why there is no leave before the deadline.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Closed {
    /// The budget opens only after this time.
    #[error("the API grants the next request in {:.1} s, which is behind the time that is left for it", .0.as_secs_f64())]
    Budget(Duration),
    /// All places were taken for this time.
    #[error("waited {:.1} s for its turn, as many requests as are allowed at a time were in flight", .0.as_secs_f64())]
    Places(Duration),
}

impl InFlight {
    /// `most` places; at least one.
    pub fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let places = |number: usize| Arc::new(Semaphore::new(number));
        Self { all: places(most), suspect: places((most / 2).max(1)) }
    }
}

/// One of `places`, or `None` if none is free before `deadline`.
async fn place(places: &Arc<Semaphore>, deadline: Instant) -> Option<OwnedSemaphorePermit> {
    let place = timeout_at(deadline, places.clone().acquire_owned()).await.ok()?;
    Some(place.expect("the semaphore is never closed"))
}

impl Gate {
    /// A gate with `own` places of its client and those that it shares.
    pub(super) fn new(organization: &str, own: usize, shared: InFlight) -> Self {
        Self {
            organization: organization.to_owned(),
            budget: Mutex::default(),
            own: InFlight::new(own),
            shared,
            walkers: Walkers::new(own),
            suspect: AtomicBool::new(false),
        }
    }

    /// Waits for the budget, then for a place. Nobody waits for the budget on a place that others could use.
    pub(super) async fn pass(&self, deadline: Instant) -> Result<Pass, Closed> {
        loop {
            let now = Instant::now();
            let turn = self.budget().turn(now);
            if let Turn::At(at) = turn {
                if at >= deadline {
                    return Err(Closed::Budget(at - now));
                }
                sleep_until(at).await;
                continue;
            }
            // Places that come free at the deadline come too late to send anything.
            let places = self.places(deadline).await.filter(|_| Instant::now() < deadline);
            let Some((own, suspect, shared)) = places else {
                return Err(Closed::Places(now.elapsed()));
            };
            // While this request waited for its places the budget can have closed.
            if self.budget().take(Instant::now()) == Turn::Now {
                return Ok(Pass { _own: own, _shared: shared, _suspect: suspect });
            }
        }
    }

    /// A place of this client, one of all, and, where it is suspect, one of those that are open to it.
    async fn places(
        &self,
        deadline: Instant,
    ) -> Option<(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>, OwnedSemaphorePermit)> {
        let own = place(&self.own.all, deadline).await?;
        let suspect = match self.suspect.load(Relaxed) {
            true => Some(place(&self.shared.suspect, deadline).await?),
            false => None,
        };
        Some((own, suspect, place(&self.shared.all, deadline).await?))
    }

    /// A request ended, with an answer in time or not.
    pub(super) fn ended(&self, in_time: bool) {
        self.suspect.store(!in_time, Relaxed);
    }

    /// An answer said what is left.
    pub(super) fn granted(&self, grant: Grant) {
        let now = Instant::now();
        let mut budget = self.budget();
        let was_short = budget.is_short(now);
        budget.granted(grant, now);
        if budget.is_short(now) && !was_short {
            tracing::debug!(
                organization = self.organization,
                requests_left = grant.remaining,
                "few requests are left; from now on they are spread over the time until the API grants more"
            );
        }
    }

    /// How many requests a walk may have in flight now.
    pub(super) fn walkers(&self) -> usize {
        self.walkers.now()
    }

    /// A walk begins.
    pub(super) fn begin_walk(&self) {
        self.walkers.double();
    }

    /// An answer was a 429: nothing is sent for `wait`.
    pub(super) fn refused(&self, wait: Duration) {
        let now = Instant::now();
        self.slow_down(now).refused(wait, now);
    }

    /// An answer was a 429 and asked for `wait` itself.
    pub(super) fn told_to_wait(&self, wait: Duration) {
        let now = Instant::now();
        self.slow_down(now).told_to_wait(wait, now);
    }

    /// Halves the walkers, once for all that are refused at the same time.
    fn slow_down(&self, now: Instant) -> MutexGuard<'_, Budget> {
        let budget = self.budget();
        if !budget.was_closed(now) {
            self.walkers.halve();
        }
        budget
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn in_an_hour() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_budget_takes_no_place_from_others() {
        let shared = InFlight::new(1);
        let (held_back, free) = (Gate::new("a", 1, shared.clone()), Gate::new("b", 1, shared));
        held_back.refused(Duration::from_secs(60));
        let start = Instant::now();
        let (late, early) =
            tokio::join!(async { held_back.pass(in_an_hour()).await.map(|_| start.elapsed()) }, async {
                free.pass(in_an_hour()).await.map(|_| start.elapsed())
            },);
        assert_eq!((late, early), (Ok(Duration::from_secs(60)), Ok(Duration::ZERO)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_ends_behind_the_deadline_is_not_begun() {
        let gate = Gate::new("a", 1, InFlight::new(1));
        gate.refused(Duration::from_secs(60));
        let start = Instant::now();
        let outcome = gate.pass(start + Duration::from_secs(60)).await;
        assert_eq!(outcome.unwrap_err(), Closed::Budget(Duration::from_secs(60)));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_waited_for_until_the_deadline() {
        for (own, shared) in [(1, 2), (2, 1)] {
            let gate = Gate::new("a", own, InFlight::new(shared));
            let pass = gate.pass(in_an_hour()).await.unwrap();
            let outcome = gate.pass(Instant::now() + SOON).await;
            assert_eq!(outcome.unwrap_err(), Closed::Places(SOON));
            drop(pass);
            assert!(gate.pass(Instant::now() + SOON).await.is_ok(), "the place is free again");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_comes_free_at_the_deadline_comes_too_late() {
        let gate = Gate::new("a", 1, InFlight::new(1));
        let pass = gate.pass(in_an_hour()).await.unwrap();
        let deadline = Instant::now() + SOON;
        let (late, ()) = tokio::join!(gate.pass(deadline), async {
            sleep(SOON).await;
            drop(pass);
        });
        assert_eq!(late.unwrap_err(), Closed::Places(SOON));
        assert!(gate.pass(Instant::now() + SOON).await.is_ok());
        assert!(gate.pass(Instant::now()).await.is_err(), "no time is no leave");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gets_a_place_after_a_429_waits_for_it_too() {
        let gate = Gate::new("a", 1, InFlight::new(1));
        let pass = gate.pass(in_an_hour()).await.unwrap();
        let start = Instant::now();
        let (waited, ()) =
            tokio::join!(async { gate.pass(in_an_hour()).await.map(|_| start.elapsed()) }, async {
                sleep(SOON).await;
                gate.refused(Duration::from_secs(20));
                drop(pass);
            });
        assert_eq!(waited, Ok(Duration::from_secs(21)));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gets_no_answers_leaves_half_of_the_places_to_others() {
        let shared = InFlight::new(4);
        let hanging: Vec<Gate> = (0..10).map(|_| Gate::new("a", 1, shared.clone())).collect();
        let healthy = Gate::new("b", 4, shared);
        let mut passes = vec![];
        for gate in &hanging {
            gate.ended(false);
            if let Ok(Ok(pass)) = timeout(SOON, gate.pass(in_an_hour())).await {
                passes.push(pass);
            }
        }
        assert_eq!(passes.len(), 2);
        let others = [healthy.pass(in_an_hour()).await, healthy.pass(in_an_hour()).await];
        assert!(others.iter().all(Result::is_ok));
        drop(others);
        hanging[9].ended(true);
        assert!(hanging[9].pass(Instant::now() + SOON).await.is_ok(), "an answer takes the suspicion away");
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_halves_the_walkers_once_and_the_next_walk_begins_with_twice_as_many() {
        let gate = Gate::new("a", 16, InFlight::new(64));
        for _ in 0..5 {
            // A burst of answers to requests that were sent together.
            gate.told_to_wait(SOON);
            gate.refused(SOON);
        }
        assert_eq!(gate.walkers(), 8);
        sleep(SOON + SOON).await;
        // One that asks for a short wait is told of twice: before its body is read, and after.
        gate.told_to_wait(Duration::from_millis(5));
        sleep(Duration::from_millis(20)).await;
        gate.refused(Duration::from_millis(100));
        assert_eq!(gate.walkers(), 4);
        for expected in [8, 16, 16] {
            gate.begin_walk();
            assert_eq!(gate.walkers(), expected);
        }
        for expected in [8, 4, 2, 1, 1] {
            sleep(SOON * 3).await;
            gate.refused(SOON);
            assert_eq!(gate.walkers(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_clients_together_have_no_more_than_the_shared_places() {
        let shared = InFlight::new(3);
        let gates: Vec<Gate> = (0..10).map(|_| Gate::new("a", 4, shared.clone())).collect();
        let mut passes = vec![];
        for gate in &gates {
            passes.extend(timeout(SOON, gate.pass(in_an_hour())).await);
        }
        assert_eq!(passes.len(), 3);
    }
}
