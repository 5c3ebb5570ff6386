//! `backup`: a verified copy of the database in a folder, where older copies are rotated out.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::app::backup::{BackupFailure, BackupOptions, BackupTarget, backup};
use crate::app::write::WriteError;
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
                    for error in &report.not_removed {
                        tracing::warn!(error = error as &dyn std::error::Error, "Cannot delete the older backup");
                    }
                    let detail = detail(&report.backup.path, report.removed.len(), &report.not_removed);
                    Ok(Ended::Done { detail, exit: Exit::Done })
                }
                Err(BackupFailure::Backup(BackupError::Stopped)) => Ok(Ended::Stopped),
                Err(BackupFailure::Backup(error @ BackupError::Busy { .. })) => Ok(Ended::Busy(reasons(&error))),
                Err(failure) => Err(JobFailure { reason: reasons(&failure), exit: failure.exit() }),
            }
        }
        .boxed_local()
    }
}

/// What came of a backup, in one line.
fn detail(path: &Path, removed: usize, not_removed: &[WriteError]) -> String {
    let done = format!("{}, {removed} older removed", path.display());
    match not_removed {
        [] => done,
        [first, ..] => format!("{done}, {} not removed: {}", not_removed.len(), reasons(first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_that_stays_is_in_the_detail() {
        let stuck = |name: &str| WriteError { path: name.into(), source: std::io::Error::other("planted") };
        assert_eq!(detail(Path::new("new.db"), 2, &[]), "new.db, 2 older removed");
        assert_eq!(
            detail(Path::new("new.db"), 1, &[stuck("a.db"), stuck("b.db")]),
            "new.db, 1 older removed, 2 not removed: write a.db: planted"
        );
    }
}
