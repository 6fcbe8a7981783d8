//! Changes over time.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::blueprint::{Blueprint, Field};
use super::office::Office;
use super::population::{Population, User};
use super::seed::draw;

const CHURN: u64 = 20;

/// What happened to one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Change {
    Added,
    Removed,
    Promoted,
    Demoted,
    Banned,
    Unbanned,
    Disabled,
    Enabled,
    ScimLinked,
    ScimUnlinked,
    KeyUsed,
}

/// Makes changes for ever, `per_minute` on average, at random distances; none if that is 0.
pub(super) async fn churn(office: Arc<Office>, per_minute: f64) {
    if per_minute <= 0.0 {
        return;
    }
    let mut rng = Rng::with_seed(draw(office.blueprint.seed, CHURN, 0));
    let users = office.population().len();
    let mut due = Instant::now();
    loop {
        due += distance(&mut rng, per_minute);
        sleep_until(due).await;
        let mut hand = Hand {
            blueprint: &office.blueprint,
            population: &mut office.population_mut(),
            rng: &mut rng,
            now: office.now(),
        };
        if let Some(change) = hand.change(users) {
            debug!(?change, "the synthetic organization changed");
        }
    }
}

/// Exponential, as between independent events, and capped where a clock could not hold it.
fn distance(rng: &mut Rng, per_minute: f64) -> Duration {
    let minutes = -(1.0 - rng.f64()).ln() / per_minute;
    Duration::from_secs_f64((minutes * 60.0).clamp(0.0, 1e9))
}

/// Changes a population by chance.
///
/// The first user, who is an owner, keeps that role and is never removed, banned or disabled.
pub(super) struct Hand<'a> {
    pub(super) blueprint: &'a Blueprint,
    pub(super) population: &'a mut Population,
    pub(super) rng: &'a mut Rng,
    /// Unix seconds.
    pub(super) now: i64,
}

impl Hand<'_> {
    /// Makes one change; `None` where nobody fits, as happens in very small organizations.
    ///
    /// The numbers swing around the shares that a new organization has, and around `users` in all, so that the
    /// organization keeps its face however long it lives.
    pub(super) fn change(&mut self, users: usize) -> Option<Change> {
        let (current, tally) = (self.population.len(), self.population.tally);
        match self.rng.u32(0..100) {
            0..24 if self.rises(current, users) => self.add(),
            0..24 => self.remove(),
            24..32 if self.rises(tally.owners, current / 50) => self.promote(),
            24..32 => self.demote(),
            32..38 if self.rises(tally.banned, current / 100) => self.ban(),
            32..38 => self.unban(),
            38..48 if self.rises(tally.disabled, current / 50) => self.disable(),
            38..48 => self.enable(),
            48..60 if self.rises(tally.scim, current * 7 / 10) => self.link_scim(),
            48..60 => self.unlink_scim(),
            _ => self.use_key(),
        }
    }

    /// Whether a number that should be about `target` rises: certain at 0, even at the target, rare far above.
    fn rises(&mut self, current: usize, target: usize) -> bool {
        let (current, target) = (current as f64, target.max(1) as f64);
        self.rng.f64() * (current + target) < target
    }

    fn add(&mut self) -> Option<Change> {
        self.population.add(self.blueprint, self.now).map(|_| Change::Added)
    }

    fn remove(&mut self) -> Option<Change> {
        let serial = self.population.pick(self.rng, |serial, _| serial != 0)?;
        self.population.remove(serial);
        Some(Change::Removed)
    }

    fn promote(&mut self) -> Option<Change> {
        let fits = |_, user: &User| !user.owner && user.enabled && user.banned_at.is_none();
        self.update(Change::Promoted, fits, |user| user.owner = true)
    }

    fn demote(&mut self) -> Option<Change> {
        self.update(Change::Demoted, |serial, user| serial != 0 && user.owner, |user| user.owner = false)
    }

    fn ban(&mut self) -> Option<Change> {
        let (blueprint, now) = (self.blueprint, self.now);
        let fits = |serial, user: &User| user.banned_at.is_none() && may_be_shut_out(blueprint, serial);
        self.update(Change::Banned, fits, |user| user.banned_at = Some(now))
    }

    fn unban(&mut self) -> Option<Change> {
        self.update(Change::Unbanned, |_, user| user.banned_at.is_some(), |user| user.banned_at = None)
    }

    fn disable(&mut self) -> Option<Change> {
        let blueprint = self.blueprint;
        let fits = |serial, user: &User| user.enabled && may_be_shut_out(blueprint, serial);
        self.update(Change::Disabled, fits, |user| user.enabled = false)
    }

    fn enable(&mut self) -> Option<Change> {
        self.update(Change::Enabled, |_, user| !user.enabled, |user| user.enabled = true)
    }

    fn link_scim(&mut self) -> Option<Change> {
        let blueprint = self.blueprint;
        let fits = |serial, user: &User| !user.scim && !blueprint.profile(serial).is_service();
        self.update(Change::ScimLinked, fits, |user| user.scim = true)
    }

    fn unlink_scim(&mut self) -> Option<Change> {
        self.update(Change::ScimUnlinked, |_, user| user.scim, |user| user.scim = false)
    }

    fn use_key(&mut self) -> Option<Change> {
        let now = self.now;
        let shown = |user: &User| user.api_key_last_used_at != Field::Absent;
        let fits = |_, user: &User| user.enabled && user.banned_at.is_none() && shown(user);
        self.update(Change::KeyUsed, fits, |user| user.api_key_last_used_at = Field::Set(now))
    }

    fn update(
        &mut self,
        change: Change,
        fits: impl FnMut(u32, &User) -> bool,
        apply: impl FnOnce(&mut User),
    ) -> Option<Change> {
        let serial = self.population.pick(self.rng, fits)?;
        self.population.update(serial, apply);
        Some(change)
    }
}

/// Bans show only in the nested `user`, which some service accounts lack.
fn may_be_shut_out(blueprint: &Blueprint, serial: u32) -> bool {
    serial != 0 && blueprint.profile(serial).nested.is_some()
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::population::Tally;
    use super::*;

    const NOW: i64 = 1_760_000_000;

    fn users(population: &Population) -> HashMap<u32, User> {
        population.page(None, usize::MAX, |_| true).unwrap().users.into_iter().collect()
    }

    /// The change of one user as a reader of two lists sees it.
    fn seen(serial: u32, before: Option<&User>, after: Option<&User>, now: i64) -> Change {
        let (Some(old), Some(new)) = (before, after) else {
            assert!(serial != 0 || before.is_none(), "the first user left");
            return if before.is_none() { Change::Added } else { Change::Removed };
        };
        let key = Field::Set(now);
        let candidates = [
            (Change::Promoted, User { owner: true, ..*old }),
            (Change::Demoted, User { owner: false, ..*old }),
            (Change::Banned, User { banned_at: Some(now), ..*old }),
            (Change::Unbanned, User { banned_at: None, ..*old }),
            (Change::Disabled, User { enabled: false, ..*old }),
            (Change::Enabled, User { enabled: true, ..*old }),
            (Change::ScimLinked, User { scim: true, ..*old }),
            (Change::ScimUnlinked, User { scim: false, ..*old }),
            (Change::KeyUsed, User { api_key_last_used_at: key, ..*old }),
        ];
        candidates.into_iter().find(|(_, user)| user == new).expect("one field changed").0
    }

    #[test]
    fn each_change_does_what_it_says_to_one_user() {
        let blueprint = Blueprint::new(1, 250);
        let mut population = Population::generate(&blueprint, 250, NOW);
        let mut rng = Rng::with_seed(1);
        let mut kinds = HashSet::new();
        for step in 1..2000 {
            let (before, now) = (users(&population), NOW + step);
            let mut hand = Hand { blueprint: &blueprint, population: &mut population, rng: &mut rng, now };
            let change = hand.change(250);
            let after = users(&population);
            let serials: HashSet<u32> = before.keys().chain(after.keys()).copied().collect();
            let changed: Vec<u32> =
                serials.into_iter().filter(|serial| before.get(serial) != after.get(serial)).collect();
            let Some(change) = change else {
                assert!(changed.is_empty());
                continue;
            };
            let [serial] = changed[..] else { panic!("{change:?} changed {changed:?}") };
            assert_eq!(seen(serial, before.get(&serial), after.get(&serial), now), change);
            kinds.insert(change);
        }
        assert_eq!(kinds.len(), 11);
    }

    #[test]
    fn an_organization_keeps_its_face_however_long_it_lives() {
        for size in [0, 1, 5, 1000] {
            let blueprint = Blueprint::new(3, size);
            let mut population = Population::generate(&blueprint, size, NOW);
            let mut rng = Rng::with_seed(3);
            let size = usize::try_from(size).unwrap();
            for step in 0..20_000 {
                let now = NOW + step;
                let mut hand =
                    Hand { blueprint: &blueprint, population: &mut population, rng: &mut rng, now };
                hand.change(size);
                assert!(population.len() <= size + 200);
                assert!(population.len() >= size.saturating_sub(200));
                assert!(population.len() == 0 || population.tally.owners > 0);
            }
            let users = users(&population);
            let count = |fits: fn(&User) -> bool| users.values().filter(|user| fits(user)).count();
            let tally = Tally {
                owners: count(|user| user.owner),
                banned: count(|user| user.banned_at.is_some()),
                disabled: count(|user| !user.enabled),
                scim: count(|user| user.scim),
            };
            assert_eq!(population.tally, tally);
            if size == 1000 {
                assert!(tally.owners < 50 && tally.banned < 40 && tally.disabled < 50, "{tally:?}");
                assert!((500..900).contains(&tally.scim), "{tally:?}");
            }
        }
    }
}
