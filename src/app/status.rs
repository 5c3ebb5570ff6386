//! What an operator has to know: what ran, what is next, how old the last complete snapshot is, and what needs a person.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::id::ContractNumber;
use crate::domain::job::{JobId, JobOutcome, JobState};
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::store::deliveries::DeliveryCounts;
use crate::store::overview::Newest;
use crate::store::runner::is_served;
use crate::store::{Store, StoreError};

/// The state of an installation.
#[derive(Clone, Debug)]
pub struct Status {
    /// Whether a service runs on the database.
    pub is_served: bool,
    /// The contracts, by number.
    pub contracts: Vec<ContractStatus>,
    /// The jobs that the service knew when it was started last.
    pub jobs: Vec<(JobId, JobState)>,
    /// Deliveries of alerts that wait, and that were given up.
    pub deliveries: DeliveryCounts,
}

/// The newest snapshots of a contract, judged by their age.
#[derive(Clone, Debug)]
pub struct ContractStatus {
    /// The contract.
    pub contract: ContractNumber,
    /// How it stands.
    pub freshness: Freshness,
    /// When the last complete snapshot ended.
    pub complete: Option<DateTime<Utc>>,
    /// In words, with the snapshot and its age.
    pub detail: String,
}

/// Whether what is known of a contract is complete and young.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The newest snapshot is complete and young.
    Fresh,
    /// The newest snapshot is not complete.
    Incomplete,
    /// The last complete snapshot is older than it may be, or there is none.
    Overdue,
}

impl Freshness {
    /// The word printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Incomplete => "incomplete",
            Self::Overdue => "overdue",
        }
    }
}

impl Status {
    /// Reads the state. A complete snapshot that is older than `overdue_after` is overdue.
    pub async fn of(store: &Store, now: DateTime<Utc>, overdue_after: Duration) -> Result<Self, StoreError> {
        let contracts = store.newest_snapshots().await?;
        Ok(Self {
            is_served: is_served(store.path()),
            contracts: contracts
                .iter()
                .map(|newest| with_collector(judge(newest, now, overdue_after), newest))
                .collect(),
            jobs: store.job_states().await?.into_iter().collect(),
            deliveries: store.delivery_counts().await?,
        })
    }

    /// 7 if a delivery was given up; 9 if a contract is incomplete or overdue or the last run of a job failed; else 0.
    pub fn exit(&self) -> Exit {
        if self.deliveries.dead > 0 {
            return Exit::Delivery;
        }
        let stale = self.contracts.iter().any(|contract| contract.freshness != Freshness::Fresh);
        let failed = |state: &JobState| state.last.as_ref().is_some_and(|last| last.outcome == JobOutcome::Failed);
        if stale || self.jobs.iter().any(|(_, state)| failed(state)) { Exit::Incomplete } else { Exit::Done }
    }
}

/// Says whose credentials collected the newest snapshot.
fn with_collector(mut status: ContractStatus, newest: &Newest) -> ContractStatus {
    if let Some(collector) = &newest.collector {
        status.detail = format!("{}; collected by {collector}", status.detail);
    }
    status
}

fn judge(newest: &Newest, now: DateTime<Utc>, overdue_after: Duration) -> ContractStatus {
    let contract = newest.contract;
    let Some((seq, finished)) = newest.complete else {
        let detail = "no complete snapshot yet".to_owned();
        return ContractStatus { contract, freshness: Freshness::Overdue, complete: None, detail };
    };
    let age = (now - finished).to_std().unwrap_or_default();
    let last = format!("snapshot {seq}, {} h old", age.as_secs() / 3600);
    let (freshness, detail) = match newest.sealed {
        _ if age > overdue_after => {
            (Freshness::Overdue, format!("{last}, expected every {} h", overdue_after.as_secs() / 3600))
        }
        Some((sealed, at)) if sealed > seq => {
            (Freshness::Incomplete, format!("{last}; snapshot {sealed} of {} is not complete", to_seconds(at)))
        }
        _ => (Freshness::Fresh, last),
    };
    ContractStatus { contract, freshness, complete: Some(finished), detail }
}
