//! How many requests the API still grants, and how they are spread over the time until it grants more: pure.
//!
//! Source: OpenAI's guide to rate limits, headers `x-ratelimit-*-requests`. An answer says how many requests are left
//! and when they will be back in full, as a Go duration (`1s`, `6m0s`, `120ms`).

use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::Instant;

/// The longest wait that is believed. A header that says more is wrong, or of a limit that waiting does not help with;
/// a 429 will tell.
pub(super) const LONGEST_BELIEVED: Duration = Duration::from_secs(600);

/// Requests are spread out when no more than this are left of a limit that is not named.
const FEW: u64 = 10;

/// Requests are spread out when no more than one in so many is left of a limit that is named.
const FEW_OF: u64 = 10;

/// What an answer says of the requests that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    /// Requests left.
    pub(super) remaining: u64,
    limit: Option<u64>,
    /// The time until all are back.
    reset: Option<Duration>,
}

/// The requests of one admin key.
#[derive(Debug, Default)]
pub(super) struct Budget {
    window: Option<Window>,
    /// The end of the wait that a 429 asked for.
    closed_until: Option<Instant>,
    last_sent: Option<Instant>,
}

/// When the next request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// At once.
    Now,
    /// Then, unless an answer changes it.
    At(Instant),
}

#[derive(Debug, Clone, Copy)]
struct Window {
    remaining: u64,
    /// From how many on requests are spread out.
    few: u64,
    reset: Instant,
}

impl Grant {
    /// What the headers say, if they name the number of requests left.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
        let number = |name| text(name)?.parse::<u64>().ok();
        Some(Self {
            remaining: number("x-ratelimit-remaining-requests")?,
            limit: number("x-ratelimit-limit-requests"),
            reset: text("x-ratelimit-reset-requests").and_then(duration),
        })
    }
}

impl Budget {
    /// An answer came at `now` and said `grant`. Without a reset that can be believed nothing is known.
    pub(super) fn granted(&mut self, grant: Grant, now: Instant) {
        let reset = grant.reset.filter(|reset| *reset <= LONGEST_BELIEVED);
        self.window = reset.map(|reset| Window {
            remaining: grant.remaining,
            few: grant.limit.map_or(FEW, |limit| limit.div_ceil(FEW_OF)),
            reset: now + reset,
        });
    }

    /// A 429 came at `now`: nothing is sent for `wait`.
    pub(super) fn refused(&mut self, wait: Duration, now: Instant) {
        let until = now + wait.min(LONGEST_BELIEVED);
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// A 429 came at `now` and asked for `wait` itself, which overrides what a grant says.
    pub(super) fn told_to_wait(&mut self, wait: Duration, now: Instant) {
        self.refused(wait, now);
        self.window = None;
    }

    /// Whether a 429 keeps everything back at `now`, or did a moment ago: then another one is of a request that was under
    /// way already.
    pub(super) fn was_closed(&self, now: Instant) -> bool {
        const A_MOMENT: Duration = Duration::from_secs(1);
        self.closed_until.is_some_and(|until| until + A_MOMENT > now)
    }

    /// When a request may be sent, asked at `now`.
    pub(super) fn turn(&self, now: Instant) -> Turn {
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Turn::At(until);
        }
        let Some(window) = self.open_window(now) else { return Turn::Now };
        let at = match (window.remaining, self.last_sent) {
            (0, _) => window.reset,
            (remaining, Some(last)) if remaining <= window.few => {
                // The requests left and the reset divide the time evenly, whenever one asks.
                let parts = u32::try_from(remaining).unwrap_or(u32::MAX).saturating_add(1);
                last + window.reset.duration_since(last) / parts
            }
            _ => now,
        };
        if at <= now { Turn::Now } else { Turn::At(at) }
    }

    /// Whether so few requests are left that they are spread out.
    pub(super) fn is_short(&self, now: Instant) -> bool {
        self.open_window(now).is_some_and(|window| window.remaining <= window.few)
    }

    fn open_window(&self, now: Instant) -> Option<Window> {
        self.window.filter(|window| window.reset > now)
    }

    /// Takes the turn, if it has come at `now`; the request is sent then.
    pub(super) fn take(&mut self, now: Instant) -> Turn {
        let turn = self.turn(now);
        if turn == Turn::Now {
            self.last_sent = Some(now);
            if let Some(window) = &mut self.window {
                window.remaining = window.remaining.saturating_sub(1);
            }
        }
        turn
    }
}

/// A duration as Go writes it (`1h2m3.5s`, `120ms`), or a number of seconds. A negative one is none.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit = rest[number..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| number + end);
        let factor = match rest[number..unit].trim() {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += rest[..number].parse::<f64>().ok()? * factor;
        rest = &rest[unit..];
    }
    // Nothing at all is no duration.
    if text.is_empty() { None } else { Duration::try_from_secs_f64(seconds).ok() }
}

#[cfg(test)]
mod tests;
