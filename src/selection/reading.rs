//! What is read off a user before anybody is selected, and how it is looked at.

use std::borrow::Cow;
use std::collections::BTreeSet;

use smallvec::{SmallVec, smallvec};

use super::criteria::Clause;
use super::label::{Group, Label};
use crate::admin_api::{Field, Project, Projects, User};
use crate::composition::{
    AccountType, ApiKeyUse, EmailDomain, FIELDS, Folds, Named, Options, ScimManaged, Status, Traits, WINDOWS,
};
use crate::duration;

/// A user, read once for however many criteria.
#[derive(Debug)]
pub struct Reading<'u, 'b> {
    user: &'u User<'b>,
    traits: Traits,
    role: Named<'u>,
    persona: Named<'u>,
    level: Named<'u>,
    /// In lower case; nothing without an address.
    domain: Option<Cow<'u, str>>,
}

/// How users are looked at.
#[derive(Debug, Clone, Copy)]
pub struct View<'v> {
    /// What is counted by.
    options: &'v Options,
    names: Names<'v>,
    /// Whether a missing value could be any, rather than being called `unknown`.
    doubts: bool,
}

/// Under which label values names stand that may count under `other`.
#[derive(Debug, Clone, Copy)]
enum Names<'v> {
    /// Under these, or `other`.
    Folded(&'v Folds),
    /// Under their own, or `other`: nobody can tell yet.
    Open,
    /// Under their own.
    Own,
}

/// The values of one row, two labels at most, each in two spellings: the label value, and what stands behind it.
pub(super) type Row<'r> = [[&'r str; 2]; 2];

/// What a user has in one group.
pub(super) struct Rows<'r> {
    /// The rows; of each one alternative is true.
    pub(super) entries: SmallVec<[SmallVec<[Row<'r>; 2]>; 2]>,
    /// Whether there may be more of them.
    pub(super) more: bool,
}

impl<'u, 'b> Reading<'u, 'b> {
    /// What `user` is, with ages counted from `reference` in Unix seconds.
    pub fn of(user: &'u User<'b>, reference: i64) -> Self {
        let lower = |domain: &'u str| match domain
            .bytes()
            .any(|byte| !byte.is_ascii() || byte.is_ascii_uppercase())
        {
            true => Cow::Owned(domain.to_lowercase()),
            false => Cow::Borrowed(domain),
        };
        Self {
            user,
            traits: Traits::of(user, reference),
            role: Named::of(&user.role),
            persona: Named::of(&user.developer_persona),
            level: Named::of(&user.technical_level),
            domain: EmailDomain::of(user).map(lower),
        }
    }

    /// The statuses that the user may have.
    fn statuses(&self) -> &'static [Status] {
        let Field::Value(account) = &self.user.user else {
            return &[Status::Active, Status::Banned, Status::Disabled];
        };
        match (&account.banned, &account.enabled) {
            (Field::Value(true), _) => &[Status::Banned],
            (Field::Value(false), Field::Value(true)) => &[Status::Active],
            (Field::Value(false), Field::Value(false)) => &[Status::Disabled],
            (Field::Value(false), _) => &[Status::Active, Status::Disabled],
            (_, Field::Value(true)) => &[Status::Active, Status::Banned],
            (_, Field::Value(false)) => &[Status::Disabled, Status::Banned],
            _ => &[Status::Active, Status::Banned, Status::Disabled],
        }
    }

    /// The fields that are missing where the user's rows of `group` are open (source: API reference, the user object).
    pub(super) fn fields_behind(&self, group: Group) -> &'static [&'static str] {
        let lacks_key_use = self.traits.key_use == ApiKeyUse::Unknown;
        let account = self.user.user.value();
        let lacks_banned = account.is_none_or(|account| account.banned.value().is_none());
        let lacks_enabled = account.is_none_or(|account| account.enabled.value().is_none());
        match group {
            Group::One(Label::Role) => &["role"],
            Group::One(Label::AccountType) => &["is_service_account"],
            Group::One(Label::ScimManaged) => &["is_scim_managed"],
            Group::One(Label::Status) => match (lacks_banned, lacks_enabled) {
                (true, true) => &["user.banned", "user.enabled"],
                (true, false) => &["user.banned"],
                (false, _) => &["user.enabled"],
            },
            Group::One(Label::Use) => &["api_key_last_used_at"],
            Group::One(Label::DeveloperPersona) => &["developer_persona"],
            Group::One(Label::TechnicalLevel) => &["technical_level"],
            Group::Stale if lacks_key_use => &["api_key_last_used_at"],
            Group::Stale | Group::Recent => &["added_at"],
            Group::Projects | Group::WithoutProject => &["projects"],
            Group::Default => &["is_default"],
            Group::Purchaser => &["is_scale_tier_authorized_purchaser"],
            Group::One(_) | Group::Fields => &["email"],
        }
    }

    /// Whether the address may stand where nothing was sent.
    pub fn lacks_address(&self) -> bool {
        let nested = self.user.user.value().is_some_and(|account| account.email.is_carried());
        !self.user.email.is_carried() || !nested
    }
}

impl<'v> View<'v> {
    /// As the series show users whose names are told apart in `folds`; without, what depends on that is open.
    pub fn as_labels(options: &'v Options, folds: Option<&'v Folds>) -> Self {
        Self { options, names: folds.map_or(Names::Open, Names::Folded), doubts: false }
    }

    /// As labels say it, with each name under its own.
    pub fn with_own_names(options: &'v Options) -> Self {
        Self { options, names: Names::Own, doubts: false }
    }

    /// As it is: what the API does not say is open, unless a test asks for `unknown` itself.
    pub fn with_doubts(options: &'v Options) -> Self {
        Self { options, names: Names::Own, doubts: true }
    }

    /// What the user of `reading` has in the group that `clause` looks at.
    pub(super) fn rows<'r>(&self, reading: &'r Reading<'_, '_>, clause: &'r Clause) -> Rows<'r>
    where
        'v: 'r,
    {
        let user = reading.user;
        match clause.group() {
            Group::One(label) => self.one(label, reading, clause),
            Group::Stale => {
                let configured = self
                    .options
                    .stale_after
                    .iter()
                    .map(|threshold| (threshold.label.as_str(), threshold.seconds));
                let named = clause.literals(Label::OlderThan).filter_map(named_span);
                let is_open = match reading.traits.key_use {
                    ApiKeyUse::Unknown => true,
                    ApiKeyUse::Used | ApiKeyUse::Never => reading.traits.idle.is_none(),
                };
                let stale = configured.chain(named).filter(|(_, seconds)| reading.traits.is_stale(*seconds));
                Rows::some(stale.map(|(label, _)| [label; 2]), self.doubts && is_open)
            }
            Group::Recent => {
                let named = clause.literals(Label::Within).filter_map(named_span);
                let recent = WINDOWS
                    .into_iter()
                    .chain(named)
                    .filter(|(_, seconds)| reading.traits.is_recent(*seconds));
                Rows::some(recent.map(|(label, _)| [label; 2]), self.doubts && reading.traits.added.is_none())
            }
            Group::Projects => self.projects(user, clause),
            Group::Fields => Rows::some(
                FIELDS.iter().filter(|(_, carries)| carries(user)).map(|(field, _)| [*field; 2]),
                false,
            ),
            Group::WithoutProject => {
                let projects = user.projects.value();
                let is_told =
                    projects.is_some_and(|projects| projects.is_whole() || !projects.list.is_empty());
                self.flag(projects.map(Projects::is_empty), !is_told)
            }
            Group::Default => self.flag(user.is_default.value().copied(), !user.is_default.is_carried()),
            Group::Purchaser => {
                let field = &user.is_scale_tier_authorized_purchaser;
                self.flag(field.value().copied(), field.value().is_none())
            }
        }
    }

    /// The one row of a label that has one value.
    fn one<'r>(&self, label: Label, reading: &'r Reading<'_, '_>, clause: &Clause) -> Rows<'r>
    where
        'v: 'r,
    {
        let traits = &reading.traits;
        // Whoever asks for `unknown` asks what the API says, not what is so. Where an expression may mean both, the label
        // is one more of the values that may be.
        let doubts = self.doubts && !clause.names(label, "unknown");
        match label {
            Label::Role => match reading.role {
                Named::Name(role) if Folds::always_has_role(role) => Rows::one_of([role]),
                role => self.name(role, |folds| &folds.roles, doubts),
            },
            Label::DeveloperPersona => self.name(reading.persona, |folds| &folds.personas, doubts),
            Label::TechnicalLevel => self.name(reading.level, |folds| &folds.levels, doubts),
            Label::AccountType if doubts && traits.account_type == AccountType::Unknown => {
                Rows::one_of(AccountType::ALL.iter().map(|value| value.label()))
            }
            Label::AccountType => Rows::one_of([traits.account_type.label()]),
            Label::ScimManaged if doubts && traits.scim_managed == ScimManaged::Unknown => {
                Rows::one_of(ScimManaged::ALL.iter().map(|value| value.label()))
            }
            Label::ScimManaged => Rows::one_of([traits.scim_managed.label()]),
            Label::Status if doubts => {
                let may_be = reading.statuses().iter().chain([&traits.status]);
                Rows::one_of(may_be.map(|status| status.label()))
            }
            Label::Status => Rows::one_of([traits.status.label()]),
            Label::Use if doubts && traits.key_use == ApiKeyUse::Unknown => {
                Rows::one_of(ApiKeyUse::ALL.iter().map(|value| value.label()))
            }
            Label::Use => Rows::one_of([traits.key_use.label()]),
            Label::EmailDomain => match &reading.domain {
                None if self.doubts && reading.lacks_address() && !clause.names(label, "none") => {
                    Rows::anything()
                }
                None => Rows::one_of(["none"]),
                // A domain of this name is none of the label's own values.
                Some(domain) if matches!(&**domain, "other" | "none") => Rows::one_of(["other"]),
                Some(domain) => {
                    let known = self.options.email_domains.iter().any(|known| known.is(domain));
                    let label = if known { &**domain } else { "other" };
                    Rows::alternatives([[label, domain]])
                }
            },
            Label::OlderThan | Label::Within | Label::ProjectId | Label::ProjectRole | Label::Field => {
                unreachable!("these have any number of rows")
            }
        }
    }

    fn projects<'r>(&self, user: &'r User<'_>, clause: &Clause) -> Rows<'r>
    where
        'v: 'r,
    {
        let Some(projects) = user.projects.value() else {
            return Rows { entries: SmallVec::new(), more: self.doubts };
        };
        let mut more = self.doubts && !projects.is_whole();
        let mut entries = SmallVec::new();
        let pair = |project: &'r Project<'_>| (Named::of(&project.id), Named::of(&project.role));
        let mut pairs: SmallVec<[_; 4]> = projects.list.iter().map(pair).collect();
        pairs.sort_unstable();
        pairs.dedup();
        for (id, role) in pairs {
            let doubts = |label, name| {
                self.doubts
                    && name == Named::Unknown
                    && clause.tests(label)
                    && !clause.names(label, "unknown")
            };
            if doubts(Label::ProjectId, id) || doubts(Label::ProjectRole, role) {
                more = true;
                continue;
            }
            let ids = self.spellings(id, |folds| &folds.projects);
            let roles = self.spellings(role, |folds| &folds.project_roles);
            entries.push(ids.iter().flat_map(|id| roles.iter().map(move |role| [*id, *role])).collect());
        }
        Rows { entries, more }
    }

    fn name<'r>(
        &self,
        name: Named<'r>,
        kept: impl Fn(&Folds) -> &BTreeSet<String>,
        doubts: bool,
    ) -> Rows<'r> {
        match name {
            Named::Unknown if doubts => Rows::anything(),
            name => Rows::alternatives(self.spellings(name, kept)),
        }
    }

    /// How `name` may be spelled.
    fn spellings<'r>(
        &self,
        name: Named<'r>,
        kept: impl Fn(&Folds) -> &BTreeSet<String>,
    ) -> SmallVec<[[&'r str; 2]; 2]> {
        match (name, self.names) {
            (Named::Unknown, _) => smallvec![["unknown"; 2]],
            (Named::Other, _) => smallvec![["other"; 2]],
            (Named::Name(name), Names::Own) => smallvec![[name; 2]],
            (Named::Name(name), Names::Folded(folds)) => match kept(folds).contains(name) {
                true => smallvec![[name; 2]],
                false => smallvec![["other", name]],
            },
            (Named::Name(name), Names::Open) => smallvec![[name; 2], ["other", name]],
        }
    }

    fn flag<'r>(&self, set: Option<bool>, missing: bool) -> Rows<'r> {
        match set {
            Some(true) => Rows::one_of([""]),
            _ => Rows { entries: SmallVec::new(), more: self.doubts && missing },
        }
    }
}

impl<'r> Rows<'r> {
    /// One row, with one of `values`.
    fn one_of(values: impl IntoIterator<Item = &'r str>) -> Self {
        Self::alternatives(values.into_iter().map(|value| [value; 2]))
    }

    /// One row, spelled in one of these ways.
    fn alternatives(spellings: impl IntoIterator<Item = [&'r str; 2]>) -> Self {
        let alternatives = spellings.into_iter().map(|spelling| [spelling; 2]).collect();
        Self { entries: smallvec![alternatives], more: false }
    }

    /// These rows.
    fn some(spellings: impl IntoIterator<Item = [&'r str; 2]>, more: bool) -> Self {
        let entries = spellings.into_iter().map(|spelling| smallvec![[spelling; 2]]).collect();
        Self { entries, more }
    }

    /// One row, nobody knows with what.
    fn anything() -> Self {
        Self { entries: SmallVec::new(), more: true }
    }
}

/// A span of time that a selector names, in whole seconds.
fn named_span(text: &str) -> Option<(&str, i64)> {
    let seconds = i64::try_from(duration::parse(text).ok()?.as_secs()).ok()?;
    (seconds > 0).then_some((text, seconds))
}
