//! How a body is packed, and taking it apart under two limits: its size, and how much it may grow.
//!
//! We do it ourselves because only so both sizes are known. What is wiped is the result; what the decoder still holds of
//! it is not ours to wipe.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use zeroize::Zeroizing;

use super::{DENSEST, HARMLESS, MAX_BODY_BYTES};
use crate::api::error::Fault;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Coding {
    /// Not at all, or in a way that we did not ask for: then it will not be JSON.
    Plain,
    /// gzip, RFC 1952.
    Gzip,
}

impl Coding {
    /// Reads `Content-Encoding`.
    pub(in crate::api) fn of(headers: &HeaderMap) -> Self {
        let coding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().trim_ascii());
        match coding {
            Some(name) if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => Self::Gzip,
            _ => Self::Plain,
        }
    }
}

/// Takes a body apart piece by piece.
pub(super) enum Unpacker {
    Plain(Sink),
    Gzip(Box<MultiGzDecoder<Sink>>),
}

impl Unpacker {
    /// With room for so many bytes at first.
    pub(super) fn new(coding: Coding, room: usize) -> Self {
        let sink = Sink { body: Zeroizing::new(Vec::with_capacity(room)), allowed: MAX_BODY_BYTES, refused: None };
        match coding {
            Coding::Plain => Self::Plain(sink),
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(sink))),
        }
    }

    /// The next piece; `arrived` bytes came so far, these included.
    pub(super) fn push(&mut self, piece: &[u8], arrived: usize) -> Result<(), Fault> {
        match self {
            Self::Plain(sink) => sink.write_all(piece).map_err(|error| sink.fault(error)),
            Self::Gzip(decoder) => {
                decoder.get_mut().allowed = arrived.saturating_mul(DENSEST).max(HARMLESS);
                decoder.write_all(piece).map_err(|error| decoder.get_mut().fault(error))
            }
        }
    }

    /// Bytes of the body so far.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Plain(sink) => sink.body.len(),
            Self::Gzip(decoder) => decoder.get_ref().body.len(),
        }
    }

    /// The whole body, now that all of it came; `arrived` bytes it was.
    pub(super) fn finish(self, arrived: usize) -> Result<Zeroizing<Vec<u8>>, Fault> {
        match self {
            Self::Plain(sink) => Ok(sink.body),
            // Nothing at all is an empty answer, not a broken one.
            Self::Gzip(_) if arrived == 0 => Ok(Zeroizing::default()),
            Self::Gzip(mut decoder) => {
                let ended = decoder.try_finish();
                let sink = decoder.get_mut();
                ended.map_err(|error| sink.fault(error))?;
                Ok(std::mem::take(&mut sink.body))
            }
        }
    }
}

/// Where the bytes of the body go.
pub(super) struct Sink {
    body: Zeroizing<Vec<u8>>,
    /// How large the body may be now.
    allowed: usize,
    /// The limit that was exceeded.
    refused: Option<Fault>,
}

impl Sink {
    /// The fault behind an error of writing to this sink.
    fn fault(&mut self, source: io::Error) -> Fault {
        self.refused.take().unwrap_or(Fault::Garbled { source })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.body.len() + bytes.len();
        if size > MAX_BODY_BYTES.min(self.allowed) {
            self.refused = Some(if size > MAX_BODY_BYTES { Fault::TooLarge } else { Fault::TooDense });
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        append(&mut self.body, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Appends; a buffer that becomes too small is wiped when it is left behind.
fn append(body: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = body.len() + bytes.len();
    if needed > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(body.capacity() * 2)));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use reqwest::header::HeaderValue;

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    /// Bytes that no coding makes smaller.
    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        };
        (0..size).map(|_| next()).collect()
    }

    /// Unpacks what comes in pieces of that size: the body's size, or the fault.
    #[track_caller]
    fn check(coding: Coding, packed: &[u8], piece: usize, expected: Result<usize, &str>) {
        let mut unpacker = Unpacker::new(coding, 0);
        let mut arrived = 0;
        let pushed = packed.chunks(piece).try_for_each(|piece| {
            arrived += piece.len();
            unpacker.push(piece, arrived)
        });
        let outcome = pushed.and_then(|()| unpacker.finish(arrived)).map(|body| body.len());
        assert_eq!(outcome.map_err(|fault| fault.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn a_body_comes_out_whole_in_pieces_of_any_size() {
        let body = noise(100_000);
        let packed = gzip(&body);
        for piece in [1, 7, 4_096, packed.len()] {
            check(Coding::Plain, &body, piece, Ok(body.len()));
            check(Coding::Gzip, &packed, piece, Ok(body.len()));
        }
        check(Coding::Gzip, &[packed.clone(), packed].concat(), 1_000, Ok(2 * body.len()));
        check(Coding::Gzip, &[], 1, Ok(0));
    }

    #[test]
    fn what_does_not_end_well_is_garbled() {
        let garbled = Err("the answer cannot be decompressed");
        let packed = gzip(&noise(10_000));
        check(Coding::Gzip, &packed[..packed.len() - 1], 100, garbled);
        check(Coding::Gzip, &packed[..5], 100, garbled);
        check(Coding::Gzip, b"{}", 100, garbled);
        let mut changed = packed.clone();
        changed[5_000] ^= 1;
        check(Coding::Gzip, &changed, 100, garbled);
    }

    #[test]
    fn what_grows_too_much_is_refused_unless_it_is_harmless() {
        let dense = Err("the answer grows to more than 100 times what was sent");
        check(Coding::Gzip, &gzip(&vec![b' '; HARMLESS]), 10, Ok(HARMLESS));
        check(Coding::Gzip, &gzip(&vec![b' '; 2 * HARMLESS]), 1 << 20, dense);
        check(Coding::Gzip, &gzip(&vec![b' '; 4 << 20]), 1 << 10, dense);
        // As many spaces behind enough of something else.
        let mixed = [noise(HARMLESS), vec![b' '; 2 * HARMLESS]].concat();
        check(Coding::Gzip, &gzip(&mixed), 1 << 10, Ok(mixed.len()));
    }

    #[test]
    fn the_size_after_unpacking_is_what_counts() {
        let large = Err("the answer is larger than 32 MiB");
        check(Coding::Plain, &vec![b' '; MAX_BODY_BYTES], 1 << 20, Ok(MAX_BODY_BYTES));
        check(Coding::Plain, &vec![b' '; MAX_BODY_BYTES + 1], 1 << 20, large);
        let body = [noise(MAX_BODY_BYTES / 64), vec![b' '; MAX_BODY_BYTES]].concat();
        check(Coding::Gzip, &gzip(&body), 1 << 20, large);
    }

    #[track_caller]
    fn check_coding(value: Option<&'static str>, expected: Coding) {
        let mut headers = HeaderMap::new();
        headers.extend(value.map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value))));
        assert_eq!(Coding::of(&headers), expected, "{value:?}");
    }

    #[test]
    fn only_gzip_is_taken_apart() {
        check_coding(None, Coding::Plain);
        check_coding(Some("identity"), Coding::Plain);
        check_coding(Some("br"), Coding::Plain);
        check_coding(Some("gzip, gzip"), Coding::Plain);
        check_coding(Some(" GZIP "), Coding::Gzip);
        check_coding(Some("x-gzip"), Coding::Gzip);
    }
}
