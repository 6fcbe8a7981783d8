//! Every metric family, declared once: name, help, type, labels, and the label values that are known beforehand.
//!
//! The collector, the exporter's own counters, `docs/metrics.md` and the tests read it; nobody else spells a
//! family's name. It must not know values or where they come from.

/// Families of one part and type, each as documentation, constant, name, labels and help.
macro_rules! families {
    ($part:ident $kind:ident: $($(#[$doc:meta])* $constant:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $constant: Family = Family {
                name: $name,
                help: $help,
                kind: Kind::$kind,
                labels: &[$($label),*],
                part: Part::$part,
            };
        )*
    };
}

mod changes;
mod exporter;
mod markdown;
mod organization;
mod policies;

pub use changes::*;
pub use exporter::*;
pub use markdown::markdown;
pub use organization::*;
pub use policies::*;

/// One metric family.
#[derive(Debug)]
pub struct Family {
    /// The full name, unit and `_total` included.
    pub name: &'static str,
    /// The HELP text.
    pub help: &'static str,
    /// The type.
    pub kind: Kind,
    /// Label names in byte order (the `prometheus` crate sorts samples by label position, so order matters).
    pub labels: &'static [&'static str],
    /// The part of `docs/metrics.md` it belongs to.
    pub part: Part,
}

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only goes up, except for restarts.
    Counter,
    /// Counts by upper bound, in seconds.
    Histogram(&'static [f64]),
}

/// The parts into which families are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the organization is made of: goes when it is too old.
    Composition,
    /// How fresh that is: never goes.
    Freshness,
    /// Policies, and whether they are kept.
    Policies,
    /// What changed: counters never go.
    Changes,
    /// The exporter itself.
    Exporter,
}

impl Family {
    /// The family's labels and `values` as pairs, in the order of the labels.
    ///
    /// # Panics
    ///
    /// In debug builds, if there are not as many values as labels.
    pub fn pairs<'a>(&self, values: &[&'a str]) -> Vec<(&'static str, &'a str)> {
        debug_assert_eq!(self.labels.len(), values.len(), "{}", self.name);
        self.labels.iter().copied().zip(values.iter().copied()).collect()
    }
}

/// All families, in the order of `docs/metrics.md`.
pub fn all() -> impl Iterator<Item = &'static Family> {
    organization::FAMILIES
        .iter()
        .chain(policies::FAMILIES)
        .chain(changes::FAMILIES)
        .chain(exporter::FAMILIES)
        .copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_prefixed_and_counters_alone_end_in_total() {
        let mut seen = BTreeSet::new();
        for family in all() {
            assert!(seen.insert(family.name), "{} stands twice", family.name);
            assert!(family.name.starts_with("openai_org_"), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
        }
    }

    #[test]
    fn labels_stand_in_byte_order() {
        for family in all() {
            assert!(family.labels.is_sorted(), "{}: {:?}", family.name, family.labels);
        }
    }

    #[test]
    fn help_is_one_line_and_says_which_walk_it_speaks_of() {
        for family in all() {
            assert!(family.help.ends_with('.') && !family.help.contains('\n'), "{}", family.name);
            if family.part == Part::Composition {
                assert!(family.help.contains("last completed walk"), "{}", family.name);
            }
        }
    }
}
