//! What an unsealed run has read so far, and resuming an interrupted run.
//!
//! Outcomes are text that the walk understands; nothing here looks into them. They hold personal data and are deleted as
//! soon as nobody can need them any more.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::columns::instant;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::packing::{MAX_UNPACKED_BYTES, pack, unpack};
use super::runner::Runner;
use super::runs::{MIN_REGRESSION, Occasion, RunId};
use super::seal::number_of;
use crate::domain::time::to_millis;

/// A run can be resumed within that time after its interruption.
pub const MAX_RESUME_AGE: TimeDelta = TimeDelta::minutes(30);

/// A run that can be resumed, given the oldest interruption and twice the newest time: beginnings and ends in the future are
/// those of a clock that went back, by which no age can be computed.
const YOUNG: &str = "r.state = 'interrupted' AND r.finished >= ? AND r.started <= ? AND r.finished <= ?";

/// The values of [`YOUNG`] at that time.
fn young(now: DateTime<Utc>) -> [String; 3] {
    let newest = to_millis(now + MIN_REGRESSION);
    [to_millis(now - MAX_RESUME_AGE), newest.clone(), newest]
}

/// The reason of a run whose process ended without recording it: when it was interrupted is not known.
pub(super) const KILLED: &str = "the process ended before the run was sealed";

/// The same as earlier versions stored it.
const KILLED_FORMERLY: &str = "cut off before it was sealed";

/// The reason of a run as it is shown.
pub(super) fn shown_reason(stored: String) -> String {
    if stored == KILLED_FORMERLY { KILLED.to_owned() } else { stored }
}

/// Id, beginning, interruption, terms and label of a run, as they are read.
type Resumable = (i64, String, Option<String>, String, Option<String>);

/// A run that was interrupted and is resumed.
#[derive(Clone, Debug)]
pub struct TakenUp {
    /// The run, under way again.
    pub run: RunId,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it was interrupted; nothing if its process was killed and could not record that.
    pub interrupted: Option<DateTime<Utc>>,
    /// What its snapshot was to be called.
    pub label: Option<String>,
    /// What it has read, in the order in which it was kept; never empty.
    pub outcomes: Vec<String>,
}

impl Store {
    /// Lets a run that has just begun be taken up later, under the same terms only.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn stage(&self, run: RunId, terms: &str, label: Option<&str>) -> Result<(), StoreError> {
        let insert = sqlx::query("INSERT INTO staging (run, terms, label) VALUES (?, ?, ?)");
        self.write("record the terms of the run", insert.bind(run.0).bind(terms).bind(label)).await.map(drop)
    }

    /// Keeps outcomes of a run behind those it has: all of them or none.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn keep(&self, run: RunId, outcomes: &[String]) -> Result<(), StoreError> {
        let mut transaction = self.begin("begin to keep what was read").await?;
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
    /// enough: see [`MAX_RESUME_AGE`]. How long ago a killed process worked on it, only its outcomes say.
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
            "SELECT r.id, r.started, CASE WHEN r.reason NOT IN ('{KILLED}', '{KILLED_FORMERLY}') THEN r.finished END, s.terms, s.label FROM run r JOIN staging s ON s.run = r.id \
             WHERE r.schedule = ? AND (r.schedule = 'manual' OR r.nominal = ?) AND {YOUNG} \
             AND EXISTS (SELECT 1 FROM staged WHERE run = r.id) ORDER BY r.id DESC LIMIT 1"
        );
        let [oldest, newest, last] = young(now);
        let found: Option<Resumable> = sqlx::query_as(AssertSqlSafe(select))
            .bind(&occasion.schedule)
            .bind(to_millis(occasion.nominal))
            .bind(oldest)
            .bind(newest)
            .bind(last)
            .fetch_optional(&self.writer)
            .await
            .when("look for an interrupted run")?;
        let Some((id, started, interrupted, terms, label)) = found else { return Ok(None) };
        if !are_same(&terms) {
            tracing::info!(
                "A run was interrupted, but with other credentials, options or another version: beginning a new one"
            );
            return Ok(None);
        }
        let update = sqlx::query("UPDATE run SET state = 'collecting', finished = NULL, reason = NULL WHERE id = ?");
        self.write("resume the run", update.bind(id)).await?;
        let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT packed FROM staged WHERE run = ? ORDER BY number")
            .bind(id)
            .fetch_all(&self.writer)
            .await
            .when("read what the run has read")?;
        let mut outcomes = Vec::new();
        let mut room = MAX_UNPACKED_BYTES;
        for packed in rows {
            let (lines, bytes) = unpack(&packed, room).map_err(|source| StoreError::Unpacking { run: id, source })?;
            outcomes.extend(lines);
            room -= bytes;
        }
        let interrupted = interrupted.as_deref().map(|at| instant("run", at)).transpose()?;
        Ok(Some(TakenUp { run: RunId(id), started: instant("run", &started)?, interrupted, label, outcomes }))
    }

    /// Gives a run up: it will not be taken up, and what it has read is deleted.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn give_up(&self, run: RunId) -> Result<(), StoreError> {
        let mut transaction = self.begin("begin to give the run up").await?;
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
