//! Origins: which history of a contract the ids of its alerts belong to.
//!
//! A copy of a database has the same origin, one that was restored from a backup gets another one: what it announces then is
//! not taken for what was sent before.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::seal::number_of;
use crate::domain::id::ContractNumber;
use crate::domain::time::to_millis;
use crate::seams::Seams;

/// Stands for the database as a whole where a contract's row number is expected.
const WHOLE_DATABASE: i64 = 0;

/// The origin that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Goes into the id of every alert.
    pub id: [u8; 32],
    /// Whether it began with a restored backup.
    pub is_restored: bool,
    /// The last snapshot of the contract when it began; 0 if there was none.
    pub after: u32,
}

impl Store {
    /// The origin of a contract, or of the database as a whole; made when it is asked for first.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn origin(&self, contract: Option<ContractNumber>, seams: &Seams) -> Result<Origin, StoreError> {
        let mut transaction = self.begin("begin to look up the origin").await?;
        let known: Option<i64> = match contract {
            None => None,
            Some(number) => sqlx::query_scalar("SELECT id FROM contract WHERE number = ?")
                .bind(number_of(number.0))
                .fetch_optional(&mut *transaction)
                .await
                .when("find the contract")?,
        };
        let origin = of(&mut transaction, known.unwrap_or(WHOLE_DATABASE), seams).await?;
        transaction.commit().await.when("record the origin")?;
        Ok(origin)
    }

    /// Begins a new history for every contract, and for the database as a whole: it was restored from a backup.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn renew_origins(&self, seams: &Seams) -> Result<(), StoreError> {
        let mut transaction = self.begin("begin to renew the origins").await?;
        renew(&mut transaction, seams).await?;
        transaction.commit().await.when("renew the origins")
    }
}

/// See [`Store::renew_origins`].
pub(super) async fn renew(db: &mut SqliteConnection, seams: &Seams) -> Result<(), StoreError> {
    let contracts: Vec<i64> = sqlx::query_scalar("SELECT id FROM contract ORDER BY id")
        .fetch_all(&mut *db)
        .await
        .when("list the contracts")?;
    for contract in [WHOLE_DATABASE].into_iter().chain(contracts) {
        begin(db, contract, "restored", seams).await?;
    }
    Ok(())
}

/// The origin in force, inside a transaction; made if there is none.
pub(super) async fn of(db: &mut SqliteConnection, contract: i64, seams: &Seams) -> Result<Origin, StoreError> {
    if let Some(origin) = find(db, contract).await? {
        return Ok(origin);
    }
    begin(db, contract, "created", seams).await?;
    find(db, contract).await?.ok_or_else(|| StoreError::Inconsistent {
        table: "origin",
        what: format!("the origin of contract {contract} was written and is not there"),
    })
}

async fn find(db: &mut SqliteConnection, contract: i64) -> Result<Option<Origin>, StoreError> {
    let row = sqlx::query("SELECT id, reason, after FROM origin WHERE contract = ? ORDER BY number DESC LIMIT 1")
        .bind(contract)
        .fetch_optional(db)
        .await
        .when("look up the origin")?;
    row.map(|row| {
        let row = Columns::of("origin", &row);
        let is_restored = row.get::<&str>(1)? == "restored";
        Ok(Origin { id: row.digest(0)?, is_restored, after: row.get(2)? })
    })
    .transpose()
}

async fn begin(db: &mut SqliteConnection, contract: i64, reason: &str, seams: &Seams) -> Result<(), StoreError> {
    let id = seams.secret_bytes()?;
    let now: DateTime<Utc> = seams.now();
    sqlx::query(
        "INSERT INTO origin (contract, number, id, since, after, reason) VALUES (?1, \
         (SELECT coalesce(max(number), 0) + 1 FROM origin WHERE contract = ?1), ?2, ?3, \
         (SELECT coalesce(max(seq), 0) FROM snapshot WHERE contract = ?1), ?4)",
    )
    .bind(contract)
    .bind(id.to_vec())
    .bind(to_millis(now))
    .bind(reason)
    .execute(db)
    .await
    .when("record the origin")?;
    Ok(())
}
