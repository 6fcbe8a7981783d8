//! One walk of each organization that policies are about, and what was found for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use super::{Shared, client, walk_options};
use crate::admin_api::{Body, User};
use crate::clock::{Clock, Moment};
use crate::composition;
use crate::config::{Config, Place};
use crate::policy::{Audit, Found, Policies};
use crate::report::{Failed, Location, Organization, Report, Walked};
use crate::snapshot::{Activity, Board, Organization as Watched};
use crate::telemetry::OrganizationTelemetry;
use crate::walk::{self, Audience, Meter, walk_before};

/// Holds the policies against each user of a walk.
struct Auditor {
    policies: Arc<Policies>,
    options: Arc<composition::Options>,
    keeps_ids: bool,
    /// The reference time, and what was found until now.
    audit: Mutex<(i64, Option<Audit>)>,
}

/// Walks each organization of `config` that has policies, all at a time, and judges. What goes wrong is logged. `board` gets
/// them to look on. `keeps_ids` says whether to remember whom verdicts rest on.
///
/// # Errors
///
/// If a client cannot be made.
pub async fn check(
    config: &Config,
    clock: Clock,
    board: Arc<Board>,
    keeps_ids: bool,
) -> anyhow::Result<Report> {
    let (mut walks, mut watched) = (JoinSet::new(), Vec::new());
    let shared = Shared::while_somebody_waits();
    let about = config.organizations.iter().filter(|organization| !organization.policies.is_empty());
    for (number, configured) in about.enumerate() {
        let organization = Arc::new(Watched::new(&configured.name, configured.interval, configured.max_age));
        watched.push(organization.clone());
        let telemetry = OrganizationTelemetry::detached(&configured.name);
        let client = client(config, configured, &shared, telemetry.clone())?;
        // The auditor holds them against each user, so that the walk itself need not.
        let options = walk::Options { policies: Arc::default(), ..walk_options(config, configured) };
        let auditor = Auditor {
            policies: configured.policies.clone(),
            options: options.composition.clone(),
            keeps_ids,
            audit: Mutex::default(),
        };
        walks.spawn(async move {
            let meter = Arc::new(Meter::default());
            organization.set_activity(Activity::Walking { start: clock.now(), meter: meter.clone() });
            let walked = walk_before(&auditor, &client, &options, clock, &telemetry, &meter).await;
            organization.set_activity(Activity::default());
            let outcome = match walked {
                // Whoever made the key is somebody: such an answer says nothing of who else there is.
                Ok(completed) if completed.composition.users() + completed.composition.unreadable() == 0 => {
                    let why = "the API lists nobody, and no organization is without users".to_owned();
                    tracing::error!(result = NOBODY, error = %why, "walk is not believed");
                    Err(Failed { result: NOBODY, why })
                }
                Ok(completed) => Ok(Walked {
                    start: completed.summary.start.whole_unix_seconds(),
                    users: completed.composition.users(),
                    unreadable: completed.composition.unreadable(),
                    found: auditor.finish(&completed.composition),
                }),
                Err(failed) => {
                    tracing::error!(result = failed.error.result(), error = %failed.error, "walk failed");
                    let result = failed.error.result();
                    Err(Failed { result, why: failed.error.without_words().to_string() })
                }
            };
            let name = organization.name.clone();
            (number, Organization { name, policies: auditor.policies.clone(), outcome })
        });
    }
    board.replace(watched);
    let organizations: BTreeMap<usize, Organization> = walks.join_all().await.into_iter().collect();
    Ok(Report {
        organizations: organizations.into_values().collect(),
        locations: locations(config),
        shows_users: keeps_ids,
    })
}

/// What a walk comes to that is not believed.
const NOBODY: &str = "implausible";

/// Where the policies stand that stand in a file, by name.
fn locations(config: &Config) -> BTreeMap<String, Location> {
    let location = |entry: &crate::config::PolicyEntry| match &entry.place {
        Place::File { path, line, .. } => {
            Some((entry.policy.name().to_owned(), Location { path: path.clone(), line: *line }))
        }
        _ => None,
    };
    config.policies.iter().filter_map(location).collect()
}

impl Auditor {
    fn renew(&self, audit: &mut (i64, Option<Audit>)) {
        audit.1 = Some(Audit::new(self.policies.clone(), self.options.clone(), audit.0, self.keeps_ids));
    }

    fn lock(&self) -> MutexGuard<'_, (i64, Option<Audit>)> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found, in the order of the policies, in a walk that counted `composition`.
    fn finish(&self, composition: &composition::Composition) -> Vec<Found> {
        let finish = |audit: Audit| audit.finish(&composition.folds(), composition.unreadable());
        self.lock().1.take().map(finish).unwrap_or_default()
    }
}

impl Audience for Auditor {
    fn begin(&self, start: &Moment) {
        let mut audit = self.lock();
        audit.0 = start.whole_unix_seconds();
        self.renew(&mut audit);
    }

    fn page(&self, _: &Body, users: &[&User<'_>]) {
        if let Some(audit) = &mut self.lock().1 {
            users.iter().for_each(|user| audit.add(user));
        }
    }

    fn start_over(&self) {
        self.renew(&mut self.lock());
    }
}
