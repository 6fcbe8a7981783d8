//! The file of `--web.config.file`, in the format of Prometheus' exporter-toolkit.
//!
//! It becomes the value types of the web room, and knows every file that it looked at.

mod fields;
#[cfg(test)]
mod tests;
mod tls;

use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;
use secrecy::zeroize::Zeroizing;

use self::fields::{Fields, at, duration};
use super::error::{ConfigError, Place, did_you_mean};
use super::layers::check_map;
use super::yaml::{self, Node, Value};
use crate::web::guard::{
    ExtraHeader, GuardReading, GuardSettings, HeaderError, PasswordHash, RateLimit, SeenFile,
};

/// The largest file that is read, in bytes.
const LARGEST_FILE: u64 = 4 << 20;

/// The longest interval between requests.
const LONGEST_INTERVAL: Duration = Duration::from_secs(86_400);

const KEYS: [&str; 18] = [
    "tls_server_config.cert",
    "tls_server_config.key",
    "tls_server_config.client_ca",
    "tls_server_config.cert_file",
    "tls_server_config.key_file",
    "tls_server_config.client_auth_type",
    "tls_server_config.client_ca_file",
    "tls_server_config.cipher_suites",
    "tls_server_config.curve_preferences",
    "tls_server_config.min_version",
    "tls_server_config.max_version",
    "tls_server_config.prefer_server_cipher_suites",
    "tls_server_config.client_allowed_sans",
    "http_server_config.http2",
    "http_server_config.headers",
    "basic_auth_users",
    "rate_limit.burst",
    "rate_limit.interval",
];

/// A web configuration that was read with the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct WebConfig {
    /// The path as given.
    pub path: String,
    /// What it said.
    pub reading: GuardReading,
}

impl WebConfig {
    /// What it says, in one line without secrets.
    pub fn summary(&self) -> String {
        match &self.reading.outcome {
            Ok(settings) => settings.to_string(),
            Err(error) => error.clone(),
        }
    }
}

/// Files as they are read.
#[derive(Default)]
struct Files {
    seen: Vec<SeenFile>,
    contents: Vec<Zeroizing<Vec<u8>>>,
}

/// Reads the file at `path`, which stands at `place`, and those that it names.
///
/// # Errors
///
/// The first thing that is wrong.
pub(super) fn read(path: &str, place: &Place) -> Result<WebConfig, ConfigError> {
    let (files, outcome) = try_read(path, place);
    let settings = outcome?;
    Ok(WebConfig { path: path.to_owned(), reading: reading(files, Ok(settings)) })
}

/// Reads the file at `path` again, and those that it names, whatever comes of it.
pub fn reread_web_config(path: &str) -> GuardReading {
    let (files, outcome) = try_read(path, &Place::Nowhere);
    reading(files, outcome.map_err(|error| error.to_string()))
}

fn reading(files: Files, outcome: Result<GuardSettings, String>) -> GuardReading {
    let contents: Vec<&[u8]> = files.contents.iter().map(|content| content.as_slice()).collect();
    GuardReading::new(files.seen, &contents, outcome)
}

fn try_read(path: &str, place: &Place) -> (Files, Result<GuardSettings, ConfigError>) {
    let mut files = Files::default();
    let outcome = settings(path, place, &mut files);
    (files, outcome)
}

/// Whether the file at `path` asks for TLS: as far as that can be told without the files that it names.
///
/// # Errors
///
/// If it cannot be read.
pub(super) fn asks_for_tls(path: &str) -> Result<bool, ConfigError> {
    let node = parse(path, &Place::Nowhere, &mut Files::default())?;
    Ok(Fields(Some(&node)).node("tls_server_config").is_some_and(|tls| !tls::is_empty(tls)))
}

fn parse(path: &str, place: &Place, files: &mut Files) -> Result<Node, ConfigError> {
    let wrong = |why: String| ConfigError::new(place.clone(), why);
    let text = files.read(Path::new(path)).map_err(wrong)?;
    let text = std::str::from_utf8(&text).map_err(|_| wrong(format!("{path:?} is no text in UTF-8")))?;
    let node = yaml::parse(path, text)?;
    check_map(&node, "", &KEYS)?;
    Ok(node)
}

fn settings(path: &str, place: &Place, files: &mut Files) -> Result<GuardSettings, ConfigError> {
    let node = parse(path, place, files)?;
    let all = Fields(Some(&node));
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let http = all.inner("http_server_config");
    // HTTP/1.1 is served either way.
    http.boolean("http2")?;
    Ok(GuardSettings {
        headers: headers(&http)?,
        users: users(&all.inner("basic_auth_users"))?,
        rate_limit: rate_limit(&all.inner("rate_limit"))?,
        tls: tls::read(&all.inner("tls_server_config"), folder, files)?,
    })
}

fn headers(http: &Fields<'_>) -> Result<Vec<ExtraHeader>, ConfigError> {
    let mut headers = Vec::new();
    for (name, value) in http.inner("headers").texts("headers")? {
        let header = ExtraHeader::new(name, &value.text).map_err(|error| match error {
            HeaderError::Name => {
                let names: Vec<_> = ExtraHeader::names().collect();
                match did_you_mean(name, names.iter().copied()) {
                    hint if hint.is_empty() => {
                        format!("{name:?} cannot be set; there are {}", names.join(", "))
                    }
                    hint => format!("{name:?} cannot be set{hint}"),
                }
            }
            HeaderError::Value(values) => format!("{name} is none of {}", values.join(", ")),
            HeaderError::Characters => format!("{name} holds a character that no header can hold"),
        });
        headers.extend(at(&value.place, "headers", header)?);
    }
    Ok(headers)
}

fn users(map: &Fields<'_>) -> Result<Vec<(String, PasswordHash)>, ConfigError> {
    let mut users = Vec::new();
    for (name, hash) in map.texts("basic_auth_users")? {
        // Whoever puts the hash in front must not find it in a log.
        let shown = if name.contains('$') { "<hash>" } else { name };
        let hash_of =
            PasswordHash::parse(&hash.text).map_err(|error| format!("the password of {shown:?} {error}"));
        let hash_of = match name.contains(':') {
            true => Err(format!("the name {shown:?} holds a colon, which ends the name in a request")),
            false => hash_of,
        };
        users.push((name.to_owned(), at(&hash.place, "basic_auth_users", hash_of)?));
    }
    Ok(users)
}

fn rate_limit(map: &Fields<'_>) -> Result<Option<RateLimit>, ConfigError> {
    let burst = map.number("burst")?;
    let interval = match map.node("interval") {
        Some(node) if node.typed && !matches!(&node.value, Value::Scalar(text) if text == "0") => {
            let why = "interval: it has no unit; write it like 100ms, 1s or 1m30s";
            return Err(ConfigError::new(node.place.clone(), why));
        }
        _ => map.parsed("interval", duration)?.unwrap_or_default(),
    };
    let place = map.node("interval").or(map.0).map_or(Place::Nowhere, |node| node.place.clone());
    let (burst, burst_place) = burst.unwrap_or((0, place.clone()));
    match (interval, burst) {
        (Duration::ZERO, _) => Ok(None),
        (interval, _) if interval > LONGEST_INTERVAL => {
            Err(ConfigError::new(place, "interval: it is longer than a day"))
        }
        (_, 0) => {
            let why = "rate_limit has no burst, so that no request would be answered; give at least 1";
            Err(ConfigError::new(burst_place, why))
        }
        (interval, burst) => Ok(Some(RateLimit { interval, burst })),
    }
}

impl Files {
    /// The content of the file at `path`. It is remembered, even where there is none.
    fn read(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        let cannot = |error: std::io::Error| format!("cannot read {path:?}: {error}");
        let metadata = fs::metadata(path);
        self.seen.push(SeenFile::new(path, metadata.as_ref().ok()));
        // A pipe gives what it has once, and is never another one; and opening it may take forever.
        if !metadata.map_err(cannot)?.is_file() {
            return Err(format!("{path:?} is no regular file, which could be read again when it changes"));
        }
        let mut content = Zeroizing::new(Vec::new());
        // What took its place since then may be a pipe: opening that one must not wait either.
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(cannot)?;
        if !file.metadata().map_err(cannot)?.is_file() {
            return Err(format!("{path:?} is no regular file any more"));
        }
        file.take(LARGEST_FILE + 1).read_to_end(&mut content).map_err(cannot)?;
        if content.len() as u64 > LARGEST_FILE {
            return Err(format!("{path:?} is larger than {LARGEST_FILE} bytes"));
        }
        self.contents.push(content.clone());
        Ok(content)
    }
}
