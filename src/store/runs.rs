//! Runs: begun before the first request, ended one way or another.

use chrono::{DateTime, Utc};

use super::error::{StoreError, While as _};
use super::open::Store;
use super::runner::Runner;
use crate::domain::snapshot::{RunState, Source};
use crate::domain::time::to_millis;

/// A run that has begun and is not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunId(pub(super) i64);

/// What a run is for.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// `manual`, or the name of a schedule.
    pub schedule: String,
    /// The instant it is for.
    pub nominal: DateTime<Utc>,
}

impl Store {
    /// Records that a run has begun. Only the one runner of the database may; its contract is learned by walking.
    pub async fn begin_run(
        &self,
        _runner: &Runner,
        occasion: &Occasion,
        started: DateTime<Utc>,
        source: &Source,
    ) -> Result<RunId, StoreError> {
        let result = sqlx::query(
            "INSERT INTO run (schedule, nominal, started, state, api, tool) VALUES (?, ?, ?, 'collecting', ?, ?)",
        )
        .bind(&occasion.schedule)
        .bind(to_millis(occasion.nominal))
        .bind(to_millis(started))
        .bind(&source.api)
        .bind(&source.tool)
        .execute(&self.writer)
        .await
        .when("record the beginning of the run")?;
        Ok(RunId(result.last_insert_rowid()))
    }

    /// Records that a run ended without a snapshot, and why.
    pub async fn end_run(
        &self,
        run: RunId,
        state: RunState,
        reason: &str,
        finished: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE run SET state = ?, reason = ?, finished = ? WHERE id = ? AND state = 'collecting'")
            .bind(state.as_str())
            .bind(reason)
            .bind(to_millis(finished))
            .bind(run.0)
            .execute(&self.writer)
            .await
            .when("record the end of the run")?;
        Ok(())
    }
}
