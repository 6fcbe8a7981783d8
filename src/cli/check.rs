//! `check`: one walk, and whether policies are kept.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use super::{DONE, FAILED, Failure, UNKNOWN, VIOLATED, block_on, say};
use crate::app::{check, init_logging_to, shutdown_on_signals};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Layers, Place};
use crate::report::{Format, Outcome};
use crate::snapshot::Board;

pub(super) fn run(layers: &Layers) -> Result<u8, Failure> {
    let log = config::log(layers)?;
    let progress = Progress::new(&log, layers.environment());
    init_logging_to(log, progress.log_writer());
    let format = layers.one("output", Format::parse)?;
    let shows_users = layers.one("show-users", |text| {
        text.parse::<bool>().map_err(|_| format!("{text:?} is neither true nor false"))
    })?;
    let config = Config::from_layers(layers)?;
    if config.policies.is_empty() {
        let message = "there are no policies to check; name a file of them with --policy.file, or list them under policies in \
                       --config.file";
        return Err(ConfigError { place: Place::Nowhere, message: message.to_owned() }.into());
    }
    if config.organizations.iter().all(|organization| organization.policies.is_empty()) {
        let known: Vec<&str> = config.organizations.iter().map(|one| one.name.as_str()).collect();
        let message = format!("no policy is about an organization that there is: {}", known.join(", "));
        return Err(ConfigError { place: Place::Nowhere, message }.into());
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let report = block_on(false, async {
        let shutdown = CancellationToken::new();
        shutdown_on_signals(shutdown.clone())?;
        let (board, clock) = (Arc::new(Board::default()), Clock::system());
        tokio::select! {
            report = check(&config, clock, board.clone(), shows_users) => report,
            never = progress.watch(&board, clock) => match never {},
            () = shutdown.cancelled() => Err(anyhow::anyhow!("stopped by a signal; nothing was checked")),
        }
    })??;
    say(&report.write(format))?;
    Ok(match report.outcome() {
        Outcome::Ok => DONE,
        Outcome::NotWalked => FAILED,
        Outcome::Violated => VIOLATED,
        Outcome::Unknown => UNKNOWN,
    })
}
