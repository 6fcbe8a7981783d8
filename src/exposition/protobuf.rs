//! Prometheus' protobuf format: `io.prometheus.client.MetricFamily` as github.com/prometheus/client_model publishes
//! it, each message behind its length.
//!
//! The `prometheus` crate can write it too, from a model that would replace the one it has, without units and births.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::format::{base_name, unit};
use crate::telemetry::Births;

// The kinds of fields on the wire.
const VARINT: u8 = 0;
const EIGHT_BYTES: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;

/// A message in the making. Fields are numbered as in the definition.
struct Message<'p>(&'p mut Vec<u8>);

/// Appends `families`.
pub(super) fn encode(families: &[MetricFamily], births: &Births, page: &mut Vec<u8>) {
    for family in families {
        let births = births.of(family);
        Message(page).delimited(|message| {
            message.text(1, family.name());
            message.text(2, family.help());
            message.varint(3, kind(family));
            for metric in family.get_metric() {
                message.message(4, |message| {
                    series(message, family.get_field_type(), metric, births.birth(metric));
                });
            }
            if let Some(unit) = unit(base_name(family).0) {
                message.text(5, unit);
            }
        });
    }
}

fn kind(family: &MetricFamily) -> u64 {
    match family.get_field_type() {
        MetricType::COUNTER => 0,
        MetricType::GAUGE => 1,
        MetricType::SUMMARY => 2,
        MetricType::UNTYPED => 3,
        MetricType::HISTOGRAM => 4,
    }
}

fn series(message: &mut Message<'_>, kind: MetricType, metric: &Metric, birth: Option<u64>) {
    for label in metric.get_label() {
        message.message(1, |message| {
            message.text(1, label.name());
            message.text(2, label.value());
        });
    }
    match kind {
        MetricType::COUNTER => message.message(3, |message| {
            message.double(1, metric.get_counter().get_value());
            message.created(3, birth);
        }),
        MetricType::SUMMARY => message.message(4, |message| {
            let summary = metric.get_summary();
            message.varint(1, summary.sample_count());
            message.double(2, summary.sample_sum());
            for quantile in summary.get_quantile() {
                message.message(3, |message| {
                    message.double(1, quantile.quantile());
                    message.double(2, quantile.value());
                });
            }
            message.created(4, birth);
        }),
        MetricType::HISTOGRAM => message.message(7, |message| {
            let histogram = metric.get_histogram();
            message.varint(1, histogram.get_sample_count());
            message.double(2, histogram.get_sample_sum());
            for bucket in histogram.get_bucket() {
                message.message(3, |message| {
                    message.varint(1, bucket.cumulative_count());
                    message.double(2, bucket.upper_bound());
                });
            }
            message.created(15, birth);
        }),
        _ => message.message(2, |message| message.double(1, metric.get_gauge().get_value())),
    }
}

impl Message<'_> {
    fn text(&mut self, field: u8, text: &str) {
        self.tag(field, LENGTH_DELIMITED);
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn double(&mut self, field: u8, value: f64) {
        self.tag(field, EIGHT_BYTES);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn varint(&mut self, field: u8, value: u64) {
        self.tag(field, VARINT);
        self.number(value);
    }

    fn message(&mut self, field: u8, fill: impl FnOnce(&mut Message<'_>)) {
        self.tag(field, LENGTH_DELIMITED);
        self.delimited(fill);
    }

    /// A `google.protobuf.Timestamp`, if there is one, from Unix milliseconds.
    fn created(&mut self, field: u8, birth: Option<u64>) {
        if let Some(birth) = birth {
            self.message(field, |message| {
                message.varint(1, birth / 1_000);
                message.varint(2, birth % 1_000 * 1_000_000);
            });
        }
    }

    /// A message behind its length, which is known only when the message is there: most take one byte, so one is kept.
    fn delimited(&mut self, fill: impl FnOnce(&mut Message<'_>)) {
        let start = self.0.len();
        self.0.push(0);
        fill(&mut Message(self.0));
        let length = self.0.len() - start - 1;
        match u8::try_from(length) {
            Ok(short @ 0..0x80) => self.0[start] = short,
            _ => {
                let mut prefix = Vec::with_capacity(10);
                Message(&mut prefix).number(length as u64);
                self.0.splice(start..=start, prefix);
            }
        }
    }

    fn tag(&mut self, field: u8, kind: u8) {
        self.0.push(field << 3 | kind);
    }

    /// Seven bits a byte, the lowest first; all bytes but the last have the eighth bit.
    #[expect(clippy::cast_possible_truncation, reason = "the bits that are lost come in the next bytes")]
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
