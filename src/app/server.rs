//! The exporter in service: pollers behind, the server before.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus::Registry;
#[cfg(target_os = "linux")]
use prometheus::process_collector::ProcessCollector;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use super::notify::{Liveness, ServiceManager, status};
use super::supervisor::{Prepared, Supervisor, Tools};
use super::{Shared, client};
use crate::admin_api::Client;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, WebConfig, reread_web_config};
use crate::exposition::{self, Renderer, Seldom};
use crate::snapshot::Board;
use crate::state::Keeper;
use crate::telemetry::Telemetry;
use crate::web::{self, Guard, InheritedSocket, Listener, LocalAddress, ReloadRequest, Reloads, Site};

/// How old the figures of the process may be: the kernel takes longer to tell them than all else on a page does.
#[cfg(target_os = "linux")]
const PROCESS_AGE: Duration = Duration::from_millis(100);

/// The time that the last write of the state file may take.
const KEEPING_ENDS_WITHIN: Duration = Duration::from_secs(3);

/// An exporter that listens, and has not begun yet.
pub struct Server {
    listeners: Vec<Listener>,
    web: web::Options,
    addresses: Vec<LocalAddress>,
    site: Site,
    supervisor: Supervisor<Client>,
    first: Prepared<Client>,
    memory: Memory,
    manager: ServiceManager,
    liveness: Liveness,
    keeper: Option<Keeper>,
    reloads: Reloads,
    requests: mpsc::Receiver<ReloadRequest>,
}

impl Server {
    /// Listens, unless sockets are `inherited`, and gets everything ready that `config` asks for. Serves and polls until `shutdown` once it runs; a
    /// reload gets the configuration by `read`, which may block. `manager` is told how it goes.
    ///
    /// # Errors
    ///
    /// If an address cannot be listened on, or a client cannot be made.
    pub async fn bind(
        config: &Config,
        inherited: Option<Vec<InheritedSocket>>,
        clock: Clock,
        shutdown: CancellationToken,
        read: impl Fn() -> Result<Config, ConfigError> + Send + Sync + 'static,
        manager: ServiceManager,
    ) -> anyhow::Result<Self> {
        let listeners = listeners(config, inherited).await?;
        let addresses = listeners.iter().map(Listener::local_address).collect::<Result<_, _>>()?;

        let telemetry = Telemetry::new(&Registry::new());
        telemetry.config_loaded(clock.now().unix_seconds());
        let further = Registry::new();
        #[cfg(target_os = "linux")]
        further.register(Box::new(Seldom::new(ProcessCollector::for_self(), clock, PROCESS_AGE)))?;

        let mut memory = Memory::open(config.state_file.as_deref(), &clock.now())?;
        let published = Arc::new(Notify::new());
        let board = Arc::new(Board::default());
        let options = exposition::Options { changes: true };
        let renderer = Arc::new(Renderer::new(board.clone(), telemetry.clone(), clock, options, further));
        let shared = Shared::new();
        let liveness = Liveness::default();
        let guard = guard(config, &telemetry, clock)?;
        let supervisor = Supervisor::new(
            config,
            Tools {
                read: Arc::new(read),
                make_pages: Arc::new(move |config, organization, telemetry| {
                    client(config, organization, &shared, telemetry)
                }),
                board: board.clone(),
                published: published.clone(),
                telemetry: telemetry.clone(),
                clock,
                guard: guard.clone(),
                manager: manager.clone(),
                liveness: liveness.clone(),
                shutdown: shutdown.clone(),
            },
        );
        let first = supervisor.prepare(config.clone()).await?;
        let keeper = memory
            .file
            .take()
            .map(|file| Keeper::new(file, board.clone(), published, clock, telemetry.clone()));
        let (reloads, requests) = web::reloads();
        let telemetry_path = config.telemetry_path.clone();
        let reload = config.enable_lifecycle.then(|| reloads.clone());
        let facts = web::Facts {
            paths: config.paths(),
            start: Some(clock.now()),
            state_file: config.state_file.is_some(),
        };
        let site = Site { renderer, board, clock, telemetry, telemetry_path, facts, guard, reload, shutdown };
        Ok(Self {
            listeners,
            web: web::Options { max_connections: config.max_connections, ..web::Options::default() },
            addresses,
            site,
            supervisor,
            first,
            memory,
            manager,
            liveness,
            keeper,
            reloads,
            requests,
        })
    }

    /// How its pages are asked for: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.site.guard.speaks_tls() { "https" } else { "http" }
    }

    /// The organizations watched, to look on.
    pub fn board(&self) -> Arc<Board> {
        self.site.board.clone()
    }

    /// Where reloads are asked for.
    pub fn reloads(&self) -> Reloads {
        self.reloads.clone()
    }

    /// The addresses listened on, with the real ports.
    pub fn addresses(&self) -> &[LocalAddress] {
        &self.addresses
    }

    /// Polls and serves until the shutdown, then ends in order: walks are given up, requests finished, and what was
    /// published is written down.
    pub async fn run(mut self) {
        self.supervisor.begin(self.first, |name, options| self.memory.recall(name, options)).await;
        self.memory.tell_forgotten();
        let supervising = tokio::spawn(self.supervisor.run(self.requests));
        let end_keeping = CancellationToken::new();
        let keeping = self.keeper.map(|keeper| tokio::spawn(keeper.run(end_keeping.clone())));
        let (board, clock, shutdown) = (self.site.board.clone(), self.site.clock, self.site.shutdown.clone());
        let status = move || status(&board, &clock.now());
        // The listeners are open: who connects from now on is answered.
        self.manager.ready(&status());
        let attending = tokio::spawn(self.manager.attend(status, self.liveness, shutdown));
        web::serve(self.listeners, Arc::new(self.site), self.web).await;
        let _ = attending.await;
        // Pollers stop at once; this is for the last log line of a walk.
        let _ = timeout(Duration::from_millis(500), supervising).await;
        end_keeping.cancel();
        if let Some(keeping) = keeping {
            let _ = timeout(KEEPING_ENDS_WITHIN, keeping).await;
        }
    }
}

/// What is `inherited`, or else the addresses that `config` names.
async fn listeners(
    config: &Config,
    inherited: Option<Vec<InheritedSocket>>,
) -> anyhow::Result<Vec<Listener>> {
    if let Some(sockets) = inherited {
        let listeners = sockets.into_iter().map(InheritedSocket::listener);
        return listeners.collect::<Result<_, _>>().context("cannot listen on a socket of systemd");
    }
    let mut listeners = Vec::new();
    for address in &config.listen_addresses {
        let listener = address
            .bind()
            .await
            .with_context(|| format!("cannot listen on {address}; choose another --web.listen-address"))?;
        listeners.push(listener.into());
    }
    Ok(listeners)
}

/// Who stands at the door, as `config` says.
fn guard(config: &Config, telemetry: &Telemetry, clock: Clock) -> anyhow::Result<Guard> {
    let Some(WebConfig { path, reading }) = &config.web_config else {
        return Ok(Guard::open(telemetry, clock));
    };
    let path = path.clone();
    let read = Box::new(move || reread_web_config(&path));
    Guard::new(reading.clone(), read, telemetry, clock).map_err(anyhow::Error::msg)
}
