//! The status page and its JSON: what is watched, how that goes, and the figures.
//!
//! Both are rendered from one model, so that they cannot disagree. No name, address or id of anybody is in it, and no
//! project's: what is shown are counts, and label values that the telemetry path shows too.

mod assets;
mod charts;
mod figures;
mod html;
mod json;
mod model;
mod time;
mod words;

use super::paths::Paths;
use crate::clock::Moment;
use crate::snapshot::Board;
use crate::telemetry::Telemetry;

pub(super) use assets::Asset;
use model::{Query, Status};

/// What the page says of the process besides what the rooms know.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Where routes are, and what links to them look like.
    pub paths: Paths,
    /// Since when the process runs.
    pub start: Option<Moment>,
    /// Whether a state file is kept.
    pub state_file: bool,
}

/// What both faces read.
pub(super) struct Sources<'s> {
    pub(super) board: &'s Board,
    pub(super) telemetry: &'s Telemetry,
    pub(super) telemetry_path: &'s str,
    pub(super) facts: &'s Facts,
    pub(super) now: Moment,
}

/// A face, or the one that says that there is no such organization.
pub(super) type Face = Result<String, String>;

impl Sources<'_> {
    /// The page for the query of a request.
    pub(super) fn page(&self, query: Option<&str>) -> Face {
        let query = Query::parse(query);
        let paths = &self.facts.paths;
        match self.status(&query, true) {
            Ok(status) => Ok(html::page(&status, &query, paths, self.telemetry_path).into_string()),
            Err(_) => Err(html::no_such_organization(paths, self.telemetry_path).into_string()),
        }
    }

    /// The JSON for the query of a request.
    pub(super) fn json(&self, query: Option<&str>) -> Face {
        match self.status(&Query::parse(query), false) {
            Ok(status) => Ok(json::write(&status)),
            Err(_) => Err(json::no_such_organization()),
        }
    }

    fn status(&self, query: &Query, trends: bool) -> Result<Status, model::NoSuchOrganization> {
        Status::read(self, query, trends)
    }
}
