//! One line of the terminal at standard error.
//!
//! The cursor rests on the line's first column, and all from there on is cleared before the next text: a line that the
//! terminal broke when it became narrower goes as a whole, and so does a `^C` that the terminal wrote over it. The cursor
//! is never hidden, so that no end of the program can leave it so.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use indicatif::TermLike;
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

/// Taken for a terminal that does not tell its width.
const USUAL_COLUMNS: u16 = 80;

/// Where the line is drawn.
#[derive(Debug, Default)]
pub(super) struct Screen {
    pending: Mutex<String>,
}

impl Screen {
    /// Columns that a text may fill: all but the last, at whose end some terminals break the line.
    pub(super) fn columns() -> u16 {
        let told = tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
        if told == 0 { USUAL_COLUMNS - 1 } else { told.saturating_sub(1).max(1) }
    }

    /// Whether another program has the terminal, a shell say. It can draw itself then.
    fn in_background() -> bool {
        tcgetpgrp(io::stderr()).is_ok_and(|front| front != getpgrp())
    }

    fn add(&self, text: &str) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        Self::columns()
    }

    // There is one line, and nowhere to go from it.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\x1b[J");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        if text.is_empty() || Self::in_background() {
            return Ok(());
        }
        let mut output = io::stderr().lock();
        write!(output, "{}\r", text.trim_end_matches(' '))?;
        output.flush()
    }
}
