//! Restoring a backup: the exit codes and hints of what the store does.

use crate::exit::Exit;
use crate::seams::Seams;
use crate::store::backup::BackupError;
use crate::store::restore::{self, RestoreError, RestoreOptions, Restored};

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RestoreFailure(#[from] pub RestoreError);

impl RestoreFailure {
    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        match &self.0 {
            RestoreError::Store(error) | RestoreError::Verify(BackupError::Store(error)) => {
                super::collect::of_store(error)
            }
            RestoreError::Verify(BackupError::Stopped) => Exit::Terminated,
            RestoreError::Verify(_) | RestoreError::Unfinished { .. } => Exit::Evidence,
            RestoreError::Exists { .. } | RestoreError::Same { .. } => Exit::Usage,
            RestoreError::Read { .. } | RestoreError::Write { .. } => Exit::Store,
            RestoreError::InUse { .. } | RestoreError::Busy { .. } => Exit::Locked,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.0.hint()
    }
}

/// Writes a verified copy of a backup in place of a database.
pub async fn restore(options: &RestoreOptions, seams: &Seams) -> Result<Restored, RestoreFailure> {
    Ok(restore::restore(options, seams).await?)
}
