//! The admin key.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// An admin key. It shows itself to nobody but the `Authorization` header.
#[derive(Clone)]
pub struct AdminKey(SecretString);

/// Why a text is no admin key. The text itself is never repeated.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AdminKeyError {
    /// Nothing but blanks.
    #[error("it is empty")]
    Empty,
    /// A space, a line break or a letter that no header may hold.
    #[error("it holds a character that no key has (a space, a line break or a non-ASCII letter)")]
    BadCharacter,
    /// Longer than any key.
    #[error("it is longer than 4096 characters")]
    TooLong,
}

impl AdminKey {
    /// A key from `text`; blanks around it are taken off.
    ///
    /// # Errors
    ///
    /// If what is left is empty, too long, or has characters other than visible ASCII.
    pub fn parse(text: &str) -> Result<Self, AdminKeyError> {
        let text = text.trim();
        match text {
            "" => Err(AdminKeyError::Empty),
            _ if text.len() > 4096 => Err(AdminKeyError::TooLong),
            _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err(AdminKeyError::BadCharacter),
            _ => Ok(Self(text.into())),
        }
    }

    /// Whether it has the prefix that admin keys have; ordinary API keys are refused by the endpoint.
    pub fn looks_like_an_admin_key(&self) -> bool {
        self.0.expose_secret().starts_with("sk-admin-")
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(super) fn authorization(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0.expose_secret()))
            .expect("a key is visible ASCII");
        value.set_sensitive(true);
        value
    }

    /// `text` with every occurrence of the key taken out.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(self.0.expose_secret(), "<key>")
    }
}

impl PartialEq for AdminKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_a_key_are_taken_off() {
        assert_eq!(AdminKey::parse(" sk-admin-1\n").unwrap(), AdminKey::parse("sk-admin-1").unwrap());
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_reason() {
        assert_eq!(AdminKey::parse(" \n").unwrap_err(), AdminKeyError::Empty);
        assert_eq!(AdminKey::parse("sk-1\nsk-2").unwrap_err(), AdminKeyError::BadCharacter);
        assert_eq!(AdminKey::parse("sk-é").unwrap_err(), AdminKeyError::BadCharacter);
        assert_eq!(AdminKey::parse(&"k".repeat(4097)).unwrap_err(), AdminKeyError::TooLong);
    }

    #[test]
    fn a_key_never_shows_in_debug_output() {
        let key = AdminKey::parse("sk-admin-hidden").unwrap();
        assert_eq!(format!("{key:?} {:?}", key.authorization()), "<secret> Sensitive");
    }
}
