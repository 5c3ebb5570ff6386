//! Writes what a recording client hears into a folder: `about.json` and one line per exchange in `exchanges.jsonl`.
//!
//! The lines come redacted from the client; nothing is added here. A recording that cannot be written does not stop the
//! collection it is about.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::collect::TOOL;
use super::write::{self, WriteError};
use crate::api::recording::{Exchange, Listener};
use crate::api::{Settings, Version};
use crate::files;

/// The name of the file with the exchanges.
pub const EXCHANGES: &str = "exchanges.jsonl";

/// The name of the file that says what the recording is.
pub const ABOUT: &str = "about.json";

/// What the recording is, for whoever gets it.
#[derive(Serialize)]
struct About {
    schema: &'static str,
    tool: &'static str,
    /// Which version of the API was spoken.
    api_version: &'static str,
    /// Requests at once at most.
    concurrency: usize,
    note: &'static str,
}

const NOTE: &str = "Requests and answers of one collection. Ids, names and addresses are made up, the same for the same; every other \
text is replaced by its length; headers are left out but for limits and dates. Numbers, times and words of the API are as they came. \
`keyholder emulate --replay` serves it again.";

/// A recording under way.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    file: Mutex<Result<File, io::Error>>,
}

impl Recording {
    /// Begins a recording in a folder, which is made if need be. Refuses one that holds a recording already.
    pub fn begin(folder: &Path, settings: &Settings) -> Result<Self, WriteError> {
        write::folder(folder)?;
        let path = folder.join(EXCHANGES);
        let file = files::create_new(&path).map_err(|source| WriteError { path: path.clone(), source })?;
        let about = About {
            schema: "keyholder.recording.v1",
            tool: TOOL,
            api_version: match settings.version {
                Version::V5 => "v5",
                Version::V6 => "v6",
            },
            concurrency: settings.concurrency,
            note: NOTE,
        };
        let named = |source: serde_json::Error| WriteError { path: folder.join(ABOUT), source: source.into() };
        let mut text = serde_json::to_vec_pretty(&about).map_err(named)?;
        text.push(b'\n');
        write::file(&folder.join(ABOUT), &text)?;
        Ok(Self { path, file: Mutex::new(Ok(file)) })
    }

    /// Whether everything could be written, now that nothing more comes.
    pub fn end(&self) -> Result<(), WriteError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = std::mem::replace(&mut *file, Err(io::ErrorKind::BrokenPipe.into()));
        outcome.and_then(|file| file.sync_all()).map_err(|source| WriteError { path: self.path.clone(), source })
    }
}

impl Listener for Recording {
    fn heard(&self, exchange: &Exchange) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(open) = file.as_mut() else { return };
        let line = serde_json::to_vec(exchange).map_err(io::Error::from).map(|mut line| {
            line.push(b'\n');
            line
        });
        // Whole lines: what is cut off in the middle of a run can still be read.
        if let Err(error) = line.and_then(|line| open.write_all(&line)) {
            *file = Err(error);
        }
    }
}
