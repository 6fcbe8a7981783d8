//! What a restarted exporter still knows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::clock::Moment;
use crate::composition;
use crate::snapshot::OrganizationState;
use crate::state::{LockError, StateFile};

/// The state file, and what it held.
#[derive(Debug)]
pub(super) struct Memory {
    /// The file, if one is configured.
    pub(super) file: Option<StateFile>,
    kept: BTreeMap<String, Arc<OrganizationState>>,
}

impl Memory {
    /// Reads the state file at `path`. What is wrong with it is logged.
    ///
    /// # Errors
    ///
    /// If another exporter has it.
    pub(super) fn open(path: Option<&Path>, now: &Moment) -> Result<Self, LockError> {
        let Some(path) = path else { return Ok(Self { file: None, kept: BTreeMap::new() }) };
        let opened = StateFile::open(path, now)?;
        for warning in opened.warnings {
            tracing::warn!("{warning}");
        }
        let kept: BTreeMap<_, _> = opened.kept.into_iter().map(|kept| (kept.name, kept.state)).collect();
        let path = opened.file.path().display();
        match kept.len() {
            0 => tracing::info!(path = %path, "state file begun: nothing is known from before"),
            organizations => tracing::info!(path = %path, organizations, "state file read"),
        }
        Ok(Self { file: Some(opened.file), kept })
    }

    /// Warns of organizations that are known and were not asked for: they are not kept any longer.
    pub(super) fn tell_forgotten(&self) {
        if !self.kept.is_empty() {
            let names: Vec<&str> = self.kept.keys().map(String::as_str).take(20).collect();
            tracing::warn!(
                organizations = names.join(","),
                "the state file knows organizations that are not configured; they are left out when it is written next"
            );
        }
    }

    /// What is known of the organization `name`, once. A snapshot that was counted by other options than `options` is
    /// not: its figures are not those that were asked for.
    pub(super) fn recall(&mut self, name: &str, options: &composition::Options) -> OrganizationState {
        let mut state =
            self.kept.remove(name).map(|state| OrganizationState::clone(&state)).unwrap_or_default();
        state.snapshot = state.snapshot.filter(|snapshot| *snapshot.options == *options);
        state
    }
}
