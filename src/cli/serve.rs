//! `serve`: poll and serve.

use std::process;

use tokio_util::sync::CancellationToken;

use super::sockets::inherited;
use super::{DONE, Failure, block_on};
use crate::app::{Hangups, Server, ServiceManager, init_logging, shutdown_on_signals};
use crate::clock::Clock;
use crate::config::{self, Config, Layers};

pub(super) fn run(layers: Layers) -> Result<u8, Failure> {
    init_logging(config::log(&layers)?);
    let mut config = Config::from_layers(&layers)?;
    let sockets = inherited(&mut config, &layers)?;
    block_on(true, async {
        let shutdown = CancellationToken::new();
        shutdown_on_signals(shutdown.clone())?;
        let hangups = Hangups::catch()?;
        let manager = ServiceManager::from_environment(layers.environment(), process::id());
        let read = move || Config::from_layers(&layers.reread()?);
        let server = Server::bind(&config, sockets, Clock::system(), shutdown, read, manager).await?;
        announce(&config, &server);
        hangups.reload_by(server.reloads());
        server.run().await;
        Ok(DONE)
    })?
}

/// Says in one line what runs where, and in one line each what is odd about it.
pub(super) fn announce(config: &Config, server: &Server) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let joined = |values: Vec<String>| {
        let mut values = values;
        values.dedup();
        values.join(",")
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        revision = env!("REVISION"),
        addresses = joined(server.addresses().iter().map(ToString::to_string).collect()),
        organizations =
            joined(config.organizations.iter().map(|organization| organization.name.clone()).collect()),
        policies = config.policies.len(),
        base_url = joined(
            config.organizations.iter().map(|organization| organization.base_url.to_string()).collect()
        ),
        "openai-org-exporter started"
    );
}
