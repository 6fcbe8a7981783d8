//! Where the headers of requests end in the bytes of a connection: pure.
//!
//! Nothing behind a body is a request, so that until then all bytes are headers, one after the other.

/// What was seen of the bytes of a connection.
#[derive(Debug, Default)]
pub(super) struct Heads {
    line: Line,
    after_cr: bool,
    /// How many headers have ended.
    ended: usize,
    /// How many were taken to be answered.
    taken: usize,
    /// The number of the first header with a line that ends with LF alone.
    odd: Option<usize>,
}

/// Where the next byte is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Before a header; empty lines there do not count.
    #[default]
    Before,
    /// At the beginning of a line of a header.
    Begin,
    /// Within one.
    Within,
}

impl Heads {
    /// Further bytes came in.
    pub(super) fn see(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    if !self.after_cr {
                        self.odd.get_or_insert(self.ended);
                    }
                    self.line = match self.line {
                        Line::Within => Line::Begin,
                        Line::Before => Line::Before,
                        Line::Begin => {
                            self.ended += 1;
                            Line::Before
                        }
                    };
                }
                b'\r' if !self.after_cr => {}
                _ => self.line = Line::Within,
            }
            self.after_cr = *byte == b'\r';
        }
    }

    /// Takes the next header to be answered; whether a line that ended with LF alone is in it, or was before.
    pub(super) fn take(&mut self) -> bool {
        let odd = self.odd.is_some_and(|odd| odd <= self.taken);
        self.taken += 1;
        odd
    }

    /// Whether a header has begun, and not ended.
    pub(super) fn within_one(&self) -> bool {
        self.line != Line::Before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each header whether it is odd, and whether another one has begun, wherever the bytes are cut.
    fn seen(text: &str) -> (Vec<bool>, bool) {
        let outcomes = (0..=text.len()).map(|cut| {
            let mut heads = Heads::default();
            let (first, second) = text.as_bytes().split_at(cut);
            heads.see(first);
            heads.see(second);
            ((0..heads.ended).map(|_| heads.take()).collect(), heads.within_one())
        });
        let mut outcomes: Vec<_> = outcomes.collect();
        outcomes.dedup();
        assert_eq!(outcomes.len(), 1, "{text:?}: {outcomes:?}");
        outcomes.remove(0)
    }

    #[test]
    fn headers_end_with_an_empty_line() {
        for (text, headers, within) in [
            ("", 0, false),
            ("\r\n\r\n\r\n", 0, false),
            ("G", 0, true),
            ("GET / HTTP/1.1\r\na: b\r\n", 0, true),
            ("GET / HTTP/1.1\r\na: b\r\n\r", 0, true),
            ("GET / HTTP/1.1\r\na: b\r\n\r\n", 1, false),
            ("GET / HTTP/1.1\r\na: b\r\n\r\n\r\n", 1, false),
            ("GET / HTTP/1.1\r\na: b\r\n\r\nG", 1, true),
            ("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", 2, false),
            ("GET / HTTP/1.1\r\n\r\r\n", 0, true),
        ] {
            assert_eq!(seen(text), (vec![false; headers], within), "{text:?}");
        }
    }

    #[test]
    fn what_ends_with_lf_alone_makes_its_header_odd_and_all_behind_it() {
        for (text, odd) in [
            ("GET / HTTP/1.1\na: b\r\n\r\n", vec![true]),
            ("GET / HTTP/1.1\r\na: b\n\r\n", vec![true]),
            ("GET / HTTP/1.1\r\na: b\n\n", vec![true]),
            ("\nGET / HTTP/1.1\r\na: b\r\n\r\n", vec![true]),
            (
                "GET / HTTP/1.1\r\na: b\r\n\r\nGET / HTTP/1.1\n\r\nGET / HTTP/1.1\r\n\r\n",
                vec![false, true, true],
            ),
            // In a body lines end as they like.
            ("GET / HTTP/1.1\r\na: b\r\n\r\nx\ny", vec![false]),
        ] {
            assert_eq!(seen(text).0, odd, "{text:?}");
        }
    }
}
