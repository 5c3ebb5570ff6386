//! Opening a database to read it: nothing is left beside it, and every schema that was ever released is understood.
//!
//! A database that no process has open is read as a file that does not change, under a lock that keeps writers waiting. One with
//! an older schema is copied into memory and brought up to date there; see `docs/decisions/`.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::damage;
use super::error::{StoreError, While as _};
use super::open::{beside, options, schema_version, upgrade};
use super::place::folder_of;

/// Readers at once, in the store's own process.
const READERS: u32 = 4;

/// A database with an older schema is copied into memory up to this size.
pub const MAX_COPIED_BYTES: u64 = 512 << 20;

/// What has to stay as long as a database is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// Keeps writers waiting.
    _lock: Option<Arc<ReadLock>>,
    /// Keeps a copy in memory: it lives as long as a connection to it.
    _copy: Option<SqlitePool>,
}

/// Readers of a database with a schema of that version, which is ours or an older one, with the schema of today.
pub(super) async fn open(path: &Path, found: u32) -> Result<(SqlitePool, Kept), StoreError> {
    let (readers, kept) = connect(path).await?;
    if found == schema_version() {
        return Ok((readers, kept));
    }
    let copied = copy(&readers, path, found).await;
    readers.close().await;
    copied
}

/// Readers of a database as it is.
///
/// A file that may be where nothing can be written is read as one that does not change: SQLite could not make the shared memory
/// that the write-ahead log needs. That is so when there is no log.
pub(super) async fn connect(path: &Path) -> Result<(SqlitePool, Kept), StoreError> {
    if let Some(lock) = ReadLock::take(path) {
        let readers = pool().connect_lazy_with(reading(path).immutable(true));
        return Ok((readers, Kept { _lock: Some(Arc::new(lock)), _copy: None }));
    }
    let readers = pool().connect_lazy_with(reading(path));
    let Err(error) = sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&readers).await else {
        return Ok((readers, Kept::default()));
    };
    if damage::is_not_a_database(&error) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if !damage::is_unwritable(&error) {
        return Err(error).when("read the database");
    }
    let log = beside(path, "-wal");
    if has_bytes(&log) {
        return Err(StoreError::Unfolded { path: path.to_owned(), log });
    }
    readers.close().await;
    Ok((pool().connect_lazy_with(reading(path).immutable(true)), Kept::default()))
}

pub(super) fn reading(path: &Path) -> SqliteConnectOptions {
    options(path).read_only(true).pragma("query_only", "ON")
}

pub(super) fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(READERS)
}

/// A copy in memory with the schema of today. The file itself is only read.
async fn copy(source: &SqlitePool, path: &Path, found: u32) -> Result<(SqlitePool, Kept), StoreError> {
    /// SQLite shares databases in memory within the process, by name.
    static COPIES: AtomicU64 = AtomicU64::new(0);
    let size = fs::metadata(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?.len();
    if size > MAX_COPIED_BYTES {
        return Err(StoreError::OlderAndLarge { path: path.to_owned(), found, mib: size >> 20 });
    }
    let name = format!("/keyholder-{}", COPIES.fetch_add(1, Ordering::Relaxed));
    let memory = Path::new(&name);
    // Without an end: with its last connection the copy is gone.
    let keeper = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let keeper = keeper.connect_with(options(memory).vfs("memdb").create_if_missing(true)).await;
    let keeper = keeper.when("make room for a copy in memory")?;
    let mut db = source.acquire().await.when("open the database for copying")?;
    // The file stays open for reading only.
    sqlx::query("PRAGMA query_only = OFF").execute(&mut *db).await.when("open the database for copying")?;
    let copied = sqlx::query(AssertSqlSafe(format!("VACUUM INTO 'file:{name}?vfs=memdb'"))).execute(&mut *db).await;
    copied.map_err(|source| {
        if damage::is_damage(&source) {
            StoreError::Damaged { path: path.to_owned(), what: source.to_string() }
        } else {
            StoreError::Sql { action: "copy the database into memory", source }
        }
    })?;
    upgrade(&mut *keeper.acquire().await.when("open the copy in memory")?, path).await?;
    let readers = pool().connect_lazy_with(reading(memory).vfs("memdb"));
    Ok((readers, Kept { _lock: None, _copy: Some(keeper) }))
}

/// Keeps writers of a database waiting, so that it can be read as a file that does not change. It is taken without waiting,
/// and writes nothing: where there is no file of the lock, as beside a copy, the folder stands for it.
///
/// It is of no use while a program has the database open to write: that is seen by the shared memory, which such a program
/// makes before it waits for readers (`super::runner::await_readers`) and keeps until it closes the database.
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
    /// Nothing if a program may be writing to the database, or if that cannot be seen.
    fn take(database: &Path) -> Option<Self> {
        let path = beside(database, ".lock");
        let (place, is_file) = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => (path.as_path(), true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (folder_of(database), false),
            _ => return None,
        };
        let no_link = if is_file { OFlags::NOFOLLOW } else { OFlags::empty() };
        let flags = (no_link | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(place).ok()?;
        file.try_lock_shared().ok()?;
        let lock = Self(file);
        // What counts is what is there now: the file may have been made or replaced in between.
        let is_same = match fs::symlink_metadata(&path) {
            Ok(there) => lock.0.metadata().is_ok_and(|held| (there.dev(), there.ino()) == (held.dev(), held.ino())),
            Err(_) => !is_file,
        };
        let is_open = fs::symlink_metadata(beside(database, "-shm")).is_ok() || has_bytes(&beside(database, "-wal"));
        (is_same && !is_open).then_some(lock)
    }
}

fn has_bytes(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}
