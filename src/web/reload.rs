//! How a reload is asked for: one after the other, each with an answer of its own.

use tokio::sync::{mpsc, oneshot};

/// Reloads that can wait; whoever comes then is sent away.
const QUEUE: usize = 16;

/// Where reloads are asked for. Clones ask in the same place.
#[derive(Debug, Clone)]
pub struct Reloads(mpsc::Sender<ReloadRequest>);

/// A reload that somebody waits for.
#[derive(Debug)]
pub struct ReloadRequest(oneshot::Sender<ReloadOutcome>);

/// What came of a reload, in one line either way: what changed, or why nothing did.
pub type ReloadOutcome = Result<String, String>;

/// Why there is no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// Others wait already.
    #[error("Many reloads wait already; one of them will read what is there by then.")]
    Busy,
    /// The process is about to end.
    #[error("Shutting down.")]
    Ending,
}

/// Where to ask, and where the requests come out.
pub fn reloads() -> (Reloads, mpsc::Receiver<ReloadRequest>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Reloads(sender), receiver)
}

impl Reloads {
    /// Asks for a reload and waits until it is done.
    ///
    /// # Errors
    ///
    /// If too many wait already, or the process is about to end.
    pub async fn ask(&self) -> Result<ReloadOutcome, NotAsked> {
        let (sender, receiver) = oneshot::channel();
        self.0.try_send(ReloadRequest(sender)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotAsked::Busy,
            mpsc::error::TrySendError::Closed(_) => NotAsked::Ending,
        })?;
        receiver.await.map_err(|_| NotAsked::Ending)
    }
}

impl ReloadRequest {
    /// Says what came of it. Whoever asked may have gone.
    pub fn answer(self, outcome: ReloadOutcome) {
        let _ = self.0.send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_wait_and_whoever_comes_then_is_sent_away() {
        let (reloads, mut requests) = reloads();
        let waiting: Vec<_> = (0..QUEUE)
            .map(|_| {
                let reloads = reloads.clone();
                tokio::spawn(async move { reloads.ask().await })
            })
            .collect();
        yield_now().await;
        assert_eq!(timeout(Duration::from_secs(1), reloads.ask()).await, Ok(Err(NotAsked::Busy)));
        while let Ok(request) = requests.try_recv() {
            request.answer(Ok("done".to_owned()));
        }
        for asked in waiting {
            assert_eq!(asked.await.unwrap(), Ok(Ok("done".to_owned())));
        }
        drop(requests);
        assert_eq!(reloads.ask().await, Err(NotAsked::Ending));
    }
}
