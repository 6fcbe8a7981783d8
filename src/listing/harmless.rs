//! Texts that people chose, on a terminal of somebody else.

use std::borrow::Cow;

/// `text` with every harmful character spelled out, as `\u{202e}` or `\n`; see [`is_harmful`].
///
/// ```
/// use openai_org_exporter::listing::harmless;
///
/// assert_eq!(harmless("Ada\u{1b}[31m"), r"Ada\u{1b}[31m");
/// assert_eq!(harmless("Zoë 田中"), "Zoë 田中");
/// ```
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut spelled = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_harmful(c) {
            true => spelled.extend(c.escape_default()),
            false => spelled.push(c),
        }
    }
    Cow::Owned(spelled)
}

/// Whether a terminal obeys `c`, or nobody sees it: controls, marks of direction, what has no width, separators of lines.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // The soft hyphen, joiners of letters, and letters that are blank.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{3164}'
            | '\u{ffa0}'
            // Without a width, and marks of direction.
            | '\u{200b}'..='\u{200f}'
            // Separators of lines and paragraphs, embeddings and overrides.
            | '\u{2028}'..='\u{202e}'
            // Joiners, isolates, and what is deprecated.
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Tags.
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

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in any::<String>()) {
            prop_assert!(!harmless(&text).contains(is_harmful));
        }
    }
}
