//! What the line says. Names of organizations are not in it: they may be of any width.

use std::time::Duration;

use indicatif::HumanCount;

/// A walk is spoken of from that age on: shorter ones would only flicker.
const WORTH_A_WORD: Duration = Duration::from_millis(500);

/// What is known of one organization.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Watched {
    /// What happens now.
    pub(super) doing: Doing,
    /// The latest finished walk.
    pub(super) last_walk: Option<LastWalk>,
    /// Users that the last completed walk counted.
    pub(super) users: Option<u64>,
}

/// What happens in an organization now.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Doing {
    /// It is walked, since `elapsed`.
    Walking { elapsed: Duration, pages: u64, users: u64, per_second: Option<f64> },
    /// It waits, and is walked again in `next`, if it is.
    Waiting { next: Option<Duration> },
}

/// The latest finished walk.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LastWalk {
    /// Since its end.
    pub(super) ago: Duration,
    /// Pages accepted.
    pub(super) pages: u64,
    /// Whether it failed.
    pub(super) failed: bool,
}

/// The parts of the line, the most important first, each with what joins it to those before; none if there is nothing
/// to say.
pub(super) fn line(all: &[Watched]) -> Vec<String> {
    let under_way: Vec<&Watched> = all.iter().filter(|watched| watched.is_worth_a_word()).collect();
    if under_way.is_empty() { at_rest(all) } else { walking(&under_way, all.len()) }
}

/// As many whole `parts` as `columns` hold; of the first one at least what fits.
pub(super) fn fit(parts: &[String], columns: usize) -> String {
    let mut line = String::new();
    for part in parts {
        if line.is_empty() {
            line.extend(part.chars().take(columns));
        } else if line.len() + part.len() <= columns {
            line.push_str(part);
        } else {
            break;
        }
    }
    line
}

fn walking(under_way: &[&Watched], organizations: usize) -> Vec<String> {
    let (mut pages, mut users, mut rate, mut left) = (0, 0, Some(0.0), Some(Duration::ZERO));
    for watched in under_way {
        if let Doing::Walking { pages: its_pages, users: its_users, per_second, .. } = &watched.doing {
            pages += its_pages;
            users += its_users;
            rate = rate.zip(*per_second).map(|(sum, rate)| sum + rate);
            left = left.zip(time_left(watched.users, *its_users, *per_second)).map(|(a, b)| a.max(b));
        }
    }
    let who = match organizations {
        1 => "walking".to_owned(),
        many => format!("walking {} of {many}", under_way.len()),
    };
    if pages == 0 {
        return vec![who, ": no page yet".to_owned()];
    }
    let mut parts = vec![who, format!(": {}", count(pages, "page")), format!(", {}", count(users, "user"))];
    parts.extend(rate.map(|rate| format!(", {}", per_second(rate))));
    parts.extend(left.map(|left| format!(", {} left", rounded_up(left))));
    parts
}

fn at_rest(all: &[Watched]) -> Vec<String> {
    let next = all.iter().filter_map(|watched| match watched.doing {
        Doing::Waiting { next } => next,
        Doing::Walking { .. } => None,
    });
    let next = next.min();
    let walks: Vec<&LastWalk> = all.iter().filter_map(|watched| watched.last_walk.as_ref()).collect();
    let Some(ago) = walks.iter().map(|walk| walk.ago).min() else { return Vec::new() };
    // Where each is walked once there is no rest, only an end.
    if next.is_none() && !all.iter().any(Watched::is_walked_again) {
        return Vec::new();
    }
    let failed = walks.iter().filter(|walk| walk.failed).count();
    let mut parts = match (all.len(), failed) {
        (1, 0) => vec![format!("walked {} ago", rounded_down(ago))],
        (1, _) => vec![format!("walk failed {} ago", rounded_down(ago))],
        (many, 0) => {
            let which = match walks.len() {
                walked if walked == many => format!(": {many} organizations"),
                walked => format!(": {walked} of {many} organizations"),
            };
            vec![format!("walked {} ago", rounded_down(ago)), which]
        }
        _ => vec![format!("{failed} of {} walks failed", walks.len())],
    };
    if failed == 0 && walks.len() == all.len() {
        let joint = if all.len() == 1 { ':' } else { ',' };
        let users = all.iter().filter_map(|watched| watched.users).sum();
        let pages = walks.iter().map(|walk| walk.pages).sum();
        parts.push(format!("{joint} {}", count(users, "user")));
        parts.push(format!(", {}", count(pages, "page")));
    }
    parts.extend(next.map(|next| format!("; next in {}", rounded_up(next))));
    parts
}

/// The time that a walk still takes if it goes on at this pace and meets as many users as the one before.
fn time_left(before: Option<u64>, users: u64, per_second: Option<f64>) -> Option<Duration> {
    let to_come = before?.checked_sub(users).filter(|users| *users > 0)?;
    // A walk that stands still has no end: the division gives infinity, which is no duration.
    #[allow(clippy::cast_precision_loss, reason = "users of one walk are at most 10 million")]
    Duration::try_from_secs_f64(to_come as f64 / per_second?).ok()
}

fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", HumanCount(number))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive and far below 2^64"
)]
fn per_second(rate: f64) -> String {
    match rate {
        _ if rate > 0.0 && rate < 9.95 => format!("{rate:.1} users/s"),
        _ => format!("{} users/s", HumanCount(rate.round() as u64)),
    }
}

/// For what is past: whole seconds, minutes from 2 on, hours from 2 on.
fn rounded_down(duration: Duration) -> String {
    in_units(duration.as_secs(), |seconds, unit| seconds / unit)
}

/// For what is to come.
fn rounded_up(duration: Duration) -> String {
    in_units(duration.as_secs() + u64::from(duration.subsec_nanos() > 0), u64::div_ceil)
}

fn in_units(seconds: u64, divide: impl Fn(u64, u64) -> u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", divide(seconds, 60)),
        _ => format!("{} h", divide(seconds, 3_600)),
    }
}

impl Watched {
    fn is_worth_a_word(&self) -> bool {
        matches!(self.doing, Doing::Walking { elapsed, .. } if elapsed >= WORTH_A_WORD)
    }

    fn is_walked_again(&self) -> bool {
        matches!(self.doing, Doing::Walking { .. }) && self.last_walk.is_some()
    }
}

#[cfg(test)]
mod tests;
