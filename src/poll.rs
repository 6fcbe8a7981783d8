//! Walks one organization on a schedule and publishes what comes of it.
//!
//! It must not know what is counted or who reads it.

mod courses;
mod plausibility;
mod report;
mod schedule;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinError;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::snapshot::{Activity, Organization};
use crate::telemetry::OrganizationTelemetry;
use crate::walk::{self, Before, Boundaries, CompletedWalk, FailedWalk, Meter, Pages, Way, walk};

use courses::Courses;
use plausibility::{Doubt, Numbers, Plausibility, Verdict};
pub use schedule::Schedule;

/// The time after which a walk that is not believed is made again.
const CONFIRM_AFTER: Duration = Duration::from_secs(60);

/// How and when one organization is walked.
#[derive(Debug)]
pub struct Plan<P> {
    /// Where pages come from.
    pub pages: Arc<P>,
    /// How to walk.
    pub walk: walk::Options,
    /// When to walk.
    pub schedule: Schedule,
    /// The part of the users that may leave from one walk to the next; 0 and 1 allow all.
    pub max_drop: f64,
}

/// The poller of one organization. It makes one walk after the other, so there are never two at a time.
#[derive(Debug)]
pub struct Poller<P> {
    /// The plan, which may be replaced: a walk under way is finished as it was begun, the wait for the next one is
    /// reckoned anew.
    pub plan: watch::Receiver<Plan<P>>,
    /// Where results go.
    pub organization: Arc<Organization>,
    /// Who is told of each publication.
    pub published: Arc<Notify>,
    /// What time it is.
    pub clock: Clock,
    /// Where walks are counted.
    pub telemetry: OrganizationTelemetry,
}

/// A walk that was not cancelled, as far as the schedule cares.
#[derive(Debug, Clone, Copy)]
struct Finished {
    start: Instant,
    end: Instant,
    ending: Ending,
    first: bool,
    /// Drawn once for each wait, so that a new plan alone does not move the next walk.
    chance: f64,
}

/// What came of a walk, or the panic that ended it.
type Outcome = Result<Result<CompletedWalk, Box<FailedWalk>>, JoinError>;

/// What a poller remembers from walk to walk.
#[derive(Debug, Default)]
struct Memory {
    courses: Courses,
    plausibility: Plausibility,
    /// Whether the latest walk was told to be slow.
    told_slow: bool,
}

/// How a walk ended, as far as the schedule cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Published,
    Failed,
    /// It is not believed before a second walk says the same.
    HeldBack,
    /// The API refused the key.
    Refused,
    Cancelled,
}

impl<P> Clone for Plan<P> {
    fn clone(&self) -> Self {
        let (walk, schedule) = (self.walk.clone(), self.schedule);
        Self { pages: self.pages.clone(), walk, schedule, max_drop: self.max_drop }
    }
}

impl<P> Clone for Poller<P> {
    fn clone(&self) -> Self {
        Self {
            plan: self.plan.clone(),
            organization: self.organization.clone(),
            published: self.published.clone(),
            clock: self.clock,
            telemetry: self.telemetry.clone(),
        }
    }
}

impl<P: Pages + Send + 'static> Poller<P> {
    /// Walks soon and then on schedule, until `shutdown`. A walk in progress is given up then, and nothing of it
    /// runs any more when this returns.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut first = true;
        let mut memory = Memory::default();
        let delay = self.plan.borrow().schedule.delay();
        tokio::select! {
            () = sleep(delay) => {}
            () = shutdown.cancelled() => return,
        }
        loop {
            let start = Instant::now();
            let ending = self.walk_once(&mut memory, &shutdown).await;
            if ending == Ending::Cancelled {
                return;
            }
            let finished = Finished { start, end: Instant::now(), ending, first, chance: fastrand::f64() };
            first = false;
            if !self.wait(finished, &shutdown).await {
                return;
            }
        }
    }

    /// Waits until the next walk is due by the plan that is in force then; false at the shutdown.
    async fn wait(&mut self, finished: Finished, shutdown: &CancellationToken) -> bool {
        loop {
            let next = finished.next_start(&self.plan.borrow_and_update().schedule);
            let due = self.clock.now().at(next);
            self.organization.set_activity(Activity::Waiting { next: Some(due) });
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return false,
                () = changed(&mut self.plan) => {}
                () = sleep_until(next) => return true,
            }
        }
    }

    /// One walk. Where it was in segments and says that many users are gone, it is made again page after page.
    async fn walk_once(&self, memory: &mut Memory, shutdown: &CancellationToken) -> Ending {
        let mut start = self.clock.now();
        let boundaries = memory.courses.boundaries(&self.organization.state(), &start);
        let mut outcome = self.walk_by(boundaries, shutdown).await;
        if let Some(Ok(Ok(walk))) = &outcome {
            let (way, numbers) = (walk.way, self.numbers(walk));
            if matches!(way, Way::Segmented { .. }) && numbers.miss_many() {
                report::confirming(&self.organization.name, walk, numbers.before - numbers.shared);
                start = self.clock.now();
                drop(outcome);
                outcome = self.walk_by(None, shutdown).await;
                if let Some(Ok(Ok(walk))) = &outcome {
                    let is_confirmed = self.numbers(walk).miss_many();
                    memory
                        .courses
                        .completed(if is_confirmed { way } else { Way::FellBack }, &self.clock.now());
                }
            } else {
                memory.courses.completed(way, &self.clock.now());
            }
        }
        match outcome {
            None => {
                self.organization.set_activity(Activity::default());
                self.telemetry.walk("cancelled");
                Ending::Cancelled
            }
            Some(Ok(Ok(walk))) => {
                let max_drop = self.plan.borrow().max_drop;
                self.judge(walk, memory, max_drop)
            }
            Some(Ok(Err(failed))) => {
                memory.courses.failed(failed.way);
                self.note_failure(&failed)
            }
            Some(Err(panic)) => {
                tracing::error!(organization = self.organization.name, error = %panic, "walk broke off by a fault of the exporter");
                self.organization.note_panic(start, self.clock.now());
                Ending::Failed
            }
        }
    }

    /// One walk, by `boundaries` if there are some, in a task of its own so that a panic in it is only a failed walk. `None`
    /// at the shutdown.
    async fn walk_by(
        &self,
        boundaries: Option<Arc<Boundaries>>,
        shutdown: &CancellationToken,
    ) -> Option<Outcome> {
        let before = Before { roster: self.organization.state().roster.clone(), boundaries };
        let Plan { pages, walk: options, .. } = self.plan.borrow().clone();
        let (clock, telemetry) = (self.clock, self.telemetry.clone());
        let meter = Arc::new(Meter::default());
        self.organization.set_activity(Activity::Walking { start: clock.now(), meter: meter.clone() });
        let mut task =
            tokio::spawn(async move { walk(&*pages, &options, before, clock, &telemetry, &meter).await });
        tokio::select! {
            outcome = &mut task => Some(outcome),
            () = shutdown.cancelled() => {
                task.abort();
                // Its last step must not count anything for an organization that is gone by then.
                let _ = task.await;
                None
            }
        }
    }

    /// How many users there are and were.
    fn numbers(&self, walk: &CompletedWalk) -> Numbers {
        Numbers::of(self.organization.state().roster.as_deref(), &walk.roster)
    }

    /// Publishes a completed walk, if it is believed.
    fn judge(&self, mut walk: CompletedWalk, memory: &mut Memory, max_drop: f64) -> Ending {
        let numbers = self.numbers(&walk);
        match memory.plausibility.judge(numbers, &walk.roster, max_drop) {
            Verdict::Publish => {}
            Verdict::PublishDrop => {
                report::confirmed_drop(&self.organization.name, numbers.now, numbers.before);
            }
            Verdict::NewBaseline => {
                report::new_baseline(&self.organization.name, numbers.shared);
                walk.changes = None;
            }
            Verdict::HoldBack(doubt) => return self.hold_back(&walk, numbers, doubt),
        }
        report::completed(&self.organization.name, &walk);
        let max_age = self.organization.timing().max_age;
        let slow = walk.summary.duration() > max_age / 2;
        if slow && !memory.told_slow {
            report::slow(&self.organization.name, walk.summary.duration(), max_age);
        }
        memory.told_slow = slow;
        self.organization.publish(walk);
        self.published.notify_one();
        self.telemetry.walk("success");
        Ending::Published
    }

    fn hold_back(&self, walk: &CompletedWalk, numbers: Numbers, doubt: Doubt) -> Ending {
        tracing::warn!(
            organization = self.organization.name,
            result = "implausible",
            kind = doubt.kind(),
            users = numbers.now,
            users_before = numbers.before,
            users_in_both = numbers.shared,
            next_walk_seconds = CONFIRM_AFTER.as_secs(),
            "walk held back: it is published if the next one says the same; the last figures stay until then"
        );
        self.telemetry.anomaly(doubt.kind());
        self.telemetry.walk("implausible");
        self.organization.note_implausible(&walk.summary);
        Ending::HeldBack
    }

    fn note_failure(&self, failed: &FailedWalk) -> Ending {
        report::failed(&self.organization.name, failed, self.organization.state().snapshot.is_some());
        self.organization.note_failure(failed);
        self.telemetry.walk(failed.error.result());
        if failed.error.is_refusal() { Ending::Refused } else { Ending::Failed }
    }
}

impl Finished {
    fn next_start(&self, schedule: &Schedule) -> Instant {
        match self.ending {
            Ending::Refused => schedule.after_refusal(self.start, self.chance),
            Ending::Failed => schedule.after_failure(self.end, self.chance),
            Ending::HeldBack => self.end + CONFIRM_AFTER,
            Ending::Published | Ending::Cancelled => {
                schedule.after_success(self.start, self.first, self.chance)
            }
        }
    }
}

/// Comes back when there is a new plan; never where nobody is left to make one.
async fn changed<P>(plan: &mut watch::Receiver<Plan<P>>) {
    if plan.changed().await.is_err() {
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests;
