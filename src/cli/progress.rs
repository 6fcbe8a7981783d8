//! How far the walks are, in one line on a terminal.
//!
//! It is for whoever looks on: nothing is shown in a pipe, a file or a log, and nothing stays behind.

mod pace;
mod screen;
mod words;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval};

use self::pace::Pace;
use self::screen::Screen;
use self::words::{Doing, Watched, fit, line};
use crate::clock::{Clock, Moment};
use crate::config::{Environment, Log, LogFormat};
use crate::snapshot::{Activity, Board, Organization};

/// From one look at the walks to the next.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How fast the walks of organizations go, by name.
type Paces = BTreeMap<String, Pace>;

/// The line, which log lines make way for.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    shown: bool,
    bar: ProgressBar,
}

impl Progress {
    /// The line, if standard error is a terminal that can draw one, and the log is for people: JSON is for programs.
    pub(super) fn new(log: &Log, environment: &Environment) -> Self {
        let shown = log.format != LogFormat::Json && io::stderr().is_terminal() && can_draw(environment);
        Self { shown, bar: ProgressBar::hidden() }
    }

    /// Does something that may write to the same terminal, with the line put aside.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Where log lines go: to standard error, whole, and above the line.
    pub(super) fn log_writer(&self) -> impl Fn() -> LogWriter + Send + Sync + use<> {
        let bar = self.bar.clone();
        move || LogWriter(bar.clone())
    }

    /// Shows how far the walks of `board` are, for as long as it is polled; dropped, it clears the line.
    pub(super) async fn watch(&self, board: &Board, clock: Clock) -> Infallible {
        if !self.shown {
            return std::future::pending().await;
        }
        let screen = Shown::on(&self.bar);
        let mut paces = Paces::new();
        let mut drawn = (0, String::new());
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            looks.tick().await;
            let now = clock.now();
            let watched = look(&board.organizations(), &now, &mut paces);
            let columns = Screen::columns();
            let text = (columns, fit(&line(&watched), usize::from(columns)));
            if text != drawn {
                screen.bar.set_message(text.1.clone());
                drawn = text;
            }
        }
    }
}

/// What is to be said of `organizations`. The paces of those that are gone go.
fn look(organizations: &[Arc<Organization>], now: &Moment, paces: &mut Paces) -> Vec<Watched> {
    let mut before = std::mem::take(paces);
    let watched = organizations.iter().map(|organization| {
        let name = organization.name.clone();
        let pace = before.remove(&name).unwrap_or_default();
        watched(organization, now, paces.entry(name).or_insert(pace))
    });
    watched.collect()
}

/// Whether the terminal of `environment` can go back in a line.
fn can_draw(environment: &Environment) -> bool {
    environment.get("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}

/// What is to be said of `organization`.
fn watched(organization: &Organization, now: &Moment, pace: &mut Pace) -> Watched {
    let state = organization.state();
    let doing = match &*organization.activity() {
        Activity::Walking { start, meter } => {
            let (pages, users) = (meter.pages(), meter.users());
            let per_second = pace.observe(start.instant, now.instant, users);
            Doing::Walking { elapsed: now.since(start), pages, users, per_second }
        }
        Activity::Waiting { next } => {
            Doing::Waiting { next: next.map(|next| next.instant.saturating_duration_since(now.instant)) }
        }
    };
    Watched {
        doing,
        last_walk: state.last_walk.as_ref().map(|walk| words::LastWalk {
            ago: now.since(&walk.end),
            pages: walk.pages,
            failed: walk.failure.is_some(),
        }),
        users: state.snapshot.as_ref().map(|snapshot| snapshot.users),
    }
}

/// The line while it is on the screen.
struct Shown<'b> {
    bar: &'b ProgressBar,
}

impl<'b> Shown<'b> {
    fn on(bar: &'b ProgressBar) -> Self {
        bar.set_style(
            ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(Screen::default())));
        Self { bar }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// Takes one log line, puts the progress aside, and writes.
#[derive(Debug)]
pub(super) struct LogWriter(ProgressBar);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_cannot_go_back_in_a_line_is_left_alone() {
        let with = |name: &str| can_draw(&Environment::from([("TERM".to_owned(), name.to_owned())]));
        assert!(with("xterm-256color"));
        assert!(with("linux"));
        assert!(!with("dumb"));
        assert!(!with(""));
        assert!(!can_draw(&Environment::new()));
    }

    #[test]
    fn the_pace_of_an_organization_is_kept_as_long_as_it_is_there() {
        let now = Clock::system().now();
        let organization = |name: &str| Arc::new(Organization::new(name, LOOK_EVERY, LOOK_EVERY));
        let mut paces = Paces::new();
        for names in [&["a", "b"][..], &["b", "c"], &[]] {
            let organizations: Vec<_> = names.iter().map(|name| organization(name)).collect();
            assert_eq!(look(&organizations, &now, &mut paces).len(), names.len());
            assert!(paces.keys().eq(names), "{paces:?}");
        }
        // What was seen of a walk stays.
        let organizations = [organization("a")];
        organizations[0].set_activity(Activity::Walking { start: now, meter: Arc::default() });
        look(&organizations, &now, &mut paces);
        let later = Moment { instant: now.instant + Duration::from_secs(1), ..now };
        let watched = look(&organizations, &later, &mut paces);
        assert!(matches!(watched[0].doing, Doing::Walking { per_second: Some(0.0), .. }), "{watched:?}");
    }
}
