//! The pollers of the organizations, and what a new configuration does to them.
//!
//! A configuration is applied as a whole or not at all: whatever can fail is made before anything changes. An
//! organization that a new configuration does not concern keeps its poller, its figures and its schedule.

mod change;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use change::{Change, Report};

use super::notify::{Liveness, ServiceManager, status};
use super::walk_options;
use crate::clock::Clock;
use crate::composition;
use crate::config::{self, Config, ConfigError, without_keys};
use crate::poll::{Plan, Poller, Schedule};
use crate::snapshot::{Board, Organization, OrganizationState, Timing};
use crate::telemetry::{OrganizationTelemetry, Telemetry};
use crate::walk::Pages;
use crate::web::{Guard, ReloadOutcome, ReloadRequest};

/// The time that reading a configuration may take: a file on a dead mount must not hold up all reloads to come.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The wait before a poller that broke off comes back.
const COME_BACK: Duration = Duration::from_secs(10);

/// Makes what the pages of an organization come from.
pub(super) type MakePages<P> =
    Arc<dyn Fn(&Config, &config::Organization, OrganizationTelemetry) -> anyhow::Result<P> + Send + Sync>;

/// Reads the configuration as it is now.
pub(super) type ReadConfig = Arc<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// What the supervisor works with.
pub(super) struct Tools<P> {
    pub(super) read: ReadConfig,
    pub(super) make_pages: MakePages<P>,
    pub(super) board: Arc<Board>,
    /// Who is told that what is known has changed.
    pub(super) published: Arc<Notify>,
    pub(super) telemetry: Telemetry,
    pub(super) clock: Clock,
    /// Who is told of a web configuration that was read with the rest.
    pub(super) guard: Guard,
    /// Who is told of reloads.
    pub(super) manager: ServiceManager,
    /// Who must know when a poller, or the supervisor, is gone.
    pub(super) liveness: Liveness,
    pub(super) shutdown: CancellationToken,
}

/// Holds the pollers, and applies configurations one after the other.
pub(super) struct Supervisor<P> {
    tools: Tools<P>,
    /// The configuration of the start, for what only a start can change.
    at_start: Config,
    in_force: Config,
    running: BTreeMap<String, Running<P>>,
    /// A reading that was given up. It cannot be ended, and as long as it hangs another one would too.
    hung: Option<JoinHandle<Result<Config, ConfigError>>>,
}

/// An organization that is polled.
struct Running<P> {
    organization: Arc<Organization>,
    telemetry: OrganizationTelemetry,
    plan: watch::Sender<Plan<P>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// A configuration with everything that it needs, made and not yet in force.
pub(super) struct Prepared<P> {
    config: Config,
    /// What becomes of each organization of the configuration, in its order.
    steps: Vec<(Change, Plan<P>)>,
}

impl<P: Pages + Send + 'static> Supervisor<P> {
    /// A supervisor of nobody yet; `config` is the one that will be applied first.
    pub(super) fn new(config: &Config, tools: Tools<P>) -> Self {
        let nobody = Config { organizations: Vec::new(), ..config.clone() };
        Self { tools, at_start: config.clone(), in_force: nobody, running: BTreeMap::new(), hung: None }
    }

    /// Makes everything that `config` needs and that can fail. Nothing changes yet.
    pub(super) async fn prepare(&self, config: Config) -> anyhow::Result<Prepared<P>> {
        let drafts: Vec<_> = config.organizations.iter().map(|wanted| self.draft(&config, wanted)).collect();
        let (make_pages, telemetry) = (self.tools.make_pages.clone(), self.tools.telemetry.clone());
        // A client reads the certificates of the system.
        let made = spawn_blocking(move || {
            let step = |(wanted, (change, pages, schedule)): (&config::Organization, _)| {
                let pages = match pages {
                    Some(pages) => pages,
                    None => Arc::new(make_pages(&config, wanted, telemetry.handle(&wanted.name))?),
                };
                let (walk, max_drop) = (walk_options(&config, wanted), config.max_drop);
                Ok((change, Plan { pages, walk, schedule, max_drop }))
            };
            let steps = config.organizations.iter().zip(drafts).map(step).collect::<anyhow::Result<_>>()?;
            Ok(Prepared { config, steps })
        });
        made.await.context("the clients cannot be made, by a fault of the exporter")?
    }

    /// What becomes of an organization, the pages that it keeps, and its schedule.
    fn draft(&self, config: &Config, wanted: &config::Organization) -> (Change, Option<Arc<P>>, Schedule) {
        let schedule = match config.organizations.len() {
            1 => Schedule::every(wanted.interval),
            many => Schedule::every(wanted.interval).spread_by(&wanted.name, many),
        };
        let Some(running) = self.running.get(&wanted.name) else { return (Change::Add, None, schedule) };
        let plan = running.plan.borrow();
        match change::of(&self.in_force, config, wanted) {
            change @ (Change::Add | Change::Restart) => (change, None, schedule),
            change @ Change::Reconnect => (change, None, plan.schedule.with_interval(wanted.interval)),
            change @ (Change::Adjust | Change::Keep) => {
                (change, Some(plan.pages.clone()), plan.schedule.with_interval(wanted.interval))
            }
        }
    }

    /// Starts the pollers of the first configuration, with what `recall` knows of their organizations, by name and
    /// what is counted.
    pub(super) async fn begin(
        &mut self,
        first: Prepared<P>,
        recall: impl FnMut(&str, &composition::Options) -> OrganizationState,
    ) {
        self.apply(first, recall).await;
    }

    /// Puts a configuration in force. It cannot fail.
    async fn apply(
        &mut self,
        prepared: Prepared<P>,
        mut recall: impl FnMut(&str, &composition::Options) -> OrganizationState,
    ) -> Report {
        let Prepared { config, steps } = prepared;
        let mut report = Report::default();
        let wanted: BTreeMap<&str, Change> = config
            .organizations
            .iter()
            .zip(&steps)
            .map(|(wanted, (change, _))| (&*wanted.name, *change))
            .collect();
        let ends = |name: &String| matches!(wanted.get(name.as_str()), None | Some(Change::Restart));
        let (mut ended, staying): (BTreeMap<_, _>, BTreeMap<_, _>) =
            mem::take(&mut self.running).into_iter().partition(|(name, _)| ends(name));
        self.running = staying;
        // All are told before one is waited for.
        ended.values().for_each(|running| running.stop.cancel());
        for running in ended.values_mut() {
            let _ = (&mut running.task).await;
        }

        let mut board = Vec::new();
        for (wanted, (change, plan)) in config.organizations.iter().zip(steps) {
            let name = wanted.name.clone();
            let timing = Timing { interval: wanted.interval, max_age: wanted.max_age };
            let running = match (self.running.remove(&name), ended.remove(&name)) {
                (Some(running), _) => {
                    if change != Change::Keep {
                        running.plan.send_replace(plan);
                    }
                    running
                }
                (None, Some(stopped)) => {
                    stopped.plan.send_replace(plan);
                    self.spawn(stopped.organization, stopped.telemetry, stopped.plan)
                }
                (None, None) => {
                    let state = recall(&name, &plan.walk.composition);
                    let organization =
                        Organization::with_state(&name, timing.interval, timing.max_age, state);
                    let telemetry = self.tools.telemetry.organization(&name);
                    self.spawn(Arc::new(organization), telemetry, watch::Sender::new(plan))
                }
            };
            running.organization.set_timing(timing);
            running.organization.set_policies(wanted.policies.clone());
            board.push(running.organization.clone());
            self.running.insert(name.clone(), running);
            report.note(change, name);
        }
        self.tools.board.replace(board);
        self.tools.telemetry.remove_organizations(&ended.keys().map(String::as_str).collect::<BTreeSet<_>>());
        if !ended.is_empty() {
            // What is kept over a restart goes too.
            self.tools.published.notify_one();
        }
        report.removed = ended.into_keys().collect();
        self.in_force = config;
        report
    }

    /// Starts a poller for `organization`.
    fn spawn(
        &self,
        organization: Arc<Organization>,
        telemetry: OrganizationTelemetry,
        plan: watch::Sender<Plan<P>>,
    ) -> Running<P> {
        let stop = self.tools.shutdown.child_token();
        let poller = Poller {
            plan: plan.subscribe(),
            organization: organization.clone(),
            published: self.tools.published.clone(),
            clock: self.tools.clock,
            telemetry: telemetry.clone(),
        };
        let (stays, until) = (self.tools.liveness.expect(stop.clone()), stop.clone());
        let task = tokio::spawn(async move {
            let _stays = stays;
            poll(poller, until).await;
        });
        Running { organization, telemetry, plan, stop, task }
    }

    /// Reloads as it is asked to, one request after the other, until the shutdown; then waits for the pollers.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<ReloadRequest>) {
        let shutdown = self.tools.shutdown.clone();
        let _stays = self.tools.liveness.expect(shutdown.clone());
        let reloading = async {
            while let Some(request) = requests.recv().await {
                self.tools.manager.reloading();
                let outcome = self.reload().await;
                self.tools.manager.ready(&status(&self.tools.board, &self.tools.clock.now()));
                request.answer(outcome);
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = reloading => shutdown.cancelled().await,
        }
        // Whoever still waits for a reload hears that there is none.
        drop(requests);
        for running in self.running.into_values() {
            let _ = running.task.await;
        }
    }

    /// Reads the configuration and puts it in force, or leaves everything as it is and says why.
    async fn reload(&mut self) -> ReloadOutcome {
        match self.read().await {
            Ok(prepared) => {
                let report = self.apply(prepared, |_, _| OrganizationState::default()).await;
                self.tools.telemetry.config_loaded(self.tools.clock.now().unix_seconds());
                self.tell_guard().await;
                Ok(self.announce(&report))
            }
            Err(error) => {
                let error = without_keys(&format!("{error:#}").replace('\n', " "));
                self.tools.telemetry.config_refused();
                tracing::error!(error, "configuration not reloaded; the one before stays in force");
                Err(error)
            }
        }
    }

    /// Reads the configuration and makes what it needs.
    async fn read(&mut self) -> anyhow::Result<Prepared<P>> {
        if self.hung.as_ref().is_some_and(|hung| !hung.is_finished()) {
            anyhow::bail!(
                "configuration: the reading of an earlier reload still hangs; see whether the file systems of the \
                 configuration and its key files answer, and whether one of them is a pipe"
            );
        }
        let read = self.tools.read.clone();
        let mut reading = spawn_blocking(move || read());
        let Ok(reading) = timeout(READ_TIMEOUT, &mut reading).await else {
            self.hung = Some(reading);
            anyhow::bail!(
                "configuration: reading it and its key files took longer than {} s; see whether their file systems \
                 answer",
                READ_TIMEOUT.as_secs()
            );
        };
        self.prepare(reading.context("the configuration cannot be read, by a fault of the exporter")??).await
    }

    /// Another file takes a restart; what it says does not.
    async fn tell_guard(&self) {
        if let Some(web) = &self.in_force.web_config
            && change::web_config_path(&self.at_start) == Some(&web.path)
        {
            self.tools.guard.reload(web.reading.clone()).await;
        }
    }

    /// Logs what a reload did, and gives it in one line.
    fn announce(&self, report: &Report) -> String {
        for warning in &self.in_force.warnings {
            tracing::warn!("{warning}");
        }
        report.log(self.in_force.policies.len());
        let ignored = change::only_at_start(&self.at_start, &self.in_force);
        if ignored.is_empty() {
            return format!("{report}.");
        }
        let ignored = ignored.join(", ");
        tracing::warn!(settings = ignored, "settings changed that only a restart puts in force");
        format!("{report}. Only a restart puts in force: {ignored}.")
    }
}

/// Runs a poller until `stop`. Should it break off itself, and not just a walk of it, that is a failed walk, and it
/// comes back.
async fn poll<P: Pages + Send + 'static>(poller: Poller<P>, stop: CancellationToken) {
    let organization = poller.organization.clone();
    let broke_off = |fault: &JoinError| {
        tracing::error!(
            organization = organization.name,
            error = %fault,
            "poller broke off by a fault of the exporter"
        );
        let now = poller.clock.now();
        organization.note_panic(now, now);
    };
    until_it_ends(|| poller.clone().run(stop.clone()), broke_off, &stop).await;
}

/// Runs `task` until it ends by itself; one that panics is started again after a while, unless `stop` comes first.
async fn until_it_ends<F: Future<Output = ()> + Send + 'static>(
    task: impl Fn() -> F,
    mut broke_off: impl FnMut(&JoinError),
    stop: &CancellationToken,
) {
    while let Err(fault) = tokio::spawn(task()).await {
        broke_off(&fault);
        tokio::select! {
            () = sleep(COME_BACK) => {}
            () = stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests;
