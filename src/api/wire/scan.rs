//! The limits of a JSON text, checked before it is parsed: UTF-8, nesting, length of strings, whole surrogate pairs.
//!
//! The parser alone would stop at 128 levels, and does not look inside strings that it skips.

use memchr::memchr2;

use super::Refusal;

/// Levels of nesting that are read; the API's own answers need about ten.
pub const MAX_NESTED: usize = 32;

/// Bytes of one string as written, that are read.
pub const MAX_STRING_BYTES: usize = 64 * 1024;

/// Checks the limits and gives the text.
pub(super) fn check(bytes: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::Utf8)?;
    let mut level = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = skip_string(bytes, at)?,
            b'{' | b'[' => {
                level += 1;
                if level > MAX_NESTED {
                    return Err(Refusal::Nested);
                }
            }
            b'}' | b']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    Ok(text)
}

/// The place behind the string that begins at `start`. An unfinished string is the parser's to refuse.
fn skip_string(bytes: &[u8], start: usize) -> Result<usize, Refusal> {
    let mut at = start;
    let mut high = false;
    loop {
        // Nothing else than these two has a meaning inside a string.
        let plain = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default());
        let end = plain.map_or(bytes.len(), |plain| at + plain);
        if end - start > MAX_STRING_BYTES {
            return Err(Refusal::LongString);
        }
        if high && end > at {
            return Err(Refusal::Surrogate);
        }
        at = end;
        match bytes.get(at..) {
            Some([b'\\', b'u', digits @ ..]) => {
                let unit = digits.get(..4).and_then(code_unit);
                match (unit, high) {
                    (Some(0xD800..=0xDBFF), false) => high = true,
                    (Some(0xDC00..=0xDFFF), true) => high = false,
                    (Some(0xD800..=0xDFFF), _) | (_, true) => return Err(Refusal::Surrogate),
                    // Four digits that are none are the parser's to refuse.
                    _ => {}
                }
                at = (at + 6).min(bytes.len());
            }
            Some([_, ..]) if high => return Err(Refusal::Surrogate),
            Some([b'"', ..]) => return Ok(at + 1),
            Some([_, _, ..]) => at += 2,
            _ => return Ok(bytes.len()),
        }
    }
}

/// Four hexadecimal digits as a number.
fn code_unit(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}
