//! `report`: the reports of the period that just ended, as files in a folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

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
use crate::store::StoreError;

/// Writes reports.
#[derive(Clone)]
pub struct ReportJob {
    options: Arc<ReportOptions>,
    written: Arc<Mutex<Written>>,
}

/// What was written for an instant while other contracts were waited for. A service that starts anew writes it again: the
/// files are the same, and the sinks hear of them once.
#[derive(Debug, Default)]
struct Written {
    nominal: Option<DateTime<Utc>>,
    /// How many files there are of each contract.
    files: BTreeMap<ContractNumber, usize>,
}

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
        Self { options: Arc::new(options), written: Arc::default() }
    }
}

impl Job for ReportJob {
    fn kind(&self) -> &'static str {
        "report"
    }

    fn run(&self, call: Call) -> LocalBoxFuture<'static, JobResult> {
        let Self { options, written } = self.clone();
        async move {
            let mut files = {
                let written = written.lock().unwrap_or_else(PoisonError::into_inner);
                if written.nominal == Some(call.nominal) { written.files.clone() } else { BTreeMap::new() }
            };
            let Chosen { ready, waiting } = chosen(&call, &options, &files).await.map_err(|error| failed(&error))?;
            for taken in ready {
                if call.stop.token().is_cancelled() {
                    return Ok(Ended::Stopped);
                }
                let contract = taken.current.contract;
                files.insert(contract, write(&call, &options, taken).await?);
                let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
                *written = Written { nominal: Some(call.nominal), files: files.clone() };
            }
            if let Some(contract) = waiting {
                return Ok(Ended::Waiting(format!(
                    "contract {contract} has no complete snapshot of the last day of the period yet"
                )));
            }
            let (count, contracts, folder) = (files.values().sum::<usize>(), files.len(), options.folder.display());
            Ok(Ended::Done {
                detail: format!("{count} files about {contracts} contracts in {folder}"),
                exit: Exit::Done,
            })
        }
        .boxed_local()
    }
}

/// What can be reported now, and the first contract that has to be waited for.
struct Chosen {
    ready: Vec<Taken>,
    waiting: Option<ContractNumber>,
}

/// Chooses among the contracts whose reports are not written yet.
async fn chosen(
    call: &Call,
    options: &ReportOptions,
    written: &BTreeMap<ContractNumber, usize>,
) -> Result<Chosen, ReportsError> {
    let (store, now) = (&call.store, call.seams.now());
    let mut chosen = Chosen { ready: Vec::new(), waiting: None };
    let contracts = if options.contracts.is_empty() {
        store.newest_snapshots().await.map_err(ReviewError::from)?.iter().map(|newest| newest.contract).collect()
    } else {
        options.contracts.clone()
    };
    let Some(span) = options.period.before(call.nominal, options.zone) else { return Ok(chosen) };
    for contract in contracts.into_iter().filter(|contract| !written.contains_key(contract)) {
        let snapshots = store.snapshots(contract).await.map_err(ReviewError::from)?;
        match review_span(&snapshots, span, now) {
            Ok(reviewed) if !reviewed.period.provisional => {
                let calendar = Calendar { now, zone: options.zone };
                chosen.ready.push(Taken::of(&reviewed, &snapshots, None, calendar));
            }
            Ok(_) => chosen.waiting = chosen.waiting.or(Some(contract)),
            Err(nothing) if nothing.may_come => chosen.waiting = chosen.waiting.or(Some(contract)),
            Err(_) => tracing::warn!("Contract {contract} has no complete snapshot for the period {span}"),
        }
    }
    Ok(chosen)
}

/// Writes the reports of one contract, and announces them; how many files they are.
async fn write(call: &Call, options: &Arc<ReportOptions>, taken: Taken) -> Result<usize, JobFailure> {
    tracing::info!("Contract {}: {}", taken.current.contract, taken.described());
    let ready = (taken.current.contract, taken.current.seq, taken.since.as_ref().map(|since| since.seq));
    let input = review::input(&call.store, taken, &options.look.cover).await;
    let input = input.map_err(|error| failed(&error.into()))?;
    let (rendering, database) = (Arc::clone(options), call.store.path().to_owned());
    // Rendering keeps a thread busy; the service has to answer meanwhile.
    let written = tokio::task::spawn_blocking(move || {
        let ReportOptions { folder, reports, formats, look, .. } = &*rendering;
        write_into(folder, &input, reports, formats, look, &database)
    });
    let written = written.await.map_err(|error| JobFailure { reason: reasons(&error), exit: Exit::Unexpected })?;
    let written = written.map_err(|error| failed(&error))?;
    let files = written.len();
    announce(call, options, ready, written).await.map_err(|error| failed(&ReviewError::from(error).into()))?;
    Ok(files)
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
