//! What goes to a terminal: no character of a stream acts on it, whatever the format. Files and pipes get the bytes as they are.
//!
//! Knows nothing of what is written. The escapes are those of JSON, so that a document stays what it is.

use std::io::{self, Write};

use crate::domain::untrusted::push_escaped;
use crate::report::Format;

/// A terminal, to which nothing but visible characters and line ends is sent.
pub(super) struct Terminal<W> {
    inner: W,
    /// The beginning of a character whose end has not been written yet.
    partial: Vec<u8>,
}

impl<W: Write> Terminal<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, partial: Vec::new() }
    }
}

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let whole = [self.partial.as_slice(), bytes].concat();
        self.partial.clear();
        let mut shown = String::with_capacity(whole.len());
        let mut chunks = whole.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for character in chunk.valid().chars() {
                match character {
                    '\n' => shown.push('\n'),
                    other => push_escaped(&mut shown, other),
                }
            }
            let invalid = chunk.invalid();
            let is_cut_off =
                chunks.peek().is_none() && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if is_cut_off {
                self.partial = invalid.to_vec();
            } else if !invalid.is_empty() {
                shown.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.inner.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A whole document as a terminal shows it.
pub(super) fn shown(format: Format, document: &[u8]) -> io::Result<Vec<u8>> {
    if format == Format::Csv {
        return Ok(csv_lines(document).into_bytes());
    }
    let mut terminal = Terminal::new(Vec::new());
    terminal.write_all(document)?;
    Ok(terminal.inner)
}

/// A CSV document as a terminal shows it: each record is one line, whatever is in its cells.
pub(super) fn csv_lines(document: &[u8]) -> String {
    let mut shown = String::with_capacity(document.len());
    let mut is_quoted = false;
    for character in String::from_utf8_lossy(document).chars() {
        is_quoted ^= character == '"';
        match character {
            '\r' if !is_quoted => {}
            '\n' if !is_quoted => shown.push('\n'),
            other => push_escaped(&mut shown, other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&[u8]], expected: &str) {
        let mut terminal = Terminal::new(Vec::new());
        for piece in pieces {
            terminal.write_all(piece).unwrap();
        }
        assert_eq!(String::from_utf8(terminal.inner).unwrap(), expected);
    }

    #[test]
    fn nothing_but_visible_characters_and_line_ends_is_sent() {
        check(&[b"a\x1b[2Jb\r\n", "\u{9b}\u{202e}\t".as_bytes()], "a\\u001b[2Jb\\u000d\n\\u009b\\u202e\\u0009");
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        let text = "é\u{202e}日👩".as_bytes();
        let pieces: Vec<_> = text.chunks(1).collect();
        check(&pieces, "é\\u202e日👩");
        check(&[b"a\xc3", b"\xff b\xe2\x80", b"x"], "a\u{fffd}\u{fffd} b\u{fffd}x");
    }

    #[test]
    fn a_record_of_csv_is_one_line() {
        assert_eq!(
            csv_lines(b"\"a\r\nb \"\"q\"\" \x1b\",\"c\"\r\n\"d\"\r\n"),
            "\"a\\u000d\\u000ab \"\"q\"\" \\u001b\",\"c\"\n\"d\"\n"
        );
    }
}
