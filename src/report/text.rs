//! Texts that can be shown.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A ratio as a percentage.
pub(super) fn share(ratio: f64) -> String {
    let text = format!("{:.4}", ratio * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Unix seconds as RFC 3339 has it.
pub(super) fn time(unix_seconds: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(unix_seconds).ok()?.format(&Rfc3339).ok()
}
