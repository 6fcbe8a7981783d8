//! What about the organization changes: who belongs to it and the state of each user.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use fastrand::Rng;

use super::blueprint::{Blueprint, Field, chance};
use super::seed::{chosen, draw};

const STATE: u64 = 10;
const BANNED: u64 = 11;
const DISABLED: u64 = 12;
const DAY: i64 = 86_400;
/// The first user joined this long ago.
const SPAN: Duration = Duration::from_secs(3 * 365 * 86_400);

/// The users in the order in which they joined, which is that of their serial numbers.
///
/// New users come last and nobody changes places, so a serial number is a cursor. 48 bytes a user.
#[derive(Default)]
pub(super) struct Population {
    users: BTreeMap<u32, User>,
    next: u32,
    pub(super) tally: Tally,
}

/// How many users are in a state that churn keeps near its share.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) owners: usize,
    pub(super) banned: usize,
    pub(super) disabled: usize,
    pub(super) scim: usize,
}

/// The state of one user; times in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct User {
    pub(super) added_at: i64,
    pub(super) api_key_last_used_at: Field<i64>,
    pub(super) banned_at: Option<i64>,
    pub(super) owner: bool,
    pub(super) enabled: bool,
    pub(super) scim: bool,
}

/// Consecutive users of the list.
pub(super) struct Page {
    pub(super) users: Vec<(u32, User)>,
    pub(super) has_more: bool,
}

impl Population {
    /// The organization as it stands at `now`.
    pub(super) fn generate(blueprint: &Blueprint, count: u32, now: i64) -> Self {
        let users: BTreeMap<u32, User> =
            (0..count).map(|serial| (serial, generate_user(blueprint, serial, count, now))).collect();
        let mut tally = Tally::default();
        for user in users.values() {
            tally.add(user);
        }
        Self { users, next: count, tally }
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// At most `limit` users behind `after` for whom `keep` is true; `None` if `after` is no user's.
    pub(super) fn page(
        &self,
        after: Option<u32>,
        limit: usize,
        mut keep: impl FnMut(u32) -> bool,
    ) -> Option<Page> {
        let start = match after {
            Some(serial) if !self.users.contains_key(&serial) => return None,
            Some(serial) => Bound::Excluded(serial),
            None => Bound::Unbounded,
        };
        let mut behind = self.users.range((start, Bound::Unbounded)).filter(|(serial, _)| keep(**serial));
        let users = behind.by_ref().take(limit).map(|(serial, user)| (*serial, *user)).collect();
        Some(Page { users, has_more: behind.next().is_some() })
    }

    /// Appends a user who joins at `now`; `None` once all serial numbers are taken.
    pub(super) fn add(&mut self, blueprint: &Blueprint, now: i64) -> Option<u32> {
        let serial = self.next;
        self.next = serial.checked_add(1)?;
        let user = User {
            added_at: now,
            api_key_last_used_at: Field::Null,
            banned_at: None,
            owner: self.users.is_empty(),
            enabled: true,
            scim: blueprint.profile(serial).scim,
        };
        self.tally.add(&user);
        self.users.insert(serial, user);
        Some(serial)
    }

    pub(super) fn remove(&mut self, serial: u32) {
        if let Some(user) = self.users.remove(&serial) {
            self.tally.subtract(&user);
        }
    }

    pub(super) fn update(&mut self, serial: u32, change: impl FnOnce(&mut User)) {
        if let Some(user) = self.users.get_mut(&serial) {
            self.tally.subtract(user);
            change(user);
            self.tally.add(user);
        }
    }

    /// A user for whom `fits` is true: the first at or behind a random place, else the first of all.
    pub(super) fn pick(&self, rng: &mut Rng, mut fits: impl FnMut(u32, &User) -> bool) -> Option<u32> {
        let place = rng.u32(..self.next.max(1));
        let (before, behind) = (self.users.range(..place), self.users.range(place..));
        behind.chain(before).find(|(serial, user)| fits(**serial, user)).map(|(serial, _)| *serial)
    }
}

impl Tally {
    fn add(&mut self, user: &User) {
        self.owners += usize::from(user.owner);
        self.banned += usize::from(user.banned_at.is_some());
        self.disabled += usize::from(!user.enabled);
        self.scim += usize::from(user.scim);
    }

    fn subtract(&mut self, user: &User) {
        self.owners -= usize::from(user.owner);
        self.banned -= usize::from(user.banned_at.is_some());
        self.disabled -= usize::from(!user.enabled);
        self.scim -= usize::from(user.scim);
    }
}

fn generate_user(blueprint: &Blueprint, serial: u32, count: u32, now: i64) -> User {
    let seed = blueprint.seed;
    let profile = blueprint.profile(serial);
    let mut rng = Rng::with_seed(draw(seed, STATE, serial));
    let added_at = now - membership(&mut rng, serial, count);
    let may_be_shut_out = serial != 0 && profile.nested.is_some();
    let banned = may_be_shut_out && chosen(seed, BANNED, serial, 100);
    User {
        added_at,
        api_key_last_used_at: key_use(&mut rng, profile.is_service(), added_at, now),
        banned_at: banned.then(|| rng.i64(added_at..=now)),
        owner: blueprint.starts_as_owner(serial),
        enabled: !(may_be_shut_out && chosen(seed, DISABLED, serial, 50)),
        scim: profile.scim,
    }
}

/// Seconds since the user joined: never less than for those behind, and shorter ones are more frequent.
fn membership(rng: &mut Rng, serial: u32, count: u32) -> i64 {
    let place = f64::from(count - serial) - rng.f64();
    let share = (place / f64::from(count)).clamp(0.0, 1.0);
    i64::try_from(SPAN.mul_f64(share.powf(1.5)).as_secs()).expect("three years in seconds fit")
}

fn key_use(rng: &mut Rng, service: bool, added_at: i64, now: i64) -> Field<i64> {
    let age = match rng.u32(0..100) {
        0..3 => return Field::Absent,
        3..35 if !service || chance(rng, 150) => return Field::Null,
        3..50 => rng.i64(0..DAY),
        50..72 => rng.i64(0..7 * DAY),
        72..86 => rng.i64(7 * DAY..35 * DAY),
        _ => rng.i64(35 * DAY..500 * DAY),
    };
    Field::Set((now - age).max(added_at))
}
