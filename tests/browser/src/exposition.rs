//! The text format, as much of it as a comparison needs.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};

/// A family's name with labels: a sample's, or those that a selection asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The family.
    pub family: String,
    /// Label names and values.
    pub labels: BTreeMap<String, String>,
}

/// The samples of a scrape.
#[derive(Debug)]
pub struct Samples(Vec<(Series, f64)>);

impl Series {
    /// A series as it is written, `family{name="value",...}`.
    ///
    /// # Errors
    ///
    /// If `text` is none, or goes on behind it.
    pub fn parse(text: &str) -> Result<Self> {
        match read(text)? {
            (series, "") => Ok(series),
            (_, rest) => bail!("{rest:?} behind the series {text:?}"),
        }
    }
}

impl Samples {
    /// The samples of a scrape's `text`.
    ///
    /// # Errors
    ///
    /// If a line is no sample.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines.map(|line| {
            let (series, rest) = read(line)?;
            Ok((series, rest.trim().parse().with_context(|| format!("no value: {line}"))?))
        });
        Ok(Self(samples.collect::<Result<_>>()?))
    }

    /// Scrapes `url`.
    ///
    /// # Errors
    ///
    /// If there is no answer, or it is no exposition.
    pub async fn scrape(url: &str) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Self::parse(&client.get(url).send().await?.error_for_status()?.text().await?)
    }

    /// The sum over all samples of the family that carry at least the labels of `wanted`; nothing if there are none.
    pub fn sum(&self, wanted: &Series) -> Option<f64> {
        let mut values = self.select(wanted).map(|(_, value)| value).peekable();
        values.peek()?;
        Some(values.sum())
    }

    /// All samples of the family that carry at least the labels of `wanted`.
    pub fn select(&self, wanted: &Series) -> impl Iterator<Item = (&Series, f64)> {
        let matching = move |series: &Series| {
            series.family == wanted.family
                && wanted.labels.iter().all(|(name, value)| series.labels.get(name) == Some(value))
        };
        self.0.iter().filter(move |(series, _)| matching(series)).map(|(series, value)| (series, *value))
    }
}

/// A series at the beginning of `text`, and the rest.
fn read(text: &str) -> Result<(Series, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (family, mut rest) = text.split_at(end);
    if family.is_empty() {
        bail!("no series: {text:?}");
    }
    let mut labels = BTreeMap::new();
    if let Some(behind) = rest.strip_prefix('{') {
        rest = behind;
        while !rest.starts_with('}') {
            let (name, behind) = rest.split_once("=\"").with_context(|| format!("no label: {text:?}"))?;
            let (value, behind) = quoted(behind).with_context(|| format!("no end of a label: {text:?}"))?;
            labels.insert(name.trim().to_owned(), value);
            rest = behind.trim_start_matches([',', ' ']);
        }
        rest = &rest[1..];
    }
    Ok((Series { family: family.to_owned(), labels }, rest))
}

/// A value up to its quotation mark, and what stands behind that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            (_, other) => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_selected_by_some_of_their_labels_and_summed() {
        let text = "# HELP a b\na{x=\"1\",y=\"p, \\\"q\\\" \\\\\"} 2\na{x=\"1\",y=\"r\"} 3\na{x=\"2\",y=\"r\"} 5\nb 1.5e1\n";
        let samples = Samples::parse(text).unwrap();
        let sum = |series| samples.sum(&Series::parse(series).unwrap());
        assert_eq!(sum("a"), Some(10.0));
        assert_eq!(sum("a{x=\"1\"}"), Some(5.0));
        assert_eq!(sum("a{y=\"p, \\\"q\\\" \\\\\"}"), Some(2.0));
        assert_eq!(sum("b"), Some(15.0));
        assert_eq!(sum("b{x=\"1\"}"), None);
    }

    #[test]
    fn what_is_no_series_is_refused() {
        for text in ["", "{}", "a{", "a{x}", "a{x=\"1}", "a} 1", "a 1"] {
            assert!(Series::parse(text).is_err(), "{text}");
        }
        assert!(Samples::parse("a x").is_err());
    }
}
