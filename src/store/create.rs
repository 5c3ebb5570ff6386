//! Making a new database: complete, under a name that nobody reads, then renamed. There is never a half-made one.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::{StoreError, While as _};
use super::open::{APPLICATION_ID, beside, upgrade};
use super::place::folder_of;
use crate::files::{self, sync_folder};

/// Makes the folder of a database (mode 0700, and those above it that are missing), durably.
pub(super) fn make_folder(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    let folder = folder_of(path);
    let missing: Vec<&Path> = folder.ancestors().take_while(|above| !above.is_dir()).collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    missing.into_iter().try_for_each(|made| sync_folder(folder_of(made))).map_err(failed)
}

/// Makes the database (mode 0600) with its whole schema, in a folder that is there. The caller holds the lock.
pub(super) async fn create(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    remove_orphans(path)?;
    let making = beside(path, ".new");
    // What an interrupted attempt left.
    for suffix in ["", "-journal", "-wal", "-shm"] {
        remove(&beside(&making, suffix)).map_err(failed)?;
    }
    let made = fill(&making).await;
    if made.is_err() {
        // The error that matters is the first one; what stays is removed by the next attempt.
        drop(fs::remove_file(&making));
    }
    made?;
    fs::rename(&making, path).and_then(|()| sync_folder(folder_of(path))).map_err(failed)
}

/// Logs that a database left which is no longer there. SQLite would play them into the new one. They may be all that is left
/// of something, or belong to a database that was moved away by mistake: refused, untouched, unless nothing is in them.
pub(super) fn refuse_orphans(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    for suffix in ["-wal", "-journal"] {
        let log = beside(path, suffix);
        match fs::symlink_metadata(&log) {
            Ok(metadata) if metadata.len() > 0 => return Err(StoreError::Orphan { path: path.to_owned(), log }),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Removes what is left of logs in which nothing is; refuses those in which something is.
fn remove_orphans(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    refuse_orphans(path)?;
    // The shared memory only says where things are in the log.
    ["-wal", "-journal", "-shm"].iter().try_for_each(|suffix| remove(&beside(path, suffix))).map_err(failed)
}

/// Without a journal: until it has its name, an unfinished file is of no use. It is synced as a whole.
async fn fill(making: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Open { path: making.to_owned(), source };
    let file = files::create_new(making).map_err(failed)?;
    let options = SqliteConnectOptions::new().filename(making).synchronous(SqliteSynchronous::Off);
    let mut db = options.journal_mode(SqliteJournalMode::Memory).connect().await.when("create the database")?;
    let mark = format!("PRAGMA application_id = {APPLICATION_ID}");
    sqlx::query(sqlx::AssertSqlSafe(mark)).execute(&mut db).await.when("mark the database")?;
    upgrade(&mut db, making).await?;
    sqlx::query("PRAGMA journal_mode = WAL").execute(&mut db).await.when("give the database a log")?;
    db.close().await.when("create the database")?;
    file.sync_all().map_err(failed)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
