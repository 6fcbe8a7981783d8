//! Tests of a label's value, as Prometheus' matchers make them.

use std::fmt;

use regex::{Regex, RegexBuilder};

use super::selector::quoted;

/// The most memory in bytes that a compiled expression may take, and then its cache.
const LARGEST_EXPRESSION: usize = 256 << 10;
const LARGEST_CACHE: usize = 64 << 10;

/// A test of a label's value.
#[derive(Debug, Clone)]
pub struct Test {
    /// Whether it passes where the pattern does not fit.
    pub negated: bool,
    /// What the value is held against.
    pub pattern: Pattern,
}

/// What a label's value is held against.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// The value itself.
    Is(String),
    /// A regular expression for the whole value; as it was written, and compiled.
    Like(String, Regex),
}

/// Why a text is no regular expression.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text} is no regular expression: {why}")]
pub struct PatternError {
    text: String,
    why: String,
}

impl Test {
    /// The test for `value` itself.
    pub fn is(value: impl Into<String>) -> Self {
        Self { negated: false, pattern: Pattern::Is(value.into()) }
    }

    /// Whether a value passes that has these spellings: what a label is, and what stands behind it. A pattern fits
    /// where it fits any spelling.
    pub(super) fn passes(&self, spellings: [&str; 2]) -> bool {
        spellings.iter().any(|value| self.pattern.fits(value)) != self.negated
    }
}

impl Pattern {
    /// A regular expression, which has to fit the whole value, as Prometheus has it.
    ///
    /// # Errors
    ///
    /// If it is none, or needs too much memory.
    pub fn like(text: &str) -> Result<Self, PatternError> {
        let build = |text: &str| {
            RegexBuilder::new(text).size_limit(LARGEST_EXPRESSION).dfa_size_limit(LARGEST_CACHE).build()
        };
        // By itself first: what is put around it must not close a group of its own.
        match build(text).and_then(|_| build(&format!("^(?s:{text})$"))) {
            Ok(regex) => Ok(Self::Like(text.to_owned(), regex)),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Err(PatternError { text: quoted(text), why: why.escape_debug().to_string() })
            }
        }
    }

    /// Whether it fits `value`.
    pub fn fits(&self, value: &str) -> bool {
        match self {
            Self::Is(text) => text == value,
            Self::Like(_, regex) => regex.is_match(value),
        }
    }

    /// The one value that it stands for, if it is one.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Self::Is(text) => Some(text),
            Self::Like(..) => None,
        }
    }
}

/// As Prometheus writes it behind a label's name.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operator, text) = match (&self.pattern, self.negated) {
            (Pattern::Is(text), false) => ("=", text),
            (Pattern::Is(text), true) => ("!=", text),
            (Pattern::Like(text, _), false) => ("=~", text),
            (Pattern::Like(text, _), true) => ("!~", text),
        };
        write!(f, "{operator}\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"))
    }
}

impl PartialEq for Test {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_has_to_fit_the_whole_value() {
        let like = Pattern::like("own.*|reader").unwrap();
        assert!(like.fits("owner") && like.fits("reader"));
        assert!(!like.fits("readers") && !like.fits("disowner"));
        assert!(Pattern::like("a.b").unwrap().fits("a\nb"));
    }

    #[test]
    fn what_is_no_expression_is_said() {
        let error = Pattern::like("(").unwrap_err().to_string();
        assert!(error.starts_with("\"(\" is no regular expression: "), "{error}");
        assert!(Pattern::like("(a{1000}){1000}").is_err());
        for broken_out in ["owner)|(?:admin", "owner$)|(^reader"] {
            assert!(Pattern::like(broken_out).is_err(), "{broken_out}");
        }
    }

    #[test]
    fn a_negated_test_fails_where_any_spelling_fits() {
        let not = Test { negated: true, pattern: Pattern::Is("other".into()) };
        assert!(!not.passes(["other", "auditor"]));
        assert!(not.passes(["auditor", "auditor"]));
        assert_eq!(not.to_string(), "!=\"other\"");
    }
}
