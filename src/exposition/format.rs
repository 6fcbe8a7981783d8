//! The formats, and what they have in common.

use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Encoder as _, Error, Registry, TextEncoder};

use super::{open_metrics, protobuf};
use crate::telemetry::{Births, Telemetry};

/// How families are written down. All formats carry the same samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Prometheus' text format 0.0.4. As all names are of the old character set, it is its 1.0.0 too.
    Text,
    /// OpenMetrics' text format 1.0.0, which 0.0.1 does not differ from in what is written here.
    OpenMetrics,
    /// Prometheus' protobuf format: messages `io.prometheus.client.MetricFamily`, each behind its length.
    Protobuf,
}

/// The units that names end in.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// The suffix of counters.
const TOTAL: &str = "_total";

/// All families of `registry` in the text format, those without samples left out.
///
/// # Errors
///
/// If a family is not well formed, which the catalog rules out.
pub fn render(registry: &Registry) -> prometheus::Result<Vec<u8>> {
    encode(&registry.gather(), Format::Text, &Births::default())
}

/// All families of `registry` in `format`, those without samples left out, with the births that `telemetry` knows.
///
/// # Errors
///
/// If a family is not well formed, which the catalog rules out.
pub fn expose(registry: &Registry, telemetry: &Telemetry, format: Format) -> prometheus::Result<Vec<u8>> {
    let before = telemetry.births();
    let families = registry.gather();
    encode(&families, format, &before.agreed(&telemetry.births()))
}

/// `families` in `format`. Text has no place for births.
///
/// # Errors
///
/// If a family has no name, no samples or no type that the exporter has.
pub fn encode(families: &[MetricFamily], format: Format, births: &Births) -> prometheus::Result<Vec<u8>> {
    let mut page = Vec::with_capacity(64 << 10);
    if let Some(family) = families.iter().find(|family| !is_well_formed(family)) {
        return Err(Error::Msg(format!("the family {:?} is not well formed", family.name())));
    }
    match format {
        Format::Text => TextEncoder::new().encode(families, &mut page)?,
        Format::OpenMetrics => open_metrics::encode(families, births, &mut page),
        Format::Protobuf => protobuf::encode(families, births, &mut page),
    }
    Ok(page)
}

fn is_well_formed(family: &MetricFamily) -> bool {
    !family.name().is_empty()
        && !family.get_metric().is_empty()
        && family.get_field_type() != MetricType::UNTYPED
}

/// A family's name without the suffix of counters, and whether it is a counter that has it.
pub(super) fn base_name(family: &MetricFamily) -> (&str, bool) {
    match family.name().strip_suffix(TOTAL) {
        Some(base) if !base.is_empty() && family.get_field_type() == MetricType::COUNTER => (base, true),
        _ => (family.name(), false),
    }
}

/// The unit that a family's name, without the suffix of counters, ends in.
pub(super) fn unit(base_name: &str) -> Option<&'static str> {
    let is_its = |unit: &&str| base_name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'));
    UNITS.into_iter().find(|unit| is_its(unit))
}
