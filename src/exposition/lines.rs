//! The formats whose samples are lines: Prometheus' text format 0.0.4, and OpenMetrics' 1.0.0.

use std::io::Write as _;

use prometheus::proto::MetricType;

use super::family::{Head, Series, Value};

/// Whole numbers below this are written without a fraction: a double holds each of them.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// What the two differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Text,
    OpenMetrics,
}

/// Samples of one family in the making.
struct Samples<'p> {
    page: &'p mut Vec<u8>,
    dialect: Dialect,
    /// What all their names begin with.
    name: &'p str,
    labels: &'p [(&'p str, &'p str)],
}

impl Dialect {
    /// The lines before a family's samples.
    pub(super) fn describe(self, head: &Head<'_>, page: &mut Vec<u8>) {
        let (name, is_counter) = self.name(head);
        if !head.help.is_empty() {
            push(page, &["# HELP ", name, " "]);
            match self {
                Self::Text => push_escaped(page, head.help, b"\\\n"),
                Self::OpenMetrics => push_escaped(page, head.help, b"\\\n\""),
            }
            page.push(b'\n');
        }
        let kind = match head.kind {
            MetricType::COUNTER if is_counter => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY => "summary",
            _ => "unknown",
        };
        push(page, &["# TYPE ", name, " ", kind, "\n"]);
        if let Some(unit) = head.unit().filter(|_| self == Self::OpenMetrics) {
            push(page, &["# UNIT ", name, " ", unit, "\n"]);
        }
    }

    /// The samples of one series.
    pub(super) fn series(self, head: &Head<'_>, series: &Series<'_>, page: &mut Vec<u8>) {
        let (name, is_counter) = self.name(head);
        let mut samples = Samples { page, dialect: self, name, labels: series.labels };
        match series.value {
            Value::Gauge(value) => samples.number("", None, value),
            // Without the suffix it is of no type that OpenMetrics knows, and cannot have been born.
            Value::Counter(value) if !is_counter => return samples.number("", None, value),
            Value::Counter(value) if self == Self::Text => samples.number("", None, value),
            Value::Counter(value) => samples.number("_total", None, value),
            Value::Histogram { count, sum, buckets } => {
                for (bound, count) in buckets {
                    samples.count("_bucket", Some(("le", &self.bound(*bound))), *count);
                }
                samples.count("_bucket", Some(("le", "+Inf")), count);
                samples.number("_sum", None, sum);
                samples.count("_count", None, count);
            }
            Value::Summary { count, sum, quantiles } => {
                for (quantile, value) in quantiles {
                    samples.number("", Some(("quantile", &self.bound(*quantile))), *value);
                }
                samples.number("_sum", None, sum);
                samples.count("_count", None, count);
            }
        }
        if let Some(birth) = series.birth.filter(|_| self == Self::OpenMetrics) {
            samples.created(birth);
        }
    }

    /// What the names of a family's samples begin with, and whether it is known to be a counter.
    fn name<'f>(self, head: &'f Head<'_>) -> (&'f str, bool) {
        match self {
            Self::Text => (head.name, head.kind == MetricType::COUNTER),
            Self::OpenMetrics => head.base_name(),
        }
    }

    fn bound(self, number: f64) -> String {
        match self {
            Self::Text => number.to_string(),
            Self::OpenMetrics => canonical(number),
        }
    }
}

impl Samples<'_> {
    fn number(&mut self, suffix: &str, further: Option<(&str, &str)>, value: f64) {
        self.series(suffix, further);
        push_number(self.page, self.dialect, value);
        self.page.push(b'\n');
    }

    fn count(&mut self, suffix: &str, further: Option<(&str, &str)>, value: u64) {
        self.series(suffix, further);
        let _ = writeln!(self.page, "{value}");
    }

    fn created(&mut self, birth: u64) {
        self.series("_created", None);
        let _ = writeln!(self.page, "{}.{:03}", birth / 1_000, birth % 1_000);
    }

    /// A sample but for its value.
    fn series(&mut self, suffix: &str, further: Option<(&str, &str)>) {
        push(self.page, &[self.name, suffix]);
        let mut separator = "{";
        for (name, value) in self.labels.iter().copied().chain(further) {
            push(self.page, &[separator, name, "=\""]);
            push_escaped(self.page, value, b"\\\n\"");
            self.page.push(b'"');
            separator = ",";
        }
        push(self.page, &[if separator == "," { "} " } else { " " }]);
    }
}

fn push(page: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        page.extend_from_slice(text.as_bytes());
    }
}

/// `text`, with a backslash before each that is `special`; a line feed becomes an `n`.
fn push_escaped(page: &mut Vec<u8>, text: &str, special: &[u8]) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| special.contains(byte)) {
        page.extend_from_slice(&rest[..at]);
        page.extend_from_slice(&[b'\\', if rest[at] == b'\n' { b'n' } else { rest[at] }]);
        rest = &rest[at + 1..];
    }
    page.extend_from_slice(rest);
}

#[expect(clippy::cast_possible_truncation, reason = "the number is whole, and small enough")]
fn push_number(page: &mut Vec<u8>, dialect: Dialect, value: f64) {
    let is_negative_zero = value == 0.0 && value.is_sign_negative() && dialect == Dialect::Text;
    let _ = if value.fract() == 0.0 && value.abs() < LARGEST_WHOLE && !is_negative_zero {
        write!(page, "{}", value as i64)
    } else if value.is_finite() || dialect == Dialect::Text {
        write!(page, "{value}")
    } else {
        page.write_all(not_finite(value).as_bytes())
    };
}

fn not_finite(value: f64) -> &'static str {
    match value {
        _ if value.is_nan() => "NaN",
        _ if value > 0.0 => "+Inf",
        _ => "-Inf",
    }
}

/// The one way in which OpenMetrics wants a bound or a quantile to be written, so that it is the same series everywhere:
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
            let mut page = Vec::new();
            push_number(&mut page, Dialect::OpenMetrics, number);
            assert_eq!(page, text.as_bytes());
        }
    }
}
