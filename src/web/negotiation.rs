//! What a client accepts, and what it gets: elements with weights, as `Accept` and `Accept-Encoding` have them.
//!
//! Nothing in these headers is an error. What cannot be read is as if it were not there, and who accepts nothing that
//! there is gets what everybody can read: a scrape that fails says less than one in another format.

use std::borrow::Cow;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, HeaderName, HeaderValue};

use crate::exposition::Format;

/// The weight of what is not weighed: weights are in thousandths.
const FULL: u16 = 1_000;

/// One element of a header, such as `text/plain;version=0.0.4;q=0.5`.
#[derive(Debug, PartialEq)]
pub(super) struct Element<'h> {
    /// What stands first.
    pub(super) name: &'h str,
    /// What follows, but for the weight; quotes are taken off.
    pub(super) parameters: Vec<(&'h str, Cow<'h, str>)>,
    /// From 0, not wanted, to 1000.
    pub(super) weight: u16,
}

/// The exposition that a client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Exposition {
    offer: Offer,
    escaping: Option<Escaping>,
}

/// A media type that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Offer {
    Text004,
    OpenMetrics100,
    OpenMetrics001,
    Text100,
    Protobuf,
}

/// What became of names that are not of the old character set. There are none, so that the same holds for three of the
/// four schemes: `dots` doubles each underscore, and nobody's dashboards would find anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Escaping {
    AllowUtf8,
    Underscores,
    Values,
}

/// How well an element fits an offer; the larger, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    /// 2 for a type that is named, 1 for `type/*`, 0 for `*/*`.
    named: u8,
    /// Parameters that the offer has too.
    parameters: usize,
}

impl Exposition {
    /// What `headers` accept most. Among what they accept as much, a named type comes before any other, then what
    /// stands first, then what is easiest to read.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let ranges: Vec<Element<'_>> = elements(headers, &ACCEPT).collect();
        let wanted = |offer: Offer| {
            let fitting = ranges.iter().enumerate().filter_map(|(at, range)| Some((offer.fit(range)?, at)));
            // The element that fits best speaks for the offer, whatever others say.
            let (fit, at) = fitting.max_by_key(|(fit, at)| (*fit, usize::MAX - at))?;
            let range = &ranges[at];
            (range.weight > 0).then_some(((range.weight, fit.named, usize::MAX - at), offer, range))
        };
        let best = Offer::ALL.into_iter().filter_map(wanted).reduce(|best, next| match next.0 > best.0 {
            true => next,
            false => best,
        });
        match best {
            Some((_, offer, range)) => Self { offer, escaping: Escaping::asked_for(range) },
            None => Self { offer: Offer::Text004, escaping: None },
        }
    }

    /// What is written.
    pub(super) fn format(self) -> Format {
        match self.offer {
            Offer::Text004 | Offer::Text100 => Format::Text,
            Offer::OpenMetrics100 | Offer::OpenMetrics001 => Format::OpenMetrics,
            Offer::Protobuf => Format::Protobuf,
        }
    }

    /// What it is called. Escaping is spoken of to those alone who asked for it.
    pub(super) fn content_type(self) -> HeaderValue {
        let (media_type, parameters) = self.offer.media_type();
        let mut text = media_type.to_owned();
        let charset = (self.format() != Format::Protobuf).then_some(("charset", "utf-8"));
        let escaping = self.escaping.map(|scheme| ("escaping", scheme.name()));
        for (name, value) in parameters.iter().copied().chain(charset).chain(escaping) {
            text.extend(["; ", name, "=", value]);
        }
        HeaderValue::try_from(text).expect("names and values are visible ASCII")
    }
}

impl Offer {
    /// All, the one that is easiest to read first.
    const ALL: [Self; 5] =
        [Self::Text004, Self::OpenMetrics100, Self::OpenMetrics001, Self::Text100, Self::Protobuf];

    fn media_type(self) -> (&'static str, &'static [(&'static str, &'static str)]) {
        match self {
            Self::Text004 => ("text/plain", &[("version", "0.0.4")]),
            Self::Text100 => ("text/plain", &[("version", "1.0.0")]),
            Self::OpenMetrics100 => ("application/openmetrics-text", &[("version", "1.0.0")]),
            Self::OpenMetrics001 => ("application/openmetrics-text", &[("version", "0.0.1")]),
            Self::Protobuf => (
                "application/vnd.google.protobuf",
                &[("proto", "io.prometheus.client.MetricFamily"), ("encoding", "delimited")],
            ),
        }
    }

    /// How well `range` fits, if it does. A parameter that says nothing of our formats is passed over.
    fn fit(self, range: &Element<'_>) -> Option<Fit> {
        let (media_type, own) = self.media_type();
        let (main, sub) = range.name.split_once('/')?;
        let (own_main, own_sub) = media_type.split_once('/')?;
        let named = match (main, sub) {
            ("*", "*") => 0,
            (main, "*") if main.eq_ignore_ascii_case(own_main) => 1,
            _ if main.eq_ignore_ascii_case(own_main) && sub.eq_ignore_ascii_case(own_sub) => 2,
            _ => return None,
        };
        let mut parameters = 0;
        for (name, value) in &range.parameters {
            let mut known = own.iter().chain(&[("charset", "utf-8")]);
            match known.find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, own)) if own.eq_ignore_ascii_case(value) => parameters += 1,
                Some(_) => return None,
                None => {}
            }
        }
        Some(Fit { named, parameters })
    }
}

impl Escaping {
    /// The scheme that a client asks for, or underscores in place of one that is not there.
    fn asked_for(range: &Element<'_>) -> Option<Self> {
        let (_, asked) = range.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("escaping"))?;
        let known = [Self::AllowUtf8, Self::Underscores, Self::Values];
        Some(known.into_iter().find(|scheme| scheme.name() == asked).unwrap_or(Self::Underscores))
    }

    fn name(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Values => "values",
        }
    }
}

/// The elements of all lines of a header that can be read, in their order.
pub(super) fn elements<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Element<'h>> + use<'h> {
    let lines = headers.get_all(name).iter();
    lines.filter_map(|line| std::str::from_utf8(line.as_bytes()).ok()).flat_map(|line| {
        let pieces = split(line, ',');
        pieces.filter_map(Element::parse)
    })
}

impl<'h> Element<'h> {
    fn parse(text: &'h str) -> Option<Self> {
        let mut pieces = split(text, ';').map(str::trim);
        let name = pieces.next().filter(|name| !name.is_empty())?;
        let (mut parameters, mut weight) = (Vec::new(), FULL);
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=')?;
            let (name, value) = (name.trim_end(), unquoted(value.trim_start())?);
            match name.eq_ignore_ascii_case("q") {
                true => weight = parse_weight(&value)?,
                false => parameters.push((name, value)),
            }
        }
        Some(Self { name, parameters, weight })
    }
}

/// `text` at each `separator` that is not between quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == separator && !quoted,
        }
        false
    })
}

/// A value without its quotes and what they escape, unless they are not closed.
fn unquoted(value: &str) -> Option<Cow<'_, str>> {
    let Some(quoted) = value.strip_prefix('"') else { return Some(Cow::Borrowed(value)) };
    let (mut plain, mut characters) = (String::with_capacity(quoted.len()), quoted.chars());
    loop {
        match characters.next()? {
            '\\' => plain.push(characters.next()?),
            '"' => break characters.as_str().is_empty().then_some(Cow::Owned(plain)),
            c => plain.push(c),
        }
    }
}

/// A weight from 0 to 1 in thousandths; further digits are cut off, unless that would leave 0.
fn parse_weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let thousandths = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let thousandths = thousandths.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let is_nothing = fraction.bytes().all(|digit| digit == b'0');
    match whole {
        "1" if is_nothing => Some(FULL),
        "" | "0" if is_nothing => Some(0),
        "" | "0" => Some(thousandths.max(1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
