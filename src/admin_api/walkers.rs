//! How many requests of one walk are sent at a time.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// As many as configured; each 429 halves them, and each walk begins with twice as many as the one before ended with.
#[derive(Debug)]
pub(super) struct Walkers {
    most: usize,
    now: AtomicUsize,
}

impl Walkers {
    /// `most` of them; at least one.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most, now: AtomicUsize::new(most) }
    }

    /// How many there are now, at least one.
    pub(super) fn now(&self) -> usize {
        self.now.load(Relaxed)
    }

    pub(super) fn halve(&self) {
        self.set(self.now() / 2);
    }

    pub(super) fn double(&self) {
        self.set(self.now().saturating_mul(2));
    }

    fn set(&self, number: usize) {
        self.now.store(number.clamp(1, self.most), Relaxed);
    }
}
