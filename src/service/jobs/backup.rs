//! `backup`: a verified copy of the database in a folder, where older copies are rotated out.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::app::backup::{BackupFailure, BackupOptions, BackupTarget, backup};
use crate::exit::Exit;
use crate::service::job::{Call, Ended, Job, JobFailure, JobResult, reasons};
use crate::store::backup::BackupError;

/// Backs the database up.
#[derive(Clone, Debug)]
pub struct BackupJob {
    /// Where copies go.
    pub folder: PathBuf,
    /// How many are kept; all if not given.
    pub keep: Option<NonZeroUsize>,
}

impl Job for BackupJob {
    fn kind(&self) -> &'static str {
        "backup"
    }

    fn run(&self, call: Call) -> LocalBoxFuture<'static, JobResult> {
        let target = BackupTarget::Folder { path: self.folder.clone(), keep: self.keep };
        async move {
            let options = BackupOptions { target, stop: call.stop.token().clone() };
            match backup(call.store.path(), &call.seams, options).await {
                Ok(report) => {
                    let path = report.backup.path.display();
                    Ok(Ended::Done {
                        detail: format!("{path}, {} older removed", report.removed.len()),
                        exit: Exit::Done,
                    })
                }
                Err(BackupFailure::Backup(BackupError::Stopped)) => Ok(Ended::Stopped),
                Err(BackupFailure::Backup(error @ BackupError::Busy { .. })) => Ok(Ended::Busy(reasons(&error))),
                Err(failure) => Err(JobFailure { reason: reasons(&failure), exit: failure.exit() }),
            }
        }
        .boxed_local()
    }
}
