//! What a disk does to a file: damage, looked for before anything is written, and refusals, reported with what can be done.

use sqlx::SqliteConnection;
use tokio_util::sync::CancellationToken;

use super::digests;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::schema;

/// So many complaints are reported; a file that is damaged in one place is often damaged in thousands.
pub(super) const TOLD: usize = 3;

/// So many steps of SQLite lie between two looks at whether to stop: a page is at least one, and all are read in less than
/// a tenth of a second.
pub(super) const STEPS: i32 = 1_000;

/// SQLite's primary result codes (`sqlite3.h`).
const ERROR: i32 = 1;
const BUSY: i32 = 5;
const TABLE_LOCKED: i32 = 6;
const NO_MEMORY: i32 = 7;
const READ_ONLY: i32 = 8;
const INTERRUPTED: i32 = 9;
const IO: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const TOO_BIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;
const NOT_A_DATABASE: i32 = 26;

/// Extended codes: the file of the shared memory cannot be opened, enlarged, mapped.
const SHARED_MEMORY_OPEN: i32 = IO | 18 << 8;
const SHARED_MEMORY_SIZE: i32 = IO | 19 << 8;
const SHARED_MEMORY_MAP: i32 = IO | 21 << 8;

impl Store {
    /// Refuses to collect into a damaged file. Reads the whole file (`PRAGMA quick_check`) and writes nothing; leaves off
    /// when the token is cancelled.
    pub async fn refuse_damaged(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut db = self.writer.acquire().await.when("open the database for checking")?;
        let goes_on = stop.clone();
        let mut handle = db.lock_handle().await.when("watch the check of the database")?;
        handle.set_progress_handler(STEPS, move || !goes_on.is_cancelled());
        drop(handle);
        let checked = complaints(&mut db).await;
        db.lock_handle().await.when("watch the check of the database")?.remove_progress_handler();
        match checked {
            Ok(complaints) if complaints.is_empty() => {
                schema::refuse_unknown_schema(&mut db, self.path()).await?;
                let edited = digests::body_problems(&mut db).await?;
                if edited.is_empty() { Ok(()) } else { Err(self.damaged(edited[..edited.len().min(TOLD)].join("; "))) }
            }
            Ok(complaints) => Err(self.damaged(complaints.join("; "))),
            Err(error) if is_interrupted(&error) => Err(StoreError::Stopped),
            Err(error) if is_damage(&error) => Err(self.damaged(error.to_string())),
            Err(source) => Err(StoreError::Sql { action: "check the database for damage", source }),
        }
    }

    /// Checks the whole file and every reference in it (`PRAGMA integrity_check`, `PRAGMA foreign_key_check`), and computes
    /// the hash of each body and the root of each snapshot anew. Nothing is written; readers and writers go on meanwhile.
    /// Cancelling the token stops it.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn verify(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut db = self.readers.acquire().await.when("open the database for checking")?;
        let goes_on = stop.clone();
        let mut handle = db.lock_handle().await.when("watch the check of the database")?;
        handle.set_progress_handler(STEPS, move || !goes_on.is_cancelled());
        drop(handle);
        let checked = match defects(&mut db).await {
            Ok(defects) if defects.is_empty() => digests::problems(&mut db).await,
            Ok(defects) => Ok(defects),
            Err(source) => Err(StoreError::Sql { action: "check the database for damage", source }),
        };
        db.lock_handle().await.when("watch the check of the database")?.remove_progress_handler();
        match checked {
            Ok(problems) if problems.is_empty() => Ok(()),
            Ok(problems) => Err(self.damaged(problems.join("; "))),
            Err(StoreError::Sql { source, .. }) if code(&source) == Some(INTERRUPTED) => Err(StoreError::Stopped),
            Err(StoreError::Sql { source, .. }) if is_damage(&source) => Err(self.damaged(source.to_string())),
            Err(error) => Err(error),
        }
    }

    fn damaged(&self, what: String) -> StoreError {
        StoreError::Damaged { path: self.path().to_owned(), what }
    }
}

async fn complaints(db: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let found: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(3)").fetch_all(db).await?;
    let lines =
        found.iter().flat_map(|row| row.lines()).filter(|line| *line != "ok" && !line.starts_with("*** in database"));
    Ok(lines.take(TOLD).map(str::to_owned).collect())
}

/// The first defects of the file, and of the references between its tables.
async fn defects(db: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)").fetch_all(&mut *db).await?;
    let mut defects: Vec<String> = found.into_iter().filter(|line| line != "ok").collect();
    let orphans: Vec<(String, Option<i64>, String, i64)> =
        sqlx::query_as("SELECT * FROM pragma_foreign_key_check LIMIT 3").fetch_all(db).await?;
    defects.extend(orphans.into_iter().map(|(table, row, parent, _)| {
        let row = row.map(|row| format!(" {row}")).unwrap_or_default();
        format!("row{row} of table {table} names a row of {parent} that does not exist")
    }));
    defects.truncate(TOLD);
    Ok(defects)
}

/// SQLite's primary result code of a failed statement; nothing if the failure is not SQLite's.
fn code(error: &sqlx::Error) -> Option<i32> {
    extended_code(error).map(|code| code & 0xff)
}

fn extended_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Whether a statement failed because another program has the file open or locked.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(BUSY | TABLE_LOCKED))
}

/// Whether a statement failed because the disk is full.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    code(error) == Some(FULL)
}

/// Whether a statement failed because its caller did not want to wait any longer.
pub(super) fn is_interrupted(error: &sqlx::Error) -> bool {
    code(error) == Some(INTERRUPTED)
}

/// Whether a statement failed because the file is damaged.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(CORRUPT | NOT_A_DATABASE))
}

/// Whether a value was found that does not fit: no statement of this program fails by that with what this program has written.
pub(super) fn is_misfit(error: &sqlx::Error) -> bool {
    let decoding = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    decoding || matches!(code(error), Some(ERROR | TOO_BIG | CONSTRAINT | MISMATCH))
}

/// Whether a statement failed because the file is no database at all.
pub(super) fn is_not_a_database(error: &sqlx::Error) -> bool {
    code(error) == Some(NOT_A_DATABASE)
}

/// Whether a file could not be read because something beside it would have to be written: SQLite's shared memory.
pub(super) fn is_unwritable(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(READ_ONLY | CANNOT_OPEN)) || has_no_shared_memory(error)
}

/// Whether there was no room for the shared memory, of 32 KiB.
fn has_no_shared_memory(error: &sqlx::Error) -> bool {
    matches!(extended_code(error), Some(SHARED_MEMORY_OPEN | SHARED_MEMORY_SIZE | SHARED_MEMORY_MAP))
}

/// What to do when a statement failed.
pub(super) fn hint(error: &sqlx::Error) -> String {
    let sealed = "what was sealed before is intact";
    match code(error) {
        _ if is_damage(error) || is_misfit(error) => RESTORE.to_owned(),
        Some(NO_MEMORY) => format!("no database of this program needs that much memory: {RESTORE}"),
        Some(FULL) => format!("{ROOM}; {sealed}"),
        // A limit of the process looks like a broken disk to SQLite, also for the shared memory.
        Some(IO) => match file_size_limit() {
            Some(bytes) => format!(
                "this process may not write files larger than {} KiB (ulimit -f, LimitFSIZE=): raise that limit, then try \
                 again; {sealed}",
                bytes >> 10
            ),
            None if has_no_shared_memory(error) => format!("{ROOM}; {sealed}"),
            None => format!(
                "the disk, a quota or a lock of the file system failed: see the system's log (dmesg), then try again; {sealed}"
            ),
        },
        Some(READ_ONLY | CANNOT_OPEN) => {
            format!("check that you may write to the database and to its folder, then try again; {sealed}")
        }
        Some(BUSY | TABLE_LOCKED) => {
            "nothing is damaged: another program holds the file (`fuser FILE` names it); try again later".to_owned()
        }
        _ => {
            format!("{sealed}; check free space and the file's integrity with `sqlite3 FILE 'PRAGMA integrity_check'`")
        }
    }
}

/// What to do about a full disk.
const ROOM: &str = "make room on the file system of the database, then try again";

/// What to do about a damaged database.
pub(super) const RESTORE: &str = "the database is damaged, by the disk or another program: check the disk, then put a backup in its \
    place with `keyholder restore BACKUP --replace`, which keeps the damaged file under another name; `sqlite3 FILE .recover` saves \
    what is left in it";

/// How large a file this process may write, if that is limited.
fn file_size_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current
}
