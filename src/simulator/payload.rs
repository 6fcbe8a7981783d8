//! Bodies of answers: whole ones, and those that break, dribble or burst.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

const SLOW_PIECES: usize = 10;
const SLOW_PAUSE: Duration = Duration::from_millis(300);
/// Long enough that the half of the body leaves before the connection breaks.
const TRUNCATE_PAUSE: Duration = Duration::from_millis(20);
const FILLER: usize = 256 * 1024;
const FILLERS: usize = 320;

/// A body as a queue of chunks.
pub(super) struct Payload {
    chunks: VecDeque<Bytes>,
    /// The pause before each chunk but the first, and its clock.
    pace: Option<(Duration, Pin<Box<Sleep>>)>,
    encoder: Option<GzEncoder<Vec<u8>>>,
    breaks: bool,
}

impl Payload {
    pub(super) fn whole(body: impl Into<Bytes>) -> Self {
        Self { chunks: VecDeque::from([body.into()]), pace: None, encoder: None, breaks: false }
    }

    /// The same bytes in pieces with pauses.
    pub(super) fn slow(body: impl Into<Bytes>) -> Self {
        let mut rest = body.into();
        let size = rest.len().div_ceil(SLOW_PIECES).max(1);
        let mut chunks = VecDeque::new();
        while rest.len() > size {
            chunks.push_back(rest.split_to(size));
        }
        chunks.push_back(rest);
        Self {
            chunks,
            pace: Some((SLOW_PAUSE, Box::pin(sleep(Duration::ZERO)))),
            encoder: None,
            breaks: false,
        }
    }

    /// The first half of the bytes, then an error. The caller promises the whole in `content-length`.
    pub(super) fn truncated(body: impl Into<Bytes>) -> Self {
        let mut body = body.into();
        body.truncate(body.len() / 2);
        let pace = Some((TRUNCATE_PAUSE, Box::pin(sleep(Duration::ZERO))));
        Self { chunks: VecDeque::from([body]), pace, encoder: None, breaks: true }
    }

    /// `page`, a JSON object with members, behind a member of 80 MiB; compressed on the way.
    ///
    /// All of the filler is one buffer, so that this costs hardly any memory.
    pub(super) fn huge(page: impl Into<Bytes>, gzip: bool) -> Self {
        let filler = Bytes::from(vec![b'a'; FILLER]);
        let mut chunks = VecDeque::with_capacity(FILLERS + 3);
        chunks.push_back(Bytes::from_static(br#"{"padding":""#));
        chunks.extend(std::iter::repeat_n(filler, FILLERS));
        chunks.push_back(Bytes::from_static(br#"","#));
        chunks.push_back(page.into().split_off(1));
        let encoder = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        Self { chunks, pace: None, encoder, breaks: false }
    }

    /// The next bytes to send, `None` at the end; empty where the encoder keeps them for now.
    fn advance(&mut self) -> Option<io::Result<Bytes>> {
        match (self.chunks.pop_front(), &mut self.encoder) {
            (Some(chunk), None) => Some(Ok(chunk)),
            (Some(chunk), Some(encoder)) => {
                let written = encoder.write_all(&chunk);
                Some(written.map(|()| std::mem::take(encoder.get_mut()).into()))
            }
            (None, Some(_)) => self.encoder.take().map(|encoder| encoder.finish().map(Bytes::from)),
            (None, None) if self.breaks => {
                self.breaks = false;
                Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "truncated on purpose")))
            }
            (None, None) => None,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some((pause, clock)) = &mut self.pace {
            ready!(clock.as_mut().poll(context));
            clock.as_mut().reset(Instant::now() + *pause);
        }
        match self.advance() {
            Some(Ok(bytes)) if bytes.is_empty() => {
                // Back to the scheduler: compressing the whole at once would hold up its other tasks.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            next => Poll::Ready(next.map(|bytes| bytes.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.encoder.is_none() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        if self.encoder.is_some() || self.breaks {
            return SizeHint::default();
        }
        let length = self.chunks.iter().map(Bytes::len).sum::<usize>();
        SizeHint::with_exact(u64::try_from(length).expect("a length in memory fits"))
    }
}
