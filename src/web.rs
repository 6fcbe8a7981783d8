//! The web face: hyper server, routes, limits, status page.
//!
//! It must not know how figures come about; a request is answered from memory, and never asks the API.

mod listener;
mod page;
mod routes;
mod server;

pub use listener::{ListenAddress, ListenAddressError};
pub use routes::Site;
pub use server::{Options, serve};
