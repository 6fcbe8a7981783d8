//! Writes the state file after publications, and says how that goes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Kept, StateFile};
use crate::clock::Clock;
use crate::snapshot::Board;
use crate::telemetry::Telemetry;

/// Of all time, writing takes at most one part in so many.
const REST: u32 = 10;

/// And writes are at least this far apart.
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// Keeps the state of a board in a file.
#[derive(Debug)]
pub struct Keeper {
    file: Arc<StateFile>,
    board: Arc<Board>,
    published: Arc<Notify>,
    clock: Clock,
    telemetry: Telemetry,
    /// What the latest write failed of, so that a full disk is not told of every minute.
    failure: Option<String>,
}

impl Keeper {
    /// A keeper that is told of publications by `published`.
    pub fn new(
        file: StateFile,
        board: Arc<Board>,
        published: Arc<Notify>,
        clock: Clock,
        telemetry: Telemetry,
    ) -> Self {
        Self { file: Arc::new(file), board, published, clock, telemetry, failure: None }
    }

    /// Writes soon after each publication, until `end`, and then what has been published since.
    pub async fn run(mut self, end: CancellationToken) {
        loop {
            tokio::select! {
                () = self.published.notified() => {}
                () = end.cancelled() => break,
            }
            let start = Instant::now();
            self.write().await;
            let rest = (start.elapsed() * REST).max(SHORTEST_REST);
            tokio::select! {
                () = sleep_until(start + rest) => {}
                () = end.cancelled() => break,
            }
        }
        // A publication during the rest left its notice behind.
        tokio::select! {
            biased;
            () = self.published.notified() => self.write().await,
            () = std::future::ready(()) => {}
        }
    }

    async fn write(&mut self) {
        let kept: Vec<Kept> = self
            .board
            .organizations()
            .iter()
            .map(|organization| Kept { name: organization.name.clone(), state: organization.state() })
            .collect();
        let (file, now) = (self.file.clone(), self.clock.now());
        let written = tokio::task::spawn_blocking(move || file.write(&kept, &now)).await;
        let outcome = match written {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(panic) => Err(panic.to_string()),
        };
        self.telemetry.state_write(outcome.is_ok(), self.clock.now().unix_milliseconds());
        let path = self.file.path().display();
        match &outcome {
            Ok(()) if self.failure.is_some() => tracing::info!(path = %path, "state file written again"),
            Ok(()) => {}
            Err(error) if self.failure.as_ref() == Some(error) => {
                tracing::debug!(path = %path, error, "cannot write the state file");
            }
            Err(error) => tracing::warn!(
                path = %path,
                error,
                "cannot write the state file; polling goes on, and a restart would know only what was written before"
            ),
        }
        self.failure = outcome.err();
    }
}
