//! The sockets that systemd listens on for the exporter.

use std::fmt::Display;
use std::{fs, process};

use crate::config::{Config, ConfigError, Layers};
use crate::web::InheritedSocket;

const FLAG: &str = "web.systemd-socket";
/// The first descriptor that is passed.
const FIRST: usize = 3;

/// The sockets to serve instead of addresses, if `config` says so. This must be called once: the crate behind it reads
/// `LISTEN_FDS` and `LISTEN_PID` from the environment itself, and the descriptors belong to whoever has called it.
///
/// # Errors
///
/// If there are none, or one that cannot be served.
pub(super) fn inherited(
    config: &mut Config,
    layers: &Layers,
) -> Result<Option<Vec<InheritedSocket>>, ConfigError> {
    let given = |name: &str| layers.environment().get(name).map(|value| value.trim());
    let are_passed = given("LISTEN_FDS").is_some_and(|count| count != "0");
    let are_ours = given("LISTEN_PID").is_some_and(|pid| pid == process::id().to_string());
    if !config.systemd_socket {
        if are_passed && are_ours {
            config.warnings.push(format!(
                "systemd listens for the exporter (LISTEN_FDS), and its sockets are not used; give --{FLAG} to use them"
            ));
        }
        return Ok(None);
    }
    let wrong = |why: String| layers.error(FLAG, why);
    if !are_passed {
        let why = "systemd passes no socket (LISTEN_FDS is not set); start the exporter by a socket unit, or do not give this";
        return Err(wrong(why.to_owned()));
    }
    if !are_ours {
        let why = "the sockets of LISTEN_FDS are for another process (LISTEN_PID); start the exporter without a shell between it and systemd";
        return Err(wrong(why.to_owned()));
    }
    let counted = given("LISTEN_FDS").and_then(|count| count.parse::<usize>().ok());
    let Some(count) = counted else { return Err(wrong("LISTEN_FDS is no number of sockets".to_owned())) };
    let of = |number: usize, why: &dyn Display| wrong(format!("socket {number} of LISTEN_FDS: {why}"));
    if let Some(number) = (1..=count).find(|number| !is_open(FIRST + number - 1)) {
        return Err(of(number, &"it is not there"));
    }
    let passed = sd_listen_fds::get().map_err(|error| wrong(error.to_string()))?;
    let sockets = passed.into_iter().zip(1..).map(|((_, descriptor), number)| {
        InheritedSocket::new(descriptor.into_std()).map_err(|error| of(number, &error))
    });
    sockets.collect::<Result<_, _>>().map(Some)
}

/// Whether there is such a descriptor: one that is not there must belong to nobody. Only Linux is asked, as only Linux
/// passes any.
fn is_open(descriptor: usize) -> bool {
    fs::symlink_metadata(format!("/proc/self/fd/{descriptor}")).is_ok()
}
