//! From the configuration to the jobs of the service.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::engine::ServiceJob;
use super::job::{DELIVER, Job, JobFailure, reasons};
use super::jobs::backup::BackupJob;
use super::jobs::collect::{CollectJob, Prepare};
use super::jobs::deliver::DeliverJob;
use super::jobs::report::{ReportJob, ReportOptions};
use super::jobs::verify::VerifyJob;
use super::planner::PlannedJob;
use crate::app::alerts::setup::{Alerting, announcer};
use crate::app::heartbeat::{HeartbeatError, heartbeat};
use crate::app::preconditions::DatabaseState;
use crate::app::prepare::{CollectRequest, prepare};
use crate::app::reports::Look;
use crate::config::{self, COLLECT_JOB, Config, ContractConfig, ContractSet, JobConfig, JobWork, Loaded};
use crate::domain::id::ContractNumber;
use crate::domain::job::JobId;
use crate::domain::period::Period;
use crate::domain::schedule::{Schedule, ScheduleError};
use crate::report::html::TemplatesError;
use crate::report::{self, Format};
use crate::seams::Environment;
use crate::sinks::heartbeat::Heartbeat;
use crate::sinks::stdout::Output;

/// A walk takes at most half an hour; the rest is for lists that are read again and for the seal.
const COLLECT_TIMEOUT: Duration = Duration::from_mins(45);

/// One attempt takes at most five minutes, and what is left waits for the next run.
const DELIVER_TIMEOUT: Duration = Duration::from_mins(15);

/// Everything else works on files of this machine.
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(2);

/// The name and the schedule of the job that delivers where sinks are configured and no job of that kind.
const DELIVER_JOB: &str = "deliver";
const DEFAULT_DELIVER_SCHEDULE: &str = "* * * * *";

/// Why a configuration makes no jobs.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The templates of reports.
    #[error(transparent)]
    Templates(#[from] TemplatesError),
    /// The heartbeat.
    #[error(transparent)]
    Heartbeat(#[from] HeartbeatError),
    /// Two jobs of one name for one contract.
    #[error("plan job {job}: there are two of that name")]
    Twice {
        /// The job.
        job: JobId,
    },
    /// The schedule of a job that the configuration does not name.
    #[error("plan the delivery of alerts")]
    Schedule(#[from] ScheduleError),
    /// A report about a contract whose number is not configured.
    #[error(
        "plan job {job:?}: contract {contract:?} has no number in the configuration, by which its snapshots are found"
    )]
    NoNumber {
        /// The job.
        job: String,
        /// The contract.
        contract: String,
    },
}

impl SetupError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Heartbeat(error) => return error.hint(),
            Self::Templates(error) => return error.hint(),
            Self::Schedule(_) => "add a [[job]] of kind deliver with a schedule",
            Self::Twice { .. } => {
                "the collect schedule of a [[contract]] is a job called collect, and sinks without a [[job]] of kind \
                 deliver get one called deliver: call the other one otherwise"
            }
            Self::NoNumber { .. } => "set number in the [[contract]]; `keyholder snapshots list` shows it",
        }
        .to_owned()
    }
}

/// The jobs that a configuration names, in its order. A sink that writes to standard output writes to `output`.
pub fn jobs(loaded: &Arc<Loaded>, environment: &Environment, output: &Output) -> Result<Vec<ServiceJob>, SetupError> {
    let setup = Setup { loaded, environment, output, heartbeat: heartbeat(&loaded.config)?.map(Arc::new) };
    let mut jobs = Vec::new();
    for contract in &loaded.config.contracts {
        if let Some(schedule) = &contract.collect {
            jobs.push(setup.collect(COLLECT_JOB, schedule, Some(contract)));
        }
    }
    for job in &loaded.config.jobs {
        jobs.extend(setup.of(job)?);
    }
    if !loaded.config.sinks.is_empty() && !jobs.iter().any(|job| job.work.kind() == DELIVER) {
        jobs.push(setup.deliver(DELIVER_JOB, &Schedule::parse(DEFAULT_DELIVER_SCHEDULE, "UTC", Duration::ZERO)?));
    }
    let mut seen = BTreeSet::new();
    for job in &jobs {
        if !seen.insert(&job.planned.id) {
            return Err(SetupError::Twice { job: job.planned.id.clone() });
        }
    }
    Ok(jobs)
}

struct Setup<'a> {
    loaded: &'a Arc<Loaded>,
    environment: &'a Environment,
    output: &'a Output,
    heartbeat: Option<Arc<Heartbeat>>,
}

impl Setup<'_> {
    fn of(&self, job: &JobConfig) -> Result<Vec<ServiceJob>, SetupError> {
        let one = |work: Arc<dyn Job>| Ok(vec![service_job(&job.name, "", &job.schedule, work, DEFAULT_TIMEOUT)]);
        match &job.work {
            JobWork::Collect { contracts } => Ok(self.collections(job, contracts)),
            JobWork::Report { contracts, reports, formats, period, folder, deliver_to } => {
                let words = |word: &config::ReportName| report::named((*word).into());
                let format = |format: &config::ReportFormat| Format::from_word((*format).into());
                one(Arc::new(ReportJob::new(ReportOptions {
                    contracts: numbers(&self.loaded.config, job, contracts)?,
                    reports: reports.iter().filter_map(words).collect(),
                    formats: formats.iter().filter_map(format).collect(),
                    period: match period {
                        config::Period::Month => Period::Month,
                        config::Period::Week => Period::Week,
                        config::Period::Day => Period::Day,
                    },
                    zone: job.schedule.zone(),
                    folder: folder.clone(),
                    deliver_to: deliver_to.clone(),
                    announcer: announcer(&self.loaded.config),
                    look: Look::of(&self.loaded.config)?,
                })))
            }
            JobWork::Verify => one(Arc::new(VerifyJob)),
            JobWork::Backup { folder, keep } => {
                let keep = usize::try_from(*keep).ok().and_then(NonZeroUsize::new);
                one(Arc::new(BackupJob { folder: folder.clone(), keep }))
            }
            JobWork::Deliver => Ok(vec![self.deliver(&job.name, &job.schedule)]),
        }
    }

    fn deliver(&self, name: &str, schedule: &Schedule) -> ServiceJob {
        let (loaded, environment) = (Arc::clone(self.loaded), self.environment.clone());
        let output = Arc::clone(self.output);
        let prepare = move || Alerting::of(&loaded.config, &environment, &output);
        service_job(name, "", schedule, Arc::new(DeliverJob { prepare: Arc::new(prepare) }), DELIVER_TIMEOUT)
    }

    /// A job for each contract: one that fails does not stop the others.
    fn collections(&self, job: &JobConfig, contracts: &ContractSet) -> Vec<ServiceJob> {
        let configured = &self.loaded.config.contracts;
        if configured.is_empty() {
            return vec![self.collect(&job.name, &job.schedule, None)];
        }
        let chosen = configured.iter().filter(|contract| contracts.contains(&contract.name));
        chosen.map(|contract| self.collect(&job.name, &job.schedule, Some(contract))).collect()
    }

    fn collect(&self, name: &str, schedule: &Schedule, contract: Option<&ContractConfig>) -> ServiceJob {
        let of = contract.map_or("", |contract| contract.name.as_str());
        let (loaded, environment) = (Arc::clone(self.loaded), self.environment.clone());
        let request = CollectRequest { contract: contract.cloned(), ..CollectRequest::default() };
        let failures = request.failure_alerts(&self.loaded.config);
        let prepare: Arc<Prepare> = Arc::new(move |seams| {
            let prepared = prepare(&loaded, &environment, &request, seams, DatabaseState::Open);
            let prepared = prepared.map_err(|error| JobFailure { reason: reasons(&error), exit: error.exit() })?;
            Ok((prepared.client, prepared.order))
        });
        let work = CollectJob { prepare, failures, heartbeat: self.heartbeat.clone() };
        service_job(name, of, schedule, Arc::new(work), COLLECT_TIMEOUT)
    }
}

fn service_job(name: &str, contract: &str, schedule: &Schedule, work: Arc<dyn Job>, timeout: Duration) -> ServiceJob {
    let id = JobId { name: name.to_owned(), contract: contract.to_owned() };
    ServiceJob { planned: PlannedJob { id, schedule: schedule.clone() }, work, timeout }
}

/// The numbers of the contracts that a report is about; none for all.
fn numbers(config: &Config, job: &JobConfig, contracts: &ContractSet) -> Result<Vec<ContractNumber>, SetupError> {
    let ContractSet::Only(names) = contracts else { return Ok(Vec::new()) };
    let number = |name: &String| {
        let contract = config.contracts.iter().find(|contract| contract.name == *name);
        contract
            .and_then(|contract| contract.number)
            .ok_or_else(|| SetupError::NoNumber { job: job.name.clone(), contract: name.clone() })
    };
    names.iter().map(number).collect()
}
