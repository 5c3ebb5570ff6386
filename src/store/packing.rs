//! Text packed for the short time that it is kept: JSON Lines as one Zstandard frame (RFC 8878), at the fastest level.
//!
//! Nothing that has to be compared or proven is packed: other versions of the library may come to other bytes.

use std::io::{self, Read as _};

/// The fastest level of Zstandard that still codes the hexadecimal digits of ids in half their size.
const LEVEL: i32 = 1;

/// Bytes of text that are unpacked of one run, at most: more than all its answers may take.
pub const MAX_UNPACKED_BYTES: u64 = 256 << 20;

/// Packs lines, which hold no line break of their own.
pub fn pack(lines: &[String]) -> io::Result<Vec<u8>> {
    let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    zstd::bulk::compress(text.as_bytes(), LEVEL)
}

/// The lines that were packed, and how many bytes they have, if these are not more than that many.
pub fn unpack(packed: &[u8], most: u64) -> io::Result<(Vec<String>, u64)> {
    let mut text = String::new();
    zstd::stream::read::Decoder::with_buffer(packed)?.take(most.saturating_add(1)).read_to_string(&mut text)?;
    let bytes = text.len() as u64;
    if bytes > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "more text than a run may keep"));
    }
    Ok((text.split_terminator('\n').map(str::to_owned).collect(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::{Random as _, SeededRandom};

    #[track_caller]
    fn check(lines: &[&str]) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(unpack(&pack(&lines).unwrap(), MAX_UNPACKED_BYTES).unwrap().0, lines);
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        check(&[]);
        check(&["{}"]);
        check(&["{\"a\":1}", "\"ä\u{2028}\"", "[\"\\n\\r\"]"]);
        check(&vec!["{\"id\":\"0b5dd0c5-3a9c-4a8f-9c8e-1f0f0d1a2b3c\"}"; 5_000]);
    }

    #[test]
    fn ids_take_little_more_than_half_their_text() {
        let dice = SeededRandom::new(7);
        let mut ids = Vec::new();
        for _ in 0..2_000 {
            let mut id = [0; 16];
            dice.fill(&mut id).unwrap();
            ids.push(hex::encode(id));
        }
        let text: usize = ids.iter().map(|id| id.len() + 1).sum();
        let packed = pack(&ids).unwrap().len();
        assert!(packed * 100 < text * 62, "{packed} of {text} bytes");
    }

    #[test]
    fn what_was_not_packed_or_is_cut_off_is_refused() {
        assert!(unpack(b"{}", MAX_UNPACKED_BYTES).is_err());
        let whole = pack(&vec!["{\"id\":1}".to_owned(); 100]).unwrap();
        assert!(unpack(&whole[..whole.len() - 1], MAX_UNPACKED_BYTES).is_err());
    }

    #[test]
    fn a_frame_that_grows_beyond_all_bounds_is_refused() {
        let check = |packed: &[u8], most: u64| {
            assert_eq!(unpack(packed, most).unwrap_err().to_string(), "more text than a run may keep");
        };
        check(&zstd::bulk::compress(&vec![b'a'; 257 << 20], LEVEL).unwrap(), MAX_UNPACKED_BYTES);
        check(&pack(&["{}".to_owned()]).unwrap(), 2);
    }
}
