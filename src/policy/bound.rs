//! How many there may be.

use std::fmt;

/// What the number of users, or their share, is held to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// So many users at most.
    Max(u64),
    /// So many users at least.
    Min(u64),
    /// So many users.
    Exactly(u64),
    /// Such a share at most, from 0 to 1.
    MaxShare(f64),
    /// Such a share at least, from 0 to 1.
    MinShare(f64),
}

/// Why a text is no bound.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BoundError {
    /// It should be a number of users.
    #[error("{0:?} is no number of users, such as 5")]
    Number(String),
    /// It is a share, and should be a number of users.
    #[error("{0:?} is a share; max_share and min_share take those")]
    ShareForNumber(String),
    /// It should be a share.
    #[error("{0:?} is no share; write it like 0.05 or 5%")]
    Share(String),
    /// Everything keeps it.
    #[error("{0:?} is always kept; 1 as a share is all of them, 1% a hundredth")]
    Always(String),
}

impl Bound {
    /// What the kinds are called.
    pub const NAMES: [&'static str; 5] = ["max", "min", "exactly", "max_share", "min_share"];

    /// The bound of the kind `name` in `text`; `None` where there is no such kind.
    ///
    /// # Errors
    ///
    /// If the text is none of that kind.
    pub fn parse(name: &str, text: &str) -> Option<Result<Self, BoundError>> {
        let number = |bound: fn(u64) -> Self| {
            // What is more than any organization has fits a gauge exactly, too.
            let number = text.trim().parse().ok().filter(|number| *number < 1 << 53);
            number.map(bound).ok_or_else(|| match text.trim().ends_with('%') && share(text).is_some() {
                true => BoundError::ShareForNumber(text.to_owned()),
                false => BoundError::Number(text.to_owned()),
            })
        };
        let share =
            |bound: fn(f64) -> Self| share(text).map(bound).ok_or_else(|| BoundError::Share(text.to_owned()));
        let bound = match name {
            "max" => number(Self::Max),
            "min" => number(Self::Min),
            "exactly" => number(Self::Exactly),
            "max_share" => share(Self::MaxShare),
            "min_share" => share(Self::MinShare),
            _ => return None,
        };
        Some(bound.and_then(|bound| match bound.is_always_kept() {
            true => Err(BoundError::Always(text.to_owned())),
            false => Ok(bound),
        }))
    }

    fn is_always_kept(self) -> bool {
        match self {
            Self::Min(users) => users == 0,
            Self::MaxShare(share) => share >= 1.0,
            Self::MinShare(share) => share <= 0.0,
            Self::Max(_) | Self::Exactly(_) => false,
        }
    }

    /// What its kind is called.
    pub fn name(self) -> &'static str {
        let [max, min, exactly, max_share, min_share] = Self::NAMES;
        match self {
            Self::Max(_) => max,
            Self::Min(_) => min,
            Self::Exactly(_) => exactly,
            Self::MaxShare(_) => max_share,
            Self::MinShare(_) => min_share,
        }
    }

    /// Whether it is about a share.
    pub fn is_share(self) -> bool {
        matches!(self, Self::MaxShare(_) | Self::MinShare(_))
    }

    /// Users, or a ratio.
    #[expect(clippy::cast_precision_loss, reason = "larger ones are refused")]
    pub fn limit(self) -> f64 {
        match self {
            Self::Max(users) | Self::Min(users) | Self::Exactly(users) => users as f64,
            Self::MaxShare(share) | Self::MinShare(share) => share,
        }
    }
}

/// As a person says it: `at most 5`.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max(users) => write!(f, "at most {users}"),
            Self::Min(users) => write!(f, "at least {users}"),
            Self::Exactly(users) => write!(f, "exactly {users}"),
            Self::MaxShare(share) => write!(f, "at most {}", percent(*share)),
            Self::MinShare(share) => write!(f, "at least {}", percent(*share)),
        }
    }
}

/// A share as a percentage, with at most four digits behind the point.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `0.05`, or `5%`. A percentage is read as the decimal that it stands for, so that both are the same number.
fn share(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_decimal = |text: &str| {
        let are_digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        are_digits && text.bytes().any(|byte| byte.is_ascii_digit())
    };
    let share: f64 = match text.strip_suffix('%').map(str::trim_end) {
        Some(percent) if is_decimal(percent) => format!("{percent}e-2").parse().ok()?,
        None if is_decimal(text) => text.parse().ok()?,
        _ => return None,
    };
    (0.0..=1.0).contains(&share).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_the_same_number_as_its_decimal() {
        let share = |text: &str| Bound::parse("min_share", text).unwrap();
        for (percent, decimal) in [("99%", "0.99"), ("99.9 %", "0.999"), ("100%", "1"), ("7%", ".07")] {
            assert_eq!(share(percent), share(decimal), "{percent}");
            assert!(share(percent).is_ok());
        }
        assert_eq!(share("99.9%").unwrap().to_string(), "at least 99.9%");
        assert_eq!(share("0.333333").unwrap().to_string(), "at least 33.3333%");
    }

    #[test]
    fn what_is_no_bound_is_said() {
        for text in ["99", "1.01", "-0.1", "101%", "%", "", "NaN", "inf", "1e-1", "."] {
            let error = Bound::parse("max_share", text).unwrap().unwrap_err().to_string();
            assert_eq!(error, format!("{text:?} is no share; write it like 0.05 or 5%"));
        }
        for text in ["-1", "1.5", "", "many", "9007199254740992"] {
            let error = Bound::parse("max", text).unwrap().unwrap_err().to_string();
            assert_eq!(error, format!("{text:?} is no number of users, such as 5"));
        }
        assert_eq!(
            Bound::parse("max", "10%").unwrap().unwrap_err().to_string(),
            "\"10%\" is a share; max_share and min_share take those"
        );
        assert_eq!(Bound::parse("most", "5"), None);
    }

    #[test]
    fn each_kind_is_read_by_its_name() {
        for name in Bound::NAMES {
            let text = if name == "max_share" { "0.5" } else { "1" };
            assert_eq!(Bound::parse(name, text).unwrap().unwrap().name(), name);
        }
    }

    #[test]
    fn what_is_always_kept_is_no_bound() {
        for (name, text) in [("max_share", "1"), ("max_share", "100%"), ("min", "0"), ("min_share", "0%")] {
            let error = Bound::parse(name, text).unwrap().unwrap_err().to_string();
            assert_eq!(
                error,
                format!("{text:?} is always kept; 1 as a share is all of them, 1% a hundredth")
            );
        }
        for (name, text) in [("max", "0"), ("exactly", "0"), ("max_share", "0"), ("min_share", "1")] {
            assert!(Bound::parse(name, text).unwrap().is_ok(), "{name}: {text}");
        }
    }
}
