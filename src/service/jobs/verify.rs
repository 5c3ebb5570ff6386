//! `verify`: the whole database file and every reference in it.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::app::collect::of_store;
use crate::exit::Exit;
use crate::service::job::{Call, Ended, Job, JobFailure, JobResult, reasons};
use crate::store::StoreError;

/// Checks the database.
#[derive(Clone, Copy, Debug)]
pub struct VerifyJob;

impl Job for VerifyJob {
    fn kind(&self) -> &'static str {
        "verify"
    }

    fn run(&self, call: Call) -> LocalBoxFuture<'static, JobResult> {
        async move {
            match call.store.verify(call.stop.token()).await {
                Ok(()) => Ok(Ended::Done { detail: "the database is intact".to_owned(), exit: Exit::Done }),
                Err(StoreError::Stopped) => Ok(Ended::Stopped),
                Err(error) => Err(JobFailure { reason: reasons(&error), exit: of_store(&error) }),
            }
        }
        .boxed_local()
    }
}
