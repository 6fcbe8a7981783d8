//! Label values with a fixed set, read off a user, and those that the configuration brings.

use serde::{Deserialize, Serialize};

use crate::admin_api::{Field, User};

/// The windows of recent additions: label and seconds.
pub const WINDOWS: [(&str, i64); 3] = [("1d", 86_400), ("7d", 7 * 86_400), ("30d", 30 * 86_400)];

/// A threshold from which on an API key is stale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// The label value, as configured.
    pub label: String,
    /// The age.
    pub seconds: i64,
}

/// A mail domain in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailDomain(String);

/// Why a text is no mail domain.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EmailDomainError {
    /// A label value of our own.
    #[error("{0:?} is the label value for everybody else; it cannot be a domain")]
    Reserved(String),
    /// Not what stands behind an @.
    #[error("{0:?} is no mail domain; write what stands behind the @, such as example.com")]
    Invalid(String),
}

/// An enum whose variants are the values of a label.
macro_rules! label_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $value:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            /// All values, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The label value.
            pub fn label(self) -> &'static str {
                match self { $($name::$variant => $value),* }
            }
        }
    };
}

pub(crate) use label_enum;

label_enum! {
    /// The label `account_type`.
    AccountType {
        /// A person.
        User "user",
        /// A service account.
        ServiceAccount "service_account",
        /// The API does not say.
        Unknown "unknown",
    }
}

label_enum! {
    /// The label `scim_managed`.
    ScimManaged {
        /// Managed through SCIM.
        True "true",
        /// Not managed through SCIM.
        False "false",
        /// The API does not say.
        Unknown "unknown",
    }
}

label_enum! {
    /// The label `status`.
    Status {
        /// Neither banned nor disabled, as far as the API says.
        Active "active",
        /// Banned.
        Banned "banned",
        /// Not banned, and not enabled.
        Disabled "disabled",
        /// The API says neither.
        Unknown "unknown",
    }
}

label_enum! {
    /// The label `use`.
    ApiKeyUse {
        /// A last use is known.
        Used "used",
        /// The API says that there was none.
        Never "never",
        /// The API does not say.
        Unknown "unknown",
    }
}

impl AccountType {
    /// The account type of `user`.
    pub fn of(user: &User<'_>) -> Self {
        match user.is_service_account {
            Field::Value(true) => Self::ServiceAccount,
            Field::Value(false) => Self::User,
            _ => Self::Unknown,
        }
    }
}

impl ScimManaged {
    /// Whether `user` is managed through SCIM.
    pub fn of(user: &User<'_>) -> Self {
        match user.is_scim_managed {
            Field::Value(true) => Self::True,
            Field::Value(false) => Self::False,
            _ => Self::Unknown,
        }
    }

    /// Whether the user is managed through SCIM, if the API says so.
    pub fn known(self) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Unknown => None,
        }
    }
}

impl Status {
    /// The status of `user`, from the nested object.
    pub fn of(user: &User<'_>) -> Self {
        let Some(account) = user.user.value() else { return Self::Unknown };
        match (account.banned.value(), account.enabled.value()) {
            (Some(true), _) => Self::Banned,
            (_, Some(false)) => Self::Disabled,
            (None, None) => Self::Unknown,
            _ => Self::Active,
        }
    }
}

impl ApiKeyUse {
    /// What is known of `user`'s API key use.
    pub fn of(user: &User<'_>) -> Self {
        match user.api_key_last_used_at {
            Field::Value(_) => Self::Used,
            Field::Null => Self::Never,
            Field::Absent => Self::Unknown,
        }
    }
}

/// The longest domain that there is, in bytes (source: RFC 1035).
const LONGEST_DOMAIN: usize = 253;

impl EmailDomain {
    /// A domain from `text`, in any case.
    ///
    /// # Errors
    ///
    /// If it is no domain, or one of the label values `other` and `none`.
    pub fn parse(text: &str) -> Result<Self, EmailDomainError> {
        let domain = text.trim().to_lowercase();
        if matches!(domain.as_str(), "other" | "none") {
            return Err(EmailDomainError::Reserved(domain));
        }
        let odd = |c: char| c == '@' || c == ',' || c.is_whitespace() || c.is_control();
        if domain.is_empty() || domain.len() > LONGEST_DOMAIN || domain.contains(odd) {
            return Err(EmailDomainError::Invalid(text.trim().to_owned()));
        }
        Ok(Self(domain))
    }

    /// The domain in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the last `@` of `user`'s address, in whatever case; nothing without an address, and an empty
    /// text where the address has no `@`, or behind it what is too long for a domain.
    pub fn of<'u>(user: &'u User<'_>) -> Option<&'u str> {
        let domain = address(user)?.rsplit_once('@').map_or("", |(_, domain)| domain);
        Some(if domain.len() > LONGEST_DOMAIN { "" } else { domain })
    }

    /// Whether `domain`, in whatever case, is this one.
    pub fn is(&self, domain: &str) -> bool {
        match domain.is_ascii() {
            true => self.0.eq_ignore_ascii_case(domain),
            false => self.0 == domain.to_lowercase(),
        }
    }

    /// The place of `user`'s address among `domains`; behind them stand `other` and `none`.
    pub(super) fn place(user: &User<'_>, domains: &[Self]) -> usize {
        let Some(domain) = Self::of(user) else { return domains.len() + 1 };
        domains.iter().position(|known| known.is(domain)).unwrap_or(domains.len())
    }
}

/// `user`'s address, trimmed: the user's own, else that of the nested object. Nothing where both are absent, null or blank.
pub fn address<'u>(user: &'u User<'_>) -> Option<&'u str> {
    let nested = user.user.value().map(|account| &account.email);
    let addresses = [Some(&user.email), nested].into_iter().flatten();
    addresses
        .filter_map(|field| field.value().map(|address| address.trim()))
        .find(|address| !address.is_empty())
}
