//! What is shown of a snapshot: its series, added up. A number that the API did not tell is absent.

use std::collections::BTreeSet;

use serde::Serialize;

use super::time::Time;
use crate::composition::{AccountType, Figures as Series, Row, total};
use crate::snapshot::{Snapshot, UserTotals};

/// The figures of one organization.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    pub(super) users: u64,
    /// Those of the role `owner`.
    pub(super) owners: Option<u64>,
    pub(super) service_accounts: Option<u64>,
    pub(super) roles: Vec<Role>,
    /// By account type, those that there are.
    pub(super) scim: Vec<Scim>,
    /// Of the people (no service accounts) of whom it is known, the part that SCIM manages.
    pub(super) people_scim_managed_ratio: Option<f64>,
    pub(super) status: Status,
    /// By account type, those that there are.
    pub(super) api_key_use: Vec<KeyUse>,
    /// In the order of the configuration.
    pub(super) api_keys_stale: Vec<Stale>,
    pub(super) recently_added: Vec<Recent>,
    pub(super) developer_personas: Vec<Named>,
    pub(super) technical_levels: Vec<Named>,
    pub(super) email_domains: Vec<Named>,
    /// Projects with users; absent where more have users than are told apart.
    pub(super) projects: Option<u64>,
    pub(super) users_without_project: Option<u64>,
    pub(super) default_users: Option<u64>,
    pub(super) scale_tier_purchasers: Option<u64>,
    pub(super) last_added_time: Option<Time>,
    pub(super) last_banned_time: Option<Time>,
    pub(super) fields: Vec<Field>,
    pub(super) unreadable_records: u64,
    pub(super) anomalies: Vec<Anomaly>,
}

/// Users of one role, by account type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Role {
    pub(super) role: String,
    pub(super) users: u64,
    pub(super) people: Option<u64>,
    pub(super) service_accounts: Option<u64>,
    pub(super) unknown: u64,
}

/// Users of one account type, by SCIM management.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Scim {
    pub(super) account_type: &'static str,
    pub(super) managed: Option<u64>,
    pub(super) not_managed: Option<u64>,
    pub(super) unknown: u64,
}

/// Users by status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Status {
    pub(super) active: Option<u64>,
    pub(super) disabled: Option<u64>,
    pub(super) banned: Option<u64>,
    pub(super) unknown: u64,
}

/// Users of one account type, by API key use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct KeyUse {
    pub(super) account_type: &'static str,
    pub(super) used: Option<u64>,
    pub(super) never: Option<u64>,
    pub(super) unknown: u64,
}

/// Users whose API key is stale by one threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Stale {
    pub(super) older_than: String,
    pub(super) used: Option<u64>,
    pub(super) never: Option<u64>,
    pub(super) service_accounts: Option<u64>,
}

/// Users added within a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Recent {
    pub(super) within: String,
    pub(super) users: u64,
}

/// Users by a name that the API or the configuration chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) users: u64,
}

/// Users whose record carries a field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Field {
    pub(super) field: String,
    pub(super) users: u64,
    /// Of all users; absent where there are none.
    pub(super) ratio: Option<f64>,
}

/// How often a walk met an oddity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Anomaly {
    pub(super) kind: &'static str,
    pub(super) times: u64,
}

impl Figures {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let series = &snapshot.figures;
        let totals = UserTotals::of(series);
        Self {
            users: totals.users,
            owners: totals.owners,
            service_accounts: totals.service_accounts,
            roles: roles(series),
            scim: scim(series),
            people_scim_managed_ratio: people_scim_managed_ratio(&totals),
            status: Status::of(series),
            api_key_use: api_key_use(series),
            api_keys_stale: stale(series),
            recently_added: windows(series),
            developer_personas: named(&series.by_developer_persona, |[persona]| persona),
            technical_levels: named(&series.by_technical_level, |[level]| level),
            email_domains: named(&series.by_email_domain, |[domain, _]| domain),
            projects: projects(series),
            users_without_project: series.without_project,
            default_users: series.default_users,
            scale_tier_purchasers: series.scale_tier_purchasers,
            last_added_time: series.last_added.and_then(Time::from_api),
            last_banned_time: series.last_banned.and_then(Time::from_api),
            fields: named(&series.with_field, |[field]| field)
                .into_iter()
                .map(|Named { name, users: carried }| Field {
                    field: name,
                    users: carried,
                    ratio: part(carried, totals.users),
                })
                .collect(),
            unreadable_records: series.unreadable,
            anomalies: snapshot
                .summary
                .anomalies
                .by_kind()
                .into_iter()
                .map(|(kind, times)| Anomaly { kind, times })
                .collect(),
        }
    }

    /// Whether it is known of everybody that he is not banned.
    pub(super) fn nobody_is_banned(&self) -> bool {
        let told = self.fields.iter().any(|field| field.field == "user.banned" && field.users == self.users);
        self.users == 0 || told && self.status.banned == Some(0)
    }

    /// People whom SCIM manages, whom it does not, and of whom that is not known.
    pub(super) fn people_by_scim(&self) -> Option<&Scim> {
        self.scim.iter().find(|scim| scim.account_type == AccountType::User.label())
    }
}

impl Status {
    fn of(series: &Series) -> Self {
        let of = |status| total(&series.users, [None, None, None, Some(status)]);
        Self {
            active: of("active"),
            disabled: of("disabled"),
            banned: of("banned"),
            unknown: of("unknown").unwrap_or_default(),
        }
    }
}

/// The values of one label, in the order of the rows.
fn values<const N: usize>(rows: &[Row<N>], label: usize) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    rows.iter().map(|row| &*row.labels[label]).filter(|value| seen.insert(*value)).collect()
}

fn roles(series: &Series) -> Vec<Role> {
    let mut roles: Vec<Role> = values(&series.users, 0)
        .into_iter()
        .map(|role| {
            let of = |account| total(&series.users, [Some(role), account, None, None]);
            Role {
                role: role.to_owned(),
                users: of(None).unwrap_or_default(),
                people: of(Some("user")),
                service_accounts: of(Some("service_account")),
                unknown: of(Some("unknown")).unwrap_or_default(),
            }
        })
        .collect();
    // As everywhere: owners first, what has no name last.
    roles.sort_by_key(|role| match role.role.as_str() {
        "owner" => 0,
        "other" => 2,
        "unknown" => 3,
        _ => 1,
    });
    roles
}

/// The account types that there is anything to say about, by their place in the labels of `rows`.
fn account_types<const N: usize>(rows: &[Row<N>], label: usize) -> impl Iterator<Item = &'static str> {
    let there = move |account: &&'static str| {
        let known = *account != AccountType::Unknown.label();
        rows.iter().any(|row| row.labels[label] == **account && (known || row.value > 0))
    };
    AccountType::ALL.iter().map(|account| account.label()).filter(there)
}

fn scim(series: &Series) -> Vec<Scim> {
    account_types(&series.users, 1)
        .map(|account_type| {
            let of = |managed| total(&series.users, [None, Some(account_type), Some(managed), None]);
            Scim {
                account_type,
                managed: of("true"),
                not_managed: of("false"),
                unknown: of("unknown").unwrap_or_default(),
            }
        })
        .collect()
}

fn api_key_use(series: &Series) -> Vec<KeyUse> {
    account_types(&series.by_api_key_use, 1)
        .map(|account_type| {
            let of = |key_use| total(&series.by_api_key_use, [None, Some(account_type), Some(key_use)]);
            KeyUse {
                account_type,
                used: of("used"),
                never: of("never"),
                unknown: of("unknown").unwrap_or_default(),
            }
        })
        .collect()
}

fn stale(series: &Series) -> Vec<Stale> {
    values(&series.api_key_stale, 3)
        .into_iter()
        .map(|older_than| {
            let of =
                |account, key_use| total(&series.api_key_stale, [None, account, key_use, Some(older_than)]);
            Stale {
                older_than: older_than.to_owned(),
                used: of(None, Some("used")),
                never: of(None, Some("never")),
                service_accounts: of(Some("service_account"), None),
            }
        })
        .collect()
}

fn windows(series: &Series) -> Vec<Recent> {
    let rows = &series.recently_added;
    values(rows, 2)
        .into_iter()
        .filter_map(|within| {
            Some(Recent { within: within.to_owned(), users: total(rows, [None, None, Some(within)])? })
        })
        .collect()
}

/// Users by one label, the others added up, in the order of the rows.
fn named<const N: usize>(
    rows: &[Row<N>],
    label: impl Fn(&[crate::composition::Label; N]) -> &str,
) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    for row in rows {
        let name = label(&row.labels);
        match found.iter_mut().find(|named| named.name == name) {
            Some(named) => named.users += row.value,
            None => found.push(Named { name: name.to_owned(), users: row.value }),
        }
    }
    found
}

fn projects(series: &Series) -> Option<u64> {
    let told_apart = values(&series.project_users, 0);
    let carried = total(&series.with_field, [Some("projects")]).unwrap_or_default() > 0;
    (carried && !told_apart.contains(&"other")).then_some(told_apart.len() as u64)
}

/// Of the people (no service accounts) of whom it is known, the part that SCIM manages.
pub(super) fn people_scim_managed_ratio(totals: &UserTotals) -> Option<f64> {
    let (managed, others) = (totals.people_in_scim?, totals.people_outside_scim?);
    part(managed, managed + others)
}

#[expect(clippy::cast_precision_loss, reason = "a part needs no 64 bits")]
pub(super) fn part(some: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| some as f64 / all as f64)
}
