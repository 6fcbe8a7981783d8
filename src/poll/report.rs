//! The log lines of a walk. User ids stand in them, names and addresses never.

use std::time::Duration;

use crate::admin_api::shown_id;
use crate::roster::{Change, Changes, Sighting};
use crate::walk::{CompletedWalk, FailedWalk, Way};

/// Lines about single changes in one walk; the rest is summed up.
const MOST_LINES: usize = 200;

/// Says that a walk was completed and is published.
pub(super) fn completed(organization: &str, walk: &CompletedWalk) {
    let anomalies: u64 = walk.summary.anomalies.by_kind().iter().map(|(_, number)| number).sum();
    tracing::info!(
        organization,
        users = walk.composition.users(),
        pages = walk.summary.pages,
        anomalies,
        segments = segments(walk.way),
        duration_seconds = walk.summary.duration().as_secs_f64(),
        "walk completed"
    );
    if let Some(changes) = &walk.changes {
        report(organization, changes);
    }
}

/// Says that a walk is made again, page after page, as it misses users.
pub(super) fn confirming(organization: &str, walk: &CompletedWalk, users_gone: u64) {
    tracing::info!(
        organization,
        users = walk.composition.users(),
        users_gone,
        segments = segments(walk.way),
        duration_seconds = walk.summary.duration().as_secs_f64(),
        "a walk in segments says that many users are gone; the organization is walked page after page before that is published"
    );
}

/// How many segments were walked at the same time.
fn segments(way: Way) -> usize {
    match way {
        Way::Segmented { stood, .. } => stood,
        Way::Sequential | Way::FellBack => 1,
    }
}

/// Says that a walk leaves little of the time for which its figures are served.
pub(super) fn slow(organization: &str, duration: Duration, max_age: Duration) {
    tracing::warn!(
        organization,
        duration_seconds = duration.as_secs_f64(),
        max_age_seconds = max_age.as_secs_f64(),
        "a walk took more than half of the maximum age: figures are withdrawn when the next one fails or takes longer; \
         raise --poll.max-age, or use an admin key with a higher rate limit"
    );
}

/// Says that many users are gone indeed.
pub(super) fn confirmed_drop(organization: &str, users: u64, users_before: u64) {
    tracing::warn!(
        organization,
        users,
        users_before,
        "a second walk met the same users: the drop is believed, and published"
    );
}

/// Says that an organization has become another.
pub(super) fn new_baseline(organization: &str, users_in_both: u64) {
    tracing::warn!(
        organization,
        users_in_both,
        "a second walk met the same other users: this is a different organization, and its changes are watched anew; \
         if that is a surprise, look at its admin key"
    );
}

/// Says that a walk failed, and what becomes of the figures.
pub(super) fn failed(organization: &str, walk: &FailedWalk, has_figures: bool) {
    tracing::warn!(
        organization,
        result = walk.error.result(),
        pages = walk.summary.pages,
        duration_seconds = walk.summary.duration().as_secs_f64(),
        error = %walk.error,
        figures = if has_figures { "kept" } else { "none yet" },
        "walk failed"
    );
}

/// One line for each change, the rarest kinds first, so that a flood of one kind hides no other; removals, of which
/// the ids are not known, as numbers.
fn report(organization: &str, changes: &Changes) {
    for removal in changes.removals() {
        tracing::info!(
            organization,
            change = Change::Removed.label(),
            from = &*removal.role,
            account_type = removal.account_type.label(),
            users = removal.users,
            "users changed"
        );
    }
    let mut kinds: Vec<Change> =
        Change::ALL.iter().copied().filter(|kind| *kind != Change::Removed).collect();
    kinds.sort_by_key(|kind| changes.of(*kind));
    let mut lines = changes.removals().len();
    let rest =
        changes.of(Change::Removed) - changes.removals().iter().map(|removal| removal.users).sum::<u64>();
    if rest > 0 {
        tracing::info!(organization, change = Change::Removed.label(), users = rest, "more users changed");
    }
    for kind in kinds {
        let sightings = changes.sightings().iter().filter(|sighting| sighting.change == kind);
        let room = MOST_LINES.saturating_sub(lines);
        let mut said = 0;
        for Sighting { change, user_id, from, to } in sightings.take(room) {
            let user_id = shown_id(user_id);
            tracing::info!(
                organization,
                change = change.label(),
                user_id,
                from = from.as_deref(),
                to = &**to,
                "user changed"
            );
            said += 1;
        }
        lines += said;
        let rest = changes.of(kind) - said as u64;
        if rest > 0 {
            tracing::info!(organization, change = kind.label(), users = rest, "more users changed");
        }
    }
}
