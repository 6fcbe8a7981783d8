//! Walks organizations for the list of those users who are wanted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::{Shared, client, walk_options};
use crate::admin_api::{Body, Client, Error, User};
use crate::clock::{Clock, Moment};
use crate::config::{self, Config};
use crate::listing::{Outcome, Roll, Row, Wanted};
use crate::snapshot::{Activity, Board, Organization};
use crate::telemetry::OrganizationTelemetry;
use crate::walk::{self, Audience, Meter, walk_before};

/// The most addresses that the API is asked for; beyond that all users are walked, as the URL would become too long.
const MOST_ADDRESSES: usize = 50;

/// The walks of all organizations. Dropped, they are given up.
#[derive(Debug)]
pub struct Lists {
    /// One for each organization, in the order of the configuration.
    pub lists: Vec<List>,
    /// What walks them.
    pub walks: JoinSet<()>,
}

/// What is heard of the walk of one organization.
#[derive(Debug)]
pub struct List {
    /// The organization's name.
    pub organization: Arc<str>,
    /// What happens; without an [`Event::Ended`] at its end the walk was given up.
    pub events: UnboundedReceiver<Event>,
}

/// What happens while users are listed.
#[derive(Debug)]
pub enum Event {
    /// Users who are on the list.
    Rows(Vec<Row>),
    /// The API was asked for single users and did not give all of them: it is walked as a whole.
    FellBack,
    /// No more will come.
    Ended(Ended),
}

/// How the walk of an organization ended.
#[derive(Debug)]
pub struct Ended {
    /// What came of the list.
    pub outcome: Outcome,
    /// The start of the walk in Unix seconds, if it began.
    pub walk_start: Option<i64>,
    /// Records without a usable id, who are nobody on any list; nothing where the walk is not whole.
    pub unreadable: Option<u64>,
    /// Why the walk is not whole.
    pub failure: Option<String>,
}

/// Begins to walk each organization of `config`, all at a time, for those users who are `wanted`. `board` gets them to look
/// on.
///
/// # Errors
///
/// If a client cannot be made.
pub fn users(config: &Config, wanted: &Arc<Wanted>, clock: Clock, board: &Board) -> anyhow::Result<Lists> {
    let shared = Shared::while_somebody_waits();
    let (mut lists, mut walks, mut organizations) = (Vec::new(), JoinSet::new(), Vec::new());
    for configured in &config.organizations {
        let (send, events) = unbounded_channel();
        let organization: Arc<str> = configured.name.as_str().into();
        let walker = Walker::new(config, configured, &shared, wanted, clock, send)?;
        lists.push(List { organization, events });
        let shown = Organization::new(&configured.name, configured.interval, configured.max_age);
        let shown = Arc::new(shown);
        organizations.push(shown.clone());
        walks.spawn(async move {
            shown.set_activity(Activity::Walking { start: clock.now(), meter: walker.meter.clone() });
            let ended = walker.walk().await;
            // Whoever listens may have heard enough.
            let _ = walker.events.events.send(Event::Ended(ended));
            shown.set_activity(Activity::default());
        });
    }
    board.replace(organizations);
    Ok(Lists { lists, walks })
}

/// What it takes to walk one organization.
struct Walker {
    whole: Client,
    /// A client that asks for single users.
    single: Option<Client>,
    options: walk::Options,
    telemetry: OrganizationTelemetry,
    meter: Arc<Meter>,
    clock: Clock,
    events: Picker,
}

/// Picks those who are wanted out of the users of a walk.
struct Picker {
    roll: Mutex<Roll>,
    start: Mutex<Option<i64>>,
    events: UnboundedSender<Event>,
}

impl Walker {
    fn new(
        config: &Config,
        configured: &config::Organization,
        shared: &Shared,
        wanted: &Arc<Wanted>,
        clock: Clock,
        events: UnboundedSender<Event>,
    ) -> anyhow::Result<Self> {
        let telemetry = OrganizationTelemetry::detached(&configured.name);
        let options = walk_options(config, configured);
        let addresses = wanted.asked_addresses();
        let single = match addresses.len() {
            1..=MOST_ADDRESSES => {
                Some(client(config, configured, shared, telemetry.clone())?.asking_for(addresses))
            }
            _ => None,
        };
        let roll = Roll::new(wanted.clone(), options.composition.clone(), configured.name.as_str().into());
        Ok(Self {
            whole: client(config, configured, shared, telemetry.clone())?,
            single,
            options,
            telemetry,
            meter: Arc::default(),
            clock,
            events: Picker { roll: Mutex::new(roll), start: Mutex::new(None), events },
        })
    }

    async fn walk(&self) -> Ended {
        if let Some(single) = &self.single {
            match self.through(single).await {
                Ok(unreadable) if self.events.found_all() => return self.events.ended(Ok(unreadable)),
                // An API that does not know how to ask for single users, or did not find all: that proves nothing.
                Ok(_) | Err(Error::ClientError(_) | Error::InvalidResponse(_)) => {}
                Err(error) => return self.events.ended(Err(error)),
            }
            let _ = self.events.events.send(Event::FellBack);
        }
        self.events.ended(self.through(&self.whole).await)
    }

    /// Walks with `client`, and gives out those who had to wait for the end. Gives how many records could not be read.
    async fn through(&self, client: &Client) -> Result<u64, Error> {
        let Self { options, clock, telemetry, meter, .. } = self;
        match walk_before(&self.events, client, options, *clock, telemetry, meter).await {
            Ok(walked) => {
                let unreadable = walked.composition.unreadable();
                // Of single users nobody can tell which names stand for themselves.
                if client.asks_for_all() {
                    let rows = self.events.roll().finish(&walked.composition.folds(), unreadable);
                    self.events.give(rows);
                }
                Ok(unreadable)
            }
            Err(failed) => Err(failed.error),
        }
    }
}

impl Picker {
    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> MutexGuard<'_, Option<i64>> {
        self.start.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, rows: Vec<Row>) {
        if !rows.is_empty() {
            let _ = self.events.send(Event::Rows(rows));
        }
    }

    /// Whether each of the single users was there, and can be told to be wanted.
    fn found_all(&self) -> bool {
        let roll = self.roll();
        roll.met_all_addresses() && !roll.waits()
    }

    fn ended(&self, unreadable: Result<u64, Error>) -> Ended {
        let (unreadable, failure) = match unreadable {
            Ok(number) => (Some(number), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Ended { outcome: self.roll().outcome(), walk_start: *self.start(), unreadable, failure }
    }
}

impl Audience for Picker {
    fn begin(&self, start: &Moment) {
        let start = start.whole_unix_seconds();
        *self.start() = Some(start);
        self.roll().begin(start);
    }

    fn page(&self, body: &Body, users: &[&User<'_>]) {
        let rows = self.roll().page(users, || body.people());
        self.give(rows);
    }

    fn start_over(&self) {
        self.roll().start_over();
    }
}
