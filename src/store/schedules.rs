//! Jobs of the service: what is known of each between two runs, and the append-only record of their runs.
//!
//! Nothing here decides what is due; the planner does, from what is read here.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::outbox::{self, Outgoing};
use crate::domain::job::{Begun, JobId, JobOutcome, JobRun, JobState, LastRun};
use crate::domain::time::to_millis;

/// The most characters of a detail that are kept.
const MAX_DETAIL_CHARS: usize = 2_000;

impl Store {
    /// Records the jobs of the configuration with the canonical texts of their schedules. A new job, one that comes back
    /// and one with another schedule have no instants up to now; jobs that are not listed are retired.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn register_jobs(&self, jobs: &[(JobId, String)], now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut transaction = self.begin("begin to record the jobs").await?;
        // What stays 2 was not listed.
        sqlx::query("UPDATE job SET retired = retired + 2").execute(&mut *transaction).await.when("record the jobs")?;
        for (id, schedule) in jobs {
            sqlx::query(
                "INSERT INTO job (name, contract, schedule, since) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (name, contract) DO UPDATE SET \
                 since = CASE WHEN schedule = ?3 AND retired IN (0, 2) THEN since ELSE ?4 END, schedule = ?3, retired = 0",
            )
            .bind(&id.name)
            .bind(&id.contract)
            .bind(schedule)
            .bind(to_millis(now))
            .execute(&mut *transaction)
            .await
            .when("record a job")?;
        }
        sqlx::query("UPDATE job SET retired = 1 WHERE retired > 1")
            .execute(&mut *transaction)
            .await
            .when("retire jobs")?;
        transaction.commit().await.when("record the jobs")
    }

    /// What is known of every job that is configured.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn job_states(&self) -> Result<BTreeMap<JobId, JobState>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, contract, schedule, since, nominal, begun_nominal, begun_attempts, last_nominal, last_started, \
             last_finished, last_outcome, last_detail FROM job WHERE retired = 0 ORDER BY name, contract",
        )
        .fetch_all(&self.readers)
        .await
        .when("read the state of the jobs")?;
        rows.iter().map(state_of).collect()
    }

    /// Records that the run of an instant begins. False if that instant has run already; nothing begins then.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn begin_job(&self, job: &JobId, nominal: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut transaction = self.begin("begin to record a job").await?;
        let nominal = to_millis(nominal);
        let ran: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM job_run WHERE job = ? AND contract = ? AND nominal = ? \
             AND outcome IN ('done', 'failed'))",
        )
        .bind(&job.name)
        .bind(&job.contract)
        .bind(&nominal)
        .fetch_one(&mut *transaction)
        .await
        .when("look for a run of the instant")?;
        let update = if ran {
            "UPDATE job SET nominal = ?3, begun_nominal = NULL, begun_attempts = 0 WHERE name = ?1 AND contract = ?2"
        } else {
            "UPDATE job SET begun_attempts = CASE WHEN begun_nominal = ?3 THEN begun_attempts + 1 ELSE 1 END, \
             begun_nominal = ?3 WHERE name = ?1 AND contract = ?2"
        };
        sqlx::query(update)
            .bind(&job.name)
            .bind(&job.contract)
            .bind(&nominal)
            .execute(&mut *transaction)
            .await
            .when("record the beginning of a job")?;
        transaction.commit().await.when("record the beginning of a job")?;
        Ok(!ran)
    }

    /// Takes back that a run began: it could not start, or was stopped, and is due again.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn release_job(&self, job: &JobId) -> Result<(), StoreError> {
        let update =
            sqlx::query("UPDATE job SET begun_nominal = NULL, begun_attempts = 0 WHERE name = ? AND contract = ?");
        self.write("take back the beginning of a job", update.bind(&job.name).bind(&job.contract)).await.map(drop)
    }

    /// Records a run that ended, with its alerts in the same transaction. One that found nothing to do (`quiet`) changes the
    /// state of the job only.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn end_job(&self, run: &JobRun, quiet: bool, alerts: &[Outgoing]) -> Result<(), StoreError> {
        let mut transaction = self.begin("begin to record a run").await?;
        if !quiet {
            append(&mut transaction, run).await?;
        }
        set_last(&mut transaction, run).await?;
        outbox::write(&mut transaction, alerts).await?;
        transaction.commit().await.when("record the end of a job")
    }

    /// Records instants that have passed without a run, in the order of each job's instants, with their alerts in the same
    /// transaction. A run that was given up is the last one of its job.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn pass_jobs(&self, passed: &[JobRun], alerts: &[Outgoing]) -> Result<(), StoreError> {
        let mut transaction = self.begin("begin to record missed runs").await?;
        for run in passed {
            append(&mut transaction, run).await?;
            if run.outcome == JobOutcome::Failed {
                set_last(&mut transaction, run).await?;
                continue;
            }
            sqlx::query(
                "UPDATE job SET nominal = ?3, begun_nominal = NULL, begun_attempts = 0 WHERE name = ?1 AND contract = ?2",
            )
            .bind(&run.job.name)
            .bind(&run.job.contract)
            .bind(to_millis(run.nominal))
            .execute(&mut *transaction)
            .await
            .when("record a missed run")?;
        }
        outbox::write(&mut transaction, alerts).await?;
        transaction.commit().await.when("record missed runs")
    }

    /// Lets a job go on from now whose record is far ahead of the clock.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn rewind_job(&self, job: &JobId, now: DateTime<Utc>) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE job SET nominal = NULL, since = ? WHERE name = ? AND contract = ?");
        let update = update.bind(to_millis(now)).bind(&job.name).bind(&job.contract);
        self.write("set a job back to the clock", update).await.map(drop)
    }

    /// The newest runs and missed instants, newest first.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn job_runs(&self, limit: u32) -> Result<Vec<JobRun>, StoreError> {
        let rows = sqlx::query(
            "SELECT job, contract, nominal, instants, started, finished, outcome, detail FROM job_run \
             ORDER BY id DESC LIMIT ?",
        )
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .when("list the runs of jobs")?;
        rows.iter().map(run_of).collect()
    }

    /// How many instants of each job ended in each way.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn job_totals(&self) -> Result<BTreeMap<(JobId, JobOutcome), u64>, StoreError> {
        let rows =
            sqlx::query("SELECT job, contract, outcome, sum(instants) FROM job_run GROUP BY job, contract, outcome")
                .fetch_all(&self.readers)
                .await
                .when("count the runs of jobs")?;
        rows.iter()
            .map(|row| {
                let row = Columns::of("job_run", row);
                let id = JobId { name: row.get(0)?, contract: row.get(1)? };
                Ok(((id, row.word(2, JobOutcome::from_word)?), row.count(3)?))
            })
            .collect()
    }
}

/// Lets a run be the last one of its job.
async fn set_last(db: &mut SqliteConnection, run: &JobRun) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE job SET nominal = ?3, begun_nominal = NULL, begun_attempts = 0, last_nominal = ?3, last_started = ?4, \
         last_finished = ?5, last_outcome = ?6, last_detail = ?7 WHERE name = ?1 AND contract = ?2",
    )
    .bind(&run.job.name)
    .bind(&run.job.contract)
    .bind(to_millis(run.nominal))
    .bind(to_millis(run.started.unwrap_or(run.finished)))
    .bind(to_millis(run.finished))
    .bind(run.outcome.as_str())
    .bind(short(&run.detail))
    .execute(db)
    .await
    .when("record the end of a job")
    .map(drop)
}

/// Appends a run; an instant that was recorded as missed before stays so.
async fn append(db: &mut SqliteConnection, run: &JobRun) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO job_run (job, contract, nominal, instants, started, finished, outcome, detail) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&run.job.name)
    .bind(&run.job.contract)
    .bind(to_millis(run.nominal))
    .bind(i64::try_from(run.instants).unwrap_or(i64::MAX))
    .bind(run.started.map(to_millis))
    .bind(to_millis(run.finished))
    .bind(run.outcome.as_str())
    .bind(short(&run.detail))
    .execute(db)
    .await
    .when("record the run of a job")
    .map(drop)
}

fn short(detail: &str) -> String {
    detail.chars().take(MAX_DETAIL_CHARS).collect()
}

fn state_of(row: &SqliteRow) -> Result<(JobId, JobState), StoreError> {
    let row = Columns::of("job", row);
    let attempts: u32 = row.get("begun_attempts")?;
    let last = match (
        row.optional_instant("last_nominal")?,
        row.optional_instant("last_started")?,
        row.optional_instant("last_finished")?,
    ) {
        (Some(nominal), Some(started), Some(finished)) => Some(LastRun {
            nominal,
            started,
            finished,
            outcome: row.word("last_outcome", JobOutcome::from_word)?,
            detail: row.get("last_detail")?,
        }),
        _ => None,
    };
    let state = JobState {
        schedule: row.get("schedule")?,
        since: row.instant("since")?,
        nominal: row.optional_instant("nominal")?,
        begun: row.optional_instant("begun_nominal")?.map(|nominal| Begun { nominal, attempts }),
        last,
    };
    Ok((JobId { name: row.get("name")?, contract: row.get("contract")? }, state))
}

fn run_of(row: &SqliteRow) -> Result<JobRun, StoreError> {
    let row = Columns::of("job_run", row);
    Ok(JobRun {
        job: JobId { name: row.get("job")?, contract: row.get("contract")? },
        nominal: row.instant("nominal")?,
        instants: row.count("instants")?,
        started: row.optional_instant("started")?,
        finished: row.instant("finished")?,
        outcome: row.word("outcome", JobOutcome::from_word)?,
        detail: row.get("detail")?,
    })
}
