//! The handshake of a connection through TLS, and why there is none.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::Acceptor;
use rustls::{CertificateError, Error, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

/// The time that a handshake may take, from the accepted connection on.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// What the first byte of a connection through TLS is: the record of a handshake.
const HANDSHAKE_RECORD: u8 = 22;

/// Who speaks plain HTTP is told so, in plain HTTP.
const SPEAK_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n\
                           TLS is spoken here; use https.\n";

/// A handshake that failed.
#[derive(Debug, PartialEq, Eq)]
pub struct HandshakeError {
    pub(super) reason: Reason,
    /// More words, none of which tell who a client is.
    pub(super) detail: String,
}

/// Why a handshake failed. Its name is the value of the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    /// The client speaks something else.
    NotTls,
    /// It took too long.
    Timeout,
    /// The client went away.
    Closed,
    /// There is no version, suite or curve that both know.
    Incompatible,
    /// A certificate is required, and none came.
    NoCertificate,
    /// The client's certificate has run out, or is not valid yet.
    ExpiredCertificate,
    /// The client's certificate is signed by nobody who is trusted.
    UnknownAuthority,
    /// The client's certificate has none of the names that may come in.
    NameNotAllowed,
    /// The client's certificate is wrong in another way.
    BadCertificate,
    /// The client refused: our certificate, most likely.
    RefusedByClient,
    /// All else.
    Other,
}

impl Reason {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NotTls => "not_tls",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Incompatible => "version_or_cipher",
            Self::NoCertificate => "no_certificate",
            Self::ExpiredCertificate => "expired_certificate",
            Self::UnknownAuthority => "unknown_authority",
            Self::NameNotAllowed => "name_not_allowed",
            Self::BadCertificate => "bad_certificate",
            Self::RefusedByClient => "refused_by_client",
            Self::Other => "other",
        }
    }

    /// Whether it is what anybody who knocks at ports causes.
    pub(super) fn is_noise(self) -> bool {
        matches!(self, Self::NotTls | Self::Timeout | Self::Closed)
    }

    fn of(error: &Error) -> Self {
        match error {
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::PeerIncompatible(_) => Self::Incompatible,
            Error::AlertReceived(_) => Self::RefusedByClient,
            Error::InvalidCertificate(error) => match error {
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::ExpiredCertificate,
                // A signature that is not the one of the authority of that name.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
                CertificateError::ApplicationVerificationFailure => Self::NameNotAllowed,
                _ => Self::BadCertificate,
            },
            _ => Self::Other,
        }
    }
}

impl HandshakeError {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(inner) => inner.into(),
            None => Self::new(Reason::Closed, error.kind().to_string()),
        }
    }
}

impl From<&Error> for HandshakeError {
    fn from(error: &Error) -> Self {
        Self::new(Reason::of(error), error.to_string())
    }
}

/// Accepts TLS on `stream` with what `config` gives once the client has said hello.
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: impl FnOnce() -> Arc<ServerConfig>,
) -> Result<TlsStream<S>, HandshakeError> {
    timeout(DEADLINE, accept_at_leisure(stream, config))
        .await
        .unwrap_or_else(|_| Err(HandshakeError::new(Reason::Timeout, "the handshake took too long")))
}

async fn accept_at_leisure<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    config: impl FnOnce() -> Arc<ServerConfig>,
) -> Result<TlsStream<S>, HandshakeError> {
    let mut acceptor = Acceptor::default();
    let mut buffer = [0; 4096];
    let mut first = true;
    let accepted = loop {
        let length = stream.read(&mut buffer).await?;
        let mut read = &buffer[..length];
        let Some(begins) = read.first() else {
            return Err(HandshakeError::new(Reason::Closed, "the client closed the connection"));
        };
        if first && *begins != HANDSHAKE_RECORD {
            if begins.is_ascii_uppercase() {
                stream.write_all(SPEAK_TLS).await?;
                stream.shutdown().await?;
            }
            return Err(HandshakeError::new(Reason::NotTls, "the client speaks no TLS"));
        }
        first = false;
        while !read.is_empty() {
            acceptor.read_tls(&mut read)?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => break accepted,
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                alert.write_all(&mut bytes)?;
                stream.write_all(&bytes).await?;
                return Err((&error).into());
            }
        }
    };
    Ok(StartHandshake::from_parts(accepted, stream).into_stream(config()).await?)
}
