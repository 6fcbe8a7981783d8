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
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(cursor.as_bytes());
        self.seen.insert(hasher.finish())
    }

    /// How many there were.
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }
}

impl Default for Cursors {
    fn default() -> Self {
        Self { key: (fastrand::u64(..), fastrand::u64(..)), seen: HashSet::new() }
    }
}
