//! What a write-ahead log holds, seen without SQLite: a connection that has a log open deletes it when it closes and finds
//! nothing in it.

use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::files::{self, Links};

/// The format of the log (SQLite file format, section 4): a header, then frames of a header and a page each.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC: u32 = 0x377f_0682;
const PAGE_SIZES: std::ops::RangeInclusive<usize> = 512..=65_536;

/// Whether a transaction in the log was committed, so that a reader has to take the log into account.
pub(super) fn has_commit(log: &Path) -> io::Result<bool> {
    is_committed(&mut BufReader::new(files::look(log, Links::Refuse)?))
}

fn is_committed(log: &mut impl Read) -> io::Result<bool> {
    let mut header = [0; HEADER];
    if !fill(log, &mut header)? {
        return Ok(false);
    }
    let page_size = number(&header, 8) as usize;
    let mut sum = Checksum { is_big_endian: number(&header, 0) & 1 == 1, sums: (0, 0) };
    sum.add(&header[..24]);
    let is_header = number(&header, 0) & !1 == MAGIC && sum.is_at(&header, 24);
    if !is_header || !page_size.is_power_of_two() || !PAGE_SIZES.contains(&page_size) {
        return Ok(false);
    }
    let mut frame = vec![0; FRAME_HEADER + page_size];
    while fill(log, &mut frame)? {
        sum.add(&frame[..8]);
        sum.add(&frame[FRAME_HEADER..]);
        // A frame of an earlier use of the log has another salt.
        let is_valid = number(&frame, 0) != 0 && frame[8..16] == header[16..24] && sum.is_at(&frame, 16);
        let is_commit = number(&frame, 4) != 0;
        if !is_valid || is_commit {
            return Ok(is_valid);
        }
    }
    Ok(false)
}

/// Fills the buffer; whether there was enough.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match source.read_exact(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The running checksum of a log.
struct Checksum {
    is_big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let word = |bytes: &[u8]| if self.is_big_endian { number(bytes, 0) } else { number(bytes, 0).swap_bytes() };
        for pair in bytes.chunks_exact(8) {
            self.sums.0 = self.sums.0.wrapping_add(word(&pair[..4])).wrapping_add(self.sums.1);
            self.sums.1 = self.sums.1.wrapping_add(word(&pair[4..])).wrapping_add(self.sums.0);
        }
    }

    /// Whether it is what stands there.
    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        self.sums == (number(bytes, at), number(bytes, at + 4))
    }
}
