//! One walk of each organization, and what there is to say of it.

use std::sync::Arc;

use prometheus::Registry;
use tokio::task::JoinSet;

use super::{Shared, client, walk_options};
use crate::clock::Clock;
use crate::config::Config;
use crate::exposition::{self, OrganizationCollector};
use crate::snapshot::{Activity, Board, Organization};
use crate::telemetry::OrganizationTelemetry;
use crate::walk::{Before, Meter, walk};

/// What one walk of each organization gave.
#[derive(Debug)]
pub struct Once {
    /// Composition and freshness in the text format.
    pub exposition: Vec<u8>,
    /// Whether all walks succeeded.
    pub complete: bool,
}

/// Walks each organization of `config` once, all at a time. What goes wrong is logged. `board` gets them to look on.
///
/// # Errors
///
/// If a client cannot be made, or the exposition cannot be written.
pub async fn once(config: &Config, clock: Clock, board: Arc<Board>) -> anyhow::Result<Once> {
    let mut walks = Vec::new();
    let mut organizations = Vec::new();
    let shared = Shared::while_somebody_waits();
    for configured in &config.organizations {
        let organization =
            Arc::new(Organization::new(&configured.name, configured.interval, configured.max_age));
        organization.set_policies(configured.policies.clone());
        organizations.push(organization.clone());
        let telemetry = OrganizationTelemetry::detached(&configured.name);
        let client = client(config, configured, &shared, telemetry.clone())?;
        let options = walk_options(config, configured);
        walks.push(async move {
            let meter = Arc::new(Meter::default());
            organization.set_activity(Activity::Walking { start: clock.now(), meter: meter.clone() });
            match walk(&client, &options, Before::default(), clock, &telemetry, &meter).await {
                Ok(completed) => organization.publish(completed),
                Err(failed) => {
                    tracing::error!(result = failed.error.result(), error = %failed.error, "walk failed");
                    organization.note_failure(&failed);
                }
            }
            organization.set_activity(Activity::default());
        });
    }
    board.replace(organizations);
    walks.into_iter().collect::<JoinSet<_>>().join_all().await;
    let (incomplete, _) = board.without_fresh_snapshot(&clock.now());
    let registry = Registry::new();
    let options = exposition::Options { changes: false };
    registry.register(Box::new(OrganizationCollector::new(board, clock, options)))?;
    Ok(Once { exposition: exposition::render(&registry)?, complete: incomplete == 0 })
}
