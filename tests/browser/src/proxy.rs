//! A small reverse proxy that puts the exporter under a prefix.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is asked for under the prefix goes on to the exporter; all else is 404. It ends with this value.
pub struct Proxy {
    /// Where it is, with the prefix, without a slash at the end.
    pub url: String,
    accepting: JoinHandle<()>,
    refused: Arc<Mutex<Vec<String>>>,
}

/// What the exporter is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// The path without the prefix.
    Stripped,
    /// The path as it came.
    Kept,
}

impl Proxy {
    /// Listens on a free port, for the exporter at `address`, under `prefix`, which begins with a slash.
    ///
    /// # Errors
    ///
    /// If it cannot listen.
    pub async fn start(address: &str, prefix: &str, how: Prefix) -> Result<Self> {
        Self::on(TcpListener::bind("127.0.0.1:0").await?, address, prefix, how)
    }

    /// The same on `listener`.
    ///
    /// # Errors
    ///
    /// If the listener has no address.
    pub fn on(listener: TcpListener, address: &str, prefix: &str, how: Prefix) -> Result<Self> {
        let url = format!("http://{}{prefix}", listener.local_addr()?);
        let refused = Arc::new(Mutex::new(Vec::new()));
        let (address, prefix, record) = (address.to_owned(), prefix.to_owned(), refused.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (address, prefix, record) = (address.clone(), prefix.clone(), record.clone());
                tokio::spawn(async move {
                    // A browser that goes away early is no failure.
                    let _ = forward(stream, &address, &prefix, how, &record).await;
                });
            }
        });
        Ok(Self { url, accepting, refused })
    }

    /// The paths outside the prefix that were asked for.
    pub fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

const REFUSAL: &[u8] =
    b"HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nNothing is here.\n";

/// One request and its answer; then the connection closes.
async fn forward(
    mut browser: TcpStream,
    address: &str,
    prefix: &str,
    how: Prefix,
    refused: &Mutex<Vec<String>>,
) -> Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(browser.read_u8().await?);
    }
    let request = String::from_utf8(request)?;
    let (line, headers) = request.split_once("\r\n").unwrap_or_default();
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let Some(inner) =
        path.strip_prefix(prefix).filter(|inner| inner.is_empty() || inner.starts_with(['/', '?']))
    else {
        refused.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        browser.write_all(REFUSAL).await?;
        return Ok(());
    };
    let path = match how {
        Prefix::Stripped if inner.starts_with('/') => inner.to_owned(),
        Prefix::Stripped => format!("/{inner}"),
        Prefix::Kept => path.to_owned(),
    };
    let headers: String = headers
        .split_inclusive("\r\n")
        .filter(|header| !header.to_ascii_lowercase().starts_with("connection:"))
        .collect();
    let mut exporter = TcpStream::connect(address).await?;
    exporter
        .write_all(format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}").as_bytes())
        .await?;
    copy(&mut exporter, &mut browser).await?;
    browser.shutdown().await?;
    Ok(())
}
