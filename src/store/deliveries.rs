//! Deliveries: what becomes of each alert at each sink, attempt by attempt.
//!
//! A delivery is claimed before it is sent and settled afterwards. A process that ends in between leaves a claim that runs
//! out, and the alert is sent again under the same id. Nothing here sends, or knows how long to wait.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::{Columns, instant};
use super::error::{StoreError, While as _};
use super::open::Store;
use super::outbox::alert_of;
use super::seal::number_of;
use crate::domain::alert::{Alert, DeadLetters};
use crate::domain::id::ContractNumber;
use crate::domain::time::to_millis;

/// How long a claim holds: longer than the longest time-out of a sink.
pub const CLAIM_LASTS: TimeDelta = TimeDelta::minutes(6);

/// A delivery that this process has claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The alert's number in the outbox.
    pub number: i64,
    /// What is to be sent.
    pub alert: Alert,
    /// Which attempt this is, from 1: the process ended during none of those before.
    pub attempt: u32,
    /// How many of the attempts before the receiver refused; an outage is none.
    pub refusals: u32,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The sink has it.
    Delivered {
        /// What the receiver answered, in short.
        detail: String,
    },
    /// It did not work; it is tried again.
    Retry {
        /// When.
        due: DateTime<Utc>,
        /// Why it did not work.
        detail: String,
    },
    /// The receiver refuses it; it is tried again, in case it was misconfigured for a while.
    Refused {
        /// When.
        due: DateTime<Utc>,
        /// What it said.
        detail: String,
    },
    /// It did not work and is given up: a dead letter.
    Dead {
        /// Why.
        detail: String,
    },
    /// The receiver is gone for good: the sink is disabled, and whatever waits for it is a dead letter.
    Gone {
        /// What the receiver said.
        detail: String,
    },
}

/// How many deliveries stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// To be tried, now or later.
    pub pending: u64,
    /// Given up.
    pub dead: u64,
    /// When the oldest pending one was raised.
    pub oldest_pending: Option<DateTime<Utc>>,
}

/// An alert with one of its deliveries, for lists.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// The alert.
    pub alert: Alert,
    /// Where it goes; `None` if it goes nowhere.
    pub sink: Option<String>,
    /// `pending`, `delivered`, `dead`, `muted` or `in-digest`; empty without a sink.
    pub state: String,
    /// How often it was tried and the outcome recorded.
    pub attempts: u32,
    /// When it is tried next.
    pub due: Option<DateTime<Utc>>,
    /// What the last attempt came to.
    pub detail: String,
}

/// One attempt, as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// At which sink.
    pub sink: String,
    /// From 1.
    pub number: u32,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// `delivered`, `retry`, `rejected` or `gone`.
    pub outcome: String,
    /// The receiver's answer, or why there was none.
    pub detail: String,
}

impl Store {
    /// The sinks that something is due for, in order of name.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn sinks_due(&self, now: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar("SELECT DISTINCT sink FROM delivery WHERE state = 'pending' AND due <= ? ORDER BY sink")
            .bind(to_millis(now))
            .fetch_all(&self.readers)
            .await
            .when("look up what is to be delivered")
    }

    /// Claims up to so many deliveries to a sink that are due, oldest alert first. A claim is no attempt: it counts when it is
    /// settled, so that a process that ends in between does not use up what a receiver is allowed to refuse.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn claim(&self, sink: &str, now: DateTime<Utc>, limit: u32) -> Result<Vec<Claimed>, StoreError> {
        let mut transaction = self.begin("begin to claim deliveries").await?;
        let claimed: Vec<(i64, u32, u32)> = sqlx::query_as(
            "UPDATE delivery SET due = ?3 WHERE sink = ?1 AND state = 'pending' AND due <= ?2 \
             AND alert IN (SELECT alert FROM delivery WHERE sink = ?1 AND state = 'pending' AND due <= ?2 \
             ORDER BY alert LIMIT ?4) RETURNING alert, attempts + 1, (SELECT count(*) FROM attempt a \
             WHERE a.alert = delivery.alert AND a.sink = delivery.sink AND a.outcome = 'rejected' AND a.number > \
             (SELECT max(b.number) FROM attempt b WHERE b.alert = delivery.alert AND b.sink = delivery.sink) \
             - delivery.attempts)",
        )
        .bind(sink)
        .bind(to_millis(now))
        .bind(to_millis(now + CLAIM_LASTS))
        .bind(limit)
        .fetch_all(&mut *transaction)
        .await
        .when("claim deliveries")?;
        transaction.commit().await.when("claim deliveries")?;
        let numbers: Vec<i64> = claimed.iter().map(|(number, ..)| *number).collect();
        let alerts = self.alerts_numbered(&numbers).await?;
        let tries: BTreeMap<i64, (u32, u32)> =
            claimed.into_iter().map(|(number, attempt, refusals)| (number, (attempt, refusals))).collect();
        let of = |(number, alert)| {
            let (attempt, refusals) = tries.get(&number).copied().unwrap_or((1, 0));
            Claimed { number, alert, attempt, refusals }
        };
        Ok(alerts.into_iter().map(of).collect())
    }

    /// Leaves a sink alone until an instant, since it does not work: gives back the claims that were not used, and postpones
    /// what is due before.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn postpone(&self, sink: &str, claimed: &[Claimed], due: DateTime<Utc>) -> Result<(), StoreError> {
        let numbers: Vec<i64> = claimed.iter().map(|one| one.number).collect();
        let update = sqlx::query(
            "UPDATE delivery SET due = ?3 WHERE sink = ?1 AND state = 'pending' \
             AND (due < ?3 OR alert IN (SELECT value FROM json_each(?2)))",
        )
        .bind(sink)
        .bind(super::wide::list(&numbers))
        .bind(to_millis(due));
        self.write("postpone deliveries", update).await.map(drop)
    }

    /// Records how an attempt ended.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn settle(
        &self,
        sink: &str,
        claimed: &Claimed,
        settled: &Settled,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin("begin to record a delivery").await?;
        let (state, due, outcome, detail) = match settled {
            Settled::Delivered { detail } => ("delivered", None, "delivered", detail),
            Settled::Retry { due, detail } => ("pending", Some(*due), "retry", detail),
            Settled::Refused { due, detail } => ("pending", Some(*due), "rejected", detail),
            Settled::Dead { detail } => ("dead", None, "rejected", detail),
            Settled::Gone { detail } => ("dead", None, "gone", detail),
        };
        let written = sqlx::query(
            "UPDATE delivery SET state = ?3, attempts = attempts + 1, due = ?4, \
             ended = CASE WHEN ?4 IS NULL THEN ?5 END, detail = ?6 WHERE alert = ?1 AND sink = ?2 AND state = 'pending'",
        )
        .bind(claimed.number)
        .bind(sink)
        .bind(state)
        .bind(due.map(to_millis))
        .bind(to_millis(at))
        .bind(detail)
        .execute(&mut *transaction)
        .await
        .when("record a delivery")?;
        if written.rows_affected() == 1 {
            write_attempt(&mut transaction, sink, claimed, (outcome, detail), at).await?;
        }
        if let Settled::Gone { detail } = settled {
            disable(&mut transaction, sink, detail, at).await?;
        }
        transaction.commit().await.when("record a delivery")
    }

    /// The sinks whose receiver said that it is gone, in order of name.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn disabled_sinks(&self) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar("SELECT sink FROM disabled_sink ORDER BY sink")
            .fetch_all(&self.readers)
            .await
            .when("list the disabled sinks")
    }

    /// How many deliveries wait and how many were given up.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn delivery_counts(&self) -> Result<DeliveryCounts, StoreError> {
        let row = sqlx::query(
            "SELECT coalesce(sum(d.state = 'pending'), 0), coalesce(sum(d.state = 'dead'), 0), \
             min(CASE WHEN d.state = 'pending' THEN o.raised END) FROM delivery d JOIN outbox o ON o.number = d.alert",
        )
        .fetch_one(&self.readers)
        .await
        .when("count the deliveries")?;
        let row = Columns::of("delivery", &row);
        Ok(DeliveryCounts { pending: row.count(0)?, dead: row.count(1)?, oldest_pending: row.optional_instant(2)? })
    }

    /// The dead letters of a contract, and of what concerns no single one, that were given up until an instant, by sink.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn dead_letters(
        &self,
        contract: ContractNumber,
        until: DateTime<Utc>,
    ) -> Result<Vec<DeadLetters>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.sink, count(*), min(d.ended) FROM delivery d JOIN outbox o ON o.number = d.alert \
             WHERE d.state = 'dead' AND d.ended <= ?2 AND (o.contract = ?1 OR o.contract IS NULL) \
             GROUP BY d.sink ORDER BY d.sink",
        )
        .bind(number_of(contract.0))
        .bind(to_millis(until))
        .fetch_all(&self.readers)
        .await
        .when("count the dead letters")?;
        let letters = |row| {
            let row = Columns::of("delivery", row);
            Ok(DeadLetters { sink: row.get(0)?, alerts: row.count(1)?, since: row.instant(2)? })
        };
        rows.iter().map(letters).collect()
    }

    /// Alerts with their deliveries, newest first; only those in a state, if one is named, and at most so many.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn delivery_rows(&self, state: Option<&str>, limit: u32) -> Result<Vec<DeliveryRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT o.number, o.id, o.contract, o.class, o.severity, o.kind, o.subject, o.object, o.attribute, o.from_seq, \
             o.to_seq, lower(hex(o.root_before)) AS root_before, lower(hex(o.root_after)) AS root_after, o.raised, \
             o.details, d.sink, coalesce(d.state, '') AS state, coalesce(d.attempts, 0) AS attempts, d.due, \
             coalesce(d.detail, '') AS detail FROM outbox o LEFT JOIN delivery d ON d.alert = o.number \
             WHERE ?1 IS NULL OR d.state = ?1 ORDER BY o.number DESC, d.sink LIMIT ?2",
        )
        .bind(state)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .when("list the alerts")?;
        rows.iter().map(delivery_row).collect()
    }

    /// The attempts to deliver an alert, in order.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn attempts(&self, alert: &Alert) -> Result<Vec<Attempt>, StoreError> {
        let rows: Vec<(String, u32, String, String, String)> = sqlx::query_as(
            "SELECT a.sink, a.number, a.at, a.outcome, a.detail FROM attempt a JOIN outbox o ON o.number = a.alert \
             WHERE o.id = ? ORDER BY a.at, a.sink, a.number",
        )
        .bind(alert.id.0.to_vec())
        .fetch_all(&self.readers)
        .await
        .when("read the attempts to deliver an alert")?;
        rows.into_iter()
            .map(|(sink, number, at, outcome, detail)| {
                Ok(Attempt { sink, number, at: instant("attempt", &at)?, outcome, detail })
            })
            .collect()
    }

    /// Makes dead letters pending again: of one alert, of one sink, or all. The sinks count as enabled again. Answers with
    /// how many.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn retry_dead(
        &self,
        id: Option<&str>,
        sink: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.begin("begin to retry dead letters").await?;
        let chosen = "d.state = 'dead' AND (?1 IS NULL OR lower(hex(o.id)) = ?1) AND (?2 IS NULL OR d.sink = ?2)";
        let enable = format!(
            "DELETE FROM disabled_sink WHERE sink = ?2 OR sink IN \
             (SELECT d.sink FROM delivery d JOIN outbox o ON o.number = d.alert WHERE {chosen})"
        );
        sqlx::query(sqlx::AssertSqlSafe(enable))
            .bind(id)
            .bind(sink)
            .execute(&mut *transaction)
            .await
            .when("enable sinks")?;
        let retry = format!(
            "UPDATE delivery SET state = 'pending', attempts = 0, due = ?3, ended = NULL WHERE (alert, sink) IN \
             (SELECT d.alert, d.sink FROM delivery d JOIN outbox o ON o.number = d.alert WHERE {chosen})"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(retry))
            .bind(id)
            .bind(sink)
            .bind(to_millis(now))
            .execute(&mut *transaction)
            .await
            .when("retry dead letters")?;
        transaction.commit().await.when("retry dead letters")?;
        Ok(done.rows_affected())
    }
}

async fn write_attempt(
    db: &mut SqliteConnection,
    sink: &str,
    claimed: &Claimed,
    (outcome, detail): (&str, &str),
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO attempt (alert, sink, number, at, outcome, detail) VALUES (?1, ?2, \
         (SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE alert = ?1 AND sink = ?2), ?3, ?4, ?5)",
    )
    .bind(claimed.number)
    .bind(sink)
    .bind(to_millis(at))
    .bind(outcome)
    .bind(detail)
    .execute(db)
    .await
    .when("record an attempt to deliver")?;
    Ok(())
}

async fn disable(db: &mut SqliteConnection, sink: &str, detail: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO disabled_sink (sink, since, reason) VALUES (?, ?, ?) ON CONFLICT (sink) DO NOTHING")
        .bind(sink)
        .bind(to_millis(at))
        .bind(detail)
        .execute(&mut *db)
        .await
        .when("disable a sink")?;
    sqlx::query(
        "UPDATE delivery SET state = 'dead', due = NULL, ended = ?2, detail = 'the sink is disabled: ' || ?3 \
         WHERE sink = ?1 AND state = 'pending'",
    )
    .bind(sink)
    .bind(to_millis(at))
    .bind(detail)
    .execute(db)
    .await
    .when("give up what waits for a disabled sink")?;
    Ok(())
}

fn delivery_row(row: &SqliteRow) -> Result<DeliveryRow, StoreError> {
    let alert = alert_of(row)?;
    let row = Columns::of("delivery", row);
    Ok(DeliveryRow {
        alert,
        sink: row.optional("sink")?,
        state: row.get("state")?,
        attempts: row.get("attempts")?,
        due: row.optional_instant("due")?,
        detail: row.get("detail")?,
    })
}
