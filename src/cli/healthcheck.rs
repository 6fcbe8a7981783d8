//! `healthcheck`: asks a running exporter on this machine whether it is healthy.

mod tls;

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{DONE, Failure, block_on, say};
use crate::config::{Layers, asks_for_tls, listen_addresses, paths};

const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(layers: &Layers) -> Result<u8, Failure> {
    let authority = listen_addresses(layers)?.remove(0).local_authority();
    let path = paths(layers)?.path("/-/healthy");
    // A web configuration that became unreadable changes nothing for an exporter that runs.
    let schemes: &[&str] = match asks_for_tls(layers)? {
        Some(true) => &["https"],
        Some(false) => &["http"],
        None => &["https", "http"],
    };
    let healthy = block_on(false, async {
        let mut outcome = Err(anyhow::anyhow!("nothing was asked"));
        for scheme in schemes {
            let url = format!("{scheme}://{authority}{path}");
            outcome = timeout(PATIENCE, ask(scheme, &authority, &path))
                .await
                .with_context(|| format!("no answer from {url} within 3 s"))
                .and_then(|asked| asked.with_context(|| url.clone()))
                .map(|how| format!("{url}: {how}\n"));
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    })??;
    say(&healthy)?;
    Ok(DONE)
}

/// Asks, and says how it is if it is healthy.
async fn ask(scheme: &str, authority: &str, path: &str) -> anyhow::Result<&'static str> {
    let stream = TcpStream::connect(authority).await.context("cannot connect")?;
    if scheme == "http" {
        return exchange(stream, authority, path).await.map(|()| "healthy");
    }
    let asked = async { exchange(tls::connect(stream).await?, authority, path).await };
    match asked.await {
        // Nobody but an exporter that works, and that knows its web configuration, says so.
        Err(error) if tls::wants_a_certificate(&error) => Ok("healthy, and wants a client certificate"),
        outcome => outcome.map(|()| "healthy"),
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    authority: &str,
    path: &str,
) -> anyhow::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        let line = String::from_utf8_lossy(&answer);
        bail!("not healthy: {:?}", line.lines().next().unwrap_or("no answer"));
    }
    Ok(())
}
