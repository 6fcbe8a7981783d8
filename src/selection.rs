//! Which users are meant: selectors over the composition's labels, and whether a user is one of those selected.
//!
//! A selector is written as Prometheus writes it, `openai_org_users{role="owner",scim_managed="false"}`. What a user's
//! labels are is the composition's to say, so that whoever is listed or checked is whoever is counted. It must not
//! know where users come from, or what is done with those selected.

mod criteria;
mod family;
mod label;
mod pattern;
mod reading;
mod selector;
mod sightings;
mod truth;

pub use criteria::{Clause, Criteria, Matcher};
pub use family::Family;
pub use label::Label;
pub use pattern::{Pattern, PatternError, Test};
pub use reading::{Reading, View};
pub use selector::{Selector, SelectorError, complaint};
pub use sightings::Sightings;
pub use truth::Truth;

#[cfg(test)]
pub(crate) mod tests;
