//! The page. It says what the model says, and nothing else.

mod organization;
mod overview;
mod policies;
mod sections;

use maud::{DOCTYPE, Markup, html};

use super::assets::{HASH, ICON, SCRIPT, STYLE};
use super::model::{Query, State, Status, until};
use super::time::{Time, about, exactly};
use super::words::{at, grouped};
use crate::web::paths::Paths;

/// Seconds between two refreshes, at least and at most; and for a page of very many organizations.
const REFRESH: [f64; 3] = [2.0, 15.0, 60.0];

/// Organizations from which on a page is refreshed less often.
const MANY: usize = 100;

/// The page of `status`.
pub(super) fn page(status: &Status, query: &Query, paths: &Paths, telemetry_path: &str) -> Markup {
    let title = match &status.organization {
        Some(organization) => format!("{}: {}", organization.name, state_name(organization.state)),
        None => format!("{} of {} organizations fresh", status.summary.fresh, status.summary.organizations),
    };
    document(
        paths,
        telemetry_path,
        &title,
        &html! {
            main id="main" tabindex="-1" data-refresh-seconds=(refresh(status)) {
                @match &status.organization {
                    Some(organization) => (organization::page(organization, status, paths)),
                    None => (overview::page(status, query, paths)),
                }
                (sections::process(status, paths, telemetry_path))
            }
        },
    )
}

/// The page that says that there is no such organization.
pub(super) fn no_such_organization(paths: &Paths, telemetry_path: &str) -> Markup {
    document(
        paths,
        telemetry_path,
        "No such organization",
        &html! {
            main id="main" tabindex="-1" {
                h1 { "No such organization" }
                p { "No organization of this name is watched; it may have been taken out of the configuration." }
                p { a href=(paths.link("/")) { "All organizations" } }
            }
        },
    )
}

fn document(paths: &Paths, telemetry_path: &str, title: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-assets=(*HASH) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " \u{b7} OpenAI organization exporter" }
                link rel="icon" type="image/svg+xml" href=(paths.link(&ICON.route()));
                link rel="stylesheet" href=(paths.link(&STYLE.route()));
                script src=(paths.link(&SCRIPT.route())) defer {}
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                (patterns())
                header class="top" {
                    p class="brand" {
                        a href=(paths.link("/")) { (mark()) span { "OpenAI organization exporter" } }
                    }
                    nav aria-label="Other faces" {
                        ul {
                            li { a href=(paths.link(telemetry_path)) { "Metrics" } }
                            li { a href=(paths.link("/api/v1/status")) { "JSON" } }
                        }
                    }
                    div class="refresh" id="refresh" hidden {}
                }
                p class="unseen" id="announcement" role="status" {}
                (main)
            }
        }
    }
}

/// The fillings that tell parts of bars apart, whatever the colours.
fn patterns() -> Markup {
    let hatch = |id: &str, angle: u32, gap: u32, fill: &str| {
        html! {
            pattern id=(id) width=(gap) height=(gap) patternUnits="userSpaceOnUse" patternTransform={ "rotate(" (angle) ")" } {
                rect class=(fill) width=(gap) height=(gap) {}
                rect class="hatch" width="1.5" height=(gap) {}
            }
        }
    };
    html! {
        svg class="unseen" width="0" height="0" aria-hidden="true" focusable="false" {
            defs {
                (hatch("hatch-second", 45, 6, "fill-second"))
                (hatch("hatch-unknown", 135, 4, "fill-unknown"))
            }
        }
    }
}

/// The sign beside the name.
fn mark() -> Markup {
    html! {
        svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" {
            rect x="2" y="12" width="5" height="10" rx="1.5" {}
            rect x="9.5" y="7" width="5" height="15" rx="1.5" {}
            rect x="17" y="2" width="5" height="20" rx="1.5" {}
        }
    }
}

/// When the page is worth being fetched again: soon while a walk is under way, and when the next one is due.
fn refresh(status: &Status) -> String {
    let [least, usual, many] = REFRESH;
    let seconds = match &status.organization {
        None if status.organizations.len() > MANY => many,
        None => usual,
        Some(organization) if organization.walk_under_way.is_some() => least,
        Some(organization) => organization
            .next_walk_time
            .map_or(usual, |next| (until(next, status.time).as_secs_f64() + 1.0).clamp(least, usual)),
    };
    format!("{seconds:.0}")
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Fresh => "fresh",
        State::Failing => "failing",
        State::HeldBack => "held back",
        State::Stale => "stale",
        State::FirstWalk => "first walk",
        State::NoFigures => "no figures",
    }
}

/// A number, in groups for people and as it is for programs.
fn number(number: u64) -> Markup {
    html! { data value=(number) { (grouped(number)) } }
}

/// A number, or that it is not known.
fn known(value: Option<u64>) -> Markup {
    match value {
        Some(value) => number(value),
        None => html! { span class="none" { "unknown" } },
    }
}

/// A moment of the past: how long ago, and when.
fn ago(time: Time, now: Time) -> Markup {
    html! { time datetime=(time.rfc_3339()) { (about(until(now, time).as_secs_f64())) " ago, " (at(time, now)) } }
}

/// A moment, by its time of day.
fn moment(time: Time, now: Time) -> Markup {
    html! { time datetime=(time.rfc_3339()) { (at(time, now)) } }
}

/// A moment to come: in how long, and when.
fn ahead(time: Time, now: Time) -> Markup {
    let left = until(time, now).as_secs_f64();
    html! {
        time datetime=(time.rfc_3339()) {
            @if left < 1.0 { "now" } @else { "in " (exactly(left.floor())) ", " (at(time, now)) }
        }
    }
}

/// A term and what it is.
fn fact(term: &str, what: &Markup) -> Markup {
    html! { div { dt { (term) } dd { (what) } } }
}

/// The text with a capital at its beginning.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
