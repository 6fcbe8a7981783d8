//! Totals over rows.

use super::Row;

/// The users of the `rows` that have the `wanted` values, a `None` standing for any; nothing where there is no such row,
/// as then the API did not tell.
///
/// ```
/// use openai_org_exporter::composition::{Row, total};
///
/// let row = |labels: [&'static str; 2], value| Row { labels: labels.map(Into::into), value };
/// let rows = [row(["owner", "user"], 3), row(["reader", "user"], 0)];
/// assert_eq!(total(&rows, [None, Some("user")]), Some(3));
/// assert_eq!(total(&rows, [Some("reader"), None]), Some(0));
/// assert_eq!(total(&rows, [None, Some("service_account")]), None);
/// ```
pub fn total<const N: usize>(rows: &[Row<N>], wanted: [Option<&str>; N]) -> Option<u64> {
    rows.iter()
        .filter(|row| {
            row.labels.iter().zip(wanted).all(|(label, wanted)| wanted.is_none_or(|wanted| label == wanted))
        })
        .map(|row| row.value)
        .fold(None, |sum, value| Some(sum.unwrap_or_default() + value))
}
