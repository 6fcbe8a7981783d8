//! The web face: hyper server, routes, limits, status page.
//!
//! It must not know how figures come about; a request is answered from memory, and never asks the API.

mod body;
mod complaints;
mod compression;
pub mod guard;
mod inherited;
mod listener;
mod metrics;
mod negotiation;
mod paths;
mod reload;
mod routes;
mod security_headers;
mod server;
mod status;

pub use guard::Guard;
pub use inherited::{InheritedSocket, InheritedSocketError};
pub use listener::{ListenAddress, ListenAddressError, Listener, LocalAddress};
pub use paths::{ExternalUrl, ExternalUrlError, Paths, RoutePrefix, RoutePrefixError};
pub use reload::{NotAsked, ReloadOutcome, ReloadRequest, Reloads, reloads};
pub use routes::Site;
pub use server::{Options, serve, serve_stream};
pub use status::Facts;
