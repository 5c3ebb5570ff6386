//! What can go wrong with restoring, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::backup::BackupError;
use crate::store::backup::partial::PartialError;
use crate::store::error::StoreError;

/// Any failure of restoring. The database is as it was, in content.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A lock, the place of the database, or the database itself.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The backup does not verify.
    #[error(transparent)]
    Verify(#[from] BackupError),
    /// There is a database of that name.
    #[error("restore to database {}: it exists", path.display())]
    Exists {
        /// The database.
        path: PathBuf,
    },
    /// The backup is the database.
    #[error("restore backup {}: it is the database itself", path.display())]
    Same {
        /// The file.
        path: PathBuf,
    },
    /// The file is a copy of a database in use: its newest part is beside it.
    #[error("verify backup {}: its newest part is in {}", path.display(), log.display())]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The backup cannot be read.
    #[error("read backup {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The database cannot be written.
    #[error("restore to database {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Another program has the old database open.
    #[error("replace database {}: another program has it open", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// Another process restores to the same database.
    #[error("restore to database {}: another process is restoring it", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
    },
}

impl RestoreError {
    pub(super) fn of_partial(error: PartialError, database: &Path) -> Self {
        let path = database.to_owned();
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
            Self::Verify(BackupError::Stopped) => "the database is as it was; restore again".to_owned(),
            Self::Verify(BackupError::Unverified { .. }) => {
                "restore an older backup; the database is as it was".to_owned()
            }
            Self::Verify(error) => return error.hint(),
            Self::Exists { .. } => {
                "--replace moves it aside, under a name with the time; or name another database with --db".to_owned()
            }
            Self::Same { .. } => "name the backup, and the database with --db".to_owned(),
            Self::Unfinished { path, .. } => {
                let path = path.display();
                format!("make a backup of it: keyholder --db {path} backup --out {path}.backup.db")
            }
            Self::Read { .. } => "check the path of the backup, and that you may read it".to_owned(),
            Self::Write { path, source } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    format!("make room for the backup in the folder of {}; the database is as it was", path.display())
                }
                _ => format!("check that you may write to the folder of {}; the database is as it was", path.display()),
            },
            Self::InUse { .. } => {
                "stop the other program (`fuser FILE` names it), then try again; the database is as it was".to_owned()
            }
            Self::Busy { .. } => "wait until it is done, then try again".to_owned(),
        })
    }
}
