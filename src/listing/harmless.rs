//! Texts that people chose, on a terminal of somebody else.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every harmful character spelled out, as `\u{202e}` or `\n`; see [`is_harmful`].
///
/// ```
/// use openai_org_exporter::listing::harmless;
///
/// assert_eq!(harmless("Ada\u{1b}[31m"), r"Ada\u{1b}[31m");
/// assert_eq!(harmless("Zoë 田中"), "Zoë 田中");
/// ```
pub fn harmless(text: &str) -> Cow<'_, str> {
    harmless_besides(text, &[])
}

/// The same, but characters that are `usual` stay.
pub(super) fn harmless_besides<'t>(text: &'t str, usual: &[char]) -> Cow<'t, str> {
    let is_spelled = |c: char| is_harmful(c) && !usual.contains(&c);
    if !text.contains(is_spelled) {
        return Cow::Borrowed(text);
    }
    let mut spelled = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_spelled(c) {
            true => spelled.extend(c.escape_default()),
            false => spelled.push(c),
        }
    }
    Cow::Owned(spelled)
}

/// JSON with every harmful character of its texts as an escape, as `\u202e`; see [`is_harmful`]. Line breaks stay: in JSON
/// they stand between texts only.
///
/// ```
/// use openai_org_exporter::listing::harmless_json;
///
/// assert_eq!(harmless_json("[\n  \"a\u{202e}\"\n]"), "[\n  \"a\\u202e\"\n]");
/// ```
pub fn harmless_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut last = None;
    for c in json.chars() {
        // Two of these begin a command to the runner of a job; they can stand in texts only.
        let is_command = c == '#' && last == Some('#');
        last = Some(c);
        match is_command || (c != '\n' && is_harmful(c)) {
            true => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            false => text.push(c),
        }
    }
    text
}

/// `line` as no runner of jobs takes it for a command to it: GitHub's obeys `::` where a line begins, blanks before it or
/// not, and others two `#` with a name behind them anywhere: `##[`, `##vso[`, `##teamcity[`.
///
/// ```
/// use openai_org_exporter::listing::unobeyed;
///
/// assert_eq!(unobeyed("::error::x"), "- ::error::x");
/// assert_eq!(unobeyed("a ##[error]x"), r"a #\u{23}[error]x");
/// assert_eq!(unobeyed("Ada ::"), "Ada ::");
/// ```
pub fn unobeyed(line: &str) -> Cow<'_, str> {
    let mut line = Cow::Borrowed(line);
    if line.contains("##") {
        line = Cow::Owned(line.replace("##", r"#\u{23}"));
    }
    if is_command(&line) {
        line = Cow::Owned(format!("- {line}"));
    }
    line
}

/// Whether GitHub's runner takes a line for a command to it. Blanks before it do not matter.
pub fn is_command(line: &str) -> bool {
    line.trim_start().starts_with("::")
}

/// Whether a terminal obeys `c`, or nobody sees it: controls, marks of direction, what has no width, separators of lines.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // The soft hyphen, joiners of letters, and letters that are blank.
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{2800}' | '\u{3164}'
            | '\u{ffa0}'
            // Signs that stand over numbers, and the Arabic mark of direction.
            | '\u{600}'..='\u{605}' | '\u{61c}'
            // Without a width, and marks of direction.
            | '\u{200b}'..='\u{200f}'
            // Separators of lines and paragraphs, embeddings and overrides.
            | '\u{2028}'..='\u{202e}'
            // Joiners, isolates, and what is deprecated.
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Controls of shorthand and of music.
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Selectors of variations, and tags.
            | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_nobody_sees_is_spelled_out() {
        for (text, expected) in [
            ("a\0b\u{7f}", r"a\u{0}b\u{7f}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("tab\tline\r\n", r"tab\tline\r\n"),
            ("\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}", r"\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}"),
            ("\u{2066}\u{2067}\u{2068}\u{2069}", r"\u{2066}\u{2067}\u{2068}\u{2069}"),
            ("\u{200e}\u{200f}\u{61c}", r"\u{200e}\u{200f}\u{61c}"),
            ("\u{200b}\u{200c}\u{200d}\u{feff}\u{2060}", r"\u{200b}\u{200c}\u{200d}\u{feff}\u{2060}"),
            ("\u{2028}\u{2029}\u{85}", r"\u{2028}\u{2029}\u{85}"),
            ("\u{ad}\u{2800}\u{600}\u{605}", r"\u{ad}\u{2800}\u{600}\u{605}"),
            ("\u{1bca0}\u{1bca3}\u{1d173}\u{1d17a}", r"\u{1bca0}\u{1bca3}\u{1d173}\u{1d17a}"),
            ("\u{fe00}\u{fe0f}\u{e0100}\u{e01ef}", r"\u{fe00}\u{fe0f}\u{e0100}\u{e01ef}"),
            ("\u{e0041}", r"\u{e0041}"),
        ] {
            assert_eq!(harmless(text), expected);
        }
    }

    #[test]
    fn letters_of_the_world_stay() {
        for text in
            ["", "Ada Lovelace", "Zoë", "e\u{301}", "田中", "עברית", "العربية", "😀", "O'Brien-Łuczak"]
        {
            assert!(matches!(harmless(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn json_has_escapes_and_keeps_its_lines() {
        assert_eq!(
            harmless_json("{\n  \"a\u{9b}\": \"\u{7f}\u{1d173}\u{e0041}é\"\n}"),
            "{\n  \"a\\u009b\": \"\\u007f\\ud834\\udd73\\udb40\\udc41é\"\n}"
        );
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in any::<String>()) {
            prop_assert!(!harmless(&text).contains(is_harmful));
        }

        #[test]
        fn json_is_read_back_as_it_was(text in any::<String>()) {
            let json = harmless_json(&serde_json::to_string(&text).unwrap());
            prop_assert!(!json.contains(is_harmful));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
