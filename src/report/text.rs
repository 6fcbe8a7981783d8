//! Texts that can be shown.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What stands for characters that would move the cursor or turn the direction of writing.
const REPLACEMENT: char = '\u{fffd}';

/// `text` in one line, without characters that do anything to a terminal.
pub(super) fn clean(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
    };
    text.chars().map(|c| if is_odd(c) { REPLACEMENT } else { c }).collect()
}

/// A ratio as a percentage.
pub(super) fn share(ratio: f64) -> String {
    let text = format!("{:.4}", ratio * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Unix seconds as RFC 3339 has it.
pub(super) fn time(unix_seconds: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(unix_seconds).ok()?.format(&Rfc3339).ok()
}
