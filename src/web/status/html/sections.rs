//! The parts of an organization's figures, each a heading, a picture and a table; and the process itself.

use maud::{Markup, html};

use super::{ago, fact, known, moment, number};
use crate::web::paths::Paths;
use crate::web::status::charts::{Part, bar, labelled_bar};
use crate::web::status::figures::{Figures, Named, Role, Scim, part};
use crate::web::status::model::Status;
use crate::web::status::time::{Time, exactly};
use crate::web::status::words::{grouped, percent};

/// What the parts of a bar stand for.
fn legend(parts: &[(&'static str, &str)]) -> Markup {
    html! {
        ul class="legend" {
            @for (class, words) in parts {
                li {
                    svg width="12" height="12" aria-hidden="true" focusable="false" { rect class={ "part " (class) } width="12" height="12" rx="2" {} }
                    (words)
                }
            }
        }
    }
}

/// An account type in words.
fn accounts(account_type: &str) -> &'static str {
    match account_type {
        "user" => "People",
        "service_account" => "Service accounts",
        _ => "Unknown type",
    }
}

/// A kind of change in words.
pub(super) fn change_words(change: &str) -> &'static str {
    match change {
        "added" => "Joined",
        "removed" => "Left",
        "role_changed" => "Changed role",
        "banned" => "Banned",
        "unbanned" => "Banned no more",
        "disabled" => "Disabled",
        "enabled" => "Enabled again",
        "scim_linked" => "Came under SCIM",
        "scim_unlinked" => "Left SCIM",
        _ => "Changed",
    }
}

/// Roles by account type.
pub(super) fn roles(figures: &Figures) -> Markup {
    let most = figures.roles.iter().map(|role| role.users).max().unwrap_or_default();
    let parts = |role: &Role| -> [Part; 3] {
        [
            ("first", role.people.unwrap_or_default()),
            ("second", role.service_accounts.unwrap_or_default()),
            ("unknown", role.unknown),
        ]
    };
    html! {
        section class="broad" aria-labelledby="roles" {
            h2 id="roles" { "Roles and account types" }
            (legend(&[("first", "People"), ("second", "Service accounts"), ("unknown", "Unknown type")]))
            table {
                caption class="unseen" { "Users by role and account type" }
                thead {
                    tr {
                        th scope="col" { "Role" }
                        th scope="col" class="number" { "People" }
                        th scope="col" class="number" { "Service accounts" }
                        th scope="col" class="number" { "Unknown" }
                        th scope="col" class="number" { "All" }
                    }
                }
                tbody {
                    @for role in &figures.roles {
                        tr {
                            th scope="row" { span class="name" { (role.role) } (bar(&parts(role), most)) }
                            td class="number" { (known(role.people)) }
                            td class="number" { (known(role.service_accounts)) }
                            td class="number" { (number(role.unknown)) }
                            td class="number strong" { (number(role.users)) }
                        }
                    }
                }
            }
        }
    }
}

/// Who is managed through SCIM.
pub(super) fn scim(figures: &Figures) -> Markup {
    let people = figures.people_by_scim();
    let (managed, others, unknown) = people.map_or((0, 0, 0), |people| {
        (people.managed.unwrap_or_default(), people.not_managed.unwrap_or_default(), people.unknown)
    });
    let all = managed + others + unknown;
    let description = format!(
        "People: {}. Managed through SCIM: {}, not managed: {}, unknown: {}.",
        grouped(all),
        grouped(managed),
        grouped(others),
        grouped(unknown)
    );
    html! {
        section aria-labelledby="scim" {
            h2 id="scim" { "SCIM" }
            @match figures.people_scim_managed_ratio {
                Some(ratio) => {
                    p class="share" {
                        strong { (percent(ratio)) }
                        span { " of the people of whom it is known are managed; unknown: " (number(unknown)) }
                    }
                    (labelled_bar("scim-share", "People by SCIM management", &description,
                        &[("first", managed), ("second", others), ("unknown", unknown)], all))
                    (legend(&[("first", "Managed"), ("second", "Not managed"), ("unknown", "Unknown")]))
                }
                None => p class="none" { (no_share(people)) },
            }
            (by_account("Users by account type and SCIM management", true, ["Managed", "Not"],
                figures.scim.iter().map(|scim| (scim.account_type, [scim.managed, scim.not_managed], scim.unknown))))
        }
    }
}

/// Why there is no share of people in SCIM.
fn no_share(people: Option<&Scim>) -> &'static str {
    match people {
        None => "The API does not say which accounts are people's.",
        Some(Scim { managed: None, .. }) => "The API does not say who is managed.",
        Some(Scim { unknown: 0, .. }) => "No account is known to be a person's.",
        Some(_) => "Of no person it is known whether SCIM manages the account.",
    }
}

/// How long API keys have not been used.
pub(super) fn api_keys(figures: &Figures) -> Markup {
    let most = figures
        .api_keys_stale
        .iter()
        .map(|stale| stale.used.unwrap_or_default() + stale.never.unwrap_or_default())
        .max()
        .unwrap_or_default();
    html! {
        section class="broad" aria-labelledby="keys" {
            h2 id="keys" { "API key use" }
            @if figures.api_keys_stale.is_empty() {
                p class="none" { "The API does not say when keys were used." }
            } @else {
                (legend(&[("first", "Last used so long ago"), ("second", "Never used, and added so long ago")]))
                table {
                    caption class="unseen" { "Users by the time without use of an API key" }
                    thead {
                        tr {
                            th scope="col" { "No use for" }
                            th scope="col" class="number" { "Used before" }
                            th scope="col" class="number" { "Never used" }
                            th scope="col" class="number" { "Of service accounts" }
                        }
                    }
                    tbody {
                        @for stale in &figures.api_keys_stale {
                            tr {
                                th scope="row" {
                                    span class="name" { (stale.older_than) " or longer" }
                                    (bar(&[("first", stale.used.unwrap_or_default()), ("second", stale.never.unwrap_or_default())], most))
                                }
                                td class="number" { (known(stale.used)) }
                                td class="number" { (known(stale.never)) }
                                td class="number" { (known(stale.service_accounts)) }
                            }
                        }
                    }
                }
            }
            (by_account("Last use of a key; the API does not say who holds one", false, ["Used", "Never"],
                figures.api_key_use.iter().map(|row| (row.account_type, [row.used, row.never], row.unknown))))
        }
    }
}

/// Users by account type: of two kinds, and those of whom it is unknown.
fn by_account(
    caption: &str,
    unseen: bool,
    kinds: [&str; 2],
    rows: impl Iterator<Item = (&'static str, [Option<u64>; 2], u64)>,
) -> Markup {
    html! {
        table {
            caption class=[unseen.then_some("unseen")] { (caption) }
            thead {
                tr {
                    th scope="col" { "Accounts" }
                    @for kind in kinds { th scope="col" class="number" { (kind) } }
                    th scope="col" class="number" { "Unknown" }
                }
            }
            tbody {
                @for (account_type, users, unknown) in rows {
                    tr {
                        th scope="row" { (accounts(account_type)) }
                        @for users in users { td class="number" { (known(users)) } }
                        td class="number" { (number(unknown)) }
                    }
                }
            }
        }
    }
}

/// Who may work.
pub(super) fn status(figures: &Figures) -> Markup {
    let status = &figures.status;
    let rows = [
        ("Active", "first", status.active),
        ("Disabled", "second", status.disabled),
        ("Banned", "third", status.banned),
        ("Unknown", "unknown", Some(status.unknown)),
    ];
    html! {
        section aria-labelledby="status" {
            h2 id="status" { "Status" }
            table {
                caption class="unseen" { "Users by status" }
                thead {
                    tr {
                        th scope="col" { "Status" }
                        th scope="col" class="number" { "Users" }
                        th scope="col" class="number" { "Share" }
                    }
                }
                tbody {
                    @for (words, class, users) in rows {
                        tr {
                            th scope="row" { span class="name" { (words) } (bar(&[(class, users.unwrap_or_default())], figures.users)) }
                            td class="number" { (known(users)) }
                            td class="number" {
                                @if let Some(share) = users.and_then(|users| part(users, figures.users)) { (percent(share)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Which fields the API still sends, and what was odd.
pub(super) fn fields(figures: &Figures) -> Markup {
    html! {
        section class="broad" aria-labelledby="fields" {
            h2 id="fields" { "Fields carried" }
            table {
                caption { "Users whose record carries a field that the figures rest on" }
                thead {
                    tr {
                        th scope="col" { "Field" }
                        td class="beside wide" {}
                        th scope="col" class="number" { "Users" }
                        th scope="col" class="number" { "Share" }
                    }
                }
                tbody {
                    @for field in &figures.fields {
                        tr class=[(field.users == 0).then_some("nothing")] {
                            th scope="row" { code { (field.field) } }
                            td class="beside wide" { (bar(&[("first", field.users)], figures.users)) }
                            td class="number" { (number(field.users)) }
                            td class="number" { @if let Some(ratio) = field.ratio { (percent(ratio)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Everything else that is counted.
pub(super) fn others(figures: &Figures, now: Time) -> Markup {
    let newest = |time: Option<Time>, there_is_none: bool| {
        html! {
            @match time {
                Some(time) => (ago(time, now)),
                None => span class="none" { (if there_is_none { "none" } else { "unknown" }) },
            }
        }
    };
    html! {
        section aria-labelledby="others" {
            h2 id="others" { "More" }
            dl class="list" {
                @for recent in &figures.recently_added {
                    (fact(&format!("Added within {}", recent.within), &number(recent.users)))
                }
                (fact("Newest user added", &newest(figures.last_added_time, figures.users == 0)))
                (fact("Latest ban of those banned", &newest(figures.last_banned_time, figures.nobody_is_banned())))
                (fact("Users without a project", &known(figures.users_without_project)))
                (fact("Default users", &known(figures.default_users)))
                (fact("Scale tier purchasers", &known(figures.scale_tier_purchasers)))
                (fact("Records that cannot be read", &number(figures.unreadable_records)))
                @for anomaly in &figures.anomalies {
                    (fact(anomaly_words(anomaly.kind), &number(anomaly.times)))
                }
            }
        }
    }
}

/// Users by what the API or the configuration names.
pub(super) fn breakdowns(figures: &Figures) -> Markup {
    html! {
        section aria-labelledby="breakdowns" {
            h2 id="breakdowns" { "Breakdowns" }
            (named("Developer personas", &figures.developer_personas))
            (named("Technical levels", &figures.technical_levels))
            @if !figures.email_domains.is_empty() { (named("Mail domains", &figures.email_domains)) }
        }
    }
}

fn anomaly_words(kind: &str) -> &'static str {
    match kind {
        "duplicate" => "In the walk: users met twice",
        "missing_cursor" => "In the walk: missing cursors",
        "cursor_gone" => "In the walk: cursors whose user had gone",
        _ => "In the walk: other oddities",
    }
}

fn named(title: &str, rows: &[Named]) -> Markup {
    let most = rows.iter().map(|row| row.users).max().unwrap_or_default();
    html! {
        details open id={ "more-" (title.to_lowercase().replace(' ', "-")) } {
            summary { (title) }
            table {
                caption class="unseen" { (title) }
                thead { tr { th scope="col" { "Value" } th scope="col" class="number" { "Users" } } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { span class="name" { (row.name) } (bar(&[("first", row.users)], most)) }
                            td class="number" { (number(row.users)) }
                        }
                    }
                }
            }
        }
    }
}

/// The process, and where else to look.
pub(super) fn process(status: &Status, paths: &Paths, telemetry_path: &str) -> Markup {
    let (exporter, now) = (&status.exporter, status.time);
    let link = |route: &str| html! { a href=(paths.link(route)) { (route) } };
    let reload = match (status.configuration.last_reload_successful, status.configuration.last_success_time) {
        (true, Some(time)) => html! { (ago(time, now)) },
        (false, Some(time)) => {
            html! { "the last reload was refused; that of " (moment(time, now)) " is in force, and the log says why" }
        }
        (_, None) => html! { "never" },
    };
    let state_file = match (
        status.state_file.enabled,
        status.state_file.last_write_successful,
        status.state_file.last_write_time,
    ) {
        (false, _, _) => html! { "off: a restart forgets the figures" },
        (true, Some(false), _) => html! { "cannot be written; the log says why" },
        (true, _, Some(time)) => html! { "written " (ago(time, now)) },
        (true, _, None) => html! { "not written yet" },
    };
    html! {
        section class="process" aria-labelledby="process" {
            h2 id="process" { "This exporter" }
            dl class="list" {
                (fact("Version", &html! { (exporter.version) ", revision " code { (exporter.revision) } }))
                (fact("Running", &html! { "for " (exactly(exporter.uptime_seconds.floor())) ", since " (moment(exporter.start_time, now)) }))
                (fact("Configuration loaded", &reload))
                (fact("State file", &state_file))
                (fact("Metrics", &link(telemetry_path)))
                (fact("This page as JSON", &link("/api/v1/status")))
                (fact("Probes", &html! { (link("/-/healthy")) " " (link("/-/ready")) " " (link("/-/fresh")) }))
                (fact("Page made", &moment(now, now)))
            }
            p class="note" {
                "What each number means stands in docs/counting.md and docs/status-page.md of the source. Times are UTC."
            }
        }
    }
}
