//! Prometheus' protobuf format: `io.prometheus.client.MetricFamily` as github.com/prometheus/client_model publishes
//! it, each message behind its length.
//!
//! The `prometheus` crate can write it too, from a model that would replace the one it has, without units and births.

use prometheus::proto::MetricType;

use super::family::{Head, Series, Value};

// The kinds of fields on the wire.
const VARINT: u8 = 0;
const EIGHT_BYTES: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;

/// A message in the making. Fields are numbered as in the definition.
struct Message<'p>(&'p mut Vec<u8>);

/// What comes before a family's series, which take `length` bytes.
pub(super) fn open(head: &Head<'_>, length: usize, page: &mut Vec<u8>) {
    let (mut before, mut after) = (Vec::with_capacity(256), Vec::new());
    let mut message = Message(&mut before);
    message.text(1, head.name);
    message.text(2, head.help);
    message.varint(3, kind(head.kind));
    close(head, &mut after);
    Message(page).number((before.len() + length + after.len()) as u64);
    page.append(&mut before);
}

/// What comes behind them.
pub(super) fn close(head: &Head<'_>, page: &mut Vec<u8>) {
    if let Some(unit) = head.unit() {
        Message(page).text(5, unit);
    }
}

fn kind(kind: MetricType) -> u64 {
    match kind {
        MetricType::COUNTER => 0,
        MetricType::GAUGE => 1,
        MetricType::SUMMARY => 2,
        MetricType::UNTYPED => 3,
        MetricType::HISTOGRAM => 4,
    }
}

/// One series of a family.
pub(super) fn series(series: &Series<'_>, page: &mut Vec<u8>) {
    Message(page).message(4, |message| {
        for (name, value) in series.labels {
            message.message(1, |message| {
                message.text(1, name);
                message.text(2, value);
            });
        }
        value(message, series.value, series.birth);
    });
}

fn value(message: &mut Message<'_>, value: Value<'_>, birth: Option<u64>) {
    match value {
        Value::Counter(value) => message.message(3, |message| {
            message.double(1, value);
            message.created(3, birth);
        }),
        Value::Gauge(value) => message.message(2, |message| message.double(1, value)),
        Value::Summary { count, sum, quantiles } => message.message(4, |message| {
            message.varint(1, count);
            message.double(2, sum);
            for (quantile, value) in quantiles {
                message.message(3, |message| {
                    message.double(1, *quantile);
                    message.double(2, *value);
                });
            }
            message.created(4, birth);
        }),
        Value::Histogram { count, sum, buckets } => message.message(7, |message| {
            message.varint(1, count);
            message.double(2, sum);
            for (bound, count) in buckets {
                message.message(3, |message| {
                    message.varint(1, *count);
                    message.double(2, *bound);
                });
            }
            message.created(15, birth);
        }),
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
