//! How far a walk under way has come.

use std::sync::atomic::{AtomicU64, Ordering};

/// Written by a walk and read by whoever looks on meanwhile: a picture of the moment, never a figure to publish.
#[derive(Debug, Default)]
pub struct Meter {
    pages: AtomicU64,
    users: AtomicU64,
}

impl Meter {
    /// Pages accepted so far, over all passes.
    pub fn pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    /// Users met so far; a walk that starts over meets them anew.
    pub fn users(&self) -> u64 {
        self.users.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, pages: u64, users: usize) {
        self.pages.store(pages, Ordering::Relaxed);
        self.users.store(users as u64, Ordering::Relaxed);
    }
}
