//! `collect`: one collection of one contract, under the name of the job and for its nominal instant.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::api::read::Client;
use crate::app::alerts::failure::{FailedCollection, FailureAlerts};
use crate::app::collect::{CollectFailure, Order, collect, exit_of};
use crate::app::heartbeat::beat;
use crate::collect::CollectError;
use crate::exit::Exit;
use crate::seams::Seams;
use crate::service::job::{Call, Ended, Job, JobFailure, JobResult, reasons};
use crate::sinks::heartbeat::Heartbeat;
use crate::store::StoreError;
use crate::store::runs::Occasion;

/// Makes the client of a contract and what is to be collected, anew for each run: a token file may have changed.
pub type Prepare = dyn Fn(&Seams) -> Result<(Client, Order), JobFailure> + Send + Sync;

/// Collects a contract.
#[derive(Clone)]
pub struct CollectJob {
    /// Makes the client and the order.
    pub prepare: Arc<Prepare>,
    /// Alerts what fails before there is a client.
    pub failures: FailureAlerts,
    /// Called after each complete snapshot.
    pub heartbeat: Option<Arc<Heartbeat>>,
}

impl Job for CollectJob {
    fn kind(&self) -> &'static str {
        "collect"
    }

    fn run(&self, call: Call) -> LocalBoxFuture<'static, JobResult> {
        let Self { prepare, failures, heartbeat } = self.clone();
        async move {
            let (client, order) = match prepare(&call.seams) {
                Ok(prepared) => prepared,
                Err(failure) => {
                    let (exit, reason, at) = (failure.exit, failure.reason.clone(), call.seams.now());
                    let failed = FailedCollection { run: None, exit, reason, at };
                    failures.raise(&call.store, &failed, &call.seams).await;
                    return Ok(Ended::Alerted(failure));
                }
            };
            // The configured contract is part of the name: two contracts have the same nominal instants.
            let contract_name = order.occasion.contract_name;
            let occasion = Occasion { schedule: call.job.to_string(), nominal: call.nominal, contract_name };
            let order = Order { occasion, stop: call.stop.clone(), ..order };
            match collect(&call.store, &client, &call.seams, order, &|_| ()).await {
                Ok(snapshot) => {
                    if let Some(heartbeat) = heartbeat.filter(|_| snapshot.is_complete()) {
                        beat(&heartbeat, &call.seams).await;
                    }
                    Ok(Ended::Done { detail: snapshot.summary(), exit: exit_of(&snapshot) })
                }
                Err(CollectFailure::Walk(CollectError::Stopped)) => Ok(Ended::Stopped),
                Err(CollectFailure::Store(StoreError::Locked { holder, .. })) => {
                    Ok(Ended::Busy(format!("another process collects ({holder})")))
                }
                Err(CollectFailure::Store(error)) if error.is_busy() => Ok(Ended::Busy(reasons(&error))),
                // It was sealed just before the service ended, which left the run without an outcome.
                Err(CollectFailure::Store(StoreError::RanBefore { nominal, .. })) => {
                    let detail = format!("the snapshot for {nominal} was sealed before the service began");
                    Ok(Ended::Done { detail, exit: Exit::Done })
                }
                // It has its alert from where the failure was recorded.
                Err(failure) => Ok(Ended::Alerted(JobFailure { reason: reasons(&failure), exit: failure.exit() })),
            }
        }
        .boxed_local()
    }
}
