//! Hashes of passwords, as bcrypt writes them.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// The highest cost that is taken: each step doubles the time, and somebody waits for the answer.
pub const MOST_COST: u32 = 16;

/// What bcrypt looks at of a password; the rest makes no difference.
pub(super) const LONGEST_PASSWORD: usize = 72;

/// The alphabet of bcrypt's own Base64.
const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Where the last character of the salt stands.
const LAST_OF_SALT: usize = 28;

/// A hash that passwords can be compared with.
#[derive(Clone)]
pub struct PasswordHash {
    text: SecretString,
    cost: u32,
}

/// Why a text is no hash of a password. None repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordHashError {
    /// It is another thing.
    #[error(
        "is no bcrypt hash of 60 characters ($2y$10$...); make one with htpasswd -nBC 10 \"\", and take the colon off"
    )]
    Form,
    /// It would take too long.
    #[error(
        "has a bcrypt cost of {0}; each step doubles the time a comparison takes, so that costs from 4 to {MOST_COST} are taken, and 10 is usual"
    )]
    Cost(u32),
}

impl PasswordHash {
    /// Whether it is the same text as `other`.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.text.expose_secret() == other.text.expose_secret()
    }

    /// The hash that `text` is.
    ///
    /// # Errors
    ///
    /// If it is none, or one whose cost is too high.
    pub fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let mut text = text.as_bytes().to_vec();
        let cost = match text.get(..7) {
            Some(
                [b'$', b'2', b'a' | b'b' | b'x' | b'y', b'$', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'$'],
            ) => u32::from(tens - b'0') * 10 + u32::from(ones - b'0'),
            _ => return Err(PasswordHashError::Form),
        };
        if text.len() != 60 {
            return Err(PasswordHashError::Form);
        }
        // Of the last character two bits belong to the salt. Some programs leave others behind, which count for nothing.
        let last =
            ALPHABET.iter().position(|known| *known == text[LAST_OF_SALT]).ok_or(PasswordHashError::Form)?;
        text[LAST_OF_SALT] = ALPHABET[last & 0b11_0000];
        let text = String::from_utf8(text).map_err(|_| PasswordHashError::Form)?;
        if text.parse::<bcrypt::HashParts>().is_err() {
            return Err(PasswordHashError::Form);
        }
        match cost {
            4..=MOST_COST => Ok(Self { text: text.into(), cost }),
            _ => Err(PasswordHashError::Cost(cost)),
        }
    }

    /// What it costs: the logarithm of the rounds.
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// Whether it is the hash of `password`. It takes its time, on this thread.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        bcrypt::verify(password, self.text.expose_secret()).unwrap_or(false)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash(<secret>, cost {})", self.cost)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hashes_of_all_writers_are_read() {
        // Of "password", by htpasswd and by Python's bcrypt in two of its forms.
        for (hash, cost) in [
            ("$2y$05$iTxoodhXXCVjaIwdUBVuke.UptHZELTKYia72C/Vcl2htQIE6l5AC", 5),
            ("$2b$04$Ecug6O/uakkIvevJNvpGYubYTq.2z//0pG/NKGZev0r3/yHTlrj0.", 4),
            ("$2a$04$I/eZeUuUivZrbX7j1SsBYuTyBvAe/gqGXLNIss2ES4MfYG9hm53gC", 4),
        ] {
            let parsed = PasswordHash::parse(hash).unwrap();
            assert_eq!(parsed.cost(), cost);
            assert!(parsed.is_of(b"password") && !parsed.is_of(b"Password"), "{hash}");
        }
        let hash = bcrypt::hash("password", 4).unwrap();
        for kind in ["$2a", "$2b", "$2x", "$2y"] {
            let parsed = PasswordHash::parse(&hash.replacen("$2b", kind, 1)).unwrap();
            assert!(parsed.is_of(b"password") && !parsed.is_of(b"passwort") && !parsed.is_of(b""));
            assert!(!format!("{parsed:?}").contains(&hash[7..]));
        }
        let mut odd = hash.clone().into_bytes();
        let last = ALPHABET.iter().position(|known| *known == odd[LAST_OF_SALT]).unwrap();
        odd[LAST_OF_SALT] = ALPHABET[last | 0b1111];
        let odd = String::from_utf8(odd).unwrap();
        assert_ne!(odd, hash);
        assert!(PasswordHash::parse(&odd).unwrap().is_of(b"password"));
    }

    #[test]
    fn what_is_no_hash_or_takes_too_long_is_refused_without_being_repeated() {
        let good = bcrypt::hash("password", 4).unwrap();
        let cost = |cost: &str| format!("$2b${cost}{}", &good[6..]);
        for (text, error) in [
            (String::new(), PasswordHashError::Form),
            ("secret".to_owned(), PasswordHashError::Form),
            (good[..59].to_owned(), PasswordHashError::Form),
            (format!("{good}x"), PasswordHashError::Form),
            (good.replacen("$2b", "$1$", 1), PasswordHashError::Form),
            (good.replacen("$2b", "$2c", 1), PasswordHashError::Form),
            (format!("{}!", &good[..59]), PasswordHashError::Form),
            (format!("{}ä", &good[..58]), PasswordHashError::Form),
            (cost("+5"), PasswordHashError::Form),
            (cost("03"), PasswordHashError::Cost(3)),
            (cost("17"), PasswordHashError::Cost(17)),
            (cost("31"), PasswordHashError::Cost(31)),
        ] {
            assert_eq!(PasswordHash::parse(&text).unwrap_err(), error, "{text}");
            assert!(text.is_empty() || !error.to_string().contains(&text));
        }
    }

    #[test]
    fn of_a_long_password_the_first_72_bytes_count() {
        let hash = PasswordHash::parse(&bcrypt::hash([b'x'; 80], 4).unwrap()).unwrap();
        assert!(hash.is_of(&[b'x'; 72]) && hash.is_of(&[b'x'; 500]) && !hash.is_of(&[b'x'; 71]));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), tail in "[ -~ä]{53}") {
            let _ = (PasswordHash::parse(&text), PasswordHash::parse(&format!("$2y$10${tail}")));
        }
    }
}
