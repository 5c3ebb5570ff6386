//! One runner per database: a kernel lock on a file beside it, which a killed process cannot leave behind.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::error::{StoreError, While as _};
use super::open::{Store, beside};
use super::{place, runs, staging};
use crate::domain::time::to_millis;

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
            .when("mark runs that were cut off")?;
        staging::forget_old(&mut transaction, now).await?;
        transaction.commit().await.when("mark runs that were cut off")?;
        Ok(runner)
    }
}

/// The right to be the service of a database. There is one at a time, beside those who collect or write.
#[derive(Debug)]
pub struct ServiceLock(#[expect(dead_code, reason = "held, and released when it is dropped")] Runner);

/// Takes the right to be the service of a database that exists, or fails at once if another process has it.
pub fn service_lock(database: &Path, now: DateTime<Utc>) -> Result<ServiceLock, StoreError> {
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
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Refuses a database into which another process collects. Nothing is created or written.
pub fn refuse_held(database: &Path) -> Result<(), StoreError> {
    let path = beside(&place::real(database), ".lock");
    let Ok(file) = File::open(&path) else { return Ok(()) };
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

fn hold_file(path: &Path) -> Result<Runner, StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source };
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(open)?;
    match file.try_lock() {
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
