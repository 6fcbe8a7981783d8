//! The state of the organizations as Prometheus reads it.
//!
//! It must not know where figures come from or who asks.

mod collector;
mod family;
mod format;
mod lines;
mod page;
mod part;
mod protobuf;
mod renderer;
mod samples;
mod seldom;
#[cfg(test)]
mod tests;

pub use collector::OrganizationCollector;
pub use format::{Format, encode, render};
pub use page::Page;
pub use renderer::Renderer;
pub use samples::Options;
pub use seldom::Seldom;
