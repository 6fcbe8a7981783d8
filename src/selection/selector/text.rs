//! The text of a selector: a name, and tests of labels in braces.

mod json;

use std::borrow::Cow;

use serde_json::Value;

use super::{SelectorError, shown};
use crate::selection::pattern::{Pattern, Test};

/// The longest text that is looked at, in bytes.
const LONGEST: usize = 64 * 1024;

/// The label that Prometheus gives a series' name.
const NAME: &str = "__name__";

/// What stands in a text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parsed {
    pub(super) metric: Option<String>,
    pub(super) tests: Vec<(String, Test)>,
}

/// A selector in Prometheus' own syntax.
pub(super) fn parse(text: &str) -> Result<Parsed, SelectorError> {
    Reader::new(text, false)?.selector()
}

/// A series as something prints it: braces, quotes and commas may be missing, a value may follow, and it may be JSON.
pub(super) fn parse_printed(text: &str) -> Result<Parsed, SelectorError> {
    if text.len() <= LONGEST
        && let Ok(json) = serde_json::from_str::<Value>(text)
        && let Some(labels) = json::labels(&json)?
    {
        let mut parsed = Parsed::default();
        for (name, value) in labels {
            parsed.add(name, Test::is(value))?;
        }
        return Ok(parsed);
    }
    let text = listed(text);
    Reader::new(&text, true)?.selector()
}

/// A list of labels, a line each, as messages about alerts have it (`Labels:`, then ` - role = owner`), without its marks.
fn listed(text: &str) -> Cow<'_, str> {
    if !text.lines().any(|line| line.trim_start().starts_with("- ")) {
        return Cow::Borrowed(text);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.ends_with(':'));
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix("- ").unwrap_or(line)).collect();
    Cow::Owned(lines.join("\n"))
}

impl Parsed {
    fn add(&mut self, name: String, test: Test) -> Result<(), SelectorError> {
        if name != NAME {
            self.tests.push((name, test));
            return Ok(());
        }
        match (test.negated, test.pattern) {
            (false, Pattern::Is(metric)) => self.name(&metric),
            _ => Err(SelectorError(format!("{NAME}: name one family, with ="))),
        }
    }

    fn name(&mut self, metric: &str) -> Result<(), SelectorError> {
        match self.metric.replace(metric.to_owned()) {
            Some(other) if other != metric => Err(SelectorError(format!(
                "two names, {} and {}; a series has one",
                shown(&other),
                shown(metric)
            ))),
            _ => Ok(()),
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    /// Bytes read.
    position: usize,
    printed: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, printed: bool) -> Result<Self, SelectorError> {
        if text.len() > LONGEST {
            return Err(SelectorError(format!("the selector is longer than {LONGEST} bytes")));
        }
        Ok(Self { text, position: 0, printed })
    }

    fn selector(mut self) -> Result<Parsed, SelectorError> {
        let mut parsed = Parsed::default();
        self.blanks();
        let mut bare = None;
        if let Some(word) = self.word() {
            self.blanks();
            match self.peek() {
                Some('=' | '!') if self.printed => bare = Some(word),
                Some('=' | '!') => {
                    return Err(self.wrong(&format!("labels stand in braces, {{{}=\"…\"}}", shown(word))));
                }
                Some('(') => {
                    return Err(self.wrong(
                        "this is an expression; give the selector that stands in it, without functions",
                    ));
                }
                _ => parsed.name(word)?,
            }
        }
        if bare.is_none() && self.peek().is_none() {
            return match parsed.metric {
                Some(_) => Ok(parsed),
                None => Err(self.wrong("there is nothing; write a family, labels in braces, or both")),
            };
        }
        let braces = bare.is_none() && self.take('{');
        if bare.is_none() && !braces {
            return Err(self.wrong("expected labels in braces, {role=\"owner\"}"));
        }
        self.labels(&mut parsed, bare, braces)?;
        self.end()?;
        Ok(parsed)
    }

    /// Tests of labels, up to the closing brace or the end.
    fn labels(
        &mut self,
        parsed: &mut Parsed,
        first: Option<&str>,
        braces: bool,
    ) -> Result<(), SelectorError> {
        let mut next = first.map(str::to_owned);
        loop {
            self.blanks();
            match self.peek() {
                Some('}') if braces && next.is_none() => {
                    self.next();
                    return Ok(());
                }
                None if !braces && next.is_none() => return Ok(()),
                _ => {}
            }
            let quoted = next.is_none() && matches!(self.peek(), Some('"' | '\'' | '`'));
            let name = match next.take() {
                Some(name) => name,
                None if quoted => self.quoted()?,
                None => match self.word() {
                    Some(word) => word.to_owned(),
                    None => return Err(self.wrong("expected the name of a label")),
                },
            };
            self.blanks();
            match self.operator()? {
                Some((negated, like)) => {
                    self.blanks();
                    let value = self.value()?;
                    let pattern = if like { Pattern::like(&value)? } else { Pattern::Is(value) };
                    parsed.add(name, Test { negated, pattern })?;
                }
                // A name in quotes by itself is the family's.
                None if quoted => parsed.name(&name)?,
                None => return Err(self.wrong(&format!("expected =, !=, =~ or !~ behind {}", shown(&name)))),
            }
            self.blanks();
            let comma = self.take(',');
            let is_over = matches!(self.peek(), Some('}') | None);
            if !comma && !is_over && !self.printed {
                return Err(self.wrong("expected a comma or the closing brace"));
            }
            if self.peek().is_none() && braces {
                return Err(self.wrong("the closing brace is missing"));
            }
        }
    }

    fn operator(&mut self) -> Result<Option<(bool, bool)>, SelectorError> {
        let negated = match self.peek() {
            Some('=') => false,
            Some('!') => true,
            _ => return Ok(None),
        };
        self.next();
        match (negated, self.peek()) {
            (true, Some('=')) => {
                self.next();
                Ok(Some((true, false)))
            }
            (_, Some('~')) => {
                self.next();
                Ok(Some((negated, true)))
            }
            (true, _) => Err(self.wrong("expected != or !~")),
            (false, _) => Ok(Some((false, false))),
        }
    }

    fn value(&mut self) -> Result<String, SelectorError> {
        match self.peek() {
            Some('"' | '\'' | '`') => self.quoted(),
            _ if self.printed => {
                let start = self.position;
                while self.peek().is_some_and(|c| !c.is_whitespace() && !matches!(c, ',' | '}')) {
                    self.next();
                }
                Ok(self.text[start..self.position].to_owned())
            }
            _ => Err(self.wrong(
                "expected a value in quotes; for a shell, all of the selector stands in single quotes",
            )),
        }
    }

    /// A string in quotes, with Go's escapes unless these are backquotes.
    fn quoted(&mut self) -> Result<String, SelectorError> {
        let Some(quote) = self.next() else { return Err(self.wrong("expected a value in quotes")) };
        let mut value = String::new();
        while let Some(c) = self.next() {
            match c {
                c if c == quote => return Ok(value),
                '\\' if quote != '`' => value.push(self.escape()?),
                c => value.push(c),
            }
        }
        Err(self.wrong("the closing quote is missing"))
    }

    fn escape(&mut self) -> Result<char, SelectorError> {
        let letter = self.next();
        let digits = match letter {
            Some('n') => return Ok('\n'),
            Some('t') => return Ok('\t'),
            Some('r') => return Ok('\r'),
            Some('a') => return Ok('\u{7}'),
            Some('b') => return Ok('\u{8}'),
            Some('f') => return Ok('\u{c}'),
            Some('v') => return Ok('\u{b}'),
            Some(c @ ('\\' | '"' | '\'')) => return Ok(c),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => return Err(self.wrong("this is no escape; a backslash itself is written \\\\")),
        };
        let code: String = std::iter::from_fn(|| self.next()).take(digits).collect();
        let code =
            Some(code).filter(|code| code.len() == digits && code.bytes().all(|b| b.is_ascii_hexdigit()));
        let c = code.and_then(|code| u32::from_str_radix(&code, 16).ok()).and_then(char::from_u32);
        c.ok_or_else(|| self.wrong("this escape stands for no character"))
    }

    /// Only blanks, or the value of a printed series.
    fn end(&mut self) -> Result<(), SelectorError> {
        self.blanks();
        let rest = self.text[self.position..].trim();
        let is_value =
            rest.starts_with("=>") || rest.split_whitespace().all(|word| word.parse::<f64>().is_ok());
        match rest.is_empty() || (self.printed && is_value) {
            true => Ok(()),
            false if is_value => {
                Err(self.wrong("a value stands behind it; leave it out, or give all of it to --from-labels"))
            }
            false => Err(self
                .wrong("expected nothing more; a range, an offset or an operator is no part of a selector")),
        }
    }

    /// A name of a series or a label.
    fn word(&mut self) -> Option<&'t str> {
        let start = self.position;
        let fits = |c: char, first: bool| {
            c.is_ascii_alphabetic() || matches!(c, '_' | ':') || (!first && c.is_ascii_digit())
        };
        while self.peek().is_some_and(|c| fits(c, self.position == start)) {
            self.next();
        }
        let word = &self.text[start..self.position];
        (!word.is_empty()).then_some(word)
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn take(&mut self, expected: char) -> bool {
        let is_there = self.peek() == Some(expected);
        if is_there {
            self.next();
        }
        is_there
    }

    fn peek(&self) -> Option<char> {
        self.text[self.position..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        Some(next)
    }

    fn wrong(&self, why: &str) -> SelectorError {
        let place = self.text[..self.position].chars().count() + 1;
        SelectorError(format!("not a selector, at character {place}: {why}"))
    }
}
