//! `report`: the reports of the period that just ended, as files in a folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::app::alerts::Announcer;
use crate::app::alerts::announce::Happened;
use crate::app::collect::of_store;
use crate::app::reports::{Look, ReportsError, write_into};
use crate::app::review::{self, ReviewError, Taken};
use crate::domain::alert::{Details, Event, ReportFile};
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::period::{Calendar, Period, review_span};
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::report::{Format, Report};
use crate::service::job::{Call, Ended, Job, JobFailure, JobResult, reasons};
use crate::store::{Store, StoreError};

/// Writes reports.
#[derive(Clone)]
pub struct ReportJob(Arc<ReportOptions>);

/// Which reports, about what, and where they go.
#[derive(Clone)]
pub struct ReportOptions {
    /// The contracts; all that have a snapshot if there is none here.
    pub contracts: Vec<ContractNumber>,
    /// Which reports.
    pub reports: Vec<Report>,
    /// In which formats.
    pub formats: Vec<Format>,
    /// What they are about.
    pub period: Period,
    /// The zone in which the period begins and ends.
    pub zone: Tz,
    /// Where they go.
    pub folder: PathBuf,
    /// The sinks that hear of them.
    pub deliver_to: Vec<String>,
    /// Composes the alert that they are there.
    pub announcer: Announcer,
    /// What they look like.
    pub look: Look,
}

impl ReportJob {
    /// A job that writes these.
    pub fn new(options: ReportOptions) -> Self {
        Self(Arc::new(options))
    }
}

impl Job for ReportJob {
    fn kind(&self) -> &'static str {
        "report"
    }

    fn run(&self, call: Call) -> LocalBoxFuture<'static, JobResult> {
        let options = Arc::clone(&self.0);
        async move {
            match chosen(&call.store, &options, call.nominal, call.seams.now()).await.map_err(|error| failed(&error))? {
                Questions::Wait(contract) => Ok(Ended::Waiting(format!(
                    "contract {contract} has no complete snapshot of the last day of the period yet"
                ))),
                Questions::Ask(taken) => write(&call, options, taken).await,
            }
        }
        .boxed_local()
    }
}

/// What is to be reported of each contract.
enum Questions {
    Ask(Vec<Taken>),
    Wait(ContractNumber),
}

async fn chosen(
    store: &Store,
    options: &ReportOptions,
    nominal: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Questions, ReportsError> {
    let contracts = if options.contracts.is_empty() {
        store.newest_snapshots().await.map_err(ReviewError::from)?.iter().map(|newest| newest.contract).collect()
    } else {
        options.contracts.clone()
    };
    let Some(span) = options.period.before(nominal, options.zone) else { return Ok(Questions::Ask(Vec::new())) };
    let mut taken = Vec::new();
    for contract in contracts {
        let snapshots = store.snapshots(contract).await.map_err(ReviewError::from)?;
        match review_span(&snapshots, span, now) {
            Ok(reviewed) if reviewed.period.provisional => return Ok(Questions::Wait(contract)),
            Ok(reviewed) => taken.push(Taken::of(&reviewed, &snapshots, None, Calendar { now, zone: options.zone })),
            Err(nothing) if nothing.may_come => return Ok(Questions::Wait(contract)),
            Err(_) => tracing::warn!("Contract {contract} has no complete snapshot for the period {span}"),
        }
    }
    Ok(Questions::Ask(taken))
}

async fn write(call: &Call, options: Arc<ReportOptions>, taken: Vec<Taken>) -> JobResult {
    let (mut files, contracts) = (0, taken.len());
    for taken in taken {
        if call.stop.token().is_cancelled() {
            return Ok(Ended::Stopped);
        }
        tracing::info!("Contract {}: {}", taken.current.contract, taken.described());
        let ready = (taken.current.contract, taken.current.seq, taken.since.as_ref().map(|since| since.seq));
        let input = review::input(&call.store, taken, &options.look.cover).await;
        let input = input.map_err(|error| failed(&error.into()))?;
        let (rendering, database) = (Arc::clone(&options), call.store.path().to_owned());
        // Rendering keeps a thread busy; the service has to answer meanwhile.
        let written = tokio::task::spawn_blocking(move || {
            let ReportOptions { folder, reports, formats, look, .. } = &*rendering;
            write_into(folder, &input, reports, formats, look, &database)
        });
        let written = written.await.map_err(|error| JobFailure { reason: reasons(&error), exit: Exit::Unexpected })?;
        let written = written.map_err(|error| failed(&error))?;
        files += written.len();
        announce(call, &options, ready, written).await.map_err(|error| failed(&ReviewError::from(error).into()))?;
    }
    let folder = options.folder.display();
    Ok(Ended::Done { detail: format!("{files} files about {contracts} contracts in {folder}"), exit: Exit::Done })
}

/// Tells the sinks of the job that reports are there; once for a job, an instant and a contract.
async fn announce(
    call: &Call,
    options: &ReportOptions,
    (contract, as_of, since): (ContractNumber, Seq, Option<Seq>),
    files: Vec<ReportFile>,
) -> Result<(), StoreError> {
    if options.deliver_to.is_empty() {
        return Ok(());
    }
    let (store, now) = (&call.store, call.seams.now());
    let origin = store.origin(Some(contract), &call.seams).await?;
    let mut counts = BTreeMap::from([("snapshot".to_owned(), as_of.to_string())]);
    counts.extend(since.map(|since| ("compared with".to_owned(), since.to_string())));
    let ready = Happened {
        event: Event::ReportReady,
        contract: Some(contract),
        attribute: format!("{} {}", call.job, to_seconds(call.nominal)),
        span: None,
        at: now,
        details: Details { counts, files, ..Details::default() },
    };
    let mutes = store.mutes_at(now).await?;
    let outgoing = options.announcer.report_ready(&origin.id, ready, &options.deliver_to, &mutes);
    store.raise(&[outgoing]).await.map(drop)
}

fn failed(error: &ReportsError) -> JobFailure {
    let exit = match error {
        ReportsError::Review(ReviewError::Store(error @ StoreError::NoSnapshot(_))) => of_store(error),
        ReportsError::Review(_) => Exit::Store,
        ReportsError::Render(_) => Exit::Unexpected,
        ReportsError::Folder(_) | ReportsError::Write(_) => Exit::Output,
        ReportsError::Database { .. } => Exit::Usage,
    };
    JobFailure { reason: reasons(error), exit }
}
