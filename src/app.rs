//! Puts the rooms together: pollers by organization, server, reload, signals, shutdown.
//!
//! The only room that knows the configuration and everything it configures.

mod check;
mod logging;
mod memory;
mod notify;
mod once;
mod scrape;
mod server;
mod signals;
mod supervisor;
mod users;

use std::sync::Arc;

use crate::admin_api::{self, Client, Connections, InFlight};
use crate::composition;
use crate::config::{Config, KeySource, Organization};
use crate::telemetry::OrganizationTelemetry;
use crate::walk;

pub use check::check;
pub use logging::{init as init_logging, init_to as init_logging_to};
pub use notify::ServiceManager;
pub use once::{Once, once};
pub use scrape::{Exporter, scrape};
pub use server::Server;
pub use signals::{Hangups, shutdown_on_signals};
pub use users::{Ended, Event, List, Lists, users};

/// Requests that one process has in flight at most, however many organizations it watches.
const MOST_REQUESTS_IN_FLIGHT: usize = 64;

/// A request fails so often, over some seconds, before the log has a warning: less is usual.
const FAILURES_WITHOUT_WORDS: u32 = 3;

/// About how many series `organization` has: two roles, two roles in each project, and no field lost.
pub fn estimated_series(config: &Config, organization: &Organization) -> usize {
    const FRESHNESS: usize = 8;
    const SNAPSHOT: usize = 5;
    const CHANGES: usize = 9 + 3 + 10 + 1;
    const OF_A_POLICY: usize = 3;
    let policies = OF_A_POLICY * organization.policies.len();
    composition_options(config, organization).estimated_series() + FRESHNESS + SNAPSHOT + CHANGES + policies
}

fn composition_options(config: &Config, organization: &Organization) -> composition::Options {
    composition::Options {
        stale_after: config.stale_after.clone(),
        email_domains: organization.email_domains.clone(),
        projects_limit: config.projects_limit,
        project_names: config.projects_names,
    }
}

fn walk_options(config: &Config, organization: &Organization) -> walk::Options {
    walk::Options {
        timeout: config.timeout,
        stall_timeout: config.stall_timeout,
        composition: Arc::new(composition_options(config, organization)),
        policies: organization.policies.clone(),
    }
}

/// What all clients of a process share.
struct Shared {
    in_flight: InFlight,
    connections: Connections,
    /// After so many failures of a request there is a warning.
    retries_before_warning: u32,
}

impl Shared {
    fn new() -> Self {
        Self {
            in_flight: InFlight::new(MOST_REQUESTS_IN_FLIGHT),
            connections: Connections::new(MOST_REQUESTS_IN_FLIGHT),
            retries_before_warning: FAILURES_WITHOUT_WORDS,
        }
    }

    /// The same for a command that ends with its walks: somebody waits, and wants to know for what.
    fn while_somebody_waits() -> Self {
        Self { retries_before_warning: 0, ..Self::new() }
    }
}

/// The client of `organization`.
fn client(
    config: &Config,
    organization: &Organization,
    shared: &Shared,
    telemetry: OrganizationTelemetry,
) -> anyhow::Result<Client> {
    let options = admin_api::Options {
        organization: organization.name.clone(),
        admin_key: organization.admin_key.clone(),
        admin_key_file: match &organization.admin_key_source {
            KeySource::File(path) => Some(path.clone()),
            KeySource::Variable(_) | KeySource::BuiltIn => None,
        },
        base_url: organization.base_url.clone(),
        extra_roots: config.ca_file.as_ref().map(|(_, pem)| pem.clone()),
        proxy: config.proxy.clone(),
        request_timeout: config.request_timeout,
        concurrency: config.concurrency,
        in_flight: shared.in_flight.clone(),
        connections: shared.connections.clone(),
        retries_before_warning: shared.retries_before_warning,
    };
    Client::new(options, telemetry).map_err(|error| {
        let causes: Vec<String> = anyhow::Error::new(error).chain().map(ToString::to_string).collect();
        anyhow::anyhow!(
            "cannot make a client for organization {:?}: {}; if the machine has no certificates of authorities, \
             install its package ca-certificates or give --openai.ca-file",
            organization.name,
            causes.join(": ")
        )
    })
}
