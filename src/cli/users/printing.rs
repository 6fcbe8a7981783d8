//! Writes the list as it comes, one organization after the other, on a thread that may wait for whoever reads.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use rustix::termios::tcgetwinsize;
use tokio_util::sync::CancellationToken;

use super::request::Request;
use crate::app::{Ended, Event, List};
use crate::cli::complain;
use crate::cli::progress::Progress;
use crate::listing::{Column, Ending, Format, Order, Outcome, Rendering, Row};

/// Taken for a terminal that does not tell its width.
const USUAL_COLUMNS: usize = 80;

/// What writes the list.
pub(super) struct Printer {
    rendering: Rendering,
    order: Option<Order>,
    limit: Option<usize>,
    /// Whether the walk has to come to its end, whatever the limit.
    needs_all: bool,
    counts_memberships: bool,
    /// Whether the list stands on a terminal, with the line of progress maybe.
    on_terminal: bool,
    progress: Progress,
    printed: Printed,
}

/// What was written.
#[derive(Default)]
pub(super) struct Printed {
    pub(super) lists: Vec<PrintedList>,
    /// Rows written.
    pub(super) rows: u64,
    /// Whether the walks were ended, as there were rows enough.
    pub(super) limited: bool,
    /// Whether nobody reads any more.
    pub(super) reader_left: bool,
}

/// The list of one organization.
pub(super) struct PrintedList {
    pub(super) ending: Ending,
    pub(super) outcome: Outcome,
    /// Why it is not whole, other than that there were rows enough.
    pub(super) failure: Option<String>,
    /// When those on the list were added.
    pub(super) added_at: Vec<i64>,
}

impl Printed {
    /// Whether an organization could not be walked as far as the list needs it.
    pub(super) fn has_failed(&self) -> bool {
        self.lists.iter().any(|list| list.failure.is_some())
    }

    /// Whether all users were seen who could be on the list.
    pub(super) fn is_whole(&self) -> bool {
        !self.limited && !self.reader_left && self.lists.iter().all(|list| list.ending.complete)
    }
}

impl Printer {
    pub(super) fn new(request: &Request, several: bool, progress: Progress) -> Self {
        let on_terminal = io::stdout().is_terminal();
        let terminal = on_terminal.then(columns_of_terminal);
        let columns = match (request.columns.as_slice(), request.format) {
            ([], Format::Table) => Column::usual(several, terminal),
            ([], _) => Column::ALL.to_vec(),
            (chosen, _) => chosen.to_vec(),
        };
        Self {
            rendering: Rendering::new(request.format, columns, terminal),
            order: request.order.clone(),
            limit: request.limit,
            needs_all: request.order.is_some() || request.against.is_some(),
            counts_memberships: request.counts_memberships,
            on_terminal,
            progress,
            printed: Printed::default(),
        }
    }

    /// Writes until all walks have ended, or there is nobody to write for. `stop` says that walks were given up.
    pub(super) fn print(mut self, lists: Vec<List>, stop: &CancellationToken) -> anyhow::Result<Printed> {
        match self.print_all(lists, stop) {
            Ok(()) => Ok(self.printed),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.printed.reader_left = true;
                Ok(self.printed)
            }
            Err(error) => Err(anyhow::anyhow!("cannot write to standard output: {error}")),
        }
    }

    fn print_all(&mut self, lists: Vec<List>, stop: &CancellationToken) -> io::Result<()> {
        write(self.on_terminal, &self.progress, [self.rendering.begin()])?;
        let mut kept = Vec::new();
        for mut list in lists {
            let (mut added_at, mut ended, mut listed) = (Vec::new(), None, 0);
            while let Some(event) = list.events.blocking_recv() {
                match event {
                    Event::Rows(rows) => {
                        added_at.extend(rows.iter().filter_map(|row| row.added_at));
                        match self.order {
                            Some(_) => {
                                listed += rows.len() as u64;
                                kept.extend(rows);
                            }
                            None => listed += self.rows(rows)?,
                        }
                    }
                    Event::FellBack => self.progress.aside(|| {
                        complain("note: the API did not give all users of --email; all users are walked");
                    }),
                    Event::Ended(how) => ended = Some(how),
                }
                if self.has_enough() {
                    self.printed.limited = true;
                    break;
                }
            }
            let list = self.ended(&list, ended, listed, added_at, stop);
            self.printed.lists.push(list);
            if self.printed.limited {
                break;
            }
        }
        if let Some(order) = &self.order {
            order.sort(&mut kept);
            self.rows(kept)?;
        }
        let endings: Vec<Ending> = self.printed.lists.iter().map(|list| list.ending.clone()).collect();
        let left_out = self
            .limit
            .is_some_and(|limit| endings.iter().map(|ending| ending.users).sum::<u64>() > limit as u64);
        let end = self.rendering.end(&endings, !self.printed.limited && !left_out);
        write(self.on_terminal, &self.progress, [end])
    }

    /// Whether the walks can end here.
    fn has_enough(&self) -> bool {
        !self.needs_all && self.limit.is_some_and(|limit| self.rendering.written() >= limit as u64)
    }

    /// How a list came to its end, with those `listed` so far where its walk did not.
    fn ended(
        &self,
        list: &List,
        ended: Option<Ended>,
        listed: u64,
        added_at: Vec<i64>,
        stop: &CancellationToken,
    ) -> PrintedList {
        let why = if stop.is_cancelled() { "stopped by a signal" } else { "the walk was given up" };
        let counts_memberships = self.counts_memberships && ended.is_some();
        let is_whole = ended.as_ref().is_some_and(|ended| ended.failure.is_none());
        let Ended { outcome, walk_start, unreadable, failure } = ended.unwrap_or_else(|| Ended {
            outcome: Outcome { users: listed, ..Outcome::default() },
            walk_start: None,
            unreadable: None,
            failure: (!self.printed.limited).then(|| why.to_owned()),
        });
        let ending = Ending {
            organization: list.organization.to_string(),
            walk_start,
            users: outcome.users,
            memberships: counts_memberships.then_some(outcome.memberships),
            unreadable,
            complete: is_whole,
        };
        PrintedList { ending, outcome, failure, added_at }
    }

    /// Writes rows, as far as the limit has room for them. Gives how many.
    fn rows(&mut self, mut rows: Vec<Row>) -> io::Result<u64> {
        if let Some(limit) = self.limit {
            let room = (limit as u64).saturating_sub(self.rendering.written());
            rows.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        }
        write(self.on_terminal, &self.progress, self.rendering.rows(&rows))?;
        self.printed.rows = self.rendering.written();
        Ok(rows.len() as u64)
    }
}

/// Writes pieces of text one by one, and at the end of them all that is left, so that whoever reads has it.
fn write(on_terminal: bool, progress: &Progress, pieces: impl IntoIterator<Item = String>) -> io::Result<()> {
    let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).peekable();
    if pieces.peek().is_none() {
        return Ok(());
    }
    let mut write = || {
        let mut output = BufWriter::new(io::stdout().lock());
        pieces.try_for_each(|piece| output.write_all(piece.as_bytes()))?;
        output.flush()
    };
    if on_terminal { progress.aside(write) } else { write() }
}

fn columns_of_terminal() -> usize {
    let told = tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    if told == 0 { USUAL_COLUMNS } else { told }
}
