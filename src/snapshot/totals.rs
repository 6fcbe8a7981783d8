//! The numbers that are asked for first.

use crate::composition::{Figures, total};

/// Totals of figures. A number that the API did not tell is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserTotals {
    /// All users.
    pub users: u64,
    /// Owners.
    pub owners: Option<u64>,
    /// Service accounts.
    pub service_accounts: Option<u64>,
    /// People, so no service accounts, whom SCIM manages.
    pub people_in_scim: Option<u64>,
    /// People whom SCIM does not manage.
    pub people_outside_scim: Option<u64>,
}

impl UserTotals {
    /// The totals of `figures`.
    pub fn of(figures: &Figures) -> Self {
        let people = |managed| total(&figures.users, [None, Some("user"), Some(managed), None]);
        Self {
            users: total(&figures.users, [None; 4]).unwrap_or_default(),
            owners: total(&figures.users, [Some("owner"), None, None, None]),
            service_accounts: total(&figures.users, [None, Some("service_account"), None, None]),
            people_in_scim: people("true"),
            people_outside_scim: people("false"),
        }
    }
}
