//! The organization as it really is, and was at every instant.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const ROLES: [&str; 4] = ["owner", "reader", "auditor", "billing"];

/// A nested flag, as a record can carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flag {
    Absent,
    Null,
    Is(bool),
}

/// What the API says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) role: Option<&'static str>,
    pub(crate) scim: Option<bool>,
    /// `banned` and `enabled` of the nested object, where there is one.
    pub(crate) account: Option<(Flag, Flag)>,
}

/// Fields that the API sends at the moment.
#[derive(Debug, Clone, Copy)]
struct Sent {
    role: bool,
    scim: bool,
    account: bool,
}

/// Everybody, in the order of the list, and everything that ever was.
#[derive(Debug)]
pub(crate) struct World {
    people: Vec<(String, Record)>,
    sent: Sent,
    /// What the API said of each user from an instant on; `None` is nothing.
    history: BTreeMap<String, Vec<(Instant, Option<Record>)>>,
    /// When anything changed.
    changes: Vec<Instant>,
    /// The last cursor that was given out: whose leaving hurts.
    cursor: Option<String>,
    /// Never given out twice.
    next_id: usize,
    rng: Rng,
}

impl World {
    pub(crate) fn new(mut rng: Rng) -> Self {
        let sent = Sent { role: true, scim: true, account: true };
        // A large organization is walked in segments.
        let users = if rng.u8(..) < 100 { rng.usize(1_000..1_300) } else { rng.usize(40..300) };
        let (people, history, changes) = (Vec::new(), BTreeMap::new(), Vec::new());
        let mut world = Self { people, sent, history, changes, cursor: None, next_id: 0, rng };
        (0..users).for_each(|_| world.add());
        world
    }

    /// How many there are now.
    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    /// The users behind a cursor, at most so many, and whether more follow; `None` if nobody has the cursor's id.
    pub(crate) fn page(
        &mut self,
        after: Option<&str>,
        limit: usize,
        overlap: usize,
    ) -> Option<(Vec<Value>, bool)> {
        let start = match after {
            None => 0,
            Some(cursor) => self.people.iter().position(|(id, _)| id == cursor)? + 1,
        };
        let start = start.saturating_sub(overlap);
        let end = (start + limit).min(self.people.len());
        let users =
            self.people[start..end].iter().map(|(id, record)| self.seen(record).to_json(id)).collect();
        Some((users, end < self.people.len()))
    }

    /// Everybody who ever was, with what was said of them between two instants, the first included.
    pub(crate) fn between(
        &self,
        start: Instant,
        end: Instant,
    ) -> impl Iterator<Item = (&str, Vec<Option<&Record>>)> {
        self.history.iter().map(move |(id, history)| {
            let first = history.partition_point(|(since, _)| *since <= start).checked_sub(1);
            let before = first.is_none().then_some(None);
            let during = history[first.unwrap_or(0)..].iter().take_while(move |(since, _)| *since <= end);
            (id.as_str(), before.into_iter().chain(during.map(|(_, record)| record.as_ref())).collect())
        })
    }

    /// Whether nothing changed between two instants.
    pub(crate) fn stood_still(&self, start: Instant, end: Instant) -> bool {
        !self.changes.iter().any(|change| *change > start && *change <= end)
    }

    /// Somebody comes, goes or changes, or the API sends other fields.
    pub(crate) fn change(&mut self) {
        self.changes.push(Instant::now());
        match self.rng.u8(..) {
            0..70 => self.add(),
            70..140 if self.people.len() > 30 => self.remove(),
            140..142 => self.send_other_fields(),
            _ => self.edit(),
        }
    }

    fn add(&mut self) {
        let id = format!("user-{}", self.next_id);
        self.next_id += 1;
        let record = Record {
            role: self.rng.choice(ROLES),
            scim: Some(self.rng.bool()),
            account: (self.rng.u8(..) < 230).then_some((self.flag(), self.flag())),
        };
        let place = self.rng.usize(0..=self.people.len());
        self.people.insert(place, (id.clone(), record.clone()));
        self.note(&id, Some(record));
    }

    fn remove(&mut self) {
        let cursor = self.people.iter().position(|(id, _)| Some(id) == self.cursor.as_ref());
        let place =
            cursor.filter(|_| self.rng.bool()).unwrap_or_else(|| self.rng.usize(0..self.people.len()));
        let (id, _) = self.people.remove(place);
        self.note(&id, None);
    }

    fn edit(&mut self) {
        if self.people.is_empty() {
            return;
        }
        let place = self.rng.usize(0..self.people.len());
        let (id, mut record) = self.people[place].clone();
        match self.rng.u8(0..4) {
            0 => record.role = self.rng.choice(ROLES),
            1 => record.role = None,
            2 => record.scim = Some(self.rng.bool()),
            _ => record.account = Some((self.flag(), self.flag())),
        }
        self.people[place].1 = record.clone();
        self.note(&id, Some(record));
    }

    fn send_other_fields(&mut self) {
        self.sent =
            Sent { role: self.rng.u8(..) < 200, scim: self.rng.u8(..) < 200, account: self.rng.u8(..) < 200 };
        for (id, record) in self.people.clone() {
            self.note(&id, Some(record));
        }
    }

    fn flag(&mut self) -> Flag {
        self.rng.choice([Flag::Absent, Flag::Null, Flag::Is(false), Flag::Is(true)]).unwrap()
    }

    fn seen(&self, record: &Record) -> Record {
        Record {
            role: record.role.filter(|_| self.sent.role),
            scim: record.scim.filter(|_| self.sent.scim),
            account: record.account.filter(|_| self.sent.account),
        }
    }

    fn note(&mut self, id: &str, record: Option<Record>) {
        let seen = record.map(|record| self.seen(&record));
        self.history.entry(id.to_owned()).or_default().push((Instant::now(), seen));
    }
}

impl Record {
    fn to_json(&self, id: &str) -> Value {
        let mut user =
            json!({"object": "organization.user", "id": id, "name": "N", "added_at": 1_700_000_000});
        let flag = |flag| match flag {
            Flag::Is(flag) => Value::Bool(flag),
            _ => Value::Null,
        };
        if let Some(role) = self.role {
            user["role"] = role.into();
        }
        if let Some(scim) = self.scim {
            user["is_scim_managed"] = scim.into();
        }
        if let Some((banned, enabled)) = self.account {
            user["user"] = json!({"object": "user", "id": "inner"});
            if banned != Flag::Absent {
                user["user"]["banned"] = flag(banned);
            }
            if enabled != Flag::Absent {
                user["user"]["enabled"] = flag(enabled);
            }
        }
        user
    }
}

/// Changes the world for ever: at times not at all, at times slowly, at times all the time.
pub(crate) async fn live(world: Arc<Mutex<World>>, mut rng: Rng) {
    loop {
        let (longest, pause) = rng.choice([(90, None), (60, Some(500..9_000)), (3, Some(2..60))]).unwrap();
        let mood_ends = Instant::now() + Duration::from_secs(rng.u64(1..longest));
        while Instant::now() < mood_ends {
            match &pause {
                None => tokio::time::sleep_until(mood_ends).await,
                Some(pause) => {
                    sleep(Duration::from_millis(rng.u64(pause.clone()))).await;
                    world.lock().unwrap().change();
                }
            }
        }
    }
}
