//! Compressed answers that are damaged, or far larger than they look.

use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, Crc, FlushCompress};

/// What is wrong with a compressed answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gzip {
    /// The body is the answer as it is, not compressed at all.
    Plain,
    /// The checksum at the end is wrong.
    Checksum,
    /// The second half is missing; `Content-Length` says so.
    Cut,
    /// Valid, and so many bytes of blanks in braces once decompressed, rounded up to whole MiB. Never held in memory.
    Bomb {
        /// Bytes after decompression.
        bytes: u64,
    },
}

impl Gzip {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Plain | Self::Checksum | Self::Cut => "gzip error",
            Self::Bomb { .. } => "gzip bomb",
        }
    }

    /// The body as it goes out; a bomb has none of these.
    pub(super) fn damage(self, body: Vec<u8>) -> Vec<u8> {
        if self == Self::Plain {
            return body;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let mut packed = match encoder.write_all(&body).and_then(|()| encoder.finish()) {
            Ok(packed) => packed,
            Err(_) => body,
        };
        if self == Self::Cut {
            packed.truncate(packed.len() / 2);
        } else if let Some(byte) = packed.iter_mut().rev().nth(7) {
            // The last eight bytes are the checksum and the length.
            *byte ^= 0xff;
        }
        packed
    }
}

/// Blanks in one block.
const BLOCK: u32 = 1 << 20;

/// A gzip file made of the same block over and over: each ends on a byte, with nothing that the next one refers to.
#[derive(Debug)]
pub(super) struct Bomb {
    opening: Vec<u8>,
    block: Vec<u8>,
    blocks: u64,
    closing: Vec<u8>,
}

impl Bomb {
    pub(super) fn of(bytes: u64) -> Self {
        let blocks = bytes.div_ceil(u64::from(BLOCK)).max(1);
        let blanks = vec![b' '; BLOCK as usize];
        let mut sum = Crc::new();
        sum.update(b"{");
        let mut of_block = Crc::new();
        of_block.update(&blanks);
        for _ in 0..blocks {
            sum.combine(&of_block);
        }
        sum.update(b"}");
        // Magic number, deflate, no name and no time, unknown system.
        let mut opening = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        opening.extend(deflate(b"{", FlushCompress::Full));
        let mut closing = deflate(b"}", FlushCompress::Finish);
        closing.extend(sum.sum().to_le_bytes());
        // The length is a remainder in this format.
        closing.extend(sum.amount().to_le_bytes());
        Self { opening, block: deflate(&blanks, FlushCompress::Full), blocks, closing }
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let blocks = (0..self.blocks).map(|_| self.block.as_slice());
        std::iter::once(self.opening.as_slice()).chain(blocks).chain([self.closing.as_slice()])
    }

    /// Bytes on the wire.
    pub(super) fn len(&self) -> u64 {
        (self.opening.len() + self.closing.len()) as u64 + self.blocks * self.block.len() as u64
    }
}

/// A part of a stream that starts afresh.
fn deflate(bytes: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut packed = Vec::with_capacity(bytes.len() / 8 + 64);
    let status = Compress::new(Compression::best(), false).compress_vec(bytes, &mut packed, flush);
    debug_assert!(status.is_ok(), "a fresh stream takes anything");
    packed
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, copy, sink};

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_bomb_is_a_valid_file_of_many_times_its_size() {
        let bomb = Bomb::of(64 << 20);
        let bytes = bomb.pieces().collect::<Vec<_>>().concat();
        assert_eq!(bytes.len() as u64, bomb.len());
        assert!(bytes.len() < 64 << 13, "{}", bytes.len());
        let mut decoder = GzDecoder::new(bytes.as_slice());
        // The decoder checks sum and length at the end.
        assert_eq!(copy(&mut decoder, &mut sink()).unwrap(), (64 << 20) + 2);
        let mut first = [0; 3];
        GzDecoder::new(bytes.as_slice()).read_exact(&mut first).unwrap();
        assert_eq!(&first, b"{  ");
    }

    #[test]
    fn ten_gibibytes_are_ten_mebibytes_on_the_wire_and_one_block_in_memory() {
        let bomb = Bomb::of(10 << 30);
        assert!(bomb.len() < 16 << 20, "{}", bomb.len());
        assert!(bomb.opening.len() + bomb.block.len() + bomb.closing.len() < 4 << 10);
    }

    #[track_caller]
    fn check_damage(gzip: Gzip, expected: std::io::ErrorKind) {
        let packed = gzip.damage(b"some answer, some answer, some answer".to_vec());
        let error = GzDecoder::new(packed.as_slice()).read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), expected, "{gzip:?}");
    }

    #[test]
    fn damaged_files_do_not_decompress() {
        check_damage(Gzip::Plain, std::io::ErrorKind::InvalidInput);
        check_damage(Gzip::Checksum, std::io::ErrorKind::InvalidInput);
        check_damage(Gzip::Cut, std::io::ErrorKind::UnexpectedEof);
    }
}
