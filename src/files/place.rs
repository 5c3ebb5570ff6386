//! Finds a file by walking to it folder by folder: nobody else may be able to put another one in its place.
//!
//! Each step is taken in the folder that was looked at, not by its name, so that nothing can be exchanged in between.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, Stat, StatVfsMountFlags, fstat, fstatfs, fstatvfs, openat, readlinkat, statat,
};
use rustix::io::Errno;

use super::error::{FileError, FolderFault};
use super::kind::Kind;
use super::user::User;

/// As many symbolic links as the system follows.
const MAX_LINKS: u32 = 40;

/// Bits by which others write to a folder.
const OTHERS_WRITE: u32 = 0o022;

/// In such a folder each user may delete and rename only their own files.
const STICKY: u32 = 0o1000;

/// The number of `proc` in `linux/magic.h`.
const PROC: u64 = 0x9fa0;

/// To look at, not to read.
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A name in a folder, under which there is something.
#[derive(Debug)]
pub(super) struct Place {
    /// The folder, as it was looked at.
    folder: OwnedFd,
    name: OsString,
    /// Whether the name stands for a file that is open already, as `/dev/stdin` does.
    is_descriptor: bool,
}

impl Place {
    /// What is there.
    pub(super) fn look(&self) -> io::Result<Stat> {
        let flags = if self.is_descriptor { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        Ok(statat(&self.folder, &self.name, flags)?)
    }

    /// Opens it, without waiting and without following a link.
    pub(super) fn open(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let no_link = if self.is_descriptor { OFlags::empty() } else { OFlags::NOFOLLOW };
        let always = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(openat(&self.folder, &self.name, flags | no_link | always, Mode::empty())?)
    }
}

/// Walks to a file. Links are followed where they are ours or root's. What others could have put there is refused only if
/// something is there: an open folder without the file decides nothing.
pub(super) fn find(path: &Path) -> Result<Place, FileError> {
    let io = |source: io::Error| FileError::Io { path: path.to_owned(), source };
    let mut walk = Walk::new(path)?;
    let whole = std::path::absolute(path).map_err(io)?;
    walk.add(&whole);
    while let Some(part) = walk.parts.pop() {
        let next = match openat(&walk.folder, &part, LOOK, Mode::empty()) {
            Ok(next) => next,
            Err(errno) => return Err(io(errno.into())),
        };
        let stat = fstat(&next).map_err(|errno| io(errno.into()))?;
        match Kind::of(&stat) {
            Kind::Link if walk.parts.is_empty() && walk.is_among_descriptors() => return walk.arrive(part, true),
            Kind::Link => walk.follow(&part, &next, &stat)?,
            _ if walk.parts.is_empty() => return walk.arrive(part, false),
            _ => walk.enter(&part, next, &stat)?,
        }
    }
    Err(FileError::Kind { path: path.to_owned(), found: Kind::Folder })
}

struct Walk<'a> {
    /// For messages.
    path: &'a Path,
    folder: OwnedFd,
    /// The name of the folder.
    at: PathBuf,
    /// What is still to be walked, the next one last.
    parts: Vec<OsString>,
    links: u32,
    /// The first reason why others can replace the file.
    fault: Option<FileError>,
}

impl<'a> Walk<'a> {
    fn new(path: &'a Path) -> Result<Self, FileError> {
        let (folder, at) = (Self::root(path)?, PathBuf::from("/"));
        Ok(Self { path, folder, at, parts: Vec::new(), links: 0, fault: None })
    }

    fn root(path: &Path) -> Result<OwnedFd, FileError> {
        openat(CWD, "/", LOOK | OFlags::DIRECTORY, Mode::empty())
            .map_err(|errno| FileError::Io { path: path.to_owned(), source: errno.into() })
    }

    fn add(&mut self, path: &Path) {
        let parts = path.components().filter_map(|component| match component {
            Component::Normal(part) => Some(part),
            Component::ParentDir => Some(OsStr::new("..")),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
        });
        let parts: Vec<_> = parts.map(OsStr::to_owned).collect();
        self.parts.extend(parts.into_iter().rev());
    }

    fn arrive(self, name: OsString, is_descriptor: bool) -> Result<Place, FileError> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(Place { folder: self.folder, name, is_descriptor }),
        }
    }

    /// Whether the folder is the one of a process's open files, whose links are no names.
    fn is_among_descriptors(&self) -> bool {
        let is_proc = fstatfs(&self.folder).is_ok_and(|found| u64::try_from(found.f_type) == Ok(PROC));
        is_proc && self.at.file_name() == Some(OsStr::new("fd"))
    }

    fn note(&mut self, fault: FileError) {
        self.fault.get_or_insert(fault);
    }

    fn enter(&mut self, part: &OsStr, next: OwnedFd, stat: &Stat) -> Result<(), FileError> {
        if Kind::of(stat) != Kind::Folder {
            return Err(FileError::Io { path: self.path.to_owned(), source: io::ErrorKind::NotADirectory.into() });
        }
        let at = if part == ".." { parent(&self.at) } else { self.at.join(part) };
        if let Some(fault) = fault_of(&next, stat) {
            self.note(FileError::Folder { path: self.path.to_owned(), folder: at.clone(), fault });
        }
        (self.folder, self.at) = (next, at);
        Ok(())
    }

    fn follow(&mut self, part: &OsStr, link: &OwnedFd, stat: &Stat) -> Result<(), FileError> {
        let io = |errno: Errno| FileError::Io { path: self.path.to_owned(), source: errno.into() };
        let owner = User(stat.st_uid);
        if !owner.is_trusted() {
            self.note(FileError::Link { path: self.path.to_owned(), link: self.at.join(part), owner });
        }
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(io(Errno::LOOP));
        }
        let target = readlinkat(link, "", Vec::new()).map_err(io)?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        if target.is_absolute() {
            (self.folder, self.at) = (Self::root(self.path)?, PathBuf::from("/"));
        }
        self.add(&target);
        Ok(())
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// Why others can put another file in the place of one in this folder; nothing if they cannot.
fn fault_of(folder: &OwnedFd, stat: &Stat) -> Option<FolderFault> {
    let (owner, mode) = (User(stat.st_uid), stat.st_mode & 0o7777);
    if !owner.is_trusted() {
        return Some(FolderFault::Owner(owner));
    }
    let is_open = mode & OTHERS_WRITE != 0 && mode & STICKY == 0;
    // A container's volume of settings has mode 0777 and is mounted for reading: nobody writes to it.
    let is_fixed = || fstatvfs(folder).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY));
    (is_open && !is_fixed()).then_some(FolderFault::Mode(mode))
}
