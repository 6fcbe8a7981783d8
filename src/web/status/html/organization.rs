//! One organization.

use std::time::Duration;

use maud::{Markup, html};

use super::{ahead, capital, fact, known, moment, number, policies, sections};
use crate::web::paths::Paths;
use crate::web::status::charts::{Line, bar, glyph, line};
use crate::web::status::figures::{Figures, part};
use crate::web::status::model::{Changes, Detail, Point, Progress, State, Status, Walk, until};
use crate::web::status::time::{Time, exactly};
use crate::web::status::words::{self, at, counted, grouped, percent};

/// The ends of a line that are nearer than this are told to the second.
const NEAR: Duration = Duration::from_secs(600);

pub(super) fn page(organization: &Detail, status: &Status, paths: &Paths) -> Markup {
    let now = status.time;
    html! {
        div class={ "hero state-" (organization.state.name()) } {
            @if status.summary.organizations > 1 {
                p class="crumb" { a href=(paths.link("/")) { "All " (number(status.summary.organizations as u64)) " organizations" } }
            }
            h1 { (organization.name) }
            p class="state" id="state" { (glyph(organization.state)) span { (capital(&organization.words)) } }
            @if let Some(advice) = organization.last_walk.as_ref().and_then(|walk| words::advice(walk.result)) {
                p class="advice" { (advice) }
            }
            (progress(organization, now))
            dl class="facts" {
                (fact("Walks every", &html! { (exactly(organization.poll_interval_seconds)) }))
                (fact("Figures withdrawn after", &html! { (exactly(organization.snapshot_max_age_seconds)) }))
                (fact("Last success", &html! {
                    @match organization.last_success_time { Some(time) => (moment(time, now)), None => "none yet" }
                }))
            }
        }
        @match &organization.figures {
            Some(figures) => {
                (headlines(figures))
                div class="grid" {
                    (sections::roles(figures))
                    (sections::scim(figures))
                    (sections::api_keys(figures))
                    (sections::status(figures))
                }
                (trend(&organization.trend, now))
            }
            None => (no_figures(organization, now)),
        }
        (policies::section(&organization.policies))
        div class="grid" {
            (changes(organization.changes.as_ref(), now))
            @match &organization.figures {
                Some(figures) => (sections::others(figures, now)),
                None => (failed_walks(&organization.failed_walks, now)),
            }
        }
        @if let Some(figures) = &organization.figures {
            div class="grid" {
                (sections::fields(figures))
                div class="stack" {
                    (failed_walks(&organization.failed_walks, now))
                    (sections::breakdowns(figures))
                }
            }
        }
    }
}

/// How far a walk under way is, or when the next one is due. It takes the same room either way.
fn progress(organization: &Detail, now: Time) -> Markup {
    let ratio = organization.walk_under_way.as_ref().and_then(|walk| walk.ratio);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a thousand")]
    let thousandths = (ratio.unwrap_or_default() * 1000.0) as u64;
    html! {
        div class="progress" {
            p id="progress" {
                @match (&organization.walk_under_way, organization.next_walk_time) {
                    (Some(walk), _) => (under_way(walk)),
                    (None, Some(next)) => { "Next walk " (ahead(next, now)) }
                    (None, None) => "Next walk soon",
                }
            }
            (bar(&[("first", thousandths)], 1000))
        }
    }
}

fn under_way(walk: &Progress) -> String {
    let mut words = format!(
        "Walk under way for {}: {}, {}",
        exactly(walk.elapsed_seconds.floor()),
        counted(walk.pages, "page"),
        counted(walk.users, "user")
    );
    match walk.ratio {
        Some(ratio) if ratio < 1.0 => words.push_str(&format!(", {} of the last walk's", percent(ratio))),
        // How many more there are is not known before the end.
        Some(_) => words.push_str(", no fewer than the last walk's"),
        None => {}
    }
    if let Some(left) = walk.seconds_left {
        words.push_str(&format!(", about {} left", exactly(left.ceil())));
    }
    words
}

/// Why there is nothing to show.
fn no_figures(organization: &Detail, now: Time) -> Markup {
    html! {
        section aria-labelledby="figures" {
            h2 id="figures" { "No figures" }
            p class="lead" {
                @match (organization.state, organization.withdrawn_time) {
                    (State::FirstWalk, _) => "A number is either right or absent: figures come with the first complete walk.",
                    (_, Some(time)) => {
                        "The last figures were withdrawn at " (moment(time, now)) ", when they were "
                        (exactly(organization.snapshot_max_age_seconds)) " old. They come back with the next complete walk."
                    }
                    _ => "A number is either right or absent: figures come with the first walk that succeeds.",
                }
            }
        }
    }
}

/// The numbers that are asked for first.
fn headlines(figures: &Figures) -> Markup {
    let share = |some: Option<u64>| some.and_then(|some| part(some, figures.users)).map(percent);
    let of_users =
        |some: Option<u64>| share(some).map_or_else(String::new, |share| format!("{share} of users"));
    let people = figures.people_by_scim();
    let stale = figures.api_keys_stale.get(figures.api_keys_stale.len() / 2);
    let scim_note = people.map_or_else(String::new, |people| match (people.managed, people.not_managed) {
        (Some(managed), Some(others)) => format!("of {} of whom it is known", grouped(managed + others)),
        _ => "the API does not say".to_owned(),
    });
    let status = &figures.status;
    html! {
        section aria-labelledby="figures" {
            h2 id="figures" class="unseen" { "Figures" }
            dl class="headlines" {
                (headline("Users", Some(figures.users), &match figures.projects {
                    Some(projects) => format!("in {}", counted(projects, "project")),
                    None => String::new(),
                }))
                (headline("Owners", figures.owners, &of_users(figures.owners)))
                (headline("Service accounts", figures.service_accounts, &of_users(figures.service_accounts)))
                (headline("People outside SCIM", people.and_then(|people| people.not_managed), &scim_note))
                @if let Some(stale) = stale {
                    @let all = stale.used.zip(stale.never).map(|(used, never)| used + never);
                    (headline(&format!("No API key use for {}", stale.older_than), all, &match stale.never {
                        Some(never) => format!("{} of them never used", grouped(never)),
                        None => "never used: unknown".to_owned(),
                    }))
                }
                (headline("Banned", status.banned, &match status.disabled {
                    Some(disabled) => format!("{} disabled", grouped(disabled)),
                    None => String::new(),
                }))
            }
        }
    }
}

fn headline(term: &str, value: Option<u64>, note: &str) -> Markup {
    html! {
        div {
            dt { (term) }
            dd class="value" { (known(value)) }
            @if !note.is_empty() { dd class="note" { (note) } }
        }
    }
}

/// The last day, as far as this process has seen it.
fn trend(points: &[Point], now: Time) -> Markup {
    type Value = fn(&Point) -> Option<u64>;
    let lines: [(&str, &str, Value); 4] = [
        ("Users", "trend-users", |point| Some(point.users)),
        ("Owners", "trend-owners", |point| point.owners),
        ("Service accounts", "trend-service", |point| point.service_accounts),
        ("People outside SCIM", "trend-scim", |point| point.people_outside_scim),
    ];
    let first = points.first().filter(|_| points.len() > 1);
    html! {
        section aria-labelledby="trend" {
            h2 id="trend" { "Trend" }
            @match first {
                None => p class="none" { "It begins with the second snapshot within a day." },
                Some(first) => {
                    p class="note" {
                        "Snapshots since " (moment(first.time, now)) ", at most 300, kept in memory for a day at most"
                    }
                    div class="multiples" {
                        @for (title, id, value) in lines { (multiple(title, id, points, value, now)) }
                    }
                }
            }
        }
    }
}

/// One of the lines, with its numbers in text.
fn multiple(title: &str, id: &str, points: &[Point], value: fn(&Point) -> Option<u64>, now: Time) -> Markup {
    let drawn: Vec<(u64, Option<u64>)> =
        points.iter().map(|point| (point.time.unix_milliseconds(), value(point))).collect();
    let known = || drawn.iter().filter_map(|(_, value)| *value);
    let (Some(first), Some(last), Some(low), Some(high)) =
        (known().next(), known().next_back(), known().min(), known().max())
    else {
        return html! { figure { figcaption { (title) } p class="none" { "unknown" } } };
    };
    let change = match last.cmp(&first) {
        std::cmp::Ordering::Equal => "no change".to_owned(),
        std::cmp::Ordering::Greater => format!("{} more", grouped(last - first)),
        std::cmp::Ordering::Less => format!("{} fewer", grouped(first - last)),
    };
    let (Some(start), Some(end)) = (points.first(), points.last()) else { return html! {} };
    let (start, end) = (start.time, end.time);
    let numbers = match low == high {
        true => format!("always {}", grouped(low)),
        false => format!("between {} and {}", grouped(low), grouped(high)),
    };
    let description =
        format!("{title} from {} to {}: {numbers}, at last {}.", at(start, now), at(end, now), grouped(last));
    html! {
        figure {
            figcaption { (title) strong { (number(last)) } (change) ", " (numbers) }
            (line(&Line { id, title, description: &description, points: &drawn }))
            p class="axis" { span { (ticks(start, end, now)) } span { (ticks(end, start, now)) } }
        }
    }
}

/// A moment, to the second where it is of today.
fn moment_of_day(time: Time, now: Time) -> Markup {
    let today = !time.short(now).contains(' ');
    html! {
        time datetime=(time.rfc_3339()) { @if today { (time.to_the_second()) " UTC" } @else { (at(time, now)) } }
    }
}

/// One end of a line, to the second where the other end is near.
fn ticks(end: Time, other: Time, now: Time) -> Markup {
    let near = until(end, other).max(until(other, end)) < NEAR;
    html! {
        time datetime=(end.rfc_3339()) { @if near { (end.to_the_second()) " UTC" } @else { (at(end, now)) } }
    }
}

fn changes(changes: Option<&Changes>, now: Time) -> Markup {
    html! {
        section aria-labelledby="changes" {
            h2 id="changes" { "Changes of the last day" }
            @match changes {
                None => p class="none" { "They are watched from the first complete walk on." },
                Some(changes) => {
                    table {
                        caption { "Users found changed by walks since " (moment(changes.since_time, now)) }
                        thead { tr { th scope="col" { "Change" } th scope="col" class="number" { "Users" } } }
                        tbody {
                            @for kind in &changes.kinds { (change_row(sections::change_words(kind.change), kind.users)) }
                            (change_row("Made owner, or came as one", changes.owners_granted))
                        }
                    }
                }
            }
        }
    }
}

fn change_row(words: &str, users: u64) -> Markup {
    html! {
        tr class=[(users == 0).then_some("nothing")] { th scope="row" { (words) } td class="number" { (number(users)) } }
    }
}

fn failed_walks(walks: &[Walk], now: Time) -> Markup {
    html! {
        section aria-labelledby="failures" {
            h2 id="failures" { "Recent failed walks" }
            @if walks.is_empty() {
                p class="none" { "None since this process began." }
            } @else {
                table {
                    caption { "The latest failed walks of this process, at most ten" }
                    thead {
                        tr {
                            th scope="col" { "Ended" }
                            th scope="col" { "Why" }
                            th scope="col" class="number" { "Pages" }
                        }
                    }
                    tbody {
                        @for walk in walks {
                            tr {
                                th scope="row" { (moment_of_day(walk.end_time, now)) }
                                td {
                                    (walk.words)
                                    @if let Some(status) = walk.http_status { " (" (status) ")" }
                                    span class="note" { "after " (exactly(walk.duration_seconds)) }
                                }
                                td class="number" { (number(walk.pages)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_that_meets_more_than_the_last_one_is_not_at_its_end() {
        for (ratio, words) in [
            (None, ""),
            (Some(0.4), ", 40% of the last walk's"),
            (Some(0.999_9), ", 99.9% of the last walk's"),
            (Some(1.0), ", no fewer than the last walk's"),
        ] {
            let start_time = Time::from_seconds(0);
            let walk =
                Progress { start_time, elapsed_seconds: 3.5, pages: 1, users: 40, ratio, seconds_left: None };
            assert_eq!(under_way(&walk), format!("Walk under way for 3 s: 1 page, 40 users{words}"));
        }
    }
}
