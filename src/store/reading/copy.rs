//! The copy in which a database with an older schema is read: brought up to date, in memory or, if it is large, in a temporary
//! file that has no name any more when it is read.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::sqlite::{SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::{Kept, READERS, pool, reading};
use crate::files;
use crate::seams;
use crate::store::damage;
use crate::store::error::{StoreError, While as _};
use crate::store::open::{beside, options, upgrade};
use crate::store::place::free_room;

/// A database with an older schema is copied into memory up to this size, and into a temporary file beyond it.
pub const MAX_COPY_IN_MEMORY_BYTES: u64 = 64 << 20;

/// So many names are tried for the folder of a temporary file.
const MAX_NAMES: u32 = 100;

/// A database that is read in a copy.
pub(super) struct Original<'a> {
    /// Readers of it as it is.
    pub(super) readers: &'a SqlitePool,
    pub(super) path: &'a Path,
    /// Its schema version.
    pub(super) found: u32,
}

impl Original<'_> {
    /// Readers of a copy with the schema of today. The file itself is only read.
    pub(super) async fn copied(&self) -> Result<(SqlitePool, Kept), StoreError> {
        let size = |suffix: &str| fs::metadata(beside(self.path, suffix)).map_or(0, |metadata| metadata.len());
        let size = size("") + size("-wal");
        if size <= MAX_COPY_IN_MEMORY_BYTES { self.in_memory().await } else { self.on_disk(size).await }
    }

    async fn in_memory(&self) -> Result<(SqlitePool, Kept), StoreError> {
        /// SQLite shares databases in memory within the process, by name.
        static COPIES: AtomicU64 = AtomicU64::new(0);
        let name = format!("/keyholder-{}", COPIES.fetch_add(1, Ordering::Relaxed));
        let memory = Path::new(&name);
        // Without an end: with its last connection the copy is gone.
        let keeper = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let keeper = keeper.connect_with(options(memory).vfs("memdb").create_if_missing(true)).await;
        let keeper = keeper.when("make room for a copy in memory")?;
        self.vacuum_into(&format!("file:{name}?vfs=memdb")).await?;
        upgrade(&mut *keeper.acquire().await.when("open the copy in memory")?, self.path).await?;
        let readers = pool().connect_lazy_with(reading(memory).vfs("memdb"));
        Ok((readers, Kept { _copy: Some(keeper), ..Kept::default() }))
    }

    async fn on_disk(&self, size: u64) -> Result<(SqlitePool, Kept), StoreError> {
        let folder = &seams::temporary_folder();
        // A migration may write every row a second time.
        self.refuse_cramped(folder, size.saturating_mul(2))?;
        let failed = |source| self.failed(folder, source);
        let copy = TemporaryFile::create(folder).map_err(failed)?;
        let name = copy.file.to_str().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        self.vacuum_into(name).await?;
        let writing = options(&copy.file).journal_mode(SqliteJournalMode::Memory);
        let mut db = writing.synchronous(SqliteSynchronous::Off).connect().await.when("open the copy")?;
        upgrade(&mut db, self.path).await?;
        db.close().await.when("close the copy")?;
        // All connections now, and without an end: without its name the file cannot be opened again.
        let readers =
            pool().idle_timeout(None).max_lifetime(None).connect_lazy_with(reading(&copy.file).immutable(true));
        // Held at once, so that each is another one. `min_connections` returns while some are still being opened.
        let all = futures::future::try_join_all((0..READERS).map(|_| readers.acquire())).await.when("open the copy")?;
        drop(all);
        copy.remove().map_err(failed)?;
        Ok((readers, Kept::default()))
    }

    async fn vacuum_into(&self, name: &str) -> Result<(), StoreError> {
        let mut db = self.readers.acquire().await.when("open the database for copying")?;
        // The file stays open for reading only.
        sqlx::query("PRAGMA query_only = OFF").execute(&mut *db).await.when("open the database for copying")?;
        let sql = format!("VACUUM INTO '{}'", name.replace('\'', "''"));
        let copied = sqlx::query(AssertSqlSafe(sql)).execute(&mut *db).await;
        copied.map(drop).map_err(|source| {
            if damage::is_damage(&source) {
                StoreError::Damaged { path: self.path.to_owned(), what: source.to_string() }
            } else {
                StoreError::Sql { action: "copy the database for reading", source }
            }
        })
    }

    fn refuse_cramped(&self, folder: &Path, needed: u64) -> Result<(), StoreError> {
        match free_room(folder) {
            Some(free) if free < needed => Err(StoreError::NoRoomForCopy {
                path: self.path.to_owned(),
                found: self.found,
                folder: folder.to_owned(),
                free: free >> 20,
                needed: needed.div_ceil(1 << 20),
            }),
            _ => Ok(()),
        }
    }

    fn failed(&self, folder: &Path, source: io::Error) -> StoreError {
        StoreError::Copy { path: self.path.to_owned(), found: self.found, folder: folder.to_owned(), source }
    }
}

/// A file in a folder of its own (modes 0600 and 0700), which is removed with it.
struct TemporaryFile {
    folder: PathBuf,
    file: PathBuf,
}

impl TemporaryFile {
    fn create(above: &Path) -> io::Result<Self> {
        for number in 0..MAX_NAMES {
            let folder = above.join(format!("keyholder-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    made?;
                    let copy = Self { file: folder.join("copy.db"), folder };
                    files::create_new(&copy.file)?;
                    return Ok(copy);
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        match self.remove() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("A copy for reading is left in {}: {error}", self.folder.display());
            }
            _ => {}
        }
    }
}
