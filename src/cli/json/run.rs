//! An attempt to collect.

use serde::Serialize;

use super::text;
use crate::domain::snapshot::Run;
use crate::domain::time::to_seconds;

/// A run.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct RunV1<'a> {
    run: u64,
    state: &'a str,
    contract: Option<u64>,
    contract_name: Option<&'a str>,
    snapshot: Option<u32>,
    schedule: &'a str,
    nominal_utc: String,
    started_utc: String,
    finished_utc: Option<String>,
    requests: u64,
    reason: Option<&'a str>,
    api: &'a str,
    collector_version: &'a str,
}

impl<'a> RunV1<'a> {
    pub(in crate::cli) fn of(run: &'a Run, contract_name: &'a str) -> Self {
        Self {
            run: run.number,
            state: run.state.as_str(),
            contract: run.contract.map(|contract| contract.0),
            contract_name: text(contract_name),
            snapshot: run.seq.map(|seq| seq.0),
            schedule: &run.schedule,
            nominal_utc: to_seconds(run.nominal),
            started_utc: to_seconds(run.started),
            finished_utc: run.finished.map(to_seconds),
            requests: run.requests,
            reason: run.reason.as_deref(),
            api: &run.source.api,
            collector_version: &run.source.tool,
        }
    }
}
