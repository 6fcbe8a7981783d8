//! The status page as the browser has it: what people read, by headings and terms.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::browser::Browser;
use crate::exposition::{Samples, Series};

/// A page. What a table has twice is there once.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page {
    /// The first heading: the organization, where there is one alone.
    pub heading: String,
    /// The state in words; empty on the page of several organizations.
    pub state: String,
    /// How far the walk under way is; empty if there is none.
    pub progress: String,
    /// What is said of the page's own freshness; empty without scripts.
    pub refresh: String,
    /// The end of the last walk that succeeded, in unix seconds.
    pub last_success: Option<f64>,
    /// The text of each number in a table, by the section's id, the row's heading and the column's.
    pub cells: BTreeMap<Cell, String>,
    /// What stands beside a term, by that term.
    pub terms: BTreeMap<String, String>,
}

/// Where a number stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "(String, String, String)")]
pub struct Cell {
    /// The section's id, or the title of the fold in it.
    pub section: String,
    /// The heading of the row.
    pub row: String,
    /// The heading of the column.
    pub column: String,
}

impl From<(String, String, String)> for Cell {
    fn from((section, row, column): (String, String, String)) -> Self {
        Self { section, row, column }
    }
}

#[derive(Deserialize)]
struct Read {
    heading: String,
    state: String,
    progress: String,
    refresh: String,
    last_success: Option<f64>,
    cells: Vec<(Cell, String)>,
    terms: Vec<(String, String)>,
}

const READ: &str = "
const text = element => element ? element.textContent.trim().replace(/\\s+/g, ' ') : '';
const shown = id => {
  const element = document.getElementById(id);
  return element && element.checkVisibility() ? text(element) : '';
};
const cells = [], terms = [];
let last_success = null;
for (const table of document.querySelectorAll('main table')) {
  const fold = table.closest('details');
  const section = fold ? text(fold.querySelector('summary')) : table.closest('section').getAttribute('aria-labelledby');
  const columns = [...table.tHead.rows[0].cells].map(text);
  for (const row of table.tBodies[0].rows) {
    const [head, ...rest] = row.cells;
    const name = text(head.querySelector('.name, a') ?? head);
    rest.forEach((cell, index) => {
      if (columns[index + 1]) cells.push([[section, name, columns[index + 1]], text(cell)]);
    });
  }
}
for (const term of document.querySelectorAll('main dt')) {
  const what = term.parentElement.querySelector('dd');
  terms.push([text(term), text(what)]);
  const time = what.querySelector('time');
  if (text(term) === 'Last success' && time) last_success = Date.parse(time.dateTime) / 1000;
}
return {
  heading: text(document.querySelector('h1')), state: shown('state'), progress: shown('progress'),
  refresh: shown('refresh'), last_success, cells, terms,
};
";

impl Page {
    /// The page that `browser` has open.
    ///
    /// # Errors
    ///
    /// If the browser does not say.
    pub async fn read(browser: &Browser) -> Result<Self> {
        let Read { heading, state, progress, refresh, last_success, cells, terms } =
            browser.ask(READ).await?;
        let (cells, terms) = (cells.into_iter().collect(), terms.into_iter().collect());
        Ok(Self { heading, state, progress, refresh, last_success, cells, terms })
    }

    /// The state in a word or two, in small letters: what stands before the colon.
    pub fn state_name(&self) -> String {
        self.state.split(':').next().unwrap_or_default().to_lowercase()
    }

    /// Figures are on the page.
    pub fn has_figures(&self) -> bool {
        self.terms.contains_key("Users")
    }

    /// The number of users at the head of the page.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn users(&self) -> Result<f64> {
        self.terms.get("Users").and_then(|text| number(text)).context("no number of users is on the page")
    }

    /// The scrape was made while the last success was the same as on this page.
    pub fn is_of(&self, samples: &Samples, organization: &str) -> bool {
        let mut wanted =
            Series { family: "openai_org_last_success_timestamp_seconds".into(), labels: BTreeMap::new() };
        wanted.labels.insert("organization".into(), organization.into());
        self.last_success.is_some() && samples.sum(&wanted) == self.last_success
    }
}

/// The number that `text` begins with, whatever parts its thousands.
pub fn number(text: &str) -> Option<f64> {
    let digits: String = text
        .trim()
        .chars()
        .filter(|c| !matches!(c, ',' | '\u{a0}' | '\u{2009}' | '\u{202f}'))
        .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '-'))
        .collect();
    digits.trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, value) in [("7", 7.0), (" 1,204 users", 1204.0), ("1\u{202f}204", 1204.0), ("9.", 9.0)] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        assert_eq!(number("unknown"), None);
    }
}
