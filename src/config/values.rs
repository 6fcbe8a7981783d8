//! How values are read. Each error says what is wrong and how to write it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::did_you_mean;
use crate::composition::Threshold;
use crate::duration::parse as parse_duration;

/// The importance of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogFormat {
    Logfmt,
    Json,
}

impl LogLevel {
    const NAMES: [(&'static str, Self); 5] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    /// All names.
    pub(super) const ALL: [&'static str; 5] = names(&Self::NAMES);

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        named(text, &Self::NAMES)
    }

    /// The name.
    pub fn name(self) -> &'static str {
        name(self, &Self::NAMES)
    }
}

impl LogFormat {
    const NAMES: [(&'static str, Self); 2] = [("logfmt", Self::Logfmt), ("json", Self::Json)];

    /// All names.
    pub(super) const ALL: [&'static str; 2] = names(&Self::NAMES);

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        named(text, &Self::NAMES)
    }

    /// The name.
    pub fn name(self) -> &'static str {
        name(self, &Self::NAMES)
    }
}

const fn names<T, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let (mut names, mut place) = ([""; N], 0);
    while place < N {
        names[place] = table[place].0;
        place += 1;
    }
    names
}

fn named<T: Copy>(text: &str, names: &[(&'static str, T)]) -> Result<T, String> {
    let known = || names.iter().map(|(name, _)| *name);
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let hint = did_you_mean(text, known());
        format!("{text:?} is not one of {}{hint}", known().collect::<Vec<_>>().join(", "))
    })
}

fn name<T: PartialEq + Copy>(value: T, names: &[(&'static str, T)]) -> &'static str {
    names.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

/// A duration above zero and not above a year.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err(format!("{text:?} is no time at all; give at least 1ms")),
        duration if duration > Duration::from_secs(365 * 86_400) => {
            Err(format!("{text:?} is longer than a year"))
        }
        duration => Ok(duration),
    }
}

/// An interval between walks.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        duration if duration < Duration::from_secs(1) => {
            Err(format!("{text:?} is too short; give at least 1s"))
        }
        _ => some_time(text),
    }
}

pub(super) fn threshold(text: &str) -> Result<Threshold, String> {
    let duration = parse_duration(text)?;
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match seconds {
        0 => Err(format!("{text:?} is too short; give at least 1s")),
        _ => Ok(Threshold { label: text.trim().to_owned(), seconds }),
    }
}

pub(super) fn number_in<const LEAST: usize, const MOST: usize>(text: &str) -> Result<usize, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| (LEAST..=MOST).contains(number))
        .ok_or_else(|| format!("{text:?} is no number from {LEAST} to {MOST}"))
}

/// A part of a whole.
pub(super) fn part(text: &str) -> Result<f64, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|part| (0.0..=1.0).contains(part))
        .ok_or_else(|| format!("{text:?} is no part from 0 to 1, such as 0.5"))
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

pub(super) fn telemetry_path(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '%' | '"' | '<' | '>');
    match text {
        _ if !text.starts_with('/') || !text.chars().all(allowed) => {
            Err(format!("{text:?} is no path; write it like /metrics"))
        }
        "/" => Err("\"/\" is the path of the status page; choose another, such as /metrics".to_owned()),
        _ if text.starts_with("/-/") => {
            Err(format!("{text:?} is kept for probes; choose another, such as /metrics"))
        }
        _ if text.starts_with("/api/") || text.starts_with("/static/") => {
            Err(format!("{text:?} is kept for the status page; choose another, such as /metrics"))
        }
        _ => Ok(text.to_owned()),
    }
}

/// The content of a file of at most `most` bytes. Devices that never end are read no further.
pub(super) fn read_file(path: &str, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut content)?;
    match content.len() as u64 > most {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes"))),
        false => Ok(content),
    }
}

/// A file that can be made, or is one.
pub(super) fn state_file(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::metadata(&path), fs::metadata(directory)) {
        _ if path.file_name().is_none() => Err(format!("{path:?} is no name of a file")),
        (Ok(file), _) if !file.is_file() => Err(format!("{path:?} is no regular file; name one")),
        (_, Ok(directory)) if directory.is_dir() => Ok(path),
        _ => Err(format!("the directory of {path:?} is not there; make it")),
    }
}

/// A file of certificates: its path and content.
pub(super) fn certificates(path: &str) -> Result<(String, Vec<u8>), String> {
    let pem = read_file(path, 16 << 20).map_err(|error| format!("cannot read {path:?}: {error}"))?;
    match pem.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----") {
        true => Ok((path.to_owned(), pem)),
        false => Err(format!("{path:?} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")),
    }
}

/// Refuses what looks like an admin key: all values but keys and their files are shown, in logs, pages and metrics.
pub(super) fn no_key(text: &str) -> Result<&str, &'static str> {
    match text.to_ascii_lowercase().contains("sk-admin-") {
        true => Err("this looks like an admin key; put it into a file or an environment variable"),
        false => Ok(text),
    }
}

/// A name of an organization, which is the value of a label.
pub(super) fn organization_name(text: &str) -> Result<String, String> {
    label_value("the name of an organization", text)
}

/// A text that is the value of a label; `what` says of what.
pub(super) fn label_value(what: &str, text: &str) -> Result<String, String> {
    let name = text.trim();
    match name {
        "" => Err(format!("{what} is empty")),
        _ if name.chars().count() > 64 => Err(format!("{name:?} is longer than 64 characters")),
        _ if name.chars().any(char::is_control) => Err(format!("{name:?} holds a control character")),
        _ => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = (threshold(&text), telemetry_path(&text), organization_name(&text));
        }
    }
}
