//! What an operator has to know: service, contracts, deliveries and jobs.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::text;
use crate::app::freshness::ContractStatus;
use crate::app::status::Status;
use crate::domain::job::{JobId, JobState, LastRun};
use crate::domain::time::to_seconds;
use crate::exit::Exit;

/// The state of an installation.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct StatusV1<'a> {
    schema: &'static str,
    at_utc: String,
    service: ServiceV1,
    contracts: Vec<ContractV1<'a>>,
    alerts: AlertsV1,
    jobs: Vec<JobV1<'a>>,
    /// The exit code of the command.
    exit: u8,
}

#[derive(Debug, Serialize)]
struct ServiceV1 {
    running: bool,
}

#[derive(Debug, Serialize)]
struct ContractV1<'a> {
    name: Option<&'a str>,
    contract: Option<u64>,
    state: &'a str,
    complete_snapshot: Option<u32>,
    complete_utc: Option<String>,
    expected_by_utc: Option<String>,
    detail: &'a str,
}

#[derive(Debug, Serialize)]
struct AlertsV1 {
    pending: u64,
    dead: u64,
    oldest_pending_utc: Option<String>,
}

#[derive(Debug, Serialize)]
struct JobV1<'a> {
    name: &'a str,
    contract: Option<&'a str>,
    state: &'a str,
    last: Option<RunOfJobV1<'a>>,
    next_utc: Option<String>,
    planned: Vec<PlannedV1>,
}

#[derive(Debug, Serialize)]
struct RunOfJobV1<'a> {
    nominal_utc: String,
    started_utc: String,
    finished_utc: String,
    outcome: &'a str,
    detail: &'a str,
}

#[derive(Debug, Serialize)]
struct PlannedV1 {
    nominal_utc: String,
    start_utc: String,
}

impl<'a> StatusV1<'a> {
    /// Without jobs.
    pub(in crate::cli) fn of(status: &'a Status) -> Self {
        let counts = status.deliveries;
        Self {
            schema: "keyholder.status/v1",
            at_utc: to_seconds(status.at),
            service: ServiceV1 { running: status.is_served },
            contracts: status.contracts.iter().map(ContractV1::of).collect(),
            alerts: AlertsV1 {
                pending: counts.pending,
                dead: counts.dead,
                oldest_pending_utc: counts.oldest_pending.map(to_seconds),
            },
            jobs: Vec::new(),
            exit: Exit::code(status.exit()),
        }
    }

    /// Adds a job: its state in a word, when it starts next, and its next runs, each with the instant it is for and its start.
    pub(in crate::cli) fn add_job(
        &mut self,
        id: &'a JobId,
        (word, state): (&'a str, Option<&'a JobState>),
        next: Option<DateTime<Utc>>,
        planned: impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)>,
    ) {
        let planned = planned
            .map(|(nominal, start)| PlannedV1 { nominal_utc: to_seconds(nominal), start_utc: to_seconds(start) });
        self.jobs.push(JobV1 {
            name: &id.name,
            contract: text(&id.contract),
            state: word,
            last: state.and_then(|state| state.last.as_ref()).map(RunOfJobV1::of),
            next_utc: next.map(to_seconds),
            planned: planned.collect(),
        });
    }
}

impl<'a> ContractV1<'a> {
    fn of(contract: &'a ContractStatus) -> Self {
        Self {
            name: contract.name.as_deref(),
            contract: contract.contract.map(|number| number.0),
            state: contract.freshness.as_str(),
            complete_snapshot: contract.complete.map(|(seq, _)| seq.0),
            complete_utc: contract.complete.map(|(_, at)| to_seconds(at)),
            expected_by_utc: contract.deadline.map(to_seconds),
            detail: &contract.detail,
        }
    }
}

impl<'a> RunOfJobV1<'a> {
    fn of(last: &'a LastRun) -> Self {
        Self {
            nominal_utc: to_seconds(last.nominal),
            started_utc: to_seconds(last.started),
            finished_utc: to_seconds(last.finished),
            outcome: last.outcome.as_str(),
            detail: &last.detail,
        }
    }
}
