//! Backups of a live database: a consistent copy, verified, and complete under its name or not there at all.
//!
//! Knows one target file. Which name it gets, and which older backups go, is decided by the caller. Nothing of the database
//! is written, and no lock of it is held for longer than a reader's: a collection goes on beside a backup.

mod error;
mod inventory;
pub(super) mod partial;
pub(super) mod verify;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio_util::sync::CancellationToken;

pub use error::BackupError;
use inventory::Inventory;
use partial::PartialFile;
pub use partial::remove_leftover;

use super::error::{StoreError, While as _};
use super::open::{beside, refuse_hidden, refuse_unknown};
use super::reading::{self, Kept};
use super::{damage, place, schema};
use crate::domain::id::{ContractNumber, Seq};

/// What a verified copy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The number of its newest migration.
    pub schema: u32,
    /// Its contracts with a snapshot, by number.
    pub contracts: Vec<LatestSnapshot>,
}

/// The last snapshot of a contract in a verified copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatestSnapshot {
    /// The contract.
    pub contract: ContractNumber,
    /// Its number; the snapshots before it are there too.
    pub seq: Seq,
    /// When its run ended.
    pub finished: DateTime<Utc>,
    /// The digest of its state, in hexadecimal digits.
    pub root: String,
}

/// A backup that is complete under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What it holds.
    pub contents: Contents,
}

/// Copies a database of any schema version that this program knows to a file that does not exist yet (mode 0600).
///
/// The copy is one state of the database, whatever is committed meanwhile. It is synced, verified and compared with the
/// database before it gets its name. When the token is cancelled, or anything fails, nothing is left.
#[tracing::instrument(level = "debug", skip_all)]
pub async fn back_up(database: &Path, target: &Path, stop: &CancellationToken) -> Result<Backup, BackupError> {
    let database = &place::real(database);
    refuse_hidden(database)?;
    place::warn_of_owner("database", database);
    refuse_name(database, target)?;
    let (mut source, _kept) = connect(database, stop).await?;
    refuse_unknown(&mut source, database).await?;
    schema::refuse_unknown_schema(&mut source, database).await.map_err(|error| stopped(error, stop))?;
    let partial = PartialFile::create(target).map_err(|error| BackupError::of_partial(error, target))?;
    let before = Inventory::of(&mut source).await.map_err(|error| stopped(error, stop))?;
    copy(&mut source, database, &partial, stop).await?;
    partial.sync().map_err(|source| BackupError::Write { path: target.to_owned(), source })?;
    let after = Inventory::of(&mut source).await.map_err(|error| stopped(error, stop))?;
    let (contents, copied) = verify::verify(partial.path(), target, stop).await?;
    if let Some(what) = copied.difference(&before, &after) {
        return Err(BackupError::Unverified { path: target.to_owned(), what });
    }
    let bytes = partial.publish().map_err(|error| BackupError::of_partial(error, target))?;
    Ok(Backup { path: target.to_owned(), bytes, contents })
}

/// A reading connection that copies: it may write to other files, and ends what it does when the token is cancelled.
async fn connect(database: &Path, stop: &CancellationToken) -> Result<(SqliteConnection, Kept), StoreError> {
    let (readers, kept) = reading::connect(database).await?;
    let mut db = readers.acquire().await.when("open the database for copying")?.detach();
    // The file itself stays open for reading only.
    sqlx::query("PRAGMA query_only = OFF").execute(&mut db).await.when("open the database for copying")?;
    watch(&mut db, stop).await?;
    Ok((db, kept))
}

/// Lets a connection end what it does when the token is cancelled.
async fn watch(db: &mut SqliteConnection, stop: &CancellationToken) -> Result<(), StoreError> {
    let stop = stop.clone();
    let mut handle = db.lock_handle().await.when("watch the connection")?;
    handle.set_progress_handler(damage::STEPS, move || !stop.is_cancelled());
    Ok(())
}

async fn copy(
    source: &mut SqliteConnection,
    database: &Path,
    partial: &PartialFile,
    stop: &CancellationToken,
) -> Result<(), BackupError> {
    let name = partial.path().to_str().ok_or_else(|| BackupError::Name { path: partial.path().to_owned() })?;
    let sql = format!("VACUUM INTO '{}'", name.replace('\'', "''"));
    match sqlx::query(AssertSqlSafe(sql)).execute(source).await {
        Ok(_) => Ok(()),
        Err(_) if stop.is_cancelled() => Err(BackupError::Stopped),
        Err(error) if damage::is_damage(&error) => {
            Err(StoreError::Damaged { path: database.to_owned(), what: error.to_string() }.into())
        }
        Err(source) => Err(BackupError::Copy { path: partial.target().to_owned(), source }),
    }
}

/// What failed because the caller did not want to wait any longer.
fn stopped(error: StoreError, stop: &CancellationToken) -> BackupError {
    if stop.is_cancelled() { BackupError::Stopped } else { error.into() }
}

/// Refuses a name that SQLite or this program would take for a part of the database.
fn refuse_name(database: &Path, target: &Path) -> Result<(), BackupError> {
    let folder = |path: &Path| std::fs::canonicalize(place::folder_of(path)).ok();
    let parts = ["", "-wal", "-shm", "-journal", ".lock", ".service.lock", ".new"];
    let is_part = parts.iter().any(|suffix| beside(database, suffix).file_name() == target.file_name());
    if is_part && folder(database) == folder(target) {
        return Err(BackupError::PartOfDatabase { path: target.to_owned(), database: database.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
