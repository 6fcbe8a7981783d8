//! All organizations in a table.

use maud::{Markup, html};

use super::{ago, ahead, known, number, state_name};
use crate::web::paths::Paths;
use crate::web::status::charts::{bar, glyph};
use crate::web::status::model::{Organization, Query, State, Status};
use crate::web::status::words::percent;

pub(super) fn page(status: &Status, query: &Query, paths: &Paths) -> Markup {
    let summary = &status.summary;
    html! {
        div class="hero" {
            h1 { "Organizations" }
            p class="lead" {
                (number(summary.fresh as u64)) " of " (number(summary.organizations as u64))
                " organizations are fresh. "
                @if let Some(users) = summary.users {
                    (number(users)) " users are counted in " (number(summary.with_figures as u64)) " of them."
                } @else { "There are no figures." }
            }
            (states(status, query, paths))
        }
        section aria-labelledby="all" {
            h2 id="all" {
                @match query.state { Some(state) => { "Those that are " (state_name(state)) } None => "All" }
            }
            @if status.organizations.is_empty() { p class="none" { "None." } } @else { (table(status)) }
        }
    }
}

/// How many are in which state, each a link to those.
fn states(status: &Status, query: &Query, paths: &Paths) -> Markup {
    html! {
        nav aria-label="States" {
            ul class="states" {
                li { a href=(paths.link("/")) aria-current=[query.state.is_none().then_some("page")] { "All " (number(status.summary.organizations as u64)) } }
                @for state in State::ALL.into_iter().filter(|state| status.summary.of(*state) > 0) {
                    li class={ "state-" (state.name()) } {
                        a href=(paths.link(&format!("/?state={}", state.name())))
                            aria-current=[(query.state == Some(state)).then_some("page")] {
                            (glyph(state)) (capital(state_name(state))) " " (number(status.summary.of(state) as u64))
                        }
                    }
                }
            }
        }
    }
}

fn table(status: &Status) -> Markup {
    let most = status.organizations.iter().filter_map(|organization| organization.users).max();
    html! {
        table class="overview" {
            caption class="unseen" { "Organizations with their state and figures" }
            thead {
                tr {
                    th scope="col" { "Organization" }
                    th scope="col" class="number" { "Users" }
                    th scope="col" class="number wide" { "Owners" }
                    th scope="col" class="number wide" { "Service accounts" }
                    th scope="col" class="number wide" { "People in SCIM" }
                    th scope="col" class="wide" { "Figures of" }
                    th scope="col" class="wide" { "Next walk" }
                }
            }
            tbody {
                @for organization in &status.organizations { (row(organization, most.unwrap_or_default(), status)) }
            }
        }
    }
}

fn row(organization: &Organization, most: u64, status: &Status) -> Markup {
    let now = status.time;
    html! {
        tr class={ "state-" (organization.state.name()) } {
            th scope="row" {
                a href=(organization.link) { (organization.name) }
                span class="words" { (glyph(organization.state)) span { (organization.words) } }
            }
            td class="number" {
                (known(organization.users))
                @if let Some(users) = organization.users { (bar(&[("first", users)], most)) }
            }
            td class="number wide" { (known(organization.owners)) }
            td class="number wide" { (known(organization.service_accounts)) }
            td class="number wide" {
                @match organization.people_scim_managed_ratio {
                    Some(ratio) => (percent(ratio)),
                    None => span class="none" { "unknown" },
                }
            }
            td class="wide" {
                @match organization.snapshot_time { Some(time) => (ago(time, now)), None => span class="none" { "none" } }
            }
            td class="wide" {
                @match organization.next_walk_time {
                    _ if organization.walking => "under way",
                    Some(time) => (ahead(time, now)),
                    None => "soon",
                }
            }
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
