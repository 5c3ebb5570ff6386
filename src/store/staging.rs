//! What a run under way has read so far, and taking up a run that was cut off.
//!
//! Outcomes are text that the walk understands; nothing here looks into them. They hold personal data and are deleted as
//! soon as nobody can need them any more.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::error::{StoreError, While as _};
use super::open::Store;
use super::packing::{pack, unpack};
use super::runner::Runner;
use super::runs::{LEAST_REGRESSION, Occasion, RunId, instant};
use super::seal::number_of;
use crate::domain::time::to_millis;

/// A run that was cut off can be taken up if it began less than that ago. The half hour that a run may take counts from its
/// beginning: so whoever takes one up has at least ten minutes for what is left of it.
pub const TAKEN_UP_WITHIN: TimeDelta = TimeDelta::minutes(20);

/// A run that can be taken up, given the oldest beginning and twice the newest time: beginnings and ends in the future are
/// those of a clock that went back, by which nobody can tell an age.
const YOUNG: &str = "r.state = 'interrupted' AND r.started >= ? AND r.started <= ? AND r.finished <= ?";

/// The values of [`YOUNG`] at that time.
fn young(now: DateTime<Utc>) -> [String; 3] {
    let newest = to_millis(now + LEAST_REGRESSION);
    [to_millis(now - TAKEN_UP_WITHIN), newest.clone(), newest]
}

/// A run that was cut off and goes on.
#[derive(Clone, Debug)]
pub struct TakenUp {
    /// The run, under way again.
    pub run: RunId,
    /// When it began.
    pub started: DateTime<Utc>,
    /// What its snapshot was to be called.
    pub label: Option<String>,
    /// What it has read, in the order in which it was kept; never empty.
    pub outcomes: Vec<String>,
}

impl Store {
    /// Lets a run that has just begun be taken up later, under the same terms only.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn stage(&self, run: RunId, terms: &str, label: Option<&str>) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO staging (run, terms, label) VALUES (?, ?, ?)")
            .bind(run.0)
            .bind(terms)
            .bind(label)
            .execute(&self.writer)
            .await
            .when("let the run be taken up later")?;
        Ok(())
    }

    /// Keeps outcomes of a run behind those it has: all of them or none.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn keep(&self, run: RunId, outcomes: &[String]) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.when("begin to keep what was read")?;
        sqlx::query(
            "INSERT INTO staged (run, number, outcomes, packed) \
             SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM staged WHERE run = ?1",
        )
        .bind(run.0)
        .bind(number_of(outcomes.len() as u64))
        .bind(pack(outcomes).map_err(StoreError::Packing)?)
        .execute(&mut *transaction)
        .await
        .when("keep what was read")?;
        transaction.commit().await.when("keep what was read")
    }

    /// Takes up the newest run that was interrupted, if it has read something, on terms that are the same now, and is young
    /// enough: see [`TAKEN_UP_WITHIN`].
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn take_up(
        &self,
        _runner: &Runner,
        occasion: &Occasion,
        are_same: impl FnOnce(&str) -> bool,
        now: DateTime<Utc>,
    ) -> Result<Option<TakenUp>, StoreError> {
        // What somebody asks for now may go on with what somebody asked for before; an instant of a schedule is that one.
        let select = format!(
            "SELECT r.id, r.started, s.terms, s.label FROM run r JOIN staging s ON s.run = r.id \
             WHERE r.schedule = ? AND (r.schedule = 'manual' OR r.nominal = ?) AND {YOUNG} \
             AND EXISTS (SELECT 1 FROM staged WHERE run = r.id) ORDER BY r.id DESC LIMIT 1"
        );
        let [oldest, newest, last] = young(now);
        let found: Option<(i64, String, String, Option<String>)> = sqlx::query_as(AssertSqlSafe(select))
            .bind(&occasion.schedule)
            .bind(to_millis(occasion.nominal))
            .bind(oldest)
            .bind(newest)
            .bind(last)
            .fetch_optional(&self.writer)
            .await
            .when("look for a run that was cut off")?;
        let Some((id, started, terms, label)) = found else { return Ok(None) };
        if !are_same(&terms) {
            tracing::info!("A run was cut off, but with other credentials, options or another version: beginning anew");
            return Ok(None);
        }
        sqlx::query("UPDATE run SET state = 'collecting', finished = NULL, reason = NULL WHERE id = ?")
            .bind(id)
            .execute(&self.writer)
            .await
            .when("take up the run")?;
        let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT packed FROM staged WHERE run = ? ORDER BY number")
            .bind(id)
            .fetch_all(&self.writer)
            .await
            .when("read what the run has read")?;
        let mut outcomes = Vec::new();
        for packed in rows {
            outcomes.append(&mut unpack(&packed).map_err(StoreError::Packing)?);
        }
        Ok(Some(TakenUp { run: RunId(id), started: instant(&started)?, label, outcomes }))
    }

    /// Gives a run up: it will not be taken up, and what it has read is deleted.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn give_up(&self, run: RunId) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.when("begin to give the run up")?;
        forget(&mut transaction, run).await?;
        transaction.commit().await.when("give the run up")
    }
}

/// Deletes what a run has read.
pub(super) async fn forget(db: &mut SqliteConnection, run: RunId) -> Result<(), StoreError> {
    for statement in ["DELETE FROM staged WHERE run = ?", "DELETE FROM staging WHERE run = ?"] {
        sqlx::query(statement).bind(run.0).execute(&mut *db).await.when("delete what the run has read")?;
    }
    Ok(())
}

/// Deletes what runs have read that cannot be taken up at that time, nor later.
pub(super) async fn forget_old(db: &mut SqliteConnection, now: DateTime<Utc>) -> Result<(), StoreError> {
    for table in ["staged", "staging"] {
        let [oldest, newest, last] = young(now);
        sqlx::query(AssertSqlSafe(format!(
            "DELETE FROM {table} WHERE run NOT IN (SELECT r.id FROM run r WHERE {YOUNG})"
        )))
        .bind(oldest)
        .bind(newest)
        .bind(last)
        .execute(&mut *db)
        .await
        .when("delete what runs have read that cannot be taken up any more")?;
    }
    Ok(())
}

/// Deletes what any run has read.
pub(super) async fn forget_all(db: &mut SqliteConnection) -> Result<(), StoreError> {
    for statement in ["DELETE FROM staged", "DELETE FROM staging"] {
        sqlx::query(statement).execute(&mut *db).await.when("delete what earlier runs have read")?;
    }
    Ok(())
}
