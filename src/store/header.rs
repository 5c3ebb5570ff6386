//! What the first bytes of a file say, read without SQLite so that nothing is touched by looking.

use std::io::Read as _;
use std::path::Path;

use super::error::StoreError;
use super::open::APPLICATION_ID;
use crate::files::{self, Links};

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// There is none.
    Absent,
    /// It has no bytes.
    Empty,
    /// Another program's, or no database at all.
    Foreign,
    /// Ours, with the number of its newest migration.
    Ours(u32),
}

/// Length of the SQLite header, and where in it the two fields are (SQLite file format, section 1.3).
const HEADER: usize = 100;
const USER_VERSION: usize = 60;
const APPLICATION: usize = 68;

/// Reads the header. Not for a file that this process has open in SQLite: closing it here drops SQLite's locks.
pub(super) fn inspect(path: &Path) -> Result<Header, StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source };
    let mut file = match files::look(path, Links::Follow) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Header::Absent),
        Err(error) => return Err(open(error)),
    };
    let metadata = file.metadata().map_err(open)?;
    // A pipe or a device has no bytes, and is no place for a database. A folder is named by the error of reading it.
    if !metadata.is_file() && !metadata.is_dir() {
        return Ok(Header::Foreign);
    }
    let mut header = Vec::with_capacity(HEADER);
    file.by_ref().take(HEADER as u64).read_to_end(&mut header).map_err(open)?;
    if header.is_empty() {
        return Ok(Header::Empty);
    }
    let field = |at: usize| header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    match (header.starts_with(b"SQLite format 3\0"), field(APPLICATION), field(USER_VERSION)) {
        (true, Some(APPLICATION_ID), Some(version)) => Ok(Header::Ours(version)),
        _ => Ok(Header::Foreign),
    }
}
