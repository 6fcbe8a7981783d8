//! SIGTERM and SIGINT.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

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
