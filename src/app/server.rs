//! The exporter in service: pollers behind, the server before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::memory::Memory;
use super::{client, composition_options, walk_options};
use crate::admin_api::Client;
use crate::clock::Clock;
use crate::config::Config;
use crate::exposition::{self, OrganizationCollector};
use crate::poll::{Plan, Poller, Schedule};
use crate::snapshot::{Board, Organization};
use crate::state::Keeper;
use crate::telemetry::Telemetry;
use crate::web::{self, Site};

/// The time that the last write of the state file may take.
const KEEPING_ENDS_WITHIN: Duration = Duration::from_secs(3);

/// An exporter that listens, and has not begun yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    site: Site,
    pollers: Vec<Poller<Client>>,
    keeper: Option<Keeper>,
}

impl Server {
    /// Listens and gets everything ready that `config` asks for. Serves and polls until `shutdown` once it runs.
    ///
    /// # Errors
    ///
    /// If an address cannot be listened on, or a client cannot be made.
    pub async fn bind(config: &Config, clock: Clock, shutdown: CancellationToken) -> anyhow::Result<Self> {
        let mut listeners = Vec::new();
        for address in &config.listen_addresses {
            let listener = address.bind().await.with_context(|| {
                format!("cannot listen on {address}; choose another --web.listen-address")
            })?;
            listeners.push(listener);
        }
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;

        let registry = Registry::new();
        let telemetry = Telemetry::new(&registry);
        telemetry.config_loaded(clock.now().unix_seconds());
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;

        let mut memory = Memory::open(config.state_file.as_deref(), &clock.now())?;
        let published = Arc::new(Notify::new());
        let mut organizations = Vec::new();
        let mut pollers = Vec::new();
        for configured in &config.organizations {
            let organization = Arc::new(Organization::with_state(
                &configured.name,
                configured.interval,
                configured.max_age,
                memory.recall(&configured.name, &composition_options(config, configured)),
            ));
            organizations.push(organization.clone());
            let schedule = match config.organizations.len() {
                1 => Schedule::every(configured.interval),
                _ => Schedule::every(configured.interval).spread_by(&configured.name),
            };
            let telemetry = telemetry.organization(&configured.name);
            let plan = Plan {
                pages: Arc::new(client(config, configured, telemetry.clone())?),
                walk: walk_options(config, configured),
                schedule,
                max_drop: config.max_drop,
            };
            let (plan, published) = (watch::channel(plan).1, published.clone());
            pollers.push(Poller { plan, organization, published, clock, telemetry });
        }
        let board = Arc::new(Board::new(organizations));
        let options = exposition::Options { changes: true };
        registry.register(Box::new(OrganizationCollector::new(board.clone(), clock, options)))?;
        let keeper =
            memory.file.map(|file| Keeper::new(file, board.clone(), published, clock, telemetry.clone()));
        let telemetry_path = config.telemetry_path.clone();
        let site = Site { registry, board, clock, telemetry, telemetry_path, shutdown };
        Ok(Self { listeners, addresses, site, pollers, keeper })
    }

    /// The addresses listened on, with the real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Polls and serves until the shutdown, then ends in order: walks are given up, requests finished, and what was
    /// published is written down.
    pub async fn run(self) {
        let (tasks, keeping) = (TaskTracker::new(), TaskTracker::new());
        for poller in self.pollers {
            tasks.spawn(poller.run(self.site.shutdown.clone()));
        }
        tasks.close();
        let end_keeping = CancellationToken::new();
        if let Some(keeper) = self.keeper {
            keeping.spawn(keeper.run(end_keeping.clone()));
        }
        keeping.close();
        web::serve(self.listeners, Arc::new(self.site), web::Options::default()).await;
        // Pollers stop at once; this is for the last log line of a walk.
        let _ = timeout(Duration::from_millis(500), tasks.wait()).await;
        end_keeping.cancel();
        let _ = timeout(KEEPING_ENDS_WITHIN, keeping.wait()).await;
    }
}
