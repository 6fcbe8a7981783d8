//! What all passes of one walk share: where pages come from, how long it may take, how far it is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::boundaries::Sampler;
use super::{Anomalies, Audience, Meter, Options, Pages};
use crate::admin_api::{Body, Error, User};
use crate::clock::Moment;
use crate::composition::Composition;
use crate::policy::Tallies;
use crate::roster;
use crate::telemetry::OrganizationTelemetry;

/// A place in the list: behind a cursor, or the start.
pub(super) type Place = Option<String>;

/// One walk.
pub(super) struct Ground<'w, P> {
    pub(super) pages: &'w P,
    pub(super) options: &'w Options,
    /// Compares whom the walk meets with those of the walk before.
    pub(super) roster: roster::Builder,
    pub(super) telemetry: &'w OrganizationTelemetry,
    pub(super) meter: &'w Meter,
    pub(super) start: Moment,
    /// Who wants to see the users as they come.
    pub(super) audience: Option<&'w dyn Audience>,
    /// The most users, and the most cursors.
    pub(super) most: usize,
    pub(super) progress: Mutex<Progress>,
}

/// How far a walk has come, over all its passes. The anomalies are those of passes page after page that came to nothing.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Progress {
    asked: u64,
    pub(super) accepted: u64,
    pub(super) users: usize,
    pub(super) anomalies: Anomalies,
}

/// What was counted of the list, or of a part of it.
pub(super) struct Counted {
    pub(super) composition: Composition,
    pub(super) tallies: Tallies,
    pub(super) roster: roster::Builder,
    /// One for each piece of the list.
    pub(super) samplers: Vec<Sampler>,
    /// What was odd.
    pub(super) anomalies: Anomalies,
}

impl<'w, P: Pages> Ground<'w, P> {
    /// Asks for the page behind `after`: the number of the request, and its answer to come.
    pub(super) fn ask(
        &self,
        after: Place,
        limit: Instant,
    ) -> (u64, impl Future<Output = Result<Body, Error>> + Send + use<'w, P>) {
        let number = {
            let mut progress = self.progress();
            progress.asked += 1;
            progress.asked
        };
        let pages = self.pages;
        (number, async move { pages.list_users(after.as_deref(), number, limit).await })
    }

    /// When a request that is sent now has to have its answer: at the walk's deadline, or when it counts as stalled.
    pub(super) fn limit(&self) -> Instant {
        let deadline = self.start.instant + self.options.timeout;
        deadline.min(Instant::now() + self.options.stall_timeout)
    }

    /// Nobody counted yet.
    pub(super) fn nobody(&self) -> Counted {
        let (options, reference) = (&self.options.composition, self.start.whole_unix_seconds());
        Counted {
            composition: Composition::new(options.clone(), reference),
            tallies: Tallies::new(self.options.policies.clone(), options.clone(), reference),
            roster: self.roster.clone(),
            samplers: vec![Sampler::default()],
            anomalies: Anomalies::default(),
        }
    }

    /// A page was accepted, with so many users who had not been met.
    pub(super) fn accepted(&self, users: usize) {
        let mut progress = self.progress();
        progress.accepted += 1;
        progress.users += users;
        self.meter.set(progress.accepted, progress.users);
    }

    /// All that was counted is thrown away.
    pub(super) fn start_over(&self) {
        let users = self.progress().users;
        self.thrown_away(users);
        if let Some(audience) = self.audience {
            audience.start_over();
        }
    }

    /// What was counted of so many users is thrown away.
    pub(super) fn thrown_away(&self, users: usize) {
        let mut progress = self.progress();
        progress.users -= users;
        self.meter.set(progress.accepted, progress.users);
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// What was counted of the whole list, from its pieces in order; `None` if somebody was counted in two of them.
    pub(super) fn joined(pieces: Vec<Self>) -> Option<Self> {
        let mut pieces = pieces.into_iter();
        let mut all = pieces.next()?;
        for piece in pieces {
            if !all.roster.absorb(piece.roster) {
                return None;
            }
            all.composition.merge(&piece.composition);
            all.tallies.merge(&piece.tallies);
            all.samplers.extend(piece.samplers);
            all.anomalies.add(piece.anomalies);
        }
        Some(all)
    }

    /// Counts a user; `false` for one who was met before.
    pub(super) fn add(&mut self, user: &User<'_>) -> bool {
        let is_new = self.roster.meet(user);
        if is_new {
            self.composition.add(user);
            self.tallies.add(user);
            self.samplers.iter_mut().for_each(|sampler| sampler.see(&user.id));
        }
        is_new
    }

    pub(super) fn users(&self) -> usize {
        self.roster.len()
    }
}
