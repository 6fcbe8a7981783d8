//! Policies of an organization.

use maud::{Markup, html};

use crate::web::status::model::PolicyLine;

/// The policies, if there are any.
pub(super) fn section(policies: &[PolicyLine]) -> Markup {
    if policies.is_empty() {
        return html! {};
    }
    let violated = policies.iter().filter(|policy| policy.is_violated()).count();
    html! {
        section aria-labelledby="policies" {
            h2 id="policies" { "Policies" }
            table {
                caption { (policies.len()) " in force, " (violated) " violated; excepted users do not count" }
                thead {
                    tr {
                        th scope="col" { "Policy" }
                        th scope="col" { "Severity" }
                        th scope="col" class="number" { "Value" }
                        th scope="col" class="number" { "Limit" }
                        th scope="col" { "Verdict" }
                    }
                }
                tbody { @for policy in policies { (row(policy)) } }
            }
        }
    }
}

fn row(policy: &PolicyLine) -> Markup {
    html! {
        tr {
            th scope="row" { (policy.name) }
            td { (policy.severity) }
            td class="number" {
                @match (&policy.words.value, policy.verdict) {
                    (Some(value), _) => (value),
                    (None, Some(_)) => span class="none" { "of nobody" },
                    (None, None) => span class="none" { "unknown" },
                }
            }
            td class="number" { (policy.words.limit) }
            td {
                @match policy.verdict {
                    Some("ok") => "ok",
                    Some("violated") => strong { "violated" },
                    Some(_) => span class="none" { "unknown: the API does not say enough" },
                    None => span class="none" { "not counted yet" },
                }
                @for ended in &policy.ended_exceptions {
                    span class="note" { "exception " (ended.number) " ended on " (ended.until) }
                }
            }
        }
    }
}
