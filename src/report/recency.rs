//! How recent the reported snapshot is, as it stands on every cover.

use serde::Serialize;

use crate::domain::recency::{FailedAttempts, OtherContract, Recency, StoppedSchedule};
use crate::domain::time::to_seconds;

/// What happened after the snapshot that no snapshot shows.
#[derive(Clone, Debug, Serialize)]
pub struct RecencyRow {
    /// Whether the next snapshot should be there and is not.
    pub outdated: bool,
    /// By when the next complete snapshot was due; empty if it is not overdue.
    pub overdue_since_utc: String,
    /// Attempts that ended without a snapshot.
    pub failed_attempts: Option<FailedRow>,
    /// A schedule that missed runs.
    pub stopped_schedule: Option<StoppedRow>,
    /// Another contract that is collected in its place.
    pub other_contract: Option<OtherRow>,
    /// All of that as sentences.
    pub sentences: Vec<String>,
}

/// Attempts that ended without a snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct FailedRow {
    /// How many.
    pub count: u64,
    /// When the first began.
    pub first_utc: String,
    /// When the last began.
    pub last_utc: String,
    /// Why the last one failed.
    pub reason: String,
}

/// A schedule that missed runs.
#[derive(Clone, Debug, Serialize)]
pub struct StoppedRow {
    /// What its runs are recorded under.
    pub name: String,
    /// How many it missed.
    pub missed_runs: u64,
    /// The first instant that was missed.
    pub since_utc: String,
}

/// Another contract that is collected.
#[derive(Clone, Debug, Serialize)]
pub struct OtherRow {
    /// Its number.
    pub number: u64,
    /// How many snapshots it has.
    pub snapshots: u64,
    /// When the first was sealed.
    pub since_utc: String,
}

impl RecencyRow {
    pub(super) fn of(recency: &Recency) -> Self {
        let failed = |FailedAttempts { count, first, last, reason }: &FailedAttempts| FailedRow {
            count: *count,
            first_utc: to_seconds(*first),
            last_utc: to_seconds(*last),
            reason: reason.clone(),
        };
        let stopped = |StoppedSchedule { name, missed, since }: &StoppedSchedule| StoppedRow {
            name: name.clone(),
            missed_runs: *missed,
            since_utc: to_seconds(*since),
        };
        let other = |OtherContract { number, snapshots, since }: &OtherContract| OtherRow {
            number: number.0,
            snapshots: *snapshots,
            since_utc: to_seconds(*since),
        };
        Self {
            outdated: recency.is_outdated(),
            overdue_since_utc: recency.overdue_since.map(to_seconds).unwrap_or_default(),
            failed_attempts: recency.failed.as_ref().map(failed),
            stopped_schedule: recency.stopped.as_ref().map(stopped),
            other_contract: recency.replaced.as_ref().map(other),
            sentences: recency.sentences(),
        }
    }
}
