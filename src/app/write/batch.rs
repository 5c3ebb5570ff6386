//! Several files that belong together: written beside their places first, and put in place only when all are complete.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::{WriteError, sync_parent, temporary_beside, write_whole};
use crate::files::{self, Links, Output};
use crate::report::Format;
use crate::report::marks::{MAX_MARKS_BYTES, differ_in_marks_only};

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
    content: Content,
    path: PathBuf,
}

/// What is still to be done for a file.
#[derive(Debug)]
enum Content {
    /// The same content is in place already.
    InPlace,
    /// To be renamed.
    Temporary(PathBuf),
    /// To be written to a pipe or a terminal.
    Stream(File, Vec<u8>),
}

impl Batch {
    /// An empty one; `replace` is whether files with other content may be replaced.
    pub fn new(replace: bool) -> Self {
        Self { replace, staged: Vec::new() }
    }

    /// Writes a file (mode 0600) beside its place. What is there with the same content stays. What goes to a pipe or a
    /// terminal is kept until all files are complete.
    pub fn stage(&mut self, path: &Path, bytes: &[u8]) -> Result<(), BatchError> {
        self.stage_unless(path, bytes, |_| false)
    }

    /// The same for a report: a file that differs from it in its marks only is the same report, and may always be replaced.
    pub fn stage_report(&mut self, path: &Path, bytes: &[u8], format: Format) -> Result<(), BatchError> {
        self.stage_unless(path, bytes, |there| differ_in_marks_only(format, there, bytes))
    }

    fn stage_unless(&mut self, path: &Path, bytes: &[u8], is_same: impl Fn(&[u8]) -> bool) -> Result<(), BatchError> {
        let named = |source| WriteError { path: path.to_owned(), source };
        if self.staged.iter().any(|staged| staged.path == path) {
            return Ok(());
        }
        if let Output::Stream(stream) = files::output(path).map_err(named)? {
            let content = Content::Stream(stream, bytes.to_vec());
            self.staged.push(Staged { content, path: path.to_owned() });
            return Ok(());
        }
        match existing(path, bytes).map_err(named)? {
            Existing::Same => self.staged.push(Staged { content: Content::InPlace, path: path.to_owned() }),
            Existing::Differs if !self.replace && !is_same(&about_as_long(path, bytes).map_err(named)?) => {
                return Err(BatchError::Differs { path: path.to_owned() });
            }
            Existing::Differs | Existing::None => {
                let temporary = temporary_beside(path).map_err(named)?;
                self.staged.push(Staged { content: Content::Temporary(temporary.clone()), path: path.to_owned() });
                write_whole(&temporary, bytes).map_err(named)?;
            }
        }
        Ok(())
    }

    /// Puts all files in place, in order, and says where they are. What was written to is no file, and not among them.
    pub fn commit(mut self) -> Result<Vec<PathBuf>, BatchError> {
        let mut written = Vec::new();
        let mut result = Ok(());
        for staged in &mut self.staged {
            let outcome = match &mut staged.content {
                Content::Temporary(temporary) => {
                    fs::rename(temporary, &staged.path).and_then(|()| sync_parent(&staged.path))
                }
                Content::InPlace => Ok(()),
                Content::Stream(stream, bytes) => stream.write_all(bytes),
            };
            if let Err(source) = outcome {
                result = Err(WriteError { path: staged.path.clone(), source });
                break;
            }
            if !matches!(std::mem::replace(&mut staged.content, Content::InPlace), Content::Stream(..)) {
                written.push(staged.path.clone());
            }
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
        for staged in &self.staged {
            if let Content::Temporary(temporary) = &staged.content {
                // Best effort: the error that matters is the one that stopped the batch.
                drop(fs::remove_file(temporary));
            }
        }
    }
}

enum Existing {
    None,
    Same,
    Differs,
}

/// What is in a place already: nothing, or a regular file.
fn existing(path: &Path, bytes: &[u8]) -> io::Result<Existing> {
    let mut file = match files::look(path, Links::Refuse) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Existing::None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() != bytes.len() as u64 {
        return Ok(Existing::Differs);
    }
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

/// The content of a file that is about as long as that, or nothing.
fn about_as_long(path: &Path, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let file = files::look(path, Links::Refuse)?;
    let length = file.metadata()?.len();
    if length.abs_diff(bytes.len() as u64) > MAX_MARKS_BYTES {
        return Ok(Vec::new());
    }
    let mut content = Vec::new();
    file.take(length).read_to_end(&mut content)?;
    Ok(content)
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
