//! The formats, and what they have in common.

use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Encoder as _, Error, Registry, TextEncoder};

use super::family::{Head, Series, with_series};
use super::lines::Dialect;
use super::protobuf;
use crate::telemetry::Births;

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

/// Families in the making, one after the other.
pub(super) struct Writer {
    format: Format,
    pieces: Vec<Vec<u8>>,
    /// The last piece.
    page: Vec<u8>,
    samples: Samples,
}

/// The samples of a family in the making.
#[derive(Default)]
pub(super) struct Samples {
    pieces: Vec<Vec<u8>>,
    /// The last piece.
    last: Vec<u8>,
}

/// Large memory that comes and goes stays with the allocator: a page is written in pieces of little more than that.
const PIECE: usize = 64 << 10;

impl Format {
    /// What comes before a family's samples, which take `length` bytes.
    pub(super) fn open(self, head: &Head<'_>, length: usize, page: &mut Vec<u8>) {
        match self {
            Self::Text => Dialect::Text.describe(head, page),
            Self::OpenMetrics => Dialect::OpenMetrics.describe(head, page),
            Self::Protobuf => protobuf::open(head, length, page),
        }
    }

    /// The samples of one series.
    pub(super) fn series(self, head: &Head<'_>, series: &Series<'_>, page: &mut Vec<u8>) {
        match self {
            Self::Text => Dialect::Text.series(head, series, page),
            Self::OpenMetrics => Dialect::OpenMetrics.series(head, series, page),
            Self::Protobuf => protobuf::series(series, page),
        }
    }

    /// What comes behind a family's samples.
    pub(super) fn close(self, head: &Head<'_>, page: &mut Vec<u8>) {
        if self == Self::Protobuf {
            protobuf::close(head, page);
        }
    }

    /// Whether the samples of an organization are the same bytes in `other`: in lines they are, as they were never born.
    pub(super) fn has_samples_of(self, other: Self) -> bool {
        (self == Self::Protobuf) == (other == Self::Protobuf)
    }

    /// What comes behind all families.
    pub(super) fn end(self) -> &'static [u8] {
        match self {
            Self::OpenMetrics => b"# EOF\n",
            Self::Text | Self::Protobuf => b"",
        }
    }
}

impl Samples {
    /// Where the next series are to be written.
    pub(super) fn next(&mut self) -> &mut Vec<u8> {
        if self.last.len() >= PIECE {
            self.pieces.push(std::mem::replace(&mut self.last, Vec::with_capacity(PIECE * 5 / 4)));
        }
        &mut self.last
    }

    fn length(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum::<usize>() + self.last.len()
    }
}

impl Writer {
    pub(super) fn new(format: Format) -> Self {
        Self { format, pieces: Vec::new(), page: Vec::new(), samples: Samples::default() }
    }

    /// Writes a family, unless `write` gives it no samples.
    pub(super) fn family(&mut self, head: &Head<'_>, write: impl FnOnce(&mut Samples)) {
        write(&mut self.samples);
        let length = self.samples.length();
        if length == 0 {
            return;
        }
        self.format.open(head, length, &mut self.page);
        if !self.samples.pieces.is_empty() {
            self.pieces.push(std::mem::take(&mut self.page));
            self.pieces.append(&mut self.samples.pieces);
        }
        self.page.append(&mut self.samples.last);
        self.format.close(head, &mut self.page);
    }

    /// Writes a family that was gathered.
    ///
    /// # Errors
    ///
    /// If it has no name, no samples or no type that the exporter has.
    pub(super) fn gathered(&mut self, family: &MetricFamily, births: &Births) -> prometheus::Result<()> {
        check(family)?;
        let (head, format, births) = (Head::from(family), self.format, births.of(family));
        self.family(&head, |samples| {
            for metric in family.get_metric() {
                let birth = births.birth(metric);
                with_series(head.kind, metric, birth, |series| format.series(&head, series, samples.next()));
            }
        });
        Ok(())
    }

    /// What was written, and the end.
    pub(super) fn finish(mut self) -> Vec<Vec<u8>> {
        self.page.extend_from_slice(self.format.end());
        self.pieces.push(self.page);
        self.pieces
    }
}

/// All families of `registry` in the text format, those without samples left out.
///
/// # Errors
///
/// If a family is not well formed, which the catalog rules out.
pub fn render(registry: &Registry) -> prometheus::Result<Vec<u8>> {
    encode(&registry.gather(), Format::Text, &Births::default())
}

/// `families` in `format`. Text has no place for births.
///
/// # Errors
///
/// If a family has no name, no samples or no type that the exporter has.
pub fn encode(families: &[MetricFamily], format: Format, births: &Births) -> prometheus::Result<Vec<u8>> {
    families.iter().try_for_each(check)?;
    if format == Format::Text {
        let mut page = Vec::with_capacity(64 << 10);
        TextEncoder::new().encode(families, &mut page)?;
        return Ok(page);
    }
    let mut writer = Writer::new(format);
    families.iter().try_for_each(|family| writer.gathered(family, births))?;
    Ok(writer.finish().concat())
}

fn check(family: &MetricFamily) -> prometheus::Result<()> {
    let is_well_formed = !family.name().is_empty()
        && !family.get_metric().is_empty()
        && family.get_field_type() != MetricType::UNTYPED;
    match is_well_formed {
        true => Ok(()),
        false => Err(Error::Msg(format!("the family {:?} is not well formed", family.name()))),
    }
}
