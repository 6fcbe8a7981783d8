//! One complete pass over all pages of an organization, or a reason why there is none.
//!
//! A walk is complete or it failed; there is nothing between. It must not know schedules or who looks at the
//! result, so that `once` walks without a poller.

mod cursors;
mod meter;
mod pages;
mod pass;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::admin_api::Error;
use crate::clock::{Clock, Moment};
use crate::composition::{self, Composition};
use crate::roster::{self, Changes, Roster};
use crate::telemetry::OrganizationTelemetry;

pub use meter::Meter;
pub use pages::Pages;
use pass::{Ended, Pass};

/// The most users, and the most pages, of one walk. An API that invents users for ever would fill memory until then.
const MOST_USERS: usize = 10_000_000;

/// How to walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The time that a walk may take.
    pub timeout: Duration,
    /// A walk fails when no page was accepted for that long, waits for retries included.
    pub stall_timeout: Duration,
    /// What to count by.
    pub composition: Arc<composition::Options>,
}

/// A walk over all pages.
#[derive(Debug)]
pub struct CompletedWalk {
    /// What it counted.
    pub composition: Composition,
    /// Whom it met.
    pub roster: Arc<Roster>,
    /// What changed since the roster that it was compared with, if there was one.
    pub changes: Option<Changes>,
    /// When, how far, and what was odd.
    pub summary: Summary,
}

/// A walk that counts for nothing.
#[derive(Debug)]
pub struct FailedWalk {
    /// Why.
    pub error: Error,
    /// When, how far, and what was odd.
    pub summary: Summary,
}

/// What can be said of any walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// When it began: the reference time of all ages.
    pub start: Moment,
    /// When it ended.
    pub end: Moment,
    /// Pages accepted.
    pub pages: u64,
    /// What was odd.
    pub anomalies: Anomalies,
}

/// Oddities that a walk can get over, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Anomalies {
    /// A user who stood in the list already.
    pub duplicate: u64,
    /// More pages announced, and no cursor for them.
    pub missing_cursor: u64,
    /// A cursor whose user had gone.
    pub cursor_gone: u64,
}

/// How far a walk has come, over all its passes.
#[derive(Debug, Default)]
struct Progress {
    asked: u64,
    accepted: u64,
    anomalies: Anomalies,
}

impl Anomalies {
    /// The number of each kind, under the value of the label `kind`.
    pub fn by_kind(&self) -> [(&'static str, u64); 3] {
        [
            ("cursor_gone", self.cursor_gone),
            ("duplicate", self.duplicate),
            ("missing_cursor", self.missing_cursor),
        ]
    }
}

impl Summary {
    /// How long the walk took.
    pub fn duration(&self) -> Duration {
        self.end.instant - self.start.instant
    }
}

/// Walks over `pages` once, starting now, and compares whom it meets with the roster `before`. `meter` shows how far it is.
///
/// # Errors
///
/// If any page could not be had or did not fit the others. Nothing that was counted until then is given out.
pub async fn walk<P: Pages>(
    pages: &P,
    options: &Options,
    before: Option<Arc<Roster>>,
    clock: Clock,
    telemetry: &OrganizationTelemetry,
    meter: &Meter,
) -> Result<CompletedWalk, Box<FailedWalk>> {
    walk_at_most(MOST_USERS, pages, options, before, clock, telemetry, meter).await
}

async fn walk_at_most<P: Pages>(
    most_users: usize,
    pages: &P,
    options: &Options,
    before: Option<Arc<Roster>>,
    clock: Clock,
    telemetry: &OrganizationTelemetry,
    meter: &Meter,
) -> Result<CompletedWalk, Box<FailedWalk>> {
    pages.prepare().await;
    let start = clock.now();
    let mut progress = Progress::default();
    let mut may_start_over = true;
    loop {
        let composition = Composition::new(options.composition.clone(), start.whole_unix_seconds());
        let roster = roster::Builder::new(before.clone());
        let mut pass = Pass::new(pages, telemetry, composition, roster, most_users, &mut progress, meter);
        let ended = pass.run(start.instant + options.timeout, options.stall_timeout, may_start_over).await;
        let (composition, roster) = pass.into_counted();
        let summary =
            Summary { start, end: clock.now(), pages: progress.accepted, anomalies: progress.anomalies };
        match ended {
            Ok(Ended::AllPages) => {
                let (roster, changes) = roster.finish();
                let summary = Summary { end: clock.now(), ..summary };
                return Ok(CompletedWalk { composition, roster: Arc::new(roster), changes, summary });
            }
            Ok(Ended::Lost) => may_start_over = false,
            Err(error) => return Err(Box::new(FailedWalk { error, summary })),
        }
    }
}

/// The earlier of the walk's deadline and the moment at which it counts as stalled.
fn limit(deadline: Instant, progress: Instant, stall_timeout: Duration) -> Instant {
    deadline.min(progress + stall_timeout)
}

#[cfg(test)]
mod tests;
