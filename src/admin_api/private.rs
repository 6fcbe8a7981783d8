//! What looks like a key or a mail address, in whatever field it comes: none of the API is trusted to hold neither.

use std::borrow::Cow;

/// Signs that stand for the `@` of an address.
const AT: [char; 3] = ['@', '\u{ff20}', '\u{fe6b}'];

/// Other spellings of `%`, `@` and `-`, in lower case: URLs, JSON in JSON, HTML.
const SPELLINGS: [(&str, &str); 8] = [
    ("%25", "%"),
    ("%40", "@"),
    ("\\u0040", "@"),
    ("&#64;", "@"),
    ("&#x40;", "@"),
    ("%2d", "-"),
    ("\\u002d", "-"),
    ("&#45;", "-"),
];

/// The longest id that is shown, in bytes.
const LONGEST_ID: usize = 128;

/// Whether `text` looks like a mail address, however that is spelled.
pub fn looks_like_an_address(text: &str) -> bool {
    plain(text).contains(AT)
}

/// Whether an API key begins in `text`, at its beginning or behind what is no letter and no digit.
///
/// ```
/// use openai_org_exporter::admin_api::looks_like_a_key;
///
/// assert!(looks_like_a_key("key:sk-admin-abc") && looks_like_a_key("sk%2Dproj-1"));
/// assert!(!looks_like_a_key("risk-owner"));
/// ```
pub fn looks_like_a_key(text: &str) -> bool {
    let text = plain(text);
    let mut found = text.match_indices("sk-");
    found.any(|(place, _)| !text[..place].ends_with(char::is_alphanumeric))
}

/// An id as logs and reports show it: one that may be anything else is `<unusual>`.
///
/// ```
/// use openai_org_exporter::admin_api::shown_id;
///
/// assert_eq!(shown_id("user-abc123"), "user-abc123");
/// assert_eq!(shown_id("ada@acme.com"), "<unusual>");
/// ```
pub fn shown_id(id: &str) -> &str {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    let begins_well = id.starts_with(|c: char| c.is_ascii_alphanumeric());
    match begins_well && id.len() <= LONGEST_ID && id.bytes().all(is_usual) && !looks_like_a_key(id) {
        true => id,
        false => "<unusual>",
    }
}

/// `text` with other spellings of an address or a key undone; in lower case, where there are any.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '\\', '&']) {
        return Cow::Borrowed(text);
    }
    let lower = text.to_ascii_lowercase();
    Cow::Owned(SPELLINGS.iter().fold(lower, |text, (spelling, sign)| text.replace(spelling, sign)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_keys_are_known_by_their_looks() {
        for text in [
            "a@b",
            "(ada\u{fe6b}acme.com)",
            "ada\u{ff20}acme.com",
            "ada%40acme.com",
            "ada%2540acme.com",
            "a&#64;b",
            r"a\u0040b",
        ] {
            assert!(looks_like_an_address(text), "{text}");
        }
        for text in
            ["sk-1", "(sk-admin-1)", "Bearer:sk-1", "\"sk-x\"", "x sk-1", r"sk\u002dadmin", "sk%2Dadmin"]
        {
            assert!(looks_like_a_key(text), "{text}");
        }
        for text in ["owner", "risk-admin", "desk-1", "100%", "R&D", r"a\b", "Zoë"] {
            assert!(!looks_like_a_key(text) && !looks_like_an_address(text), "{text}");
        }
        for (id, shown) in [
            ("user_1.a:b", "user_1.a:b"),
            ("sk-1", "<unusual>"),
            ("a b", "<unusual>"),
            ("ä", "<unusual>"),
            ("::error::x", "<unusual>"),
        ] {
            assert_eq!(shown_id(id), shown);
        }
        assert_eq!(shown_id(&"x".repeat(129)), "<unusual>");
    }
}
