//! Users and their passwords: compared slowly once, and remembered.
//!
//! What is remembered are tags under a key that nobody knows, and that is another one in each process: neither passwords
//! nor hashes of them that could be looked up.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::zeroize::Zeroizing;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::password::{LONGEST_PASSWORD, PasswordHash};

/// Comparisons at a time, each on a thread of its own: no more cores than this are kept busy by wrong passwords.
const AT_A_TIME: usize = 2;

/// The time that a comparison may wait for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Wrong passwords that are remembered. Each takes the place of the oldest; right ones have places of their own.
const WRONG_ONES: usize = 256;

/// What came of a user and a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Too many others wait to be compared.
    Busy,
}

/// A user and a password, as a request carries them.
pub(super) struct Credentials {
    user: Zeroizing<Vec<u8>>,
    password: Zeroizing<Vec<u8>>,
}

/// The users that there are.
#[derive(Clone)]
pub(super) struct Users(Arc<Inner>);

struct Inner {
    names: HashMap<Vec<u8>, usize>,
    hashes: Vec<PasswordHash>,
    key: hmac::Key,
    known: Mutex<Known>,
    turns: Arc<Semaphore>,
    #[cfg(test)]
    comparisons: std::sync::atomic::AtomicUsize,
}

/// What was compared before.
struct Known {
    /// The tag of each user's password, once it was right.
    right: Vec<Option<[u8; 32]>>,
    wrong: HashSet<[u8; 32]>,
    /// The wrong ones, the oldest first.
    order: VecDeque<[u8; 32]>,
}

impl Credentials {
    /// The credentials in the value of an `Authorization` header, if they are of the scheme Basic.
    pub(super) fn parse(header: &[u8]) -> Option<Self> {
        let (scheme, encoded) = header.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let password = &decoded[colon + 1..];
        // What makes no difference to bcrypt must make none to what is remembered.
        let password = &password[..password.len().min(LONGEST_PASSWORD)];
        Some(Self {
            user: Zeroizing::new(decoded[..colon].to_vec()),
            password: Zeroizing::new(password.to_vec()),
        })
    }
}

impl Users {
    /// Users by name, of which there is at least one. Nothing is known of them yet.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub(super) fn new(users: &[(String, PasswordHash)]) -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "the system gives no random numbers".to_owned())?;
        Ok(Self::with(users, key, Arc::new(Semaphore::new(AT_A_TIME))))
    }

    /// Users in the place of these. The right password of a user whose hash stayed is still known, so that nobody who
    /// tries many wrong ones keeps it out after a change; and comparisons take turns with those under way.
    pub(super) fn replaced_by(&self, users: &[(String, PasswordHash)]) -> Self {
        let next = Self::with(users, self.0.key.clone(), self.0.turns.clone());
        let before = self.0.known();
        let mut known = next.0.known();
        for (place, (name, hash)) in users.iter().enumerate() {
            let same =
                self.0.names.get(name.as_bytes()).filter(|before| self.0.hashes[**before].is_same(hash));
            known.right[place] = same.and_then(|place| before.right[*place]);
        }
        drop(known);
        next
    }

    fn with(users: &[(String, PasswordHash)], key: hmac::Key, turns: Arc<Semaphore>) -> Self {
        let names =
            users.iter().enumerate().map(|(place, (name, _))| (name.clone().into_bytes(), place)).collect();
        let known = Known { right: vec![None; users.len()], wrong: HashSet::new(), order: VecDeque::new() };
        Self(Arc::new(Inner {
            names,
            hashes: users.iter().map(|(_, hash)| hash.clone()).collect(),
            key,
            known: Mutex::new(known),
            turns,
            #[cfg(test)]
            comparisons: Default::default(),
        }))
    }

    /// Whether the password is the user's. Whether there is such a user does not show in the time it takes.
    pub(super) async fn check(&self, credentials: Credentials) -> Verdict {
        let inner = &self.0;
        let tag = inner.tag(&credentials);
        let place = inner.names.get(&*credentials.user).copied();
        if let Some(verdict) = inner.recall(place, &tag) {
            return verdict;
        }
        let Ok(turn) = timeout(LONGEST_WAIT, inner.turns.clone().acquire_owned()).await else {
            return Verdict::Busy;
        };
        let Ok(turn) = turn else { return Verdict::Busy };
        // Others may have brought the same meanwhile.
        if let Some(verdict) = inner.recall(place, &tag) {
            return verdict;
        }
        let inner = inner.clone();
        // It goes on where the client does not wait for it, and is known when the client comes back.
        let compared = spawn_blocking(move || {
            let verdict = inner.compare(place, &credentials);
            inner.remember(place, tag, verdict);
            drop(turn);
            verdict
        });
        compared.await.unwrap_or(Verdict::Busy)
    }
}

impl Inner {
    fn tag(&self, credentials: &Credentials) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(credentials.user.len() as u64).to_be_bytes());
        context.update(&credentials.user);
        context.update(&credentials.password);
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    /// Somebody whom nobody knows costs as much as one of those that are known: always the same one.
    fn stand_in(&self, user: &[u8]) -> &PasswordHash {
        let tag = hmac::sign(&self.key, user);
        let number = tag.as_ref().iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let place = usize::try_from(number % self.hashes.len() as u64).unwrap_or_default();
        &self.hashes[place]
    }

    fn compare(&self, place: Option<usize>, credentials: &Credentials) -> Verdict {
        #[cfg(test)]
        self.comparisons.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let hash = place.map_or_else(|| self.stand_in(&credentials.user), |place| &self.hashes[place]);
        // A password ends with its zero byte: what stands behind one would make no difference.
        let has_zero = credentials.password.contains(&0);
        match hash.is_of(&credentials.password) && place.is_some() && !has_zero {
            true => Verdict::Right,
            false => Verdict::Wrong,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, place: Option<usize>, tag: &[u8; 32]) -> Option<Verdict> {
        let known = self.known();
        let right = place.and_then(|place| known.right[place]);
        if right.is_some_and(|right| same(&right, tag)) {
            return Some(Verdict::Right);
        }
        known.wrong.contains(tag).then_some(Verdict::Wrong)
    }

    fn remember(&self, place: Option<usize>, tag: [u8; 32], verdict: Verdict) {
        let mut known = self.known();
        match (verdict, place) {
            (Verdict::Right, Some(place)) => known.right[place] = Some(tag),
            _ if known.wrong.insert(tag) => {
                known.order.push_back(tag);
                if known.order.len() > WRONG_ONES
                    && let Some(oldest) = known.order.pop_front()
                {
                    known.wrong.remove(&oldest);
                }
            }
            _ => {}
        }
    }
}

/// Whether both are the same, in a time that does not say where they differ.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.0.hashes.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn users(passwords: &[(&str, &[u8])]) -> Users {
        let hash = |password: &[u8]| PasswordHash::parse(&bcrypt::hash(password, 4).unwrap()).unwrap();
        let users: Vec<_> =
            passwords.iter().map(|(name, password)| ((*name).to_owned(), hash(password))).collect();
        Users::new(&users).unwrap()
    }

    fn basic(user: &[u8], password: &[u8]) -> Credentials {
        let encoded = STANDARD.encode([user, b":", password].concat());
        Credentials::parse(format!("Basic {encoded}").as_bytes()).unwrap()
    }

    impl Users {
        fn comparisons(&self) -> usize {
            self.0.comparisons.load(std::sync::atomic::Ordering::Relaxed)
        }

        /// How many right and wrong passwords are remembered.
        fn remembered(&self) -> (usize, usize) {
            let known = self.0.known();
            assert_eq!(known.wrong.len(), known.order.len());
            (known.right.iter().flatten().count(), known.wrong.len())
        }
    }

    #[test]
    fn only_well_formed_credentials_are_some() {
        for header in [
            "",
            "Basic",
            "Basic ",
            "Bearer YTpi",
            "Basic YTpi!",
            "Basic YQ==",
            "Basic YTpi YTpi",
            "BasicYTpi",
        ] {
            assert!(Credentials::parse(header.as_bytes()).is_none(), "{header}");
        }
        for header in ["Basic YTpi", "basic YTpi", "BASIC YTpi"] {
            let credentials = Credentials::parse(header.as_bytes()).unwrap();
            assert_eq!(
                (credentials.user.as_slice(), credentials.password.as_slice()),
                (&b"a"[..], &b"b"[..])
            );
        }
        let colons = basic(b"a", b":b:");
        assert_eq!((colons.user.as_slice(), colons.password.as_slice()), (&b"a"[..], &b":b:"[..]));
    }

    #[tokio::test]
    async fn a_password_opens_for_its_user_alone() {
        let users =
            users(&[("a", b"one"), ("b", "zwei ä".as_bytes()), ("", b"nobody's"), ("c", &[0xff, 0xfe])]);
        for _ in 0..2 {
            for (user, password, verdict) in [
                (&b"a"[..], &b"one"[..], Verdict::Right),
                (b"a", b"one ", Verdict::Wrong),
                (b"a", b"", Verdict::Wrong),
                (b"a", "zwei ä".as_bytes(), Verdict::Wrong),
                (b"b", "zwei ä".as_bytes(), Verdict::Right),
                (b"A", b"one", Verdict::Wrong),
                (b"", b"nobody's", Verdict::Right),
                (b"c", &[0xff, 0xfe], Verdict::Right),
                (&[0xff], b"one", Verdict::Wrong),
                (b"a", b"one\0one", Verdict::Wrong),
            ] {
                assert_eq!(users.check(basic(user, password)).await, verdict, "{user:?} {password:?}");
            }
        }
        assert_eq!(users.remembered(), (4, 6));
    }

    #[tokio::test]
    async fn passwords_that_bcrypt_takes_for_the_same_have_one_place() {
        let users = users(&[("a", &[b'x'; 72])]);
        for length in [72, 73, 100, 1000] {
            assert_eq!(users.check(basic(b"a", &vec![b'x'; length])).await, Verdict::Right);
        }
        assert_eq!((users.remembered(), users.comparisons()), ((1, 0), 1));
    }

    #[tokio::test]
    async fn wrong_passwords_push_out_wrong_ones_and_no_right_one() {
        let users = users(&[("a", b"one")]);
        assert_eq!(users.check(basic(b"a", b"one")).await, Verdict::Right);
        for number in 0..WRONG_ONES + 20 {
            assert_eq!(users.check(basic(b"x", number.to_string().as_bytes())).await, Verdict::Wrong);
        }
        assert_eq!(users.remembered(), (1, WRONG_ONES));
        let before = users.comparisons();
        assert_eq!(users.check(basic(b"a", b"one")).await, Verdict::Right);
        let newest = (WRONG_ONES + 19).to_string();
        assert_eq!(users.check(basic(b"x", newest.as_bytes())).await, Verdict::Wrong);
        assert_eq!(users.comparisons(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_for_a_turn_is_sent_away() {
        let users = users(&[("a", b"one")]);
        let turns = users.0.turns.acquire_many(2).await.unwrap();
        let start = tokio::time::Instant::now();
        assert_eq!(users.check(basic(b"a", b"one")).await, Verdict::Busy);
        assert_eq!(start.elapsed(), LONGEST_WAIT);
        drop(turns);
        assert_eq!(users.check(basic(b"a", b"one")).await, Verdict::Right);
    }

    #[tokio::test]
    async fn who_brings_the_same_at_once_waits_for_few_comparisons() {
        let users = users(&[("a", b"one")]);
        let turns = users.0.turns.clone().acquire_many_owned(2).await.unwrap();
        let asked: Vec<_> = (0..50)
            .map(|number| {
                let (users, password) = (users.clone(), [&b"one"[..], b"two"][number % 2]);
                tokio::spawn(async move { users.check(basic(b"a", password)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(turns);
        for (number, asked) in asked.into_iter().enumerate() {
            assert_eq!(asked.await.unwrap(), [Verdict::Right, Verdict::Wrong][number % 2]);
        }
        assert!(users.comparisons() <= 2 * AT_A_TIME, "{}", users.comparisons());
    }

    #[tokio::test]
    async fn a_comparison_that_nobody_waits_for_any_more_is_known_later() {
        let users = users(&[("a", b"one")]);
        tokio::select! {
            biased;
            _ = users.check(basic(b"a", b"one")) => {}
            () = std::future::ready(()) => {}
        }
        // Its turn comes back when it is done.
        drop(users.0.turns.acquire_many(2).await.unwrap());
        assert_eq!(users.check(basic(b"a", b"one")).await, Verdict::Right);
        assert_eq!(users.comparisons(), 1);
    }

    #[tokio::test]
    async fn after_a_change_the_right_password_is_known_where_its_hash_stayed() {
        let hash = |password: &str| PasswordHash::parse(&bcrypt::hash(password, 4).unwrap()).unwrap();
        let (a, b) = (("a".to_owned(), hash("one")), ("b".to_owned(), hash("two")));
        let before = Users::new(&[a.clone(), b]).unwrap();
        for (user, password, verdict) in
            [(b"a", b"one", Verdict::Right), (b"b", b"two", Verdict::Right), (b"a", b"new", Verdict::Wrong)]
        {
            assert_eq!(before.check(basic(user, password)).await, verdict);
        }
        let after = before.replaced_by(&[("b".to_owned(), hash("new")), a]);
        assert_eq!(after.remembered(), (1, 0));
        assert_eq!(after.check(basic(b"a", b"one")).await, Verdict::Right);
        assert_eq!(after.comparisons(), 0);
        assert_eq!(after.check(basic(b"b", b"two")).await, Verdict::Wrong);
        assert_eq!(after.check(basic(b"b", b"new")).await, Verdict::Right);
        assert!(Arc::ptr_eq(&before.0.turns, &after.0.turns), "they take turns");
    }

    #[test]
    fn somebody_unknown_costs_what_one_of_the_known_costs() {
        let hash = |cost| PasswordHash::parse(&bcrypt::hash("x", cost).unwrap()).unwrap();
        let users = Users::new(&[("a".to_owned(), hash(4)), ("b".to_owned(), hash(5))]).unwrap();
        let costs: HashSet<u32> =
            (0..200).map(|number: u32| users.0.stand_in(&number.to_be_bytes()).cost()).collect();
        assert_eq!(costs, HashSet::from([4, 5]));
        assert_eq!(users.0.stand_in(b"x").cost(), users.0.stand_in(b"x").cost());
    }

    #[test]
    fn nothing_is_shown_of_users() {
        let users = users(&[("MARKED", b"one")]);
        assert_eq!(format!("{users:?}"), "Users(1)");
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in prop::collection::vec(any::<u8>(), 0..40), text in "[bB]asic [A-Za-z0-9+/=]{0,40}") {
            let _ = (Credentials::parse(&header), Credentials::parse(text.as_bytes()));
        }
    }
}
