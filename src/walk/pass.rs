//! One pass from the first page to the last, with the rules that keep it whole.

use std::time::Duration;

use tokio::time::Instant;

use super::cursors::Cursors;
use super::{Anomalies, Meter, Pages, Progress, limit};
use crate::admin_api::{Body, Error, Page};
use crate::composition::Composition;
use crate::roster;
use crate::telemetry::OrganizationTelemetry;

/// How many places to step back to are kept.
const LONGEST_TRAIL: usize = 256;

/// A place in the list: behind a cursor, or the start.
type Place = Option<String>;

/// A pass in progress.
pub(super) struct Pass<'w, P> {
    pages: &'w P,
    telemetry: &'w OrganizationTelemetry,
    composition: Composition,
    roster: roster::Builder,
    /// Every cursor that led to a page.
    cursors: Cursors,
    /// Places behind which the list goes on, the nearest last.
    trail: Vec<Place>,
    /// The last user accepted.
    last_user: Option<String>,
    /// The most users, and the most cursors.
    most: usize,
    progress: &'w mut Progress,
    meter: &'w Meter,
}

/// How a pass ended that did not fail.
pub(super) enum Ended {
    /// With the last page.
    AllPages,
    /// Without a way back into the list: the walk may start over.
    Lost,
}

/// Where to go from here.
enum Next {
    Behind(String),
    End,
}

/// Why the place of a cursor has to be found again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// The API does not know the cursor.
    Refused,
    /// Nothing stands behind the cursor, which is how some servers answer an unknown one.
    Nothing,
}

impl<'w, P: Pages> Pass<'w, P> {
    pub(super) fn new(
        pages: &'w P,
        telemetry: &'w OrganizationTelemetry,
        composition: Composition,
        roster: roster::Builder,
        most: usize,
        progress: &'w mut Progress,
        meter: &'w Meter,
    ) -> Self {
        Self {
            pages,
            telemetry,
            composition,
            roster,
            cursors: Cursors::default(),
            trail: Vec::new(),
            last_user: None,
            most,
            progress,
            meter,
        }
    }

    /// What was counted, and who was met.
    pub(super) fn into_counted(self) -> (Composition, roster::Builder) {
        (self.composition, self.roster)
    }

    /// Goes through all pages. `may_be_lost` says whether the walk can start over.
    pub(super) async fn run(
        &mut self,
        deadline: Instant,
        stall_timeout: Duration,
        may_be_lost: bool,
    ) -> Result<Ended, Error> {
        let mut place: Place = None;
        loop {
            let limit = limit(deadline, Instant::now(), stall_timeout);
            let next = match self.ask(place.as_deref(), limit).await {
                Ok(body) => {
                    let page = body.page()?;
                    if place.is_none() && self.progress.accepted > 0 && is_end_without_users(&page) {
                        return Err(
                            self.invalid("the walk started over and found nobody where there were users")
                        );
                    }
                    if place.is_some() && is_end_without_users(&page) {
                        self.find_again(Doubt::Nothing, limit).await?
                    } else {
                        Some(self.accept(&page, place, false)?)
                    }
                }
                Err(error) if place.is_some() && is_refused_cursor(&error) => {
                    self.find_again(Doubt::Refused, limit).await?
                }
                Err(error) => return Err(error),
            };
            match next {
                Some(Next::Behind(cursor)) => place = Some(cursor),
                Some(Next::End) => return Ok(Ended::AllPages),
                None => {
                    self.anomaly(|anomalies| &mut anomalies.cursor_gone, "cursor_gone");
                    return match may_be_lost {
                        true => Ok(Ended::Lost),
                        false => Err(self.invalid(
                            "the place in the list was lost twice; users leave faster than pages come",
                        )),
                    };
                }
            }
        }
    }

    async fn ask(&mut self, after: Option<&str>, limit: Instant) -> Result<Body, Error> {
        self.progress.asked += 1;
        self.pages.list_users(after, self.progress.asked, limit).await
    }

    /// Counts a whole page that was read from `place`. On a `revisit` known users are no news.
    fn accept(&mut self, page: &Page<'_>, place: Place, revisit: bool) -> Result<Next, Error> {
        let next = self.next(page)?;
        for user in &page.users {
            if self.roster.meet(user) {
                self.composition.add(user);
            } else if !revisit {
                self.anomaly(|anomalies| &mut anomalies.duplicate, "duplicate");
            }
        }
        self.composition.add_unreadable(page.unreadable);
        if self.roster.len().max(self.cursors.len()) > self.most {
            return Err(self.invalid(&format!("the list has more than {} users or pages", self.most)));
        }
        self.progress.accepted += 1;
        self.meter.set(self.progress.accepted, self.roster.len());
        if page.users.is_empty() {
            self.trail.push(place);
        } else {
            self.trail.clear();
            self.trail.push(place);
            self.trail.extend(page.users.iter().map(|user| Some(user.id.clone().into_owned())));
            self.last_user = page.users.last().map(|user| user.id.clone().into_owned());
        }
        let surplus = self.trail.len().saturating_sub(LONGEST_TRAIL);
        self.trail.drain(..surplus);
        if let Next::Behind(cursor) = &next
            && self.trail.last().is_some_and(|place| place.as_ref() == Some(cursor))
        {
            self.trail.pop();
        }
        Ok(next)
    }

    /// Where `page` says that the list goes on. Nothing is counted before this is known.
    fn next(&mut self, page: &Page<'_>) -> Result<Next, Error> {
        if !page.has_more {
            return Ok(Next::End);
        }
        let cursor = match (&page.last_id, page.users.last()) {
            (Some(last_id), _) => last_id.clone().into_owned(),
            (None, Some(user)) if !page.ends_unreadable => {
                let cursor = user.id.clone().into_owned();
                self.anomaly(|anomalies| &mut anomalies.missing_cursor, "missing_cursor");
                cursor
            }
            (None, _) => {
                return Err(self.invalid("more pages are announced, and there is no cursor for them"));
            }
        };
        if !self.cursors.meet(&cursor) {
            self.telemetry.anomaly("repeated_cursor");
            return Err(
                self.invalid("the cursor of the next page was given before; the pages go round in circles")
            );
        }
        Ok(Next::Behind(cursor))
    }

    /// Steps back through the places before a cursor that leads nowhere, until one leads into the list again.
    ///
    /// `None` if none does. Nobody is counted twice: users who were met are known. An empty answer proves nothing,
    /// whichever place it is for; an answer with somebody known does.
    async fn find_again(&mut self, doubt: Doubt, limit: Instant) -> Result<Option<Next>, Error> {
        while let Some(place) = self.trail.pop() {
            let body = match self.ask(place.as_deref(), limit).await {
                Ok(body) => body,
                Err(error) if place.is_some() && is_refused_cursor(&error) => continue,
                Err(error) => return Err(error),
            };
            let page = body.page()?;
            if is_end_without_users(&page) {
                continue;
            }
            if page.unreadable > 0 {
                // Nobody can tell whether these were counted before.
                return Ok(None);
            }
            let stands = |id: &Option<String>| page.users.iter().any(|user| Some(&*user.id) == id.as_deref());
            let last_still_stands = stands(&self.last_user);
            let ends_as_before = page.users.last().map(|user| &*user.id) == self.last_user.as_deref();
            if doubt == Doubt::Nothing && ends_as_before {
                if page.has_more {
                    // Two answers that contradict each other; one from further back may decide.
                    continue;
                }
                // The last user is where it was and is the last, so the empty answer was true.
                self.progress.accepted += 1;
                return Ok(Some(Next::End));
            }
            if doubt == Doubt::Refused || !last_still_stands {
                self.anomaly(|anomalies| &mut anomalies.cursor_gone, "cursor_gone");
            }
            return self.accept(&page, place, true).map(Some);
        }
        Ok(None)
    }

    fn anomaly(&mut self, of: fn(&mut Anomalies) -> &mut u64, kind: &'static str) {
        *of(&mut self.progress.anomalies) += 1;
        self.telemetry.anomaly(kind);
    }

    fn invalid(&self, cause: &str) -> Error {
        Error::InvalidResponse(self.pages.detail(self.progress.asked, cause.to_owned()))
    }
}

/// An answer that says nothing about anybody.
fn is_end_without_users(page: &Page<'_>) -> bool {
    page.users.is_empty() && page.unreadable == 0 && !page.has_more
}

fn is_refused_cursor(error: &Error) -> bool {
    matches!(error, Error::ClientError(detail) if matches!(detail.status, Some(400 | 404)))
}
