//! `simulate`: the simulated organizations alone.

use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{DONE, Failure, block_on, say};
use crate::app::{init_logging, shutdown_on_signals};
use crate::config::{self, Layers, simulated_organizations};
use crate::duration;
use crate::simulator::{Fault, Options, Simulator};

pub(super) fn run(layers: &Layers) -> Result<u8, Failure> {
    init_logging(config::log(layers)?);
    let address = layers.one("listen-address", |text| {
        text.parse::<SocketAddr>()
            .map_err(|_| format!("{text:?} is no address with a port; write it like 127.0.0.1:10196"))
    })?;
    let organizations = simulated_organizations(layers)?;
    let options = Options {
        organizations,
        users: layers.one("users", number::<u32>)? as usize,
        seed: layers.one("seed", number::<u64>)?,
        admin_key: layers.one("admin-key", |text| Ok::<_, String>(text.to_owned()))?,
        latency: layers.one("latency", duration::parse)?,
        churn_per_minute: layers.one("churn", rate)?,
        gzip: layers.one("gzip", |text| {
            text.parse::<bool>().map_err(|_| format!("{text:?} is neither true nor false"))
        })?,
        requests_per_minute: layers.one("requests-per-minute", number::<u64>)?,
        faults: layers.many("fault", Fault::from_str)?,
        ..Options::default()
    };
    block_on(true, async {
        let simulator = Simulator::bind(address, options)
            .await
            .with_context(|| format!("flag --listen-address: cannot listen on {address}"))?;
        let shutdown = CancellationToken::new();
        shutdown_on_signals(shutdown.clone())?;
        say(&format!("The simulated Admin API answers at {}\n", simulator.base_url()))?;
        if organizations > 1 {
            say(&format!(
                "It has {organizations} organizations; their keys end in -1 to -{organizations}\n"
            ))?;
        }
        simulator.run(shutdown).await;
        Ok(DONE)
    })?
}

/// A whole number of type `N`.
pub(super) fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no whole number, or too large a one"))
}

/// A number of at least 0, such as changes per minute.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|number: &f64| (0.0..=1e6).contains(number))
        .ok_or_else(|| format!("{text:?} is no number from 0 to 1000000"))
}

#[cfg(test)]
mod tests {
    use crate::config::settings;
    use crate::simulator::FaultKind;

    #[test]
    fn the_help_knows_all_that_can_go_wrong() {
        let help = settings().find(|setting| setting.flag == "fault").unwrap().help;
        let names = FaultKind::ALL.map(FaultKind::name).join(", ");
        assert!(help.contains(&format!(": {names}; ")), "{help}");
    }
}
