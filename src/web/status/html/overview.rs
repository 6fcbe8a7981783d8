//! All organizations in a table.

use maud::{Markup, html};

use super::{capital, known, number, state_name};
use crate::web::paths::Paths;
use crate::web::status::charts::{Line, bar, glyph, line};
use crate::web::status::model::{Organization, Query, State, Status, until};
use crate::web::status::time::{Time, about};
use crate::web::status::words::{at, grouped, percent};

pub(super) fn page(status: &Status, query: &Query, paths: &Paths) -> Markup {
    let summary = &status.summary;
    html! {
        div class="hero" {
            h1 { "Organizations" }
            p class="lead" {
                (number(summary.fresh as u64)) " of " (number(summary.organizations as u64))
                " organizations fresh. "
                @if let Some(users) = summary.users {
                    (number(users)) (if users == 1 { " user" } else { " users" }) " counted in "
                    (number(summary.with_figures as u64)) " of them."
                } @else { "There are no figures." }
            }
            (states(status, query, paths))
        }
        section aria-labelledby="all" {
            h2 id="all" class=[query.state.is_none().then_some("unseen")] {
                @match query.state { Some(state) => (capital(state_name(state))), None => "All organizations" }
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
    let trend = status.organizations.iter().any(|organization| organization.users_trend.len() > 1);
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
                    @if trend { th scope="col" class="wide" { "Users, last day" } }
                    th scope="col" class="wide" { "Next walk" }
                }
            }
            tbody {
                @for organization in &status.organizations { (row(organization, most.unwrap_or_default(), trend, status)) }
            }
        }
    }
}

fn row(organization: &Organization, most: u64, trend: bool, status: &Status) -> Markup {
    let now = status.time;
    html! {
        tr class={ "state-" (organization.state.name()) } {
            th scope="row" {
                a href=(organization.link) { (organization.name) }
                span class="words" { (glyph(organization.state)) span { (capital(&organization.words)) } }
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
            @if trend { td class="wide" { (sparkline(organization, status)) } }
            td class="wide" {
                @match organization.next_walk_time {
                    _ if organization.walking => "under way",
                    Some(time) => (soon(time, now)),
                    None => "soon",
                }
            }
        }
    }
}

/// The users of the last day as a line.
fn sparkline(organization: &Organization, status: &Status) -> Markup {
    let points: Vec<(u64, Option<u64>)> = organization
        .users_trend
        .iter()
        .map(|point| (point.time.unix_milliseconds(), Some(point.users)))
        .collect();
    let (Some((_, Some(first))), Some((_, Some(last)))) = (points.first(), points.last()) else {
        return html! { span class="none" { "none" } };
    };
    let since = organization.users_trend.first().map_or(status.time, |point| point.time);
    let description =
        format!("{} at {}, {} at last", grouped(*first), at(since, status.time), grouped(*last));
    // Names may hold anything: ids are made of their place in the list.
    let place =
        status.organizations.iter().position(|other| other.name == organization.name).unwrap_or_default();
    let title = format!("Users of {}", organization.name);
    line(&Line { id: &format!("trend-{place}"), title: &title, description: &description, points: &points })
}

/// In how long.
fn soon(time: Time, now: Time) -> Markup {
    let left = until(time, now).as_secs_f64();
    html! {
        time datetime=(time.rfc_3339()) { @if left < 1.0 { "now" } @else { "in " (about(left)) } }
    }
}
