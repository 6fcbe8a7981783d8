//! `docs`, hidden: the pages that are written from tables of the program.

use super::arguments::DocsPage;
use super::{DONE, Failure, manual, say};
use crate::catalog;
use crate::config::{self, Environment};

pub(super) fn run(page: &DocsPage, environment: &Environment) -> Result<u8, Failure> {
    match page {
        DocsPage::Metrics => say(&catalog::markdown())?,
        DocsPage::Configuration => say(&config::markdown())?,
        DocsPage::Man(directory) => manual::write(directory, environment)?,
    }
    Ok(DONE)
}
