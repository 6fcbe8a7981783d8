//! The order of a list.

use std::cmp::Ordering;

use super::column::Column;
use super::row::Row;

/// What rows are sorted by: one column after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order(Vec<(Column, bool)>);

impl Order {
    /// The order by one column, with `-` before its name for the other way round.
    ///
    /// # Errors
    ///
    /// If there is no such column.
    pub fn key(text: &str) -> Result<(Column, bool), String> {
        let text = text.trim();
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        Ok((Column::parse(name)?, descending))
    }

    /// The order by `keys`; nothing for none.
    pub fn by(keys: Vec<(Column, bool)>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Puts `rows` in order. Equal ones stay as they were.
    pub fn sort(&self, rows: &mut [Row]) {
        rows.sort_by(|a, b| {
            let orders = self.0.iter().map(|(column, descending)| column.compare(a, b, *descending));
            orders.fold(Ordering::Equal, Ordering::then)
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::admin_api::{Field, User};

    #[test]
    fn rows_are_in_order_and_those_without_a_value_come_last() {
        let row = |id: &'static str, name: Option<&str>, added_at: Option<i64>| {
            let added_at = added_at.map_or(Field::Absent, Field::Value);
            let user = User { id: id.into(), added_at, ..User::default() };
            Row::of(&user, name, &Arc::from("acme"), 1_000)
        };
        let rows = [
            row("a", Some("bea"), Some(5)),
            row("b", None, Some(7)),
            row("c", Some("Ada"), None),
            row("d", Some("ada"), Some(7)),
        ];
        for (keys, expected) in [
            (&["name"][..], "cdab"),
            (&["-name"], "adcb"),
            (&["added_at"], "abdc"),
            (&["-added_at"], "bdac"),
            (&["-added_at", "name"], "dbac"),
            (&["role"], "abcd"),
        ] {
            let keys = keys.iter().map(|key| Order::key(key).unwrap()).collect();
            let mut rows = rows.to_vec();
            Order::by(keys).unwrap().sort(&mut rows);
            let ids: String = rows.iter().map(|row| row.id.as_str()).collect();
            assert_eq!(ids, expected);
        }
        assert_eq!(Order::by(vec![]), None);
        assert!(Order::key("-age").unwrap_err().starts_with("\"age\" is no column; "));
    }
}
