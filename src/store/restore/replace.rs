//! Putting the new file in place of the old one. Whatever step is the last, the name of the database leads to the whole old
//! database or to the whole new one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sqlx::{ConnectOptions as _, SqliteConnection};

use super::error::RestoreError;
use crate::files::sync_folder;
use crate::store::backup::partial::PartialFile;
use crate::store::damage;
use crate::store::error::StoreError;
use crate::store::header::{Header, inspect};
use crate::store::open::{beside, options};
use crate::store::place::folder_of;

/// The end of the name that the old database gets.
const REPLACED_FORMAT: &str = ".replaced-%Y%m%dT%H%M%SZ";

/// So many names are tried for it.
const MAX_NAMES: u32 = 100;

/// What belongs to a database that could not be closed.
const LOGS: [&str; 3] = ["-wal", "-journal", "-shm"];

/// Gives the new file the name of the database, which the old one keeps under the name that is answered. The caller holds
/// both locks.
pub(super) async fn replace(
    partial: PartialFile,
    database: &Path,
    now: DateTime<Utc>,
) -> Result<PathBuf, RestoreError> {
    let failed = |source| RestoreError::Write { path: database.to_owned(), source };
    let aside = free_name(database, now).ok_or_else(|| failed(io::ErrorKind::AlreadyExists.into()))?;
    let is_there = fs::symlink_metadata(database).is_ok();
    // Held until the new file is in place: nobody writes into the old one meanwhile.
    let closed = if is_there { close(database).await? } else { None };
    if closed.is_none() {
        move_logs(database, &aside).map_err(failed)?;
    }
    if is_there {
        // A second name, not another one: at no moment is there no database.
        fs::hard_link(database, &aside).and_then(|()| sync_folder(folder_of(database))).map_err(failed)?;
    }
    partial.replace().map_err(failed)?;
    drop(closed);
    Ok(aside)
}

/// A name for the old database that nothing has yet, nor for its log. One restore a second gets the plain name; others come
/// after one that was killed.
fn free_name(database: &Path, now: DateTime<Utc>) -> Option<PathBuf> {
    let plain = beside(database, &now.format(REPLACED_FORMAT).to_string());
    let numbered = (2..=MAX_NAMES).map(|number| beside(&plain, &format!("-{number}")));
    let is_free = |name: &PathBuf| {
        let of = |suffix: &str| fs::symlink_metadata(beside(name, suffix)).is_err();
        of("") && LOGS.into_iter().all(of)
    };
    std::iter::once(plain.clone()).chain(numbered).find(is_free)
}

/// Folds the log of a database into it and locks it against every other program; nothing if it is too damaged for that.
async fn close(database: &Path) -> Result<Option<SqliteConnection>, RestoreError> {
    if !matches!(inspect(database)?, Header::Ours(_)) {
        return Ok(None);
    }
    let in_use = || RestoreError::InUse { path: database.to_owned() };
    match lock_whole(database).await {
        // A program that opened it in between has made a log again.
        Ok(_) if fs::symlink_metadata(beside(database, "-wal")).is_ok() => Err(in_use()),
        Ok(db) => Ok(Some(db)),
        Err(error) if damage::is_busy(&error) => Err(in_use()),
        Err(error) if damage::is_damage(&error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "The old database is damaged; keeping it as it is"
            );
            Ok(None)
        }
        Err(source) => Err(StoreError::Sql { action: "close the old database", source }.into()),
    }
}

/// Leaving the mode with a log succeeds only when no other program has the file open.
async fn lock_whole(database: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let mut db = options(database).connect().await?;
    sqlx::query("PRAGMA journal_mode = DELETE").execute(&mut db).await?;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut db).await?;
    Ok(db)
}

fn move_logs(database: &Path, aside: &Path) -> io::Result<()> {
    for suffix in LOGS {
        match fs::rename(beside(database, suffix), beside(aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_folder(folder_of(database))
}
