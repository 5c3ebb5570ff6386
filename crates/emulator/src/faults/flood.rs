//! Answers without an end: they stop when the client goes away.

use std::fmt::Write as _;

/// What never ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flood {
    /// The headers.
    Headers,
    /// The body: blanks, without a length.
    Body,
    /// The list, every item a reference that nobody has seen before.
    Items,
}

/// Bytes of one piece, about.
const PIECE: usize = 64 << 10;

impl Flood {
    /// What is sent first, and then the pieces one after the other.
    pub(super) fn head(self) -> &'static str {
        match self {
            Self::Headers => "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n",
            Self::Body => "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{",
            Self::Items => {
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"type\":\"collection\",\"items\":[{}"
            }
        }
    }

    /// The piece with that number, from 0.
    pub(super) fn piece(self, number: usize) -> String {
        let mut piece = String::with_capacity(PIECE + 128);
        let mut line = 0;
        while piece.len() < PIECE {
            // Writing to a string does not fail.
            let _ = match self {
                Self::Headers => write!(piece, "x-flood-{number}-{line}: {line:0>100}\r\n"),
                Self::Body => write!(piece, "{:1024}", ""),
                Self::Items => write!(piece, ",{{\"id\":\"flood-{number}-{line}\"}}"),
            };
            line += 1;
        }
        piece
    }
}
