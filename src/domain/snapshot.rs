//! Runs and snapshots: attempts to collect a contract, and the sealed ones with their place in the sequence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};

use super::count::Count;
use super::fact::Kind;
use super::id::{ContractNumber, Seq};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunState {
    /// Under way, or interrupted without a record.
    Collecting,
    /// Sealed, every scope complete.
    Complete,
    /// Sealed, some scopes not complete.
    Partial,
    /// Ended without a snapshot.
    Failed,
    /// Stopped before the end; kept, never compared.
    Interrupted,
}

impl RunState {
    /// The word printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collecting => "collecting",
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The state with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Collecting, Self::Complete, Self::Partial, Self::Failed, Self::Interrupted]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a snapshot's facts came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Scheme, host and base path of the API, without credentials or query.
    pub api: String,
    /// Name and version of the program that collected.
    pub tool: String,
}

/// One attempt to collect a contract, sealed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number in the database.
    pub number: u64,
    /// The contract; `None` unless the run was sealed.
    pub contract: Option<ContractNumber>,
    /// Its snapshot.
    pub seq: Option<Seq>,
    /// Where it stands.
    pub state: RunState,
    /// Why it ended without a snapshot.
    pub reason: Option<String>,
    /// What caused it: `manual`, or the name of a schedule.
    pub schedule: String,
    /// The instant it was for.
    pub nominal: DateTime<Utc>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended; `None` while it is running, or if it was interrupted.
    pub finished: Option<DateTime<Utc>>,
    /// Requests sent, retries included; counted when it is sealed.
    pub requests: u64,
    /// Where it collected from.
    pub source: Source,
}

/// A sealed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The contract.
    pub contract: ContractNumber,
    /// Its place in the contract's sequence.
    pub seq: Seq,
    /// `complete` or `partial`.
    pub state: RunState,
    /// What caused the run: `manual`, or the name of a schedule.
    pub schedule: String,
    /// The instant the run was for.
    pub nominal: DateTime<Utc>,
    /// When the walk began.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub finished: DateTime<Utc>,
    /// A name somebody gave it.
    pub label: Option<String>,
    /// Where the facts came from.
    pub source: Source,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Known facts per kind; what that counts for is said by [`Snapshot::count`].
    pub totals: BTreeMap<Kind, u64>,
    /// The kinds of facts of which not everything was read.
    pub unread: BTreeSet<Kind>,
    /// Facts that began, ended and changed against the snapshot before.
    pub began: u64,
    /// See [`Snapshot::began`].
    pub ended: u64,
    /// See [`Snapshot::began`].
    pub changed: u64,
    /// SHA-256 over the state, in hex: equal states have equal roots.
    pub root: String,
}

impl Snapshot {
    /// Known facts of one kind.
    pub fn total(&self, kind: Kind) -> u64 {
        self.totals.get(&kind).copied().unwrap_or(0)
    }

    /// How many facts of one kind there are, as far as they were read.
    pub fn count(&self, kind: Kind) -> Count {
        Count::of(self.total(kind), !self.unread.contains(&kind))
    }

    /// Whether every scope was complete.
    pub fn is_complete(&self) -> bool {
        self.state == RunState::Complete
    }

    /// One line: what was sealed, and how it differs from before.
    pub fn summary(&self) -> String {
        self.summary_of(&self.contract)
    }

    /// The same, with another way to call the contract.
    pub fn summary_of(&self, contract: &dyn fmt::Display) -> String {
        let counts = [
            (Kind::User, "users"),
            (Kind::Group, "groups"),
            (Kind::Member, "memberships"),
            (Kind::Resource, "resources"),
            (Kind::Share, "shares"),
            (Kind::Key, "keys"),
        ];
        let counts = counts.map(|(kind, plural)| self.count(kind).of_things(plural));
        format!(
            "contract {} snapshot {} {}: {}; {} began, {} ended, {} changed; {} requests",
            contract,
            self.seq,
            self.state,
            counts.join(", "),
            self.began,
            self.ended,
            self.changed,
            self.requests,
        )
    }
}

#[cfg(test)]
impl Snapshot {
    /// A manual snapshot of contract 1 with nothing in it, for rules that only look at its time and state.
    pub(super) fn made_up(seq: u32, state: RunState, finished: DateTime<Utc>) -> Self {
        Self {
            contract: ContractNumber(1),
            seq: Seq(seq),
            state,
            schedule: "manual".to_owned(),
            nominal: finished,
            started: finished,
            finished,
            label: None,
            source: Source { api: String::new(), tool: String::new() },
            requests: 0,
            totals: BTreeMap::new(),
            unread: BTreeSet::new(),
            began: 0,
            ended: 0,
            changed: 0,
            root: String::new(),
        }
    }
}
