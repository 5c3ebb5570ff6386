//! Alerts of the service itself: a run that was missed, a job that failed. They are recorded in the outbox like all others.

use chrono::{DateTime, Utc};

use crate::app::alerts::Announcer;
use crate::app::alerts::announce::Happened;
use crate::domain::alert::{Details, Event};
use crate::domain::job::{JobOutcome, JobRun};
use crate::domain::time::to_seconds;
use crate::seams::Seams;
use crate::store::{Store, StoreError};

/// Raises an alert for each job with missed instants, and answers with nothing where none was missed.
pub(super) async fn raise_missed(
    store: &Store,
    announcer: &Announcer,
    seams: &Seams,
    passed: &[JobRun],
) -> Result<(), StoreError> {
    for runs in passed.chunk_by(|a, b| a.job == b.job) {
        let missed = || runs.iter().filter(|run| run.outcome == JobOutcome::Missed);
        if let Some(first) = missed().next() {
            let instants: u64 = missed().map(|run| run.instants).sum();
            let reason = format!(
                "job {}: {instants} instants were not run, from {} on; the newest is caught up",
                first.job,
                to_seconds(first.nominal)
            );
            raise(store, announcer, seams, (Event::RunMissed, first, reason), first.finished).await?;
        }
    }
    Ok(())
}

/// Raises the alert of a job that failed. A walk that failed has raised one of its own.
pub(super) async fn raise_failed(
    store: &Store,
    announcer: &Announcer,
    seams: &Seams,
    run: &JobRun,
) -> Result<(), StoreError> {
    let reason = format!("job {}: {}", run.job, run.detail);
    raise(store, announcer, seams, (Event::JobFailed, run, reason), run.finished).await
}

async fn raise(
    store: &Store,
    announcer: &Announcer,
    seams: &Seams,
    (event, run, reason): (Event, &JobRun, String),
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let origin = store.origin(None, seams).await?;
    let mutes = store.mutes_at(at).await?;
    // One alert for a job and an instant, however often it is raised.
    let attribute = format!("{} {}", run.job, to_seconds(run.nominal));
    let details = Details { reason, ..Details::default() };
    let happened = Happened { event, contract: None, attribute, span: None, at, details };
    store.raise(&[announcer.event(&origin.id, happened, &mutes)]).await.map(drop)
}
