//! Jobs of the service and their runs. A run is identified by the job's name, its contract and the nominal instant.

use std::fmt;

use chrono::{DateTime, Utc};

/// Which job: its name, and the configured name of its contract.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId {
    /// The name of the job in the configuration.
    pub name: String,
    /// The name of the contract in the configuration; empty for a job of the whole database.
    pub contract: String,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.contract.is_empty() { f.pad(&self.name) } else { write!(f, "{} of {}", self.name, self.contract) }
    }
}

/// How the run of an instant ended, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobOutcome {
    /// It ran to its end.
    Done,
    /// It ran and failed.
    Failed,
    /// It was not run before a later instant was due, because no service ran or another job took that long.
    Missed,
    /// The previous run of the same job was still under way.
    Skipped,
}

impl JobOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Missed, Self::Skipped];

    /// The word printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Missed => "missed",
            Self::Skipped => "skipped",
        }
    }

    /// The outcome with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

impl fmt::Display for JobOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of a job between two runs, and after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobState {
    /// The canonical text of its schedule.
    pub schedule: String,
    /// When the job was first seen with this schedule: no instant up to it counts.
    pub since: DateTime<Utc>,
    /// The newest nominal instant that has an outcome.
    pub nominal: Option<DateTime<Utc>>,
    /// The run that began and has no outcome yet.
    pub begun: Option<Begun>,
    /// The last run that ended.
    pub last: Option<LastRun>,
}

/// A run that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The instant it is for.
    pub nominal: DateTime<Utc>,
    /// How often it began: more than once when the process ended during the run.
    pub attempts: u32,
}

/// The last run of a job that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// The instant it was for.
    pub nominal: DateTime<Utc>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub finished: DateTime<Utc>,
    /// How it ended.
    pub outcome: JobOutcome,
    /// What came of it, or why it failed.
    pub detail: String,
}

/// Instants of a job with one outcome: a run, or one or several instants without a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRun {
    /// The job.
    pub job: JobId,
    /// The nominal instant; of several the first.
    pub nominal: DateTime<Utc>,
    /// How many instants this stands for; more than one only where too many were missed to be listed.
    pub instants: u64,
    /// When it began, if it ran.
    pub started: Option<DateTime<Utc>>,
    /// When it ended, or when it was found that it had not run.
    pub finished: DateTime<Utc>,
    /// How it ended.
    pub outcome: JobOutcome,
    /// What came of it, or why it failed.
    pub detail: String,
}
