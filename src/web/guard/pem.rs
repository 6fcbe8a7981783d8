//! Certificates and keys in PEM. No error repeats what was read.

use rustls::pki_types::pem::{Error, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates in `pem`, in their order; there is at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| broken(&error, "certificate"))?;
    match certificates.is_empty() {
        true => Err("there is no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned()),
        false => Ok(certificates),
    }
}

/// The first private key in `pem`.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    if is_encrypted(pem) {
        return Err(
            "the key is encrypted, and nobody is there to give the password; decrypt it, for instance with \
                    openssl pkey -in FILE -out FILE"
                .to_owned(),
        );
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        Error::NoItemsFound => "there is no private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned(),
        error => broken(&error, "private key"),
    })
}

/// Whether a key is encrypted, in the way of PKCS #8 or in OpenSSL's old one.
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.lines().any(|line| {
        line.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY")
            || line.starts_with("Proc-Type:") && line.contains("ENCRYPTED")
    })
}

/// What is wrong with a piece, without a byte of it.
fn broken(error: &Error, what: &str) -> String {
    let why = match error {
        Error::MissingSectionEnd { .. } => "a piece in PEM has no end (-----END)",
        Error::IllegalSectionStart { .. } => "a piece in PEM begins with a broken line (-----BEGIN)",
        Error::Base64Decode(_) => "what stands between -----BEGIN and -----END is no Base64",
        _ => "the PEM cannot be read",
    };
    format!("the {what} is damaged: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_or_key_is_refused_without_being_repeated() {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----\n";
        for (pem, why) in [
            ("", "there is no certificate"),
            ("secret", "there is no certificate"),
            ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "there is no certificate"),
            (&format!("{BEGIN}c2VjcmV0\n"), "has no end"),
            (&format!("{BEGIN}!secret!\n-----END CERTIFICATE-----\n"), "no Base64"),
            ("-----BEGIN CERTIFICATE--\nsecret\n", "broken line"),
        ] {
            let error = certificates(pem.as_bytes()).unwrap_err();
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
        for (pem, why) in [
            ("", "there is no private key"),
            (&format!("{BEGIN}c2VjcmV0\n-----END CERTIFICATE-----\n"), "there is no private key"),
            ("-----BEGIN PRIVATE KEY-----\n!secret!\n-----END PRIVATE KEY-----\n", "no Base64"),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "is encrypted",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nc2VjcmV0\n",
                "is encrypted",
            ),
        ] {
            let error = private_key(pem.as_bytes()).unwrap_err();
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
    }
}
