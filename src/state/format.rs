//! The bytes of a state file, version 1:
//!
//! - the line `openai-org-exporter state 1`,
//! - one line of JSON: everything but the entries of rosters, and how many each roster has,
//! - the entries of all rosters, one after the other: hash (8 bytes) and attributes (4 bytes), hashes rising,
//! - SipHash-2-4 with a key of zeros over all of that (8 bytes).
//!
//! Numbers are little-endian. The last 8 bytes tell a file that was cut off or damaged; they protect from nobody who
//! may write the file.

use std::hash::Hasher;
use std::io::{self, Write};

use siphasher::sip::SipHasher24;

use super::Kept;
use super::document::Document;
use crate::clock::Moment;

const TITLE: &[u8] = b"openai-org-exporter state ";
const VERSION: &[u8] = b"1";
const ENTRY: usize = 12;
const CHECKSUM: usize = 8;

/// Why a file is no state that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Something else.
    #[error("it is no state file of openai-org-exporter")]
    Foreign,
    /// Another version's.
    #[error("it was written by another version, in format {0:?}; this one reads format 1")]
    OtherVersion(String),
    /// Cut off or changed.
    #[error("it is cut off or damaged: its checksum is wrong")]
    Checksum,
    /// Whole, and yet not what a state is.
    #[error("it cannot be read: {0}")]
    Content(String),
}

/// Writes `organizations` as they are at `now`. Rosters are never copied.
///
/// # Errors
///
/// What `output` says.
pub fn write(organizations: &[Kept], now: &Moment, output: impl Write) -> io::Result<()> {
    let mut output = Summing { output, sum: SipHasher24::new() };
    output.write_all(&[TITLE, VERSION, b"\n"].concat())?;
    serde_json::to_writer(&mut output, &Document::of(organizations, now))?;
    output.write_all(b"\n")?;
    let mut buffer = Vec::with_capacity(4096 * ENTRY);
    for roster in organizations.iter().filter_map(|kept| kept.state.roster.as_ref()) {
        for (hash, attributes) in roster.entries() {
            buffer.extend_from_slice(&hash.to_le_bytes());
            buffer.extend_from_slice(&attributes.bits().to_le_bytes());
            if buffer.len() >= 4096 * ENTRY {
                output.write_all(&buffer)?;
                buffer.clear();
            }
        }
    }
    output.write_all(&buffer)?;
    let sum = output.sum.finish();
    output.output.write_all(&sum.to_le_bytes())?;
    output.output.flush()
}

/// Reads what [`write()`] wrote. Times later than `now` are not believed: what rests on them is left out.
///
/// # Errors
///
/// If the bytes are not what this version writes.
pub fn read(bytes: &[u8], now: &Moment) -> Result<Vec<Kept>, Damage> {
    let rest = bytes.strip_prefix(TITLE).ok_or(Damage::Foreign)?;
    let (version, _) = line(rest).ok_or(Damage::Checksum)?;
    if version != VERSION {
        let version: String = String::from_utf8_lossy(version).chars().take(16).collect();
        return Err(Damage::OtherVersion(version));
    }
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Damage::Checksum)?;
    let mut sum = SipHasher24::new();
    sum.write(content);
    if sum.finish().to_le_bytes() != *checksum {
        return Err(Damage::Checksum);
    }
    let wrong = |what: String| Damage::Content(what);
    let (_, rest) = line(content).ok_or(Damage::Checksum)?;
    let (document, mut entries) = line(rest).ok_or_else(|| wrong("its second line does not end".into()))?;
    let document: Document = serde_json::from_slice(document)
        .map_err(|error| wrong(format!("its second line is wrong: {error}")))?;
    let kept = document.restore(now, |users| {
        let length = usize::try_from(users).ok().and_then(|users| users.checked_mul(ENTRY));
        let (own, rest) = entries.split_at_checked(length?)?;
        entries = rest;
        Some(own.chunks_exact(ENTRY).map(entry))
    });
    let kept = kept.map_err(wrong)?;
    match entries.is_empty() {
        true => Ok(kept),
        false => Err(wrong("it holds more users than its rosters".into())),
    }
}

/// Everything before the first line feed, and everything behind it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn entry(bytes: &[u8]) -> (u64, u32) {
    let (hash, attributes) = bytes.split_at(8);
    (
        u64::from_le_bytes(hash.try_into().expect("an entry begins with 8 bytes")),
        u32::from_le_bytes(attributes.try_into().expect("an entry ends with 4 bytes")),
    )
}

/// An output that sums up what goes through.
struct Summing<W> {
    output: W,
    sum: SipHasher24,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.sum.write(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests;
