//! What a connection is about at a moment, when that must have come to an end, and whether it gives way to others: pure.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Options;
use super::answers::Made;

/// A client takes an answer as long as it takes so many bytes more, or the rest, within the time-out. Counting every
/// byte would let one go on for ever that takes one at a time.
const STEP: usize = 64 << 10;
/// Whoever has taken no step for that long gives way to others, well before the time-out.
const STALLED: Duration = Duration::from_millis(250);
/// Whoever has waited so long for the exporter gives way to others, if nobody else does.
const TOO_LONG: Duration = Duration::from_secs(1);
/// Why a connection was closed before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClosedEarly {
    HeaderTimeout,
    BodyTimeout,
    WriteTimeout,
    MadeRoom,
    BadRequest,
    TooLarge,
}

impl ClosedEarly {
    /// The value of the label `reason`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HeaderTimeout => "header_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::MadeRoom => "made_room",
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
        }
    }
}

/// What a connection is about, from accept to close.
#[derive(Debug, Clone, Copy)]
pub(super) enum Activity {
    /// The client is to come through the handshake.
    Handshake { since: Instant },
    /// The client is to send a request, since then; its header has begun, if it has.
    Request { since: Instant, begun: Option<Instant> },
    /// The client is to send the body of its request.
    Body { since: Instant },
    /// A large answer is to be made when it is its turn.
    Turn { since: Instant },
    /// Who asks is looked at, or the answer is made.
    Answer { since: Instant },
    /// The client is to take the answer of `size` bytes, which others may take as well if it was `made`. `given` says
    /// that all of it waits to be written.
    Response { since: Instant, step: Instant, taken: usize, made: Option<Made>, size: usize, given: bool },
    /// Everything is said; the client is to close.
    Close { since: Instant },
}

impl Activity {
    /// Since when nothing could be done for the client, if it should give way to another by now. Those whom the exporter
    /// keeps waiting, and not they it, do so after all others.
    pub(super) fn gives_way(&self, now: Instant) -> Option<(bool, Instant)> {
        let (ours, since, patience) = match *self {
            Self::Handshake { since } | Self::Request { since, .. } => (false, since, Duration::ZERO),
            Self::Body { since } | Self::Close { since } => (false, since, Duration::ZERO),
            Self::Response { step, .. } => (false, step, STALLED),
            Self::Turn { since } | Self::Answer { since } => (true, since, TOO_LONG),
        };
        (now >= since + patience).then_some((ours, since))
    }

    /// When it must have come to an end, and why the connection is closed otherwise: nobody asks why an idle one is.
    pub(super) fn deadline(&self, options: &Options) -> Option<(Instant, Option<ClosedEarly>)> {
        match *self {
            Self::Request { begun: Some(begun), .. } => {
                Some((begun + options.header_timeout, Some(ClosedEarly::HeaderTimeout)))
            }
            Self::Request { since, begun: None } => Some((since + options.idle_timeout, None)),
            Self::Response { since, step, .. } => {
                let deadline = (step + options.write_timeout).min(since + options.response_timeout);
                Some((deadline, Some(ClosedEarly::WriteTimeout)))
            }
            // Whoever waits for these has a deadline of its own.
            Self::Handshake { .. } | Self::Body { .. } | Self::Turn { .. } => None,
            Self::Answer { .. } | Self::Close { .. } => None,
        }
    }

    /// The client, or what lies before it, took `bytes`.
    pub(super) fn wrote(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        if let Self::Response { step, taken, .. } = self {
            *taken += bytes;
            if *taken >= STEP {
                (*step, *taken) = (now(), 0);
            }
        }
    }
}

/// The answers that wait to be taken, each counted once.
#[derive(Default)]
pub(super) struct Unsent {
    pub(super) bytes: usize,
    /// How many take each.
    takers: HashMap<Made, usize>,
}

impl Unsent {
    pub(super) fn add(&mut self, activity: &Activity) {
        if let Activity::Response { made, size, .. } = *activity
            && made.is_none_or(|made| {
                let takers = self.takers.entry(made).or_default();
                *takers += 1;
                *takers == 1
            })
        {
            self.bytes += size;
        }
    }

    pub(super) fn remove(&mut self, activity: &Activity) {
        if let Activity::Response { made, size, .. } = *activity
            && made.is_none_or(|made| {
                let takers = self.takers.entry(made).or_default();
                *takers = takers.saturating_sub(1);
                *takers == 0
            })
        {
            self.bytes = self.bytes.saturating_sub(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_as_long_as_somebody_takes_it() {
        let now = Instant::now();
        let takes = |made: Option<u64>, size| {
            let made = made.map(Made);
            Activity::Response { since: now, step: now, taken: 0, made, size, given: true }
        };
        let all =
            [takes(Some(1), 10), takes(None, 5), takes(Some(1), 10), takes(Some(2), 20), takes(None, 5)];
        let mut unsent = Unsent::default();
        let mut bytes = |activity: &Activity, comes: bool| {
            if comes {
                unsent.add(activity);
            } else {
                unsent.remove(activity);
            }
            unsent.bytes
        };
        assert_eq!(all.each_ref().map(|activity| bytes(activity, true)), [10, 15, 15, 35, 40]);
        assert_eq!(all.each_ref().map(|activity| bytes(activity, false)), [40, 35, 25, 5, 0]);
        assert_eq!(bytes(&Activity::Answer { since: now }, true), 0);
    }
}
