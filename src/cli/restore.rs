//! `keyholder restore`: a database out of a backup.

use std::path::PathBuf;

use clap::Args;

use super::signals::Signals;
use super::{Context, Failure};
use crate::app::restore::{RestoreFailure, restore};
use crate::app::stop::Stop;
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::store::backup::BackupError;
use crate::store::restore::{RestoreError, RestoreOptions};

/// Writes a verified copy of a backup as the database, which must not exist unless --replace is given.
///
/// A backup that does not verify is refused (exit code 8) and the database stays as it is. Neither a collection nor the
/// service may be running.
#[derive(Args, Debug)]
pub struct Restore {
    /// A file that `keyholder backup` wrote
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// Replace the database that is there; it is kept beside the new one, as `NAME.replaced-` and the time
    #[arg(long)]
    replace: bool,
}

pub(super) async fn run(command: Restore, context: &mut Context) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let database = context.config()?.database()?.to_owned();
    let stop = Stop::default();
    let Restore { backup, replace } = command;
    let options = RestoreOptions { backup, database, replace, stop: stop.token().clone() };
    let (outcome, signal) = signals.obey(&stop, restore(&options, &context.seams)).await?;
    let restored = match (outcome, signal) {
        (Err(RestoreFailure(RestoreError::Verify(BackupError::Stopped))), Some(signal)) => {
            return Err(Failure::Abandoned { signal });
        }
        (outcome, _) => outcome?,
    };
    for latest in &restored.contents.contracts {
        tracing::info!(
            "Restored: contract {} up to snapshot {} of {}, root {}",
            latest.contract,
            latest.seq,
            to_seconds(latest.finished),
            latest.root
        );
    }
    if let Some(replaced) = &restored.replaced {
        tracing::info!("The database that was there is {} now", replaced.display());
    }
    context.line(&restored.database.display().to_string())?;
    Ok(Exit::Done)
}
