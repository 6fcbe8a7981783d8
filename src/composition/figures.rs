//! The counts under their labels. Here stands what is zero, and what is left unsaid.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::labels::{AccountType, ApiKeyUse, ScimManaged, Status, WINDOWS};
use super::role::RoleCounts;
use super::{Composition, Options};

/// How many values of one kind have series of their own.
pub(super) const MOST_VALUES: usize = 20;

/// The roles that the reference names: they have series of their own whatever else there is.
pub(super) const REFERENCE_ROLES: [&str; 2] = ["owner", "reader"];

/// A label's value.
pub type Label = Cow<'static, str>;

/// One series: label values in the order that its family's field names, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<const N: usize> {
    /// The label values.
    pub labels: [Label; N],
    /// The number.
    pub value: u64,
}

/// All series of one composition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// role, account_type, scim_managed, status.
    pub users: Vec<Row<4>>,
    /// role, account_type, use.
    pub by_api_key_use: Vec<Row<3>>,
    /// role, account_type, use, older_than.
    pub api_key_stale: Vec<Row<4>>,
    /// role, account_type, within.
    pub recently_added: Vec<Row<3>>,
    /// Unix seconds.
    pub last_added: Option<i64>,
    /// Unix seconds.
    pub last_banned: Option<i64>,
    /// developer_persona.
    pub by_developer_persona: Vec<Row<1>>,
    /// technical_level.
    pub by_technical_level: Vec<Row<1>>,
    /// email_domain, role.
    pub by_email_domain: Vec<Row<2>>,
    /// project_id, project_role.
    pub project_users: Vec<Row<2>>,
    /// project_id, project_name; always 1. Empty if projects are not to be named.
    pub project_info: Vec<Row<2>>,
    /// Users whose list of projects is empty, where somebody has a list.
    pub without_project: Option<u64>,
    /// Default users, where the API says who.
    pub default_users: Option<u64>,
    /// Scale tier purchasers, where the API says who.
    pub scale_tier_purchasers: Option<u64>,
    /// field.
    pub with_field: Vec<Row<1>>,
    /// Records without a usable id.
    pub unreadable: u64,
}

/// One role in the making of series.
struct Role {
    label: Label,
    counts: RoleCounts,
    /// Whether its zeros are said.
    filled: bool,
}

/// Which values of each dimension are said to be zero: all known ones where the API carries the field, else only
/// `unknown`.
struct Fill {
    account: [bool; 3],
    scim: [bool; 3],
    status: [bool; 4],
    key_use: [bool; 3],
    /// Whether `never` can be aged, which takes `added_at`.
    added_at: bool,
    email: bool,
}

impl Figures {
    pub(super) fn of(composition: &Composition) -> Self {
        let options = &composition.options;
        let roles = roles(composition);
        let fill = Fill::of(composition, &roles);
        let projects = composition.projects.figures(options.projects_limit);
        Self {
            users: users(&roles, &fill),
            by_api_key_use: by_api_key_use(&roles, &fill),
            api_key_stale: api_key_stale(&roles, &fill, options),
            recently_added: recently_added(&roles, &fill),
            last_added: composition.last_added,
            last_banned: composition.last_banned,
            by_developer_persona: by_name(&composition.personas),
            by_technical_level: by_name(&composition.levels),
            by_email_domain: by_email_domain(&roles, &fill, options),
            project_users: projects.users,
            project_info: if options.project_names { projects.names } else { Vec::new() },
            without_project: projects.without,
            default_users: composition.default_users.figure(),
            scale_tier_purchasers: composition.purchasers.figure(),
            with_field: composition
                .coverage
                .by_field()
                .map(|(field, users)| row([field.into()], users))
                .collect(),
            unreadable: composition.unreadable,
        }
    }
}

impl Fill {
    fn of(composition: &Composition, roles: &[Role]) -> Self {
        let sum = |of: &dyn Fn(&RoleCounts) -> u64| roles.iter().map(|role| of(&role.counts)).sum::<u64>();
        let accounts =
            |account: AccountType| sum(&|counts| counts.api_key_use[account as usize].iter().sum());
        let scim = |scim: ScimManaged| {
            sum(&|counts| counts.users.iter().flat_map(|by_scim| by_scim[scim as usize]).sum())
        };
        let uses = |key_use: ApiKeyUse| {
            sum(&|counts| counts.api_key_use.iter().map(|by_use| by_use[key_use as usize]).sum())
        };
        let addresses = |counts: &RoleCounts| {
            let none = composition.options.email_domains.len() + 1;
            counts.domains.iter().take(none).sum()
        };
        let known = |carried: bool| [carried, carried, !carried];
        let (banned, enabled) =
            (composition.coverage.banned_known > 0, composition.coverage.enabled_known > 0);
        Self {
            account: known(accounts(AccountType::User) + accounts(AccountType::ServiceAccount) > 0),
            scim: known(scim(ScimManaged::True) + scim(ScimManaged::False) > 0),
            status: [banned || enabled, banned, enabled, !(banned || enabled)],
            key_use: known(uses(ApiKeyUse::Used) + uses(ApiKeyUse::Never) > 0),
            added_at: composition.coverage.of("added_at") > 0,
            email: sum(&addresses) > 0,
        }
    }
}

/// The roles that have series, owner and reader first among those that are kept.
fn roles(composition: &Composition) -> Vec<Role> {
    let folded = composition.roles.fold(&REFERENCE_ROLES, MOST_VALUES);
    let carried = !folded.named.is_empty() || folded.other.is_some();
    let mut roles: Vec<Role> = folded
        .named
        .into_iter()
        .map(|(name, counts)| Role { label: name.into(), counts, filled: true })
        .collect();
    if carried {
        for name in REFERENCE_ROLES {
            if roles.iter().all(|role| role.label != name) {
                roles.push(Role { label: name.into(), counts: RoleCounts::default(), filled: true });
            }
        }
    }
    roles.extend(folded.other.map(|counts| Role { label: "other".into(), counts, filled: true }));
    let unknown = if carried { folded.unknown } else { Some(folded.unknown.unwrap_or_default()) };
    roles.extend(unknown.map(|counts| Role { label: "unknown".into(), counts, filled: !carried }));
    roles
}

fn users(roles: &[Role], fill: &Fill) -> Vec<Row<4>> {
    let mut rows = Vec::new();
    for role in roles {
        for account in AccountType::ALL {
            for scim in ScimManaged::ALL {
                for status in Status::ALL {
                    let (a, m, s) = (*account as usize, *scim as usize, *status as usize);
                    let value = role.counts.users[a][m][s];
                    if value > 0 || (role.filled && fill.account[a] && fill.scim[m] && fill.status[s]) {
                        rows.push(row(
                            [
                                role.label.clone(),
                                account.label().into(),
                                scim.label().into(),
                                status.label().into(),
                            ],
                            value,
                        ));
                    }
                }
            }
        }
    }
    rows
}

/// Whether the family by API key use has a series for these, and so the stale ones have.
fn has_use(role: &Role, fill: &Fill, account: AccountType, key_use: ApiKeyUse) -> bool {
    let (a, u) = (account as usize, key_use as usize);
    role.counts.api_key_use[a][u] > 0 || (role.filled && fill.account[a] && fill.key_use[u])
}

fn by_api_key_use(roles: &[Role], fill: &Fill) -> Vec<Row<3>> {
    let mut rows = Vec::new();
    for role in roles {
        for account in AccountType::ALL {
            for key_use in ApiKeyUse::ALL {
                if has_use(role, fill, *account, *key_use) {
                    let value = role.counts.api_key_use[*account as usize][*key_use as usize];
                    rows.push(row(
                        [role.label.clone(), account.label().into(), key_use.label().into()],
                        value,
                    ));
                }
            }
        }
    }
    rows
}

fn api_key_stale(roles: &[Role], fill: &Fill, options: &Options) -> Vec<Row<4>> {
    let mut rows = Vec::new();
    for role in roles {
        for account in AccountType::ALL {
            for key_use in [ApiKeyUse::Used, ApiKeyUse::Never] {
                let can_be_aged = key_use == ApiKeyUse::Used || fill.added_at;
                if !can_be_aged || !has_use(role, fill, *account, key_use) {
                    continue;
                }
                for (number, threshold) in options.stale_after.iter().enumerate() {
                    let stale = role.counts.stale.get(number);
                    rows.push(row(
                        [
                            role.label.clone(),
                            account.label().into(),
                            key_use.label().into(),
                            threshold.label.clone().into(),
                        ],
                        stale.map_or(0, |stale| stale[*account as usize][key_use as usize]),
                    ));
                }
            }
        }
    }
    rows
}

fn recently_added(roles: &[Role], fill: &Fill) -> Vec<Row<3>> {
    let mut rows = Vec::new();
    for role in roles.iter().filter(|_| fill.added_at) {
        for account in AccountType::ALL {
            let a = *account as usize;
            let seen = role.counts.api_key_use[a].iter().any(|users| *users > 0);
            if seen || (role.filled && fill.account[a]) {
                for ((window, _), value) in WINDOWS.iter().zip(role.counts.recent[a]) {
                    rows.push(row([role.label.clone(), account.label().into(), (*window).into()], value));
                }
            }
        }
    }
    rows
}

fn by_email_domain(roles: &[Role], fill: &Fill, options: &Options) -> Vec<Row<2>> {
    if options.email_domains.is_empty() {
        return Vec::new();
    }
    let domains = options.email_domains.iter().map(|domain| domain.as_str().to_owned().into());
    let domains: Vec<Label> = domains.chain(["other".into(), "none".into()]).collect();
    let mut rows = Vec::new();
    for role in roles {
        for (number, domain) in domains.iter().enumerate() {
            let value = role.counts.domains.get(number).copied().unwrap_or_default();
            if value > 0 || (role.filled && (fill.email || domain == "none")) {
                rows.push(row([domain.clone(), role.label.clone()], value));
            }
        }
    }
    rows
}

/// The values seen; nobody at all is nobody unknown.
fn by_name(values: &super::Values<u64>) -> Vec<Row<1>> {
    let folded = values.fold(&[], MOST_VALUES);
    let mut rows: Vec<Row<1>> =
        folded.named.into_iter().map(|(name, users)| row([name.into()], users)).collect();
    rows.extend(folded.other.map(|users| row(["other".into()], users)));
    let nobody = rows.is_empty().then_some(0);
    rows.extend(folded.unknown.or(nobody).map(|users| row(["unknown".into()], users)));
    rows
}

/// A row is written as the pair of its labels and its value.
impl<const N: usize> Serialize for Row<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.labels[..], self.value).serialize(serializer)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Row<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (labels, value) = <(Vec<Label>, u64)>::deserialize(deserializer)?;
        let labels = labels.try_into().map_err(|labels: Vec<Label>| {
            de::Error::invalid_length(labels.len(), &format!("{N} labels").as_str())
        })?;
        Ok(Self { labels, value })
    }
}

pub(super) fn row<const N: usize>(labels: [Label; N], value: u64) -> Row<N> {
    Row { labels, value }
}
