//! Whether a program has a database open, and whether one writes to it: seen by the locks of SQLite, without taking one.
//!
//! A process cannot see its own locks that way, and loses those on a file when it closes that file. So this process has a list
//! of the databases that it has open, and does not open their files a second time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::error::StoreError;
use super::open::beside;
use super::place;
use super::runner::await_readers;
use super::waiting::{LockWait, pause};
use crate::files::{self, Links};

/// Bytes of the shared memory that SQLite locks: one for the program that writes, one for every program that has the database
/// open (`WALINDEX_LOCK_OFFSET` and `UNIX_SHM_DMS` in `sqlite3.c`).
const WRITING: (u64, u64) = (120, 1);
const OPENED: (u64, u64) = (128, 1);

/// Bytes of the database that SQLite locks (`PENDING_BYTE` and those behind it). With a write-ahead log, a program that excludes
/// others there wants the database for itself.
const EXCLUDING: (u64, u64) = (0x4000_0000, 512);

/// Device and number of a file.
type FileId = (u64, u64);

/// What this process has open, and how many times.
static OPEN_HERE: Mutex<BTreeMap<FileId, usize>> = Mutex::new(BTreeMap::new());

fn open_here() -> MutexGuard<'static, BTreeMap<FileId, usize>> {
    OPEN_HERE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn id_of(file: &Path) -> io::Result<FileId> {
    fs::metadata(file).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// While it lives, this process has the database open, with locks of SQLite.
#[derive(Debug)]
pub(super) struct OpenHere(FileId);

impl OpenHere {
    /// To be noted before the database is opened.
    pub(super) fn note(database: &Path) -> Result<Self, StoreError> {
        let id = id_of(database).map_err(|source| StoreError::Open { path: database.to_owned(), source })?;
        *open_here().entry(id).or_default() += 1;
        Ok(Self(id))
    }
}

impl Drop for OpenHere {
    fn drop(&mut self) {
        let mut open = open_here();
        if let Some(times) = open.get_mut(&self.0) {
            *times -= 1;
            if *times == 0 {
                open.remove(&self.0);
            }
        }
    }
}

/// Whether a program has a database open, this one included. Where that cannot be seen, it may be so.
pub(super) fn is_open(database: &Path) -> bool {
    is_locked(database, OPENED).unwrap_or(true)
}

/// Whether another program writes to a database, or wants it for itself. Where that cannot be seen, opening it says why.
fn is_written(database: &Path) -> bool {
    is_locked(database, WRITING).unwrap_or(false)
}

/// Whether that part of the shared memory is locked, or the database against others. What this process has open counts as locked.
fn is_locked(database: &Path, part: (u64, u64)) -> io::Result<bool> {
    // Until the files are closed again, nothing here begins to open them.
    let open = open_here();
    if open.contains_key(&id_of(database)?) {
        return Ok(true);
    }
    // A lock of any kind counts in the shared memory; in the database, only one that excludes readers does.
    Ok(has_lock(&beside(database, "-shm"), part, FlockType::WriteLock)?
        || has_lock(database, EXCLUDING, FlockType::ReadLock)?)
}

/// Whether another process has a lock that keeps out one of that type.
fn has_lock(path: &Path, (start, length): (u64, u64), typ: FlockType) -> io::Result<bool> {
    let file: File = match files::look(path, Links::Refuse) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    Ok(fcntl_getlk(&file, &Flock { start, length, ..Flock::from(typ) })?.is_some())
}

/// Refuses a database that another program writes to or reads, as opening it for writing would, if that lasts as long as the
/// limit allows. Only for a database that this process does not have open. Nothing is changed.
pub async fn refuse_in_use(database: &Path, limit: LockWait) -> Result<(), StoreError> {
    let database = &place::real(database);
    let began = Instant::now();
    while is_written(database) {
        if began.elapsed() >= limit.total {
            return Err(StoreError::WriteLocked { path: database.clone() });
        }
        pause().await;
    }
    await_readers(database, limit).await
}
