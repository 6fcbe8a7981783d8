//! Yes, no, and what cannot be told.

use std::ops::Not;

/// Whether something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// It cannot be told.
    Open,
}

impl Truth {
    /// Whether all are so.
    pub fn all(truths: impl IntoIterator<Item = Truth>) -> Self {
        !Self::any(truths.into_iter().map(Not::not))
    }

    /// Whether any is so.
    pub fn any(truths: impl IntoIterator<Item = Truth>) -> Self {
        let mut any = Self::No;
        for truth in truths {
            match truth {
                Self::Yes => return Self::Yes,
                Self::Open => any = Self::Open,
                Self::No => {}
            }
        }
        any
    }

    /// What holds for one of `alternatives`, of which nobody knows which: so, not so, or open where they differ.
    pub fn agreed(alternatives: impl IntoIterator<Item = bool>) -> Self {
        let mut alternatives = alternatives.into_iter();
        let Some(first) = alternatives.next() else { return Self::Open };
        match alternatives.all(|other| other == first) {
            true => first.into(),
            false => Self::Open,
        }
    }
}

impl From<bool> for Truth {
    fn from(is: bool) -> Self {
        match is {
            true => Self::Yes,
            false => Self::No,
        }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Open => Self::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{No, Open, Yes};
    use super::*;

    #[test]
    fn what_is_open_stays_open_unless_the_rest_decides() {
        assert_eq!(Truth::all([Yes, Yes]), Yes);
        assert_eq!(Truth::all([Yes, Open]), Open);
        assert_eq!(Truth::all([Open, No]), No);
        assert_eq!(Truth::all([]), Yes);
        assert_eq!(Truth::any([No, Open]), Open);
        assert_eq!(Truth::any([Open, Yes]), Yes);
        assert_eq!(Truth::any([]), No);
    }

    #[test]
    fn alternatives_have_to_agree() {
        assert_eq!(Truth::agreed([true, true]), Yes);
        assert_eq!(Truth::agreed([false]), No);
        assert_eq!(Truth::agreed([true, false]), Open);
        assert_eq!(Truth::agreed([]), Open);
    }
}
