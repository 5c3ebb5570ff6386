//! What an operator wants to know of the database at a glance: the newest snapshots, and how large the files are.

use std::collections::BTreeMap;
use std::fs;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;

use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::open::{Store, beside};
use super::staging;
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::principal::Collector;
use crate::domain::snapshot::RunState;

/// The newest snapshots of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// The contract.
    pub contract: ContractNumber,
    /// The newest complete one, and when it ended.
    pub complete: Option<(Seq, DateTime<Utc>)>,
    /// The newest of all, and when it ended.
    pub sealed: Option<(Seq, DateTime<Utc>)>,
    /// Whose credentials collected the newest of all.
    pub collector: Option<Collector>,
}

impl Newest {
    /// A contract without a snapshot.
    pub fn none(contract: ContractNumber) -> Self {
        Self { contract, complete: None, sealed: None, collector: None }
    }
}

/// What runs say of the contracts of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Numbers by name, from the newest snapshot under that name.
    pub numbers: BTreeMap<String, ContractNumber>,
    /// When the first run under each name began, and the first without one.
    pub first_attempts: BTreeMap<Option<String>, DateTime<Utc>>,
    /// How the last run under each name ended, in words, where that left no snapshot.
    pub failures: BTreeMap<Option<String>, String>,
}

/// Bytes of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSizes {
    /// The database.
    pub database: u64,
    /// Its write-ahead log.
    pub log: u64,
}

impl Store {
    /// The newest snapshots of every contract, by number.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn newest_snapshots(&self) -> Result<Vec<Newest>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.number, done.seq, done_run.finished, newest.seq, newest_run.finished FROM contract c \
             LEFT JOIN snapshot newest ON newest.contract = c.id AND newest.seq = \
             (SELECT max(seq) FROM snapshot WHERE contract = c.id) \
             LEFT JOIN run newest_run ON newest_run.id = newest.run \
             LEFT JOIN snapshot done ON done.contract = c.id AND done.seq = \
             (SELECT s.seq FROM snapshot s JOIN run r ON r.id = s.run \
             WHERE s.contract = c.id AND r.state = 'complete' ORDER BY s.seq DESC LIMIT 1) \
             LEFT JOIN run done_run ON done_run.id = done.run ORDER BY c.number",
        )
        .fetch_all(&self.readers)
        .await
        .when("look up the newest snapshots")?;
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            let newest = newest_of(row)?;
            let collector = match newest.sealed {
                Some((seq, _)) => self.collector(newest.contract, seq).await?,
                None => None,
            };
            all.push(Newest { collector, ..newest });
        }
        Ok(all)
    }

    /// What runs say of the contracts of the configuration.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn recorded_contracts(&self) -> Result<Recorded, StoreError> {
        let rows = sqlx::query(
            "SELECT r.contract_name, min(r.started), (SELECT c.number FROM run n JOIN contract c ON c.id = n.contract \
             WHERE n.contract_name = r.contract_name AND n.state IN ('complete', 'partial') ORDER BY n.id DESC LIMIT 1) \
             FROM run r GROUP BY r.contract_name",
        )
        .fetch_all(&self.readers)
        .await
        .when("look up the names of contracts")?;
        let mut recorded = Recorded::default();
        for row in &rows {
            let row = Columns::of("run", row);
            let name: Option<String> = row.optional(0)?;
            recorded.numbers.extend(name.clone().zip(row.optional_contract(2)?));
            recorded.first_attempts.insert(name, row.instant(1)?);
        }
        recorded.failures = self.last_failures().await?;
        Ok(recorded)
    }

    /// How the last run under each name ended that is not running, where that left no snapshot.
    async fn last_failures(&self) -> Result<BTreeMap<Option<String>, String>, StoreError> {
        let rows = sqlx::query(
            "SELECT contract_name, state, reason FROM run WHERE state IN ('failed', 'interrupted') AND id IN \
             (SELECT max(id) FROM run WHERE state <> 'collecting' GROUP BY contract_name)",
        )
        .fetch_all(&self.readers)
        .await
        .when("look up how the last runs ended")?;
        let mut failures = BTreeMap::new();
        for row in &rows {
            let row = Columns::of("run", row);
            let state = row.word(1, RunState::from_word)?;
            let reason = row.optional(2)?.map(staging::shown_reason);
            let how = reason.map_or_else(|| state.to_string(), |reason| format!("{state}: {reason}"));
            failures.insert(row.optional(0)?, how);
        }
        Ok(failures)
    }

    /// How large the files are; one that is not there has no bytes.
    pub fn file_sizes(&self) -> FileSizes {
        let size = |suffix| fs::metadata(beside(self.path(), suffix)).map_or(0, |metadata| metadata.len());
        FileSizes { database: size(""), log: size("-wal") }
    }
}

fn newest_of(row: &SqliteRow) -> Result<Newest, StoreError> {
    let row = Columns::of("snapshot", row);
    let snapshot = |column: usize| -> Result<Option<(Seq, DateTime<Utc>)>, StoreError> {
        Ok(row.optional_seq(column)?.zip(row.optional_instant(column + 1)?))
    };
    Ok(Newest { contract: row.contract(0)?, complete: snapshot(1)?, sealed: snapshot(3)?, collector: None })
}
