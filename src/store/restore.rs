//! Restoring: a verified copy of a backup under the name of a database.
//!
//! The new file is complete, verified and on the disk before the old one is touched; then one rename decides. The old
//! database is kept under another name. Its write-ahead log is folded into it before, or moved away with it: SQLite would
//! play it into the new file.

mod error;
mod replace;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio_util::sync::CancellationToken;

pub use error::RestoreError;

use super::backup::partial::PartialFile;
use super::backup::{Contents, verify};
use super::create::{make_folder, refuse_orphans};
use super::error::{StoreError, While as _};
use super::open::{beside, options, refuse_linked, upgrade};
use super::{origins, place, runner};
use crate::files::{self, Links};
use crate::seams::Seams;

/// What to restore, and to where.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The backup. It is only read.
    pub backup: PathBuf,
    /// The database.
    pub database: PathBuf,
    /// Whether a database that is there is moved aside.
    pub replace: bool,
    /// Cancelled when the caller does not want to wait any longer; the replacement itself is not interrupted.
    pub stop: CancellationToken,
}

/// A database that was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The database.
    pub database: PathBuf,
    /// The name that the database has now that was there before.
    pub replaced: Option<PathBuf>,
    /// What the backup held. Its schema is brought up to date in the database.
    pub contents: Contents,
}

/// Restores a backup of any schema version that this program knows, under the locks of collector and service.
#[tracing::instrument(level = "debug", skip_all)]
pub async fn restore(restoring: &RestoreOptions, seams: &Seams) -> Result<Restored, RestoreError> {
    let RestoreOptions { backup, stop, .. } = restoring;
    let database = &place::real(&restoring.database);
    let mut source = open_backup(backup, database)?;
    place::refuse_unfit(database)?;
    place::warn_of_file_system(database);
    make_folder(database)?;
    let now = seams.now();
    let _service = runner::service_lock(database, now).await?;
    let _collector = runner::lock(database, now)?;
    let is_there = fs::symlink_metadata(database).is_ok();
    refuse_linked(database)?;
    if is_there && !restoring.replace {
        return Err(RestoreError::Exists { path: database.clone() });
    }
    if !restoring.replace {
        refuse_orphans(database)?;
    }
    let failed = |source| RestoreError::Write { path: database.clone(), source };
    let mut partial =
        PartialFile::create_beside(database).map_err(|error| RestoreError::of_partial(error, database))?;
    io::copy(&mut source, partial.file()).map_err(failed)?;
    partial.sync().map_err(failed)?;
    let (contents, _) = verify::verify(partial.path(), backup, stop).await?;
    prepare(partial.path(), seams).await?;
    partial.sync().map_err(failed)?;
    let replaced = replace::replace(partial, database, now).await?;
    Ok(Restored { database: database.clone(), replaced: is_there.then_some(replaced), contents })
}

/// The backup, open for reading: a file that is not the database, and complete in itself.
fn open_backup(backup: &Path, database: &Path) -> Result<File, RestoreError> {
    let failed = |source| RestoreError::Read { path: backup.to_owned(), source };
    let file = files::look(backup, Links::Follow).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
        return Err(failed(source));
    }
    place::warn_of_owner("backup", backup);
    if fs::metadata(database).is_ok_and(|other| (other.dev(), other.ino()) == (metadata.dev(), metadata.ino())) {
        return Err(RestoreError::Same { path: backup.to_owned() });
    }
    for log in ["-wal", "-journal"].map(|suffix| beside(backup, suffix)) {
        if fs::metadata(&log).is_ok_and(|metadata| metadata.len() > 0) {
            return Err(RestoreError::Unfinished { path: backup.to_owned(), log });
        }
    }
    Ok(file)
}

/// Makes the verified copy the next state of the database: its schema is brought up to date, and every contract gets a new
/// origin, so that alerts have other ids than those of the database that the backup was taken of, and the next snapshot says
/// that it follows a restore. Without a journal: nobody reads the file before it is complete.
async fn prepare(path: &Path, seams: &Seams) -> Result<(), StoreError> {
    let writing = options(path).journal_mode(SqliteJournalMode::Memory).synchronous(SqliteSynchronous::Off);
    let mut db = writing.connect().await.when("open the copy of the backup")?;
    upgrade(&mut db, path).await?;
    origins::renew(&mut db, seams).await?;
    db.close().await.when("write the copy of the backup")
}
