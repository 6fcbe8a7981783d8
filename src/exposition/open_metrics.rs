//! OpenMetrics' text format, version 1.0.0.

use std::fmt::Write as _;

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::format::{base_name, unit};
use crate::telemetry::Births;

/// Whole numbers below this are written without a fraction: a double holds each of them.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Samples of one family in the making.
struct Samples<'p> {
    page: &'p mut String,
    /// The family's name without the suffix of counters.
    name: &'p str,
}

/// Appends `families`, and the mark of the end.
pub(super) fn encode(families: &[MetricFamily], births: &Births, page: &mut Vec<u8>) {
    let mut text = String::with_capacity(page.capacity());
    for family in families {
        let (name, is_counter) = base_name(family);
        describe(family, name, is_counter, &mut text);
        let births = births.of(family);
        let mut samples = Samples { page: &mut text, name };
        for metric in family.get_metric() {
            match family.get_field_type() {
                // Without the suffix it is of no known type, and cannot have been born.
                MetricType::COUNTER if !is_counter => {
                    samples.number("", metric, None, metric.get_counter().get_value());
                    continue;
                }
                MetricType::COUNTER => {
                    samples.number("_total", metric, None, metric.get_counter().get_value());
                }
                MetricType::HISTOGRAM => samples.histogram(metric),
                MetricType::SUMMARY => samples.summary(metric),
                _ => samples.number("", metric, None, metric.get_gauge().get_value()),
            }
            if let Some(birth) = births.birth(metric) {
                samples.created(metric, birth);
            }
        }
    }
    text.push_str("# EOF\n");
    page.append(&mut text.into_bytes());
}

/// The lines before a family's samples.
fn describe(family: &MetricFamily, name: &str, is_counter: bool, page: &mut String) {
    if !family.help().is_empty() {
        page.push_str("# HELP ");
        page.push_str(name);
        page.push(' ');
        push_escaped(page, family.help());
        page.push('\n');
    }
    page.push_str("# TYPE ");
    page.push_str(name);
    page.push_str(match family.get_field_type() {
        MetricType::COUNTER if is_counter => " counter\n",
        MetricType::GAUGE => " gauge\n",
        MetricType::HISTOGRAM => " histogram\n",
        MetricType::SUMMARY => " summary\n",
        _ => " unknown\n",
    });
    if let Some(unit) = unit(name) {
        page.push_str("# UNIT ");
        page.push_str(name);
        page.push(' ');
        page.push_str(unit);
        page.push('\n');
    }
}

impl Samples<'_> {
    fn histogram(&mut self, metric: &Metric) {
        let histogram = metric.get_histogram();
        for bucket in histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound() < f64::INFINITY) {
            let bound = canonical(bucket.upper_bound());
            self.count("_bucket", metric, Some(("le", &bound)), bucket.cumulative_count());
        }
        self.count("_bucket", metric, Some(("le", "+Inf")), histogram.get_sample_count());
        self.number("_sum", metric, None, histogram.get_sample_sum());
        self.count("_count", metric, None, histogram.get_sample_count());
    }

    fn summary(&mut self, metric: &Metric) {
        let summary = metric.get_summary();
        for quantile in summary.get_quantile() {
            self.number("", metric, Some(("quantile", &canonical(quantile.quantile()))), quantile.value());
        }
        self.number("_sum", metric, None, summary.sample_sum());
        self.count("_count", metric, None, summary.sample_count());
    }

    fn number(&mut self, suffix: &str, metric: &Metric, further: Option<(&str, &str)>, value: f64) {
        self.series(suffix, metric.get_label(), further);
        push_number(self.page, value);
        self.page.push('\n');
    }

    fn count(&mut self, suffix: &str, metric: &Metric, further: Option<(&str, &str)>, value: u64) {
        self.series(suffix, metric.get_label(), further);
        let _ = writeln!(self.page, "{value}");
    }

    fn created(&mut self, metric: &Metric, birth: u64) {
        self.series("_created", metric.get_label(), None);
        let _ = writeln!(self.page, "{}.{:03}", birth / 1_000, birth % 1_000);
    }

    /// A sample but for its value.
    fn series(&mut self, suffix: &str, labels: &[LabelPair], further: Option<(&str, &str)>) {
        self.page.push_str(self.name);
        self.page.push_str(suffix);
        let mut separator = '{';
        for (name, value) in labels.iter().map(|label| (label.name(), label.value())).chain(further) {
            self.page.push(separator);
            self.page.push_str(name);
            self.page.push_str("=\"");
            push_escaped(self.page, value);
            self.page.push('"');
            separator = ',';
        }
        self.page.push_str(if separator == ',' { "} " } else { " " });
    }
}

/// A text between quotes, or behind `# HELP`.
fn push_escaped(page: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '\n', '"']) {
        let (plain, special) = rest.split_at(at);
        page.push_str(plain);
        page.push('\\');
        page.push(if special.starts_with('\n') { 'n' } else { char::from(special.as_bytes()[0]) });
        rest = &special[1..];
    }
    page.push_str(rest);
}

#[expect(clippy::cast_possible_truncation, reason = "the number is whole, and small enough")]
fn push_number(page: &mut String, value: f64) {
    let _ = if value.fract() == 0.0 && value.abs() < LARGEST_WHOLE {
        write!(page, "{}", value as i64)
    } else if value.is_finite() {
        write!(page, "{value}")
    } else {
        page.write_str(not_finite(value))
    };
}

fn not_finite(value: f64) -> &'static str {
    match value {
        _ if value.is_nan() => "NaN",
        _ if value > 0.0 => "+Inf",
        _ => "-Inf",
    }
}

/// The one way in which the format wants a bound or a quantile to be written, so that it is the same series everywhere:
/// with a fraction from 0.0001 up to below a million, else with an exponent of two digits.
fn canonical(number: f64) -> String {
    if !number.is_finite() {
        return not_finite(number).to_owned();
    }
    if number == 0.0 || (1e-4..1e6).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if exponent.starts_with('-') => format!("{digits}e-{:0>2}", &exponent[1..]),
        Some((digits, exponent)) => format!("{digits}e+{exponent:0>2}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_written_as_the_specification_lists_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (1e-10, "1e-10"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (0.001, "0.001"),
            (0.05, "0.05"),
            (1.0, "1.0"),
            (2.5, "2.5"),
            (30.0, "30.0"),
            (-30.0, "-30.0"),
            (100_000.0, "100000.0"),
            (1e6, "1e+06"),
            (2.5e7, "2.5e+07"),
            (1e10, "1e+10"),
            (1e100, "1e+100"),
            (-2.5e-100, "-2.5e-100"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(canonical(number), text);
        }
    }

    #[test]
    fn numbers_are_short_and_exact() {
        for (number, text) in [
            (0.0, "0"),
            (7.0, "7"),
            (-7.0, "-7"),
            (0.1, "0.1"),
            (1_800_000_001.5, "1800000001.5"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (1e20, "100000000000000000000"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            let mut page = String::new();
            push_number(&mut page, number);
            assert_eq!(page, text);
        }
    }
}
