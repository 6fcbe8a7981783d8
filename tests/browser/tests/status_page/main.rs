//! The status page in a real browser.

mod figures;
mod inspection;
mod keyboard;
mod layout;
mod privacy;
mod proxy;
mod refresh;
mod restart;
mod security;
mod states;
