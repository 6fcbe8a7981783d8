//! Sockets that somebody else listens on: systemd, before the exporter runs, and while it does not.

use std::io;
use std::net;
use std::os::fd::OwnedFd;
use std::os::unix::net as unix;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::Listener;

/// A socket that listens and is not served yet.
#[derive(Debug)]
pub struct InheritedSocket(Socket);

/// Why a socket cannot be served.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InheritedSocketError {
    /// It is something else.
    #[error("it is no socket")]
    NoSocket,
    /// It is for datagrams, or of a family that nobody scrapes.
    #[error("it is no stream of TCP or of a Unix socket; the socket unit needs ListenStream=")]
    NoStream,
    /// It is a connection, or was never listened on.
    #[error("it does not listen; the socket unit needs Accept=no")]
    NoListener,
}

impl InheritedSocket {
    /// The socket behind `descriptor`.
    ///
    /// # Errors
    ///
    /// If it cannot be served.
    pub fn new(descriptor: OwnedFd) -> Result<Self, InheritedSocketError> {
        let socket = Socket::from(descriptor);
        let of_kind = (socket.domain(), socket.r#type());
        match of_kind {
            (Ok(Domain::IPV4 | Domain::IPV6 | Domain::UNIX), Ok(Type::STREAM)) => {}
            (Ok(_), Ok(_)) => return Err(InheritedSocketError::NoStream),
            _ => return Err(InheritedSocketError::NoSocket),
        }
        match socket.is_listener() {
            Ok(true) => Ok(Self(socket)),
            _ => Err(InheritedSocketError::NoListener),
        }
    }

    /// The socket as it is served. This must be called within the runtime.
    ///
    /// # Errors
    ///
    /// If the runtime cannot wait for it.
    pub fn listener(self) -> io::Result<Listener> {
        let Self(socket) = self;
        socket.set_cloexec(true)?;
        socket.set_nonblocking(true)?;
        Ok(match socket.domain()? {
            Domain::UNIX => {
                let listener = unix::UnixListener::from(OwnedFd::from(socket));
                Listener::Unix(UnixListener::from_std(listener)?)
            }
            _ => Listener::Tcp(TcpListener::from_std(net::TcpListener::from(socket))?),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::web::LocalAddress;

    #[test]
    fn what_cannot_be_served_is_named() {
        let udp = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (stream, datagram) =
            (unix::UnixStream::pair().unwrap().0, unix::UnixDatagram::unbound().unwrap());
        let never_listened_on = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        for (descriptor, error) in [
            (OwnedFd::from(File::open("/dev/null").unwrap()), InheritedSocketError::NoSocket),
            (udp.into(), InheritedSocketError::NoStream),
            (datagram.into(), InheritedSocketError::NoStream),
            (stream.into(), InheritedSocketError::NoListener),
            (never_listened_on.into(), InheritedSocketError::NoListener),
        ] {
            assert_eq!(InheritedSocket::new(descriptor).unwrap_err(), error);
        }
    }

    #[tokio::test]
    async fn what_listens_says_where() {
        let tcp = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let on_path = unix::UnixListener::bind(&path).unwrap();
        for (descriptor, expected) in [
            (OwnedFd::from(tcp), LocalAddress::Tcp(address)),
            (on_path.into(), LocalAddress::Unix(path.to_string_lossy().into_owned())),
        ] {
            let listener = InheritedSocket::new(descriptor).unwrap().listener().unwrap();
            assert_eq!(listener.local_address().unwrap(), expected);
        }
    }
}
