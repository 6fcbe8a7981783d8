//! `demo`: lively synthetic organizations, and the exporter on them.

use std::net::Ipv4Addr;
use std::process;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::arguments::NAME;
use super::progress::Progress;
use super::simulate::{number, rate};
use super::{DONE, Failure, block_on, say, serve::announce};
use crate::app::{Hangups, Server, ServiceManager, init_logging_to, shutdown_on_signals};
use crate::clock::Clock;
use crate::config::{self, Config, Layers, SIMULATED_KEY, simulated_organizations};
use crate::simulator::{self, Simulator};
use crate::web::LocalAddress;

pub(super) fn run(layers: Layers) -> Result<u8, Failure> {
    let log = config::log(&layers)?;
    let progress = Progress::new(&log, layers.environment());
    init_logging_to(log, progress.log_writer());
    let options = simulator::Options {
        organizations: simulated_organizations(&layers)?,
        users: layers.one("users", number::<u32>)? as usize,
        seed: layers.one("seed", number::<u64>)?,
        churn_per_minute: layers.one("churn", rate)?,
        admin_key: SIMULATED_KEY.to_owned(),
        ..simulator::Options::default()
    };
    block_on(true, async {
        let simulator = Simulator::bind((Ipv4Addr::LOCALHOST, 0).into(), options)
            .await
            .context("cannot listen on loopback for the simulated organization")?;
        let layers = layers.simulated(simulator.base_url());
        let config = Config::from_layers(&layers)?;
        let shutdown = CancellationToken::new();
        shutdown_on_signals(shutdown.clone())?;
        let hangups = Hangups::catch()?;
        let manager = ServiceManager::from_environment(layers.environment(), process::id());
        let read = move || Config::from_layers(&layers.reread()?);
        let clock = Clock::system();
        let server = Server::bind(&config, None, clock, shutdown.clone(), read, manager).await?;
        announce(&config, &server);
        hangups.reload_by(server.reloads());
        say(&welcome(&config, &server))?;
        let (board, ended) = (server.board(), shutdown.clone());
        let watching = ended.run_until_cancelled(progress.watch(&board, clock));
        tokio::join!(simulator.run(shutdown), server.run(), watching);
        Ok(DONE)
    })?
}

/// Where to look, and what for.
fn welcome(config: &Config, server: &Server) -> String {
    let address = server.addresses().first().map_or_else(String::new, |address| match address {
        LocalAddress::Tcp(address) if address.ip().is_unspecified() => {
            format!("localhost:{}", address.port())
        }
        address => address.to_string(),
    });
    let (scheme, paths) = (server.scheme(), config.paths());
    let (path, page, json) =
        (paths.path(&config.telemetry_path), paths.path("/"), paths.path("/api/v1/status"));
    let watched = match config.organizations.len() {
        1 => "A simulated organization is".to_owned(),
        many => format!("{many} simulated organizations are"),
    };
    // Several have a key each.
    let people = match config.organizations.as_slice() {
        [one] => format!(
            "And who they are (all made up):\n\n\
             \x20 OPENAI_ADMIN_KEY={SIMULATED_KEY} {NAME} users '{{role=\"owner\"}}' --openai.base-url={}\n\n",
            one.base_url
        ),
        _ => String::new(),
    };
    format!(
        "\n{watched} being watched. Nothing leaves this machine.\n\n\
         \x20 {scheme}://{address}{page}   the status page, for a browser\n\
         \x20 {scheme}://{address}{path}   the metrics, as Prometheus scrapes them\n\
         \x20 {scheme}://{address}{json}   the status page as JSON\n\n\
         Look at these; they move as people join, leave and are promoted:\n\n\
         \x20 curl -s {scheme}://{address}{path} | grep '^openai_org_users{{'\n\
         \x20 curl -s {scheme}://{address}{path} | grep api_key_stale\n\
         \x20 curl -s {scheme}://{address}{path} | grep -E 'changes_total|role_grants_total'\n\
         \x20 curl -s {scheme}://{address}{path} | grep snapshot_timestamp\n\n\
{people}\
         Stop it with Ctrl-C.\n"
    )
}
