//! One runner per database: a kernel lock on a file beside it, which a killed process cannot leave behind.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::error::{StoreError, While as _};
use super::open::{Store, beside};
use super::place::folder_of;
use super::waiting::{LockWait, pause};
use super::{place, runs, staging};
use crate::domain::time::to_millis;
use crate::files::{self, Links, OwnFileError, Writing};

/// So often a lock is tried before it counts as held.
const LOCK_TRIES: u32 = 5;

/// Between two tries: who only looks whether a lock is held has it for less.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The right to collect into a database. There is one at a time; it ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Runner(File);

impl Drop for Runner {
    /// Lets go of the lock itself. Closing the file is not enough at once: a program that was started by another thread may
    /// hold a copy of it until it runs.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(error = &error as &dyn std::error::Error, "Left the lock to the end of the process");
        }
    }
}

impl Store {
    /// Refuses a run that might not find room: more than `least` bytes and twice the database have to be free. Zero asks
    /// for nothing.
    pub fn refuse_cramped(&self, least: u64) -> Result<(), StoreError> {
        place::refuse_cramped(self.path(), least)
    }

    /// Takes the right to collect, or fails at once if another process has it, or if the file is damaged. Runs that were cut
    /// off are marked as interrupted: whoever holds the lock knows that nobody is working on them. What they have read is
    /// deleted, unless they can be taken up: see [`Store::take_up`].
    pub async fn runner(&self, now: DateTime<Utc>) -> Result<Runner, StoreError> {
        self.runner_until(now, &CancellationToken::new()).await
    }

    /// The same, but gives up as soon as the token is cancelled: looking for damage reads the whole file.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn runner_until(&self, now: DateTime<Utc>, stop: &CancellationToken) -> Result<Runner, StoreError> {
        let runner = lock(self.path(), now)?;
        self.refuse_damaged(stop).await?;
        let mut transaction = self.begin("begin to tidy up").await?;
        let finished = runs::moment(&mut *transaction, now).await?.at;
        sqlx::query("UPDATE run SET state = 'interrupted', finished = ?, reason = ? WHERE state = 'collecting'")
            .bind(to_millis(finished))
            .bind(staging::KILLED)
            .execute(&mut *transaction)
            .await
            .when("mark interrupted runs")?;
        staging::forget_old(&mut transaction, now).await?;
        transaction.commit().await.when("mark interrupted runs")?;
        Ok(runner)
    }
}

/// The right to be the service of a database. There is one at a time, beside those who collect or write.
#[derive(Debug)]
pub struct ServiceLock(#[expect(dead_code, reason = "held, and released when it is dropped")] Runner);

/// Takes the right to be the service of a database that exists, or fails at once if another process has it.
pub async fn service_lock(database: &Path, now: DateTime<Utc>) -> Result<ServiceLock, StoreError> {
    let path = beside(&place::real(database), ".service.lock");
    let held = hold_file(&path).and_then(|runner| sign(runner, &path, now));
    held.map(ServiceLock).map_err(|error| match error {
        StoreError::Locked { path, holder } => StoreError::ServiceRunning { path, holder },
        error => error,
    })
}

/// Whether a process is the service of a database. Nothing is created or written.
pub fn is_served(database: &Path) -> bool {
    let path = beside(&place::real(database), ".service.lock");
    files::look(&path, Links::Refuse).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Refuses a lock whose file is not one that this program made. Nothing is created or written.
pub fn refuse_lock_file(database: &Path) -> Result<(), StoreError> {
    existing_lock_file(&beside(&place::real(database), ".lock")).map(drop)
}

/// Refuses a database into which another process collects. Nothing is created or written.
pub fn refuse_held(database: &Path) -> Result<(), StoreError> {
    let path = beside(&place::real(database), ".lock");
    let Some(file) = existing_lock_file(&path)? else { return Ok(()) };
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return Ok(());
    }
    let mut holder = String::new();
    // Who holds it is a courtesy; the lock itself is what counts.
    drop((&file).take(200).read_to_string(&mut holder));
    Err(StoreError::Locked { path, holder: holder.trim().to_owned() })
}

/// Takes the lock of a database, until what it answers with is dropped.
pub(super) fn hold(database: &Path) -> Result<Runner, StoreError> {
    hold_file(&beside(database, ".lock"))
}

/// Waits for the readers that take the database for a file that does not change: see `super::reading::ReadLock`. The caller writes
/// afterwards. An exclusive lock is a collector's: then there are no such readers.
pub(super) async fn await_readers(database: &Path, limit: LockWait) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut was_logged = false;
    while [beside(database, ".lock"), folder_of(database).to_owned()].iter().any(|place| is_shared(place)) {
        if began.elapsed() >= limit.total {
            return Err(StoreError::BeingRead { path: database.to_owned() });
        }
        if !was_logged {
            was_logged = true;
            tracing::warn!("Another program reads {}: waiting up to {} s", database.display(), limit.total.as_secs());
        }
        pause().await;
    }
    Ok(())
}

/// Whether a lock is shared. What is not there or cannot be opened is not locked.
fn is_shared(place: &Path) -> bool {
    let Ok(file) = files::look(place, Links::Follow) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && file.try_lock_shared().is_ok()
}

fn hold_file(path: &Path) -> Result<Runner, StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source };
    let file = open_lock_file(path, Writing::Update)?;
    let mut held = file.try_lock();
    for _ in 1..LOCK_TRIES {
        // A process that checks the lock, or begins to read, has it for an instant.
        if !matches!(held, Err(TryLockError::WouldBlock)) {
            break;
        }
        // Real time, a few milliseconds in all: a lock that another process holds for an instant knows no other.
        std::thread::sleep(LOCK_PAUSE);
        held = file.try_lock();
    }
    match held {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who holds it is a courtesy; the lock itself is what counts.
            drop(file.take(200).read_to_string(&mut holder));
            return Err(StoreError::Locked { path: path.to_owned(), holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(open(source)),
    }
    // A lock on a file that has been replaced locks nobody out.
    let same = fs::metadata(path)
        .and_then(|there| file.metadata().map(|held| (there.dev(), there.ino()) == (held.dev(), held.ino())));
    if !same.map_err(open)? {
        return Err(StoreError::Locked {
            path: path.to_owned(),
            holder: "the lock's file was just replaced".to_owned(),
        });
    }
    Ok(Runner(file))
}

/// The file of a lock, if it is there.
fn existing_lock_file(path: &Path) -> Result<Option<File>, StoreError> {
    match open_lock_file(path, Writing::Existing) {
        Err(StoreError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// The file of a lock. What is there has to be a file of ours with this name only: it is written to.
fn open_lock_file(path: &Path, writing: Writing) -> Result<File, StoreError> {
    files::open_own(path, writing).map_err(|error| match error {
        OwnFileError::Io(source) => StoreError::Open { path: path.to_owned(), source },
        refused => StoreError::LockFile { path: path.to_owned(), refused },
    })
}

/// Takes the lock of a database and writes into its file who holds it.
pub(super) fn lock(database: &Path, now: DateTime<Utc>) -> Result<Runner, StoreError> {
    hold(database).and_then(|runner| sign(runner, &beside(database, ".lock"), now))
}

/// Writes into the lock's file who holds it, for those who find it held.
fn sign(runner: Runner, path: &Path, now: DateTime<Utc>) -> Result<Runner, StoreError> {
    let mut file = &runner.0;
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "process {} since {}", std::process::id(), to_millis(now)))
        .map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    Ok(runner)
}
