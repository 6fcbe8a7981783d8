//! The one collector over the board. It loads the state of each organization once per scrape, so that no scrape
//! mixes two walks.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use crate::catalog::{self, Family, Kind, Part};
use crate::clock::Clock;
use crate::composition::{Figures, Row};
use crate::roster::{Change, Grant, Totals};
use crate::snapshot::{Board, OrganizationState, Snapshot, Timing};

/// What is shown besides composition and freshness.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether changes are shown: a single walk has seen none.
    pub changes: bool,
}

/// Collects composition and freshness of all organizations.
#[derive(Debug)]
pub struct OrganizationCollector {
    board: Arc<Board>,
    clock: Clock,
    options: Options,
    descriptions: Vec<Desc>,
}

/// Samples in the making, by family.
struct Samples {
    families: Vec<(&'static Family, Vec<proto::Metric>)>,
}

impl OrganizationCollector {
    /// A collector over `board`.
    ///
    /// # Panics
    ///
    /// If the catalog holds a name that Prometheus does not allow.
    pub fn new(board: Arc<Board>, clock: Clock, options: Options) -> Self {
        let describe = |family: &Family| {
            let labels = family.labels.iter().map(|label| (*label).to_owned()).collect();
            Desc::new(family.name.to_owned(), family.help.to_owned(), labels, Default::default())
                .expect("the catalog's names are valid")
        };
        Self { board, clock, options, descriptions: families().map(describe).collect() }
    }
}

impl Collector for OrganizationCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let now = self.clock.now();
        let mut samples = Samples { families: families().map(|family| (family, Vec::new())).collect() };
        for organization in self.board.organizations().iter() {
            let (state, timing) = (organization.state(), organization.timing());
            let snapshot = state.fresh_snapshot(&now, timing.max_age);
            freshness(&mut samples, &organization.name, timing, &state, snapshot.is_some());
            if self.options.changes {
                changes(&mut samples, &organization.name, &state.changes);
            }
            if let Some(snapshot) = snapshot {
                composition(&mut samples, &organization.name, snapshot, self.options);
            }
        }
        samples.into_families()
    }
}

fn families() -> impl Iterator<Item = &'static Family> {
    catalog::all().filter(|family| family.part != Part::Exporter)
}

#[expect(clippy::cast_precision_loss, reason = "pages and durations stay far below 2^53")]
fn freshness(samples: &mut Samples, name: &str, timing: Timing, state: &OrganizationState, available: bool) {
    if let Some(walk) = &state.last_walk {
        samples.push(&catalog::LAST_WALK_RESULT, &[name, walk.failure.unwrap_or("success")], 1.0);
    }
    let mut gauge = |family: &'static Family, value: f64| samples.push(family, &[name], value);
    gauge(&catalog::SNAPSHOT_AVAILABLE, f64::from(u8::from(available)));
    gauge(&catalog::POLL_INTERVAL, timing.interval.as_secs_f64());
    gauge(&catalog::SNAPSHOT_MAX_AGE, timing.max_age.as_secs_f64());
    if let Some(end) = &state.last_success {
        gauge(&catalog::LAST_SUCCESS, seconds(end.unix_milliseconds()));
    }
    if let Some(walk) = &state.last_walk {
        gauge(&catalog::UP, f64::from(u8::from(walk.failure.is_none())));
        gauge(&catalog::LAST_WALK_DURATION, walk.duration.as_secs_f64());
        gauge(&catalog::LAST_WALK_PAGES, walk.pages as f64);
    }
}

#[expect(clippy::cast_precision_loss, reason = "changes stay within 2^53")]
fn changes(samples: &mut Samples, name: &str, totals: &Totals) {
    for change in Change::ALL {
        let number = *change as usize;
        samples.push(&catalog::USER_CHANGES, &[change.label(), name], totals.changes[number] as f64);
        if let Some(end) = totals.last_changes[number] {
            samples.push(&catalog::LAST_CHANGE, &[change.label(), name], seconds(end));
        }
    }
    for grant in Grant::ALL {
        let users = totals.grants[*grant as usize];
        samples.push(&catalog::USER_ROLE_GRANTS, &[name, grant.label()], users as f64);
    }
    if let Some(end) = totals.last_owner_grant {
        samples.push(&catalog::LAST_CHANGE, &[catalog::OWNER_GRANTED, name], seconds(end));
    }
    if let Some(start) = totals.since {
        samples.push(&catalog::CHANGES_SINCE, &[name], seconds(start));
    }
}

#[expect(clippy::cast_precision_loss, reason = "users and timestamps stay within 2^53")]
fn composition(samples: &mut Samples, name: &str, snapshot: &Snapshot, options: Options) {
    let figures: &Figures = &snapshot.figures;
    // The labels of each row, put in the order of the catalog.
    samples.rows(&catalog::USERS, &figures.users, |[role, account, scim, status]| {
        [account, name, role, scim, status]
    });
    samples.rows(&catalog::USERS_BY_API_KEY_USE, &figures.by_api_key_use, |[role, account, key_use]| {
        [account, name, role, key_use]
    });
    samples.rows(
        &catalog::USERS_API_KEY_STALE,
        &figures.api_key_stale,
        |[role, account, key_use, older_than]| [account, older_than, name, role, key_use],
    );
    samples.rows(&catalog::USERS_RECENTLY_ADDED, &figures.recently_added, |[role, account, within]| {
        [account, name, role, within]
    });
    samples.rows(&catalog::USERS_BY_DEVELOPER_PERSONA, &figures.by_developer_persona, |[persona]| {
        [persona, name]
    });
    samples.rows(&catalog::USERS_BY_TECHNICAL_LEVEL, &figures.by_technical_level, |[level]| [name, level]);
    samples.rows(&catalog::USERS_BY_EMAIL_DOMAIN, &figures.by_email_domain, |[domain, role]| {
        [domain, name, role]
    });
    samples.rows(&catalog::PROJECT_USERS, &figures.project_users, |[id, role]| [name, id, role]);
    samples.rows(&catalog::PROJECT_INFO, &figures.project_info, |[id, project]| [name, id, project]);
    samples.rows(&catalog::USERS_WITH_FIELD, &figures.with_field, |[field]| [field, name]);

    for (family, value) in [
        (&catalog::USER_LAST_ADDED, figures.last_added.map(|time| time as f64)),
        (&catalog::USER_LAST_BANNED, figures.last_banned.map(|time| time as f64)),
        (&catalog::USERS_WITHOUT_PROJECT, figures.without_project.map(|users| users as f64)),
        (&catalog::USERS_DEFAULT, figures.default_users.map(|users| users as f64)),
        (&catalog::USERS_SCALE_TIER_PURCHASERS, figures.scale_tier_purchasers.map(|users| users as f64)),
        (&catalog::USERS_UNREADABLE, Some(figures.unreadable as f64)),
        (&catalog::SNAPSHOT_TIMESTAMP, Some(seconds(snapshot.summary.start.unix_milliseconds()))),
        (&catalog::ROSTER_FINGERPRINT, options.changes.then_some(snapshot.fingerprint as f64)),
    ] {
        if let Some(value) = value {
            samples.push(family, &[name], value);
        }
    }
    for (kind, number) in snapshot.summary.anomalies.by_kind() {
        samples.push(&catalog::SNAPSHOT_ANOMALIES, &[kind, name], number as f64);
    }
}

#[expect(clippy::cast_precision_loss, reason = "timestamps in milliseconds stay within 2^53")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1_000.0
}

impl Samples {
    fn push(&mut self, family: &'static Family, values: &[&str], value: f64) {
        let mut metric = proto::Metric::default();
        match family.kind {
            Kind::Counter => metric.set_counter({
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                counter
            }),
            _ => metric.set_gauge({
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                gauge
            }),
        }
        let pair = |(name, value): (&str, &str)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name(name.to_owned());
            pair.set_value(value.to_owned());
            pair
        };
        metric.set_label(family.pairs(values).into_iter().map(pair).collect());
        let (_, metrics) = self
            .families
            .iter_mut()
            .find(|(known, _)| known.name == family.name)
            .expect("the collector's families are the catalog's");
        metrics.push(metric);
    }

    #[expect(clippy::cast_precision_loss, reason = "users stay within 2^53")]
    fn rows<'r, const N: usize, const M: usize>(
        &mut self,
        family: &'static Family,
        rows: &'r [Row<N>],
        in_order: impl Fn([&'r str; N]) -> [&'r str; M],
    ) {
        for row in rows {
            let values = in_order(row.labels.each_ref().map(|label| &**label));
            self.push(family, &values, row.value as f64);
        }
    }

    fn into_families(self) -> Vec<proto::MetricFamily> {
        let family = |(family, metrics): (&Family, Vec<proto::Metric>)| {
            let mut proto = proto::MetricFamily::default();
            proto.set_name(family.name.to_owned());
            proto.set_help(family.help.to_owned());
            proto.set_field_type(match family.kind {
                Kind::Counter => proto::MetricType::COUNTER,
                _ => proto::MetricType::GAUGE,
            });
            proto.set_metric(metrics);
            proto
        };
        self.families.into_iter().map(family).collect()
    }
}

#[cfg(test)]
mod tests;
