//! `docs`, hidden: the pages that are written from tables of the program.

use super::arguments::DocsPage;
use crate::{catalog, config};

pub(super) fn run(page: DocsPage) {
    print!(
        "{}",
        match page {
            DocsPage::Metrics => catalog::markdown(),
            DocsPage::Configuration => config::markdown(),
        }
    );
}
