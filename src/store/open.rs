//! Opening the file: who may, which schema, which settings. All pragmas are here and nowhere else.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};

use super::error::{StoreError, While as _};

/// The migrations, embedded, in order. Append only: a file of `migrations/` and a line here; a test compares the two.
const MIGRATIONS: [(&str, &str); 3] = [
    ("0001_store.sql", include_str!("../../migrations/0001_store.sql")),
    ("0002_views.sql", include_str!("../../migrations/0002_views.sql")),
    ("0003_notices.sql", include_str!("../../migrations/0003_notices.sql")),
];

/// `KHLD`, in the header of every database of ours.
const APPLICATION_ID: u32 = 0x4b48_4c44;

/// How long a statement waits for a lock before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Readers at once, in the store's own process.
const READERS: u32 = 4;

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
    path: PathBuf,
}

impl Store {
    /// Opens the database, or creates it (mode 0600, its folder 0700) if it is to be written.
    ///
    /// Refuses a file that others can access, one of another program and one of a newer version, untouched.
    pub async fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        refuse_exposed_folder(path)?;
        let header = inspect(path)?;
        // A file that is up to date is not written to by opening it: somebody else may be collecting into it.
        let is_current = matches!(header, Header::Ours(found) if found == schema_version());
        match header {
            Header::Absent if access == Access::Read => return Err(StoreError::Missing { path: path.to_owned() }),
            Header::Absent => {
                create(path)?;
                mark(path).await?;
            }
            Header::Empty if access == Access::Write => {
                refuse_exposed(path)?;
                mark(path).await?;
            }
            Header::Foreign | Header::Empty => return Err(StoreError::Foreign { path: path.to_owned() }),
            Header::Ours(found) => {
                refuse_exposed(path)?;
                refuse_version(path, found, access)?;
            }
        }
        let store = Self::connect(path, access).await?;
        if access == Access::Write && !is_current {
            store.migrate().await?;
        }
        Ok(store)
    }

    async fn connect(path: &Path, access: Access) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .pragma("secure_delete", "ON");
        let reading = options.clone().read_only(true).pragma("query_only", "ON");
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(reading);
        let writer = match access {
            Access::Read => readers.clone(),
            Access::Write => {
                let writing = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
                SqlitePoolOptions::new()
                    .max_connections(1)
                    .connect_with(writing)
                    .await
                    .when("open the database for writing")?
            }
        };
        Ok(Self { writer, readers, path: path.to_owned() })
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        migrator().run(&self.writer).await.map_err(|source| StoreError::Migrate { path: self.path.clone(), source })?;
        // Together with the mark, this lets the next opening judge the file without touching it.
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {}", schema_version())))
            .execute(&self.writer)
            .await
            .when("note the schema version")?;
        // Into the file itself, before anything of value is in the log: the header is what the next opening reads.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await.when("write the header")?;
        Ok(())
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Folds the write-ahead log into the file and closes it.
    pub async fn close(self) {
        if !self.writer.is_closed() {
            // A reader of another process may hold the log; then it stays, and the next opening folds it.
            let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await;
            if let Err(error) = folded {
                tracing::debug!(error = &error as &dyn std::error::Error, "Left the write-ahead log in place");
            }
        }
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// The newest schema version this program knows: the number of its migrations.
pub fn schema_version() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().zip(1..).map(|((name, sql), version)| {
        Migration::new(version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// What the first bytes of the file say, read without SQLite so that nothing is touched.
enum Header {
    Absent,
    Empty,
    Foreign,
    Ours(u32),
}

/// Length of the SQLite header, and where in it the two fields are (SQLite file format, section 1.3).
const HEADER: usize = 100;
const USER_VERSION: usize = 60;
const APPLICATION: usize = 68;

fn inspect(path: &Path) -> Result<Header, StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source };
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Header::Absent),
        Err(error) => return Err(open(error)),
    };
    let mut header = Vec::with_capacity(HEADER);
    file.by_ref().take(HEADER as u64).read_to_end(&mut header).map_err(open)?;
    if header.is_empty() {
        return Ok(Header::Empty);
    }
    let field = |at: usize| header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    match (header.starts_with(b"SQLite format 3\0"), field(APPLICATION), field(USER_VERSION)) {
        (true, Some(APPLICATION_ID), Some(version)) => Ok(Header::Ours(version)),
        _ => Ok(Header::Foreign),
    }
}

fn refuse_version(path: &Path, found: u32, access: Access) -> Result<(), StoreError> {
    let known = schema_version();
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    if found < known && access == Access::Read {
        return Err(StoreError::Older { path: path.to_owned(), found, known });
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

/// A folder that others can write to lets them swap the file; a sticky one (such as a shared temporary folder) does not.
fn refuse_exposed_folder(path: &Path) -> Result<(), StoreError> {
    let folder = folder_of(path);
    let Ok(metadata) = fs::metadata(folder) else { return Ok(()) };
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        return Err(StoreError::Exposed { path: folder.to_owned(), mode });
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn create(path: &Path) -> Result<(), StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder_of(path)).map_err(open)?;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(open)?;
    Ok(())
}

/// Puts our mark into the header of an empty file before anything else is in it: a file without the mark is never ours.
async fn mark(path: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = options.connect().await.when("create the database")?;
    sqlx::query("PRAGMA application_id = 1263029316").execute(&mut connection).await.when("mark the database")?;
    connection.close().await.when("mark the database")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_of_the_folder_is_listed_in_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "sql"))
            .collect();
        files.sort();
        let listed: Vec<&str> = MIGRATIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, listed);
        for (name, number) in listed.iter().zip(1..) {
            assert!(name.starts_with(&format!("{number:04}_")), "{name} is not number {number}");
        }
    }
}
