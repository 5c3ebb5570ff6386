//! What can go wrong with a backup, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use super::partial::PartialError;
use crate::store::damage;
use crate::store::error::StoreError;

/// Any failure of a backup. The database is as it was; what was begun of the backup is removed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of that name exists.
    #[error("write backup {}: a file of that name exists", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The name belongs to the database.
    #[error("write backup {}: that name belongs to database {}", path.display(), database.display())]
    PartOfDatabase {
        /// The file.
        path: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// The path is not UTF-8, which SQLite needs.
    #[error("write backup {}: the path is not UTF-8", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes the same backup.
    #[error("write backup {}: another process is writing it", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("write backup {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// SQLite could not write the copy.
    #[error("write backup {}", path.display())]
    Copy {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        #[source]
        source: sqlx::Error,
    },
    /// The file is not a complete, undamaged database of this program.
    #[error("verify backup {}: {what}", path.display())]
    Unverified {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The caller did not want to wait any longer.
    #[error("write the backup: stopped before its end")]
    Stopped,
}

impl BackupError {
    pub(super) fn of_partial(error: PartialError, target: &Path) -> Self {
        let path = target.to_owned();
        match error {
            PartialError::Exists => Self::Exists { path },
            PartialError::Busy => Self::Busy { path },
            PartialError::Io(source) => Self::Write { path, source },
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Store(error) => return error.hint(),
            Self::Exists { .. } => {
                "name another file, or a folder with a slash at its end: backups there get a name with the time"
                    .to_owned()
            }
            Self::PartOfDatabase { .. } | Self::Name { .. } => "choose another place with --out".to_owned(),
            Self::Busy { .. } => "wait until it is done, then try again".to_owned(),
            Self::Write { path, source } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => room(path),
                _ => format!(
                    "check that you may write to the folder of {}, or choose another with --out",
                    path.display()
                ),
            },
            Self::Copy { path, source } if damage::is_full(source) => room(path),
            Self::Copy { path, .. } => {
                format!(
                    "check the disk and the file size limit (ulimit -f) of {}, or choose another place with --out",
                    path.display()
                )
            }
            Self::Unverified { .. } => {
                "do not rely on it: take another backup on another disk, and check this one (dmesg)".to_owned()
            }
            Self::Stopped => "nothing is left of it; back up again".to_owned(),
        })
    }
}

fn room(path: &Path) -> String {
    format!(
        "make room for a second copy of the database in the folder of {}, or choose another with --out",
        path.display()
    )
}
