//! Names that the API chooses (roles, personas, projects), as small numbers, and counts by them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::traits::Named;
use crate::admin_api::{Field, looks_like_a_key, looks_like_an_address};

/// The number of everything without a name.
pub(super) const UNKNOWN: usize = 0;

/// The number of everything that is not told apart.
pub(super) const OTHER: usize = 1;

/// Names of one kind; each has a number that it keeps. Those that cannot be told apart share one.
#[derive(Debug, Clone, PartialEq)]
pub struct Names {
    /// Hashed quickly: whoever makes names up to collide gets no more of them in here than `most`.
    numbers: HashMap<Box<str>, usize, RandomState>,
    names: Vec<Box<str>>,
    /// How many are told apart; what comes after them is [`OTHER`].
    most: usize,
}

/// Whether the name looks like a mail address or an API key, which are in no metric whatever field they come in.
pub(super) fn is_private(name: &str) -> bool {
    looks_like_an_address(name) || looks_like_a_key(name)
}

/// Something counted, which can be added to its like.
pub(super) trait Tally: Clone + Default {
    /// Adds what `other` counted.
    fn merge(&mut self, other: &Self);

    /// How many users it stands for.
    fn users(&self) -> u64;
}

/// Counts by name.
#[derive(Debug, Clone)]
pub(super) struct Values<T> {
    names: Names,
    counts: Vec<T>,
}

/// Counts by label value, few enough for labels.
pub(super) struct Folded<T> {
    /// Names with their counts, in byte order.
    pub(super) named: Vec<(String, T)>,
    /// What has a name but no series of its own, if there is any.
    pub(super) other: Option<T>,
    /// What has no name, if there is any.
    pub(super) unknown: Option<T>,
}

impl Names {
    /// The number of everything without a name, the lowest.
    pub const UNKNOWN: usize = UNKNOWN;

    /// No names yet, at most `most` to be told apart.
    pub fn new(most: usize) -> Self {
        Self { numbers: HashMap::default(), names: Vec::new(), most }
    }

    /// How many numbers are taken; all are below this.
    pub fn numbers(&self) -> usize {
        self.names.len() + OTHER + 1
    }

    /// All names, in the order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The label value of what has `number`.
    pub fn label(&self, number: usize) -> &str {
        match number {
            UNKNOWN => "unknown",
            OTHER => "other",
            _ => &self.names[number - OTHER - 1],
        }
    }

    /// The number of the name in `field`.
    pub fn number(&mut self, field: &Field<Cow<'_, str>>) -> usize {
        let Some(name) = field.value() else { return UNKNOWN };
        // What has a number was looked at when it got it.
        self.known(name).unwrap_or_else(|| self.number_of_new(name))
    }

    /// The number that `name` has got.
    fn known(&self, name: &str) -> Option<usize> {
        match self.names.len() {
            // So few are looked through sooner than one is hashed.
            ..=4 => self.names.iter().position(|known| **known == *name).map(|place| place + OTHER + 1),
            _ => self.numbers.get(name).copied(),
        }
    }

    fn number_of_new(&mut self, name: &str) -> usize {
        match Named::of_text(name) {
            Named::Name(name) => self.number_of(name),
            Named::Other => OTHER,
            Named::Unknown => UNKNOWN,
        }
    }

    fn number_of(&mut self, name: &str) -> usize {
        if let Some(number) = self.known(name) {
            return number;
        }
        if self.names.len() >= self.most {
            return OTHER;
        }
        let number = self.names.len() + OTHER + 1;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// The number that `number` of `other` has here.
    pub fn translate(&mut self, number: usize, other: &Self) -> usize {
        match other.name(number) {
            Some(name) => self.number_of(name),
            None => number,
        }
    }

    /// The name with `number`, if it is one of a name.
    pub(super) fn name(&self, number: usize) -> Option<&str> {
        number.checked_sub(OTHER + 1).map(|index| &*self.names[index])
    }
}

impl Tally for u64 {
    fn merge(&mut self, other: &Self) {
        *self += other;
    }

    fn users(&self) -> u64 {
        *self
    }
}

impl<T: Tally> Values<T> {
    /// The counts of the name in `field`.
    pub(super) fn of(&mut self, field: &Field<Cow<'_, str>>) -> &mut T {
        let number = self.names.number(field);
        at(&mut self.counts, number)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (number, counts) in other.counts.iter().enumerate() {
            let number = self.names.translate(number, &other.names);
            at(&mut self.counts, number).merge(counts);
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.counts.iter().map(T::users).sum()
    }

    /// The names that [`Values::fold`] keeps.
    pub(super) fn kept(&self, first: &[&str], most: usize) -> BTreeSet<String> {
        self.fold(first, most).named.into_iter().map(|(name, _)| name).collect()
    }

    /// Keeps at most `most` names: those of `first`, then those with most users, equal numbers in byte order. The
    /// rest is added up.
    pub(super) fn fold(&self, first: &[&str], most: usize) -> Folded<T> {
        let seen = |number: usize| self.counts.get(number).filter(|counts| counts.users() > 0).cloned();
        let mut named: Vec<(&str, &T)> = self
            .counts
            .iter()
            .enumerate()
            .filter_map(|(number, counts)| Some((self.names.name(number)?, counts)))
            .collect();
        named.sort_by_key(|(name, counts)| {
            let place = first.iter().position(|first| first == name).unwrap_or(first.len());
            (place, std::cmp::Reverse(counts.users()), *name)
        });
        let mut other = seen(OTHER);
        for (_, counts) in named.drain(most.min(named.len())..) {
            other.get_or_insert_default().merge(counts);
        }
        named.sort_unstable_by_key(|(name, _)| *name);
        let named = named.into_iter().map(|(name, counts)| (name.to_owned(), counts.clone())).collect();
        Folded { named, other, unknown: seen(UNKNOWN) }
    }
}

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self { names: Names::new(4096), counts: Vec::new() }
    }
}

/// Equal are counts that are equal name by name, in whatever order the names came.
impl<T: Tally + PartialEq> PartialEq for Values<T> {
    fn eq(&self, other: &Self) -> bool {
        let by_name = |values: &Self| {
            let mut counts: Vec<(Option<String>, usize, T)> = values
                .counts
                .iter()
                .enumerate()
                .filter(|(_, counts)| counts.users() > 0)
                .map(|(number, counts)| {
                    (values.names.name(number).map(str::to_owned), number.min(OTHER + 1), counts.clone())
                })
                .collect();
            counts.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
            counts
        };
        by_name(self) == by_name(other)
    }
}

/// The place with `number`, made if it is not there yet.
pub(super) fn at<T: Default>(places: &mut Vec<T>, number: usize) -> &mut T {
    if places.len() <= number {
        places.resize_with(number + 1, T::default);
    }
    &mut places[number]
}
