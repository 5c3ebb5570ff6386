//! Opening the file: who may, which schema, which settings. All pragmas are here and nowhere else.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr as _, SqliteConnection};

use super::create::{create, make_folder, refuse_orphans};
use super::damage;
use super::error::{StoreError, While as _};
use super::header::{Header, inspect};
use super::place::{self, exposed_folder, folder_of};
use super::reading::{self, Kept};
use super::runner::{self, hold};
use super::schema;
use super::waiting::{DEFAULT_TRY, LockWait, Waiting, pause};

/// The migrations, embedded, in order. Append only: a file of `migrations/` and a line here; a test compares the two.
const MIGRATIONS: [(&str, &str); 14] = [
    ("0001_store.sql", include_str!("../../migrations/0001_store.sql")),
    ("0002_views.sql", include_str!("../../migrations/0002_views.sql")),
    ("0003_notices.sql", include_str!("../../migrations/0003_notices.sql")),
    ("0004_staging.sql", include_str!("../../migrations/0004_staging.sql")),
    ("0005_packed_staging.sql", include_str!("../../migrations/0005_packed_staging.sql")),
    ("0006_jobs.sql", include_str!("../../migrations/0006_jobs.sql")),
    ("0007_alerts.sql", include_str!("../../migrations/0007_alerts.sql")),
    ("0008_unknown.sql", include_str!("../../migrations/0008_unknown.sql")),
    ("0009_not_applicable.sql", include_str!("../../migrations/0009_not_applicable.sql")),
    ("0010_mutes.sql", include_str!("../../migrations/0010_mutes.sql")),
    ("0011_contract_names.sql", include_str!("../../migrations/0011_contract_names.sql")),
    ("0012_principal.sql", include_str!("../../migrations/0012_principal.sql")),
    ("0013_expected.sql", include_str!("../../migrations/0013_expected.sql")),
    ("0014_visible_names.sql", include_str!("../../migrations/0014_visible_names.sql")),
];

/// `KHLD`, in the header of every database of ours.
pub(super) const APPLICATION_ID: u32 = 0x4b48_4c44;

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Creates the file where there is none and brings its schema up to date.
    Write,
    /// Leaves the file as it is.
    Read,
}

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    pub(super) waiting: Waiting,
    pub(super) path: PathBuf,
    pub(super) kept: Kept,
}

impl Store {
    /// Opens the database, or creates it (mode 0600, its folder 0700) if it is to be written.
    ///
    /// Refuses a file that others can access, one of another program and one of a newer version, untouched. To be written,
    /// its folder must be closed to others, and not on another machine's file system.
    pub async fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        Self::open_with(path, access, LockWait::default()).await
    }

    /// The same, with another limit on the waiting for programs that hold the file.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn open_with(path: &Path, access: Access, limit: LockWait) -> Result<Self, StoreError> {
        let path = &place::real(path);
        match access {
            Access::Read => Self::open_reading(path).await,
            Access::Write => Self::open_writing(path, limit).await,
        }
    }

    async fn open_reading(path: &Path) -> Result<Self, StoreError> {
        let found = refuse_unreadable(path)?;
        if let Some(mode) = exposed_folder(folder_of(path)) {
            tracing::warn!(
                "Others can get at the folder of the database (mode {mode:04o}): {}",
                place::closing_hint(path)
            );
        }
        place::warn_of_owner("database", path);
        let (readers, kept) = reading::open(path, found).await?;
        Ok(Self { writer: readers.clone(), readers, waiting: Waiting::default(), path: path.to_owned(), kept })
    }

    async fn open_writing(path: &Path, limit: LockWait) -> Result<Self, StoreError> {
        let found = refuse_unfit(path)?;
        place::warn_of_file_system(path);
        if found == Header::Ours(schema_version()) {
            // A file that is up to date is not written to by opening it: another process may be collecting into it.
            place::refuse_read_only(path)?;
            return Self::connect(path, limit).await;
        }
        make_folder(path)?;
        runner::await_readers(path, limit).await?;
        // Only one process at a time makes a database or upgrades it; one that waited for that inspects it once more.
        let _held = hold(path)?;
        let found = inspect(path)?;
        refuse_foreign(path, found)?;
        if matches!(found, Header::Absent | Header::Empty) {
            create(path).await?;
        }
        place::refuse_read_only(path)?;
        let store = Self::connect(path, limit).await?;
        let mut db = store.writer.acquire().await.when("open the database for writing")?;
        if matches!(found, Header::Ours(version) if version != schema_version()) {
            upgrade_beside(&mut db, path, limit).await?;
            // Into the file itself, before anything of value is in the log: the header is what the next opening reads.
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *db).await.when("write the header")?;
        }
        drop(db);
        Ok(store)
    }

    async fn connect(path: &Path, limit: LockWait) -> Result<Self, StoreError> {
        let writing = options(path).busy_timeout(limit.per_try).journal_mode(SqliteJournalMode::Wal);
        let writing = writing.synchronous(SqliteSynchronous::Full);
        let kept = Kept::open_here(path)?;
        runner::await_readers(path, limit).await?;
        let writer = connect_writer(path, writing, limit).await?;
        // Before anything is read of a table, or written to one.
        schema::refuse_unknown_schema(&mut *writer.acquire().await.when("read the schema")?, path).await?;
        // Those who came in between.
        runner::await_readers(path, limit).await?;
        let readers = reading::pool().connect_lazy_with(reading::reading(path));
        let path = path.to_owned();
        Ok(Self { writer, readers, waiting: Waiting { limit, ..Waiting::default() }, path, kept })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Folds the write-ahead log into the file and closes it. Waits for nobody: while another process reads or collects,
    /// the log stays, and the next opening folds it.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn close(self) {
        if !self.writer.is_closed() {
            let folded =
                sqlx::raw_sql("PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer);
            if let Err(error) = folded.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "Left the write-ahead log in place");
            }
        }
        self.readers.close().await;
        self.writer.close().await;
        drop(self.kept);
    }
}

/// The connection that writes. While another program keeps the file for itself, it is tried again until the limit.
async fn connect_writer(path: &Path, options: SqliteConnectOptions, limit: LockWait) -> Result<SqlitePool, StoreError> {
    let began = Instant::now();
    loop {
        // Without an end, so that readers see by its locks that the database is open.
        let writer = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let (action, path) = ("open the database for writing", path.to_owned());
        return Err(match writer.connect_with(options.clone()).await {
            Ok(writer) => return Ok(writer),
            Err(source) if damage::is_damage(&source) => StoreError::Damaged { path, what: source.to_string() },
            Err(source) if damage::is_busy(&source) && began.elapsed() < limit.total => {
                pause().await;
                continue;
            }
            Err(source) if damage::is_busy(&source) => StoreError::Busy { path, action, source },
            Err(source) => StoreError::Sql { action, source },
        });
    }
}

/// The same as [`upgrade`], again until the limit while another program writes.
async fn upgrade_beside(db: &mut SqliteConnection, path: &Path, limit: LockWait) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        match upgrade(db, path).await {
            Err(error) if error.is_busy() && began.elapsed() < limit.total => pause().await,
            outcome => return outcome,
        }
    }
}

/// Refuses what cannot be collected into, for the reasons for which opening it for writing would, and for want of rights that
/// making it would need. Changes nothing.
pub fn refuse_unwritable(path: &Path) -> Result<(), StoreError> {
    let path = &place::real(path);
    match refuse_unfit(path)? {
        Header::Absent => refuse_orphans(path).and_then(|()| place::refuse_unmakeable(path)),
        Header::Empty => place::refuse_unmakeable(path),
        Header::Foreign | Header::Ours(_) => place::refuse_read_only(path),
    }
}

/// Refuses a file that is not ours to write, and a place that is not fit for collecting; whose file it is.
fn refuse_unfit(path: &Path) -> Result<Header, StoreError> {
    // A file that is no database is refused before anything about its surroundings.
    let found = inspect(path)?;
    refuse_foreign(path, found)?;
    refuse_linked(path)?;
    place::refuse_unfit(path)?;
    refuse_obstructed(path)?;
    refuse_linked_neighbours(path)?;
    Ok(found)
}

/// Refuses to write where a file beside the database has a second name: SQLite would truncate it under both.
fn refuse_linked_neighbours(path: &Path) -> Result<(), StoreError> {
    for suffix in ["-wal", "-shm", "-journal", ".new"] {
        let place = beside(path, suffix);
        if let Ok(links) = fs::symlink_metadata(&place).map(|metadata| metadata.nlink())
            && links > 1
        {
            return Err(StoreError::Linked { path: place, links });
        }
    }
    Ok(())
}

/// Refuses a database beside which something else has the name of one of its files: opening a pipe could last for ever.
pub(super) fn refuse_obstructed(path: &Path) -> Result<(), StoreError> {
    for suffix in ["-wal", "-shm", "-journal", ".new"] {
        let place = beside(path, suffix);
        if fs::symlink_metadata(&place).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(StoreError::NotAFile { path: place });
        }
    }
    Ok(())
}

/// Refuses a file that is not there, not ours, newer than this program or accessible to others; its schema version.
pub(super) fn refuse_unreadable(path: &Path) -> Result<u32, StoreError> {
    match inspect(path)? {
        Header::Absent => Err(StoreError::Missing { path: path.to_owned() }),
        Header::Foreign | Header::Empty => Err(StoreError::Foreign { path: path.to_owned() }),
        Header::Ours(found) => {
            refuse_exposed(path)?;
            refuse_newer(path, found)?;
            Ok(found)
        }
    }
}

/// Refuses a file that is not there, no regular file or accessible to others, without opening it.
pub(super) fn refuse_hidden(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(StoreError::Missing { path: path.to_owned() })
        }
        Ok(metadata) if !metadata.is_file() => Err(StoreError::Foreign { path: path.to_owned() }),
        _ => refuse_exposed(path),
    }
}

/// Refuses a database that is not ours or newer than this program. It is asked through SQLite, for files that this process
/// may have open elsewhere: closing a file of one's own would drop the locks that SQLite has on it.
pub(super) async fn refuse_unknown(db: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let fields =
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version)";
    match sqlx::query_as::<_, (i64, i64)>(fields).fetch_one(db).await {
        Ok((id, found)) if id == i64::from(APPLICATION_ID) => {
            refuse_newer(path, u32::try_from(found).unwrap_or(u32::MAX))
        }
        Ok(_) => Err(StoreError::Foreign { path: path.to_owned() }),
        Err(error) if damage::is_not_a_database(&error) => Err(StoreError::Foreign { path: path.to_owned() }),
        Err(source) => Err(StoreError::Sql { action: "open the database for copying", source }),
    }
}

/// Refuses a database with a second name: a program that uses that name has another lock and another write-ahead log.
pub(super) fn refuse_linked(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.nlink() > 1 => {
            Err(StoreError::Linked { path: path.to_owned(), links: metadata.nlink() })
        }
        _ => Ok(()),
    }
}

/// Memory that SQLite takes in this process, at most: more than a copy of an older database needs. What asks for more is
/// refused as damaged.
const MAX_HEAP_BYTES: u64 = 2 << 30;

/// What every connection has.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(DEFAULT_TRY)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("secure_delete", "ON")
        .pragma("hard_heap_limit", MAX_HEAP_BYTES.to_string())
}

/// Runs the migrations that are missing and notes the version in the header.
pub(super) async fn upgrade(db: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    migrate(db, &migrator(schema_version()), path).await?;
    // Together with the mark, this lets the next opening judge the file without touching it.
    sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {}", schema_version())))
        .execute(db)
        .await
        .when("note the schema version")?;
    Ok(())
}

/// Runs those of some migrations that are missing.
pub(super) async fn migrate(db: &mut SqliteConnection, migrator: &Migrator, path: &Path) -> Result<(), StoreError> {
    migrator.run(db).await.map_err(|source| match source {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) if damage::is_busy(&source) => {
            StoreError::Busy { path: path.to_owned(), action: "upgrade the schema of the database", source }
        }
        source => StoreError::Migrate { path: path.to_owned(), source },
    })
}

/// The newest schema version this program knows: the number of its migrations.
pub fn schema_version() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// The migrations up to a version, to make a schema of that version.
pub(super) fn migrator(version: u32) -> Migrator {
    let wanted = MIGRATIONS.iter().zip(1..).take(usize::try_from(version).unwrap_or(usize::MAX));
    let migrations = wanted.map(|((name, sql), version)| {
        Migration::new(version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Refuses what is not ours to write, untouched.
fn refuse_foreign(path: &Path, found: Header) -> Result<(), StoreError> {
    match found {
        Header::Absent => Ok(()),
        Header::Empty => refuse_exposed(path),
        Header::Foreign => Err(StoreError::Foreign { path: path.to_owned() }),
        Header::Ours(version) => {
            refuse_exposed(path)?;
            refuse_newer(path, version)
        }
    }
}

fn refuse_newer(path: &Path, found: u32) -> Result<(), StoreError> {
    let known = schema_version();
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

fn refuse_exposed(path: &Path) -> Result<(), StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(open)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StoreError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

/// The name of a file that belongs to the database: its own and a suffix, `-wal` or `.lock`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
