//! The Admin API's endpoint "List users": key, base URL, client, page, user, retries, errors.
//!
//! It answers one question, "what is the page behind this cursor?", and tries until it has an answer or a reason
//! why not. It must not know what a walk is, what is counted, or when.
//!
//! Source of all facts about the API: the API reference, "List users" (`GET /v1/organization/users`).

mod base_url;
mod budget;
mod client;
mod error;
mod field;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod key;
mod key_holder;
mod page;
mod person;
mod private;
mod retry;
mod scan;
mod user;
mod walkers;

pub use base_url::{BaseUrl, BaseUrlError};
pub use client::{BadProxy, Client, Connections, Options, Proxy};
pub use error::{Detail, Error};
pub use field::Field;
pub use gate::InFlight;
pub use key::{AdminKey, AdminKeyError, KeyFileError};
pub use page::{Body, Page, PageError};
pub use person::Person;
pub use private::{looks_like_a_key, looks_like_an_address, shown_id};
pub use user::{Account, Project, Projects, User};
