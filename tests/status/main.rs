//! The status page and its JSON over a board: what they say, and that they say the same as the metrics.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

mod agreement;
mod organization;
mod organizations;
mod paths;
mod privacy;
mod world;
