//! `docs`, hidden: the pages that are written from tables of the program.

use super::arguments::DocsPage;
use super::{DONE, Failure, say};
use crate::{catalog, config};

pub(super) fn run(page: DocsPage) -> Result<u8, Failure> {
    say(&match page {
        DocsPage::Metrics => catalog::markdown(),
        DocsPage::Configuration => config::markdown(),
    })?;
    Ok(DONE)
}
