//! An alert with one of its deliveries, and a mute.

use std::collections::BTreeMap;

use serde::Serialize;

use super::text;
use crate::domain::alert::AlertClass;
use crate::domain::time::to_seconds;
use crate::store::deliveries::DeliveryRow;
use crate::store::mutes::Mute;

/// The labels behind which a name stands.
const NAMES: [&str; 2] = ["job", "sink"];

/// An alert and what became of it at one sink. Names stand in `alerts show` only.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct DeliveryV1<'a> {
    alert_id: String,
    raised_utc: String,
    contract: Option<u64>,
    contract_name: Option<&'a str>,
    severity: &'a str,
    class: &'a str,
    kind: Option<&'a str>,
    subject_id: Option<&'a str>,
    object_id: Option<&'a str>,
    attribute: Option<&'a str>,
    from_snapshot: Option<u32>,
    snapshot: Option<u32>,
    reason: Option<&'a str>,
    /// Label and value.
    counts: BTreeMap<&'a str, Figure<'a>>,
    sink: Option<&'a str>,
    state: Option<&'a str>,
    attempts: u32,
    due_utc: Option<String>,
    detail: Option<&'a str>,
}

impl<'a> DeliveryV1<'a> {
    pub(in crate::cli) fn of(row: &'a DeliveryRow, contract_name: &'a str) -> Self {
        let alert = &row.alert;
        let (fact, span) = (alert.fact.as_ref(), alert.span.as_ref());
        Self {
            alert_id: alert.id.to_string(),
            raised_utc: to_seconds(alert.raised),
            contract: alert.contract.map(|contract| contract.0),
            contract_name: text(contract_name).or_else(|| text(&alert.details.contract_name)),
            severity: alert.severity.as_str(),
            class: alert.class.as_str(),
            kind: fact.map(|fact| fact.kind.as_str()),
            subject_id: fact.map(|fact| &*fact.subject),
            object_id: fact.and_then(|fact| fact.object.as_deref()),
            attribute: text(&alert.attribute),
            from_snapshot: span.and_then(|span| span.from).map(|seq| seq.0),
            snapshot: span.map(|span| span.to.0),
            reason: text(&alert.details.reason),
            counts: alert.details.counts.iter().map(|(label, value)| (&**label, Figure::of(label, value))).collect(),
            sink: row.sink.as_deref(),
            state: text(&row.state),
            attempts: row.attempts,
            due_utc: row.due.map(to_seconds),
            detail: text(&row.detail),
        }
    }
}

/// A number, or the words that stand for one or beside them: `not read`, `at least 1`, the name of a job.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Figure<'a> {
    Number(u64),
    Text(Option<&'a str>),
}

impl<'a> Figure<'a> {
    /// A name is a text, also if it consists of digits.
    fn of(label: &str, value: &'a str) -> Self {
        match value.parse() {
            Ok(number) if !NAMES.contains(&label) => Self::Number(number),
            _ => Self::Text(text(value)),
        }
    }
}

/// A mute in force.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct MuteV1<'a> {
    mute: i64,
    sink: &'a str,
    /// Null if it covers all classes.
    class: Option<&'a str>,
    /// Null if it covers all contracts.
    contract: Option<u64>,
    since_utc: String,
    until_utc: String,
    person: &'a str,
    reason: &'a str,
}

impl<'a> MuteV1<'a> {
    pub(in crate::cli) fn of(mute: &'a Mute) -> Self {
        Self {
            mute: mute.number,
            sink: &mute.sink,
            class: mute.class.map(AlertClass::as_str),
            contract: mute.contract.map(|contract| contract.0),
            since_utc: to_seconds(mute.since),
            until_utc: to_seconds(mute.until),
            person: &mute.person,
            reason: &mute.reason,
        }
    }
}
