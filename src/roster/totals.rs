//! What changed since changes are watched.

use super::{Change, Changes, Grant};

/// Sums of [`Changes`], and when each kind came last. Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Users by [`Change`].
    pub changes: [u64; Change::ALL.len()],
    /// Users by [`Grant`].
    pub grants: [u64; Grant::ALL.len()],
    /// The end of the walk that found the latest change, by [`Change`].
    pub last_changes: [Option<u64>; Change::ALL.len()],
    /// The end of the walk that found the latest grant of the role owner.
    pub last_owner_grant: Option<u64>,
    /// The start of the walk since which no change can have been missed.
    pub since: Option<u64>,
}

impl Totals {
    /// Adds what a walk that ended at `end` found.
    pub fn add(&mut self, changes: &Changes, end: u64) {
        for change in Change::ALL {
            let users = changes.of(*change);
            add(&mut self.changes[*change as usize], users);
            if users > 0 {
                self.last_changes[*change as usize] = Some(end);
            }
        }
        for grant in Grant::ALL {
            add(&mut self.grants[*grant as usize], changes.granted(*grant));
        }
        if changes.granted(Grant::Owner) > 0 {
            self.last_owner_grant = Some(end);
        }
    }
}

/// Totals can come from a file, and be anything.
fn add(total: &mut u64, users: u64) {
    *total = total.saturating_add(users);
}
