//! `healthcheck`: asks a running exporter on this machine whether it is healthy.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{DONE, Failure, block_on, say};
use crate::config::{Layers, listen_addresses};

const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(layers: &Layers) -> Result<u8, Failure> {
    let authority = listen_addresses(layers)?.remove(0).local_authority();
    block_on(false, async {
        timeout(PATIENCE, ask(&authority))
            .await
            .with_context(|| format!("no answer from http://{authority}/-/healthy within 3 s"))?
            .with_context(|| format!("http://{authority}/-/healthy"))
    })??;
    say(&format!("http://{authority}/-/healthy: healthy\n"))?;
    Ok(DONE)
}

async fn ask(authority: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(authority).await.context("cannot connect")?;
    let request = format!("GET /-/healthy HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        let line = String::from_utf8_lossy(&answer);
        bail!("not healthy: {:?}", line.lines().next().unwrap_or("no answer"));
    }
    Ok(())
}
