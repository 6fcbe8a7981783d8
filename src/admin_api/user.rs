//! A user, as far as it is read: names and pictures are never decoded.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use smallvec::SmallVec;

use super::field::{Field, Record, read_array, read_into, read_record};

/// Entries of a user's list of projects that are read; what follows is left out.
const MOST_PROJECTS: usize = 10_000;

/// The longest id in bytes that can be used as a cursor.
const LONGEST_ID: usize = 256;

/// One `organization.user` of the list (source: API reference, "List users").
///
/// Timestamps are Unix seconds above 0. Text borrows from the page's body where it has no escapes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct User<'a> {
    /// The user's id, usable in other endpoints and as a cursor.
    pub id: Cow<'a, str>,
    /// When the user was added.
    pub added_at: Field<i64>,
    /// The last use of an API key of the user; null where there was none.
    pub api_key_last_used_at: Field<i64>,
    /// When the user was created.
    pub created: Field<i64>,
    /// Metadata.
    pub developer_persona: Field<Cow<'a, str>>,
    /// The user's address.
    pub email: Field<Cow<'a, str>>,
    /// Whether this is the organization's default user.
    pub is_default: Field<bool>,
    /// Whether the user is an authorized purchaser for Scale Tier.
    pub is_scale_tier_authorized_purchaser: Field<bool>,
    /// Whether the user is managed through SCIM.
    pub is_scim_managed: Field<bool>,
    /// Whether the user is a service account.
    pub is_service_account: Field<bool>,
    /// The user's projects, if included.
    pub projects: Field<Projects<'a>>,
    /// `owner` or `reader`, to be treated as open.
    pub role: Field<Cow<'a, str>>,
    /// Metadata.
    pub technical_level: Field<Cow<'a, str>>,
    /// Nested details.
    pub user: Field<Account<'a>>,
}

/// The nested `user` of a user.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Account<'a> {
    /// Whether the user is banned.
    pub banned: Field<bool>,
    /// When the user was banned.
    pub banned_at: Field<i64>,
    /// The user's address.
    pub email: Field<Cow<'a, str>>,
    /// Whether the user is enabled.
    pub enabled: Field<bool>,
}

/// Projects of which a user has no more as a rule; they take no memory of their own.
const FEW_PROJECTS: usize = 4;

/// A user's list of projects.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Projects<'a> {
    /// The entries that are objects.
    pub list: SmallVec<[Project<'a>; FEW_PROJECTS]>,
    /// Whether there is a list.
    is_list: bool,
    /// Whether entries are no objects, or were left out.
    has_others: bool,
    /// Whether the list says that it goes on.
    goes_on: bool,
}

/// One project of a user.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Project<'a> {
    /// The project's id.
    pub id: Field<Cow<'a, str>>,
    /// The project's name.
    pub name: Field<Cow<'a, str>>,
    /// The user's role in it.
    pub role: Field<Cow<'a, str>>,
}

impl<'a> From<Vec<Project<'a>>> for Projects<'a> {
    fn from(list: Vec<Project<'a>>) -> Self {
        Self { list: list.into(), is_list: true, ..Self::default() }
    }
}

impl Projects<'_> {
    /// Whether the user is in no project: the list has no entries at all, and does not go on.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.is_whole()
    }

    /// Whether all projects of the user are in the list, as far as it tells.
    pub fn is_whole(&self) -> bool {
        !self.has_others && !self.goes_on
    }
}

impl User<'_> {
    /// How many of a page are read: one more than a page can have.
    pub(super) const MOST: usize = 10_001;

    /// The same user, who outlives the page.
    pub fn to_static(&self) -> User<'static> {
        User {
            id: owned(&self.id),
            added_at: self.added_at,
            api_key_last_used_at: self.api_key_last_used_at,
            created: self.created,
            developer_persona: self.developer_persona.map(|text| owned(text)),
            email: self.email.map(|text| owned(text)),
            is_default: self.is_default,
            is_scale_tier_authorized_purchaser: self.is_scale_tier_authorized_purchaser,
            is_scim_managed: self.is_scim_managed,
            is_service_account: self.is_service_account,
            projects: self.projects.map(Projects::to_static),
            role: self.role.map(|text| owned(text)),
            technical_level: self.technical_level.map(|text| owned(text)),
            user: self.user.map(Account::to_static),
        }
    }
}

impl Account<'_> {
    fn to_static(&self) -> Account<'static> {
        Account {
            banned: self.banned,
            banned_at: self.banned_at,
            email: self.email.map(|text| owned(text)),
            enabled: self.enabled,
        }
    }
}

impl Projects<'_> {
    fn to_static(&self) -> Projects<'static> {
        let list = self.list.iter().map(|project| Project {
            id: project.id.map(|text| owned(text)),
            name: project.name.map(|text| owned(text)),
            role: project.role.map(|text| owned(text)),
        });
        Projects {
            list: list.collect(),
            is_list: self.is_list,
            has_others: self.has_others,
            goes_on: self.goes_on,
        }
    }
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

impl<'de> Record<'de> for User<'de> {
    const MOST: usize = User::MOST;
    // A record is there before it is known whether one more comes.
    const USUAL: usize = 100 + 1;

    fn is_usable(&self) -> bool {
        !self.id.is_empty()
    }

    fn read<D: Deserializer<'de>, const CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error> {
        match key {
            "id" => read_id(&mut self.id, value),
            "added_at" => read_time(&mut self.added_at, value).map(|()| forbid_null(&mut self.added_at)),
            "api_key_last_used_at" => read_time(&mut self.api_key_last_used_at, value),
            "created" => read_time(&mut self.created, value).map(|()| forbid_null(&mut self.created)),
            "developer_persona" => read_into(&mut self.developer_persona, value),
            "email" => read_into(&mut self.email, value),
            "is_default" => {
                read_into(&mut self.is_default, value).map(|()| forbid_null(&mut self.is_default))
            }
            "is_scale_tier_authorized_purchaser" => {
                read_into(&mut self.is_scale_tier_authorized_purchaser, value)
            }
            "is_scim_managed" => {
                read_into(&mut self.is_scim_managed, value).map(|()| forbid_null(&mut self.is_scim_managed))
            }
            "is_service_account" => read_into(&mut self.is_service_account, value)
                .map(|()| forbid_null(&mut self.is_service_account)),
            "projects" => read_record::<_, _, CAREFUL>(&mut self.projects, value),
            "role" => read_into(&mut self.role, value),
            "technical_level" => read_into(&mut self.technical_level, value),
            "user" => {
                read_record::<_, _, CAREFUL>(&mut self.user, value).map(|()| forbid_null(&mut self.user))
            }
            _ => skip(value),
        }
    }
}

impl<'de> Record<'de> for Account<'de> {
    fn read<D: Deserializer<'de>, const CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error> {
        match key {
            "banned" => read_into(&mut self.banned, value),
            "banned_at" => read_time(&mut self.banned_at, value),
            "email" => read_into(&mut self.email, value),
            "enabled" => read_into(&mut self.enabled, value),
            _ => skip(value),
        }
    }
}

impl<'de> Record<'de> for Project<'de> {
    const MOST: usize = MOST_PROJECTS;

    fn read<D: Deserializer<'de>, const CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error> {
        match key {
            "id" => read_into(&mut self.id, value),
            "name" => read_into(&mut self.name, value),
            "role" => read_into(&mut self.role, value),
            _ => skip(value),
        }
    }
}

/// The object around the list.
impl<'de> Record<'de> for Projects<'de> {
    fn is_usable(&self) -> bool {
        self.is_list
    }

    fn read<D: Deserializer<'de>, const CAREFUL: bool>(
        &mut self,
        key: &str,
        value: D,
    ) -> Result<(), D::Error> {
        match key {
            "data" => {}
            "has_more" => {
                let mut has_more = Field::Absent;
                let read = read_into(&mut has_more, value);
                self.goes_on = has_more == Field::Value(true);
                return read;
            }
            _ => return skip(value),
        }
        self.list.clear();
        self.is_list = false;
        let others = read_array::<_, _, CAREFUL>(&mut self.list, value)?;
        self.has_others = others.count > 0;
        self.is_list = true;
        Ok(())
    }
}

/// Reads an id into `place`, which gets an empty one where it names nobody.
pub(super) fn read_id<'de, D: Deserializer<'de>>(
    place: &mut Cow<'de, str>,
    value: D,
) -> Result<(), D::Error> {
    let mut id = Field::Absent;
    let read = read_into(&mut id, value);
    *place = usable_id(id).unwrap_or_default();
    read
}

/// An id that names somebody: not blank, and short enough to be sent back as a cursor.
pub(super) fn usable_id(id: Field<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    match id {
        Field::Value(id) if !id.trim().is_empty() && id.len() <= LONGEST_ID => Some(id),
        _ => None,
    }
}

/// The first second of no time: in milliseconds, as other APIs have it, all times of our days are above it.
const NO_TIME: i64 = 100_000_000_000;

fn read_time<'de, D: Deserializer<'de>>(place: &mut Field<i64>, value: D) -> Result<(), D::Error> {
    read_into(place, value)?;
    *place = place.and_then(|seconds| (1..NO_TIME).contains(&seconds).then_some(seconds));
    Ok(())
}

fn forbid_null<T>(place: &mut Field<T>) {
    if matches!(place, Field::Null) {
        *place = Field::Absent;
    }
}

fn skip<'de, D: Deserializer<'de>>(value: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(value).map(|_| ())
}
