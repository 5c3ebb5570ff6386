//! Waiting for other programs that hold the file: every transaction that writes is begun again for a limited time.
//!
//! In the mode with a write-ahead log only the beginning of a transaction that writes can find the file locked; what comes
//! after it has the file for itself.

use std::time::{Duration, Instant};

use sqlx::SqliteTransaction;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteQueryResult};
use tokio_util::sync::CancellationToken;

use super::damage;
use super::error::{StoreError, While as _};
use super::open::Store;

/// How long SQLite itself waits for a lock, in one try.
pub(super) const DEFAULT_TRY: Duration = Duration::from_secs(5);

/// How long a statement that finds the file locked is tried again in all.
pub(super) const DEFAULT_LOCK_WAIT: Duration = Duration::from_mins(5);

/// Between two tries: SQLite answers at once where waiting inside of it would be in vain.
const PAUSE: Duration = Duration::from_millis(50);

/// How long to wait for another program that holds the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockWait {
    /// In one try.
    pub per_try: Duration,
    /// In all.
    pub total: Duration,
}

impl LockWait {
    /// So long in all, in tries of at most that.
    pub fn up_to(total: Duration, per_try: Duration) -> Self {
        Self { per_try: per_try.min(total), total }
    }

    /// So long in all, in tries of the usual length.
    pub fn of(total: Duration) -> Self {
        Self::up_to(total, DEFAULT_TRY)
    }
}

impl Default for LockWait {
    fn default() -> Self {
        Self { per_try: DEFAULT_TRY, total: DEFAULT_LOCK_WAIT }
    }
}

/// What ends the waiting of a store.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    pub(super) limit: LockWait,
    pub(super) stop: CancellationToken,
}

/// The pause between two tries, in which other tasks go on. It is real time, whatever the clock of the runtime shows: what is
/// waited for is another program.
pub(super) async fn pause() {
    // It fails only while the runtime ends, and the caller with it.
    drop(tokio::task::spawn_blocking(|| std::thread::sleep(PAUSE)).await);
}

impl Store {
    /// The same database, whose waiting for other programs ends when the token is cancelled: after the try that is under way.
    #[must_use]
    pub fn waiting_until(&self, stop: &CancellationToken) -> Self {
        Self { waiting: Waiting { stop: stop.clone(), ..self.waiting.clone() }, ..self.clone() }
    }

    /// The same database, which waits for other programs in one try only.
    #[must_use]
    pub fn trying_once(&self) -> Self {
        let limit = LockWait { total: Duration::ZERO, ..self.waiting.limit };
        Self { waiting: Waiting { limit, ..self.waiting.clone() }, ..self.clone() }
    }

    /// Begins a transaction that writes. A file that another program holds is tried again until the limit.
    pub(super) async fn begin(&self, action: &'static str) -> Result<SqliteTransaction<'static>, StoreError> {
        let Waiting { limit, stop } = &self.waiting;
        let began = Instant::now();
        let mut was_logged = false;
        loop {
            let busy = match self.writer.begin_with("BEGIN IMMEDIATE").await {
                Ok(transaction) => return Ok(transaction),
                Err(error) if damage::is_busy(&error) => error,
                Err(source) => return Err(StoreError::Sql { action, source }),
            };
            if began.elapsed() >= limit.total || stop.is_cancelled() {
                return Err(StoreError::Busy { path: self.path().to_owned(), action, source: busy });
            }
            if !was_logged {
                was_logged = true;
                tracing::warn!(
                    "Another program holds {}: waiting up to {} s",
                    self.path().display(),
                    limit.total.as_secs()
                );
            }
            // Whether it was cancelled is seen after the next try.
            stop.run_until_cancelled(pause()).await;
        }
    }

    /// Runs one statement that writes, in a transaction of its own.
    pub(super) async fn write(
        &self,
        action: &'static str,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<SqliteQueryResult, StoreError> {
        let mut transaction = self.begin(action).await?;
        let result = query.execute(&mut *transaction).await.when(action)?;
        transaction.commit().await.when(action)?;
        Ok(result)
    }
}
