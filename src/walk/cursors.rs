//! The cursors that a pass has followed, as keyed hashes: a list of a million users has ten thousand.

use std::collections::HashSet;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Every cursor so far.
#[derive(Debug)]
pub(super) struct Cursors {
    key: (u64, u64),
    seen: HashSet<u64>,
}

impl Cursors {
    /// Notes a cursor; `true` the first time.
    pub(super) fn meet(&mut self, cursor: &str) -> bool {
        let hash = self.hash(cursor);
        self.seen.insert(hash)
    }

    /// Whether a cursor was noted.
    pub(super) fn has_met(&self, cursor: &str) -> bool {
        self.seen.contains(&self.hash(cursor))
    }

    /// How many there were.
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    fn hash(&self, cursor: &str) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(cursor.as_bytes());
        hasher.finish()
    }
}

impl Default for Cursors {
    fn default() -> Self {
        Self { key: (fastrand::u64(..), fastrand::u64(..)), seen: HashSet::new() }
    }
}
