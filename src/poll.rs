//! Walks one organization on a schedule and publishes what comes of it.
//!
//! It must not know what is counted or who reads it.

mod plausibility;
mod report;
mod schedule;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::roster::Changes;
use crate::snapshot::Organization;
use crate::telemetry::OrganizationTelemetry;
use crate::walk::{self, CompletedWalk, FailedWalk, Pages, walk};

use plausibility::{Doubt, Numbers, Plausibility, Verdict};
pub use schedule::Schedule;

/// The time after which a walk that is not believed is made again.
const CONFIRM_AFTER: Duration = Duration::from_secs(60);

/// The poller of one organization. It makes one walk after the other, so there are never two at a time.
#[derive(Debug)]
pub struct Poller<P> {
    /// Where pages come from.
    pub pages: Arc<P>,
    /// How to walk.
    pub walk: walk::Options,
    /// When to walk.
    pub schedule: Schedule,
    /// The part of the users that may leave from one walk to the next; 0 and 1 allow all.
    pub max_drop: f64,
    /// Where results go.
    pub organization: Arc<Organization>,
    /// Who is told of each publication.
    pub published: Arc<Notify>,
    /// What time it is.
    pub clock: Clock,
    /// Where walks are counted.
    pub telemetry: OrganizationTelemetry,
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

impl<P: Pages + Send + 'static> Poller<P> {
    /// Walks at once and then on schedule, until `shutdown`. A walk in progress is given up then.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut first = true;
        let mut plausibility = Plausibility::default();
        loop {
            let start = Instant::now();
            let chance = fastrand::f64();
            let next = match self.walk_once(&mut plausibility, &shutdown).await {
                Ending::Cancelled => return,
                Ending::Published => self.schedule.after_success(start, first, chance),
                Ending::Refused => self.schedule.after_refusal(start, chance),
                Ending::HeldBack => Instant::now() + CONFIRM_AFTER,
                Ending::Failed => self.schedule.after_failure(Instant::now(), chance),
            };
            first = false;
            tokio::select! {
                () = sleep_until(next) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// One walk, in a task of its own so that a panic in it is only a failed walk.
    async fn walk_once(&self, plausibility: &mut Plausibility, shutdown: &CancellationToken) -> Ending {
        let start = self.clock.now();
        let before = self.organization.state().roster.clone();
        let (pages, options) = (self.pages.clone(), self.walk.clone());
        let (clock, telemetry) = (self.clock, self.telemetry.clone());
        let mut task = tokio::spawn(async move { walk(&*pages, &options, before, clock, &telemetry).await });
        let outcome = tokio::select! {
            outcome = &mut task => outcome,
            () = shutdown.cancelled() => {
                task.abort();
                self.telemetry.walk("cancelled");
                return Ending::Cancelled;
            }
        };
        match outcome {
            Ok(Ok(walk)) => self.judge(walk, plausibility),
            Ok(Err(failed)) => self.note_failure(&failed),
            Err(panic) => {
                tracing::error!(organization = self.organization.name, error = %panic, "walk broke off by a fault of the exporter");
                self.organization.note_panic(start, self.clock.now());
                Ending::Failed
            }
        }
    }

    /// Publishes a completed walk, if it is believed.
    fn judge(&self, mut walk: CompletedWalk, plausibility: &mut Plausibility) -> Ending {
        let numbers = Numbers {
            before: self.organization.state().roster.as_ref().map_or(0, |roster| roster.len() as u64),
            now: walk.roster.len() as u64,
            shared: walk.changes.as_ref().map_or(0, Changes::shared),
        };
        match plausibility.judge(numbers, self.max_drop) {
            Verdict::Publish => {}
            Verdict::NewBaseline => walk.changes = None,
            Verdict::HoldBack(doubt) => return self.hold_back(&walk, numbers, doubt),
        }
        report::completed(&self.organization.name, &walk);
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

#[cfg(test)]
mod tests;
