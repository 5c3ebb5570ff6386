//! `keyholder backup`: a copy of the database while it is in use.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::signals::Signals;
use super::{Context, Failure};
use crate::app::backup::{BackupFailure, BackupOptions, BackupReport, BackupTarget, backup};
use crate::app::stop::Stop;
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::store::backup::BackupError;

/// Copies the database to a file, also while a collection or the service uses it.
///
/// The copy is verified before it gets its name: structure, references, schema, and the digest of the state of every
/// contract. It holds names, e-mail addresses and the keys of their commitments: keep it as you keep the database.
#[derive(Args, Debug)]
pub struct Backup {
    /// A file that does not exist, or a folder, in which the backup is called `keyholder-YYYYMMDDTHHMMSSZ.db` [default:
    /// `backups` in the folder of the database]
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// Keep the newest N backups in the folder and delete the older ones; without it, all stay
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroUsize>,
}

pub(super) async fn run(command: Backup, context: &mut Context) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let database = context.config()?.database()?.to_owned();
    let out = command.out.unwrap_or_else(|| database.with_file_name("backups").join(""));
    let target = BackupTarget::of(out, command.keep);
    if let (BackupTarget::File(path), Some(_)) = (&target, command.keep) {
        return Err(Failure::Usage {
            what: format!("keep the newest backups: {} is a file", path.display()),
            hint: "name a folder with --out, with a slash at its end",
        });
    }
    let stop = Stop::default();
    let options = BackupOptions { target, stop: stop.token().clone() };
    let (outcome, signal) = signals.obey(&stop, backup(&database, &context.seams, options)).await?;
    let report = match (outcome, signal) {
        (Err(BackupFailure::Backup(BackupError::Stopped)), Some(signal)) => return Err(Failure::Abandoned { signal }),
        (outcome, _) => outcome?,
    };
    say(&report);
    context.line(&report.backup.path.display().to_string())?;
    Ok(Exit::Done)
}

/// What was verified and removed, for the log.
fn say(report: &BackupReport) {
    let contents = &report.backup.contents;
    for latest in &contents.contracts {
        tracing::info!(
            "Verified: contract {} up to snapshot {} of {}, root {}",
            latest.contract,
            latest.seq,
            to_seconds(latest.finished),
            latest.root
        );
    }
    tracing::info!("Backup of {} bytes, schema version {}", report.backup.bytes, contents.schema);
    for path in &report.removed {
        tracing::info!("Deleted the older backup {}", path.display());
    }
    for error in &report.not_removed {
        tracing::warn!(error = error as &dyn std::error::Error, "Cannot delete the older backup");
    }
}
