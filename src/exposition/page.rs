//! A page: what is on it of organizations, which is kept, and behind it what is the exporter's own.

use std::io::{self, Write as _};
use std::sync::{Arc, OnceLock};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use hyper::body::Bytes;
use tokio::time::Instant;

use super::family::Head;
use super::format::Format;
use super::part::{FAMILIES, Part};

/// From here on gzip takes more than twice the time for a body that is a twentieth smaller.
const GZIP_LEVEL: Compression = Compression::new(4);

/// A gzip member begins with these: deflated, without a name, a time or a system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// What a scrape is answered with. Clones share the bytes.
#[derive(Debug, Clone)]
pub struct Page {
    pub(super) organizations: Arc<Organizations>,
    own: Arc<[Vec<u8>]>,
    length: usize,
    pub(super) begun: Begun,
}

/// Where the making of a page began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    pub(super) at: Instant,
    /// How often the telemetry had changed by then.
    pub(super) changes: u64,
}

/// The organizations' families in one format.
#[derive(Debug)]
pub(super) struct Organizations {
    pub(super) parts: Vec<Arc<Part>>,
    families: Vec<Heading>,
    length: usize,
    deflated: OnceLock<Deflated>,
}

/// What comes before the samples of a family.
#[derive(Debug)]
struct Heading {
    /// Its place among [`FAMILIES`]; there is none behind the last one.
    family: usize,
    bytes: Vec<u8>,
}

/// Blocks of deflated data behind which others may come.
#[derive(Debug)]
struct Deflated {
    blocks: Vec<u8>,
    sum: Crc,
}

impl Page {
    pub(super) fn new(begun: Begun, organizations: Arc<Organizations>, own: Vec<Vec<u8>>) -> Self {
        let length = organizations.length + own.iter().map(Vec::len).sum::<usize>();
        Self { organizations, own: own.into(), length, begun }
    }

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether a page is empty")]
    pub fn len(&self) -> usize {
        self.length
    }

    /// The piece at this place, if there are so many. There may be very many, small and empty ones too.
    pub fn piece(&self, at: usize) -> Option<&[u8]> {
        let organizations = self.organizations.piece(at);
        organizations.or_else(|| self.own.get(at - self.organizations.pieces()).map(Vec::as_slice))
    }

    /// The page in one piece.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.len());
        (0..).map_while(|at| self.piece(at)).for_each(|piece| bytes.extend_from_slice(piece));
        bytes.into()
    }

    /// The page as one member of gzip. What it has of organizations is compressed once and kept.
    ///
    /// # Errors
    ///
    /// None that memory gives rise to.
    pub fn gzip(&self) -> io::Result<Bytes> {
        let organizations = self.organizations.deflated()?;
        let own_length = self.length - self.organizations.length;
        let mut member = Vec::with_capacity(organizations.blocks.len() + own_length / 8 + 64);
        member.extend_from_slice(&GZIP_HEAD);
        member.extend_from_slice(&organizations.blocks);
        let mut own = DeflateEncoder::new(member, GZIP_LEVEL);
        let mut of_own = Crc::new();
        for piece in self.own.iter() {
            of_own.update(piece);
            own.write_all(piece)?;
        }
        let mut member = own.finish()?;
        let mut sum = Crc::new();
        sum.combine(&organizations.sum);
        sum.combine(&of_own);
        member.extend_from_slice(&sum.sum().to_le_bytes());
        member.extend_from_slice(&sum.amount().to_le_bytes());
        Ok(member.into())
    }
}

impl Organizations {
    /// The families of `parts`, each with the samples of all of them.
    pub(super) fn of(parts: Vec<Arc<Part>>, format: Format) -> Self {
        let (mut families, mut between, mut length) = (Vec::new(), Vec::new(), 0);
        for (place, family) in FAMILIES.iter().enumerate() {
            let samples = parts.iter().map(|part| part.samples(place).len()).sum();
            if samples > 0 {
                let head = Head::from(*family);
                format.open(&head, samples, &mut between);
                length += between.len() + samples;
                families.push(Heading { family: place, bytes: std::mem::take(&mut between) });
                format.close(&head, &mut between);
            }
        }
        length += between.len();
        families.push(Heading { family: FAMILIES.len(), bytes: between });
        Self { parts, families, length, deflated: OnceLock::new() }
    }

    /// How many pieces there are: of each family what comes before it, and the samples of each part.
    fn pieces(&self) -> usize {
        self.families.len() * (self.parts.len() + 1)
    }

    fn piece(&self, at: usize) -> Option<&[u8]> {
        let (family, part) = (at / (self.parts.len() + 1), at % (self.parts.len() + 1));
        let heading = self.families.get(family)?;
        Some(match part.checked_sub(1) {
            None => &heading.bytes,
            Some(part) => self.parts[part].samples(heading.family),
        })
    }

    /// Whether these are the parts.
    pub(super) fn are_of(&self, parts: &[Arc<Part>]) -> bool {
        self.parts.len() == parts.len()
            && self.parts.iter().zip(parts).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    fn deflated(&self) -> io::Result<&Deflated> {
        if let Some(deflated) = self.deflated.get() {
            return Ok(deflated);
        }
        let mut sum = Crc::new();
        let mut encoder = DeflateEncoder::new(Vec::with_capacity(self.length / 16), GZIP_LEVEL);
        for piece in (0..).map_while(|at| self.piece(at)) {
            sum.update(piece);
            encoder.write_all(piece)?;
        }
        // What comes behind begins at a byte, and reaches back to nothing of this.
        encoder.flush()?;
        let mut blocks = std::mem::take(encoder.get_mut());
        blocks.shrink_to_fit();
        Ok(self.deflated.get_or_init(|| Deflated { blocks, sum }))
    }
}
