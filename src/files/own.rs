//! Files that this program makes and finds again: new ones, those that it appends to, and those that it only looks at.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{OFlags, Stat, fstat, lstat};

use super::kind::Kind;
use super::user::User;

/// Mode of every file that is made: its owner's only.
const MODE: u32 = 0o600;

/// Why a file that is written to is not one that this program made.
#[derive(Debug, thiserror::Error)]
pub enum OwnFileError {
    /// It cannot be opened.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A link, a pipe, a device, a folder.
    #[error("{0}")]
    Kind(Kind),
    /// It has another name, under which it may be something else.
    #[error("another file too (a hard link)")]
    Linked,
    /// It belongs to another user.
    #[error("the file of {0}")]
    Owner(User),
}

/// How a file of ours is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// At its end.
    Append,
    /// From its beginning.
    Update,
    /// From its beginning, and only if it is there.
    Existing,
}

/// Whether a link as the last part of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// It is.
    Follow,
    /// It is an error.
    Refuse,
}

/// Makes a file (mode 0600). Fails if there is anything of that name, also a link that leads nowhere.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(path)
}

/// Opens a file to write to it, or makes it (mode 0600) unless it has to be there. What is there must be a regular file of ours with this name only;
/// nothing in it is changed by opening it.
pub fn open_own(path: &Path, writing: Writing) -> Result<File, OwnFileError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).truncate(false).mode(MODE).custom_flags(flags);
    match writing {
        Writing::Append => options.append(true).create(true),
        Writing::Update => options.write(true).create(true),
        Writing::Existing => options.write(true),
    };
    let file = match options.open(path) {
        // A link is not opened, nor a folder to be written to.
        Err(error) => return Err(lstat(path).ok().and_then(|found| refused_kind(&found)).unwrap_or(error.into())),
        Ok(file) => file,
    };
    let found = fstat(&file).map_err(io::Error::from)?;
    if let Some(refused) = refused_kind(&found) {
        return Err(refused);
    }
    let owner = User(found.st_uid);
    match () {
        () if found.st_nlink > 1 => Err(OwnFileError::Linked),
        () if owner != User::current() => Err(OwnFileError::Owner(owner)),
        () => Ok(file),
    }
}

fn refused_kind(found: &Stat) -> Option<OwnFileError> {
    let kind = Kind::of(found);
    (kind != Kind::Regular).then_some(OwnFileError::Kind(kind))
}

/// Opens a file or folder to look at it or to lock it; it is not believed. Never waits.
pub fn look(path: &Path, links: Links) -> io::Result<File> {
    let no_link = if links == Links::Refuse { OFlags::NOFOLLOW } else { OFlags::empty() };
    let flags = (no_link | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    look(folder, Links::Follow)?.sync_all()
}

/// Who owns a file or folder; nothing where there is none.
pub fn owner(path: &Path) -> Option<User> {
    fs::metadata(path).ok().map(|found| User(found.uid()))
}
