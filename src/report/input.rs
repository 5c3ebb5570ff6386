//! What every report is built from: one snapshot, optionally compared with an earlier one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::alert::DeadLetters;
use crate::domain::change::Meaning;
use crate::domain::coverage::Coverage;
use crate::domain::grant::Grant;
use crate::domain::id::Seq;
use crate::domain::notice::Notice;
use crate::domain::period::ReviewPeriod;
use crate::domain::principal::Collector;
use crate::domain::recency::Recency;
use crate::domain::snapshot::Snapshot;
use crate::domain::state::State;

/// One snapshot with everything derived from it.
#[derive(Clone, Debug)]
pub struct View {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// How complete its population is.
    pub coverage: Coverage,
    /// Whose credentials collected it; `None` for one that was sealed before that was kept.
    pub collector: Option<Collector>,
    /// What was so.
    pub state: State,
    /// Effective access, in order of user and entitlement.
    pub grants: Vec<Grant>,
}

/// What happened between two snapshots of one contract.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The earlier snapshot.
    pub before: View,
    /// What is different between the two, most severe first.
    pub net: Vec<Meaning>,
    /// What came and went in between, or happened more than once: events of (before, after] that the net view does not show,
    /// in order of snapshot.
    pub in_between: Vec<Meaning>,
}

/// Everything a report may show.
#[derive(Clone, Debug)]
pub struct Input {
    /// The snapshot reported on.
    pub current: View,
    /// What it is compared with, if there is an earlier one.
    pub comparison: Option<Comparison>,
    /// The period that the two stand for, unless both were named.
    pub period: Option<ReviewPeriod>,
    /// All snapshots of the contract up to the current one, for dates and trends.
    pub snapshots: BTreeMap<Seq, Snapshot>,
    /// What the runs noticed about how far their own answers can be trusted: of every snapshot after the compared one up to
    /// the current one, or of the current one alone. Only snapshots with notices.
    pub notices: BTreeMap<Seq, Vec<Notice>>,
    /// What happened after the current snapshot that no snapshot shows.
    pub recency: Recency,
    /// Alerts that could not be delivered, by sink.
    pub dead_letters: Vec<DeadLetters>,
    /// The organisation's name for the cover, from the configuration; may be empty.
    pub organisation: String,
    /// SHA-256 of the effective configuration, in hex.
    pub config_hash: String,
    /// What the configuration calls the contract; may be empty.
    pub contract_name: String,
    /// The instant ages are counted to: the end of the current snapshot's run unless asked otherwise.
    pub as_of: DateTime<Utc>,
    /// Whole days without a sign-in beyond which an active user counts as dormant, from the configuration.
    pub dormant_days: i64,
}
