//! SIGTERM, SIGINT and SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::web::{NotAsked, Reloads};

/// Cancels `shutdown` at the first SIGTERM or SIGINT; a second one ends the process at once, with code 1.
///
/// # Errors
///
/// If the signals cannot be caught.
pub fn shutdown_on_signals(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        next(&mut terminate, &mut interrupt).await;
        tracing::info!("shutting down");
        shutdown.cancel();
        next(&mut terminate, &mut interrupt).await;
        std::process::exit(1);
    });
    Ok(())
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// SIGHUP, which ends a process that does not catch it.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// Catches it from now on.
    ///
    /// # Errors
    ///
    /// If it cannot be caught.
    pub fn catch() -> anyhow::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Asks for a reload at each one, those included that came since it is caught.
    pub fn reload_by(mut self, reloads: Reloads) {
        tokio::spawn(async move {
            while self.0.recv().await.is_some() {
                tracing::info!("SIGHUP: reloading the configuration");
                // What came of it stands in the log.
                if reloads.ask().await == Err(NotAsked::Ending) {
                    return;
                }
            }
        });
    }
}
