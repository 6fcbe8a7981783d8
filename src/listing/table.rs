//! Tables of which not all rows are known when the first one is written.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::harmless;

/// Between two columns.
const GAP: usize = 2;

/// The widest column without a terminal. One long text of whoever chose it makes no other row longer.
const WIDEST: usize = 64;

/// What stands for the rest of a text.
const CUT: char = '…';

/// A column, before it is known how wide it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading {
    /// What stands above it.
    pub title: &'static str,
    /// The width that its texts usually need, for rows that come later.
    pub usual: usize,
    /// The width below which it says nothing; nothing where its texts are never cut.
    pub least: Option<usize>,
}

/// The widths of the columns, which stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    widths: Vec<usize>,
    /// Whether each column's texts may be cut.
    cut: Vec<bool>,
}

impl Heading {
    /// The least width that the column can have.
    pub fn least(&self) -> usize {
        self.least.unwrap_or(self.usual).max(self.title.width())
    }
}

impl Layout {
    /// Columns below `headings`, as wide as `rows`, the first ones, need, and no narrower than is usual. On a terminal
    /// with `terminal` columns they are made to fit it: the widest give way first, and texts in them are cut. Without a
    /// terminal nothing is cut, and what is longer than a column may be wide stands over.
    pub fn of(
        headings: &[Heading],
        rows: impl IntoIterator<Item = Vec<String>>,
        terminal: Option<usize>,
    ) -> Self {
        let mut widths: Vec<usize> = headings.iter().map(|heading| heading.title.width()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(&row) {
                *width = harmless(cell).width().max(*width);
            }
        }
        let Some(terminal) = terminal else {
            let widths = headings.iter().zip(widths);
            let widths = widths.map(|(heading, needed)| needed.min(WIDEST).max(heading.usual));
            return Self { widths: widths.collect(), cut: vec![false; headings.len()] };
        };
        let room = terminal.saturating_sub(GAP * headings.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            let gives = |(n, heading): (usize, &Heading)| {
                (heading.least.is_some() && widths[n] > heading.least()).then_some(n)
            };
            let giving = headings.iter().enumerate().filter_map(gives);
            let Some(widest) = giving.max_by_key(|n| widths[*n]) else { break };
            widths[widest] -= 1;
        }
        // What is left goes to columns whose later texts may need it, in turn.
        let mut left = room.saturating_sub(widths.iter().sum());
        while left > 0 {
            let before = left;
            for (width, heading) in widths.iter_mut().zip(headings) {
                if left > 0 && *width < heading.usual {
                    (*width, left) = (*width + 1, left - 1);
                }
            }
            if left == before {
                break;
            }
        }
        Self { widths, cut: headings.iter().map(|heading| heading.least.is_some()).collect() }
    }

    /// One row, made harmless, without a line break. There are as many `cells` as columns.
    pub fn line<T: AsRef<str>>(&self, cells: impl IntoIterator<Item = T>) -> String {
        let mut line = String::new();
        // Blanks are owed until something follows: no line ends with them.
        let mut owed = 0;
        for ((cell, width), cut) in cells.into_iter().zip(&self.widths).zip(&self.cut) {
            let cell = harmless(cell.as_ref());
            let text = if *cut { shortened(&cell, *width) } else { cell.into_owned() };
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', owed));
                owed = 0;
                line.push_str(&text);
            }
            owed += width.saturating_sub(text.width()) + GAP;
        }
        line
    }
}

/// `text`, or as much of its beginning as `width` holds with a sign that something is missing.
fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| match room.checked_sub(c.width().unwrap_or_default()) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push(CUT);
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: Heading = Heading { title: "ID", usual: 6, least: None };
    const NAME: Heading = Heading { title: "NAME", usual: 12, least: Some(6) };
    const ROLE: Heading = Heading { title: "ROLE", usual: 6, least: Some(5) };

    fn written(rows: &[[&str; 3]], terminal: Option<usize>) -> String {
        let headings = [ID, NAME, ROLE];
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        let layout = Layout::of(&headings, rows[..1].iter().cloned(), terminal);
        let head = layout.line(headings.map(|heading| heading.title));
        let lines = rows.iter().map(|row| layout.line(row));
        std::iter::once(head).chain(lines).map(|line| line + "\n").collect()
    }

    const ROWS: [[&str; 3]; 4] = [
        ["user-1", "Ada Lovelace", "owner"],
        ["user-22", "Charles Babbage of London", "reader"],
        ["user-3", "田中 \u{202e}さくら", ""],
        ["user-4", "", "owner"],
    ];

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        let expected = "\
ID      NAME          ROLE
user-1  Ada Lovelace  owner
user-22  Charles Babbage of London  reader
user-3  田中 \\u{202e}さくら
user-4                owner
";
        assert_eq!(written(&ROWS, None), expected);
    }

    #[test]
    fn one_long_text_makes_no_other_row_longer() {
        let long = "x".repeat(1 << 20);
        let blanks = " ".repeat(61);
        let expected = format!(
            "ID      NAME{}ROLE\nuser-1  {long}  owner\nuser-2  Ada{blanks}  owner\n",
            " ".repeat(62)
        );
        assert!(written(&[["user-1", &long, "owner"], ["user-2", "Ada", "owner"]], None) == expected);
    }

    #[test]
    fn on_a_terminal_the_widest_column_gives_way_and_ids_stay_whole() {
        let expected = "\
ID      NAME     ROLE
user-1  Ada Lo…  owner
user-22  Charle…  read…
user-3  田中 \\…
user-4           owner
";
        assert_eq!(written(&ROWS, Some(22)), expected);
    }

    #[test]
    fn room_that_is_left_is_for_rows_to_come() {
        let rows = [["user-1", "Ada", "owner"], ["user-2", "Charles Babbage", "billing-admin"]];
        let expected = "\
ID      NAME          ROLE
user-1  Ada           owner
user-2  Charles Bab…  billi…
";
        assert_eq!(written(&rows, Some(200)), expected);
    }

    proptest! {
        #[test]
        fn a_line_is_no_wider_than_the_terminal_and_has_nothing_harmful(
            name in any::<String>(), role in any::<String>(), terminal in 21usize..60,
        ) {
            let row = vec!["user-1".to_owned(), name, role];
            let layout = Layout::of(&[ID, NAME, ROLE], [row.clone()], Some(terminal));
            let line = layout.line(&row);
            prop_assert!(line.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>() <= terminal, "{}", line);
            prop_assert!(!line.contains(super::super::is_harmful));
        }
    }
}
