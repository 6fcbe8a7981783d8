//! One pass over the pages of the list, or of a segment of it, with the rules that keep it whole.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{MaybeDone, maybe_done};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::chain::Extent;
use super::cursors::Cursors;
use super::ground::{Counted, Ground, Place};
use super::segmented::Segment;
use super::trail::Trail;
use super::{Anomalies, Pages};
use crate::admin_api::{Body, Error, Page, User};

/// The most users that one page can have.
const LONGEST_PAGE: usize = 10_000;

/// A pass in progress.
pub(super) struct Pass<'w, P> {
    ground: &'w Ground<'w, P>,
    counted: Counted,
    /// Every cursor that led to a page.
    cursors: Cursors,
    /// Where the next page is to be found.
    place: Place,
    /// Whether that page was read before, as far as it went.
    revisit: bool,
    /// Whether a page was accepted.
    begun: bool,
    trail: Trail,
    /// The last user accepted.
    last_user: Option<String>,
    /// The number of the last request that was answered.
    number: u64,
    /// Whether somebody else is to walk on.
    rests: bool,
}

/// How a pass ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With the last page.
    AllPages,
    /// At the boundary of the next segment. It can be run again, to go on behind it.
    Met,
    /// Its own boundary leads nowhere.
    Failed,
    /// Without a way back into the list.
    Lost,
    /// At a page that is not followed by what stands behind its last user, or with too many users: such a list cannot be
    /// cut by its users.
    Odd,
    /// Between two pages, as there are too many walkers now. It can be run again, to go on.
    Resting,
}

/// Where to go from here.
enum Next {
    Behind(String),
    Out(Ended),
}

/// Why the place of a cursor has to be found again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// The API does not know the cursor.
    Refused,
    /// Nothing stands behind the cursor, which is how some servers answer an unknown one.
    Nothing,
}

/// What comes of a page that was looked at.
struct Accepted {
    next: Next,
    last_user: Option<String>,
}

/// The next page, asked for while the one before it is counted.
struct Ahead<'w> {
    cursor: String,
    number: u64,
    answer: MaybeDone<Answer<'w>>,
}

type Answer<'w> = Pin<Box<dyn Future<Output = Result<Body, Error>> + Send + 'w>>;

impl<'w, P: Pages> Pass<'w, P> {
    /// A pass from `place` on.
    pub(super) fn new(ground: &'w Ground<'w, P>, place: Place) -> Self {
        Self {
            ground,
            counted: ground.nobody(),
            cursors: Cursors::default(),
            place,
            revisit: false,
            begun: false,
            trail: Trail::default(),
            last_user: None,
            number: 0,
            rests: false,
        }
    }

    /// What was counted.
    pub(super) fn into_counted(self) -> Counted {
        self.counted
    }

    /// What was odd.
    pub(super) fn anomalies(&self) -> Anomalies {
        self.counted.anomalies
    }

    /// Whether a page was accepted.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// How many users were counted.
    pub(super) fn users(&self) -> usize {
        self.counted.users()
    }

    /// Goes through all pages, those of `segment` if there is one.
    pub(super) async fn run(&mut self, segment: Option<&Segment<'_>>) -> Result<Ended, Error> {
        let mut ahead = None;
        loop {
            let limit = self.ground.limit();
            // An answer that was asked for ahead is of use only for the place that the page led to.
            let ahead_of_here =
                ahead.take().filter(|ahead: &Ahead<'_>| Some(&ahead.cursor) == self.place.as_ref());
            let answer = match ahead_of_here {
                Some(ahead) => self.answer(ahead).await,
                None => self.ask(self.place.clone(), limit).await,
            };
            let next = match answer {
                Ok(body) => {
                    if segment.is_none() && self.has_room_for(LONGEST_PAGE) {
                        ahead = self.ask_ahead(body.announced_cursor().as_deref()).await;
                    }
                    self.take(body, segment, &mut ahead, limit).await?
                }
                Err(error) if self.place.is_some() && is_refused_cursor(&error) => {
                    self.find_again(Doubt::Refused, segment, &mut ahead, limit).await?
                }
                Err(error) => return Err(error),
            };
            match next {
                Next::Behind(cursor) => (self.place, self.revisit) = (Some(cursor), false),
                Next::Out(ended) => return Ok(ended),
            }
            if std::mem::take(&mut self.rests) {
                return Ok(Ended::Resting);
            }
        }
    }

    /// Takes in the page that was asked for.
    async fn take(
        &mut self,
        body: Body,
        segment: Option<&Segment<'_>>,
        ahead: &mut Option<Ahead<'w>>,
        limit: Instant,
    ) -> Result<Next, Error> {
        let page = body.page()?;
        let says_nothing = page.users.is_empty() && page.unreadable == 0;
        let is_end = says_nothing && !page.has_more;
        if is_end && self.place.is_none() && segment.is_none() && self.ground.progress().accepted > 0 {
            return Err(self.invalid("the walk started over and found nobody where there were users"));
        }
        if is_end && self.place.is_some() {
            return self.find_again(Doubt::Nothing, segment, ahead, limit).await;
        }
        if says_nothing && self.is_at_boundary() {
            return Ok(Next::Out(Ended::Failed));
        }
        if self.revisit && page.unreadable > 0 {
            // Nobody can tell whether these were counted before.
            return Ok(Next::Out(Ended::Lost));
        }
        let (place, revisit) = (self.place.clone(), self.revisit);
        let accepted = self.accept(&body, &page, &place, revisit, segment, ahead).await?;
        drop(page);
        Ok(self.went_on(place, body, accepted))
    }

    /// Counts a whole page that was read from `place`, or the part of it that belongs to `segment`. On a `revisit` known
    /// users are no news. The next page is asked for before anybody is counted.
    async fn accept(
        &mut self,
        body: &Body,
        page: &Page<'_>,
        place: &Place,
        revisit: bool,
        segment: Option<&Segment<'_>>,
        ahead: &mut Option<Ahead<'w>>,
    ) -> Result<Accepted, Error> {
        match segment.map_or(Extent::Whole, |segment| segment.extent(page)) {
            Extent::Whole => {}
            Extent::Nothing => return Ok(Accepted { next: Next::Out(Ended::Failed), last_user: None }),
            Extent::Until(users) => {
                (self.place, self.revisit) = (place.clone(), true);
                let next = self.count(body, &page.users[..users], Next::Out(Ended::Met), revisit, segment)?;
                return Ok(Accepted { next, last_user: None });
            }
        }
        let next = self.next(page)?;
        if let Next::Behind(cursor) = &next
            && segment.is_some()
            && !page.ends_unreadable
            && page.users.last().is_none_or(|user| user.id != *cursor)
        {
            return Ok(Accepted { next: Next::Out(Ended::Odd), last_user: None });
        }
        match &next {
            Next::Behind(cursor) if ahead.as_ref().is_some_and(|ahead| ahead.cursor == *cursor) => {}
            Next::Behind(_)
                if segment.is_some_and(|segment| segment.gives_way(self.ground.pages.walkers())) =>
            {
                self.rests = true;
            }
            Next::Behind(cursor) if self.has_room_for(page.users.len()) => {
                *ahead = Some(self.send(cursor.clone()).await);
            }
            _ => *ahead = None,
        }
        self.counted.composition.add_unreadable(page.unreadable);
        let next = self.count(body, &page.users, next, revisit, segment)?;
        Ok(Accepted { next, last_user: page.users.last().map(|user| user.id.clone().into_owned()) })
    }

    /// Counts users, and says where to go then: to `next`, unless there are more of them than there may be.
    fn count(
        &mut self,
        body: &Body,
        users: &[User<'_>],
        next: Next,
        revisit: bool,
        segment: Option<&Segment<'_>>,
    ) -> Result<Next, Error> {
        let before = self.users();
        let audience = self.ground.audience;
        let mut shown = Vec::new();
        for user in users {
            if self.counted.add(user) {
                shown.extend(audience.map(|_| user));
            } else if !revisit {
                self.counted.anomalies.duplicate += 1;
                self.ground.telemetry.anomaly("duplicate");
            }
        }
        if let Some(audience) = audience {
            audience.page(body, &shown);
        }
        self.begun = true;
        self.ground.accepted(self.users() - before);
        match segment {
            Some(segment) if segment.is_endless(self.ground.progress().accepted) => Ok(Next::Out(Ended::Odd)),
            _ if self.has_room_for(0) => Ok(next),
            // Much of it may be of boundaries that the server does not know: page after page will tell.
            Some(_) => Ok(Next::Out(Ended::Odd)),
            None => {
                let most = self.ground.most;
                Err(self.invalid(&format!("the list has more than {most} users or pages")))
            }
        }
    }

    /// Remembers the way back from a page that was read from `place`, and says where to go from it.
    fn went_on(&mut self, place: Place, body: Body, accepted: Accepted) -> Next {
        match accepted {
            Accepted { next: Next::Out(ended), .. } => {
                self.trail.rest();
                Next::Out(ended)
            }
            Accepted { next, last_user: Some(user) } => {
                self.last_user = Some(user);
                self.trail.page(place, body);
                next
            }
            Accepted { next, last_user: None } => {
                self.trail.empty_page(place);
                next
            }
        }
    }

    /// Where `page` says that the list goes on. Nothing is counted before this is known.
    fn next(&mut self, page: &Page<'_>) -> Result<Next, Error> {
        if !page.has_more {
            return Ok(Next::Out(Ended::AllPages));
        }
        let cursor = match (&page.last_id, page.users.last()) {
            (Some(last_id), _) => last_id.clone().into_owned(),
            (None, Some(user)) if !page.ends_unreadable => {
                self.counted.anomalies.missing_cursor += 1;
                self.ground.telemetry.anomaly("missing_cursor");
                user.id.clone().into_owned()
            }
            (None, _) => {
                return Err(self.invalid("more pages are announced, and there is no cursor for them"));
            }
        };
        if !self.cursors.meet(&cursor) {
            self.ground.telemetry.anomaly("repeated_cursor");
            return Err(
                self.invalid("the cursor of the next page was given before; the pages go round in circles")
            );
        }
        Ok(Next::Behind(cursor))
    }

    /// Steps back through the places before a cursor that leads nowhere, until one leads into the list again.
    ///
    /// Nobody is counted twice: users who were met are known. An empty answer proves nothing, whichever place it is for; an
    /// answer with somebody known does.
    async fn find_again(
        &mut self,
        doubt: Doubt,
        segment: Option<&Segment<'_>>,
        ahead: &mut Option<Ahead<'w>>,
        limit: Instant,
    ) -> Result<Next, Error> {
        *ahead = None;
        if self.is_at_boundary() {
            return Ok(Next::Out(Ended::Failed));
        }
        while let Some(place) = self.trail.step_back(&self.place) {
            let body = match self.ask(place.clone(), limit).await {
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
                break;
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
                self.ground.accepted(0);
                return Ok(Next::Out(Ended::AllPages));
            }
            if doubt == Doubt::Refused || !last_still_stands {
                self.cursor_gone();
            }
            let accepted = self.accept(&body, &page, &place, true, segment, ahead).await?;
            drop(page);
            return Ok(self.went_on(place, body, accepted));
        }
        self.cursor_gone();
        Ok(Next::Out(Ended::Lost))
    }

    async fn ask(&mut self, after: Place, limit: Instant) -> Result<Body, Error> {
        let (number, answer) = self.ground.ask(after, limit);
        self.number = number;
        answer.await
    }

    /// Asks for the page behind the cursor that a page announces, if it is a new one.
    async fn ask_ahead(&self, announced: Option<&str>) -> Option<Ahead<'w>> {
        let cursor = announced.filter(|cursor| !self.cursors.has_met(cursor))?;
        Some(self.send(cursor.to_owned()).await)
    }

    /// Asks for the page behind `cursor`. When this comes back the request is on its way.
    async fn send(&self, cursor: String) -> Ahead<'w> {
        let (number, answer) = self.ground.ask(Some(cursor.clone()), self.ground.limit());
        let answer: Answer<'w> = Box::pin(answer);
        let mut answer = maybe_done(answer);
        poll_fn(|context| Poll::Ready(Pin::new(&mut answer).poll(context).is_ready())).await;
        // The task that writes to the connection was woken on this thread, and waits for this one.
        yield_now().await;
        Ahead { cursor, number, answer }
    }

    async fn answer(&mut self, mut ahead: Ahead<'w>) -> Result<Body, Error> {
        self.number = ahead.number;
        (&mut ahead.answer).await;
        Pin::new(&mut ahead.answer).take_output().expect("it is done, and nobody else takes it")
    }

    /// Whether nothing was read yet from the boundary of a segment.
    fn is_at_boundary(&self) -> bool {
        !self.begun && self.place.is_some()
    }

    fn has_room_for(&self, users: usize) -> bool {
        self.ground.progress().users + users <= self.ground.most && self.cursors.len() <= self.ground.most
    }

    fn cursor_gone(&mut self) {
        self.counted.anomalies.cursor_gone += 1;
        self.ground.telemetry.anomaly("cursor_gone");
    }

    /// What is wrong with the page that was answered last, or with the list.
    pub(super) fn invalid(&self, cause: &str) -> Error {
        Error::InvalidResponse(self.ground.pages.detail(self.number, cause.to_owned()))
    }
}

/// An answer that says nothing about anybody.
fn is_end_without_users(page: &Page<'_>) -> bool {
    page.users.is_empty() && page.unreadable == 0 && !page.has_more
}

fn is_refused_cursor(error: &Error) -> bool {
    matches!(error, Error::ClientError(detail) if matches!(detail.status, Some(400 | 404)))
}
