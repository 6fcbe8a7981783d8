//! The client against a server on loopback that answers by a script, byte by byte.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

mod hostile;
mod politeness;
mod requests;
mod rotation;
mod scripted;
mod sharing;
