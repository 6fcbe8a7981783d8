//! Comma-separated values, as RFC 4180 has them, that no spreadsheet takes for formulas.

use super::harmless::harmless_besides;

/// What a spreadsheet takes for the beginning of a formula: signs, of full width too, and blanks before one.
const FORMULAS: [char; 11] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];

/// Controls that a cell can have.
const USUAL: [char; 3] = ['\t', '\r', '\n'];

/// One record, its line break included. A cell that would be a formula gets an apostrophe before it, and what a terminal
/// obeys or nobody sees is spelled out, other than tabs and line breaks.
pub fn record<'c>(cells: impl IntoIterator<Item = &'c str>) -> String {
    let mut record = String::new();
    for (number, cell) in cells.into_iter().enumerate() {
        if number > 0 {
            record.push(',');
        }
        let cell = harmless_besides(cell, &USUAL);
        let guard = if cell.starts_with(FORMULAS) { "'" } else { "" };
        match cell.contains(['"', ',', '\r', '\n']) {
            true => record.extend(["\"", guard, &cell.replace('"', "\"\""), "\""]),
            false => record.extend([guard, &cell]),
        }
    }
    // A line with nothing in it is no record to many readers.
    if record.is_empty() {
        record.push_str("\"\"");
    }
    record.push_str("\r\n");
    record
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        for (cells, expected) in [
            (&["a", "b c", ""][..], "a,b c,\r\n"),
            (
                &["a,b", "say \"hi\"", "two\nlines", "\r"],
                "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\"'\r\"\r\n",
            ),
            (&[""], "\"\"\r\n"),
            (&["Zoë 田中"], "Zoë 田中\r\n"),
            (
                &["\u{1b}[2J\u{7}", "\u{9b}1m\u{85}", "\u{202e}a\u{2066}", "b\u{2028}c\u{2029}", "d\te"],
                "\\u{1b}[2J\\u{7},\\u{9b}1m\\u{85},\\u{202e}a\\u{2066},b\\u{2028}c\\u{2029},d\te\r\n",
            ),
        ] {
            assert_eq!(record(cells.iter().copied()), expected);
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, expected) in [
            ("=1+1", "'=1+1\r\n"),
            ("+1", "'+1\r\n"),
            ("-1", "'-1\r\n"),
            ("@SUM(A1)", "'@SUM(A1)\r\n"),
            ("\tx", "'\tx\r\n"),
            ("\rx", "\"'\rx\"\r\n"),
            ("\n=1", "\"'\n=1\"\r\n"),
            ("＝1", "'＝1\r\n"),
            ("＋1", "'＋1\r\n"),
            ("－1", "'－1\r\n"),
            ("＠x", "'＠x\r\n"),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"\r\n"),
            ("a=1", "a=1\r\n"),
            ("ada@example.com", "ada@example.com\r\n"),
        ] {
            assert_eq!(record([cell]), expected);
        }
    }

    /// The cells of the one record in `text`.
    fn read(text: &str) -> Vec<String> {
        let text = text.strip_suffix("\r\n").unwrap();
        let (mut cells, mut cell, mut quoted) = (vec![], String::new(), false);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                c => cell.push(c),
            }
        }
        assert!(!quoted);
        cells.push(cell);
        cells
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was(cells in prop::collection::vec(r#"[=+@＝ab,"\r\n\t-]{0,5}"#, 1..5)) {
            let guarded = |cell: &String| match cell.starts_with(FORMULAS) {
                true => format!("'{cell}"),
                false => cell.clone(),
            };
            let expected: Vec<String> = cells.iter().map(guarded).collect();
            prop_assert_eq!(read(&record(cells.iter().map(String::as_str))), expected);
        }
    }
}
