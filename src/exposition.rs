//! The state of the organizations as Prometheus reads it.
//!
//! It must not know where figures come from or who asks.

mod collector;
mod format;
mod open_metrics;
mod protobuf;
#[cfg(test)]
mod tests;

pub use collector::{Options, OrganizationCollector};
pub use format::{Format, encode, expose, render};
