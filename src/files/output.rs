//! Where an output goes: into a file that is replaced whole, or into a pipe or a terminal that is written to.
//!
//! Everything else is refused by name: a device would be replaced by a file, or do something; a symbolic link leads to a file that
//! nobody named.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, Stat, fcntl_getfl, fcntl_setfl, fstat, lstat, stat};
use rustix::io::Errno;

use super::kind::Kind;
use super::user::User;

/// As many symbolic links as the system follows.
const MAX_LINKS: u32 = 40;

/// What an output goes into.
#[derive(Debug)]
pub enum Output {
    /// A name that is free or a regular file: to be replaced by a file that is complete.
    File,
    /// A pipe, a terminal, `/dev/null`, or what this process has open: to be written to.
    Stream(File),
}

/// Why nothing is written to a name. It is the source of an [`io::Error`] of the kind `Unsupported`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputFault {
    /// A disk, a socket, a device, a symbolic link.
    #[error("it is {0}, neither a regular file nor a pipe or a terminal")]
    Kind(Kind),
    /// What is written to it would be read by another user.
    #[error("it is {0} of {1}")]
    Owner(Kind, User),
    /// Writing would wait.
    #[error("no program reads the pipe")]
    NoReader,
}

impl From<OutputFault> for io::Error {
    fn from(fault: OutputFault) -> Self {
        Self::new(io::ErrorKind::Unsupported, fault)
    }
}

/// Whether a path names something that is written to as it is, or refused, and no folder or file.
pub fn is_stream(path: &Path) -> bool {
    (is_descriptor(path) && !path.is_dir())
        || stat(path).is_ok_and(|found| !matches!(Kind::of(&found), Kind::Regular | Kind::Folder))
}

/// Whether a path names a terminal, as far as can be seen without opening it.
pub fn is_terminal(path: &Path) -> bool {
    stat(path).is_ok_and(|found| Kind::of(&found) == Kind::Device && has_number_of_terminal(&found))
}

/// Looks at where an output is to go, and opens it if it is written to. Never waits.
pub fn output(path: &Path) -> io::Result<Output> {
    let found = match lstat(path) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(Output::File),
        Err(errno) => return Err(errno.into()),
    };
    let is_given = is_descriptor(path);
    let target = if is_given || Kind::of(&found) == Kind::Link { stat(path).ok() } else { Some(found) };
    // A link that leads nowhere is as little a name of its own as one that leads to a file.
    let Some(target) = target else { return Err(OutputFault::Kind(Kind::Link).into()) };
    match Kind::of(&target) {
        Kind::Regular if !is_given && Kind::of(&found) == Kind::Link => Err(OutputFault::Kind(Kind::Link).into()),
        Kind::Regular if !is_given => Ok(Output::File),
        Kind::Folder => Err(io::ErrorKind::IsADirectory.into()),
        _ => {
            refuse(&target, is_given)?;
            open(path, Kind::of(&target), is_given).map(Output::Stream)
        }
    }
}

/// Opens without waiting, and looks again at what was opened. At the end: what is in an open file stays.
fn open(path: &Path, kind: Kind, is_given: bool) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().append(true).custom_flags(flags).open(path);
    let file = match opened {
        Err(error) if kind == Kind::Pipe && error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            return Err(OutputFault::NoReader.into());
        }
        opened => opened?,
    };
    let found = fstat(&file)?;
    refuse(&found, is_given)?;
    if Kind::of(&found) == Kind::Device && !file.is_terminal() {
        return Err(OutputFault::Kind(Kind::Device).into());
    }
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Refuses what is not written to. What this process was given open may be anybody's.
fn refuse(found: &Stat, is_given: bool) -> Result<(), OutputFault> {
    let kind = Kind::of(found);
    match kind {
        Kind::Null => Ok(()),
        Kind::Regular if is_given => Ok(()),
        Kind::Device if !has_number_of_terminal(found) => Err(OutputFault::Kind(kind)),
        Kind::Pipe | Kind::Device => {
            let owner = User(found.st_uid);
            if is_given || owner.is_trusted() { Ok(()) } else { Err(OutputFault::Owner(kind, owner)) }
        }
        _ => Err(OutputFault::Kind(kind)),
    }
}

/// By number, because to open another device can do something: consoles and lines, `/dev/tty`, pseudo-terminals.
fn has_number_of_terminal(found: &Stat) -> bool {
    matches!(rustix::fs::major(found.st_rdev), 4 | 5 | 136..=143)
}

/// Whether a path names a file that this process has open: `/dev/stdout`, `/dev/fd/3`.
fn is_descriptor(path: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let folder = parent(&path);
        let is_open_files = |folder: &Path| folder.starts_with("/proc") && folder.ends_with("fd");
        if fs::canonicalize(&folder).is_ok_and(|folder| is_open_files(&folder)) {
            return true;
        }
        let Ok(target) = fs::read_link(&path) else { return false };
        path = folder.join(target);
    }
    false
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}
