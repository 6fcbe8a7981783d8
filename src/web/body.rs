//! What answers consist of.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::exposition::Page;

/// A large page is given to the server in so many bytes at a time, or a few more. They are copied out of its pieces when
/// the client takes them: whoever is slow does not hold a copy of the whole.
const CHUNK: usize = 64 << 10;

/// The body of an answer. Clones share the bytes.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Bytes(Full<Bytes>),
    /// A page from this piece on, with so many bytes left.
    Page {
        page: Page,
        piece: usize,
        left: usize,
    },
}

impl Content {
    /// `bytes`.
    pub(super) fn new(bytes: impl Into<Bytes>) -> Self {
        Self::Bytes(Full::new(bytes.into()))
    }

    /// All of `page`.
    pub(super) fn page(page: Page) -> Self {
        match page.len() {
            0..=CHUNK => Self::new(page.to_bytes()),
            left => Self::Page { page, piece: 0, left },
        }
    }
}

/// The next chunk of `page`, from `piece` on, if there is one.
fn chunk(page: &Page, piece: &mut usize, left: usize) -> Option<Bytes> {
    let mut chunk = Vec::with_capacity(left.min(CHUNK * 2));
    while let Some(next) = page.piece(*piece).filter(|_| chunk.len() < CHUNK) {
        chunk.extend_from_slice(next);
        *piece += 1;
    }
    (!chunk.is_empty()).then(|| chunk.into())
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Bytes(bytes) => Pin::new(bytes).poll_frame(cx),
            Self::Page { page, piece, left } => Poll::Ready(chunk(page, piece, *left).map(|chunk| {
                *left -= chunk.len();
                Ok(Frame::data(chunk))
            })),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_end_stream(),
            Self::Page { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bytes(bytes) => bytes.size_hint(),
            Self::Page { left, .. } => SizeHint::with_exact(*left as u64),
        }
    }
}
