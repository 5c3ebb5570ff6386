//! Mutes: alerts that are held back from one sink, for a reason and for a while. Critical ones are sent all the same.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::outbox::{self, Outgoing};
use super::seal::number_of;
use crate::domain::alert::{AlertClass, Event};
use crate::domain::id::ContractNumber;
use crate::domain::severity::Severity;
use crate::domain::time::to_millis;

/// The longest that a mute may last.
pub const MAX_MUTE: TimeDelta = TimeDelta::days(30);

/// One mute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mute {
    /// Its number; 0 for one that is not recorded yet.
    pub number: i64,
    /// The sink that gets less.
    pub sink: String,
    /// Only alerts of this class; of every class if nothing is said.
    pub class: Option<AlertClass>,
    /// Only alerts of this contract.
    pub contract: Option<ContractNumber>,
    /// Who asked for it.
    pub person: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub since: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
    /// When it was taken back.
    pub ended: Option<DateTime<Utc>>,
}

impl Mute {
    /// Whether an alert does not go to a sink because of this mute. What is critical does, and so does the news of a mute.
    pub fn covers(&self, sink: &str, class: AlertClass, severity: Severity, contract: Option<ContractNumber>) -> bool {
        self.sink == sink
            && severity < Severity::Critical
            && class != AlertClass::Event(Event::AlertsMuted)
            && self.class.is_none_or(|only| only == class)
            && self.contract.is_none_or(|only| Some(only) == contract)
    }
}

impl Store {
    /// Records a mute together with the alerts that announce it, which name it by its number.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn mute(&self, mute: &Mute, announcement: impl FnOnce(i64) -> Vec<Outgoing>) -> Result<i64, StoreError> {
        let mut transaction = self.begin("begin to mute alerts").await?;
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO mute (sink, class, contract, person, reason, since, until) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(&mute.sink)
        .bind(mute.class.map(AlertClass::as_str))
        .bind(mute.contract.map(|contract| number_of(contract.0)))
        .bind(&mute.person)
        .bind(&mute.reason)
        .bind(to_millis(mute.since))
        .bind(to_millis(mute.until))
        .fetch_one(&mut *transaction)
        .await
        .when("record a mute")?;
        outbox::write(&mut transaction, &announcement(number)).await?;
        transaction.commit().await.when("mute alerts")?;
        Ok(number)
    }

    /// The mute with that number, in force or over.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn mute_numbered(&self, number: i64) -> Result<Option<Mute>, StoreError> {
        let row = sqlx::query("SELECT * FROM mute WHERE id = ?")
            .bind(number)
            .fetch_optional(&self.readers)
            .await
            .when("read a mute")?;
        row.as_ref().map(mute_of).transpose()
    }

    /// Takes a mute back. Answers whether there was one to take back.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn unmute(&self, number: i64, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let update = sqlx::query("UPDATE mute SET ended = ?2 WHERE id = ?1 AND ended IS NULL");
        let done = self.write("take a mute back", update.bind(number).bind(to_millis(at))).await?;
        Ok(done.rows_affected() == 1)
    }
}

/// The mutes in force at an instant, oldest first.
pub(super) async fn in_force(db: &mut SqliteConnection, at: DateTime<Utc>) -> Result<Vec<Mute>, StoreError> {
    let rows = sqlx::query("SELECT * FROM mute WHERE since <= ?1 AND until > ?1 AND ended IS NULL ORDER BY id")
        .bind(to_millis(at))
        .fetch_all(db)
        .await
        .when("read the mutes")?;
    rows.iter().map(mute_of).collect()
}

fn mute_of(row: &SqliteRow) -> Result<Mute, StoreError> {
    let row = Columns::of("mute", row);
    let class = row.optional::<&str>("class")?;
    Ok(Mute {
        number: row.get("id")?,
        sink: row.get("sink")?,
        class: class.map(|_| row.word("class", AlertClass::from_word)).transpose()?,
        contract: row.optional_contract("contract")?,
        person: row.get("person")?,
        reason: row.get("reason")?,
        since: row.instant("since")?,
        until: row.instant("until")?,
        ended: row.optional_instant("ended")?,
    })
}
