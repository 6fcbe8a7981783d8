//! Which users a walk has met, as keyed hashes of their ids: pure.
//!
//! Two different ids with the same 64-bit hash would be taken for one user. Among a million users that happens
//! once in about forty million walks; the key is new for each roster, so that nobody can bring it about.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// The users met so far.
#[derive(Debug, Clone)]
pub struct Roster {
    key: (u64, u64),
    /// Hashes are evenly spread already, and are not hashed again.
    met: HashSet<u64, BuildHasherDefault<Itself>>,
}

/// A hasher of hashes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Itself(u64);

impl Roster {
    /// Nobody yet.
    pub fn new() -> Self {
        Self { key: (fastrand::u64(..), fastrand::u64(..)), met: HashSet::default() }
    }

    /// Meets the user, or cursor, with `id`; `true` the first time.
    pub fn meet(&mut self, id: &str) -> bool {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(id.as_bytes());
        self.met.insert(hasher.finish())
    }

    /// How many have been met.
    pub fn len(&self) -> usize {
        self.met.len()
    }

    /// Whether nobody has been met.
    pub fn is_empty(&self) -> bool {
        self.met.is_empty()
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher for Itself {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 is hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_new_once() {
        let mut roster = Roster::new();
        assert!(roster.is_empty());
        assert!(roster.meet("a") && roster.meet("b") && roster.meet(""));
        assert!(!roster.meet("a") && !roster.meet(""));
        assert_eq!(roster.len(), 3);
    }

    #[test]
    fn many_ids_are_told_apart() {
        let mut roster = Roster::new();
        let new = (0..100_000).filter(|number| roster.meet(&format!("user-{number}"))).count();
        assert_eq!(new, 100_000);
    }
}
