//! Who does not count, and until when.

use std::collections::HashMap;
use std::fmt;

use time::{Date, Month};

use crate::admin_api::User;
use crate::composition;
use crate::selection::{Reading, Truth};

/// A user whom a policy does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Who.
    pub whom: Whom,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: Until,
}

/// How a user is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// By the id.
    User(String),
    /// By the address, in lower case.
    Email(String),
}

/// When an exception ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// It does not.
    Never,
    /// At the end of this day, UTC.
    Day(Date),
}

/// Why a text is no end of an exception.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no date; write it like 2027-01-31, or never")]
pub struct UntilError(String);

/// Exceptions, to be found by user.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Exceptions {
    users: HashMap<String, usize>,
    emails: HashMap<String, usize>,
}

/// Whether an exception holds for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exempt {
    /// The one at this place.
    By(usize),
    /// None.
    No,
    /// There are some by address, and the API does not send the user's own.
    Open,
}

impl Whom {
    /// The user with this address.
    pub fn email(address: &str) -> Self {
        Self::Email(address.trim().to_ascii_lowercase())
    }

    /// What it is by, and the text itself.
    pub(super) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::User(id) => ("user", id),
            Self::Email(address) => ("email", address),
        }
    }
}

impl Until {
    /// The end in `text`: a date, or `never`.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self, UntilError> {
        match text.trim() {
            "never" => Ok(Self::Never),
            date => date_of(date).map(Self::Day).ok_or_else(|| UntilError(text.to_owned())),
        }
    }

    /// Whether the exception still holds at `reference`, in Unix seconds.
    pub fn holds_at(self, reference: i64) -> bool {
        const DAY: i64 = 86_400;
        match self {
            Self::Never => true,
            Self::Day(date) => reference < date.midnight().assume_utc().unix_timestamp() + DAY,
        }
    }
}

/// `2027-01-31`
fn date_of(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let mut number = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u16>().ok()).flatten()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if parts.next().is_some() {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(year.into(), month, u8::try_from(day).ok()?).ok()
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Day(date) => write!(f, "{date}"),
        }
    }
}

impl Exceptions {
    pub(super) fn of(exceptions: &[Exception]) -> Self {
        let mut found = Self::default();
        for (place, exception) in exceptions.iter().enumerate() {
            match &exception.whom {
                Whom::User(id) => found.users.insert(id.clone(), place),
                Whom::Email(address) => found.emails.insert(address.clone(), place),
            };
        }
        found
    }

    /// Whether one of `exceptions`, which these are, holds for `user` at `reference`.
    pub(super) fn exempt(
        &self,
        user: &User<'_>,
        reading: &Reading<'_, '_>,
        reference: i64,
        exceptions: &[Exception],
    ) -> Exempt {
        let holds = |place: &usize| exceptions[*place].until.holds_at(reference);
        if let Some(place) = self.users.get(&*user.id).copied().filter(holds) {
            return Exempt::By(place);
        }
        if !self.emails.values().any(holds) {
            return Exempt::No;
        }
        let address = composition::address(user).map(str::to_ascii_lowercase);
        match address.and_then(|address| self.emails.get(&address)).copied().filter(holds) {
            Some(place) => Exempt::By(place),
            None if may_have_another(user, reading) => Exempt::Open,
            None => Exempt::No,
        }
    }

    /// The places of those that are for `user`, or may be, whether they have ended or not.
    pub(super) fn concerned(&self, user: &User<'_>, reading: &Reading<'_, '_>) -> Vec<usize> {
        if self.users.is_empty() && self.emails.is_empty() {
            return Vec::new();
        }
        let by_id = self.users.get(&*user.id).copied();
        let address = composition::address(user);
        let by_address = address.and_then(|address| self.emails.get(&address.to_ascii_lowercase()));
        let may_be_any = by_address.is_none() && may_have_another(user, reading);
        let others = self.emails.values().filter(|_| may_be_any);
        by_id.into_iter().chain(by_address.into_iter().chain(others).copied()).collect()
    }
}

/// Whether an address that the API does not send may be the user's.
fn may_have_another(user: &User<'_>, reading: &Reading<'_, '_>) -> bool {
    match composition::address(user) {
        // The nested one stands in only where the user's own is missing.
        Some(_) => !user.email.is_carried(),
        None => reading.lacks_address(),
    }
}

impl Exempt {
    pub(super) fn truth(self) -> Truth {
        match self {
            Self::By(_) => Truth::Yes,
            Self::No => Truth::No,
            Self::Open => Truth::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_holds_to_the_end_of_its_day() {
        let until = Until::parse("2026-10-01").unwrap();
        let midnight = 1_790_899_200; // 2026-10-02T00:00:00Z
        assert!(until.holds_at(midnight - 1) && !until.holds_at(midnight));
        assert_eq!(until.to_string(), "2026-10-01");
        assert!(Until::parse(" never ").unwrap().holds_at(i64::MAX));
    }

    #[test]
    fn what_is_no_date_is_said() {
        for text in
            ["", "2026-02-30", "2026-13-01", "26-01-01", "2026-1-1", "2026/01/01", "2026-01-01-", "Never"]
        {
            let error = Until::parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("{text:?} is no date; write it like 2027-01-31, or never"));
        }
    }
}
