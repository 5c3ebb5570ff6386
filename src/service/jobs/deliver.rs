//! `deliver`: what is due in the outbox, to every sink. A sink that is down never delays a collection.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::app::alerts::deliver::DeliverFailure;
use crate::app::alerts::setup::Alerting;
use crate::app::collect::of_store;
use crate::exit::Exit;
use crate::service::job::{Call, DELIVER, Ended, Job, JobFailure, JobResult, reasons};

/// Makes the sinks, anew for each run: a file with a secret may have changed.
pub type PrepareSinks = dyn Fn() -> Alerting + Send + Sync;

/// Delivers alerts.
#[derive(Clone)]
pub struct DeliverJob {
    /// Makes the sinks.
    pub prepare: Arc<PrepareSinks>,
}

impl Job for DeliverJob {
    fn kind(&self) -> &'static str {
        DELIVER
    }

    fn run(&self, call: Call) -> LocalBoxFuture<'static, JobResult> {
        let prepare = Arc::clone(&self.prepare);
        async move {
            let alerting = prepare();
            // What was claimed and not settled is sent again later.
            let stopped = call.stop.token().run_until_cancelled(alerting.deliver(&call.store, &call.seams)).await;
            let Some(delivered) = stopped else { return Ok(Ended::Stopped) };
            let sum = delivered.map_err(|error| failed(&error))?;
            let detail = format!("{} delivered, {} postponed, {} given up", sum.delivered, sum.postponed, sum.dead);
            let unprepared: Vec<_> = alerting.unprepared().map(|error| reasons(error)).collect();
            if !unprepared.is_empty() {
                let reason = format!("{}; to the other sinks: {detail}", unprepared.join("; "));
                return Err(JobFailure { reason, exit: Exit::Configuration });
            }
            if sum.delivered + sum.postponed + sum.dead == 0 {
                return Ok(Ended::Idle);
            }
            Ok(Ended::Done { detail, exit: if sum.dead > 0 { Exit::Delivery } else { Exit::Done } })
        }
        .boxed_local()
    }
}

fn failed(error: &DeliverFailure) -> JobFailure {
    let exit = match error {
        DeliverFailure::Store(error) => of_store(error),
        _ => Exit::Unexpected,
    };
    JobFailure { reason: reasons(error), exit }
}
