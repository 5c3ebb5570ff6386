//! What happened after a snapshot and is in none: attempts that failed, runs that were missed, another contract.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::columns::{Columns, instant};
use super::error::{StoreError, While as _};
use super::open::Store;
use super::seal::number_of;
use super::staging;
use crate::domain::job::JobId;
use crate::domain::recency::{FailedAttempts, OtherContract, StoppedSchedule};
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_millis;

impl Store {
    /// The attempts that began after the run of a snapshot, ended without one until an instant, and were for its contract: by
    /// its number, or by its name in the configuration where the credentials decide. One that is still under way is none.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn failed_attempts(
        &self,
        snapshot: &Snapshot,
        until: DateTime<Utc>,
    ) -> Result<Option<FailedAttempts>, StoreError> {
        let rows: Vec<(String, Option<String>)> = sqlx::query_as(
            "SELECT started, reason FROM run WHERE contract IS NULL AND started > ?1 AND coalesce(finished, started) <= ?2 \
             AND (expected = ?3 OR coalesce(expected, 0) = 0 AND EXISTS (SELECT 1 FROM run s JOIN contract c ON c.id = s.contract \
             WHERE c.number = ?3 AND s.contract_name IS run.contract_name)) \
             AND (state IN ('failed', 'interrupted') OR (state = 'collecting' AND id < (SELECT max(id) FROM run))) ORDER BY id",
        )
        .bind(to_millis(snapshot.finished))
        .bind(to_millis(until))
        .bind(number_of(snapshot.contract.0))
        .fetch_all(&self.readers)
        .await
        .when("look up the attempts after a snapshot")?;
        let (Some((first, _)), Some((last, reason))) = (rows.first(), rows.last()) else { return Ok(None) };
        let reason = reason.clone().map_or_else(|| "its process ended".to_owned(), staging::shown_reason);
        let count = rows.len() as u64;
        Ok(Some(FailedAttempts { count, first: instant("run", first)?, last: instant("run", last)?, reason }))
    }

    /// The schedule that made snapshots of a contract and missed most runs, of those that were recorded after a snapshot and
    /// until an instant.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn stopped_schedule(
        &self,
        snapshot: &Snapshot,
        until: DateTime<Utc>,
    ) -> Result<Option<StoppedSchedule>, StoreError> {
        let known: BTreeSet<String> = sqlx::query_scalar(
            "SELECT DISTINCT r.schedule FROM run r JOIN contract c ON c.id = r.contract WHERE c.number = ?",
        )
        .bind(number_of(snapshot.contract.0))
        .fetch_all(&self.readers)
        .await
        .when("look up the schedules of a contract")?
        .into_iter()
        .collect();
        let rows = sqlx::query(
            "SELECT job, contract, sum(instants), min(nominal) FROM job_run WHERE outcome = 'missed' \
             AND nominal > ?1 AND finished <= ?2 GROUP BY job, contract ORDER BY sum(instants) DESC, job, contract",
        )
        .bind(to_millis(snapshot.finished))
        .bind(to_millis(until))
        .fetch_all(&self.readers)
        .await
        .when("look up the runs that were missed")?;
        for row in &rows {
            let row = Columns::of("job_run", row);
            let name = JobId { name: row.get(0)?, contract: row.get(1)? }.to_string();
            if known.contains(&name) {
                return Ok(Some(StoppedSchedule { name, missed: row.count(2)?, since: row.instant(3)? }));
            }
        }
        Ok(None)
    }

    /// The contract that the same schedule collects since a snapshot, with credentials that decide which, where it never
    /// collected that one before.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn replacing_contract(
        &self,
        snapshot: &Snapshot,
        until: DateTime<Utc>,
    ) -> Result<Option<OtherContract>, StoreError> {
        let row = sqlx::query(
            "SELECT c.number, count(*), min(r.finished) FROM run r JOIN contract c ON c.id = r.contract \
             WHERE c.number <> ?1 AND r.state IN ('complete', 'partial') AND r.expected = 0 AND r.schedule = ?2 \
             AND r.contract_name IS (SELECT s.contract_name FROM run s JOIN snapshot n ON n.run = s.id \
             JOIN contract o ON o.id = n.contract WHERE o.number = ?1 AND n.seq = ?5) \
             AND r.finished <= ?4 AND NOT EXISTS (SELECT 1 FROM run e WHERE e.contract = r.contract AND e.started <= ?3) \
             GROUP BY c.number ORDER BY max(r.id) DESC LIMIT 1",
        )
        .bind(number_of(snapshot.contract.0))
        .bind(&snapshot.schedule)
        .bind(to_millis(snapshot.finished))
        .bind(to_millis(until))
        .bind(snapshot.seq.0)
        .fetch_optional(&self.readers)
        .await
        .when("look up what is collected after a snapshot")?;
        row.map(|row| {
            let row = Columns::of("run", &row);
            Ok(OtherContract { number: row.contract(0)?, snapshots: row.count(1)?, since: row.instant(2)? })
        })
        .transpose()
    }
}
