//! The content of an answer, put together as its pieces come in, and out of gzip where it is encoded so.

use flate2::{Decompress, FlushDecompress, Status};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// The room that is made at first, and at least whenever it is filled: a page of 100 users with all fields fits in.
const ROOM: usize = 96 << 10;

/// The largest window of gzip, as a power of two.
const WINDOW_BITS: u8 = 15;

/// The most members of gzip. Each costs time, and may say nothing; an encoder that begins one every 64 KiB needs fewer.
const MOST_MEMBERS: usize = 256;

/// How a content is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not at all.
    Identity,
    /// In gzip, once.
    Gzip,
    /// In a way that was not asked for.
    Other,
}

/// Why a content is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is larger than it may be.
    TooLarge,
    /// It is no gzip, though it says so.
    Corrupt,
    /// It is gzip whose end is missing.
    BrokenOff,
}

/// A content that comes in.
pub(super) struct Content {
    /// What it says so far.
    bytes: Vec<u8>,
    /// The most bytes that it may have, as it comes in and as it is read.
    most: usize,
    /// How many came in.
    received: usize,
    gzip: Option<Gzip>,
}

/// Members of gzip, one after the other.
struct Gzip {
    inflate: Decompress,
    /// How many have begun.
    members: usize,
    /// Whether the last of them goes on.
    is_within: bool,
}

impl Encoding {
    /// The encoding of an answer with `headers`.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let is = |encoding: &[u8], name: &str| encoding.eq_ignore_ascii_case(name.as_bytes());
        let values = headers.get_all(CONTENT_ENCODING).iter().map(|value| value.as_bytes().trim_ascii());
        let mut encodings = values.filter(|encoding| !encoding.is_empty() && !is(encoding, "identity"));
        match (encodings.next(), encodings.next()) {
            (None, _) => Self::Identity,
            (Some(encoding), None) if is(encoding, "gzip") || is(encoding, "x-gzip") => Self::Gzip,
            _ => Self::Other,
        }
    }
}

impl Content {
    /// A content of at most `most` bytes. Other encodings than gzip are left as they are.
    pub(super) fn new(encoding: Encoding, most: usize) -> Self {
        let gzip = (encoding == Encoding::Gzip).then(Gzip::new);
        Self { bytes: Vec::new(), most, received: 0, gzip }
    }

    /// How many bytes it has so far, as it is read.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes in the next piece.
    ///
    /// # Errors
    ///
    /// If it is of no use by now, and nothing that follows can change that.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Unfit> {
        self.received = self.received.saturating_add(piece.len());
        if self.received > self.most {
            return Err(Unfit::TooLarge);
        }
        if let Some(gzip) = &mut self.gzip {
            return gzip.inflate(piece, &mut self.bytes, self.most);
        }
        make_room(&mut self.bytes, piece.len(), self.most);
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// What it says, all pieces having come in.
    ///
    /// # Errors
    ///
    /// If its end is missing.
    pub(super) fn finish(self) -> Result<Vec<u8>, Unfit> {
        match &self.gzip {
            Some(gzip) if gzip.is_within || gzip.members == 0 => Err(Unfit::BrokenOff),
            _ => Ok(self.bytes),
        }
    }
}

impl Gzip {
    fn new() -> Self {
        Self { inflate: Decompress::new_gzip(WINDOW_BITS), members: 0, is_within: false }
    }

    /// Appends to `bytes` what `piece` says, up to one byte more than `most`.
    fn inflate(&mut self, mut piece: &[u8], bytes: &mut Vec<u8>, most: usize) -> Result<(), Unfit> {
        loop {
            // Where all room was filled there may be more to come out than went in.
            let may_hold_back = self.is_within && bytes.len() == bytes.capacity();
            if piece.is_empty() && !may_hold_back {
                return Ok(());
            }
            if !self.is_within {
                self.begin_member()?;
            }
            make_room(bytes, 1, most + 1);
            let (taken_before, length_before) = (self.inflate.total_in(), bytes.len());
            let status = self.inflate.decompress_vec(piece, bytes, FlushDecompress::None);
            self.is_within = status.map_err(|_| Unfit::Corrupt)? != Status::StreamEnd;
            let taken = usize::try_from(self.inflate.total_in() - taken_before).unwrap_or(usize::MAX);
            if bytes.len() > most {
                return Err(Unfit::TooLarge);
            }
            if self.is_within && taken == 0 && bytes.len() == length_before {
                return if piece.is_empty() { Ok(()) } else { Err(Unfit::Corrupt) };
            }
            piece = piece.get(taken..).unwrap_or_default();
        }
    }

    fn begin_member(&mut self) -> Result<(), Unfit> {
        if self.members == MOST_MEMBERS {
            return Err(Unfit::Corrupt);
        }
        if self.members > 0 {
            self.inflate.reset(true);
        }
        self.members += 1;
        self.is_within = true;
        Ok(())
    }
}

/// Makes room for at least `needed` more bytes, and for `most` in all at most.
fn make_room(bytes: &mut Vec<u8>, needed: usize, most: usize) {
    if bytes.capacity() - bytes.len() < needed {
        let usual = bytes.len().max(ROOM).min(most.saturating_sub(bytes.len()));
        bytes.reserve_exact(usual.max(needed));
    }
}

#[cfg(test)]
mod tests;
