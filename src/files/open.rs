//! Opening and reading files that decide something.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{OFlags, Stat, fstat};
use zeroize::Zeroizing;

use super::error::FileError;
use super::kind::Kind;
use super::place;
use super::policy::Purpose;
use super::user::User;

/// Opens a file for reading, if it may be believed. Never waits, and opens nothing that is not a file: to open a device can
/// do something.
pub fn open(path: &Path, purpose: Purpose) -> Result<File, FileError> {
    let io = |source| FileError::Io { path: path.to_owned(), source };
    let place = place::find(path)?;
    refuse_kind(path, purpose, &place.look().map_err(io)?)?;
    let file = File::from(place.open(OFlags::RDONLY).map_err(io)?);
    let stat = fstat(&file).map_err(|errno| io(errno.into()))?;
    refuse_kind(path, purpose, &stat)?;
    if Kind::of(&stat) == Kind::Regular {
        refuse_rights(path, purpose, &stat)?;
    }
    Ok(file)
}

/// The bytes of a file that may be believed. They are wiped when they are dropped: some files hold secrets.
pub fn read(path: &Path, purpose: Purpose) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let io = |source: io::Error| FileError::Io { path: path.to_owned(), source };
    let file = open(path, purpose)?;
    let max_bytes = purpose.rule().max_bytes;
    let size = file.metadata().map_err(io)?.len().min(max_bytes);
    // One more than needed, so that the end is found without moving what was read.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > max_bytes {
        return Err(FileError::TooLong { path: path.to_owned(), max_bytes });
    }
    Ok(bytes)
}

/// The text of a file that may be believed.
pub fn read_text(path: &Path, purpose: Purpose) -> Result<Zeroizing<String>, FileError> {
    let mut bytes = read(path, purpose)?;
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(FileError::NotText { path: path.to_owned() })
        }
    }
}

fn refuse_kind(path: &Path, purpose: Purpose, stat: &Stat) -> Result<(), FileError> {
    match Kind::of(stat) {
        Kind::Regular => Ok(()),
        Kind::Null if purpose.rule().allows_null => Ok(()),
        found => Err(FileError::Kind { path: path.to_owned(), found }),
    }
}

fn refuse_rights(path: &Path, purpose: Purpose, stat: &Stat) -> Result<(), FileError> {
    let (owner, us) = (User(stat.st_uid), User::current());
    if !owner.is_trusted() {
        return Err(FileError::Owner { path: path.to_owned(), owner, us });
    }
    let (mode, forbidden) = (stat.st_mode & 0o7777, purpose.rule().forbidden);
    if mode & forbidden != 0 {
        return Err(FileError::Mode { path: path.to_owned(), mode, forbidden });
    }
    Ok(())
}
