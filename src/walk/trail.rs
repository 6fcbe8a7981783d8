//! The way back: places behind which the list goes on, from the last page that had users.

use super::ground::Place;
use crate::admin_api::Body;

/// How many places are kept.
const LONGEST: usize = 256;

/// Places to step back to. The ids of a page are read off its body only when they are needed.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// The last page with users, and its place.
    page: Option<(Place, Body)>,
    /// Places behind that page, the nearest last.
    places: Vec<Place>,
}

impl Trail {
    /// A page was read from `place`; it had users.
    pub(super) fn page(&mut self, place: Place, body: Body) {
        self.places.clear();
        self.page = Some((place, body));
    }

    /// A page without users was read from `place`.
    pub(super) fn empty_page(&mut self, place: Place) {
        self.places.push(place);
        if self.places.len() > LONGEST {
            self.page = None;
            self.places.remove(0);
        }
    }

    /// The nearest place before `cursor`, which is taken off the trail.
    pub(super) fn step_back(&mut self, cursor: &Place) -> Option<Place> {
        self.spread();
        if self.places.last() == Some(cursor) {
            self.places.pop();
        }
        self.places.pop()
    }

    /// Forgets the ids of the last page. Its place is remembered.
    pub(super) fn rest(&mut self) {
        if let Some((place, _)) = self.page.take() {
            self.places.insert(0, place);
        }
    }

    fn spread(&mut self) {
        let Some((place, body)) = self.page.take() else { return };
        let ids =
            body.page().map(|page| page.users.into_iter().map(|user| Some(user.id.into_owned())).collect());
        let ids: Vec<Place> = ids.unwrap_or_default();
        let behind = std::mem::take(&mut self.places);
        self.places = std::iter::once(place).chain(ids).chain(behind).collect();
        let surplus = self.places.len().saturating_sub(LONGEST);
        self.places.drain(..surplus);
    }
}
