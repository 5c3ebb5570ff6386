//! The journal of a walk: outcomes are kept during the walk, so that a later process can resume it.
//!
//! Where they are kept is not known here. No outcome is kept before the contract is confirmed: what is in the journal of a
//! run belongs to one contract.

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::error::CollectError;
use super::outcome::Outcome;
use crate::api::room::PARENT;

/// Outcomes that are kept at once: a commit costs as much as a request or two.
const BATCH: usize = 200;

/// The longest that an outcome waits to be kept.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Why a journal could not be kept or read.
pub type JournalError = Box<dyn Error + Send + Sync>;

/// Where outcomes are kept.
pub trait Journal: Sync {
    /// Keeps outcomes behind those that were kept before: all of them or none.
    fn keep(&self, outcomes: Vec<String>) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// Of the text of an outcome below a group or user, what says how it was read; [`PARENT`] stands for that.
const ENVELOPE: u64 = 480;

/// What an interrupted part of the run has read, for the part that resumes it.
#[derive(Debug, Default)]
pub struct Checkpoint {
    outcomes: Vec<Outcome>,
    weight: u64,
    newest: Option<DateTime<Utc>>,
}

impl Checkpoint {
    /// Reads what a journal has, in the order in which it was kept.
    pub fn read(kept: Vec<String>) -> Result<Self, JournalError> {
        let mut checkpoint = Self { outcomes: Vec::with_capacity(kept.len()), ..Self::default() };
        for text in kept {
            let outcome = Outcome::read(&text)?;
            checkpoint.weight += weight(&outcome, text.len() as u64);
            let answered = outcome.efforts().into_iter().filter_map(|(_, effort)| effort.last_at).max();
            checkpoint.newest = checkpoint.newest.max(answered);
            checkpoint.outcomes.push(outcome);
        }
        Ok(checkpoint)
    }

    /// What it takes in the room of the run, in bytes; about: its text, and what users and groups bring along.
    /// Less than its answers took when they arrived, since they are not held as they were spelled any more.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// When the last of its answers was read.
    pub fn newest(&self) -> Option<DateTime<Utc>> {
        self.newest
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    pub(super) fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }
}

/// Bytes that a run keeps of an outcome whose text has that length, about.
fn weight(outcome: &Outcome, length: u64) -> u64 {
    match outcome {
        Outcome::Page(page) => length + page.users.len() as u64 * PARENT,
        Outcome::Groups(groups) => length + groups.items.len() as u64 * PARENT,
        Outcome::OfGroup(_) | Outcome::OfUser(_) => length.saturating_sub(ENVELOPE),
        Outcome::Contract(_)
        | Outcome::Resources(_)
        | Outcome::Unlisted(_)
        | Outcome::Relisted(_)
        | Outcome::Spent(_) => length,
    }
}

/// Gathers outcomes and keeps them in batches, one at a time, during the walk.
pub(super) struct Keeper<'a> {
    journal: Option<&'a dyn Journal>,
    /// Whether it is certain which contract the outcomes belong to.
    open: bool,
    gathered: Vec<String>,
    /// When the first of them has waited long enough.
    due: Option<Instant>,
    writing: Option<BoxFuture<'a, Result<(), JournalError>>>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(journal: Option<&'a dyn Journal>) -> Self {
        Self { journal, open: false, gathered: Vec::new(), due: None, writing: None }
    }

    /// The contract is confirmed: what was gathered may be kept.
    pub(super) fn open(&mut self) {
        self.open = true;
    }

    /// Gathers an outcome. One of a page is kept at once, with the cursor behind it.
    pub(super) fn gather(&mut self, outcome: &Outcome) -> Result<(), CollectError> {
        let Some(kept) = self.journal.and_then(|_| outcome.to_keep()) else { return Ok(()) };
        self.gathered.push(kept.text().map_err(|error| CollectError::Journal(error.into()))?);
        let now = Instant::now();
        let is_urgent = matches!(outcome, Outcome::Page(_)) || self.gathered.len() >= BATCH;
        let due = if is_urgent { now } else { now + MAX_WAIT };
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
        Ok(())
    }

    /// Waits until a batch is due and kept; for ever if there is none. May be dropped and called again.
    pub(super) async fn step(&mut self) -> Result<(), CollectError> {
        loop {
            if let Some(writing) = &mut self.writing {
                let kept = writing.await;
                self.writing = None;
                return kept.map_err(CollectError::Journal);
            }
            match self.due {
                Some(due) if self.open => sleep_until(due).await,
                _ => pending().await,
            }
            self.write();
        }
    }

    /// Keeps everything that was gathered.
    pub(super) async fn finish(&mut self) -> Result<(), CollectError> {
        while self.writing.is_some() || (self.open && !self.gathered.is_empty()) {
            self.due = Some(Instant::now());
            self.step().await?;
        }
        Ok(())
    }

    fn write(&mut self) {
        self.due = None;
        let gathered = std::mem::take(&mut self.gathered);
        self.writing = self.journal.map(|journal| journal.keep(gathered));
    }
}
