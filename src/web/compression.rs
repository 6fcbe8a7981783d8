//! Bodies that are sent compressed, to those who accept that.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt as _, Collected};
use hyper::body::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use hyper::{HeaderMap, Response};

use super::body::Content;
use super::negotiation::elements;
use crate::exposition::Page;

/// Smaller bodies fit in one packet as they are.
const SMALL: usize = 1_200;

/// From here on gzip takes more than twice the time for a body that is a twentieth smaller.
const GZIP_LEVEL: Compression = Compression::new(4);

/// The next levels take longer and give no less, up to those that take four times as long.
const ZSTD_LEVEL: i32 = 1;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// What a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Codings {
    best: Coding,
    /// Whether it accepts a body as it is.
    identity: bool,
}

/// Compresses the body of `response` by what is accepted, and says so.
pub(super) async fn compressed(codings: Codings, response: Response<Content>) -> Response<Content> {
    let (mut head, body) = response.into_parts();
    let Ok(body) = body.collect().await.map(Collected::to_bytes);
    let (coding, body) = codings.of_body(body.len()).encode(body);
    coding.tell(&mut head.headers);
    head.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    Response::from_parts(head, Content::new(body))
}

impl Codings {
    /// What `headers` accept most; among what they accept as much, what is smallest and quickest, but nothing that
    /// is not named where gzip will do.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let ranges: Vec<_> = elements(headers, &ACCEPT_ENCODING).collect();
        let weight_of = |name: &str| {
            let mut same = ranges.iter().filter(|range| range.name.eq_ignore_ascii_case(name));
            same.next().map(|range| range.weight)
        };
        let any = weight_of("*");
        let gzip = weight_of("gzip").or_else(|| weight_of("x-gzip"));
        let identity = weight_of("identity").or(any.filter(|weight| *weight == 0));
        let offers = [
            (Coding::Zstd, weight_of("zstd")),
            (Coding::Gzip, gzip.or(any)),
            (Coding::Zstd, any.filter(|_| weight_of("zstd").is_none())),
            (Coding::Identity, weight_of("identity")),
        ];
        let wanted =
            offers.into_iter().filter_map(|(coding, weight)| Some((coding, weight.filter(|w| *w > 0)?)));
        let best = wanted.reduce(|best, next| if next.1 > best.1 { next } else { best });
        Self { best: best.map_or(Coding::Identity, |(coding, _)| coding), identity: identity != Some(0) }
    }

    /// The coding of a body of `length` bytes. Small ones are sent as they are where that is accepted.
    pub(super) fn of_body(self, length: usize) -> Coding {
        if length < SMALL && self.identity { Coding::Identity } else { self.best }
    }
}

impl Coding {
    /// `body` in this coding, or as it is if that cannot be done.
    pub(super) fn encode(self, body: Bytes) -> (Self, Bytes) {
        let encoded = match self {
            Self::Identity => None,
            Self::Gzip => gzip(&body),
            Self::Zstd => zstd::bulk::compress(&body, ZSTD_LEVEL).ok(),
        };
        match encoded {
            Some(encoded) => (self, encoded.into()),
            None => (Self::Identity, body),
        }
    }

    /// `page` in this coding, or as it is if that cannot be done.
    pub(super) fn encode_page(self, page: Page) -> (Self, Content) {
        let encoded = match self {
            Self::Identity => None,
            Self::Gzip => page.gzip().ok(),
            Self::Zstd => zstd_page(&page).ok(),
        };
        match encoded {
            Some(encoded) => (self, Content::new(encoded)),
            None => (Self::Identity, Content::page(page)),
        }
    }

    /// Has `headers` say what the body is.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        let name = match self {
            Self::Identity => return,
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        };
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), GZIP_LEVEL);
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// All of `page` each time, which is quick: not everybody reads behind the first of several frames.
fn zstd_page(page: &Page) -> io::Result<Bytes> {
    let mut encoder = zstd::Encoder::new(Vec::with_capacity(page.len() / 16), ZSTD_LEVEL)?;
    encoder.set_pledged_src_size(Some(page.len() as u64))?;
    (0..).map_while(|at| page.piece(at)).try_for_each(|piece| encoder.write_all(piece))?;
    Ok(encoder.finish()?.into())
}

#[cfg(test)]
mod tests;
