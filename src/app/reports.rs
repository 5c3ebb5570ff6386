//! Reports as files: what the configuration says about their look, and writing several of one snapshot.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::review::{Cover, ReviewError};
use super::write::{self, Batch, BatchError, WriteError};
use crate::config;
use crate::domain::alert::ReportFile;
use crate::report::csv::Dialect;
use crate::report::html::{Templates, TemplatesError};
use crate::report::input::Input;
use crate::report::{self, Format, RenderError, Report};

/// What every report of an installation shows and looks like.
#[derive(Clone, Debug)]
pub struct Look {
    /// What the covers say.
    pub cover: Cover,
    /// The templates of the pages.
    pub templates: Templates,
}

impl Look {
    /// As it is configured.
    pub fn of(config: &config::Config) -> Result<Self, TemplatesError> {
        let cover = Cover {
            organisation: config.report.organisation.clone(),
            config_hash: config.hash(),
            contract_names: config.contract_names(),
            dormant_after: config.report.dormant_after,
            overdue_after: config.alerts.overdue_after,
        };
        let templates = match &config.report.templates {
            Some(folder) => Templates::embedded().with_folder(folder)?,
            None => Templates::embedded(),
        };
        Ok(Self { cover, templates })
    }
}

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportsError {
    /// The question has no answer.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// It could not be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The folder could not be made.
    #[error(transparent)]
    Folder(#[from] WriteError),
    /// The files could not be written.
    #[error(transparent)]
    Write(#[from] BatchError),
    /// The file would replace the database.
    #[error("write report {}: that is the database", path.display())]
    Database {
        /// The file.
        path: PathBuf,
    },
}

/// Writes reports of one snapshot into a folder, each in each format, under their own names: all of them, or none. The folder
/// is the job's own: earlier files about the same snapshots are replaced.
pub fn write_into(
    folder: &Path,
    input: &Input,
    reports: &[Report],
    formats: &[Format],
    look: &Look,
    database: &Path,
) -> Result<Vec<ReportFile>, ReportsError> {
    write::folder(folder)?;
    let (mut written, mut batch) = (Vec::new(), Batch::new(true));
    for report in reports {
        for format in formats {
            let rendered = report::render(*report, input, *format, Dialect::default(), &look.templates)?;
            if let Some(warning) = rendered.warning() {
                tracing::warn!("{warning}");
            }
            let path = folder.join(&rendered.file_name);
            if write::is_database(&path, database) {
                return Err(ReportsError::Database { path });
            }
            batch.stage(&path, &rendered.bytes)?;
            let sha256 = hex::encode(Sha256::digest(&rendered.bytes));
            written.push(ReportFile { path, sha256, bytes: rendered.bytes.len() as u64 });
        }
    }
    batch.commit()?;
    Ok(written)
}
