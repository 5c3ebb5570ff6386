//! Backing up: which name a backup gets, and which older ones go.
//!
//! Deletes nothing but regular files in the backup folder whose name is one of its own.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::write::{self, WriteError};
use crate::exit::Exit;
use crate::seams::Seams;
use crate::store::StoreError;
use crate::store::backup::{Backup, BackupError, back_up, remove_leftover};

/// The time in the name of a backup.
const NAME_FORMAT: &str = "keyholder-%Y%m%dT%H%M%SZ.db";

/// Where a backup goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupTarget {
    /// A file that does not exist yet.
    File(PathBuf),
    /// A folder, made where there is none: the file gets a name with the time.
    Folder {
        /// The folder.
        path: PathBuf,
        /// How many backups stay in it, the new one among them; all of them if not given.
        keep: Option<NonZeroUsize>,
    },
}

impl BackupTarget {
    /// A folder, if the path is one, ends with a slash or has no extension; else a file.
    pub fn of(path: PathBuf, keep: Option<NonZeroUsize>) -> Self {
        let slash = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if slash || path.is_dir() || path.extension().is_none() {
            Self::Folder { path, keep }
        } else {
            Self::File(path)
        }
    }
}

/// What to do.
#[derive(Clone, Debug)]
pub struct BackupOptions {
    /// Where the backup goes.
    pub target: BackupTarget,
    /// Cancelled when the caller does not want to wait any longer.
    pub stop: CancellationToken,
}

/// What was done.
#[derive(Debug)]
pub struct BackupReport {
    /// The new backup.
    pub backup: Backup,
    /// Older backups that were deleted, oldest first.
    pub removed: Vec<PathBuf>,
    /// Older backups that could not be deleted. The new backup is complete all the same.
    pub not_removed: Vec<WriteError>,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupFailure {
    /// The copy.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The backup folder.
    #[error(transparent)]
    Folder(#[from] WriteError),
}

impl BackupFailure {
    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Backup(BackupError::Store(error)) => super::collect::of_store(error),
            Self::Backup(
                BackupError::Exists { .. } | BackupError::PartOfDatabase { .. } | BackupError::Name { .. },
            ) => Exit::Usage,
            Self::Backup(BackupError::Busy { .. }) => Exit::Locked,
            Self::Backup(BackupError::Unverified { .. }) => Exit::Evidence,
            Self::Backup(BackupError::Stopped) => Exit::Terminated,
            Self::Backup(BackupError::Write { .. } | BackupError::Copy { .. }) | Self::Folder(_) => Exit::Output,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Backup(error) => error.hint(),
            Self::Folder(error) => Some(error.hint()),
        }
    }
}

impl From<StoreError> for BackupFailure {
    fn from(error: StoreError) -> Self {
        Self::Backup(error.into())
    }
}

/// Copies the database at that path, verifies the copy, and deletes what is beyond the asked number of backups.
pub async fn backup(database: &Path, seams: &Seams, options: BackupOptions) -> Result<BackupReport, BackupFailure> {
    let (target, folder) = match options.target {
        BackupTarget::File(path) => (path, None),
        BackupTarget::Folder { path, keep } => {
            write::folder(&path)?;
            (path.join(seams.now().format(NAME_FORMAT).to_string()), Some((path, keep)))
        }
    };
    let backup = back_up(database, &target, &options.stop).await?;
    let (mut removed, mut not_removed) = (Vec::new(), Vec::new());
    if let Some((folder, keep)) = folder {
        remove_leftovers(&folder);
        let superseded = keep.map(|keep| superseded(&folder, &target, keep)).transpose();
        for path in superseded.map_err(|source| WriteError { path: folder, source })?.unwrap_or_default() {
            match fs::remove_file(&path) {
                Ok(()) => removed.push(path),
                Err(source) => not_removed.push(WriteError { path, source }),
            }
        }
    }
    Ok(BackupReport { backup, removed, not_removed })
}

/// The backups in a folder that are beyond the newest ones, oldest first. The one that was just made stays, also after a
/// clock that went back.
fn superseded(folder: &Path, made: &Path, keep: NonZeroUsize) -> io::Result<Vec<PathBuf>> {
    let mut older: Vec<(DateTime<Utc>, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(at) = entry.file_name().to_str().and_then(time_of) else { continue };
        if entry.file_type()?.is_file() && entry.path() != made {
            older.push((at, entry.path()));
        }
    }
    older.sort();
    older.truncate(older.len().saturating_sub(keep.get() - 1));
    Ok(older.into_iter().map(|(_, path)| path).collect())
}

/// The time in a name of ours, of which there is exactly one spelling.
fn time_of(name: &str) -> Option<DateTime<Utc>> {
    let at = NaiveDateTime::parse_from_str(name, NAME_FORMAT).ok()?.and_utc();
    (at.format(NAME_FORMAT).to_string() == name).then_some(at)
}

/// Removes incomplete files of processes that were killed.
fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let target = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".part"));
        let Some(target) = target.filter(|target| time_of(target).is_some()) else { continue };
        if let Err(error) = remove_leftover(&folder.join(target)) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "Cannot remove the incomplete backup {}",
                entry.path().display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_superseded(names: &[&str], made: &str, keep: usize, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let found = superseded(folder.path(), &folder.path().join(made), NonZeroUsize::new(keep).unwrap()).unwrap();
        let found: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(found, expected);
    }

    const FIRST: &str = "keyholder-20260101T000000Z.db";
    const SECOND: &str = "keyholder-20260102T000000Z.db";
    const THIRD: &str = "keyholder-20260103T000000Z.db";

    #[test]
    fn the_newest_backups_stay() {
        check_superseded(&[FIRST, SECOND, THIRD], THIRD, 3, &[]);
        check_superseded(&[FIRST, SECOND, THIRD], THIRD, 2, &[FIRST]);
        check_superseded(&[FIRST, SECOND, THIRD], THIRD, 1, &[FIRST, SECOND]);
    }

    #[test]
    fn the_new_backup_stays_after_the_clock_went_back() {
        check_superseded(&[FIRST, SECOND, THIRD], FIRST, 1, &[SECOND, THIRD]);
        check_superseded(&[FIRST, SECOND, THIRD], FIRST, 2, &[SECOND]);
    }

    #[test]
    fn other_files_are_never_superseded() {
        let others = [
            "keyholder.db",
            "keyholder-20260101T000000Z.db.gz",
            "keyholder-2026.db",
            "keyholder-20260101T000000.db",
            "keyholder-20261301T000000Z.db",
            "my-keyholder-20260101T000000Z.db",
            "keyholder- 2260101T000000Z.db",
        ];
        check_superseded(&others, THIRD, 1, &[]);
    }

    #[test]
    fn links_and_folders_are_never_superseded() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FIRST)).unwrap();
        std::os::unix::fs::symlink("/dev/null", folder.path().join(SECOND)).unwrap();
        let keep = NonZeroUsize::MIN;
        assert_eq!(superseded(folder.path(), &folder.path().join(THIRD), keep).unwrap(), Vec::<PathBuf>::new());
    }

    #[track_caller]
    fn check_target(path: &str, is_folder: bool) {
        assert_eq!(matches!(BackupTarget::of(path.into(), None), BackupTarget::Folder { .. }), is_folder, "{path}");
    }

    #[test]
    fn a_target_is_a_folder_unless_it_has_an_extension() {
        check_target("/none/backups", true);
        check_target("/none/backups.d/", true);
        check_target("/tmp", true);
        check_target("/none/monday.db", false);
    }
}
