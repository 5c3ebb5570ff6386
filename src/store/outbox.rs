//! The outbox: alerts as they were raised, in the transaction of what they announce.
//!
//! An alert is written once and never changed; what becomes of it is in `deliveries`. Nothing here decides what is worth
//! an alert, or sends one.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::{Columns, instant};
use super::error::{StoreError, While as _};
use super::mutes::{self, Mute};
use super::open::Store;
use super::seal::number_of;
use crate::domain::alert::{Alert, AlertClass, AlertId, Details, Span};
use crate::domain::fact::{FactKey, Kind};
use crate::domain::id::ContractNumber;
use crate::domain::job::JobId;
use crate::domain::time::to_millis;

/// How a delivery begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It is to be tried at once.
    Pending,
    /// A mute is in force: it is recorded and not sent.
    Muted,
    /// A digest stands for it.
    InDigest,
}

impl Start {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Muted => "muted",
            Self::InDigest => "in-digest",
        }
    }
}

/// An alert that is to be written, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// What is announced.
    pub alert: Alert,
    /// Names of sinks, each once.
    pub recipients: Vec<(String, Start)>,
}

impl Store {
    /// Writes alerts of what is not sealed, such as a missed run. One whose id is there already is not written again.
    /// Answers with how many were new.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn raise(&self, outgoing: &[Outgoing]) -> Result<u64, StoreError> {
        if outgoing.is_empty() {
            return Ok(0);
        }
        let mut transaction = self.begin("begin to raise alerts").await?;
        let written = write(&mut transaction, outgoing).await?;
        transaction.commit().await.when("raise alerts")?;
        Ok(written)
    }

    /// The mutes in force at an instant.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn mutes_at(&self, at: DateTime<Utc>) -> Result<Vec<Mute>, StoreError> {
        let mut db = self.readers.acquire().await.when("read the mutes")?;
        mutes::in_force(&mut db, at).await
    }

    /// The alerts with these numbers, in order.
    pub(super) async fn alerts_numbered(&self, numbers: &[i64]) -> Result<Vec<(i64, Alert)>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, id, contract, class, severity, kind, subject, object, attribute, from_seq, to_seq, \
             lower(hex(root_before)) AS root_before, lower(hex(root_after)) AS root_after, raised, details FROM outbox \
             WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number",
        )
        .bind(super::wide::list(numbers))
        .fetch_all(&self.readers)
        .await
        .when("read alerts")?;
        rows.iter().map(|row| Ok((Columns::of("outbox", row).get("number")?, alert_of(row)?))).collect()
    }

    /// Alerts by id, in the order in which they were raised; ids that are not there are left out.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn alerts_with_ids(&self, ids: &[String]) -> Result<Vec<Alert>, StoreError> {
        let numbers: Vec<i64> = sqlx::query_scalar(
            "SELECT number FROM outbox WHERE lower(hex(id)) IN (SELECT value FROM json_each(?)) ORDER BY number",
        )
        .bind(super::wide::texts(ids.iter().map(String::as_str)))
        .fetch_all(&self.readers)
        .await
        .when("look up alerts by id")?;
        Ok(self.alerts_numbered(&numbers).await?.into_iter().map(|(_, alert)| alert).collect())
    }

    /// The alerts whose ids in hex begin like that, at most ten.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn alerts_beginning_with(&self, prefix: &str) -> Result<Vec<Alert>, StoreError> {
        let numbers: Vec<i64> =
            sqlx::query_scalar("SELECT number FROM outbox WHERE substr(lower(hex(id)), 1, length(?1)) = ?1 LIMIT 10")
                .bind(prefix)
                .fetch_all(&self.readers)
                .await
                .when("look up an alert by the beginning of its id")?;
        Ok(self.alerts_numbered(&numbers).await?.into_iter().map(|(_, alert)| alert).collect())
    }

    /// When a failed collection of a contract was last alerted with that cause, if no snapshot of it was sealed since. A
    /// contract without a number is known by its name in the configuration.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn last_failure_alert(
        &self,
        name: Option<&str>,
        contract: Option<ContractNumber>,
        cause: &str,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let raised: Option<String> = sqlx::query_scalar(
            "SELECT max(raised) FROM outbox WHERE class = 'run-failed' AND contract IS ?2 \
             AND coalesce(details ->> '$.contract_name', '') = coalesce(?1, '') AND details ->> '$.counts.cause' = ?3 \
             AND raised > coalesce((SELECT max(r.finished) FROM run r LEFT JOIN contract c ON c.id = r.contract \
             WHERE r.state IN ('complete', 'partial') AND r.contract_name IS ?1 AND (?2 IS NULL OR c.number = ?2)), '')",
        )
        .bind(name)
        .bind(contract.map(|contract| number_of(contract.0)))
        .bind(cause)
        .fetch_one(&self.readers)
        .await
        .when("look up when a failure was alerted")?;
        raised.as_deref().map(|raised| instant("outbox", raised)).transpose()
    }

    /// When a failed job was last alerted with that cause, if it has not succeeded since. A run that found nothing to do has
    /// no row, but is the last one of its job.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn last_job_alert(&self, job: &JobId, cause: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let raised: Option<String> = sqlx::query_scalar(
            "SELECT max(raised) FROM outbox WHERE class = 'job-failed' AND details ->> '$.counts.job' = ?1 \
             AND details ->> '$.counts.cause' = ?2 AND raised > coalesce((SELECT max(finished) FROM job_run \
             WHERE job = ?3 AND contract = ?4 AND outcome = 'done'), '') AND NOT EXISTS (SELECT 1 FROM job \
             WHERE name = ?3 AND contract = ?4 AND last_outcome = 'done' AND last_finished >= raised)",
        )
        .bind(job.to_string())
        .bind(cause)
        .bind(&job.name)
        .bind(&job.contract)
        .fetch_one(&self.readers)
        .await
        .when("look up when a failed job was alerted")?;
        raised.as_deref().map(|raised| instant("outbox", raised)).transpose()
    }
}

/// Writes alerts inside a transaction; those whose id is there already are left as they are.
pub(super) async fn write(db: &mut SqliteConnection, outgoing: &[Outgoing]) -> Result<u64, StoreError> {
    let mut written = 0;
    for Outgoing { alert, recipients } in outgoing {
        let Some(number) = write_alert(db, alert).await? else { continue };
        written += 1;
        for (sink, start) in recipients {
            sqlx::query(
                "INSERT INTO delivery (alert, sink, state, due, ended, detail) SELECT ?1, ?2, \
                 CASE WHEN d.sink IS NULL THEN ?3 ELSE 'dead' END, \
                 CASE WHEN d.sink IS NULL AND ?3 = 'pending' THEN ?4 END, \
                 CASE WHEN d.sink IS NULL AND ?3 = 'pending' THEN NULL ELSE ?4 END, \
                 CASE WHEN d.sink IS NOT NULL THEN 'the sink is disabled: ' || d.reason END \
                 FROM (SELECT 1) LEFT JOIN disabled_sink d ON d.sink = ?2",
            )
            .bind(number)
            .bind(sink)
            .bind(start.as_str())
            .bind(to_millis(alert.raised))
            .execute(&mut *db)
            .await
            .when("record the delivery of an alert")?;
        }
    }
    Ok(written)
}

async fn write_alert(db: &mut SqliteConnection, alert: &Alert) -> Result<Option<i64>, StoreError> {
    let details = serde_json::to_string(&alert.details).map_err(|error| StoreError::Inconsistent {
        table: "outbox",
        what: format!("the details of an alert have no JSON form: {error}"),
    })?;
    let span = alert.span.as_ref();
    let root = |text: Option<&str>| text.filter(|text| !text.is_empty()).and_then(|text| hex::decode(text).ok());
    sqlx::query_scalar(
        "INSERT INTO outbox (id, contract, class, severity, kind, subject, object, attribute, from_seq, to_seq, \
         root_before, root_after, raised, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO NOTHING RETURNING number",
    )
    .bind(alert.id.0.to_vec())
    .bind(alert.contract.map(|contract| number_of(contract.0)))
    .bind(alert.class.as_str())
    .bind(alert.severity.as_str())
    .bind(alert.fact.as_ref().map(|fact| fact.kind.code()))
    .bind(alert.fact.as_ref().map(|fact| fact.subject.to_string()))
    .bind(alert.fact.as_ref().and_then(|fact| fact.object.as_deref()).map(str::to_owned))
    .bind(&alert.attribute)
    .bind(span.and_then(|span| span.from).map(|seq| seq.0))
    .bind(span.map(|span| span.to.0))
    .bind(root(span.map(|span| span.root_before.as_str())))
    .bind(root(span.map(|span| span.root_after.as_str())))
    .bind(to_millis(alert.raised))
    .bind(details)
    .fetch_optional(db)
    .await
    .when("write an alert")
}

/// The alert of a row of `outbox`.
pub(super) fn alert_of(row: &SqliteRow) -> Result<Alert, StoreError> {
    let row = Columns::of("outbox", row);
    let id = AlertId(row.digest("id")?);
    let optional = |column: &'static str| row.optional::<String>(column);
    let fact = match (row.optional::<u8>("kind")?, optional("subject")?) {
        (Some(_), Some(subject)) => Some(FactKey {
            kind: row.coded("kind", Kind::from_code)?,
            subject: subject.into(),
            object: optional("object")?.map(Into::into),
        }),
        _ => None,
    };
    let roots = (optional("root_before")?.unwrap_or_default(), optional("root_after")?.unwrap_or_default());
    let from = row.optional_seq("from_seq")?;
    let span = row.optional_seq("to_seq")?.map(|to| Span {
        from,
        to,
        root_before: roots.0.clone(),
        root_after: roots.1.clone(),
    });
    let details: Details = serde_json::from_str(row.get("details")?)
        .map_err(|error| row.inconsistent(format!("the details of alert {id}: {error}")))?;
    Ok(Alert {
        id,
        contract: row.optional_contract("contract")?,
        class: row.word("class", AlertClass::from_word)?,
        severity: row.word("severity", |word| word.parse().ok())?,
        fact,
        attribute: row.get("attribute")?,
        span,
        raised: row.instant("raised")?,
        details,
    })
}
