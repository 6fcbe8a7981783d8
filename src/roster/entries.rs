//! A sorted map from hash to attributes that takes little more than its 12 bytes an entry, while it grows too.
//!
//! Entries are dealt by the first bits of their hash into short sorted lists. When lists get long there are twice as
//! many, split one by one, so that at no time more than one list is there twice.

/// Entries per list, on average, from which on there are more lists. Each takes about 40 bytes besides; to make room in
/// the middle of a longer one takes longer.
const LONGEST_AVERAGE: usize = 192;

/// Entries by hash.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entries {
    /// How many first bits of a hash name its list.
    bits: u32,
    lists: Vec<List>,
    len: usize,
}

/// Entries of rising hashes.
#[derive(Debug, Clone, Default, PartialEq)]
struct List(Vec<Entry>);

/// Packed, as four bytes of sixteen would be of no use.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, packed(4))]
struct Entry {
    hash: u64,
    attributes: u32,
}

impl Entries {
    /// Adds an entry; `false` if its hash is there, which then keeps its attributes.
    pub(super) fn insert(&mut self, hash: u64, attributes: u32) -> bool {
        let list = self.list(hash);
        let Err(place) = self.lists[list].find(hash, self.bits) else { return false };
        self.lists[list].insert(place, Entry { hash, attributes });
        self.len += 1;
        if self.len > self.lists.len() * LONGEST_AVERAGE {
            self.split();
        }
        true
    }

    pub(super) fn get(&self, hash: u64) -> Option<u32> {
        let list = &self.lists[self.list(hash)];
        list.find(hash, self.bits).ok().map(|place| list.0[place].attributes)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All entries, hashes rising.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        self.lists.iter().flat_map(|list| list.0.iter().map(|entry| (entry.hash, entry.attributes)))
    }

    /// All entries, hashes rising; memory is given back list by list.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (u64, u32)> {
        self.lists.into_iter().flat_map(|list| list.0.into_iter().map(|entry| (entry.hash, entry.attributes)))
    }

    /// Gives back what was allocated for growth.
    pub(super) fn shrink(&mut self) {
        self.lists.iter_mut().for_each(|list| list.0.shrink_to_fit());
        self.lists.shrink_to_fit();
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        let lists = self.lists.iter().map(|list| list.0.capacity() * size_of::<Entry>());
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
        for List(mut lower) in lists {
            let upper = lower.split_off(lower.partition_point(|entry| entry.hash & bit == 0));
            lower.shrink_to_fit();
            self.lists.extend([List(lower), List(upper)]);
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
    /// The place of `hash`, or the one where it would be. Hashes of this list have their first `bits` in common.
    ///
    /// Hashes are as good as random, so that the bits that follow say where one stands, within a few places. From there
    /// it is looked for in steps that double.
    fn find(&self, hash: u64, bits: u32) -> Result<usize, usize> {
        let entries = &self.0[..];
        let is_before = |place: usize| entries.get(place).is_some_and(|entry| entry.hash < hash);
        let share = u128::from(hash << bits) * entries.len() as u128;
        let guess = usize::try_from(share >> u64::BITS).unwrap_or(0);
        // In the end everything below `low` is before the hash, and nothing from `high` on.
        let (mut low, mut high, mut step) = (guess, guess, 4);
        while low > 0 && !is_before(low - 1) {
            high = low - 1;
            low = low.saturating_sub(step);
            step *= 2;
        }
        if high == guess {
            while is_before(high) {
                low = high + 1;
                high = (high + step).min(entries.len());
                step *= 2;
            }
        }
        let place = low + entries[low..high].partition_point(|entry| entry.hash < hash);
        match entries.get(place) {
            Some(entry) if entry.hash == hash => Ok(place),
            _ => Err(place),
        }
    }

    fn insert(&mut self, place: usize, entry: Entry) {
        // Twice the room, which a vector takes by itself, would be half unused.
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(self.0.len() / 16 + 8);
        }
        self.0.insert(place, entry);
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
