//! Which samples an organization has.

use crate::catalog::{self, Family, Part};
use crate::composition::{Figures, Row};
use crate::policy::Policies;
use crate::roster::{Change, Grant, Totals};
use crate::snapshot::{OrganizationState, Snapshot, Timing};

/// What is shown besides composition and freshness.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether changes are shown: a single walk has seen none.
    pub changes: bool,
}

/// Takes samples, in whatever order they come.
pub(super) trait Samples<'s> {
    /// Takes a sample of `family`; the values of its labels stand in the order of the catalog.
    fn push(&mut self, family: &'static Family, values: &[&'s str], value: f64);
}

/// The families of organizations.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    catalog::all().filter(|family| family.part != Part::Exporter)
}

/// Gives `samples` all of the organization `name`, with these policies in force. `snapshot` is the one of `state`, if it
/// is fresh.
pub(super) fn collect<'s>(
    samples: &mut impl Samples<'s>,
    options: Options,
    name: &'s str,
    timing: Timing,
    in_force: &'s Policies,
    state: &'s OrganizationState,
    snapshot: Option<&'s Snapshot>,
) {
    freshness(samples, name, timing, state, snapshot.is_some());
    policies(samples, name, in_force, snapshot);
    if options.changes {
        changes(samples, name, &state.changes);
    }
    if let Some(snapshot) = snapshot {
        composition(samples, name, snapshot, options);
    }
}

#[expect(clippy::cast_precision_loss, reason = "pages and durations stay far below 2^53")]
fn freshness<'s>(
    samples: &mut impl Samples<'s>,
    name: &'s str,
    timing: Timing,
    state: &OrganizationState,
    available: bool,
) {
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

fn policies<'s>(
    samples: &mut impl Samples<'s>,
    name: &'s str,
    in_force: &'s Policies,
    snapshot: Option<&'s Snapshot>,
) {
    for policy in in_force.iter() {
        let (bound, severity) = (policy.terms().bound, &*policy.terms().severity);
        samples.push(&catalog::POLICY_LIMIT, &[bound.name(), name, policy.name(), severity], bound.limit());
        let Some(judgement) = snapshot.and_then(|snapshot| snapshot.judge(policy)) else { continue };
        if let Some(value) = judgement.value {
            samples.push(&catalog::POLICY_VALUE, &[name, policy.name()], value.number());
        }
        if let Some(is_violated) = judgement.is_violated() {
            let violation = f64::from(u8::from(is_violated));
            samples.push(&catalog::POLICY_VIOLATION, &[name, policy.name(), severity], violation);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "changes stay within 2^53")]
fn changes<'s>(samples: &mut impl Samples<'s>, name: &'s str, totals: &Totals) {
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
fn composition<'s>(samples: &mut impl Samples<'s>, name: &'s str, snapshot: &'s Snapshot, options: Options) {
    let figures: &Figures = &snapshot.figures;
    // The labels of each row, put in the order of the catalog.
    rows(samples, &catalog::USERS, &figures.users, |[role, account, scim, status]| {
        [account, name, role, scim, status]
    });
    rows(samples, &catalog::USERS_BY_API_KEY_USE, &figures.by_api_key_use, |[role, account, key_use]| {
        [account, name, role, key_use]
    });
    let of_stale = |[role, account, key_use, older_than]: [_; 4]| [account, older_than, name, role, key_use];
    rows(samples, &catalog::USERS_API_KEY_STALE, &figures.api_key_stale, of_stale);
    rows(samples, &catalog::USERS_RECENTLY_ADDED, &figures.recently_added, |[role, account, within]| {
        [account, name, role, within]
    });
    rows(samples, &catalog::USERS_BY_DEVELOPER_PERSONA, &figures.by_developer_persona, |[persona]| {
        [persona, name]
    });
    rows(samples, &catalog::USERS_BY_TECHNICAL_LEVEL, &figures.by_technical_level, |[level]| [name, level]);
    rows(samples, &catalog::USERS_BY_EMAIL_DOMAIN, &figures.by_email_domain, |[domain, role]| {
        [domain, name, role]
    });
    rows(samples, &catalog::PROJECT_USERS, &figures.project_users, |[id, role]| [name, id, role]);
    rows(samples, &catalog::PROJECT_INFO, &figures.project_info, |[id, project]| [name, id, project]);
    rows(samples, &catalog::USERS_WITH_FIELD, &figures.with_field, |[field]| [field, name]);

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

#[expect(clippy::cast_precision_loss, reason = "users stay within 2^53")]
fn rows<'s, const N: usize, const M: usize>(
    samples: &mut impl Samples<'s>,
    family: &'static Family,
    rows: &'s [Row<N>],
    in_order: impl Fn([&'s str; N]) -> [&'s str; M],
) {
    for row in rows {
        let values = in_order(row.labels.each_ref().map(|label| &**label));
        samples.push(family, &values, row.value as f64);
    }
}

#[expect(clippy::cast_precision_loss, reason = "timestamps in milliseconds stay within 2^53")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1_000.0
}

#[cfg(test)]
mod tests;
