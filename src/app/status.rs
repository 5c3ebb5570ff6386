//! What an operator has to know: what ran, what is next, how old the last complete snapshot is, and what needs a person.

use chrono::{DateTime, TimeDelta, Utc};

use super::freshness::{ContractStatus, Expectations};
use crate::domain::job::{JobId, JobOutcome, JobState};
use crate::exit::Exit;
use crate::store::deliveries::DeliveryCounts;
use crate::store::runner::is_served;
use crate::store::{Store, StoreError};

/// An alert that waits longer for its delivery needs a person: nothing delivers, or a sink is down.
pub const MAX_PENDING_AGE: TimeDelta = TimeDelta::hours(2);

/// The state of an installation.
#[derive(Clone, Debug)]
pub struct Status {
    /// When it was read.
    pub at: DateTime<Utc>,
    /// Whether a service runs on the database.
    pub is_served: bool,
    /// The contracts: those of the configuration, then others.
    pub contracts: Vec<ContractStatus>,
    /// The jobs that the service knew when it was started last.
    pub jobs: Vec<(JobId, JobState)>,
    /// Deliveries of alerts that wait, and that were given up.
    pub deliveries: DeliveryCounts,
}

impl Status {
    /// Reads the state, and judges the contracts by what is expected of them.
    pub async fn of(store: &Store, now: DateTime<Utc>, expected: &Expectations) -> Result<Self, StoreError> {
        Ok(Self {
            at: now,
            is_served: is_served(store.path()),
            contracts: expected.judge(store, now).await?,
            jobs: store.job_states().await?.into_iter().collect(),
            deliveries: store.delivery_counts().await?,
        })
    }

    /// 7 if a delivery was given up; 15 if one has been pending for longer than [`MAX_PENDING_AGE`]; 9 if a contract is incomplete or overdue or the last run of a job failed; else 0.
    pub fn exit(&self) -> Exit {
        if self.deliveries.dead > 0 {
            return Exit::Delivery;
        }
        if self.deliveries.oldest_pending.is_some_and(|raised| self.at - raised > MAX_PENDING_AGE) {
            return Exit::Undelivered;
        }
        let stale = self.contracts.iter().any(|contract| contract.freshness.needs_a_person());
        let failed = |state: &JobState| state.last.as_ref().is_some_and(|last| last.outcome == JobOutcome::Failed);
        if stale || self.jobs.iter().any(|(_, state)| failed(state)) { Exit::Incomplete } else { Exit::Done }
    }
}
