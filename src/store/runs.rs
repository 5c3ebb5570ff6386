//! Runs: begun before the first request, ended one way or another. Their times never go back, whatever the clock does.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteExecutor;
use sqlx::sqlite::SqliteRow;

use super::columns::{Columns, instant};
use super::error::{StoreError, While as _};
use super::open::Store;
use super::outbox::{self, Outgoing};
use super::runner::Runner;
use super::seal::number_of;
use super::staging;
use crate::domain::id::ContractNumber;
use crate::domain::snapshot::{Run, RunState, Source};
use crate::domain::time::to_millis;

/// A run that has begun and is not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunId(pub(super) i64);

impl RunId {
    /// Its number in the database.
    pub fn number(self) -> i64 {
        self.0
    }
}

/// A clock that goes back by less is one that is set right in passing.
pub const MIN_REGRESSION: TimeDelta = TimeDelta::seconds(1);

/// What a run is for.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// `manual`, or the name of a schedule.
    pub schedule: String,
    /// The instant it is for.
    pub nominal: DateTime<Utc>,
    /// As which contract of the configuration it collects.
    pub contract_name: Option<String>,
}

/// Now, as far as the record of runs is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The clock's time, but at least a millisecond after everything that is recorded.
    pub at: DateTime<Utc>,
    /// How far the clock is behind that; zero or less if it is not.
    pub behind: TimeDelta,
}

impl Store {
    /// Records that a run has begun, and gives up all that were interrupted before. Only the one runner of the database may; its
    /// contract is learned by walking; `expected` is the one it is for, where that is known beforehand.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn begin_run(
        &self,
        _runner: &Runner,
        occasion: &Occasion,
        expected: Option<ContractNumber>,
        started: DateTime<Utc>,
        source: &Source,
    ) -> Result<RunId, StoreError> {
        let mut transaction = self.begin("begin to record the run").await?;
        staging::forget_all(&mut transaction).await?;
        let started = moment(&mut *transaction, started).await?.at;
        let result = sqlx::query(
            "INSERT INTO run (schedule, nominal, started, state, api, tool, contract_name, expected) \
             VALUES (?, ?, ?, 'collecting', ?, ?, ?, ?)",
        )
        .bind(&occasion.schedule)
        .bind(to_millis(occasion.nominal))
        .bind(to_millis(started))
        .bind(&source.api)
        .bind(&source.tool)
        .bind(&occasion.contract_name)
        .bind(expected.map_or(0, |contract| number_of(contract.0)))
        .execute(&mut *transaction)
        .await
        .when("record the beginning of the run")?;
        transaction.commit().await.when("record the beginning of the run")?;
        Ok(RunId(result.last_insert_rowid()))
    }

    /// Records that a run ended without a snapshot, and why. One that failed is given up with that; one that was interrupted
    /// can be taken up. Its alerts are written in the same transaction.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn end_run(
        &self,
        run: RunId,
        state: RunState,
        reason: &str,
        finished: DateTime<Utc>,
        announcement: &[Outgoing],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin("begin to end the run").await?;
        if state != RunState::Interrupted {
            staging::forget(&mut transaction, run).await?;
        }
        let finished = moment(&mut *transaction, finished).await?.at;
        sqlx::query("UPDATE run SET state = ?, reason = ?, finished = ? WHERE id = ? AND state = 'collecting'")
            .bind(state.as_str())
            .bind(reason)
            .bind(to_millis(finished))
            .bind(run.0)
            .execute(&mut *transaction)
            .await
            .when("record the end of the run")?;
        outbox::write(&mut transaction, announcement).await?;
        transaction.commit().await.when("record the end of the run")
    }

    /// Now by that clock, but never before anything that is recorded of a run.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn moment(&self, now: DateTime<Utc>) -> Result<Moment, StoreError> {
        moment(&self.writer, now).await
    }

    /// All runs, sealed or not, oldest first.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn runs(&self) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(
            "SELECT run, contract_number, seq, state, reason, schedule, nominal, started, finished, requests, api, tool \
             FROM v_runs ORDER BY run",
        )
        .fetch_all(&self.readers)
        .await
        .when("list the runs")?;
        rows.iter().map(run_of).collect()
    }
}

/// See [`Store::moment`]. The texts have a fixed width, so that their order is that of time.
pub(super) async fn moment(db: impl SqliteExecutor<'_>, now: DateTime<Utc>) -> Result<Moment, StoreError> {
    let last: Option<String> = sqlx::query_scalar("SELECT max(max(started, coalesce(finished, started))) FROM run")
        .fetch_one(db)
        .await
        .when("look up the time of the last run")?;
    let Some(last) = last else { return Ok(Moment { at: now, behind: TimeDelta::MIN }) };
    let last = instant("run", &last)?;
    Ok(Moment { at: now.max(last + TimeDelta::milliseconds(1)), behind: last - now })
}

fn run_of(row: &SqliteRow) -> Result<Run, StoreError> {
    let row = Columns::of("run", row);
    Ok(Run {
        number: row.count("run")?,
        contract: row.optional_contract("contract_number")?,
        seq: row.optional_seq("seq")?,
        state: row.word("state", RunState::from_word)?,
        reason: row.optional("reason")?.map(staging::shown_reason),
        schedule: row.get("schedule")?,
        nominal: row.instant("nominal")?,
        started: row.instant("started")?,
        finished: row.optional_instant("finished")?,
        requests: row.count("requests")?,
        source: Source { api: row.get("api")?, tool: row.get("tool")? },
    })
}
