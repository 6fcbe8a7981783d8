//! The part of a web configuration about TLS.

use std::path::Path;

use secrecy::zeroize::Zeroizing;

use super::Files;
use super::fields::{Fields, at};
use crate::config::error::{ConfigError, Place, did_you_mean};
use crate::config::layers::Placed;
use crate::config::yaml::{Node, Value};
use crate::web::guard::{
    Authorities, CipherSuite, ClientAuthType, Curve, Identity, IdentityError, NameError, TlsOptions,
    TlsSettings, TlsVersion,
};

/// A piece in PEM: where it comes from, and what it is.
struct Pem {
    /// How it is named in an error.
    named: String,
    place: Place,
    bytes: Zeroizing<Vec<u8>>,
}

/// What the map says about TLS; nothing if it says nothing.
pub(super) fn read(
    tls: &Fields<'_>,
    folder: &Path,
    files: &mut Files,
) -> Result<Option<TlsSettings>, ConfigError> {
    let Some(node) = tls.0 else { return Ok(None) };
    let options = options(tls, folder, files)?;
    let cert = pem(tls, "cert", folder, files)?;
    let key = pem(tls, "key", folder, files)?;
    let missing = |what: &str| {
        ConfigError::new(
            node.place.clone(),
            format!("tls_server_config has no {what}; add {what}_file: or {what}:"),
        )
    };
    let (cert, key) = match (cert, key) {
        (Some(cert), Some(key)) => (cert, key),
        (None, _) if is_empty(node) => return Ok(None),
        (None, _) => return Err(missing("cert")),
        (_, None) => return Err(missing("key")),
    };
    let identity = Identity::from_pem(&cert.bytes, &key.bytes).map_err(|error| match error {
        IdentityError::Certificate(why) => {
            ConfigError::new(cert.place.clone(), format!("{}: {why}", cert.named))
        }
        IdentityError::Key(why) => ConfigError::new(key.place.clone(), format!("{}: {why}", key.named)),
        IdentityError::Mismatch => ConfigError::new(
            key.place.clone(),
            format!("{}: the key does not belong to the certificate of {}", key.named, cert.named),
        ),
    })?;
    at(&node.place, "tls_server_config", TlsSettings::new(&identity, &options)).map(Some)
}

pub(super) fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Map(map) => map.iter().all(|(_, node)| match &node.value {
            Value::Nothing => true,
            Value::Scalar(text) => text.is_empty(),
            _ => false,
        }),
        _ => false,
    }
}

/// The piece behind `NAME` or `NAME_file`.
fn pem(tls: &Fields<'_>, name: &str, folder: &Path, files: &mut Files) -> Result<Option<Pem>, ConfigError> {
    let file = format!("{name}_file");
    match (tls.text(name)?, tls.text(&file)?) {
        (Some(_), Some(Placed { place, .. })) => {
            Err(ConfigError::new(place, format!("there are both {name} and {file}; take one out")))
        }
        (Some(Placed { text, place }), None) => {
            Ok(Some(Pem { named: name.to_owned(), place, bytes: Zeroizing::new(text.into_bytes()) }))
        }
        (None, Some(Placed { text, place })) => {
            let path = folder.join(text);
            let bytes = at(&place, &file, files.read(&path))?;
            Ok(Some(Pem { named: format!("{file} {path:?}"), place, bytes }))
        }
        (None, None) => Ok(None),
    }
}

fn options(tls: &Fields<'_>, folder: &Path, files: &mut Files) -> Result<TlsOptions, ConfigError> {
    let version = |key| tls.parsed(key, |name| named(name, TlsVersion::parse(name), TlsVersion::names()));
    let min_version = version("min_version")?.unwrap_or(TlsVersion::Tls12);
    let max_version = version("max_version")?.unwrap_or(TlsVersion::Tls13);
    let wrong = |key: &str, why: &str| {
        let place = tls.node(key).or(tls.0).map_or(Place::Nowhere, |node| node.place.clone());
        ConfigError::new(place, why.to_owned())
    };
    if min_version > max_version {
        return Err(wrong(
            "max_version",
            "max_version is below min_version, so that there is no version left",
        ));
    }
    let suites =
        tls.list("cipher_suites", |name| named(name, CipherSuite::parse(name), CipherSuite::names()))?;
    let curves = tls.list("curve_preferences", |name| named(name, Curve::parse(name), Curve::names()))?;
    let (client_auth, client_authorities, client_allowed_names) = clients(tls, folder, files, wrong)?;
    Ok(TlsOptions {
        min_version,
        max_version,
        cipher_suites: suites.map(|(suites, _)| suites).unwrap_or_default(),
        curves: curves.map(|(curves, _)| curves).unwrap_or_default(),
        prefer_server_cipher_suites: tls.boolean("prefer_server_cipher_suites")?.unwrap_or(true),
        client_auth,
        client_authorities,
        client_allowed_names,
    })
}

type Clients = (ClientAuthType, Option<Authorities>, Option<Vec<String>>);

/// What clients must show.
fn clients(
    tls: &Fields<'_>,
    folder: &Path,
    files: &mut Files,
    wrong: impl Fn(&str, &str) -> ConfigError,
) -> Result<Clients, ConfigError> {
    let kind = tls
        .parsed("client_auth_type", |name| named(name, ClientAuthType::parse(name), ClientAuthType::names()))?
        .unwrap_or(ClientAuthType::None);
    let authorities = pem(tls, "client_ca", folder, files)?;
    let names = tls.list("client_allowed_sans", |name| Ok(name.to_owned()))?;
    if let Some(authorities) = &authorities
        && kind == ClientAuthType::None
    {
        return Err(ConfigError::new(
            authorities.place.clone(),
            "there are authorities for client certificates, and no client_auth_type that asks for any; add \
             client_auth_type: RequireAndVerifyClientCert",
        ));
    }
    if kind.verifies() && authorities.is_none() {
        return Err(wrong(
            "client_auth_type",
            "client_auth_type verifies certificates, and there is no authority to verify them by; add client_ca_file: or \
             client_ca:",
        ));
    }
    let names = match names {
        None => None,
        Some((names, place)) if names.is_empty() => {
            return Err(ConfigError::new(
                place,
                "client_allowed_sans is empty, so that no client would be let in",
            ));
        }
        Some((_, place)) if !kind.verifies() => {
            return Err(ConfigError::new(
                place,
                "client_allowed_sans is about names in certificates that nobody verifies; add client_auth_type: \
                 RequireAndVerifyClientCert",
            ));
        }
        Some((names, _)) => Some(names),
    };
    let authorities =
        authorities.map(|pem| at(&pem.place, &pem.named, Authorities::from_pem(&pem.bytes))).transpose()?;
    Ok((kind, authorities, names))
}

/// What a name names, or what else there is.
fn named<T>(
    name: &str,
    outcome: Result<T, NameError>,
    names: impl Iterator<Item = &'static str>,
) -> Result<T, String> {
    outcome.map_err(|error| match error {
        NameError::Absent(why) => why,
        NameError::Unknown(what) => {
            let names: Vec<_> = names.collect();
            let hint = match did_you_mean(name, names.iter().copied()) {
                hint if hint.is_empty() => format!("; there are {}", names.join(", ")),
                hint => hint,
            };
            format!("{name:?} is no {what}{hint}")
        }
    })
}
