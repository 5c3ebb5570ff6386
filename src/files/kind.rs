//! What a file is, by the type in its mode.

use std::fmt;

use rustix::fs::{FileType, Stat, major, minor};

/// Number of `/dev/null`.
const NULL_DEVICE: (u32, u32) = (1, 3);

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, with a name or without one.
    Pipe,
    /// A socket.
    Socket,
    /// `/dev/null`.
    Null,
    /// Another device that is read and written byte by byte: a terminal, for example.
    Device,
    /// A disk.
    Disk,
    /// Something that this program does not know.
    Unknown,
}

impl Kind {
    /// By what the system says about a file.
    pub(super) fn of(stat: &Stat) -> Self {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Self::Regular,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Link,
            FileType::Fifo => Self::Pipe,
            FileType::Socket => Self::Socket,
            FileType::CharacterDevice if (major(stat.st_rdev), minor(stat.st_rdev)) == NULL_DEVICE => Self::Null,
            FileType::CharacterDevice => Self::Device,
            FileType::BlockDevice => Self::Disk,
            FileType::Unknown => Self::Unknown,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regular => "a regular file",
            Self::Folder => "a folder",
            Self::Link => "a symbolic link",
            Self::Pipe => "a pipe",
            Self::Socket => "a socket",
            Self::Null | Self::Device => "a device",
            Self::Disk => "a disk",
            Self::Unknown => "of an unknown kind",
        })
    }
}
