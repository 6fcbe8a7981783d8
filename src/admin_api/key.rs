//! The admin key.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// The largest file that can hold a key.
const LARGEST_FILE: u64 = 64 << 10;

/// An admin key. It shows itself to nobody but the `Authorization` header.
#[derive(Clone)]
pub struct AdminKey(SecretString);

/// The keys that no text may show: the one in use, and before it in time those that it replaced.
#[derive(Debug, Clone)]
pub(super) struct Keys(Vec<AdminKey>);

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

/// Why a file gives no admin key. Nothing of what it holds is repeated.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read {0:?}: {1}")]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is not UTF-8.
    #[error("{0:?} holds no admin key: it is no text")]
    NoText(PathBuf),
    /// It is text, and no key.
    #[error("{0:?} holds no admin key: {1}")]
    NoKey(PathBuf, #[source] AdminKeyError),
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

    /// The key in the file at `path`. Of a device that never ends no more is read than a key file can hold.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is larger than 64 KiB, or holds no key.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let mut content = Vec::new();
        let read = File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut content));
        let unreadable = |error| KeyFileError::Unreadable(path.to_owned(), error);
        if read.map_err(unreadable)? as u64 > LARGEST_FILE {
            let message = format!("it is larger than {LARGEST_FILE} bytes");
            return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, message)));
        }
        let text = String::from_utf8(content).map_err(|_| KeyFileError::NoText(path.to_owned()))?;
        Self::parse(&text).map_err(|error| KeyFileError::NoKey(path.to_owned(), error))
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
}

impl Keys {
    /// How many are remembered. An answer that repeats an older key than that took many walks to come.
    const MOST: usize = 8;

    pub(super) fn only(key: AdminKey) -> Self {
        Self(vec![key])
    }

    pub(super) fn in_use(&self) -> &AdminKey {
        &self.0[0]
    }

    /// The same with `key` in use.
    pub(super) fn replaced_by(&self, key: &AdminKey) -> Self {
        let earlier = self.0.iter().filter(|earlier| *earlier != key).cloned();
        Self(std::iter::once(key.clone()).chain(earlier).take(Self::MOST).collect())
    }

    /// Whether any key, made bare as `text` was, stands in it.
    pub(super) fn any_in(&self, text: &str, bare: impl Fn(&str) -> String) -> bool {
        let mut secrets = self.0.iter().map(|key| bare(key.0.expose_secret()));
        secrets.any(|secret| !secret.is_empty() && text.contains(&secret))
    }

    /// `text` with every occurrence of every key taken out.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut secrets: Vec<&str> = self.0.iter().map(|key| key.0.expose_secret()).collect();
        // A key that begins another must not leave the other's end behind.
        secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, "<key>"))
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
    fn a_file_gives_its_key_or_says_why_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            AdminKey::read(&path).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "PATH"))
        };
        assert_eq!(read(b" sk-admin-1\n").unwrap(), AdminKey::parse("sk-admin-1").unwrap());
        for (content, message) in [
            (&b"\n"[..], "\"PATH\" holds no admin key: it is empty"),
            (b"sk-\xff", "\"PATH\" holds no admin key: it is no text"),
            (&[b' '; 65_537], "cannot read \"PATH\": it is larger than 65536 bytes"),
        ] {
            assert_eq!(read(content).unwrap_err(), message);
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(AdminKey::read(&path), Err(KeyFileError::Unreadable(..))));
    }

    #[test]
    fn the_keys_before_the_one_in_use_are_taken_out_of_texts_too() {
        let key = |text: &str| AdminKey::parse(text).unwrap();
        let keys = Keys::only(key("very")).replaced_by(&key("very-secret")).replaced_by(&key("other"));
        assert_eq!(keys.in_use(), &key("other"));
        assert_eq!(keys.redact("a very, very-secret other"), "a <key>, <key> <key>");
        let back = keys.replaced_by(&key("very"));
        assert_eq!((back.in_use(), back.0.len()), (&key("very"), 3));
        let many = (0..20).fold(back, |keys, number| keys.replaced_by(&key(&format!("key-{number}"))));
        assert_eq!(many.0.len(), Keys::MOST);
    }

    #[test]
    fn a_key_never_shows_in_debug_output() {
        let key = AdminKey::parse("sk-admin-hidden").unwrap();
        assert_eq!(format!("{key:?} {:?}", key.authorization()), "<secret> Sensitive");
    }
}
