//! The proof that segments, walked at the same time, are the whole list: pure.
//!
//! A boundary is the id of a user; a segment is what stands behind one boundary, up to and with the user who is the
//! next. The list is whole when the first segment began at its start, each segment met exactly the boundary of the
//! next, and the last one met the end. A boundary that the segment before it never meets (its user left, or stands
//! elsewhere) fails: it is taken out, and that segment goes on to the next.
//!
//! Why that is a proof for a list that does not change meanwhile, whatever a server answers to a cursor that it does not
//! know: the first segment begins at the start, and goes from users to those behind them. The boundary that it meets is
//! that of a user in the list, and what the server answers behind it is what stands there; and so on, to the end. That it
//! is what stands there is checked where it can be: in the middle of a page the next user is known, and the next segment
//! must begin with that one. At the end of a page the walk page after page would ask the same.

use std::collections::HashMap;
use std::sync::Arc;

/// The segments of one walk, numbered in the order of the list; number 0 begins at its start.
#[derive(Debug)]
pub(super) struct Chain {
    /// The segments by the boundaries that they begin behind.
    numbers: HashMap<Arc<str>, usize>,
    segments: Vec<Segment>,
}

#[derive(Debug)]
struct Segment {
    /// `None` for the start of the list.
    boundary: Option<Arc<str>>,
    /// Whether anybody was read behind it.
    read: bool,
    /// Whom the segment begins with, once its first page is there; `None` in it where that has nobody.
    first: Option<Option<Box<str>>>,
    /// Whom it must begin with, if whoever came to its boundary has seen that.
    expected: Option<Box<str>>,
    end: End,
}

/// How far a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It has not come to its end.
    Open,
    /// It came to the boundary of this one.
    Met(usize),
    /// It came to the end of the list.
    OfList,
    /// Its boundary failed; what was read behind it counts for nothing.
    Failed,
}

/// What is to be made of a page that was read for a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The whole page belongs to the segment.
    Whole,
    /// The first so many users do, and the segment ends there.
    Until(usize),
    /// Nothing: the segment has failed.
    Nothing,
}

impl Chain {
    /// Nothing read yet, with a segment behind the start of the list and one behind each of `boundaries`.
    pub(super) fn new<'b>(boundaries: impl IntoIterator<Item = &'b str>) -> Self {
        let mut chain = Self { numbers: HashMap::new(), segments: vec![Segment::behind(None)] };
        for boundary in boundaries {
            if !chain.numbers.contains_key(boundary) {
                let boundary: Arc<str> = boundary.into();
                chain.numbers.insert(boundary.clone(), chain.segments.len());
                chain.segments.push(Segment::behind(Some(boundary)));
            }
        }
        chain
    }

    /// How many segments there are, failed ones too.
    pub(super) fn len(&self) -> usize {
        self.segments.len()
    }

    /// The user behind whom a segment begins; `None` for the start of the list.
    pub(super) fn boundary(&self, number: usize) -> Option<&str> {
        self.segments[number].boundary.as_deref()
    }

    /// Segments that have not come to their end, in the order of the list.
    pub(super) fn open(&self) -> impl Iterator<Item = usize> {
        self.standing().filter(|number| self.segments[*number].end == End::Open)
    }

    /// Whether the boundary of a segment has not failed.
    pub(super) fn stands(&self, number: usize) -> bool {
        self.segments[number].end != End::Failed
    }

    /// A segment has come to a page with the users `ids`. Where the page is not `divisible`, nobody can tell which part
    /// of it belongs to whom, and a boundary on it fails.
    pub(super) fn read<'i>(
        &mut self,
        number: usize,
        ids: impl IntoIterator<Item = &'i str>,
        divisible: bool,
    ) -> Extent {
        if self.segments[number].end != End::Open {
            return Extent::Nothing;
        }
        let mut ids = ids.into_iter().enumerate().peekable();
        let first = ids.peek().map(|(_, id)| Box::from(*id));
        self.segments[number].first.get_or_insert(first);
        if !self.segments[number].begins_as_expected() {
            self.fail(number);
            return Extent::Nothing;
        }
        while let Some((place, id)) = ids.next() {
            let met = self.numbers.get(id).copied().filter(|met| self.stands(*met));
            match met {
                // The order is not what it was, or the server does not know the boundary and began elsewhere.
                Some(met) if met <= number => {
                    self.fail(number);
                    return Extent::Nothing;
                }
                Some(met) if divisible && self.begins_with(met, ids.peek().map(|(_, id)| *id)) => {
                    self.fail_all(number + 1..met);
                    self.segments[number].read = true;
                    self.segments[number].end = End::Met(met);
                    return Extent::Until(place + 1);
                }
                Some(met) => self.fail(met),
                None => {}
            }
            self.segments[number].read = true;
        }
        Extent::Whole
    }

    /// A segment has come to the end of the list. No boundary stands behind that. `false` if that contradicts what was read:
    /// somebody stands behind one of them.
    pub(super) fn ended(&mut self, number: usize) -> bool {
        if !self.stands(number) {
            return true;
        }
        let behind = number + 1..self.segments.len();
        let contradicts = behind.clone().any(|other| self.stands(other) && self.segments[other].read);
        self.fail_all(behind);
        self.segments[number].end = End::OfList;
        !contradicts
    }

    /// Whether any boundary led anywhere.
    pub(super) fn has_led_anywhere(&self) -> bool {
        self.segments[1..].iter().any(|segment| segment.read)
    }

    /// The boundary of a segment failed. The segment that had come to it goes on.
    ///
    /// The start of the list, number 0, cannot fail.
    pub(super) fn fail(&mut self, number: usize) {
        debug_assert!(number > 0, "the start of the list is no boundary");
        self.segments[number].end = End::Failed;
        for segment in &mut self.segments {
            if segment.end == End::Met(number) {
                segment.end = End::Open;
            }
        }
    }

    /// The segments that make up the whole list, in its order, if that is proved.
    pub(super) fn proved(&self) -> Option<Vec<usize>> {
        let standing: Vec<usize> = self.standing().collect();
        let end = |number: usize| self.segments[number].end;
        let meets_next = standing.windows(2).all(|pair| end(pair[0]) == End::Met(pair[1]));
        let last_is_at_end = end(*standing.last()?) == End::OfList;
        (standing[0] == 0 && meets_next && last_is_at_end).then_some(standing)
    }

    /// Whether a segment begins with `next`, as far as anything is known of either; it is held to that from now on.
    fn begins_with(&mut self, number: usize, next: Option<&str>) -> bool {
        let segment = &mut self.segments[number];
        segment.expected = next.map(Box::from);
        segment.begins_as_expected()
    }

    fn standing(&self) -> impl Iterator<Item = usize> {
        (0..self.segments.len()).filter(|number| self.stands(*number))
    }

    fn fail_all(&mut self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            if self.stands(number) {
                self.fail(number);
            }
        }
    }
}

impl Segment {
    fn behind(boundary: Option<Arc<str>>) -> Self {
        Self { boundary, read: false, first: None, expected: None, end: End::Open }
    }

    fn begins_as_expected(&self) -> bool {
        match (&self.first, &self.expected) {
            (Some(first), Some(expected)) => first.as_ref() == Some(expected),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
