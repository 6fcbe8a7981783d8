//! What is wrong with the configuration: where, what, and how to mend it, in one line.

use std::fmt;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A flag, with its dashes.
    Flag(String),
    /// What stands behind the command without a flag.
    Argument(&'static str),
    /// An environment variable.
    Variable(String),
    /// A place in a file.
    File {
        /// The path as given.
        path: String,
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
    },
    /// The built-in value.
    Default,
    /// No single place.
    Nowhere,
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What, and how to mend it.
    pub message: String,
}

impl Place {
    pub(super) fn file(path: &str, line: u64, column: u64) -> Self {
        Place::File { path: path.to_owned(), line, column }
    }
}

impl ConfigError {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Flag(name) => write!(f, "flag {name}"),
            Place::Argument(name) => write!(f, "argument {name}"),
            Place::Variable(name) => write!(f, "environment variable {name}"),
            Place::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Place::Default => f.write_str("default"),
            Place::Nowhere => f.write_str("configuration"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, without_keys(&self.message.replace('\n', " ")))
    }
}

/// `text` without what looks like a key: one that was put in the wrong place must not end up in a log.
pub fn without_keys(text: &str) -> String {
    const SHORTEST_KEY: usize = 8;
    let is_of_a_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let (mut clean, mut rest) = (String::new(), text);
    while let Some(start) = rest.find("sk-") {
        let end = rest[start..].find(|c| !is_of_a_key(c)).map_or(rest.len(), |length| start + length);
        clean.push_str(&rest[..start]);
        clean.push_str(if end - start < SHORTEST_KEY { &rest[start..end] } else { "<key>" });
        rest = &rest[end..];
    }
    clean + rest
}

/// `; did you mean X?` for the candidate most like `word`, or nothing if none is like it.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!("; did you mean {candidate}?"))
        .unwrap_or_default()
}
