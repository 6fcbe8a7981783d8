//! A sorted map from hash to attributes that takes little more than its 12 bytes an entry, while it grows too.
//!
//! Entries are dealt by the first bits of their hash into short sorted lists. When lists get long there are twice as
//! many, split one by one, so that at no time more than one list is there twice.

/// Entries per list, on average, from which on there are more lists.
const LONGEST_AVERAGE: usize = 384;

/// Entries by hash.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entries {
    /// How many first bits of a hash name its list.
    bits: u32,
    lists: Vec<List>,
    len: usize,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct List {
    hashes: Vec<u64>,
    attributes: Vec<u32>,
}

impl Entries {
    /// Adds an entry; `false` if its hash is there, which then keeps its attributes.
    pub(super) fn insert(&mut self, hash: u64, attributes: u32) -> bool {
        let list = self.list(hash);
        let Err(place) = self.lists[list].hashes.binary_search(&hash) else { return false };
        self.lists[list].insert(place, hash, attributes);
        self.len += 1;
        if self.len > self.lists.len() * LONGEST_AVERAGE {
            self.split();
        }
        true
    }

    pub(super) fn get(&self, hash: u64) -> Option<u32> {
        let list = &self.lists[self.list(hash)];
        list.hashes.binary_search(&hash).ok().map(|place| list.attributes[place])
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All entries, hashes rising.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        self.lists.iter().flat_map(|list| list.hashes.iter().copied().zip(list.attributes.iter().copied()))
    }

    /// All entries, hashes rising; memory is given back list by list.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (u64, u32)> {
        self.lists.into_iter().flat_map(|list| list.hashes.into_iter().zip(list.attributes))
    }

    /// Gives back what was allocated for growth.
    pub(super) fn shrink(&mut self) {
        self.lists.iter_mut().for_each(List::shrink);
        self.lists.shrink_to_fit();
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        let lists = self.lists.iter().map(|list| list.hashes.capacity() * 8 + list.attributes.capacity() * 4);
        lists.sum::<usize>() + self.lists.capacity() * size_of::<List>()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a few first bits fit everywhere")]
    fn list(&self, hash: u64) -> usize {
        // Shifting by all 64 bits is not defined.
        hash.checked_shr(u64::BITS - self.bits).unwrap_or(0) as usize
    }

    fn split(&mut self) {
        let lists = std::mem::take(&mut self.lists);
        self.lists.reserve_exact(lists.len() * 2);
        let bit = 1 << (u64::BITS - 1 - self.bits);
        for mut list in lists {
            let upper = list.split_off(list.hashes.partition_point(|hash| hash & bit == 0));
            list.shrink();
            self.lists.extend([list, upper]);
        }
        self.bits += 1;
    }
}

impl Default for Entries {
    fn default() -> Self {
        Self { bits: 0, lists: vec![List::default()], len: 0 }
    }
}

impl List {
    fn insert(&mut self, place: usize, hash: u64, attributes: u32) {
        // Twice the room, which a vector takes by itself, would be half unused.
        if self.hashes.len() == self.hashes.capacity() {
            let more = self.hashes.len() / 16 + 8;
            self.hashes.reserve_exact(more);
            self.attributes.reserve_exact(more);
        }
        self.hashes.insert(place, hash);
        self.attributes.insert(place, attributes);
    }

    fn split_off(&mut self, place: usize) -> Self {
        Self { hashes: self.hashes.split_off(place), attributes: self.attributes.split_off(place) }
    }

    fn shrink(&mut self) {
        self.hashes.shrink_to_fit();
        self.attributes.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_million_entries_take_less_than_15_bytes_each_at_every_moment() {
        let mut entries = Entries::default();
        let mut random = fastrand::Rng::with_seed(7);
        for number in 1..=1_000_000 {
            assert!(entries.insert(random.u64(..), number));
            if number % 9_973 == 0 {
                let bytes = entries.allocated() / entries.len();
                assert!(bytes < 15, "{bytes} bytes each for {number} entries");
            }
        }
        entries.shrink();
        assert!(entries.allocated() < 12_300_000, "{} bytes in the end", entries.allocated());
    }

    proptest! {
        #[test]
        fn they_are_a_sorted_map_that_keeps_the_first(
            hashes in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..50, Just(u64::MAX)], 0..2_000),
        ) {
            let (mut entries, mut model) = (Entries::default(), BTreeMap::new());
            for (number, hash) in (0..).zip(&hashes) {
                prop_assert_eq!(entries.insert(*hash, number), !model.contains_key(hash));
                model.entry(*hash).or_insert(number);
            }
            prop_assert_eq!(entries.len(), model.len());
            prop_assert_eq!(entries.iter().collect::<Vec<_>>(), model.clone().into_iter().collect::<Vec<_>>());
            for hash in hashes {
                prop_assert_eq!(entries.get(hash), model.get(&hash).copied());
                prop_assert_eq!(entries.get(hash ^ 1), model.get(&(hash ^ 1)).copied());
            }
        }
    }
}
