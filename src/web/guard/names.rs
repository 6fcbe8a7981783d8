//! The names that Go's TLS has for versions, cipher suites, curves and the ways to ask for certificates.

use std::fmt;

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};

/// A version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TlsVersion {
    Tls12,
    Tls13,
}

/// A cipher suite, by its place in the table of those that there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CipherSuite(usize);

/// A group for the exchange of keys, by its place in the table of those that there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Curve(usize);

/// How clients are asked for certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthType {
    /// They are not.
    None,
    /// One may come, and is not looked at.
    Request,
    /// One must come, and is not looked at.
    RequireAny,
    /// One may come, and must be good.
    VerifyIfGiven,
    /// One must come and be good.
    RequireAndVerify,
}

/// A name that names nothing that there is.
#[derive(Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nobody knows it; this is what was looked for.
    Unknown(&'static str),
    /// It is known, and not there: why, and what to use instead.
    Absent(String),
}

const SUITES: [(&str, SupportedCipherSuite); 9] = [
    ("TLS_AES_128_GCM_SHA256", cipher_suite::TLS13_AES_128_GCM_SHA256),
    ("TLS_AES_256_GCM_SHA384", cipher_suite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

const CURVES: [(&str, &dyn SupportedKxGroup); 3] =
    [("X25519", kx_group::X25519), ("CurveP256", kx_group::SECP256R1), ("CurveP384", kx_group::SECP384R1)];

const VERSIONS: [(&str, TlsVersion); 2] = [("TLS12", TlsVersion::Tls12), ("TLS13", TlsVersion::Tls13)];

const CLIENT_AUTH_TYPES: [(&str, ClientAuthType); 6] = [
    ("NoClientCert", ClientAuthType::None),
    ("RequestClientCert", ClientAuthType::Request),
    ("RequireAnyClientCert", ClientAuthType::RequireAny),
    ("VerifyClientCertIfGiven", ClientAuthType::VerifyIfGiven),
    ("RequireAndVerifyClientCert", ClientAuthType::RequireAndVerify),
    // The toolkit's own old name.
    ("RequireClientCert", ClientAuthType::RequireAny),
];

impl TlsVersion {
    /// All names that there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        VERSIONS.iter().map(|(name, _)| *name)
    }

    /// The version of that name.
    ///
    /// # Errors
    ///
    /// If it is none, or one that is not spoken any more, in one line.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        match name {
            "TLS10" | "TLS11" => Err(NameError::Absent(format!(
                "{name} is not spoken: it is broken, and withdrawn by RFC 8996; use TLS12 or TLS13"
            ))),
            _ => find(name, &VERSIONS, "version of TLS"),
        }
    }

    pub(super) fn is(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &version::TLS12,
            Self::Tls13 => &version::TLS13,
        }
    }
}

impl CipherSuite {
    /// All names that there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SUITES.iter().map(|(name, _)| *name)
    }

    /// The suite of that name.
    ///
    /// # Errors
    ///
    /// If it is none, or not one that there is here, in one line.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let unknown = match place(name, &SUITES, "cipher suite") {
            Ok(place) => return Ok(Self(place)),
            Err(unknown) => unknown,
        };
        let why = match name {
            _ if !name.starts_with("TLS_") => None,
            _ if name.contains("_CBC_") => Some("its CBC mode is open to padding attacks"),
            _ if name.contains("_RC4_") || name.contains("_3DES_") => Some("it is broken"),
            _ if name.starts_with("TLS_RSA_WITH_") => {
                Some("without ECDHE, what was recorded can be read later")
            }
            _ => None,
        };
        match why {
            Some(why) => {
                Err(NameError::Absent(format!("{name:?} is not there: {why}; use {}", instead(name))))
            }
            None => Err(unknown),
        }
    }

    pub(super) fn is(self) -> SupportedCipherSuite {
        SUITES[self.0].1
    }

    /// Whether it is one of TLS 1.3.
    pub(super) fn of_tls13(self) -> bool {
        self.is().tls13().is_some()
    }
}

/// What to use in the place of a suite that there is not.
fn instead(name: &str) -> &'static str {
    match (name.contains("_ECDSA_"), name.contains("_256_")) {
        (true, true) => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        (true, false) => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        (false, true) => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        (false, false) => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    }
}

impl Curve {
    /// All names that there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        CURVES.iter().map(|(name, _)| *name)
    }

    /// The curve of that name.
    ///
    /// # Errors
    ///
    /// If it is none, or not one that there is here, in one line.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let absent = |instead| NameError::Absent(format!("{name:?} is not there; use {instead}"));
        match name {
            "CurveP521" => Err(absent("CurveP384")),
            "X25519MLKEM768" => Err(absent("X25519")),
            _ => place(name, &CURVES, "curve").map(Self),
        }
    }

    pub(super) fn is(self) -> &'static dyn SupportedKxGroup {
        CURVES[self.0].1
    }
}

impl ClientAuthType {
    /// All names that there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        CLIENT_AUTH_TYPES.iter().map(|(name, _)| *name)
    }

    /// The way of that name.
    ///
    /// # Errors
    ///
    /// If it is none, in one line.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        find(name, &CLIENT_AUTH_TYPES, "way to ask clients for certificates")
    }

    /// The name.
    pub fn name(self) -> &'static str {
        CLIENT_AUTH_TYPES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Whether certificates that come are looked at.
    pub fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

fn place<T>(name: &str, entries: &[(&str, T)], what: &'static str) -> Result<usize, NameError> {
    entries.iter().position(|(known, _)| *known == name).ok_or(NameError::Unknown(what))
}

fn find<T: Copy>(name: &str, entries: &[(&str, T)], what: &'static str) -> Result<T, NameError> {
    place(name, entries, what).map(|place| entries[place].1)
}

impl fmt::Debug for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SUITES[self.0].0)
    }
}

impl fmt::Debug for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CURVES[self.0].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_not_is_named_with_what_to_use_instead() {
        let suite = |name| CipherSuite::parse(name).unwrap_err();
        for (error, name, instead) in [
            (suite("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"), "CBC", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            (suite("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"), "CBC", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            (suite("TLS_RSA_WITH_AES_256_GCM_SHA384"), "TLS_RSA", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
            (suite("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"), "RC4", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
            (suite("TLS_RSA_WITH_3DES_EDE_CBC_SHA"), "3DES", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            (Curve::parse("CurveP521").unwrap_err(), "CurveP521", "CurveP384"),
            (Curve::parse("X25519MLKEM768").unwrap_err(), "X25519MLKEM768", "X25519"),
            (TlsVersion::parse("TLS10").unwrap_err(), "TLS10", "TLS12 or TLS13"),
            (TlsVersion::parse("TLS11").unwrap_err(), "TLS11", "TLS12 or TLS13"),
        ] {
            let NameError::Absent(why) = error else { panic!("{error:?}") };
            assert!(why.contains(name) && why.ends_with(&format!("; use {instead}")), "{why}");
        }
    }

    #[test]
    fn what_nobody_knows_is_nothing_that_there_is() {
        assert_eq!(CipherSuite::parse("TLS_AES_256_GCM_SHA"), Err(NameError::Unknown("cipher suite")));
        assert_eq!(CipherSuite::parse("_CBC_"), Err(NameError::Unknown("cipher suite")));
        assert_eq!(Curve::parse("P256"), Err(NameError::Unknown("curve")));
        assert_eq!(TlsVersion::parse("1.2"), Err(NameError::Unknown("version of TLS")));
        assert!(matches!(ClientAuthType::parse("NoClientCerts"), Err(NameError::Unknown(_))));
    }

    #[test]
    fn each_name_is_read_as_itself() {
        for (place, (name, suite)) in SUITES.iter().enumerate() {
            let read = CipherSuite::parse(name).unwrap();
            assert_eq!((read, read.is().suite()), (CipherSuite(place), suite.suite()));
            assert_eq!(format!("{read:?}"), *name);
            assert_eq!(read.of_tls13(), !name.contains("_WITH_"));
        }
        for (name, curve) in CURVES {
            assert_eq!(Curve::parse(name).unwrap().is().name(), curve.name());
        }
        for (name, kind) in &CLIENT_AUTH_TYPES[..5] {
            assert_eq!(ClientAuthType::parse(name).map(ClientAuthType::name), Ok(*name), "{kind:?}");
        }
        assert!(TlsVersion::parse("TLS12").unwrap() < TlsVersion::parse("TLS13").unwrap());
    }
}
