//! What goes wrong on purpose.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

/// Something that goes wrong with a share of the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// How often: from 0 (never) to 1 (with every request).
    pub rate: f64,
}

/// The ways in which an answer can be wrong.
///
/// They strike requests for the list that carry the right key. Those that change the page strike only pages
/// that the request is entitled to; an error status stays one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Status 500 with an error body.
    Status500,
    /// Status 429 with code `rate_limit_exceeded`, and in turn `retry-after-ms: 250` or `retry-after: 1`.
    Status429,
    /// The connection is reset without an answer.
    Reset,
    /// Half of the body that `content-length` promises, then the connection closes.
    Truncate,
    /// Status 200 with an HTML page.
    Html,
    /// No answer at all until the simulator stops.
    Hang,
    /// The body comes in ten pieces over about three seconds.
    Slow,
    /// `has_more` is true, and `last_id` is the request's own `after`, without one the first id.
    RepeatCursor,
    /// `has_more` is true and there is no `last_id`; pages without users are left alone.
    MissingCursor,
    /// The first user of the page stands in it twice.
    Duplicate,
    /// A page that begins with a string of 80 MiB, a few hundred times smaller where the client accepts gzip.
    Huge,
    /// Optional fields of three users in four have the wrong type or cannot be represented.
    WrongTypes,
}

/// A text that names no fault. The message is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseFaultError {
    /// No kind has this name.
    #[error("unknown fault {name:?}{}; faults are {}", did_you_mean(.name), names())]
    UnknownKind {
        /// The text before the colon.
        name: String,
    },
    /// The rate is no number from 0 to 1.
    #[error("the rate {rate:?} of fault {kind} is not a number from 0 to 1")]
    InvalidRate {
        /// The kind, which was understood.
        kind: FaultKind,
        /// The text behind the colon.
        rate: String,
    },
}

/// Changes the faults of a simulator while it runs.
#[derive(Clone)]
pub struct FaultSwitch(Arc<Mutex<Dice>>);

struct Dice {
    faults: Vec<Fault>,
    rng: Rng,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Status500,
        Self::Status429,
        Self::Reset,
        Self::Truncate,
        Self::Html,
        Self::Hang,
        Self::Slow,
        Self::RepeatCursor,
        Self::MissingCursor,
        Self::Duplicate,
        Self::Huge,
        Self::WrongTypes,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status500 => "status-500",
            Self::Status429 => "status-429",
            Self::Reset => "reset",
            Self::Truncate => "truncate",
            Self::Html => "html",
            Self::Hang => "hang",
            Self::Slow => "slow",
            Self::RepeatCursor => "repeat-cursor",
            Self::MissingCursor => "missing-cursor",
            Self::Duplicate => "duplicate",
            Self::Huge => "huge",
            Self::WrongTypes => "wrong-types",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == text);
        known.ok_or_else(|| ParseFaultError::UnknownKind { name: text.to_owned() })
    }
}

/// Reads `KIND`, which strikes every request, or `KIND:RATE`.
impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((kind, rate)) = text.split_once(':') else {
            return Ok(Self { kind: text.parse()?, rate: 1.0 });
        };
        let kind = kind.parse()?;
        match rate.parse() {
            Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(Self { kind, rate }),
            _ => Err(ParseFaultError::InvalidRate { kind, rate: rate.to_owned() }),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.rate)
    }
}

impl FaultSwitch {
    pub(super) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Dice { faults, rng: Rng::with_seed(seed) })))
    }

    /// Replaces all faults; requests that are already being answered keep theirs.
    pub fn set(&self, faults: Vec<Fault>) {
        self.dice().faults = faults;
    }

    /// Rolls for one request: the first fault whose rate hits.
    pub(super) fn roll(&self) -> Option<FaultKind> {
        let Dice { faults, rng } = &mut *self.dice();
        faults.iter().find(|fault| rng.f64() < fault.rate).map(|fault| fault.kind)
    }

    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn names() -> String {
    FaultKind::ALL.map(FaultKind::name).join(", ")
}

fn did_you_mean(text: &str) -> String {
    let near = |name: &&str| strsim::damerau_levenshtein(text, name);
    let best = FaultKind::ALL.map(FaultKind::name).into_iter().min_by_key(near);
    match best {
        Some(name) if near(&name) <= name.len() / 3 => format!(", did you mean {name:?}?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_its_own_name() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(kind.name().parse(), Ok(Fault { kind, rate: 1.0 }));
            let fault = Fault { kind, rate: 0.25 };
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }

    #[test]
    fn a_rate_is_a_number_from_0_to_1() {
        for (text, rate) in [("hang:0", 0.0), ("hang:1", 1.0), ("hang:.5", 0.5), ("hang:1e-3", 0.001)] {
            assert_eq!(text.parse(), Ok(Fault { kind: FaultKind::Hang, rate }));
        }
        for rate in ["", "2", "-0.1", "NaN", "inf", "10%", "0.1:1"] {
            let error = format!("hang:{rate}").parse::<Fault>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("the rate {rate:?} of fault hang is not a number from 0 to 1")
            );
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_kinds_and_the_nearest() {
        let kinds = "status-500, status-429, reset, truncate, html, hang, slow, repeat-cursor, \
                     missing-cursor, duplicate, huge, wrong-types";
        let message = |text: &str| text.parse::<Fault>().unwrap_err().to_string();
        assert_eq!(
            message("statsu-500:0.1"),
            format!("unknown fault \"statsu-500\", did you mean \"status-500\"?; faults are {kinds}")
        );
        assert_eq!(message("cosmic-ray"), format!("unknown fault \"cosmic-ray\"; faults are {kinds}"));
        assert_eq!(message(""), format!("unknown fault \"\"; faults are {kinds}"));
    }

    #[test]
    fn the_same_seed_rolls_the_same_faults_at_about_their_rates() {
        let faults: Vec<Fault> = vec!["reset:0.1".parse().unwrap(), "html:0.5".parse().unwrap()];
        let rolls = |seed| {
            let switch = FaultSwitch::new(faults.clone(), seed);
            (0..1000).map(|_| switch.roll()).collect::<Vec<_>>()
        };
        let first = rolls(1);
        assert_eq!(first, rolls(1));
        assert_ne!(first, rolls(2));
        let count = |kind| first.iter().filter(|roll| **roll == kind).count();
        assert!((60..140).contains(&count(Some(FaultKind::Reset))));
        assert!((380..520).contains(&count(Some(FaultKind::Html))));
        assert!((380..520).contains(&count(None)));
    }

    #[test]
    fn setting_replaces_the_faults_of_every_handle() {
        let switch = FaultSwitch::new(vec!["reset".parse().unwrap()], 1);
        let handle = switch.clone();
        handle.set(vec!["reset:0".parse().unwrap(), "slow".parse().unwrap()]);
        assert_eq!(switch.roll(), Some(FaultKind::Slow));
        handle.set(vec![]);
        assert_eq!(switch.roll(), None);
    }
}
