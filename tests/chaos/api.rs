//! An API over the world that fails in every way an API can, and lies now and then.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use openai_org_exporter::admin_api::{Body, Detail, Error};
use openai_org_exporter::walk::Pages;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use crate::world::World;

/// A list shorter than this is not cut short: a few users may always leave.
const SHORTEST_TO_LIE_ABOUT: usize = 40;

#[derive(Debug)]
pub(crate) struct ChaoticApi {
    world: Arc<Mutex<World>>,
    walkers: usize,
    walks: AtomicUsize,
    /// Users in the last published walk, as far as a lie would be noticed.
    baseline: AtomicUsize,
    temper: Mutex<Temper>,
}

/// How the API behaves during one walk.
#[derive(Debug)]
struct Temper {
    rng: Rng,
    page_size: usize,
    latency: u64,
    /// Faults in 256 requests.
    faults: u8,
    /// Changes of the world before each answer, at most.
    unrest: usize,
    /// Whether an unknown cursor is answered with nothing, and not with 404: for ever the same.
    answers_nothing: bool,
    lie: Option<Lie>,
    /// Whether there was a lie since the last publication: two that agree would be a truth.
    lied: bool,
    first_cursor: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Lie {
    /// So many users are all.
    ThatIsAll(usize),
    /// Other people.
    AnotherOrganization,
}

impl ChaoticApi {
    pub(crate) fn new(world: Arc<Mutex<World>>, mut rng: Rng) -> Self {
        let (answers_nothing, walkers) = (rng.bool(), rng.usize(1..=6));
        let temper = Temper {
            rng,
            page_size: 1,
            latency: 1,
            faults: 0,
            unrest: 0,
            answers_nothing,
            lie: None,
            lied: false,
            first_cursor: None,
        };
        let (walks, baseline, temper) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(temper));
        Self { world, walkers, walks, baseline, temper }
    }

    /// How many walks have begun.
    pub(crate) fn walks(&self) -> usize {
        self.walks.load(Relaxed)
    }

    /// A walk that met so many users is what the next one is compared with.
    pub(crate) fn published(&self, users: usize) {
        self.baseline.store(users, Relaxed);
        self.temper.lock().unwrap().lied = false;
    }

    fn begin_walk(&self) {
        self.walks.fetch_add(1, Relaxed);
        let baseline = self.baseline.load(Relaxed);
        let shortest_page = 3.max(self.world.lock().unwrap().len() / 30);
        let mut temper = self.temper.lock().unwrap();
        temper.page_size = temper.rng.usize(shortest_page..=100);
        temper.latency = temper.rng.u64(2..200);
        temper.faults = temper.rng.choice([0, 0, 8, 40]).unwrap();
        temper.unrest = temper.rng.choice([0, 0, 1, 3]).unwrap();
        temper.first_cursor = None;
        temper.lie = match temper.rng.u8(0..20) {
            0 if !temper.lied && baseline >= SHORTEST_TO_LIE_ABOUT => {
                Some(Lie::ThatIsAll(temper.rng.usize(0..baseline * 2 / 5)))
            }
            1 if !temper.lied && baseline > 0 => Some(Lie::AnotherOrganization),
            _ => None,
        };
        temper.lied |= temper.lie.is_some();
    }

    /// The honest page, or the lie of this walk.
    fn page(&self, after: Option<&str>, overlap: usize) -> Option<Value> {
        let temper = self.temper.lock().unwrap();
        let mut world = self.world.lock().unwrap();
        if let Some(Lie::AnotherOrganization) = temper.lie {
            let users: Vec<Value> =
                (0..77).map(|number| json!({"id": format!("other-{number}"), "role": "owner"})).collect();
            return Some(list(&users, false));
        }
        let (mut users, mut has_more) = world.page(after, temper.page_size, overlap)?;
        if let Some(Lie::ThatIsAll(most)) = temper.lie {
            // All is on one page then, wherever it begins.
            users.truncate(most);
            has_more = false;
        }
        Some(list(&users, has_more))
    }

    fn broken(&self, after: Option<&str>) -> Result<Body, Error> {
        let kind = self.temper.lock().unwrap().rng.u8(0..12);
        let page = self.page(after, 0).unwrap_or_else(|| list(&[], false));
        let mut text = page.to_string().into_bytes();
        match kind {
            0 => return Err(Error::ServerError(Box::default())),
            1 => return Err(Error::Connect(Box::default())),
            2 => return Err(Error::RateLimited(Box::default())),
            3 => return Err(Error::Unauthorized(Box::default())),
            4 => text.truncate(text.len() / 2),
            5 => text = b"<html>Bad gateway</html>".to_vec(),
            6 => text = br#"{"object":"list","data":[],"has_more":true}"#.to_vec(),
            // Nothing, behind a cursor that leads on.
            7 if after.is_some() => text = list(&[], false).to_string().into_bytes(),
            8 => {
                // The pages go round in circles.
                let first = self.temper.lock().unwrap().first_cursor.clone();
                let mut page = page;
                page["last_id"] = first.into();
                page["has_more"] = true.into();
                text = page.to_string().into_bytes();
            }
            // These a walk gets over: users who come twice, and no cursor.
            9 | 10 => {
                let overlap = self.temper.lock().unwrap().rng.usize(1..4);
                text = self.page(after, overlap).unwrap_or(page).to_string().into_bytes();
            }
            _ => {
                let mut page = page;
                page["last_id"] = Value::Null;
                text = page.to_string().into_bytes();
            }
        }
        Ok(Body::new(text, Box::default()))
    }
}

impl Pages for ChaoticApi {
    fn walkers(&self) -> usize {
        self.walkers
    }

    async fn list_users(&self, after: Option<&str>, number: u64, deadline: Instant) -> Result<Body, Error> {
        if number == 1 {
            self.begin_walk();
        }
        let (latency, fault, hangs, changes) = {
            let mut temper = self.temper.lock().unwrap();
            let (latency, unrest) = (temper.latency, temper.unrest);
            // A lie with a fault in it may be half a truth.
            let fault = temper.rng.u8(..) < temper.faults && temper.lie.is_none();
            let hangs = temper.rng.u16(..) < 64;
            (temper.rng.u64(1..=latency), fault, hangs, temper.rng.usize(0..=unrest))
        };
        if hangs {
            sleep_until(deadline).await;
            return Err(Error::Timeout(Box::default()));
        }
        sleep(Duration::from_millis(latency)).await;
        (0..changes).for_each(|_| self.world.lock().unwrap().change());
        if fault {
            return self.broken(after);
        }
        let answers_nothing = self.temper.lock().unwrap().answers_nothing;
        let page = match self.page(after, 0) {
            Some(page) => page,
            None if answers_nothing => list(&[], false),
            None => {
                return Err(Error::ClientError(Box::new(Detail { status: Some(404), ..Detail::default() })));
            }
        };
        if let Some(cursor) = page["last_id"].as_str() {
            self.temper.lock().unwrap().first_cursor.get_or_insert_with(|| cursor.to_owned());
        }
        Ok(Body::new(page.to_string().into_bytes(), Box::default()))
    }

    fn detail(&self, _: u64, cause: String) -> Box<Detail> {
        Box::new(Detail::default().with_cause(cause))
    }
}

fn list(users: &[Value], has_more: bool) -> Value {
    let last_id = users.last().map_or(Value::Null, |user| user["id"].clone());
    json!({"object": "list", "data": users, "last_id": last_id, "has_more": has_more})
}
