//! Opening a database to read it: its folder stays as it is, and every schema that was ever released is understood.
//!
//! A database that no program has open is read as files that do not change, under a lock that keeps writers waiting. One with an
//! older schema is copied and brought up to date in the copy; see `docs/decisions/`.

mod copy;
mod log;

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteLockingMode, SqlitePool, SqlitePoolOptions};
use tokio_util::sync::CancellationToken;

pub use copy::MAX_COPY_IN_MEMORY_BYTES;
use copy::Original;

use super::damage;
use super::error::{StoreError, While as _};
use super::in_use::{self, OpenHere};
use super::open::{Store, beside, options, refuse_obstructed, refuse_unreadable, schema_version};
use super::place::{self, folder_of};
use super::schema;
use super::waiting::Waiting;
use crate::files::{self, Links};

/// Readers at once, in the store's own process.
const READERS: u32 = 4;

/// What has to stay as long as a database is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// Keeps writers waiting.
    _lock: Option<Arc<ReadLock>>,
    /// Keeps a copy in memory: it lives as long as a connection to it.
    _copy: Option<SqlitePool>,
    /// Keeps this process from opening the files a second time.
    _open_here: Option<Arc<OpenHere>>,
}

impl Kept {
    /// For a database that is about to be opened with locks of SQLite.
    pub(super) fn open_here(database: &Path) -> Result<Self, StoreError> {
        Ok(Self { _open_here: Some(Arc::new(OpenHere::note(database)?)), ..Self::default() })
    }
}

/// Readers of a database with a schema of that version, which is ours or an older one, with the schema of today.
pub(super) async fn open(path: &Path, found: u32) -> Result<(SqlitePool, Kept), StoreError> {
    let (readers, kept) = connect(path).await?;
    let mut db = readers.acquire().await.when("open the database for reading")?;
    schema::refuse_unknown_schema(&mut db, path).await?;
    drop(db);
    if found == schema_version() {
        return Ok((readers, kept));
    }
    let copied = Original { readers: &readers, path, found }.copied().await;
    readers.close().await;
    copied
}

/// Refuses a damaged file, of whichever schema: the file itself is checked, not a copy of it. Its folder stays as it is.
pub async fn refuse_damaged(path: &Path, stop: &CancellationToken) -> Result<(), StoreError> {
    let path = place::real(path);
    refuse_unreadable(&path)?;
    let (readers, kept) = connect(&path).await?;
    let store = Store { writer: readers.clone(), readers, waiting: Waiting::default(), path, kept };
    let checked = store.refuse_damaged(stop).await;
    store.close().await;
    checked
}

/// Readers of a database as it is.
pub(super) async fn connect(path: &Path) -> Result<(SqlitePool, Kept), StoreError> {
    refuse_obstructed(path)?;
    if let Some(lock) = ReadLock::take(path) {
        let readers = connect_closed(path)?;
        return Ok((readers, Kept { _lock: Some(Arc::new(lock)), ..Kept::default() }));
    }
    let kept = Kept::open_here(path)?;
    let readers = pool().connect_lazy_with(reading(path));
    let Err(error) = sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&readers).await else {
        return Ok((readers, kept));
    };
    if damage::is_not_a_database(&error) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if !damage::is_unwritable(&error) {
        return Err(error).when("read the database");
    }
    // SQLite could not make the shared memory that the log needs. Without a log the file is read as one that does not change.
    let log = beside(path, "-wal");
    if has_bytes(&log) {
        return Err(StoreError::Unfolded { path: path.to_owned(), log });
    }
    readers.close().await;
    Ok((pool().connect_lazy_with(reading(path).immutable(true)), kept))
}

/// Readers of a database that no program has open, and no writer opens meanwhile: nothing beside it is made, changed or deleted.
fn connect_closed(path: &Path) -> Result<SqlitePool, StoreError> {
    let log = beside(path, "-wal");
    let unchanging = || pool().connect_lazy_with(reading(path).immutable(true));
    if !has_bytes(&log) {
        return Ok(unchanging());
    }
    if !place::is_writable(folder_of(path)) {
        return Err(StoreError::Unfolded { path: path.to_owned(), log });
    }
    let committed = log::has_commit(&log).map_err(|source| StoreError::Open { path: log, source })?;
    if !committed {
        // SQLite would take nothing from the log either, and delete it.
        return Ok(unchanging());
    }
    // Without locks and for itself, SQLite keeps the index of the log in its own memory instead of `-shm`. Folding the log into
    // the file, which it tries when it closes, fails at the first page: the file is open for reading only.
    Ok(pool().connect_lazy_with(reading(path).vfs("unix-none").locking_mode(SqliteLockingMode::Exclusive)))
}

pub(super) fn reading(path: &Path) -> SqliteConnectOptions {
    options(path).read_only(true).pragma("query_only", "ON")
}

pub(super) fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(READERS)
}

/// Keeps writers of a database waiting, so that it can be read as files that do not change. It is taken without waiting, and
/// writes nothing: where there is no file of the lock, as beside a copy, the folder stands for it.
///
/// It is of no use while a program has the database open. A program that opens it to write does so before it waits for readers
/// (`super::runner::await_readers`), and a reader takes its share before it looks for such a program: one sees the other.
#[derive(Debug)]
pub(super) struct ReadLock(File);

impl Drop for ReadLock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(error = &error as &dyn std::error::Error, "Left the lock to the end of the process");
        }
    }
}

impl ReadLock {
    /// Nothing if a program has the database open, or if that cannot be seen.
    fn take(database: &Path) -> Option<Self> {
        let path = beside(database, ".lock");
        let is_file = || fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        let has_file = is_file();
        let (place, links) =
            if has_file { (path.as_path(), Links::Refuse) } else { (folder_of(database), Links::Follow) };
        let file = files::look(place, links).ok()?;
        file.try_lock_shared().ok()?;
        let lock = Self(file);
        // What counts is what is there now: the file may have been made or replaced in between.
        let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let is_same = if has_file {
            let (held, there) = (lock.0.metadata().ok()?, fs::symlink_metadata(&path).ok()?);
            id(held) == id(there)
        } else {
            !is_file()
        };
        (is_same && !in_use::is_open(database)).then_some(lock)
    }
}

fn has_bytes(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}
