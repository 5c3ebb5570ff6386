//! Writes what a recording client hears into a folder: `about.json` and one line per exchange in `exchanges.jsonl`.
//!
//! The lines come redacted from the client; nothing is added here but a last line where the limit on the size was reached. A
//! recording that cannot be written, or is full, does not stop the collection it is about.

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
text is replaced by its length; headers are left out but for limits and dates. Counts, limits and documented words are as they came; all \
times are moved by one secret span, so that their distances are right. `keyholder emulate --replay` serves it again.";

/// A recording under way.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    max_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Result<File, io::Error>,
    bytes: u64,
    /// Exchanges that came after the limit was reached.
    left_out: u64,
}

/// The last line of a recording that reached its limit.
#[derive(Serialize)]
struct End {
    end: &'static str,
    max_bytes: u64,
}

impl Recording {
    /// Begins a recording of at most so many bytes in a folder, which is made if need be. Refuses one that holds a recording
    /// already.
    pub fn begin(folder: &Path, settings: &Settings, max_bytes: u64) -> Result<Self, WriteError> {
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
        Ok(Self { path, max_bytes, state: Mutex::new(State { file: Ok(file), bytes: 0, left_out: 0 }) })
    }

    /// Whether everything could be written, now that nothing more comes; how many exchanges the limit left out.
    pub fn end(&self) -> Result<u64, WriteError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = std::mem::replace(&mut state.file, Err(io::ErrorKind::BrokenPipe.into()));
        let named = |source| WriteError { path: self.path.clone(), source };
        outcome.and_then(|file| file.sync_all()).map(|()| state.left_out).map_err(named)
    }
}

impl State {
    /// Writes an exchange, or says once that there is no room for it. Whole lines: a recording that is interrupted can
    /// still be read.
    fn write(&mut self, exchange: &Exchange, max_bytes: u64) -> io::Result<()> {
        let Ok(file) = &mut self.file else { return Ok(()) };
        if self.left_out == 0 {
            let line = line(exchange)?;
            let bytes = self.bytes.saturating_add(line.len() as u64);
            if bytes <= max_bytes {
                self.bytes = bytes;
                return file.write_all(&line);
            }
            file.write_all(&self::line(&End { end: "size-limit", max_bytes })?)?;
        }
        self.left_out += 1;
        Ok(())
    }
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

impl Listener for Recording {
    fn heard(&self, exchange: &Exchange) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = state.write(exchange, self.max_bytes) {
            state.file = Err(error);
        }
    }
}
