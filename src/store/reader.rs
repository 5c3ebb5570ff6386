//! Where a read goes: to the pool of readers, or into a transaction that is under way and sees its own writes.
//!
//! Sealing needs the second: what a snapshot has to announce is composed before it is committed.

use sqlx::SqliteConnection;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool, SqliteRow};
use tokio::sync::Mutex;

use super::open::Store;

/// One of the two. Queries of a transaction run one after the other.
pub(super) enum Reader<'a> {
    /// Sees what is committed.
    Pool(&'a SqlitePool),
    /// Sees what its transaction has written as well.
    Transaction(Mutex<&'a mut SqliteConnection>),
}

impl<'a> Reader<'a> {
    /// Reads what is committed.
    pub(super) fn of(store: &'a Store) -> Self {
        Self::Pool(&store.readers)
    }

    /// Reads inside a transaction.
    pub(super) fn inside(db: &'a mut SqliteConnection) -> Self {
        Self::Transaction(Mutex::new(db))
    }

    /// The only row of a query.
    pub(super) async fn fetch_one(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<SqliteRow, sqlx::Error> {
        match self {
            Self::Pool(pool) => query.fetch_one(*pool).await,
            Self::Transaction(db) => query.fetch_one(&mut **db.lock().await).await,
        }
    }

    /// All rows of a query.
    pub(super) async fn fetch_all(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        match self {
            Self::Pool(pool) => query.fetch_all(*pool).await,
            Self::Transaction(db) => query.fetch_all(&mut **db.lock().await).await,
        }
    }
}
