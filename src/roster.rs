//! Who is in an organization, as 12 bytes a user: finds users who come twice in a walk, and what changed since the
//! walk before. Pure.
//!
//! A user is a 64-bit keyed hash of the id and 32 bits of attributes; ids are not kept. Two ids with the same hash
//! would be taken for one user: the second is not counted, and the walk reports a `duplicate`. Among a million users
//! the chance of that is 1 in 37 million (n²/2⁶⁵), and nobody can bring it about without the key, which is random.
//! It must not know walks, files or logs.

mod attributes;
mod builder;
mod changes;
mod entries;
mod totals;

use siphasher::sip::SipHasher24;
use smallvec::SmallVec;

use crate::admin_api::{Field, User};
use crate::composition::{Names, Status};

pub use attributes::Attributes;
pub use builder::Builder;
pub use changes::{Change, Changes, Grant, Removal, Sighting};
use entries::Entries;
pub use totals::Totals;

/// The fingerprint is below this, so that a float holds it exactly.
const FINGERPRINT_MODULUS: u64 = 1 << 53;

/// Everybody a walk has met.
#[derive(Debug, Clone, PartialEq)]
pub struct Roster {
    key: (u64, u64),
    roles: Names,
    entries: Entries,
    fingerprint: u64,
}

/// Why entries make no roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// Hashes rise, each once.
    #[error("the hashes of users are not in rising order")]
    OutOfOrder,
    /// Attributes that no user has.
    #[error("the attributes of a user are none that this version writes")]
    Attributes,
}

impl Roster {
    /// Nobody yet, under a new random key.
    pub fn new() -> Self {
        Self::with_key((fastrand::u64(..), fastrand::u64(..)), std::iter::empty())
    }

    /// Nobody yet, comparable with `before`: the key stays, and every role keeps its number.
    pub fn after(before: &Self) -> Self {
        Self { entries: Entries::default(), fingerprint: 0, roles: before.roles.clone(), key: before.key }
    }

    /// Nobody yet, under a known key and with a known table of roles.
    pub fn with_key<'r>(key: (u64, u64), roles: impl IntoIterator<Item = &'r str>) -> Self {
        let mut names = Names::new(attributes::MOST_ROLES);
        for role in ["owner", "reader"].into_iter().chain(roles) {
            names.number(&Field::Value(role.into()));
        }
        Self { key, roles: names, entries: Entries::default(), fingerprint: 0 }
    }

    /// The key of the hashes.
    pub fn key(&self) -> (u64, u64) {
        self.key
    }

    /// The table of roles, in the order of their numbers.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.all()
    }

    /// How many have been met.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody has been met.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A number that follows from everybody's id, role, status and SCIM management, in whatever order they came, and
    /// from nothing else: below 2^53, and the same in every exporter that sees the same users.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// How many are in `other` too. Rosters under different keys cannot be compared, and share nobody.
    pub fn shared_with(&self, other: &Self) -> u64 {
        if self.key != other.key {
            return 0;
        }
        let mut theirs = other.entries.iter().map(|(hash, _)| hash).peekable();
        let is_shared = |hash: u64| {
            while theirs.next_if(|their| *their < hash).is_some() {}
            theirs.peek() == Some(&hash)
        };
        self.entries.iter().map(|(hash, _)| hash).map(is_shared).filter(|shared| *shared).count() as u64
    }

    /// Everybody: hash and attributes, hashes rising.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Attributes)> {
        self.entries.iter().map(|(hash, bits)| (hash, Attributes::of_roster(bits)))
    }

    /// Everybody as they were written down: hash and packed attributes, hashes rising.
    ///
    /// # Errors
    ///
    /// At the first entry that is none of a roster with these roles.
    pub fn extend_packed(&mut self, packed: impl IntoIterator<Item = (u64, u32)>) -> Result<(), BadEntry> {
        let mut last = None;
        for (hash, bits) in packed {
            if last >= Some(hash) {
                return Err(BadEntry::OutOfOrder);
            }
            let attributes = Attributes::from_bits(bits, &self.roles).ok_or(BadEntry::Attributes)?;
            self.entries.insert(hash, attributes.bits());
            last = Some(hash);
        }
        self.entries.shrink();
        Ok(())
    }

    /// The same with a fingerprint that was written down: hashes of ids are no ids, so it cannot be made again.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: u64) -> Self {
        Self { fingerprint: fingerprint % FINGERPRINT_MODULUS, ..self }
    }

    /// Takes in everybody of `other`; `false` if somebody is here already, or nobody can tell as the keys differ.
    fn absorb(&mut self, other: Self) -> bool {
        if self.key != other.key {
            return false;
        }
        if self.is_empty() && self.roles == other.roles {
            *self = other;
            return true;
        }
        let roles: Vec<usize> =
            (0..other.roles.numbers()).map(|role| self.roles.translate(role, &other.roles)).collect();
        self.fingerprint = (self.fingerprint + other.fingerprint) % FINGERPRINT_MODULUS;
        other.entries.into_iter().all(|(hash, bits)| {
            let attributes = Attributes::of_roster(bits);
            self.entries.insert(hash, attributes.with_role(roles[attributes.role()]).bits())
        })
    }

    /// Meets a user; the hash and attributes, if it is for the first time.
    fn meet(&mut self, user: &User<'_>) -> Option<(u64, Attributes)> {
        let hash = hash(self.key, user.id.as_bytes());
        let role = self.roles.number(&user.role);
        let attributes = Attributes::of(user, role);
        if !self.entries.insert(hash, attributes.bits()) {
            return None;
        }
        self.fingerprint = (self.fingerprint + mark(user, attributes)) % FINGERPRINT_MODULUS;
        Some((hash, attributes))
    }

    fn attributes(&self, hash: u64) -> Option<Attributes> {
        self.entries.get(hash).map(Attributes::of_roster)
    }

    /// The role of somebody in this roster, `unknown` where the API does not say.
    pub fn role(&self, attributes: Attributes) -> &str {
        self.roles.label(attributes.role())
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self::new()
    }
}

/// What a user adds to the fingerprint. Its key is known to all, and the role is the API's, not a number of ours, as
/// exporters with different pasts must agree.
fn mark(user: &User<'_>, attributes: Attributes) -> u64 {
    let role = user.role.value().map(|role| role.trim()).filter(|role| !role.is_empty());
    let mut marked = SmallVec::<[u8; 128]>::new();
    for text in
        [&*user.id, role.unwrap_or("unknown"), Status::of(user).label(), attributes.scim_managed().label()]
    {
        marked.extend_from_slice(text.as_bytes());
        // No UTF-8 text holds this byte, so texts cannot run into each other.
        marked.push(0xff);
    }
    SipHasher24::new().hash(&marked) % FINGERPRINT_MODULUS
}

/// SipHash-2-4, which its authors specify byte by byte: the same on every machine and in every version.
fn hash(key: (u64, u64), id: &[u8]) -> u64 {
    SipHasher24::new_with_keys(key.0, key.1).hash(id)
}

#[cfg(test)]
mod tests;
