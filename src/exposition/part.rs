//! What is on the page of one organization, written once for as long as it holds.

use std::sync::{Arc, LazyLock, Weak};

use super::family::{Head, Series, Value};
use super::format::Format;
use super::samples::{self, Options, Samples};
use crate::catalog::{Family, Kind};
use crate::clock::Moment;
use crate::policy::Policies;
use crate::snapshot::{Organization, OrganizationState, Timing};

/// The most labels that a family of an organization has.
const MOST_LABELS: usize = 5;

/// The families of organizations, by name.
pub(super) static FAMILIES: LazyLock<Vec<&'static Family>> = LazyLock::new(|| {
    let mut families: Vec<_> = samples::families().collect();
    families.sort_by_key(|family| family.name);
    families
});

/// The samples of one organization, as they were written in one format.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    of: Shown,
    samples: Box<[u8]>,
    /// Where those of each family end.
    ends: Box<[usize]>,
}

/// What a part shows. Of the same it is the same.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// It does not keep what it names, but no other one comes to where it was.
    state: Weak<OrganizationState>,
    policies: Weak<Policies>,
    timing: Timing,
    is_fresh: bool,
}

/// An organization as it is now.
pub(super) struct Present {
    organization: Arc<Organization>,
    state: Arc<OrganizationState>,
    policies: Arc<Policies>,
    of: Shown,
}

/// Samples in the making.
struct Collected<'s> {
    samples: Vec<Sample<'s>>,
    /// The family of the last one.
    family: usize,
}

struct Sample<'s> {
    /// Its place among [`FAMILIES`].
    family: usize,
    labels: [&'s str; MOST_LABELS],
    value: f64,
}

impl Present {
    /// `organization` at the moment `now`. Its state is read once.
    pub(super) fn of(organization: &Arc<Organization>, now: &Moment) -> Self {
        let (state, policies, timing) =
            (organization.state(), organization.policies(), organization.timing());
        let is_fresh = state.fresh_snapshot(now, timing.max_age).is_some();
        let of =
            Shown { state: Arc::downgrade(&state), policies: Arc::downgrade(&policies), timing, is_fresh };
        Self { organization: organization.clone(), state, policies, of }
    }

    pub(super) fn name(&self) -> &str {
        &self.organization.name
    }

    /// Whether `part` is what would be written.
    pub(super) fn is_shown_by(&self, part: &Part) -> bool {
        let Shown { state, policies, timing, is_fresh } = &part.of;
        part.name == self.name()
            && Weak::ptr_eq(state, &self.of.state)
            && Weak::ptr_eq(policies, &self.of.policies)
            && (*timing, *is_fresh) == (self.of.timing, self.of.is_fresh)
    }

    /// Writes it down.
    pub(super) fn write(&self, format: Format, options: Options) -> Part {
        let snapshot = self.state.snapshot.as_deref().filter(|_| self.of.is_fresh);
        let mut collected = Collected { samples: Vec::with_capacity(256), family: 0 };
        samples::collect(
            &mut collected,
            options,
            self.name(),
            self.of.timing,
            &self.policies,
            &self.state,
            snapshot,
        );
        let (samples, ends) = collected.write(format);
        Part { name: self.name().to_owned(), of: self.of.clone(), samples, ends }
    }
}

impl Part {
    /// The samples of the family at this place among [`FAMILIES`]; behind the last one there are none.
    pub(super) fn samples(&self, family: usize) -> &[u8] {
        let end = |family: usize| self.ends.get(family).copied().unwrap_or(self.samples.len());
        &self.samples[family.checked_sub(1).map_or(0, end)..end(family)]
    }
}

impl<'s> Samples<'s> for Collected<'s> {
    fn push(&mut self, family: &'static Family, values: &[&'s str], value: f64) {
        // Most are of the family of the one before.
        if FAMILIES[self.family].name != family.name {
            let found = FAMILIES.binary_search_by_key(&family.name, |known| known.name);
            self.family = found.expect("the samples' families are the catalog's");
        }
        let mut labels = [""; MOST_LABELS];
        labels[..values.len()].copy_from_slice(values);
        self.samples.push(Sample { family: self.family, labels, value });
    }
}

impl Collected<'_> {
    /// The samples, by family and labels, and where those of each family end.
    fn write(mut self, format: Format) -> (Box<[u8]>, Box<[usize]>) {
        self.samples.sort_by_key(|sample| (sample.family, sample.labels));
        let mut samples = Vec::with_capacity(self.samples.len() * 128);
        let mut rest = &self.samples[..];
        let end = |(place, family): (usize, &&'static Family)| {
            let head = Head::from(*family);
            let own = rest.iter().take_while(|sample| sample.family == place).count();
            for sample in rest.split_off(..own).unwrap_or_default() {
                let mut labels = [("", ""); MOST_LABELS];
                let pairs = family.labels.iter().copied().zip(sample.labels);
                labels.iter_mut().zip(pairs).for_each(|(label, pair)| *label = pair);
                let value = match family.kind {
                    Kind::Counter => Value::Counter(sample.value),
                    Kind::Gauge | Kind::Histogram(_) => Value::Gauge(sample.value),
                };
                let series = Series { labels: &labels[..family.labels.len()], value, birth: None };
                format.series(&head, &series, &mut samples);
            }
            samples.len()
        };
        let ends = FAMILIES.iter().enumerate().map(end).collect();
        (samples.into(), ends)
    }
}
