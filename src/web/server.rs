//! Listeners, and how many connections they take.

mod activity;
mod answers;
mod connection;
mod connections;
mod heads;
mod request;
#[cfg(test)]
mod tests;
mod watched;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use self::answers::Answers;
pub(super) use self::answers::{Asked, Asking, Turn};
use self::connections::Connections;
use super::Site;
use super::complaints::Complaints;
use super::listener::{Accepted, Listener};

/// Limits of the server.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Connections at a time; a further one takes the place of the one that has kept the server waiting longest.
    pub max_connections: usize,
    /// The time that the header of a request may take, counted from its first byte; for the first request of a
    /// connection from the accept, or the end of the TLS handshake.
    pub header_timeout: Duration,
    /// The time that the body of a request may take.
    pub body_timeout: Duration,
    /// The time that a connection may be idle between two requests. Clients should be the first to close: Prometheus
    /// and others that use Go's HTTP client do after 5 minutes.
    pub idle_timeout: Duration,
    /// The time within which a client must take another 64 KiB of an answer, or the rest.
    pub write_timeout: Duration,
    /// The time within which a client must take an answer.
    pub response_timeout: Duration,
    /// The bytes of answers that wait to be taken, of all connections together, from which on no further large one is
    /// made.
    pub max_unsent: usize,
    /// The time that a request waits until a large answer to it can be made.
    pub turn_timeout: Duration,
    /// The time that requests under way get when the server shuts down.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 512,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(360),
            write_timeout: Duration::from_secs(30),
            response_timeout: Duration::from_secs(120),
            max_unsent: 16 << 20,
            turn_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(4),
        }
    }
}

/// What all connections share.
struct Server {
    site: Arc<Site>,
    connections: Arc<Connections>,
    answers: Answers,
    options: Options,
}

impl Server {
    fn new(site: Arc<Site>, options: Options) -> Arc<Self> {
        let connections = Connections::new(options, site.telemetry.clone());
        let answers = Answers::new(connections.clone(), options.turn_timeout);
        Arc::new(Self { site, connections, answers, options })
    }
}

/// Serves `site` on `listeners` until its shutdown, then finishes what is under way.
pub async fn serve<L: Into<Listener>>(listeners: Vec<L>, site: Arc<Site>, options: Options) {
    let server = Server::new(site, options);
    let (accepting, connections) = (TaskTracker::new(), TaskTracker::new());
    for listener in listeners {
        let (listener, server, connections) = (listener.into(), server.clone(), connections.clone());
        accepting.spawn(async move {
            let shutdown = server.site.shutdown.clone();
            tokio::select! {
                () = accept(listener, server, connections) => {}
                () = shutdown.cancelled() => {}
            }
        });
    }
    accepting.close();
    accepting.wait().await;
    connections.close();
    if timeout(options.grace, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections did not finish in time and are dropped");
    }
}

async fn accept(listener: Listener, server: Arc<Server>, connections: TaskTracker) {
    let complaints = Complaints::default();
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let connection = server.connections.admit().await;
                let stream = Accepted::new(stream, connection.reset.clone());
                connections.spawn(connection::serve(stream, server.clone(), connection));
            }
            // It was there, and is gone.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if let Some(left_out) = complaints.due("accept") {
                    let address =
                        listener.local_address().map(|address| address.to_string()).unwrap_or_default();
                    let mend = if is_exhausted(&error) {
                        "raise the limit of open files, or lower --web.max-connections"
                    } else {
                        "it is tried again"
                    };
                    tracing::warn!(address, error = %error, mend, left_out, "cannot accept a connection");
                }
                // Out of file descriptors, most likely: a connection that gives way sets one free. Accepting at once
                // again would only spin.
                let freed = is_exhausted(&error) && server.connections.dismiss_one();
                sleep(Duration::from_millis(if freed { 10 } else { 500 })).await;
            }
        }
    }
}

/// Whether there is too little of something that a connection holds.
fn is_exhausted(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// Serves `stream` as if it had been accepted: for tests, which have no need of sockets.
pub async fn serve_stream<S>(stream: S, site: Arc<Site>, options: Options)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let server = Server::new(site, options);
    let connection = server.connections.admit().await;
    connection::serve(stream, server, connection).await;
}
