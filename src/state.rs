//! The state file: what an exporter knows, kept over a restart.
//!
//! It holds each organization's last snapshot, roster and totals of changes, and no user's id, name or address. It must
//! not know how walks are made, or when.

mod document;
mod file;
mod format;
mod keeper;
mod lock;

use std::sync::Arc;

use crate::snapshot::OrganizationState;

pub use file::{Opened, StateFile};
pub use format::{Damage, read, write};
pub use keeper::Keeper;
pub use lock::LockError;

/// What is kept of one organization.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The organization's name.
    pub name: String,
    /// What was known of it.
    pub state: Arc<OrganizationState>,
}
