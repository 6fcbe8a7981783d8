//! Which part a request asks for.

use super::State;

/// Which part is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::web::status) struct Query {
    /// The organization to be shown with everything.
    pub(in crate::web::status) organization: Option<String>,
    /// The only state to be listed.
    pub(in crate::web::status) state: Option<State>,
}

impl Query {
    /// What the query of a request asks for; what is not known in it is overlooked.
    pub(in crate::web::status) fn parse(query: Option<&str>) -> Self {
        let mut parsed = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "organization" => parsed.organization = Some(value.into_owned()),
                "state" => parsed.state = State::ALL.into_iter().find(|state| state.name() == value),
                _ => {}
            }
        }
        parsed
    }
}
