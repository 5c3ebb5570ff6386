//! Several files that belong together: written beside their places first, and put in place only when all are complete.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{WriteError, sync_parent, temporary_beside, write_whole};

/// Why files are not where they were to be.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Nothing was put in place.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file with other content has the name, and was not to be replaced. Nothing was put in place.
    #[error("write {}: a file with other content is there", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
    },
    /// Some were put in place, the others not.
    #[error("write {}, after {} had been written", source.path.display(), listed(written))]
    Partly {
        /// What is in place.
        written: Vec<PathBuf>,
        /// The first that is not.
        #[source]
        source: WriteError,
    },
}

impl BatchError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Write(error) | Self::Partly { source: error, .. } => error.hint(),
            Self::Differs { .. } => "--force replaces it; or choose another place with --out".to_owned(),
        }
    }
}

/// Files on their way. Those that are not put in place are removed.
#[derive(Debug)]
pub struct Batch {
    replace: bool,
    staged: Vec<Staged>,
}

#[derive(Debug)]
struct Staged {
    /// None where the same content is in place already.
    temporary: Option<PathBuf>,
    path: PathBuf,
}

impl Batch {
    /// An empty one; `replace` is whether files with other content may be replaced.
    pub fn new(replace: bool) -> Self {
        Self { replace, staged: Vec::new() }
    }

    /// Writes a file (mode 0600) beside its place. What is there with the same content stays.
    pub fn stage(&mut self, path: &Path, bytes: &[u8]) -> Result<(), BatchError> {
        let named = |source| WriteError { path: path.to_owned(), source };
        if self.staged.iter().any(|staged| staged.path == path) {
            return Ok(());
        }
        let temporary = match existing(path, bytes).map_err(named)? {
            Existing::Same => None,
            Existing::Differs if !self.replace => return Err(BatchError::Differs { path: path.to_owned() }),
            Existing::Differs | Existing::None => Some(temporary_beside(path).map_err(named)?),
        };
        self.staged.push(Staged { temporary: temporary.clone(), path: path.to_owned() });
        match temporary {
            Some(temporary) => Ok(write_whole(&temporary, bytes).map_err(named)?),
            None => Ok(()),
        }
    }

    /// Puts all files in place, in order, and says where they are.
    pub fn commit(mut self) -> Result<Vec<PathBuf>, BatchError> {
        let mut written = Vec::new();
        let mut result = Ok(());
        for staged in &mut self.staged {
            let outcome = match &staged.temporary {
                Some(temporary) => fs::rename(temporary, &staged.path).and_then(|()| sync_parent(&staged.path)),
                None => Ok(()),
            };
            if let Err(source) = outcome {
                result = Err(WriteError { path: staged.path.clone(), source });
                break;
            }
            staged.temporary = None;
            written.push(staged.path.clone());
        }
        match result {
            Ok(()) => Ok(written),
            Err(error) if written.is_empty() => Err(error.into()),
            Err(source) => Err(BatchError::Partly { written, source }),
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for temporary in self.staged.iter().filter_map(|staged| staged.temporary.as_ref()) {
            // Best effort: the error that matters is the one that stopped the batch.
            drop(fs::remove_file(temporary));
        }
    }
}

enum Existing {
    None,
    Same,
    Differs,
}

/// What is in a place already. A folder or a device in it is left to the renaming to refuse.
fn existing(path: &Path, bytes: &[u8]) -> io::Result<Existing> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Existing::None),
        Err(error) => return Err(error),
    };
    if !metadata.is_file() || metadata.len() != bytes.len() as u64 {
        return Ok(if metadata.is_file() { Existing::Differs } else { Existing::None });
    }
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    for expected in bytes.chunks(buffer.len()) {
        let found = &mut buffer[..expected.len()];
        file.read_exact(found)?;
        if found != expected {
            return Ok(Existing::Differs);
        }
    }
    Ok(Existing::Same)
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_batch_that_is_not_committed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut batch = Batch::new(false);
        batch.stage(&folder.path().join("a.csv"), b"a").unwrap();
        batch.stage(&folder.path().join("none/b.csv"), b"b").unwrap_err();
        drop(batch);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn other_content_is_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "mine").unwrap();
        let error = Batch::new(false).stage(&path, b"ours").unwrap_err();
        assert!(matches!(error, BatchError::Differs { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        Batch::new(false).stage(&path, b"mine").unwrap();
        let mut batch = Batch::new(true);
        batch.stage(&path, b"ours").unwrap();
        assert_eq!(batch.commit().unwrap(), std::slice::from_ref(&path));
        assert_eq!(fs::read(&path).unwrap(), b"ours");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn what_was_put_in_place_before_a_failure_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("a.csv"), folder.path().join("b.csv"));
        let mut batch = Batch::new(false);
        batch.stage(&one, b"a").unwrap();
        batch.stage(&two, b"b").unwrap();
        fs::create_dir(&two).unwrap();
        let error = batch.commit().unwrap_err();
        let expected = format!("write {}, after {} had been written", two.display(), one.display());
        assert_eq!(error.to_string(), expected);
        assert_eq!(names(folder.path()), ["a.csv", "b.csv"]);
    }
}
