//! What a folder looks like: to show that a command left nothing in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

/// Names, contents, modes and times of a folder's files, and its own time.
#[derive(PartialEq, Eq)]
pub(crate) struct Traces {
    folder: SystemTime,
    files: BTreeMap<String, (Vec<u8>, u32, SystemTime)>,
}

impl Traces {
    pub(crate) fn of(folder: &Path) -> Self {
        let files = fs::read_dir(folder).unwrap().map(|file| {
            let path = file.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, (fs::read(&path).unwrap(), metadata.mode(), metadata.modified().unwrap()))
        });
        Self { files: files.collect(), folder: fs::metadata(folder).unwrap().modified().unwrap() }
    }
}

/// Without the contents.
impl std::fmt::Debug for Traces {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files = self.files.iter().map(|(name, (bytes, mode, at))| (name, bytes.len(), mode, at));
        formatter.debug_list().entry(&self.folder).entries(files).finish()
    }
}
