//! How a reload is asked for: one after the other, each with an answer of its own.

use tokio::sync::{mpsc, oneshot};

/// More wait in the tasks that ask.
const QUEUE: usize = 16;

/// Where reloads are asked for. Clones ask in the same place.
#[derive(Debug, Clone)]
pub struct Reloads(mpsc::Sender<ReloadRequest>);

/// A reload that somebody waits for.
#[derive(Debug)]
pub struct ReloadRequest(oneshot::Sender<ReloadOutcome>);

/// What came of a reload, in one line either way: what changed, or why nothing did.
pub type ReloadOutcome = Result<String, String>;

/// Where to ask, and where the requests come out.
pub fn reloads() -> (Reloads, mpsc::Receiver<ReloadRequest>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Reloads(sender), receiver)
}

impl Reloads {
    /// Asks for a reload and waits until it is done; nothing where the process is about to end.
    pub async fn ask(&self) -> Option<ReloadOutcome> {
        let (sender, receiver) = oneshot::channel();
        self.0.send(ReloadRequest(sender)).await.ok()?;
        receiver.await.ok()
    }
}

impl ReloadRequest {
    /// Says what came of it. Whoever asked may have gone.
    pub fn answer(self, outcome: ReloadOutcome) {
        let _ = self.0.send(outcome);
    }
}
