//! Puts together what a report is built from: a snapshot, what it is compared with, and what happened in between.

use std::collections::BTreeMap;
use std::time::Duration;

use super::recency::recency;
use super::search;
use crate::analyse::diff::{AnalyseError, around, meanings};
use crate::analyse::grants::grants;
use crate::analyse::in_between::in_between;
use crate::config;
use crate::domain::change::{Change, Meaning};
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::period::{self, Calendar, ReviewPeriod, Reviewed};
use crate::domain::recency::Horizon;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;
use crate::domain::untrusted::Untrusted;
use crate::report::input::{Comparison, Input, View};
use crate::store::names::KnownObject;
use crate::store::{Store, StoreError};

/// Which snapshots a report is asked to be about, in the words of [`period::select`].
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The snapshot reported on. Without it, the one that is compared with decides: the latest if that is named, or else the
    /// end of the month that is reviewed by default.
    pub as_of: Option<String>,
    /// What to compare it with; without it, the end of the month before.
    pub since: Option<String>,
}

/// The snapshots that a report is about.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The one reported on.
    pub current: Snapshot,
    /// The one it is compared with.
    pub since: Option<Snapshot>,
    /// The period that they stand for, unless both were named.
    pub period: Option<ReviewPeriod>,
    /// Up to when what is recorded beside the snapshots counts.
    horizon: Horizon,
    /// Whether a rule decided which they are, because a month, a date or nothing was named.
    pub by_rule: bool,
    snapshots: Vec<Snapshot>,
}

impl Taken {
    /// The snapshots that stand for a period, out of all, and the word that named the later one.
    pub fn of(reviewed: &Reviewed<'_>, snapshots: &[Snapshot], asked: Option<&str>, calendar: Calendar) -> Self {
        Self {
            current: reviewed.current.clone(),
            since: reviewed.since.cloned(),
            period: Some(reviewed.period),
            horizon: Horizon::of(asked, reviewed.current, snapshots, calendar),
            by_rule: true,
            snapshots: snapshots.to_vec(),
        }
    }
}

impl Taken {
    /// Which snapshots these are, as words: `Period 2026-11: snapshot 3 of … compared with snapshot 2 of …`.
    pub fn described(&self) -> String {
        let name = self.period.and_then(|period| period.name()).map(|name| format!("Period {name}: "));
        let beside = self.since.as_ref().map_or_else(
            || ", and no earlier one to compare it with".to_owned(),
            |since| format!(" compared with {}", described(since)),
        );
        format!("{}{}{beside}", name.unwrap_or_default(), described(&self.current))
    }
}

/// A snapshot in words: its number and when its run ended.
pub fn described(snapshot: &Snapshot) -> String {
    format!("snapshot {} of {}", snapshot.seq, to_seconds(snapshot.finished))
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The store has no such snapshot, or cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored cannot be interpreted.
    #[error(transparent)]
    Analyse(#[from] AnalyseError),
    /// The two snapshots are in the wrong order.
    #[error("compare snapshot {as_of} with {since}: the comparison must be with an earlier snapshot")]
    Backwards {
        /// The snapshot asked for.
        as_of: Seq,
        /// The one it was to be compared with.
        since: Seq,
    },
    /// Nobody and nothing was ever called that.
    #[error("find {name:?}: no user, group, resource or key of contract {contract} was ever called that")]
    Unknown {
        /// What was asked for.
        name: Untrusted,
        /// Where.
        contract: ContractNumber,
    },
    /// Several objects are called that.
    #[error("find {name:?}: {} objects match{}", hits.len(), search::listed(hits))]
    Ambiguous {
        /// What was asked for.
        name: Untrusted,
        /// What it could mean.
        hits: Vec<KnownObject>,
    },
}

/// Settings that a report shows or goes by.
#[derive(Clone, Debug)]
pub struct Cover {
    /// The organisation's name.
    pub organisation: String,
    /// SHA-256 of the effective configuration, in hex.
    pub config_hash: String,
    /// What the configuration calls contracts.
    pub contract_names: BTreeMap<ContractNumber, String>,
    /// Without a sign-in for longer than that an active user counts as dormant; reports count in whole days.
    pub dormant_after: Duration,
    /// Without a complete snapshot for longer than that a contract is overdue, unless it is collected less often.
    pub overdue_after: Duration,
}

impl Default for Cover {
    /// Nobody's name, no hash, and otherwise what the configuration has when it says nothing.
    fn default() -> Self {
        let config::Report { organisation, dormant_after, .. } = config::Report::default();
        let config::Alerts { overdue_after, .. } = config::Alerts::default();
        let (config_hash, contract_names) = (String::new(), BTreeMap::new());
        Self { organisation, config_hash, contract_names, dormant_after, overdue_after }
    }
}

/// The snapshots that a question is about.
pub async fn take(
    store: &Store,
    contract: ContractNumber,
    question: &Question,
    calendar: Calendar,
) -> Result<Taken, ReviewError> {
    let snapshots = store.snapshots(contract).await?;
    let Some(since) = &question.since else {
        let asked = question.as_of.as_deref();
        let reviewed = period::review(&snapshots, contract, asked, calendar).map_err(StoreError::from)?;
        return Ok(Taken::of(&reviewed, &snapshots, asked, calendar));
    };
    let select = |asked: &str| period::select(&snapshots, contract, asked, calendar).map_err(StoreError::from);
    let current = select(question.as_of.as_deref().unwrap_or("latest"))?;
    let since = select(since)?;
    let by_rule = current.by_time || since.by_time;
    let (current, since) = (current.snapshot.clone(), since.snapshot.clone());
    if since.seq >= current.seq {
        return Err(ReviewError::Backwards { as_of: current.seq, since: since.seq });
    }
    let horizon = Horizon::of(question.as_of.as_deref(), &current, &snapshots, calendar);
    Ok(Taken { current, since: Some(since), period: None, horizon, by_rule, snapshots })
}

/// Everything a report needs about the snapshots that were taken.
pub async fn input(store: &Store, taken: Taken, cover: &Cover) -> Result<Input, ReviewError> {
    let Taken { current, since, period, horizon, snapshots, .. } = taken;
    let (contract, upto, as_of) = (current.contract, current.seq, current.finished);
    let recency = recency(store, &snapshots, &horizon, cover.overdue_after).await?;
    let current = view(store, current).await?;
    let comparison = match since {
        Some(since) => Some(compare(store, since, &current).await?),
        None => None,
    };
    let first = comparison.as_ref().map_or(upto, |comparison| Seq(comparison.before.snapshot.seq.0 + 1));
    Ok(Input {
        notices: store.notices_of(contract, first..=upto).await?,
        dead_letters: store.dead_letters(contract, horizon.until).await?,
        recency,
        current,
        comparison,
        period,
        snapshots: snapshots.into_iter().filter(|one| one.seq <= upto).map(|one| (one.seq, one)).collect(),
        organisation: cover.organisation.clone(),
        config_hash: cover.config_hash.clone(),
        contract_name: cover.contract_names.get(&contract).cloned().unwrap_or_default(),
        as_of,
        dormant_days: whole_days(cover.dormant_after),
    })
}

/// The days that are over when the span is. Ages in reports are cut the same way, so somebody away for more days than
/// this was away for longer than the span.
fn whole_days(span: Duration) -> i64 {
    i64::try_from(span.as_secs() / 86_400).unwrap_or(i64::MAX)
}

async fn view(store: &Store, snapshot: Snapshot) -> Result<View, ReviewError> {
    let coverage = store.coverage(snapshot.contract, snapshot.seq).await?;
    let state = store.state(snapshot.contract, snapshot.seq).await?;
    let collector = store.collector(snapshot.contract, snapshot.seq).await?;
    let grants = grants(&state);
    Ok(View { snapshot, coverage, collector, state, grants })
}

async fn compare(store: &Store, since: Snapshot, current: &View) -> Result<Comparison, ReviewError> {
    let before = view(store, since).await?;
    let (from, to) = (before.snapshot.seq, current.snapshot.seq);
    let changes = store.net(current.snapshot.contract, from, to).await?;
    let net = meanings(&changes, &before.state, &current.state, from)?;
    let events = events(store, current.snapshot.contract, from, to).await?;
    let in_between = in_between(&events, &net);
    Ok(Comparison { before, net, in_between })
}

/// What every event of the snapshots after `from` up to `to` meant at its time, in order of snapshot.
pub async fn events(store: &Store, contract: ContractNumber, from: Seq, to: Seq) -> Result<Vec<Meaning>, ReviewError> {
    explain(store, contract, store.events(contract, from, to).await?).await
}

/// What events meant at their time: each is judged by the states before and after its own snapshot.
pub async fn explain(
    store: &Store,
    contract: ContractNumber,
    events: Vec<Change>,
) -> Result<Vec<Meaning>, ReviewError> {
    let mut by_seq: BTreeMap<Seq, Vec<Change>> = BTreeMap::new();
    for event in events {
        by_seq.entry(event.seq).or_default().push(event);
    }
    let mut explained = Vec::new();
    for (seq, changes) in by_seq {
        explained.extend(understand(store, contract, &changes, Seq(seq.0.saturating_sub(1)), seq).await?);
    }
    Ok(explained)
}

/// What changes mean between two snapshots. Of both states only so much is read as that takes.
pub async fn understand(
    store: &Store,
    contract: ContractNumber,
    changes: &[Change],
    from: Seq,
    to: Seq,
) -> Result<Vec<Meaning>, ReviewError> {
    let (earlier, later) = around(changes);
    let before = store.state_around(contract, from, &earlier).await?;
    let after = store.state_around(contract, to, &later).await?;
    Ok(meanings(changes, &before, &after, from)?)
}
