//! TLS as it is served: certificate, key, versions, suites, curves, and what clients must show.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, SupportedCipherSuite};

use super::client_certificates::ClientCertificates;
use super::names::{CipherSuite, ClientAuthType, Curve, TlsVersion};
use super::pem;

/// A certificate with its chain, and the key that belongs to it.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

/// Why there is no [`Identity`], in one line without a byte of either.
#[derive(Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// The certificate cannot be used.
    Certificate(String),
    /// The key cannot be used.
    Key(String),
    /// The key belongs to another certificate.
    Mismatch,
}

/// Authorities whose certificates clients show.
#[derive(Debug, Clone)]
pub struct Authorities(Arc<rustls::RootCertStore>);

/// What is asked of TLS; what is left empty is up to rustls.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// The lowest version.
    pub min_version: TlsVersion,
    /// The highest version, not below the lowest.
    pub max_version: TlsVersion,
    /// Cipher suites of TLS 1.2, the best first; those of TLS 1.3 are always there.
    pub cipher_suites: Vec<CipherSuite>,
    /// Groups for the exchange of keys, the best first.
    pub curves: Vec<Curve>,
    /// Whether the order of the suites here counts, and not the client's.
    pub prefer_server_cipher_suites: bool,
    /// How clients are asked for certificates.
    pub client_auth: ClientAuthType,
    /// Who signs them.
    pub client_authorities: Option<Authorities>,
    /// The names of which a certificate must have one; `None` for any.
    pub client_allowed_names: Option<Vec<String>>,
}

/// TLS, ready to be served.
#[derive(Clone)]
pub struct TlsSettings {
    pub(super) config: Arc<ServerConfig>,
    pub(super) client_auth: ClientAuthType,
    /// How many names are allowed, if not all are.
    pub(super) allowed_names: Option<usize>,
}

impl Identity {
    /// The certificates of `certificate`, the own one first, and the first key of `key`, both in PEM.
    ///
    /// # Errors
    ///
    /// If one of both cannot be used, or they do not belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain = pem::certificates(certificate).map_err(IdentityError::Certificate)?;
        let key = pem::private_key(key).map_err(IdentityError::Key)?;
        let key = provider().key_provider.load_private_key(key).map_err(|_| {
            IdentityError::Key(
                "the key cannot be used; it must be an RSA key of 2048 to 8192 bits, an ECDSA key on P-256 or P-384, \
                 or an Ed25519 key"
                    .to_owned(),
            )
        })?;
        let identity = CertifiedKey::new(chain, key);
        match identity.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Self(Arc::new(identity))),
            Err(Error::InconsistentKeys(_)) => Err(IdentityError::Mismatch),
            Err(_) => Err(IdentityError::Certificate(
                "the certificate is no X.509 certificate of version 3".to_owned(),
            )),
        }
    }
}

impl Authorities {
    /// The certificates of `pem`.
    ///
    /// # Errors
    ///
    /// If there is none, or one cannot be used, in one line.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let mut roots = rustls::RootCertStore::empty();
        for (number, certificate) in pem::certificates(pem)?.into_iter().enumerate() {
            roots.add(certificate).map_err(|_| {
                format!("certificate {} is no X.509 certificate that can be used", number + 1)
            })?;
        }
        Ok(Self(Arc::new(roots)))
    }
}

impl TlsSettings {
    /// Serves `identity` as `options` ask for.
    ///
    /// # Errors
    ///
    /// If the options rule all handshakes out, in one line.
    pub fn new(identity: &Identity, options: &TlsOptions) -> Result<Self, String> {
        let versions: Vec<_> = [TlsVersion::Tls13, TlsVersion::Tls12]
            .into_iter()
            .filter(|version| (options.min_version..=options.max_version).contains(version))
            .map(TlsVersion::is)
            .collect();
        let provider = Arc::new(chosen(options));
        let usable = |suite: &SupportedCipherSuite| versions.contains(&suite.version());
        if !provider.cipher_suites.iter().any(usable) {
            return Err(
                "none of the cipher suites is one of TLS 1.2, and max_version allows nothing else".to_owned()
            );
        }
        let cannot = |error: Error| format!("TLS cannot be served like this: {error}");
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .map_err(cannot)?;
        let builder = match options.client_auth {
            ClientAuthType::None => builder.with_no_client_auth(),
            kind => {
                let roots = options.client_authorities.as_ref().map(|authorities| authorities.0.clone());
                let names = options.client_allowed_names.clone();
                let certificates = ClientCertificates::new(kind, roots, names, &provider)?;
                builder.with_client_cert_verifier(Arc::new(certificates))
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.0.clone())));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ignore_client_order = options.prefer_server_cipher_suites;
        // Whoever comes back is looked at again: their certificate may have run out, or be refused by now.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            config: Arc::new(config),
            client_auth: options.client_auth,
            allowed_names: options.client_allowed_names.as_ref().map(Vec::len),
        })
    }
}

/// Ring with the suites and curves that are chosen.
fn chosen(options: &TlsOptions) -> CryptoProvider {
    let mut provider = provider();
    if !options.cipher_suites.is_empty() {
        let of_tls12 = options.cipher_suites.iter().filter(|suite| !suite.of_tls13()).map(|suite| suite.is());
        provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        provider.cipher_suites.extend(of_tls12);
    }
    if !options.curves.is_empty() {
        provider.kx_groups = options.curves.iter().map(|curve| curve.is()).collect();
    }
    provider
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(<secret>)")
    }
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings").field("client_auth", &self.client_auth).finish_non_exhaustive()
    }
}
