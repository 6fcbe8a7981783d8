//! How a list is written down, piece by piece.

use serde_json::json;

use super::column::Column;
use super::row::Row;
use super::table::{Heading, Layout};
use super::{csv, harmless, harmless_json, unobeyed};

/// What a list is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated values with a head.
    Csv,
    /// One id a line.
    Ids,
}

/// How the list of one organization ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// The organization's name.
    pub organization: String,
    /// The start of the walk in Unix seconds, if it began.
    pub walk_start: Option<i64>,
    /// Users that are selected.
    pub users: u64,
    /// Their memberships, where those are what is counted.
    pub memberships: Option<u64>,
    /// Records that could not be read and are on no list; nothing where that is not known.
    pub unreadable: Option<u64>,
    /// Whether the walk is whole.
    pub complete: bool,
}

impl Ending {
    /// Whether nobody can be missing: the walk is whole, and every record of it could be read.
    pub fn has_all(&self) -> bool {
        self.complete && self.unreadable == Some(0)
    }
}

/// A list that is being written.
#[derive(Debug)]
pub struct Rendering {
    format: Format,
    columns: Vec<Column>,
    /// Columns of the terminal that a table has to fit.
    terminal: Option<usize>,
    /// Of a table, as its first rows made it.
    layout: Option<Layout>,
    rows: u64,
}

impl Format {
    const NAMES: [(&'static str, Self); 5] = [
        ("table", Self::Table),
        ("json", Self::Json),
        ("jsonl", Self::JsonLines),
        ("csv", Self::Csv),
        ("ids", Self::Ids),
    ];

    /// The format with this name.
    ///
    /// # Errors
    ///
    /// If there is none, with those that there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name.trim());
        found.map(|(_, format)| *format).ok_or_else(|| {
            let names = Self::NAMES.map(|(name, _)| name).join(", ");
            format!("{name:?} is no way to write a list; write it as one of {names}")
        })
    }
}

impl Rendering {
    /// A list of `columns`; a table of them fits a terminal with so many columns.
    pub fn new(format: Format, columns: Vec<Column>, terminal: Option<usize>) -> Self {
        Self { format, columns, terminal, layout: None, rows: 0 }
    }

    /// How many rows were written.
    pub fn written(&self) -> u64 {
        self.rows
    }

    /// What stands before all rows.
    pub fn begin(&self) -> String {
        match self.format {
            Format::Json => "{\"users\":[".to_owned(),
            Format::Csv => csv::record(self.columns.iter().map(|column| column.label())),
            Format::Table | Format::JsonLines | Format::Ids => String::new(),
        }
    }

    /// Some more rows, a piece for each as it is asked for. The first ones say how wide the columns of a table are.
    pub fn rows<'r>(&'r mut self, rows: &'r [Row]) -> impl Iterator<Item = String> + 'r {
        let head = self.head(rows);
        head.into_iter().chain(rows.iter().map(move |row| self.row(row)))
    }

    fn row(&mut self, row: &Row) -> String {
        self.rows += 1;
        match self.format {
            Format::Table => {
                let cells = self.columns.iter().map(|column| column.words(row));
                let line = self.layout.as_ref().map(|layout| layout.line(cells)).unwrap_or_default();
                // Without a terminal it may stand in the log of a job.
                let line = if self.terminal.is_none() { unobeyed(&line).into_owned() } else { line };
                line + "\n"
            }
            Format::Json => {
                let before = if self.rows == 1 { "\n" } else { ",\n" };
                before.to_owned() + &self.object(row)
            }
            Format::JsonLines => self.object(row) + "\n",
            Format::Csv => {
                let cells: Vec<_> = self.columns.iter().map(|column| column.cell(row)).collect();
                csv::record(cells.iter().map(AsRef::as_ref))
            }
            Format::Ids => harmless(&row.id).into_owned() + "\n",
        }
    }

    /// What stands behind all rows. A list that was cut short has not `all` of them.
    pub fn end(&self, endings: &[Ending], all: bool) -> String {
        if self.format != Format::Json {
            return String::new();
        }
        let organizations = endings.iter().map(|ending| {
            let mut object = json!({
                "organization": ending.organization,
                "walk_start": ending.walk_start,
                "users": ending.users,
                "unreadable": ending.unreadable,
                "complete": ending.has_all(),
            });
            if let Some(memberships) = ending.memberships {
                object["memberships"] = json!(memberships);
            }
            object
        });
        let organizations: serde_json::Value = organizations.collect();
        let complete = all && endings.iter().all(Ending::has_all);
        let unreadable: u64 = endings.iter().filter_map(|ending| ending.unreadable).sum();
        let organizations = harmless_json(&organizations.to_string());
        format!(
            "\n],\"listed\":{},\"unreadable\":{unreadable},\"complete\":{complete},\"organizations\":{organizations}}}\n",
            self.rows
        )
    }

    /// The head of a table, if `rows` are its first ones.
    fn head(&mut self, rows: &[Row]) -> Option<String> {
        if self.format != Format::Table || rows.is_empty() || self.layout.is_some() {
            return None;
        }
        let headings: Vec<Heading> = self.columns.iter().map(|column| column.heading()).collect();
        let cells = |row: &Row| self.columns.iter().map(|column| column.words(row).into_owned()).collect();
        let layout = Layout::of(&headings, rows.iter().map(cells), self.terminal);
        let head = layout.line(headings.iter().map(|heading| heading.title)) + "\n";
        self.layout = Some(layout);
        Some(head)
    }

    /// A row as an object, its fields in the order of the columns.
    fn object(&self, row: &Row) -> String {
        let field = |column: &Column| format!("\"{}\":{}", column.label(), column.json(row));
        let fields: Vec<String> = self.columns.iter().map(field).collect();
        harmless_json(&format!("{{{}}}", fields.join(",")))
    }
}

#[cfg(test)]
mod tests;
