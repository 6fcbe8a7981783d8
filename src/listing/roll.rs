//! The list of one organization while it is walked: who is on it, each once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::filter::Wanted;
use super::row::Row;
use crate::admin_api::{Person, User, shown_id};
use crate::composition::{Folds, Options};
use crate::selection::{Reading, Sightings, Truth, View};

/// Who is on the list. Whoever is certainly on it is given out at once; where that takes names that the whole walk has to
/// tell apart, at the end.
#[derive(Debug)]
pub struct Roll {
    wanted: Arc<Wanted>,
    options: Arc<Options>,
    organization: Arc<str>,
    /// The start of the walk in Unix seconds.
    reference: i64,
    /// How many times all was thrown away.
    pass: u32,
    /// Who was given out, and in which pass last.
    listed: HashMap<String, u32>,
    /// Who has to wait for the end.
    held: Vec<Held>,
    users: u64,
    memberships: u64,
    /// Which of the addresses asked for were met, by number.
    met: BTreeSet<usize>,
    /// The names asked for that nobody has yet.
    sightings: Sightings,
    /// What is to say of those at the end.
    remarks: Vec<String>,
    /// Which of the ids asked for were met, by number.
    met_ids: BTreeSet<usize>,
    /// Fields that the API does not send, and of how many users it is open for that whether they belong on the list.
    missing: BTreeMap<&'static str, u64>,
}

/// A user of whom not all can be told yet.
#[derive(Debug)]
struct Held {
    user: User<'static>,
    name: Option<String>,
    /// Whether the user is on the list already, and only the memberships are open.
    listed: bool,
}

/// What came of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Users on the list.
    pub users: u64,
    /// Their memberships in projects, by which series of projects count.
    pub memberships: u64,
    /// Ids, as logs show them, of those who were given out and are not on it: the walk started over and did not meet them as
    /// they were.
    pub gone: Vec<String>,
    /// Users who may be on it, where no walk could tell.
    pub doubtful: u64,
    /// Remarks on what was asked for and nobody in the whole walk has, and on users who may belong on the list.
    pub remarks: Vec<String>,
}

impl Roll {
    /// Nobody yet on the list of those `wanted` in `organization`, where is counted by `options`.
    pub fn new(wanted: Arc<Wanted>, options: Arc<Options>, organization: Arc<str>) -> Self {
        Self {
            wanted,
            options,
            organization,
            reference: 0,
            pass: 0,
            listed: HashMap::new(),
            held: Vec::new(),
            users: 0,
            memberships: 0,
            met: BTreeSet::new(),
            sightings: Sightings::default(),
            remarks: Vec::new(),
            met_ids: BTreeSet::new(),
            missing: BTreeMap::new(),
        }
    }

    /// A walk begins, at `reference` in Unix seconds.
    pub fn begin(&mut self, reference: i64) {
        self.reference = reference;
        self.start_over();
    }

    /// Users of a page, whom `people` names. Gives those who are new on the list.
    pub fn page<'p>(&mut self, users: &[&User<'_>], people: impl FnOnce() -> Vec<Person<'p>>) -> Vec<Row> {
        let (wanted, options) = (self.wanted.clone(), self.options.clone());
        let (view, doubts) = (View::as_labels(&options, None), View::with_doubts(&options));
        let mut judged = |user: &&User<'_>| {
            let reading = Reading::of(user, self.reference);
            self.sightings.look(&reading, &options);
            let truth = wanted.select(user, &reading, &view);
            if truth == Truth::No && wanted.select(user, &reading, &doubts) == Truth::Open {
                for field in wanted.criteria.missing_fields(&reading, &doubts) {
                    *self.missing.entry(field).or_default() += 1;
                }
            }
            let settled = truth == Truth::Yes && wanted.criteria.memberships_are_told(&reading, &view);
            let memberships = if settled { wanted.criteria.memberships(&reading, &view) } else { 0 };
            (truth, settled, memberships)
        };
        let judged: Vec<_> = users.iter().map(|user| (*user, judged(user))).collect();
        self.met.extend(users.iter().filter_map(|user| wanted.met_address(user)));
        self.met_ids.extend(users.iter().filter_map(|user| wanted.met_id(user)));
        let mut rows = Vec::new();
        if judged.iter().all(|(_, (truth, ..))| *truth == Truth::No) {
            return rows;
        }
        let people = people();
        let mut names: HashMap<&str, Option<&str>> = HashMap::new();
        for person in &people {
            // Of a user who stands twice the first record counts.
            names.entry(&person.id).or_insert_with(|| person.name());
        }
        for (user, (truth, settled, memberships)) in judged {
            let name = names.get(&*user.id).copied().flatten();
            if truth == Truth::Yes {
                rows.extend(self.list(user, name));
                self.memberships += memberships;
            }
            if truth == Truth::Open || (truth == Truth::Yes && !settled) {
                let (user, name) = (user.to_static(), name.map(str::to_owned));
                self.held.push(Held { user, name, listed: truth == Truth::Yes });
            }
        }
        rows
    }

    /// All that was counted is thrown away, and everybody comes anew. Who was given out stays so.
    pub fn start_over(&mut self) {
        self.pass += 1;
        self.held.clear();
        (self.users, self.memberships) = (0, 0);
        self.sightings = Sightings::of([&self.wanted.criteria]);
        self.met_ids.clear();
        self.missing.clear();
    }

    /// Whether each address that was asked for was met.
    pub fn met_all_addresses(&self) -> bool {
        self.met.len() == self.wanted.asked_addresses().len()
    }

    /// Whether somebody waits for a whole walk to tell names apart.
    pub fn waits(&self) -> bool {
        !self.held.is_empty()
    }

    /// The walk is complete, told the names of `folds` apart and left so many records `unreadable`. Gives those who were
    /// waiting for that.
    pub fn finish(&mut self, folds: &Folds, unreadable: u64) -> Vec<Row> {
        let (wanted, options) = (self.wanted.clone(), self.options.clone());
        let view = View::as_labels(&options, Some(folds));
        let mut rows = Vec::new();
        for Held { user, name, listed } in std::mem::take(&mut self.held) {
            let reading = Reading::of(&user, self.reference);
            if wanted.select(&user, &reading, &view) == Truth::Yes {
                self.memberships += wanted.criteria.memberships(&reading, &view);
                if !listed {
                    rows.extend(self.list(&user, name.as_deref()));
                }
            }
        }
        self.remarks = self.sightings.remarks(folds, unreadable);
        self.remarks.extend(self.remarks_on_ids(unreadable));
        self.remarks.extend(self.remarks_on_doubts());
        rows
    }

    /// On ids that were asked for and that nobody has.
    fn remarks_on_ids(&self, unreadable: u64) -> Vec<String> {
        let asked = self.wanted.ids.iter().enumerate().filter(|(_, filter)| !filter.negated);
        let unmet = asked.filter(|(place, _)| unreadable == 0 && !self.met_ids.contains(place));
        unmet.map(|(_, filter)| format!("nobody has the id {:?}", shown_id(&filter.value))).collect()
    }

    /// On users who may belong on the list, for what the API does not say.
    fn remarks_on_doubts(&self) -> Option<String> {
        let fields = self.missing.iter().map(|(field, users)| {
            let plural = if *users == 1 { "" } else { "s" };
            format!("{field} of {users} user{plural}")
        });
        let fields: Vec<String> = fields.collect();
        (!fields.is_empty())
            .then(|| format!("the API does not say {}, who may belong on the list", fields.join(", ")))
    }

    /// What came of it, as things are.
    pub fn outcome(&self) -> Outcome {
        let gone = self.listed.iter().filter(|(_, pass)| **pass != self.pass);
        let mut gone: Vec<String> = gone.map(|(id, _)| shown_id(id).to_owned()).collect();
        gone.sort_unstable();
        Outcome {
            users: self.users,
            memberships: self.memberships,
            gone,
            doubtful: self.held.iter().filter(|held| !held.listed).count() as u64,
            remarks: self.remarks.clone(),
        }
    }

    /// Puts `user` on the list. Gives the row, unless it was given out before.
    fn list(&mut self, user: &User<'_>, name: Option<&str>) -> Option<Row> {
        self.users += 1;
        let before = self.listed.insert(user.id.clone().into_owned(), self.pass);
        before.is_none().then(|| Row::of(user, name, &self.organization, self.reference))
    }
}

#[cfg(test)]
mod tests;
