//! What clients must show: no certificate, any at all, or one that is good and has a name that may come in.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::names::ClientAuthType;

/// Looks at the certificates of clients. Whoever shows one has proved to have its key, whatever else is looked at.
#[derive(Debug)]
pub(super) struct ClientCertificates {
    mandatory: bool,
    /// What says whether one is good; `None` if nobody looks.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    allowed_names: Option<Vec<String>>,
    /// The authorities that clients are told of, so that they pick the right certificate.
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertificates {
    pub(super) fn new(
        kind: ClientAuthType,
        roots: Option<Arc<RootCertStore>>,
        allowed_names: Option<Vec<String>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let hints = roots.as_ref().map(|roots| roots.subjects()).unwrap_or_default();
        let verifier = match (kind.verifies(), roots) {
            (false, _) => None,
            (true, None) => return Err(format!("{} needs the certificates of the authorities", kind.name())),
            (true, Some(roots)) => Some(
                WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
                    .build()
                    .map_err(|error| format!("certificates of clients cannot be verified: {error}"))?
                    as Arc<dyn ClientCertVerifier>,
            ),
        };
        // Without a certificate there is no name either.
        let mandatory = allowed_names.is_some()
            || matches!(kind, ClientAuthType::RequireAny | ClientAuthType::RequireAndVerify);
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { mandatory, verifier, allowed_names, hints, algorithms })
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(verifier) = &self.verifier {
            verifier.verify_client_cert(end_entity, intermediates, now)?;
        }
        match &self.allowed_names {
            Some(allowed) if !names(end_entity)?.iter().any(|name| allowed.contains(name)) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The alternative names of a certificate as texts: of hosts, mail addresses, IP addresses, URIs.
fn names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, Error> {
    let damaged = |_| Error::from(CertificateError::BadEncoding);
    let certificate = Certificate::from_der(certificate).map_err(damaged)?;
    let names = certificate.tbs_certificate().get_extension::<SubjectAltName>().map_err(damaged)?;
    Ok(names.into_iter().flat_map(|(_, names)| names.0).filter_map(|name| text(&name)).collect())
}

fn text(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let v4 = || <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).to_string());
            let v6 = || {
                <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_canonical().to_string())
            };
            v4().or_else(v6)
        }
        _ => None,
    }
}
