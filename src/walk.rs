//! One complete pass over all pages of an organization, or a reason why there is none.
//!
//! A walk is complete or it failed; there is nothing between. It must not know schedules or who looks at the
//! result, so that `once` walks without a poller.

mod audience;
mod boundaries;
mod chain;
mod cursors;
mod ground;
mod meter;
mod pages;
mod pass;
mod segmented;
mod trail;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::admin_api::Error;
use crate::clock::{Clock, Moment};
use crate::composition::{self, Composition};
use crate::policy::{Policies, Tallied};
use crate::roster::{self, Changes, Roster};
use crate::telemetry::OrganizationTelemetry;

pub use audience::Audience;
pub use boundaries::Boundaries;
use ground::{Counted, Ground, Progress};
pub use meter::Meter;
pub use pages::Pages;
use pass::{Ended, Pass};
use segmented::Outcome;

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
    /// What else to count users for.
    pub policies: Arc<Policies>,
}

/// What a walk goes by: the walk before it.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// Whom it met.
    pub roster: Option<Arc<Roster>>,
    /// Where the list may be cut, to walk its segments at the same time; without, it is walked page after page.
    pub boundaries: Option<Arc<Boundaries>>,
}

/// How a walk went through the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Page after page.
    Sequential,
    /// In segments at the same time.
    Segmented {
        /// How many stood in the end: one where no boundary did, none where the walk failed before.
        stood: usize,
        /// How many there were at first.
        of: usize,
    },
    /// Page after page, as segments had been no chain.
    FellBack,
}

/// A walk over all pages.
#[derive(Debug)]
pub struct CompletedWalk {
    /// What it counted.
    pub composition: Composition,
    /// What it counted for policies.
    pub tallied: Tallied,
    /// Whom it met.
    pub roster: Arc<Roster>,
    /// What changed since the roster that it was compared with, if there was one.
    pub changes: Option<Changes>,
    /// Where the list may be cut by the next walk.
    pub boundaries: Arc<Boundaries>,
    /// How it went through the list.
    pub way: Way,
    /// When, how far, and what was odd.
    pub summary: Summary,
}

/// A walk that counts for nothing.
#[derive(Debug)]
pub struct FailedWalk {
    /// Why.
    pub error: Error,
    /// How it went through the list.
    pub way: Way,
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

impl Anomalies {
    fn add(&mut self, other: Self) {
        self.duplicate += other.duplicate;
        self.missing_cursor += other.missing_cursor;
        self.cursor_gone += other.cursor_gone;
    }

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
    before: Before,
    clock: Clock,
    telemetry: &OrganizationTelemetry,
    meter: &Meter,
) -> Result<CompletedWalk, Box<FailedWalk>> {
    let terms = Terms { most: MOST_USERS, before, audience: None };
    walk_on(terms, pages, options, clock, telemetry, meter).await
}

/// Walks over `pages` once, page after page, and shows `audience` whom it meets.
///
/// # Errors
///
/// As [`walk`]; then whom the audience has seen are some of the users, and nobody knows which are missing.
pub async fn walk_before<P: Pages>(
    audience: &dyn Audience,
    pages: &P,
    options: &Options,
    clock: Clock,
    telemetry: &OrganizationTelemetry,
    meter: &Meter,
) -> Result<CompletedWalk, Box<FailedWalk>> {
    let terms = Terms { most: MOST_USERS, before: Before::default(), audience: Some(audience) };
    walk_on(terms, pages, options, clock, telemetry, meter).await
}

/// What walks differ in.
struct Terms<'w> {
    /// The most users, and the most pages.
    most: usize,
    before: Before,
    audience: Option<&'w dyn Audience>,
}

async fn walk_on<P: Pages>(
    Terms { most, before: Before { roster, boundaries }, audience }: Terms<'_>,
    pages: &P,
    options: &Options,
    clock: Clock,
    telemetry: &OrganizationTelemetry,
    meter: &Meter,
) -> Result<CompletedWalk, Box<FailedWalk>> {
    pages.prepare().await;
    let (start, progress) = (clock.now(), Mutex::default());
    if let Some(audience) = audience {
        audience.begin(&start);
    }
    let roster = roster::Builder::new(roster);
    let ground = Ground { pages, options, roster, telemetry, meter, start, audience, most, progress };
    let mut way = Way::Sequential;
    let counted = through(&ground, boundaries.as_deref(), &mut way).await;
    let Progress { accepted, mut anomalies, .. } = *ground.progress();
    if let Ok(counted) = &counted {
        anomalies.add(counted.anomalies);
    }
    let summary = |end| Summary { start, end, pages: accepted, anomalies };
    match counted {
        Ok(Counted { composition, tallies, roster, samplers, .. }) => {
            let (roster, changes) = roster.finish();
            Ok(CompletedWalk {
                composition,
                tallied: tallies.finish(),
                roster: Arc::new(roster),
                changes,
                boundaries: Arc::new(Boundaries::of(samplers)),
                way,
                summary: summary(clock.now()),
            })
        }
        Err(error) => Err(Box::new(FailedWalk { error, way, summary: summary(clock.now()) })),
    }
}

/// Goes through the whole list: in segments where that is worth it, page after page where it is not or they are no chain.
async fn through<P: Pages>(
    ground: &Ground<'_, P>,
    boundaries: Option<&Boundaries>,
    way: &mut Way,
) -> Result<Counted, Error> {
    let mut may_start_over = true;
    let cut = |boundaries: &Boundaries| Some((boundaries.chain(ground.pages.walkers())?, boundaries.pages()));
    if let Some((chain, pages)) = boundaries.and_then(cut) {
        let of = chain.len();
        *way = Way::Segmented { stood: 0, of };
        match segmented::walk(ground, chain, pages).await? {
            Outcome::Whole(pieces) => {
                let stood = pieces.len();
                if let Some(counted) = Counted::joined(pieces) {
                    *way = Way::Segmented { stood, of };
                    return Ok(counted);
                }
                *way = Way::FellBack;
            }
            Outcome::Broken => *way = Way::FellBack,
            Outcome::Lost => {
                may_start_over = false;
                *way = Way::Sequential;
            }
        }
        if *way == Way::FellBack {
            ground.telemetry.anomaly("segment_mismatch");
        }
        ground.start_over();
    }
    loop {
        let mut pass = Pass::new(ground, None);
        let ended = pass.run(None).await;
        if !matches!(ended, Ok(Ended::AllPages)) {
            ground.progress().anomalies.add(pass.anomalies());
        }
        match ended? {
            Ended::AllPages => return Ok(pass.into_counted()),
            Ended::Lost if may_start_over => may_start_over = false,
            Ended::Lost | Ended::Met | Ended::Failed | Ended::Odd | Ended::Resting => {
                return Err(
                    pass.invalid("the place in the list was lost twice; users leave faster than pages come")
                );
            }
        }
        ground.start_over();
    }
}

#[cfg(test)]
mod tests;
