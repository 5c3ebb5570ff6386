//! A file of JSON Lines: appended, flushed to disk, rotated at a size.
//!
//! A line that a crash left without its end is ended before the next one, so that every later line stays readable.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};

use super::failure::{DeliveryError, DeliveryFailure};
use super::message::Message;
use super::{Receipt, SettingsError, blocking, json_line};
use crate::files::{self, OwnFileError, Writing};

/// Size at which a file is rotated, unless configured otherwise.
pub const DEFAULT_MAX_BYTES: u64 = 10 * 1024 * 1024;

/// Rotated files that are kept beside the current one, unless configured otherwise.
pub const DEFAULT_KEEP: u32 = 10;

/// Rotated files that can be kept at most.
pub const MAX_KEEP: u32 = 1000;

/// Where to write and when to rotate.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The current file; rotated ones have `.1`, the newest, to `.N` behind its name.
    pub path: PathBuf,
    /// A file that would grow beyond this is rotated first.
    pub max_bytes: u64,
    /// Rotated files that are kept.
    pub keep: u32,
}

/// A file that is ready to be written to.
#[derive(Debug)]
pub(super) struct JsonLinesFile {
    settings: Settings,
    /// One line at a time within this process; other processes are kept out by a lock on the file.
    turn: Mutex<()>,
}

impl JsonLinesFile {
    pub(super) fn new(settings: Settings) -> Result<Arc<Self>, SettingsError> {
        if settings.path.file_name().is_none() {
            return Err(SettingsError::FilePath { path: settings.path });
        }
        if settings.max_bytes == 0 {
            return Err(SettingsError::Range { setting: "max_bytes", min: 1, max: u64::MAX });
        }
        if settings.keep == 0 || settings.keep > MAX_KEEP {
            return Err(SettingsError::Range { setting: "keep", min: 1, max: u64::from(MAX_KEEP) });
        }
        Ok(Arc::new(Self { settings, turn: Mutex::new(()) }))
    }

    pub(super) async fn deliver(self: &Arc<Self>, message: &Message) -> Result<Receipt, DeliveryError> {
        let name = self.settings.path.display().to_string();
        let line = json_line(&name, message)?;
        let file = Arc::clone(self);
        blocking(&name, move || file.append(&line)).await
    }

    fn append(&self, line: &[u8]) -> Result<Receipt, DeliveryFailure> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = self.open()?;
        let mut bytes = self.length(&file)?;
        if bytes > 0 && bytes.saturating_add(line.len() as u64) > self.settings.max_bytes {
            self.rotate()?;
            // The old file stays locked until the new one is there.
            let rotated = std::mem::replace(&mut file, self.open()?);
            drop(rotated);
            bytes = self.length(&file)?;
        }
        let failed = |source| self.failed("append to", source);
        let mut whole = Vec::with_capacity(line.len() + 1);
        if bytes > 0 && !ends_with_newline(&mut file).map_err(failed)? {
            whole.push(b'\n');
        }
        whole.extend_from_slice(line);
        file.write_all(&whole).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        if bytes == 0 {
            self.sync_folder()?;
        }
        Ok(Receipt { detail: format!("{} bytes appended to {}", line.len(), self.settings.path.display()) })
    }

    /// Opens the current file under a lock, and makes sure that it is still the current one.
    fn open(&self) -> Result<File, DeliveryFailure> {
        let path = &self.settings.path;
        loop {
            let file = files::open_own(path, Writing::Append).map_err(|error| match error {
                OwnFileError::Io(source) => self.failed("open", source),
                refused => {
                    let source = io::Error::new(io::ErrorKind::InvalidInput, format!("it is {refused}"));
                    self.failed("append to", source)
                }
            })?;
            flock(&file, FlockOperation::NonBlockingLockExclusive)
                .map_err(|source| self.failed("lock", source.into()))?;
            let metadata = file.metadata().map_err(|source| self.failed("inspect", source))?;
            match fs::symlink_metadata(path) {
                Ok(current) if (current.dev(), current.ino()) == (metadata.dev(), metadata.ino()) => return Ok(file),
                // Rotated by another process between opening and locking.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(self.failed("inspect", source)),
            }
        }
    }

    fn length(&self, file: &File) -> Result<u64, DeliveryFailure> {
        Ok(file.metadata().map_err(|source| self.failed("inspect", source))?.len())
    }

    /// Renames `.1` to `.2` and so on, the oldest over the one that is dropped, and the current file to `.1`.
    fn rotate(&self) -> Result<(), DeliveryFailure> {
        for number in (1..self.settings.keep).rev() {
            let from = self.rotated(number);
            match fs::rename(&from, self.rotated(number + 1)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(DeliveryFailure::File { action: "rename", path: from, source }),
            }
        }
        fs::rename(&self.settings.path, self.rotated(1)).map_err(|source| self.failed("rename", source))?;
        self.sync_folder()
    }

    fn rotated(&self, number: u32) -> PathBuf {
        let mut name = self.settings.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    fn sync_folder(&self) -> Result<(), DeliveryFailure> {
        let folder = match self.settings.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        files::sync_folder(folder).map_err(|source| DeliveryFailure::File {
            action: "flush",
            path: folder.to_owned(),
            source,
        })
    }

    fn failed(&self, action: &'static str, source: io::Error) -> DeliveryFailure {
        DeliveryFailure::File { action, path: self.settings.path.clone(), source }
    }
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::super::fixture::{HOSTILE, key_added};
    use super::*;

    fn sink(path: &Path, max_bytes: u64, keep: u32) -> Arc<JsonLinesFile> {
        JsonLinesFile::new(Settings { path: path.to_owned(), max_bytes, keep }).unwrap()
    }

    fn ids(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let parsed = text.lines().map(serde_json::from_str::<serde_json::Value>);
        parsed.map(|line| line.map_or_else(|_| "damaged".to_owned(), |line| line["id"].to_string())).collect()
    }

    async fn deliver(sink: &Arc<JsonLinesFile>, id: &str) {
        let mut message = key_added(HOSTILE);
        id.clone_into(&mut message.id);
        sink.deliver(&message).await.unwrap();
    }

    #[tokio::test]
    async fn lines_are_appended_to_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        for id in ["1", "2"] {
            deliver(&sink(&path, 1 << 20, 3), id).await;
        }
        assert_eq!(ids(&path), ["\"1\"", "\"2\""]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_damaged_last_line_is_ended_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        fs::write(&path, "{\"id\":\"1\"}\n{\"id\":\"2").unwrap();
        deliver(&sink(&path, 1 << 20, 3), "3").await;
        assert_eq!(ids(&path), ["\"1\"", "damaged", "\"3\""]);
    }

    #[tokio::test]
    async fn rotation_keeps_the_newest_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        // Less than one line: each message begins a file.
        let sink = sink(&path, 100, 2);
        for id in ["1", "2", "3", "4"] {
            deliver(&sink, id).await;
        }
        let name = |number: u32| folder.path().join(format!("alerts.jsonl.{number}"));
        assert_eq!([ids(&path), ids(&name(1)), ids(&name(2))], [["\"4\""], ["\"3\""], ["\"2\""]]);
        assert!(!name(3).exists());
    }

    #[track_caller]
    fn check_retry(outcome: Result<Receipt, DeliveryError>, expected: &str) {
        let error = outcome.unwrap_err();
        assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
        assert!(error.summary().contains(expected), "{}", error.summary());
    }

    #[tokio::test]
    async fn a_link_or_a_folder_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "").unwrap();
        symlink(&target, &link).unwrap();
        check_retry(sink(&link, 100, 2).deliver(&key_added("x")).await, "it is a symbolic link");
        assert_eq!(fs::read(&target).unwrap(), b"");
        check_retry(sink(folder.path(), 100, 2).deliver(&key_added("x")).await, "it is a folder");
    }

    #[tokio::test]
    async fn a_file_locked_by_another_writer_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let other = File::create(&path).unwrap();
        flock(&other, FlockOperation::LockExclusive).unwrap();
        check_retry(sink(&path, 100, 2).deliver(&key_added("x")).await, "cannot lock");
        drop(other);
        deliver(&sink(&path, 100, 2), "1").await;
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let refused = |path: &str, max_bytes, keep| {
            JsonLinesFile::new(Settings { path: path.into(), max_bytes, keep }).unwrap_err().to_string()
        };
        assert_eq!(refused("a", 0, 1), "max_bytes must be at least 1");
        assert_eq!(refused("a", 1, 0), "keep must be 1 to 1000");
        assert_eq!(refused("/", 1, 1), "/ is not the path of a file");
    }
}
