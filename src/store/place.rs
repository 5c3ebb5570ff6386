//! The place of the database: who else gets at its folder, what kind of file system it is on, how much room is left.
//!
//! Looks only, and changes nothing. What is fine for reading may not be for collecting; the caller decides.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access as Right, access, statfs, statvfs};

use super::error::StoreError;
use super::open::beside;
use crate::files::{self, User};

/// Rights of a folder that others must not have: to list it or to write to it, for group and world. To enter it is
/// harmless without the right to list it, because the files in it are their owner's only.
const OTHERS: u32 = 0o066;

/// Marks a folder that several people write to.
const STICKY: u32 = 0o1000;

/// How far a file system can be trusted with a database that several processes of one machine share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Locks and shared memory work as SQLite needs them.
    Local,
    /// It may be one or the other: a program of a user serves it.
    Unknown,
    /// It is on another machine: locks may be granted twice, and shared memory is not shared.
    Network,
}

/// A kind of file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Its name, as `mount` prints it.
    pub name: &'static str,
    /// How far it can be trusted.
    pub trust: Trust,
}

/// Kinds by the number in `statfs`'s `f_type` (`linux/magic.h` and the modules' own headers).
const KINDS: [(u32, &str, Trust); 27] = [
    (0x0000_6969, "nfs", Trust::Network),
    (0x0000_517b, "smbfs", Trust::Network),
    (0xff53_4d42, "cifs", Trust::Network),
    (0xfe53_4d42, "smb2", Trust::Network),
    (0x0000_564c, "ncpfs", Trust::Network),
    (0x7375_7245, "coda", Trust::Network),
    (0x5346_414f, "afs", Trust::Network),
    (0x6b41_4653, "kafs", Trust::Network),
    (0x0000_adf5, "afp", Trust::Network),
    (0x00c3_6400, "ceph", Trust::Network),
    (0x0bd0_0bd0, "lustre", Trust::Network),
    (0x4750_4653, "gpfs", Trust::Network),
    (0x1983_0326, "beegfs", Trust::Network),
    (0x2003_0528, "orangefs", Trust::Network),
    (0x0102_1997, "9p", Trust::Network),
    (0x786f_4256, "vboxsf", Trust::Network),
    (0xbacb_acbc, "vmhgfs", Trust::Network),
    (0x6573_5546, "fuse", Trust::Unknown),
    (0x0000_ef53, "ext4", Trust::Local),
    (0x5846_5342, "xfs", Trust::Local),
    (0x9123_683e, "btrfs", Trust::Local),
    (0xf2f5_2010, "f2fs", Trust::Local),
    (0x2fc1_2fc1, "zfs", Trust::Local),
    (0xca45_1a4e, "bcachefs", Trust::Local),
    (0x0102_1994, "tmpfs", Trust::Local),
    (0x794c_7630, "overlay", Trust::Local),
    (0x0000_4d44, "vfat", Trust::Local),
];

/// The kind with that number. One that is not in the table is taken for local: there are many more of those.
fn kind(number: u32) -> FileSystem {
    let known = KINDS.iter().find(|(magic, ..)| *magic == number);
    known.map_or(FileSystem { name: "local", trust: Trust::Local }, |&(_, name, trust)| FileSystem { name, trust })
}

/// The file system of a file or folder that exists; nothing where the system does not tell.
pub fn file_system(path: &Path) -> Option<FileSystem> {
    let reported = statfs(path).ok()?;
    // The field is signed or not and of another width on each platform; the numbers have 32 bits.
    u32::try_from(reported.f_type & 0xffff_ffff).ok().map(kind)
}

/// Bytes that the user of this process can still write on the file system of a file or folder.
pub fn free_room(path: &Path) -> Option<u64> {
    let system = statvfs(path).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

/// The folder of a database.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The mode of a folder that others can list or write to; nothing if they cannot, or if there is no such folder.
pub fn exposed_folder(folder: &Path) -> Option<u32> {
    let mode = fs::metadata(folder).ok()?.permissions().mode() & 0o7777;
    (mode & OTHERS != 0).then_some(mode)
}

/// What to do about a folder that others get at. Only a folder that holds a database and nothing else was made for it, and
/// may be closed; any other one is left as it is.
pub(super) fn closing_hint(database: &Path) -> String {
    let folder = absolute(folder_of(database));
    let is_shared = fs::metadata(&folder).is_ok_and(|metadata| metadata.permissions().mode() & STICKY != 0);
    if !is_shared && holds_only(&folder, database) {
        return format!("chmod 700 {}", folder.display());
    }
    let name = database.file_name().unwrap_or_default();
    let own = folder.join("keyholder").join(name);
    if database.exists() {
        return format!(
            "the folder is not the database's alone: move the database, with its -wal and -shm if they are there, to a folder \
             of its own, and name it: --db {}",
            own.display()
        );
    }
    format!("the folder is not the database's alone: give the database one of its own: --db {}", own.display())
}

/// Whether a folder holds a database with the files beside it, and nothing else.
fn holds_only(folder: &Path, database: &Path) -> bool {
    let (Some(name), Ok(entries)) = (database.file_name(), fs::read_dir(folder)) else { return false };
    let names: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
    let is_beside = |found: &OsString| found.as_encoded_bytes().starts_with(name.as_encoded_bytes());
    !names.is_empty() && names.iter().all(is_beside)
}

/// As many symbolic links as the system follows.
const MAX_LINKS: u32 = 40;

/// Where the file itself is, or would be made: SQLite keeps its log beside the file that a link leads to, so the lock has to be there too.
pub(super) fn real(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(target);
    }
    path
}

/// Refuses to collect into a folder that others get at, or on a file system whose locks cannot be relied on. A folder
/// that is not there yet is made later, with the right mode; what counts is the file system of the nearest above it.
pub(super) fn refuse_unfit(path: &Path) -> Result<(), StoreError> {
    let folder = folder_of(path);
    refuse_others(path)?;
    if let Some(mode) = exposed_folder(folder) {
        return Err(StoreError::ExposedFolder { path: absolute(folder), mode, hint: closing_hint(path) });
    }
    match file_system(existing_folder(path)) {
        Some(FileSystem { name, trust: Trust::Network }) => {
            Err(StoreError::Network { path: path.to_owned(), kind: name })
        }
        _ => Ok(()),
    }
}

/// Refuses a database of another user, and a folder of another user who is not root: who owns it decides what is in it.
fn refuse_others(path: &Path) -> Result<(), StoreError> {
    let (folder, us) = (folder_of(path), User::current());
    let of_file = files::owner(path).filter(|owner| *owner != us).map(|owner| (path, owner));
    let of_folder = files::owner(folder).filter(|owner| !owner.is_trusted()).map(|owner| (folder, owner));
    match of_file.or(of_folder) {
        Some((place, owner)) => Err(StoreError::NotOurs { place: absolute(place), owner, us }),
        None => Ok(()),
    }
}

/// Says whose a file is that is read, if it is another user's: its content is theirs.
pub(super) fn warn_of_owner(noun: &str, path: &Path) {
    if let Some(owner) = files::owner(path).filter(|owner| *owner != User::current()) {
        tracing::warn!("The {noun} {} belongs to {owner}", path.display());
    }
}

/// Warns of a file system that may be on another machine.
pub(super) fn warn_of_file_system(path: &Path) {
    if let Some(FileSystem { name, trust: Trust::Unknown }) = file_system(existing_folder(path)) {
        tracing::warn!("The database is on a file system of kind {name}: if another machine serves it, locks may fail");
    }
}

/// Refuses to collect where nothing can be written, with the system's own reason.
pub(super) fn refuse_read_only(path: &Path) -> Result<(), StoreError> {
    let refuse = |place: &Path, rights| {
        access(place, rights).map_err(|error| StoreError::ReadOnly { place: absolute(place), source: error.into() })
    };
    refuse(folder_of(path), Right::WRITE_OK | Right::EXEC_OK)?;
    let files = ["", "-wal", "-shm"].map(|suffix| beside(path, suffix));
    let mut files = files.iter().filter(|file| file.as_path() == path || fs::symlink_metadata(file).is_ok());
    files.try_for_each(|file| refuse(file, Right::READ_OK | Right::WRITE_OK))
}

/// Whether files can be made in a folder.
pub(super) fn is_writable(folder: &Path) -> bool {
    access(folder, Right::WRITE_OK | Right::EXEC_OK).is_ok()
}

/// Refuses a place where the folder or the database that is not there yet cannot be made.
pub(super) fn refuse_unmakeable(path: &Path) -> Result<(), StoreError> {
    let place = existing_folder(path);
    access(place, Right::WRITE_OK | Right::EXEC_OK)
        .map_err(|error| StoreError::ReadOnly { place: absolute(place), source: error.into() })
}

/// The nearest folder above a file that exists; the working folder for a bare file name.
pub fn existing_folder(path: &Path) -> &Path {
    path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."))
}

/// What has to be free before a run, unless it is configured otherwise: 64 MiB.
pub const MIN_ROOM_BYTES: u64 = 64 << 20;

/// Bytes that have to be free before a run: the log may have to hold every page once, and the file to grow by as much.
/// `least` is configured, in bytes; zero asks for nothing.
pub fn needed_room(path: &Path, least: u64) -> u64 {
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if least == 0 { 0 } else { least.max(size.saturating_mul(2)) }
}

/// Refuses a run that might not find room.
pub fn refuse_cramped(path: &Path, least: u64) -> Result<(), StoreError> {
    let needed = needed_room(path, least);
    match free_room(existing_folder(path)) {
        Some(free) if free < needed => Err(StoreError::Cramped {
            folder: absolute(folder_of(path)),
            free: free >> 20,
            needed: needed.div_ceil(1 << 20),
        }),
        _ => Ok(()),
    }
}

/// For messages: a bare `.` tells nobody which folder is meant.
fn absolute(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: u32, name: &'static str, trust: Trust) {
        assert_eq!(kind(number), FileSystem { name, trust });
    }

    #[test]
    fn file_systems_of_other_machines_are_known_by_their_number() {
        check(0x6969, "nfs", Trust::Network);
        check(0xff53_4d42, "cifs", Trust::Network);
        check(0xfe53_4d42, "smb2", Trust::Network);
        check(0x7375_7245, "coda", Trust::Network);
        check(0x00c3_6400, "ceph", Trust::Network);
        check(0x0102_1997, "9p", Trust::Network);
    }

    #[test]
    fn a_file_system_that_a_program_serves_may_be_anywhere() {
        check(0x6573_5546, "fuse", Trust::Unknown);
    }

    #[test]
    fn file_systems_of_this_machine_and_unknown_ones_are_local() {
        check(0xef53, "ext4", Trust::Local);
        check(0x0102_1994, "tmpfs", Trust::Local);
        check(0x1234_5678, "local", Trust::Local);
    }

    #[test]
    fn every_number_is_in_the_table_once() {
        let mut numbers: Vec<u32> = KINDS.iter().map(|(number, ..)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), KINDS.len());
    }

    #[test]
    fn the_system_tells_kinds_and_room() {
        assert_eq!(file_system(Path::new("/proc")).map(|found| found.trust), Some(Trust::Local));
        assert_eq!(file_system(Path::new("/none")), None);
        assert!(free_room(Path::new("/")).is_some_and(|free| free > 0));
    }

    #[test]
    fn the_folder_that_counts_is_the_nearest_that_exists() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(existing_folder(&folder.path().join("a/b/k.db")), folder.path());
        assert_eq!(existing_folder(Path::new("k.db")), Path::new("."));
        assert_eq!(existing_folder(Path::new("/k.db")), Path::new("/"));
    }

    #[test]
    fn a_folder_is_exposed_when_others_can_list_it_or_write_to_it() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, exposed) in
            [(0o700, false), (0o711, false), (0o750, true), (0o701, false), (0o704, true), (0o1777, true)]
        {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(exposed_folder(folder.path()), exposed.then_some(mode), "{mode:o}");
        }
        assert_eq!(exposed_folder(&folder.path().join("none")), None);
    }
}
