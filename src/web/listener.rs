//! Addresses to listen on, and what listens there.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream, lookup_host};
use tokio_util::either::Either;

/// Connections that wait to be accepted, or as many as the system allows: a client that comes when there are more of
/// them waits for a second before it tries again.
const BACKLOG: u32 = 4096;

/// The bytes of an answer that the system takes and has not sent yet.
#[cfg(target_os = "linux")]
const MOST_UNSENT: u32 = 64 << 10;

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
            let mut outcome = Err(io::Error::new(io::ErrorKind::InvalidInput, "the name has no address"));
            for address in lookup_host((self.host.as_str(), self.port)).await? {
                outcome = listen(address);
                if outcome.is_ok() {
                    break;
                }
            }
            return outcome;
        }
        match listen((Ipv6Addr::UNSPECIFIED, self.port).into()) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                listen((Ipv4Addr::UNSPECIFIED, self.port).into())
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

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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

/// Where a socket listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalAddress {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A path, or behind an `@` a name in Linux' abstract namespace.
    Unix(String),
}

pub(super) type Stream = Either<TcpStream, UnixStream>;

impl Listener {
    /// Where it listens, with the real port.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn local_address(&self) -> io::Result<LocalAddress> {
        Ok(match self {
            Self::Tcp(listener) => LocalAddress::Tcp(listener.local_addr()?),
            Self::Unix(listener) => {
                let address = std::os::unix::net::SocketAddr::from(listener.local_addr()?);
                let path = address.as_pathname().map(|path| path.to_string_lossy().into_owned());
                LocalAddress::Unix(path.or_else(|| abstract_name(&address)).unwrap_or_default())
            }
        })
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                prepare(&stream);
                Ok(Either::Left(stream))
            }
            Self::Unix(listener) => Ok(Either::Right(listener.accept().await?.0)),
        }
    }
}

#[cfg(target_os = "linux")]
fn abstract_name(address: &std::os::unix::net::SocketAddr) -> Option<String> {
    use std::os::linux::net::SocketAddrExt as _;
    Some(format!("@{}", String::from_utf8_lossy(address.as_abstract_name()?)))
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &std::os::unix::net::SocketAddr) -> Option<String> {
    None
}

/// Sets what helps, and is not needed: a client that is gone already is noticed later.
fn prepare(stream: &TcpStream) {
    // What is written is an answer as a whole, and need not wait for more.
    let _ = stream.set_nodelay(true);
    // Otherwise the system takes megabytes of an answer before the client takes any of it. What is under way counts
    // extra, so that distance costs no speed.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(MOST_UNSENT);
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => f.write_str(path),
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
