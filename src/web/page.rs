//! The status page: what is watched, and how it goes, one line each.

use maud::{DOCTYPE, Markup, html};

use crate::clock::Moment;
use crate::snapshot::{Board, Organization};

/// The page at `/`.
pub(super) fn status(board: &Board, telemetry_path: &str, now: &Moment) -> String {
    page(board, telemetry_path, now).into_string()
}

fn page(board: &Board, telemetry_path: &str, now: &Moment) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "OpenAI organization exporter" }
            }
            body {
                h1 { "OpenAI organization exporter" }
                p { "Version " (env!("CARGO_PKG_VERSION")) ", revision " (env!("REVISION")) }
                ul {
                    li { a href=(telemetry_path) { "Metrics" } }
                    @for probe in ["/-/healthy", "/-/ready", "/-/fresh"] {
                        li { a href=(probe) { (probe) } }
                    }
                }
                h2 { "Organizations" }
                ul {
                    @for organization in board.organizations().iter() {
                        li { b { (organization.name) } ": " (state(organization, now)) }
                    }
                }
            }
        }
    }
}

/// The state of an organization in one line.
fn state(organization: &Organization, now: &Moment) -> String {
    let (state, timing) = (organization.state(), organization.timing());
    let figures = match &state.snapshot {
        Some(snapshot) if state.fresh_snapshot(now, timing.max_age).is_some() => {
            format!("{} users {} ago", snapshot.users, age(now.since(&snapshot.summary.start).as_secs()))
        }
        Some(snapshot) => format!(
            "figures withdrawn, the last ones are {} old",
            age(now.since(&snapshot.summary.start).as_secs())
        ),
        None => "no figures yet".to_owned(),
    };
    let walk = match &state.last_walk {
        None => "the first walk is under way".to_owned(),
        Some(walk) => format!(
            "the latest walk {} {} ago, after {} pages in {:.1} s",
            walk.failure.map_or("succeeded".to_owned(), |reason| format!("failed ({reason})")),
            age(now.since(&walk.end).as_secs()),
            walk.pages,
            walk.duration.as_secs_f64()
        ),
    };
    format!("{figures}; {walk}; every {}", age(timing.interval.as_secs()))
}

/// A time in its two largest units.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}
