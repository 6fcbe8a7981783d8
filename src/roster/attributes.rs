//! What is kept of a user, in 32 bits.

use crate::admin_api::{Account, Field, User};
use crate::composition::{AccountType, Names, ScimManaged};

/// Roles that are told apart; the numbers of all of them fit [`ROLE_BITS`].
pub(super) const MOST_ROLES: usize = 4096;

const ROLE_BITS: u32 = 16;
const ROLE_MASK: u32 = (1 << ROLE_BITS) - 1;
const ACCOUNT_TYPE: u32 = ROLE_BITS;
const SCIM_MANAGED: u32 = ROLE_BITS + 2;
const BANNED: u32 = ROLE_BITS + 4;
const ENABLED: u32 = ROLE_BITS + 6;
const USED: u32 = ROLE_BITS + 8;

/// Role, account type, SCIM management, and the flags `banned` and `enabled` of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes(u32);

impl Attributes {
    /// The attributes of `user`, whose role has the number `role`.
    pub(super) fn of(user: &User<'_>, role: usize) -> Self {
        let flag = |of: fn(&Account<'_>) -> Field<bool>, null: bool| match user.user.value().map(of) {
            Some(Field::Value(flag)) => Some(flag),
            Some(Field::Null) => Some(null),
            Some(Field::Absent) | None => None,
        };
        Self(
            bits_of_role(role)
                | (AccountType::of(user) as u32) << ACCOUNT_TYPE
                | (ScimManaged::of(user) as u32) << SCIM_MANAGED
                | of_flag(flag(|account| account.banned, false)) << BANNED
                | of_flag(flag(|account| account.enabled, true)) << ENABLED,
        )
    }

    /// Attributes from bits that come from outside, if they are some.
    pub(super) fn from_bits(bits: u32, roles: &Names) -> Option<Self> {
        let pair = |place: u32| bits >> place & 3;
        let attributes = Self(bits);
        let fits = attributes.role() < roles.numbers()
            && [ACCOUNT_TYPE, SCIM_MANAGED, BANNED, ENABLED].into_iter().all(|place| pair(place) < 3)
            && bits >> USED == 0;
        fits.then_some(attributes)
    }

    /// Attributes from bits that a roster holds, and so were some.
    pub(super) fn of_roster(bits: u32) -> Self {
        Self(bits)
    }

    /// The same with another number for the role.
    pub(super) fn with_role(self, role: usize) -> Self {
        Self(self.0 & !ROLE_MASK | bits_of_role(role))
    }

    /// The bits, as they are written down.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The number of the role in the roster's table.
    pub(super) fn role(self) -> usize {
        (self.0 & ROLE_MASK) as usize
    }

    /// The account type.
    pub fn account_type(self) -> AccountType {
        AccountType::ALL[self.pair(ACCOUNT_TYPE)]
    }

    /// Whether the user is managed through SCIM.
    pub fn scim_managed(self) -> ScimManaged {
        ScimManaged::ALL[self.pair(SCIM_MANAGED)]
    }

    /// The nested `banned`, null being false, if the record carries it.
    pub fn banned(self) -> Option<bool> {
        flag_of(self.pair(BANNED))
    }

    /// The nested `enabled`, null being true, if the record carries it.
    pub fn enabled(self) -> Option<bool> {
        flag_of(self.pair(ENABLED))
    }

    fn pair(self, place: u32) -> usize {
        (self.0 >> place & 3) as usize
    }
}

fn bits_of_role(role: usize) -> u32 {
    u32::try_from(role).expect("the table of roles is short")
}

fn of_flag(flag: Option<bool>) -> u32 {
    match flag {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    }
}

fn flag_of(pair: usize) -> Option<bool> {
    [None, Some(false), Some(true)][pair]
}
