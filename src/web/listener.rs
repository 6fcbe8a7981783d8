//! Addresses to listen on, and what listens there.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, lookup_host};
use tokio_util::either::Either;

/// `host:port`, `[v6]:port` or `:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or an address without brackets; empty for all addresses of the machine.
    host: String,
    port: u16,
}

/// A text is no address to listen on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("it is no address to listen on; write it like :10195, 127.0.0.1:10195 or [::1]:10195")]
pub struct ListenAddressError;

impl ListenAddress {
    /// An address from `text`.
    ///
    /// # Errors
    ///
    /// If there is no port from 0 to 65535, or the host is not one.
    pub fn parse(text: &str) -> Result<Self, ListenAddressError> {
        let (host, port) = text.trim().rsplit_once(':').ok_or(ListenAddressError)?;
        let port = port.parse().map_err(|_| ListenAddressError)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) => v6.parse::<Ipv6Addr>().map(|_| v6).map_err(|_| ListenAddressError)?,
            None => host,
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.parse::<Ipv6Addr>().is_err() && !host.chars().all(is_name)
            || host.contains(':') && !text.contains('[')
        {
            return Err(ListenAddressError);
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// Listens. All addresses of the machine are the IPv6 ones with IPv4 mapped into them, or IPv4 alone where there
    /// is no IPv6.
    ///
    /// # Errors
    ///
    /// If the name is not known or the address cannot be listened on.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        if !self.host.is_empty() {
            let addresses: Vec<SocketAddr> = lookup_host((self.host.as_str(), self.port)).await?.collect();
            return TcpListener::bind(&addresses[..]).await;
        }
        match TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)).await {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)).await
            }
            outcome => outcome,
        }
    }

    /// Where a process on the same machine finds what listens here: loopback in place of all addresses.
    pub fn local_authority(&self) -> String {
        let loopback = match self.host.parse::<IpAddr>() {
            Ok(address) if !address.is_unspecified() => return Self::authority(&self.host, self.port),
            Ok(IpAddr::V6(_)) => "::1",
            Ok(IpAddr::V4(_)) => "127.0.0.1",
            Err(_) if self.host.is_empty() => "127.0.0.1",
            Err(_) => return Self::authority(&self.host, self.port),
        };
        Self::authority(loopback, self.port)
    }

    fn authority(host: &str, port: u16) -> String {
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::authority(&self.host, self.port))
    }
}

/// A socket that listens.
#[derive(Debug)]
pub enum Listener {
    /// On an address and a port.
    Tcp(TcpListener),
    /// On a path, or a name in Linux' abstract namespace.
    Unix(UnixListener),
}

pub(super) type Stream = Either<TcpStream, UnixStream>;

impl Listener {
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // What is written is an answer as a whole, and need not wait for more. A client that is gone already is
                // noticed later.
                let _ = stream.set_nodelay(true);
                Ok(Either::Left(stream))
            }
            Self::Unix(listener) => Ok(Either::Right(listener.accept().await?.0)),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

/// A stream whose unsent bytes are thrown away when it is dropped, if it was told so: the system would keep them, and
/// go on offering them to a client that takes none.
pub(super) struct Accepted {
    stream: Stream,
    reset: Arc<AtomicBool>,
}

impl Accepted {
    pub(super) fn new(stream: Stream, reset: Arc<AtomicBool>) -> Self {
        Self { stream, reset }
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        if let Either::Left(stream) = &self.stream
            && self.reset.load(Ordering::Relaxed)
        {
            let _ = stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        for text in [":10195", "127.0.0.1:0", "[::1]:9", "[::]:9", "localhost:80", "my-host.example:1"] {
            assert_eq!(ListenAddress::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["", "10195", "host", "host:", "host:65536", "::1:80", "[::1:80", "a b:1", "[x]:1", "http://a:1"]
        {
            assert_eq!(ListenAddress::parse(text), Err(ListenAddressError), "{text}");
        }
    }

    #[test]
    fn a_process_on_the_same_machine_asks_loopback() {
        let local = |text| ListenAddress::parse(text).unwrap().local_authority();
        assert_eq!(local(":1"), "127.0.0.1:1");
        assert_eq!(local("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(local("[::]:1"), "[::1]:1");
        assert_eq!(local("10.1.2.3:1"), "10.1.2.3:1");
        assert_eq!(local("[::1]:1"), "[::1]:1");
        assert_eq!(local("host:1"), "host:1");
    }
}
