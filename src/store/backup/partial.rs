//! A file that is being written under a name of its own, beside the name that it gets in the end.
//!
//! The process that writes it holds a kernel lock on it. What a killed process leaves has no lock, and is removed.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::files::{self, Links, sync_folder};
use crate::store::place::folder_of;

/// Why a file cannot be written under its partial name, or cannot get its name.
#[derive(Debug)]
pub(in crate::store) enum PartialError {
    /// The name is taken.
    Exists,
    /// Another process writes it.
    Busy,
    /// The system refuses.
    Io(io::Error),
}

impl From<io::Error> for PartialError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A file that is removed when it is dropped before it got its name.
#[derive(Debug)]
pub(in crate::store) struct PartialFile {
    path: PathBuf,
    target: PathBuf,
    file: File,
    is_published: bool,
}

impl PartialFile {
    /// An empty file (mode 0600) beside a target that does not exist.
    pub(in crate::store) fn create(target: &Path) -> Result<Self, PartialError> {
        if fs::symlink_metadata(target).is_ok() {
            return Err(PartialError::Exists);
        }
        Self::create_beside(target)
    }

    /// The same, whether the target exists or not.
    pub(in crate::store) fn create_beside(target: &Path) -> Result<Self, PartialError> {
        let path = partial_name(target).ok_or(io::ErrorKind::IsADirectory).map_err(io::Error::from)?;
        if !remove_leftover(target)? {
            return Err(PartialError::Busy);
        }
        let file = files::create_new(&path)?;
        let partial = Self { path, target: target.to_owned(), file, is_published: false };
        match partial.file.try_lock() {
            Ok(()) => Ok(partial),
            Err(TryLockError::WouldBlock) => Err(PartialError::Busy),
            Err(TryLockError::Error(source)) => Err(source.into()),
        }
    }

    /// The name that it has while it is written.
    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// The name that it gets.
    pub(in crate::store) fn target(&self) -> &Path {
        &self.target
    }

    /// The file itself.
    pub(in crate::store) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Waits until everything that was written is on the disk.
    pub(in crate::store) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives it its name, durably, unless a file has that name by now. Its size.
    pub(in crate::store) fn publish(mut self) -> Result<u64, PartialError> {
        self.sync()?;
        let bytes = self.file.metadata()?.len();
        match rename_to_new(&self.path, &self.target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(PartialError::Exists),
            outcome => outcome?,
        }
        self.is_published = true;
        sync_folder(folder_of(&self.target))?;
        Ok(bytes)
    }

    /// Gives it its name, durably, also when a file has that name: it loses it.
    pub(in crate::store) fn replace(mut self) -> io::Result<()> {
        self.sync()?;
        fs::rename(&self.path, &self.target)?;
        self.is_published = true;
        sync_folder(folder_of(&self.target))
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if self.is_published {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "Cannot remove the incomplete file {}; the next backup tries again",
                self.path.display()
            );
        }
    }
}

/// Removes what a killed process left of a backup with that target. Whether nothing is in the way now: a process that
/// is still writing keeps its file.
pub fn remove_leftover(target: &Path) -> io::Result<bool> {
    let Some(path) = partial_name(target) else { return Ok(true) };
    let file = match files::look(&path, Links::Refuse) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        file => file?,
    };
    match file.try_lock() {
        Ok(()) => fs::remove_file(&path).map(|()| true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// `.NAME.part` in the folder of the target.
fn partial_name(target: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(target.file_name()?);
    name.push(".part");
    Some(target.with_file_name(name))
}

/// Renames unless the new name is taken; on a file system that cannot do both at once, one after the other.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        outcome => outcome.map_err(Into::into),
    }
}
