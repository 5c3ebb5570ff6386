//! The cover that all reports have: which contract, when, how complete, made by what, and how to derive it again.

use serde::Serialize;

use super::input::{Input, View};
use super::population::{NoticeRow, notice_rows};
use super::recency::RecencyRow;
use crate::domain::alert::DeadLetters;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;

/// What stands above every report. Times are RFC 3339 in UTC to the second.
#[derive(Clone, Debug, Serialize)]
pub struct Cover {
    /// The report's word.
    pub report: &'static str,
    /// The report's title.
    pub title: &'static str,
    /// The organisation's name from the configuration; may be empty.
    pub organisation: String,
    /// The contract's number.
    pub contract_number: u64,
    /// What the configuration calls the contract; may be empty.
    pub contract_name: String,
    /// The contract's status as the API gives it; empty if it could not be read.
    pub contract_status: String,
    /// The owner's e-mail address; empty if it could not be read.
    pub contract_owner: String,
    /// ISO 8601: `2026-10-24/2026-11-23`, or one day where nothing is compared.
    pub period: String,
    /// The month, week or day that the snapshots stand for: `2026-11`; empty where they were named.
    pub period_name: String,
    /// What has to be known about the choice of the snapshots, as sentences.
    pub period_remarks: Vec<String>,
    /// Whether every scope of the snapshot was read to its end.
    pub complete: bool,
    /// `COMPLETE` or `INCOMPLETE`.
    pub population: &'static str,
    /// Scopes there were to read.
    pub scopes: u64,
    /// Scopes that were read to their end.
    pub scopes_complete: u64,
    /// What the runs of the period noticed about their own answers and deserves a look, the latest first.
    pub notices: Vec<NoticeRow>,
    /// What happened after the snapshot that no snapshot shows.
    pub recency: RecencyRow,
    /// Alerts that were given up, by sink.
    pub undelivered_alerts: Vec<UndeliveredAlerts>,
    /// The snapshot reported on.
    pub current: Mark,
    /// The snapshot it is compared with, if any.
    pub before: Option<Mark>,
    /// The instant that ages are counted to.
    pub as_of_utc: String,
    /// Name and version of the program that made the report.
    pub made_by: String,
    /// SHA-256 of the effective configuration, in hex.
    pub config_hash: String,
}

/// Alerts to one sink that were given up.
#[derive(Clone, Debug, Serialize)]
pub struct UndeliveredAlerts {
    /// The sink.
    pub sink: String,
    /// How many.
    pub alerts: u64,
    /// When the first of them was given up.
    pub since_utc: String,
}

impl UndeliveredAlerts {
    fn of(letters: &DeadLetters) -> Self {
        let DeadLetters { sink, alerts, since } = letters;
        Self { sink: sink.clone(), alerts: *alerts, since_utc: to_seconds(*since) }
    }
}

/// A snapshot as it is mentioned.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// Its place in the contract's sequence.
    pub seq: u32,
    /// The label somebody gave it; may be empty.
    pub label: String,
    /// The day its run ended, UTC.
    pub date: String,
    /// The instant its run was for.
    pub nominal_utc: String,
    /// When its run began.
    pub started_utc: String,
    /// When its run ended.
    pub finished_utc: String,
    /// `complete` or `partial`.
    pub state: &'static str,
    /// What caused the run.
    pub schedule: String,
    /// Requests sent, retries included.
    pub requests: u64,
    /// SHA-256 over the state, in hex.
    pub root: String,
    /// Scheme, host and base path of the API.
    pub api: String,
    /// Name and version of the program that collected.
    pub collected_by: String,
}

impl Mark {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self {
            seq: snapshot.seq.0,
            label: snapshot.label.clone().unwrap_or_default(),
            date: snapshot.finished.format("%Y-%m-%d").to_string(),
            nominal_utc: to_seconds(snapshot.nominal),
            started_utc: to_seconds(snapshot.started),
            finished_utc: to_seconds(snapshot.finished),
            state: snapshot.state.as_str(),
            schedule: snapshot.schedule.clone(),
            requests: snapshot.requests,
            root: snapshot.root.clone(),
            api: snapshot.source.api.clone(),
            collected_by: snapshot.source.tool.clone(),
        }
    }
}

impl Cover {
    pub(super) fn of<D: super::Document>(input: &Input) -> Self {
        let snapshot = &input.current.snapshot;
        let contract = input.current.state.contract.as_ref();
        let (scopes, scopes_complete) = input.current.coverage.totals();
        let complete = is_complete(&input.current);
        Self {
            report: D::NAME,
            title: D::TITLE,
            organisation: input.organisation.clone(),
            contract_number: snapshot.contract.0,
            contract_name: input.contract_name.clone(),
            contract_status: contract.and_then(|contract| contract.status.clone()).unwrap_or_default(),
            contract_owner: contract.and_then(|contract| contract.owner.email.clone()).unwrap_or_default(),
            period: period(input),
            period_name: input.period.and_then(|period| period.name()).unwrap_or_default(),
            period_remarks: input.period.map(|period| period.remarks()).unwrap_or_default(),
            complete,
            population: population_word(complete),
            scopes,
            scopes_complete,
            notices: notice_rows(input).into_iter().filter(|notice| notice.deserves_a_look).collect(),
            recency: RecencyRow::of(&input.recency),
            undelivered_alerts: input.dead_letters.iter().map(UndeliveredAlerts::of).collect(),
            current: Mark::of(snapshot),
            before: input.comparison.as_ref().map(|comparison| Mark::of(&comparison.before.snapshot)),
            as_of_utc: to_seconds(input.as_of),
            made_by: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
            config_hash: input.config_hash.clone(),
        }
    }
}

/// Whether the population is complete. Coverage and the snapshot's own state must both say so.
pub(super) fn is_complete(view: &View) -> bool {
    view.coverage.is_complete() && view.snapshot.is_complete()
}

/// The word printed on every page and in every row.
pub(super) fn population_word(complete: bool) -> &'static str {
    if complete { "COMPLETE" } else { "INCOMPLETE" }
}

/// The days from the compared snapshot to this one, or this one's day.
pub(super) fn period(input: &Input) -> String {
    let day = |snapshot: &Snapshot| snapshot.finished.format("%Y-%m-%d").to_string();
    match &input.comparison {
        Some(comparison) => format!("{}/{}", day(&comparison.before.snapshot), day(&input.current.snapshot)),
        None => day(&input.current.snapshot),
    }
}
