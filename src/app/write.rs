//! Writing finished files: into a folder, by rename, readable by their owner only.
//!
//! File names come from the program, never from a user's data.

mod batch;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

pub use self::batch::{Batch, BatchError};
use crate::files::{self, Output};

/// A file or folder that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("write {}", path.display())]
pub struct WriteError {
    /// What was to be written.
    pub path: PathBuf,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}

impl WriteError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "choose a place you may write to with --out".to_owned()
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "a file is in the way; choose another place with --out".to_owned()
            }
            io::ErrorKind::Unsupported => "name a regular file, or a pipe or a terminal of yours".to_owned(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room, then try again".to_owned(),
            io::ErrorKind::FileTooLarge => {
                "raise the limit on the size of files (ulimit -f, LimitFSIZE=), then try again".to_owned()
            }
            _ => "check the path given with --out".to_owned(),
        }
    }
}

/// Makes a folder (mode 0700) where there is none.
pub fn folder(path: &Path) -> Result<(), WriteError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| WriteError { path: path.to_owned(), source })
}

/// Writes a file (mode 0600) so that it is there whole or not at all: temporary name, sync, rename. A pipe or a terminal is
/// written to.
pub fn file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let named = |source| WriteError { path: path.to_owned(), source };
    if let Output::Stream(mut stream) = files::output(path).map_err(named)? {
        return stream.write_all(bytes).map_err(named);
    }
    let temporary = temporary_beside(path).map_err(named)?;
    write_whole(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).map_err(|error| {
        // Best effort: the error that matters is the first one.
        drop(fs::remove_file(&temporary));
        named(error)
    })?;
    sync_parent(path).map_err(named)
}

/// The name under which a file is written before it is complete.
fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.part", std::process::id()));
    Ok(parent(path).join(temporary))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    files::sync_folder(parent(path))
}

/// Whether a path leads to the database or to one of the files beside it that belong to it: nothing may replace those.
pub fn is_database(path: &Path, database: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let Some(target) = identity(path) else { return false };
    ["", "-wal", "-shm", ".lock"].iter().any(|suffix| {
        let mut beside = database.as_os_str().to_owned();
        beside.push(suffix);
        identity(Path::new(&beside)) == Some(target)
    })
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = files::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_its_owners_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.csv");
        file(&path, b"old").unwrap();
        file(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing temporary is left");
    }

    #[test]
    fn the_database_is_known_by_whatever_name_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let [database, log, link, other] =
            ["k.db", "k.db-wal", "link.csv", "other.csv"].map(|name| folder.path().join(name));
        for path in [&database, &log, &other] {
            fs::write(path, b"x").unwrap();
        }
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let known =
            [&database, &log, &link, &other, &folder.path().join("none")].map(|path| is_database(path, &database));
        assert_eq!(known, [true, true, true, false, false]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let blocker = folder.path().join("blocker");
        fs::write(&blocker, b"x").unwrap();
        let error = file(&blocker.join("report.csv"), b"new").unwrap_err();
        assert!(error.to_string().ends_with("blocker/report.csv"), "{error}");
        assert_eq!(fs::read(&blocker).unwrap(), b"x");
    }
}
