//! Listeners and connections, with their limits.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Site;

/// Limits of the server.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Connections at a time; more wait to be accepted.
    pub max_connections: usize,
    /// The time that the header of a request may take, counted from the end of the one before.
    pub header_timeout: Duration,
    /// The time that requests under way get when the server shuts down.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_connections: 512, header_timeout: Duration::from_secs(30), grace: Duration::from_secs(4) }
    }
}

/// Serves `site` on `listeners` until its shutdown, then finishes what is under way.
pub async fn serve(listeners: Vec<TcpListener>, site: Arc<Site>, options: Options) {
    let permits = Arc::new(Semaphore::new(options.max_connections));
    let (accepting, connections) = (TaskTracker::new(), TaskTracker::new());
    for listener in listeners {
        let (site, permits, connections) = (site.clone(), permits.clone(), connections.clone());
        accepting.spawn(async move {
            let shutdown = site.shutdown.clone();
            tokio::select! {
                () = accept(listener, site, permits, connections, options) => {}
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

async fn accept(
    listener: TcpListener,
    site: Arc<Site>,
    permits: Arc<Semaphore>,
    connections: TaskTracker,
    options: Options,
) {
    loop {
        let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = site.clone();
                connections.spawn(async move {
                    connection(stream, site, options.header_timeout).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: accepting at once again would only spin.
                tracing::warn!(error = %error, "cannot accept a connection");
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// Serves one connection until it ends, or until the shutdown and the end of the request under way.
async fn connection<S: AsyncRead + AsyncWrite + Unpin>(stream: S, site: Arc<Site>, header_timeout: Duration) {
    let shutdown: CancellationToken = site.shutdown.clone();
    let stream = tokio::select! {
        transport = site.guard.handshake(stream) => match transport {
            Ok(transport) => transport,
            Err(_) => return,
        },
        () = shutdown.cancelled() => return,
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(error = %error, "connection ended early");
    }
}

/// Serves `stream` as if it had been accepted.
#[cfg(fuzzing)]
pub async fn serve_stream<S: AsyncRead + AsyncWrite + Unpin>(stream: S, site: Arc<Site>, options: Options) {
    connection(stream, site, options.header_timeout).await;
}
