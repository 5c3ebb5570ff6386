//! What a job of the service is: work that is called for one nominal instant, can be stopped, and says how it ended.

use chrono::{DateTime, Utc};
use futures::future::LocalBoxFuture;

pub(super) use crate::app::collect::reasons;
use crate::app::stop::Stop;
use crate::domain::job::JobId;
use crate::exit::Exit;
use crate::seams::Seams;
use crate::store::Store;

/// The kind of jobs that deliver alerts. They have a lane of their own.
pub(super) const DELIVER: &str = "deliver";

/// What one run of a job works with.
#[derive(Clone, Debug)]
pub struct Call {
    /// The job.
    pub job: JobId,
    /// The instant that the run is for.
    pub nominal: DateTime<Utc>,
    /// The database.
    pub store: Store,
    /// Clock and randomness.
    pub seams: Seams,
    /// Stops the run.
    pub stop: Stop,
}

/// How a run ended that did not fail in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did its work.
    Done {
        /// What came of it, in one line.
        detail: String,
        /// The code that a command doing the same would end with: 0 or 9.
        exit: Exit,
    },
    /// It failed, and its alert is in the outbox already.
    Alerted(JobFailure),
    /// There was nothing to do: no row is kept of it.
    Idle,
    /// Another process holds what it needs: it is due again at the next tick.
    Busy(String),
    /// What it waits for is not there yet: it is due again after a minute.
    Waiting(String),
    /// It was stopped, and is due again.
    Stopped,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JobFailure {
    /// The reasons in one line.
    pub reason: String,
    /// The code that a command doing the same would end with.
    pub exit: Exit,
}

/// How a run ended.
pub type JobResult = Result<Ended, JobFailure>;

/// Work that the service can do on a schedule.
pub trait Job: Send + Sync {
    /// The kind, as the configuration names it.
    fn kind(&self) -> &'static str;

    /// Does the work of one instant. It stays on the thread of the service: collecting on one thread is the cheapest.
    fn run(&self, call: Call) -> LocalBoxFuture<'static, JobResult>;
}
