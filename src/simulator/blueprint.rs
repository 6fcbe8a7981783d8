//! What about the organization never changes: it follows from the seed and needs no memory per user.

use std::io::Write;

use fastrand::Rng;

use super::names::{DOMAINS, FIRST, JOBS, LAST, LEVELS, PERSONAS, PROJECTS, STAGES, VARIANTS};
use super::seed::{Id, chosen, draw};

const PROFILE: u64 = 1;
const OWNER: u64 = 2;
const DAY: i64 = 86_400;

/// The immutable part of an organization.
pub(super) struct Blueprint {
    pub(super) seed: u64,
    pub(super) projects: Vec<Project>,
    /// Pairs of first and last name in an order of the seed, so that no two people share an address.
    pairs: Box<[u16]>,
}

pub(super) struct Project {
    pub(super) id: Id,
    pub(super) name: String,
}

/// A field as it may stand in JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<T> {
    Absent,
    Null,
    Set(T),
}

/// The traits of one user that never change.
#[derive(Debug, PartialEq)]
pub(super) struct Profile {
    pub(super) label: Label,
    pub(super) domain: &'static str,
    /// Whether the address stands in the user's own `email`.
    pub(super) email: Field<()>,
    /// The nested `user`; where there is one, whether the address stands in it.
    pub(super) nested: Option<Field<()>>,
    pub(super) persona: Field<&'static str>,
    pub(super) level: Field<&'static str>,
    pub(super) purchaser: Field<bool>,
    pub(super) projects: Field<Memberships>,
    /// Seconds between `created` and `added_at`.
    pub(super) head_start: i64,
    /// Whether identity management brought the user, to begin with.
    pub(super) scim: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Label {
    Person { first: usize, last: usize, number: u32 },
    Service { job: &'static str, stage: &'static str, number: u32 },
}

/// Up to six projects, by index, each once, with whether the user owns the project.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Memberships {
    entries: [(u8, bool); 6],
    count: usize,
}

impl Blueprint {
    /// The number of projects grows with the square root of the number of users.
    pub(super) fn new(seed: u64, users: u32) -> Self {
        let count = u16::try_from(FIRST.len() * LAST.len()).expect("6,400 pairs");
        let mut pairs: Vec<u16> = (0..count).collect();
        Rng::with_seed(draw(seed, 3, 0)).shuffle(&mut pairs);
        let count = ((users.isqrt() + 1) * 3 / 4).clamp(3, 200);
        let projects = (0..count)
            .map(|serial| Project { id: Id::project(seed, serial), name: project_name(seed, serial) })
            .collect();
        Self { seed, projects, pairs: pairs.into() }
    }

    /// One in fifty is an owner to begin with, the first user always.
    pub(super) fn starts_as_owner(&self, serial: u32) -> bool {
        serial == 0 || (serial >= 50 && chosen(self.seed, OWNER, serial, 50))
    }

    pub(super) fn profile(&self, serial: u32) -> Profile {
        let mut rng = Rng::with_seed(draw(self.seed, PROFILE, serial));
        let service = serial != 0 && chance(&mut rng, 80);
        let (domain, scim) = domain(&mut rng);
        let (email, nested) = if service { service_addresses(&mut rng) } else { addresses(&mut rng) };
        Profile {
            label: if service { service_label(&mut rng, serial) } else { self.person(serial) },
            domain,
            email,
            nested,
            persona: metadata(&mut rng, &PERSONAS, service),
            level: metadata(&mut rng, &LEVELS, service),
            purchaser: self.purchaser(&mut rng, serial),
            projects: self.memberships(&mut rng),
            head_start: rng.i64(60..DAY) * rng.i64(1..=90),
            scim: scim && !service,
        }
    }

    fn person(&self, serial: u32) -> Label {
        let serial = usize::try_from(serial).expect("a u32 fits into a usize");
        let pair = usize::from(self.pairs[serial % self.pairs.len()]);
        let number = u32::try_from(serial / self.pairs.len()).expect("a part of a u32");
        Label::Person { first: pair / LAST.len(), last: pair % LAST.len(), number }
    }

    /// At most two: the first user and the first owner among those who came next.
    fn purchaser(&self, rng: &mut Rng, serial: u32) -> Field<bool> {
        if serial == 0 || (serial < 100 && self.starts_as_owner(serial)) {
            Field::Set(true)
        } else if chance(rng, 100) {
            Field::Null
        } else {
            Field::Set(false)
        }
    }

    fn memberships(&self, rng: &mut Rng) -> Field<Memberships> {
        let wanted = match rng.u32(0..1000) {
            0..20 => return Field::Absent,
            20..50 => return Field::Null,
            50..130 => 0,
            130..500 => 1,
            500..750 => 2,
            750..880 => 3,
            880..960 => 4,
            _ => 6,
        };
        let mut memberships = Memberships::default();
        for _ in 0..wanted {
            // The product favours low indexes: a few projects are large, most are small.
            let limit = u8::try_from(self.projects.len()).expect("at most 200 projects");
            let reach = rng.u8(0..limit);
            memberships.join(rng.u8(0..=reach), chance(rng, 80));
        }
        Field::Set(memberships)
    }
}

impl Profile {
    pub(super) fn is_service(&self) -> bool {
        matches!(self.label, Label::Service { .. })
    }

    /// Appends the name, which needs no escapes in JSON.
    pub(super) fn write_name(&self, out: &mut Vec<u8>) {
        let _infallible = match &self.label {
            Label::Person { first, last, .. } => write!(out, "{} {}", FIRST[*first].0, LAST[*last].0),
            Label::Service { job, stage, number } => write!(out, "svc-{job}-{stage}-{number}"),
        };
    }

    /// Appends the address, which needs no escapes in JSON and is in lower case.
    pub(super) fn write_email(&self, out: &mut Vec<u8>) {
        let _infallible = match &self.label {
            Label::Person { first, last, number: 0 } => write!(out, "{}.{}", FIRST[*first].1, LAST[*last].1),
            Label::Person { first, last, number } => {
                write!(out, "{}.{}{number}", FIRST[*first].1, LAST[*last].1)
            }
            Label::Service { job, stage, number } => write!(out, "svc-{job}-{stage}-{number}"),
        };
        out.push(b'@');
        out.extend_from_slice(self.domain.as_bytes());
    }

    /// Whether the record shows an address, in its own `email` or the nested one.
    pub(super) fn shows_email(&self) -> bool {
        self.email == Field::Set(()) || self.nested == Some(Field::Set(()))
    }
}

impl Memberships {
    fn join(&mut self, project: u8, owner: bool) {
        if self.iter().all(|(present, _)| present != usize::from(project)) {
            self.entries[self.count] = (project, owner);
            self.count += 1;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, bool)> {
        self.entries[..self.count].iter().map(|(project, owner)| (usize::from(*project), *owner))
    }
}

/// True `share` times in a thousand.
pub(super) fn chance(rng: &mut Rng, share: u32) -> bool {
    rng.u32(0..1000) < share
}

fn project_name(seed: u64, serial: u32) -> String {
    let Some(index) = serial.checked_sub(1) else {
        return "Default project".to_owned();
    };
    let turn = u32::try_from(seed % 50).expect("below 50");
    let place = |number: u32| usize::try_from(number).expect("a u32 fits into a usize");
    format!("{}{}", PROJECTS[place((index + turn) % 50)], VARIANTS[place(index / 50) % VARIANTS.len()])
}

fn domain(rng: &mut Rng) -> (&'static str, bool) {
    let mut rest = rng.u32(0..1000);
    for (domain, share, scim) in DOMAINS {
        if rest < share {
            return (domain, chance(rng, scim));
        }
        rest -= share;
    }
    (DOMAINS[0].0, true)
}

fn addresses(rng: &mut Rng) -> (Field<()>, Option<Field<()>>) {
    let email = match rng.u32(0..1000) {
        0..5 => Field::Null,
        5..15 => Field::Absent,
        _ => Field::Set(()),
    };
    (email, Some(if chance(rng, 970) { Field::Set(()) } else { Field::Null }))
}

fn service_addresses(rng: &mut Rng) -> (Field<()>, Option<Field<()>>) {
    let email = match rng.u32(0..100) {
        0..70 => Field::Null,
        70..80 => Field::Absent,
        _ => Field::Set(()),
    };
    let nested = match rng.u32(0..100) {
        0..20 => None,
        20..70 => Some(Field::Absent),
        70..85 => Some(Field::Null),
        _ => Some(Field::Set(())),
    };
    (email, nested)
}

fn service_label(rng: &mut Rng, serial: u32) -> Label {
    let job = JOBS[rng.usize(..JOBS.len())];
    Label::Service { job, stage: STAGES[rng.usize(..STAGES.len())], number: serial }
}

fn metadata(rng: &mut Rng, values: &[&'static str], service: bool) -> Field<&'static str> {
    match rng.u32(0..100) {
        0..10 => Field::Absent,
        10..35 => Field::Null,
        _ if service => Field::Null,
        // The smaller of two favours the first values: equal shares look dull on a dashboard.
        _ => Field::Set(values[rng.usize(..values.len()).min(rng.usize(..values.len()))]),
    }
}
