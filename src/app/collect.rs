//! One collection: begin a run, walk, seal. Whatever happens, the run is on record.

use chrono::{DateTime, Utc};

use crate::api::Fault;
use crate::api::read::Client;
use crate::api::settings::Settings;
use crate::api::wire::Notes;
use crate::collect::{CollectError, Limits, Progress, Walk, walk};
use crate::domain::id::ContractNumber;
use crate::domain::snapshot::{RunState, Snapshot, Source};
use crate::exit::Exit;
use crate::seams::Seams;
use crate::store::runs::{Occasion, RunId};
use crate::store::seal::Sealing;
use crate::store::{Store, StoreError};

/// Name and version of this program, as snapshots record it.
pub const TOOL: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

/// What is to be collected, and why.
#[derive(Clone, Debug)]
pub struct Order {
    /// What caused it, and for which instant.
    pub occasion: Occasion,
    /// A name for the snapshot.
    pub label: Option<String>,
    /// Where the facts come from.
    pub source: Source,
    /// Bounds of the walk, and the contract where it is known beforehand.
    pub limits: Limits,
}

impl Order {
    /// A collection that somebody asked for, now.
    pub fn manual(now: DateTime<Utc>, settings: &Settings) -> Self {
        Self {
            occasion: Occasion { schedule: "manual".to_owned(), nominal: now },
            label: None,
            source: Source { api: settings.base.to_string(), tool: TOOL.to_owned() },
            limits: Limits {
                contract: settings.contract_number.map(ContractNumber),
                at_once: settings.concurrency,
                ..Limits::default()
            },
        }
    }
}

/// Why a collection ended without a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum CollectFailure {
    /// The walk saw nothing that could be sealed.
    #[error(transparent)]
    Walk(#[from] CollectError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CollectFailure {
    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Walk(error) => match error.fault() {
                Some(Fault::Unauthorised { .. } | Fault::Forbidden { .. }) => Exit::CredentialsRefused,
                Some(_) => Exit::Unreachable,
                None if error.is_out_of_time() => Exit::Unreachable,
                None => Exit::Usage,
            },
            Self::Store(error) => of_store(error),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Walk(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }
}

/// The code of a failure of the store: a question about what is not there is usage, a lock is for later.
pub fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Locked { .. } => Exit::Locked,
        error if error.is_usage() => Exit::Usage,
        _ => Exit::Store,
    }
}

/// Collects once. A failed walk is recorded as a failed run; nothing that was sealed before is touched.
pub async fn collect(
    store: &Store,
    client: &Client,
    seams: &Seams,
    order: Order,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Snapshot, CollectFailure> {
    if let Some(label) = &order.label {
        store.refuse_taken_label(order.limits.contract, label).await?;
    }
    let runner = store.runner(seams.now()).await?;
    let run = store.begin_run(&runner, &order.occasion, seams.now(), &order.source).await?;
    let outcome = walk_and_seal(store, client, seams, order, run, progress).await;
    if let Err(failure) = &outcome {
        let recorded = store.end_run(run, RunState::Failed, &reasons(failure), seams.now()).await;
        if let Err(error) = recorded {
            // The failure itself is what the caller has to hear of; a run without an end is recognised as cut off.
            tracing::warn!(error = &error as &dyn std::error::Error, "The failed run could not be recorded");
        }
    }
    outcome
}

/// The failure with everything that led to it, as one line: what an auditor finds in the record of the run.
fn reasons(failure: &CollectFailure) -> String {
    let mut text = failure.to_string();
    let mut source = std::error::Error::source(failure);
    while let Some(reason) = source {
        text.push_str(": ");
        text.push_str(&reason.to_string());
        source = reason.source();
    }
    text
}

async fn walk_and_seal(
    store: &Store,
    client: &Client,
    seams: &Seams,
    order: Order,
    run: RunId,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Snapshot, CollectFailure> {
    let client = client.for_another_run();
    let Walk { contract, sightings, notes, repeated, notices } = walk(&client, seams, order.limits, progress).await?;
    tell(&notes, repeated);
    let sealing = Sealing { run, contract, sightings, finished: seams.now(), label: order.label, notices };
    Ok(store.seal(sealing, seams).await?)
}

/// Tells the operator what the API answered that this program does not know; the values themselves are not shown.
fn tell(notes: &Notes, repeated: u64) {
    for (note, count) in &notes.counts {
        tracing::info!(count, "Noticed: {note}");
    }
    if notes.dropped > 0 {
        tracing::info!("Noticed {} more things that this version does not know", notes.dropped);
    }
    if repeated > 0 {
        tracing::warn!("{repeated} things were listed twice; the later one was kept");
    }
}
