//! Alerts of the service itself: a run that was missed, a job that failed. They are composed here and recorded by the store in
//! the transaction of what they announce.

use crate::app::alerts::Announcer;
use crate::app::alerts::announce::Happened;
use crate::domain::alert::{Details, Event};
use crate::domain::job::{JobOutcome, JobRun};
use crate::domain::time::to_seconds;
use crate::seams::Seams;
use crate::store::outbox::Outgoing;
use crate::store::{Store, StoreError};

/// Composes the alerts of jobs.
pub(super) struct JobAlerts<'a> {
    pub(super) store: &'a Store,
    pub(super) announcer: &'a Announcer,
    pub(super) seams: &'a Seams,
}

impl JobAlerts<'_> {
    /// One alert for each job with missed instants, and one for each run that was given up.
    pub(super) async fn of_passed(&self, passed: &[JobRun]) -> Result<Vec<Outgoing>, StoreError> {
        let mut alerts = Vec::new();
        for runs in passed.chunk_by(|a, b| a.job == b.job) {
            let missed = || runs.iter().filter(|run| run.outcome == JobOutcome::Missed);
            if let Some(first) = missed().next() {
                let instants: u64 = missed().map(|run| run.instants).sum();
                let reason = format!(
                    "job {}: {instants} instants were not run, from {} on; the newest is caught up",
                    first.job,
                    to_seconds(first.nominal)
                );
                alerts.push(self.of(Event::RunMissed, first, reason).await?);
            }
            for run in runs.iter().filter(|run| run.outcome == JobOutcome::Failed) {
                alerts.push(self.of_failed(run).await?);
            }
        }
        Ok(alerts)
    }

    /// The alert of a job that failed. A collection that failed has one of its own.
    pub(super) async fn of_failed(&self, run: &JobRun) -> Result<Outgoing, StoreError> {
        self.of(Event::JobFailed, run, format!("job {}: {}", run.job, run.detail)).await
    }

    async fn of(&self, event: Event, run: &JobRun, reason: String) -> Result<Outgoing, StoreError> {
        let origin = self.store.origin(None, self.seams).await?;
        let mutes = self.store.mutes_at(run.finished).await?;
        // One alert for a job and an instant, however often it is composed.
        let attribute = format!("{} {}", run.job, to_seconds(run.nominal));
        let details = Details { reason, ..Details::default() };
        let happened = Happened { event, contract: None, attribute, span: None, at: run.finished, details };
        Ok(self.announcer.event(&origin.id, happened, &mutes))
    }
}
