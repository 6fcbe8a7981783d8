//! The state of the organizations as Prometheus reads it.
//!
//! It must not know where figures come from or who asks.

mod collector;
mod text;

pub use collector::{Options, OrganizationCollector};
pub use text::{CONTENT_TYPE, render};
