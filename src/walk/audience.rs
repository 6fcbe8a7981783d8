//! Somebody who wants to see users, and not only how many there are.

use crate::admin_api::{Body, User};
use crate::clock::Moment;

/// Sees the users of a walk as they are counted: each once, page by page.
///
/// What it has seen stands for nothing until the walk is complete.
pub trait Audience: Sync {
    /// The walk begins: the reference time of all ages.
    fn begin(&self, start: &Moment);

    /// A page was counted. `users` are those of `body` who had not been met.
    fn page(&self, body: &Body, users: &[&User<'_>]);

    /// All that was counted is thrown away: the walk starts over and shows everybody anew.
    fn start_over(&self);
}
