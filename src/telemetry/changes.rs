//! How often something was counted or set, so that whoever has read everything knows whether it is still so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that grows with each change. Clones share the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes(Arc<AtomicU64>);

impl Changes {
    /// Something has changed; to be said once it can be read.
    pub(super) fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    /// How many there were; to be asked before anything is read.
    pub(super) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
