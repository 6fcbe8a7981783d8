//! Chaos: an organization that changes all the time, an API that fails in every way it can, restarts, and after each
//! publication the question whether every figure keeps its promise.
//!
//! All of it runs on a paused clock and follows from a seed, which a failure prints.
//!
//!     cargo test --test chaos                     a few seeds, a thousand walks and more
//!     cargo test --test chaos -- --seeds 500      as many seeds as that
//!     cargo test --test chaos -- --seed 17        that seed alone

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

mod api;
mod truth;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use openai_org_exporter::clock::Clock;
use openai_org_exporter::composition;
use openai_org_exporter::poll::{Plan, Poller, Schedule};
use openai_org_exporter::snapshot::{Organization, OrganizationState};
use openai_org_exporter::state::{self, Kept};
use openai_org_exporter::telemetry::OrganizationTelemetry;
use openai_org_exporter::walk;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use api::ChaoticApi;
use truth::Auditor;
use world::World;

/// Seeds of an ordinary run, the walks that begin in each, and in all of them together at least.
const SEEDS: u64 = 12;
const WALKS_IN_ALL: usize = 1_000;
const WALKS: usize = 100;

const INTERVAL: Duration = Duration::from_secs(60);

/// What a run has seen, so that a run in which nothing happened is no success.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    walks: usize,
    published: usize,
    /// Published from walks during which the organization stood still.
    still: usize,
    /// Published from walks in segments.
    segmented: usize,
    failed: usize,
    held_back: usize,
    restarts: usize,
    changes: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |flag: &str| {
        let place = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(place + 1)?.parse::<u64>().ok()
    };
    // A test runner's filter that means other tests.
    let filter = arguments.get(1).filter(|argument| !argument.starts_with('-'));
    if filter.is_some_and(|filter| !"chaos".contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    let seeds = match number("--seed") {
        Some(seed) => seed..seed + 1,
        None => 0..number("--seeds").unwrap_or(SEEDS),
    };
    let mut all = Seen::default();
    for seed in seeds.clone() {
        match catch_unwind(AssertUnwindSafe(|| run(seed))) {
            Ok(seen) => all.add(&seen),
            Err(_) => {
                eprintln!(
                    "chaos: seed {seed} failed; repeat it with: cargo test --test chaos -- --seed {seed}"
                );
                return ExitCode::FAILURE;
            }
        }
    }
    println!("chaos: {} seeds: {all:?}", seeds.count());
    let dull = all.published == 0
        || all.still == 0
        || all.segmented == 0
        || all.failed == 0
        || all.restarts == 0
        || all.changes == 0;
    if dull {
        eprintln!("chaos: a run in which nothing goes wrong, or nothing goes right, shows nothing");
        return ExitCode::FAILURE;
    }
    if number("--seed").or(number("--seeds")).is_none() && all.walks < WALKS_IN_ALL {
        eprintln!("chaos: an ordinary run is of {WALKS_IN_ALL} walks and more");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(seed: u64) -> Seen {
    // The exporter's own jitter follows from the seed too.
    fastrand::seed(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    // Neighbouring seeds begin alike unless they are spread.
    runtime.block_on(live(Rng::with_seed((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))))
}

/// One life of an organization, watched by an exporter that is restarted now and then.
async fn live(mut rng: Rng) -> Seen {
    let clock = Clock::starting_at(1_800_000_000);
    let world = Arc::new(Mutex::new(World::new(rng.fork())));
    let api = Arc::new(ChaoticApi::new(world.clone(), rng.fork()));
    let life = tokio::spawn(world::live(world.clone(), rng.fork()));
    let mut auditor = Auditor::new(world, api.clone());
    let mut restarts = 0;
    let mut state = OrganizationState::default();
    let mut written = Vec::new();
    state::write(&[], &clock.now(), &mut written).unwrap();
    while api.walks() < WALKS {
        let life = rng.usize(3..30);
        let organization = Arc::new(Organization::with_state("acme", INTERVAL, INTERVAL * 60, state));
        watch(&organization, &api, clock, api.walks() + life, &mut auditor, &mut written).await;
        // A restart, sometimes from what was written a while ago, as after a crash.
        if rng.u8(..) < 180 {
            written = bytes_of(&organization, clock);
        }
        let mut kept = state::read(&written, &clock.now()).unwrap();
        state = kept.pop().map(|kept| OrganizationState::clone(&kept.state)).unwrap_or_default();
        auditor.restarted(&state);
        restarts += 1;
    }
    life.abort();
    Seen { walks: api.walks(), restarts, ..auditor.finish() }
}

/// Runs a poller until so many walks have begun, and audits each publication.
async fn watch(
    organization: &Arc<Organization>,
    api: &Arc<ChaoticApi>,
    clock: Clock,
    until: usize,
    auditor: &mut Auditor,
    written: &mut Vec<u8>,
) {
    let published = Arc::new(Notify::new());
    let (_plan, plan) = watch::channel(Plan {
        pages: api.clone(),
        walk: walk::Options {
            timeout: Duration::from_secs(50),
            stall_timeout: Duration::from_secs(20),
            composition: Arc::new(composition::Options::default()),
            policies: Arc::default(),
        },
        schedule: Schedule::every(INTERVAL),
        max_drop: 0.5,
    });
    let (polled, telemetry) = (organization.clone(), OrganizationTelemetry::detached("acme"));
    let poller = Poller { plan, organization: polled, published: published.clone(), clock, telemetry };
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(poller.run(shutdown.clone()));
    while api.walks() < until {
        if timeout(INTERVAL, published.notified()).await.is_ok() {
            auditor.audit(&organization.state());
            if fastrand::bool() {
                *written = bytes_of(organization, clock);
            }
        }
        auditor.note(organization.state().last_walk.as_ref());
    }
    shutdown.cancel();
    task.await.unwrap();
    // What was published in the last moment.
    if timeout(Duration::ZERO, published.notified()).await.is_ok() {
        auditor.audit(&organization.state());
    }
}

fn bytes_of(organization: &Organization, clock: Clock) -> Vec<u8> {
    let kept = Kept { name: "acme".into(), state: organization.state() };
    let mut bytes = Vec::new();
    state::write(&[kept], &clock.now(), &mut bytes).unwrap();
    bytes
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.walks += other.walks;
        self.published += other.published;
        self.still += other.still;
        self.segmented += other.segmented;
        self.failed += other.failed;
        self.held_back += other.held_back;
        self.restarts += other.restarts;
        self.changes += other.changes;
    }
}
