//! `users`: who is behind a number. Names and addresses go to standard output and nowhere else.

mod printing;
mod request;
mod summary;

use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use self::printing::{Printed, Printer};
use self::request::Request;
use super::progress::Progress;
use super::{DONE, FAILED, Failure, block_on, complain};
use crate::app::{Lists, init_logging_to, scrape, shutdown_on_signals, users};
use crate::clock::Clock;
use crate::config::{self, Config, Layers};
use crate::listing::{Comparison, Listed, Series};
use crate::snapshot::Board;

pub(super) fn run(layers: &Layers) -> Result<u8, Failure> {
    let log = config::log(layers)?;
    let progress = Progress::new(&log, layers.environment());
    init_logging_to(log, progress.log_writer());
    let request = Request::read(layers)?;
    let mut config = Config::from_layers(layers)?;
    let notes = request.choose_organizations(&mut config, layers)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    for note in request.notes().into_iter().chain(notes) {
        complain(&format!("note: {note}"));
    }
    block_on(true, async {
        let shutdown = CancellationToken::new();
        shutdown_on_signals(shutdown.clone())?;
        let (board, clock) = (Arc::new(Board::default()), Clock::system());
        let Lists { lists, walks } = users(&config, &request.wanted, clock, &board)?;
        let printer = Printer::new(&request, lists.len() > 1, progress.clone());
        let stop = shutdown.clone();
        // Whoever reads may take any time, and the walks go on.
        let mut printing = tokio::task::spawn_blocking(move || printer.print(lists, &stop));
        let printed = tokio::select! {
            printed = &mut printing => printed,
            never = progress.watch(&board, clock) => match never {},
            () = shutdown.cancelled() => {
                drop(walks);
                printing.await
            }
        };
        let printed = printed.context("the list ended in a panic")??;
        let compared = tokio::select! {
            compared = compare(&request, &printed) => compared,
            () = shutdown.cancelled() => Err(anyhow::anyhow!("stopped by a signal")),
        };
        Ok(conclude(&printed, &request, compared))
    })?
}

/// Holds the list against the series of an exporter, if one is named and the list is whole.
async fn compare(request: &Request, printed: &Printed) -> anyhow::Result<Option<Comparison>> {
    let Some(against) = request.against.as_ref().filter(|_| printed.is_whole()) else { return Ok(None) };
    let exposition = scrape(&against.exporter, against.roots.as_deref()).await;
    let exposition = exposition.with_context(|| format!("cannot read {}", against.exporter.shown()))?;
    let lists = printed.lists.iter().map(|list| Listed {
        organization: &list.ending.organization,
        walk_start: list.ending.walk_start.unwrap_or_default(),
        added_at: &list.added_at,
    });
    let lists: Vec<Listed<'_>> = lists.collect();
    Ok(Some(Comparison::of(&against.selector, &lists, &Series::parse_all(&exposition))))
}

/// Says what came of it, on standard error, and gives the exit code.
fn conclude(printed: &Printed, request: &Request, compared: anyhow::Result<Option<Comparison>>) -> u8 {
    if printed.reader_left {
        return DONE;
    }
    for line in summary::doubts(printed) {
        complain(&line);
    }
    for remark in summary::remarks(printed) {
        complain(&format!("note: {remark}"));
    }
    if printed.has_failed() {
        return FAILED;
    }
    match compared {
        Ok(comparison) => {
            complain(&summary::summary(printed, request, comparison.as_ref()));
            DONE
        }
        Err(error) => {
            complain(&summary::summary(printed, request, None));
            complain(&config::without_keys(&format!("flag --compare-with: {error:#}")));
            FAILED
        }
    }
}
