//! A roster in the making, compared user by user with the one before: ids are at hand only now.

use std::sync::Arc;

use super::{Changes, Roster};
use crate::admin_api::User;

/// Builds the roster of one walk. Clones of one that has met nobody build parts of it, which can be put together.
#[derive(Debug, Clone)]
pub struct Builder {
    roster: Roster,
    before: Option<Arc<Roster>>,
    changes: Changes,
}

impl Builder {
    /// Nobody yet, to be compared with the roster `before`, if there is one.
    pub fn new(before: Option<Arc<Roster>>) -> Self {
        let roster = before.as_deref().map_or_else(Roster::new, Roster::after);
        Self { roster, before, changes: Changes::default() }
    }

    /// Meets a user; `true` the first time.
    pub fn meet(&mut self, user: &User<'_>) -> bool {
        let Some((hash, attributes)) = self.roster.meet(user) else { return false };
        if let Some(before) = &self.before {
            let known = before.attributes(hash).map(|attributes| (&**before, attributes));
            self.changes.see(&user.id, known, (&self.roster, attributes));
        }
        true
    }

    /// Takes in everybody whom `other`, a clone of the same builder, met in another part of the list; `false`, and of no
    /// use any more, if somebody was met by both.
    #[must_use]
    pub fn absorb(&mut self, other: Self) -> bool {
        self.changes.add(other.changes);
        self.roster.absorb(other.roster)
    }

    /// How many have been met.
    pub fn len(&self) -> usize {
        self.roster.len()
    }

    /// Whether nobody has been met.
    pub fn is_empty(&self) -> bool {
        self.roster.is_empty()
    }

    /// The roster, everybody having been met, and what changed since the one before, if there was one.
    pub fn finish(mut self) -> (Roster, Option<Changes>) {
        self.roster.entries.shrink();
        let Some(before) = self.before else { return (self.roster, None) };
        let (roster, mut changes) = (self.roster, self.changes);
        let mut now = roster.entries().peekable();
        let gone = before.entries().filter(|(hash, _)| {
            while now.next_if(|(next, _)| next < hash).is_some() {}
            now.peek().is_none_or(|(next, _)| next != hash)
        });
        changes.miss(&before, gone.map(|(_, attributes)| attributes));
        drop(now);
        (roster, Some(changes))
    }
}
