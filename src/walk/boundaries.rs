//! Where a list can be cut: ids of users at even distances, which a walk leaves for the next one.

use super::chain::Chain;

/// The most that are kept.
const MOST: usize = 400;

/// Users of half a page. Boundaries stand an odd number of these apart, so that whoever comes to one comes to it in the
/// middle of a page: some may join or leave before it without one page more to ask for.
const HALF_PAGE: u64 = 50;

/// Smaller organizations are walked page after page.
const FEWEST_PAGES: u64 = 10;

/// Shorter segments would ask for more pages than they save time.
const FEWEST_PAGES_OF_A_SEGMENT: u64 = 2;

/// Segments for each walker, if there are as many: a slow one shall not set the time.
const SEGMENTS_PER_WALKER: usize = 3;

/// The longest id that is one, in bytes.
const LONGEST_ID: usize = 256;

/// Ids of users in the order of the list, and how long it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boundaries {
    ids: Vec<Box<str>>,
    pages: u64,
}

/// Finds boundaries while users come by.
#[derive(Debug)]
pub(super) struct Sampler {
    /// Users and their places, counted from 1.
    samples: Vec<(u64, Box<str>)>,
    seen: u64,
    next: u64,
    distance: u64,
}

impl Boundaries {
    /// Boundaries as they were written down, of a list of `pages`. What could be none is left out.
    pub fn new(ids: impl IntoIterator<Item = Box<str>>, pages: u64) -> Self {
        let is_one = |id: &str| !id.trim().is_empty() && id.len() <= LONGEST_ID;
        Self { ids: ids.into_iter().filter(|id| is_one(id)).take(MOST).collect(), pages }
    }

    /// The ids.
    pub fn ids(&self) -> &[Box<str>] {
        &self.ids
    }

    /// How many pages the list fills.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Boundaries of a list that was walked in pieces, from their samplers in order.
    pub(super) fn of(pieces: Vec<Sampler>) -> Self {
        let users: u64 = pieces.iter().map(|piece| piece.seen).sum();
        let step = pieces.iter().map(|piece| piece.distance).max().unwrap_or(HALF_PAGE);
        // An odd number of steps, which themselves are an odd number of half pages.
        let steps = users.div_ceil(MOST as u64 + 1).div_ceil(step) | 1;
        let distance = steps * step;
        let (mut ids, mut before, mut next) = (Vec::new(), 0, distance);
        for piece in pieces {
            for (place, id) in piece.samples {
                // What is nearer than half a page is as good.
                if before + place + HALF_PAGE / 2 >= next && ids.len() < MOST {
                    next = before + place + distance;
                    ids.push(id);
                }
            }
            before += piece.seen;
        }
        Self { ids, pages: users.div_ceil(2 * HALF_PAGE) }
    }

    /// The segments for so many walkers, if it is worth it: those that take the least time, and a few for each walker.
    pub(super) fn chain(&self, walkers: usize) -> Option<Chain> {
        let worth_it = walkers > 1 && self.pages >= FEWEST_PAGES && !self.ids.is_empty();
        worth_it.then(|| Chain::new(self.every(self.stride(walkers))))
    }

    /// Which of the boundaries are taken: every so many.
    fn stride(&self, walkers: usize) -> usize {
        let segments = |stride: usize| self.every(stride).count() + 1;
        let rounds = |stride: usize| segments(stride).div_ceil(walkers) as u64;
        let pages = |stride: usize| self.pages / segments(stride) as u64 + 1;
        let most = (self.pages / FEWEST_PAGES_OF_A_SEGMENT).max(2);
        let enough = (walkers * SEGMENTS_PER_WALKER).min(segments(1));
        (1..=self.ids.len())
            .step_by(2)
            .filter(|stride| segments(*stride) as u64 <= most)
            .filter(|stride| segments(*stride) >= enough || segments(*stride) as u64 * 2 > most)
            .min_by_key(|stride| (rounds(*stride) * pages(*stride), *stride))
            .unwrap_or(self.ids.len())
    }

    /// The last one of each `stride` boundaries: an odd number of half pages from the start, and from one to the next.
    fn every(&self, stride: usize) -> impl Iterator<Item = &str> {
        self.ids.iter().skip(stride - 1).step_by(stride).map(|id| &**id)
    }
}

impl Sampler {
    /// The most samples before they are thinned out.
    const MOST: usize = 3 * MOST;

    /// A user comes by, for the first time.
    pub(super) fn see(&mut self, id: &str) {
        self.seen += 1;
        if self.seen < self.next {
            return;
        }
        self.samples.push((self.seen, id.into()));
        if self.samples.len() == Self::MOST {
            let mut number = 0;
            self.samples.retain(|_| {
                number += 1;
                number % 3 == 2
            });
            self.distance *= 3;
        }
        self.next = self.samples.last().map_or(0, |(place, _)| *place) + self.distance;
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self { samples: Vec::new(), seen: 0, next: HALF_PAGE, distance: HALF_PAGE }
    }
}

#[cfg(test)]
mod tests;
