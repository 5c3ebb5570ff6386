//! Why a file is not used, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use super::kind::Kind;
use super::user::User;

/// Bits of a mode by which others change a file.
const WRITE: u32 = 0o022;

/// Why a file is not used. None of these holds anything of its content.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be found, opened or read.
    #[error("read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A folder, a device, a pipe.
    #[error("{} is {found}, not a regular file", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: Kind,
    },
    /// It belongs to another user.
    #[error("{} belongs to {owner}, not to {us} who runs this{}", path.display(), or_root(*us))]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: User,
        /// Who runs this.
        us: User,
    },
    /// Others may read or change it.
    #[error("{} has mode {mode:04o}: others can {} it", path.display(), if mode & WRITE == 0 { "read" } else { "change" })]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Those that it must not have.
        forbidden: u32,
    },
    /// Others can put another file in its place.
    #[error("{} can be replaced by others: folder {} {fault}", path.display(), folder.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// A folder above it.
        folder: PathBuf,
        /// What is wrong with the folder.
        fault: FolderFault,
    },
    /// A link on the way to it was made by another user.
    #[error("{} is reached through the symbolic link {} of {owner}", path.display(), link.display())]
    Link {
        /// The file.
        path: PathBuf,
        /// The link.
        link: PathBuf,
        /// Who made the link.
        owner: User,
    },
    /// It is far too long for what it is for.
    #[error("{} is longer than {max_bytes} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What it may have.
        max_bytes: u64,
    },
    /// It is not UTF-8.
    #[error("{} is not text in UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

/// Why others can put another file into a folder in the place of one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FolderFault {
    /// It belongs to another user.
    #[error("belongs to {0}")]
    Owner(User),
    /// Others write to it, and may delete what is not theirs.
    #[error("has mode {0:04o}")]
    Mode(u32),
}

fn or_root(us: User) -> &'static str {
    if us == User(0) { "" } else { " or to root" }
}

impl FileError {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether another user could have written it.
    pub fn is_distrust(&self) -> bool {
        matches!(self, Self::Owner { .. } | Self::Mode { .. } | Self::Folder { .. } | Self::Link { .. })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::Kind { path, .. }
            | Self::Owner { path, .. }
            | Self::Mode { path, .. }
            | Self::Folder { path, .. }
            | Self::Link { path, .. }
            | Self::TooLong { path, .. }
            | Self::NotText { path } => path,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let us = User::current().name();
        Some(match self {
            Self::Io { .. } | Self::TooLong { .. } | Self::NotText { .. } => return None,
            Self::Kind { .. } => "name a regular file; what a pipe gives has to be written to one first".to_owned(),
            Self::Owner { path, .. } => format!("look at what it says, then: chown {us} {}", path.display()),
            Self::Mode { path, forbidden: 0o077, .. } => format!(
                "chmod 600 {}; a file that systemd or Kubernetes provides is a credential and named by `credential` or \
                 CREDENTIALS_DIRECTORY",
                path.display()
            ),
            Self::Mode { path, forbidden: 0o037, .. } => format!("chmod 440 {}", path.display()),
            Self::Mode { path, .. } => format!("look at what it says, then: chmod go-w {}", path.display()),
            Self::Folder { folder, fault: FolderFault::Mode(_), .. } => {
                format!("chmod go-w {}, or move the file to a folder of yours", folder.display())
            }
            Self::Folder { fault: FolderFault::Owner(_), .. } => "move the file to a folder of yours".to_owned(),
            Self::Link { .. } => "name the file that it leads to".to_owned(),
        })
    }

    /// Reason and advice in one line, for lists of problems.
    pub fn summary(&self) -> String {
        let reason = match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        };
        match self.hint() {
            Some(hint) => format!("{reason}; {hint}"),
            None => reason,
        }
    }
}
