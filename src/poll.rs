//! Walks one organization on a schedule and publishes what comes of it.
//!
//! It must not know what is counted or who reads it.

mod schedule;

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::snapshot::Organization;
use crate::telemetry::OrganizationTelemetry;
use crate::walk::{self, CompletedWalk, FailedWalk, Pages, walk};

pub use schedule::Schedule;

/// The poller of one organization. It makes one walk after the other, so there are never two at a time.
#[derive(Debug)]
pub struct Poller<P> {
    /// Where pages come from.
    pub pages: Arc<P>,
    /// How to walk.
    pub walk: walk::Options,
    /// When to walk.
    pub schedule: Schedule,
    /// Where results go.
    pub organization: Arc<Organization>,
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
    /// The API refused the key.
    Refused,
    Cancelled,
}

impl<P: Pages + Send + 'static> Poller<P> {
    /// Walks at once and then on schedule, until `shutdown`. A walk in progress is given up then.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut first = true;
        loop {
            let start = Instant::now();
            let chance = fastrand::f64();
            let next = match self.walk_once(&shutdown).await {
                Ending::Cancelled => return,
                Ending::Published => self.schedule.after_success(start, first, chance),
                Ending::Refused => self.schedule.after_refusal(start, chance),
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
    async fn walk_once(&self, shutdown: &CancellationToken) -> Ending {
        let start = self.clock.now();
        let (pages, options) = (self.pages.clone(), self.walk.clone());
        let (clock, telemetry) = (self.clock, self.telemetry.clone());
        let mut task = tokio::spawn(async move { walk(&*pages, &options, clock, &telemetry).await });
        let outcome = tokio::select! {
            outcome = &mut task => outcome,
            () = shutdown.cancelled() => {
                task.abort();
                self.telemetry.walk("cancelled");
                return Ending::Cancelled;
            }
        };
        match outcome {
            Ok(Ok(walk)) => self.publish(walk),
            Ok(Err(failed)) => self.note_failure(&failed),
            Err(panic) => {
                tracing::error!(organization = self.organization.name, error = %panic, "walk broke off by a fault of the exporter");
                self.organization.note_panic(start, self.clock.now());
                Ending::Failed
            }
        }
    }

    fn publish(&self, walk: CompletedWalk) -> Ending {
        let anomalies: u64 = walk.summary.anomalies.by_kind().iter().map(|(_, number)| number).sum();
        tracing::info!(
            organization = self.organization.name,
            users = walk.composition.users(),
            pages = walk.summary.pages,
            anomalies,
            duration_seconds = walk.summary.duration().as_secs_f64(),
            "walk completed"
        );
        self.organization.publish(walk);
        self.telemetry.walk("success");
        Ending::Published
    }

    fn note_failure(&self, failed: &FailedWalk) -> Ending {
        tracing::warn!(
            organization = self.organization.name,
            result = failed.error.result(),
            pages = failed.summary.pages,
            duration_seconds = failed.summary.duration().as_secs_f64(),
            error = %failed.error,
            figures = if self.organization.state().snapshot.is_some() { "kept" } else { "none yet" },
            "walk failed"
        );
        self.organization.note_failure(failed);
        self.telemetry.walk(failed.error.result());
        if failed.error.is_refusal() { Ending::Refused } else { Ending::Failed }
    }
}

#[cfg(test)]
mod tests;
