//! Alerts of the service itself: a run that was missed, a job that failed. They are composed here and recorded by the store in
//! the transaction of what they announce.

use crate::app::alerts::Announcer;
use crate::app::alerts::announce::Happened;
use crate::app::alerts::failure::MIN_BETWEEN_EQUAL_FAILURES;
use crate::domain::alert::{Details, Event};
use crate::domain::job::{JobOutcome, JobRun};
use crate::domain::time::to_seconds;
use crate::seams::Seams;
use crate::store::outbox::Outgoing;
use crate::store::{Store, StoreError};

/// The cause of a failure where the process ended during the run, each time.
const GIVEN_UP: &str = "given up";

/// Composes the alerts of jobs.
pub(super) struct JobAlerts<'a> {
    pub(super) store: &'a Store,
    pub(super) announcer: &'a Announcer,
    pub(super) seams: &'a Seams,
}

impl JobAlerts<'_> {
    /// One alert for each job with missed instants, and one for each run that was given up, once a day.
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
                let details = Details { reason, ..Details::default() };
                alerts.push(self.of(Event::RunMissed, first, details).await?);
            }
            for run in runs.iter().filter(|run| run.outcome == JobOutcome::Failed) {
                alerts.extend(self.of_failed(run, GIVEN_UP).await?);
            }
        }
        Ok(alerts)
    }

    /// The alert of a job that failed; none if the same cause was alerted within a day and the job did not succeed since. A
    /// collection that failed has one of its own.
    pub(super) async fn of_failed(&self, run: &JobRun, cause: &str) -> Result<Option<Outgoing>, StoreError> {
        let last = self.store.last_job_alert(&run.job, cause).await?;
        if last.is_some_and(|last| run.finished - last < MIN_BETWEEN_EQUAL_FAILURES) {
            return Ok(None);
        }
        let counts = [("job", run.job.to_string()), ("cause", cause.to_owned())];
        let counts = counts.into_iter().map(|(label, value)| (label.to_owned(), value)).collect();
        let reason = format!("job {}: {}", run.job, run.detail);
        self.of(Event::JobFailed, run, Details { counts, reason, ..Details::default() }).await.map(Some)
    }

    async fn of(&self, event: Event, run: &JobRun, details: Details) -> Result<Outgoing, StoreError> {
        let origin = self.store.origin(None, self.seams).await?;
        let mutes = self.store.mutes_at(run.finished).await?;
        // One alert for a job and an instant, however often it is composed.
        let attribute = format!("{} {}", run.job, to_seconds(run.nominal));
        let details = Details { contract_name: run.job.contract.clone(), ..details };
        let happened = Happened { event, contract: None, attribute, span: None, at: run.finished, details };
        Ok(self.announcer.event(&origin.id, happened, &mutes))
    }
}
