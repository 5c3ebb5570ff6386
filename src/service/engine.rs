//! One tick: what is due according to the planner is run, one job after the other, and recorded.
//!
//! No job that fails ends the service, and no job starts after a stop. Everything that outlives a tick is in the database,
//! but for a few numbers per job.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument as _;

use super::events::JobAlerts;
use super::guard::{MAX_STOPPING, guarded};
use super::job::{Call, DELIVER, Ended, Job, JobFailure, JobResult, reasons};
use super::metrics::Metrics;
use super::planner::{self, Due, PlannedJob};
use crate::app::alerts::Announcer;
use crate::app::freshness::Expectations;
use crate::app::stop::Stop;
use crate::domain::job::{JobId, JobOutcome, JobRun};
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::seams::Seams;
use crate::store::{Store, StoreError};

/// A run that waits for something is due again after that.
const RETRY_WAITING: TimeDelta = TimeDelta::minutes(1);

/// A job as it is configured: when, what, and for how long at most.
#[derive(Clone)]
pub struct ServiceJob {
    /// Name, contract and schedule.
    pub planned: PlannedJob,
    /// The work.
    pub work: Arc<dyn Job>,
    /// A run that takes longer is stopped and has failed.
    pub timeout: Duration,
}

/// Runs what is due.
pub struct Engine {
    store: Store,
    seams: Seams,
    stop: Stop,
    metrics: Arc<Metrics>,
    announcer: Announcer,
    jobs: BTreeMap<JobId, ServiceJob>,
    planned: Vec<PlannedJob>,
    /// Jobs that wait for something, with the time at which they are tried again.
    waiting: BTreeMap<JobId, DateTime<Utc>>,
}

impl Engine {
    /// An engine without jobs. `stop` stops the run under way and everything after it, and ends the waiting for other
    /// programs that hold the file.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the store of an engine is its own: it has the stop of the engine"
    )]
    pub fn new(store: Store, seams: Seams, stop: Stop, metrics: Arc<Metrics>) -> Self {
        Self {
            store: store.waiting_until(stop.token()),
            seams,
            stop,
            metrics,
            announcer: Announcer::default(),
            jobs: BTreeMap::new(),
            planned: Vec::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Uses these jobs from now on, instead of those before; `announcer` says where alerts of missed and failed runs go.
    pub async fn use_jobs(&mut self, jobs: Vec<ServiceJob>, announcer: Announcer) -> Result<(), StoreError> {
        self.register(&jobs).await?;
        self.set_jobs(jobs, announcer);
        Ok(())
    }

    /// Judges contracts by this from now on, where metrics are asked for.
    pub fn expect(&self, expected: Expectations) {
        self.metrics.expect(expected);
    }

    /// Records all jobs of the service; those of before that are not among them are retired.
    pub async fn register(&self, jobs: &[ServiceJob]) -> Result<(), StoreError> {
        let listed: Vec<_> =
            jobs.iter().map(|job| (job.planned.id.clone(), job.planned.schedule.to_string())).collect();
        self.store.register_jobs(&listed, self.seams.now()).await?;
        self.metrics.set_jobs(&jobs.iter().map(|job| job.planned.clone()).collect::<Vec<_>>());
        Ok(())
    }

    /// Runs these jobs, which are registered, from now on.
    pub fn set_jobs(&mut self, jobs: Vec<ServiceJob>, announcer: Announcer) {
        self.planned = jobs.iter().map(|job| job.planned.clone()).collect();
        self.jobs = jobs.into_iter().map(|job| (job.planned.id.clone(), job)).collect();
        self.waiting.retain(|id, _| self.jobs.contains_key(id));
        self.announcer = announcer;
    }

    /// Runs everything that is due now, and answers with the exit codes of the runs.
    pub async fn tick(&mut self) -> Result<Vec<Exit>, StoreError> {
        let now = self.seams.now();
        let mut plan = planner::plan(&self.planned, &self.store.job_states().await?, now);
        // A delivery that was missed is no loss: the next one sends everything.
        plan.passed.retain(|run| run.outcome == JobOutcome::Failed || self.kind(&run.job) != Some(DELIVER));
        for job in &plan.ahead {
            tracing::warn!(%job, "The record of job {job} is far ahead of the clock: it goes on from now");
            self.store.rewind_job(job, now).await?;
        }
        if !plan.passed.is_empty() {
            let alerts = self.alerts().of_passed(&plan.passed).await?;
            self.store.pass_jobs(&plan.passed, &alerts).await?;
            self.report_passed(&plan.passed);
        }
        let mut exits = Vec::new();
        for due in plan.due {
            if self.stop.token().is_cancelled() {
                break;
            }
            let waits = self.waiting.get(&due.job).is_some_and(|until| *until > now && *until <= now + RETRY_WAITING);
            if let (false, Some(job)) = (waits, self.jobs.get(&due.job).cloned()) {
                exits.extend(self.run(job, due).await?);
            }
        }
        Ok(exits)
    }

    /// Runs one job for one instant; nothing if that instant has run.
    async fn run(&mut self, job: ServiceJob, due: Due) -> Result<Option<Exit>, StoreError> {
        let Due { job: id, nominal, .. } = due;
        if !self.store.begin_job(&id, nominal).await? {
            return Ok(None);
        }
        self.waiting.remove(&id);
        let started = self.seams.now();
        let clock = tokio::time::Instant::now();
        let stop = Stop::default();
        let (store, seams) = (self.store.waiting_until(stop.token()), self.seams.clone());
        let call = Call { job: id.clone(), nominal, store, seams, stop: stop.clone() };
        let span = tracing::info_span!("job", job = id.name, contract = id.contract, nominal = to_seconds(nominal));
        let kind = job.work.kind();
        self.metrics.begun(kind, job.timeout + MAX_STOPPING);
        tracing::debug!(parent: &span, "Job {id} begins, for {}", to_seconds(nominal));
        let result =
            guarded(Box::pin(job.work.run(call).instrument(span.clone())), job.timeout, &stop, &self.stop).await;
        self.metrics.left(kind);
        let run = Run { id, kind, nominal, started, took: clock.elapsed() };
        let recorded = self.record(run, result);
        recorded.instrument(span).await.map(Some)
    }

    async fn record(&mut self, run: Run, result: JobResult) -> Result<Exit, StoreError> {
        let Run { id, kind, nominal, started, took } = run;
        let finished = self.seams.now();
        let is_alerted = matches!(result, Ok(Ended::Alerted(_)));
        let (outcome, detail, exit, quiet) = match result {
            Ok(Ended::Done { detail, exit }) => (JobOutcome::Done, detail, exit, false),
            Ok(Ended::Idle) => (JobOutcome::Done, "nothing to do".to_owned(), Exit::Done, true),
            Ok(Ended::Alerted(JobFailure { reason, exit })) | Err(JobFailure { reason, exit }) => {
                (JobOutcome::Failed, reason, exit, false)
            }
            Ok(Ended::Stopped) => {
                tracing::warn!("Job {id} was stopped; it is due again");
                self.store.release_job(&id).await?;
                return Ok(Exit::Terminated);
            }
            Ok(Ended::Busy(reason)) => {
                tracing::info!("Job {id} is tried again at the next tick: {reason}");
                self.store.release_job(&id).await?;
                return Ok(Exit::Locked);
            }
            Ok(Ended::Waiting(reason)) => {
                tracing::debug!("Job {id} waits: {reason}");
                self.store.release_job(&id).await?;
                self.waiting.insert(id, finished + RETRY_WAITING);
                return Ok(Exit::Done);
            }
        };
        self.metrics.ended(&id, kind, outcome, took);
        match outcome {
            JobOutcome::Failed => tracing::error!("Job {id} failed: {detail}"),
            _ if quiet => tracing::debug!("Job {id} had nothing to do"),
            _ => tracing::info!("Job {id} is done: {detail}"),
        }
        let run = JobRun { job: id, nominal, instants: 1, started: Some(started), finished, outcome, detail };
        let alert = match outcome {
            JobOutcome::Failed if !is_alerted => self.alerts().of_failed(&run, exit.meaning()).await?,
            _ => None,
        };
        self.store.end_job(&run, quiet, alert.as_slice()).await?;
        Ok(exit)
    }

    fn kind(&self, job: &JobId) -> Option<&'static str> {
        self.jobs.get(job).map(|job| job.work.kind())
    }

    /// Where it counts.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn alerts(&self) -> JobAlerts<'_> {
        JobAlerts { store: &self.store, announcer: &self.announcer, seams: &self.seams }
    }

    fn report_passed(&self, passed: &[JobRun]) {
        for run in passed {
            self.metrics.passed(&run.job, run.outcome, run.instants);
        }
        let mut by_job: BTreeMap<(&JobId, JobOutcome), u64> = BTreeMap::new();
        for run in passed {
            *by_job.entry((&run.job, run.outcome)).or_default() += run.instants;
        }
        for ((job, outcome), instants) in by_job {
            tracing::warn!(instants, "Job {job}: {instants} instants {outcome}");
        }
    }
}

/// A run that ended.
struct Run {
    id: JobId,
    kind: &'static str,
    nominal: DateTime<Utc>,
    started: DateTime<Utc>,
    took: Duration,
}

/// The failure of a tick in one line, for the log.
pub(super) fn tick_failure(error: &StoreError) -> String {
    reasons(error)
}
