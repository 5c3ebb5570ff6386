//! Which files may be believed: every purpose against every kind of file, owner, mode and folder.
//!
//! Files of another user can only be made by root; elsewhere these cases are reported as skipped.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use keyholder::files::{FileError, FolderFault, Kind, Purpose, User, open, read_text};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::support::{private_folder, skipped};

/// Nobody that a test would run as.
const OTHER: u32 = 65_534;

const ALL: [Purpose; 8] = [
    Purpose::Settings,
    Purpose::SharedFile,
    Purpose::Secret,
    Purpose::Credential,
    Purpose::Authorities,
    Purpose::Template,
    Purpose::Attachment,
    Purpose::Faults,
];

/// What comes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Read,
    Missing,
    Kind(Kind),
    Owner,
    Mode(u32),
    FolderMode(u32),
    FolderOwner,
    Link,
}

fn outcome(path: &Path, purpose: Purpose) -> Outcome {
    match open(path, purpose) {
        Ok(_) => Outcome::Read,
        Err(error) if error.is_missing() => Outcome::Missing,
        Err(FileError::Kind { found, .. }) => Outcome::Kind(found),
        Err(FileError::Owner { owner: User(OTHER), .. }) => Outcome::Owner,
        Err(FileError::Mode { mode, .. }) => Outcome::Mode(mode),
        Err(FileError::Folder { fault: FolderFault::Mode(mode), .. }) => Outcome::FolderMode(mode),
        Err(FileError::Folder { fault: FolderFault::Owner(User(OTHER)), .. }) => Outcome::FolderOwner,
        Err(FileError::Link { owner: User(OTHER), .. }) => Outcome::Link,
        Err(error) => panic!("{error:?}"),
    }
}

/// Expects the same of a file for every purpose.
#[track_caller]
fn check_all(path: &Path, expected: Outcome) {
    for purpose in ALL {
        assert_eq!(outcome(path, purpose), expected, "{purpose:?}");
    }
}

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skipped("only root makes files of another user");
    }
    is_root
}

/// A folder with a file `f` of mode 0600 in a folder `d` of mode 0700.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let folder = private_folder();
        fs::create_dir(folder.path().join("d")).unwrap();
        let site = Self(folder);
        site.mode("d", 0o700);
        fs::write(site.path("d/f"), "text\n").unwrap();
        site.mode("d/f", 0o600);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn give_away(&self, name: &str) {
        std::os::unix::fs::lchown(self.path(name), Some(OTHER), Some(OTHER)).unwrap();
    }
}

#[test]
fn a_private_file_is_read_for_every_purpose() {
    check_all(&Site::new().path("d/f"), Outcome::Read);
}

#[test]
fn a_missing_file_is_missing_wherever_it_would_be() {
    let site = Site::new();
    check_all(&site.path("d/none"), Outcome::Missing);
    check_all(&site.path("none/f"), Outcome::Missing);
    site.mode("d", 0o777);
    check_all(&site.path("d/none"), Outcome::Missing);
}

#[test]
fn what_holds_no_secret_may_be_readable_by_others() {
    let site = Site::new();
    for (mode, of_credential) in [(0o640, true), (0o440, true), (0o644, false), (0o444, false)] {
        site.mode("d/f", mode);
        for purpose in ALL {
            let is_fine = match purpose {
                Purpose::Secret => false,
                Purpose::Credential => of_credential,
                _ => true,
            };
            let expected = if is_fine { Outcome::Read } else { Outcome::Mode(mode) };
            assert_eq!(outcome(&site.path("d/f"), purpose), expected, "{purpose:?} {mode:o}");
        }
    }
}

#[test]
fn a_file_that_others_write_is_refused_for_every_purpose() {
    let site = Site::new();
    for mode in [0o620, 0o660, 0o602, 0o666] {
        site.mode("d/f", mode);
        check_all(&site.path("d/f"), Outcome::Mode(mode));
    }
}

#[test]
fn a_file_of_another_user_is_refused_for_every_purpose() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    site.give_away("d/f");
    check_all(&site.path("d/f"), Outcome::Owner);
}

#[test]
fn anything_but_a_file_is_refused_at_once() {
    let site = Site::new();
    check_all(&site.path("d"), Outcome::Kind(Kind::Folder));
    check_all(Path::new("/"), Outcome::Kind(Kind::Folder));
    check_all(Path::new("/dev/zero"), Outcome::Kind(Kind::Device));
    mknodat(CWD, site.path("d/pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    check_all(&site.path("d/pipe"), Outcome::Kind(Kind::Pipe));
    let _socket = std::os::unix::net::UnixListener::bind(site.path("d/socket")).unwrap();
    check_all(&site.path("d/socket"), Outcome::Kind(Kind::Socket));
    if is_root() && mknodat(CWD, site.path("d/disk"), FileType::BlockDevice, Mode::RUSR, makedev(7, 250)).is_ok() {
        check_all(&site.path("d/disk"), Outcome::Kind(Kind::Disk));
    }
}

#[test]
fn the_null_device_is_an_empty_file_but_no_secret() {
    for purpose in ALL {
        let is_secret = matches!(purpose, Purpose::Secret | Purpose::Credential | Purpose::Attachment);
        let expected = if is_secret { Outcome::Kind(Kind::Null) } else { Outcome::Read };
        assert_eq!(outcome(Path::new("/dev/null"), purpose), expected, "{purpose:?}");
    }
    assert_eq!(read_text(Path::new("/dev/null"), Purpose::Settings).unwrap().as_str(), "");
}

#[test]
fn links_of_ours_and_second_names_are_followed() {
    let site = Site::new();
    symlink("d/f", site.path("relative")).unwrap();
    symlink(site.path("relative"), site.path("absolute")).unwrap();
    symlink("d", site.path("folder")).unwrap();
    fs::hard_link(site.path("d/f"), site.path("hard")).unwrap();
    for name in ["relative", "absolute", "folder/f", "folder/../hard", "hard"] {
        check_all(&site.path(name), Outcome::Read);
    }
    symlink("loop", site.path("loop")).unwrap();
    assert!(open(&site.path("loop"), Purpose::Settings).unwrap_err().summary().contains("symbolic links"));
}

#[test]
fn a_volume_of_kubernetes_is_read() {
    let site = Site::new();
    site.mode("d", 0o1777);
    fs::create_dir(site.path("d/..2026")).unwrap();
    fs::write(site.path("d/..2026/f"), "text\n").unwrap();
    site.mode("d/..2026/f", 0o440);
    symlink("..2026", site.path("d/..data")).unwrap();
    symlink("..data/f", site.path("d/token")).unwrap();
    assert_eq!(outcome(&site.path("d/token"), Purpose::Settings), Outcome::Read);
    assert_eq!(outcome(&site.path("d/token"), Purpose::Credential), Outcome::Read);
    assert_eq!(outcome(&site.path("d/token"), Purpose::Secret), Outcome::Mode(0o440));
}

#[test]
fn a_credential_of_systemd_is_read() {
    let site = Site::new();
    site.mode("d/f", 0o400);
    site.mode("d", 0o500);
    assert_eq!(outcome(&site.path("d/f"), Purpose::Credential), Outcome::Read);
    site.mode("d", 0o700);
}

#[test]
fn a_link_of_another_user_is_not_followed() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    site.mode("d", 0o1777);
    symlink("f", site.path("d/link")).unwrap();
    site.give_away("d/link");
    check_all(&site.path("d/link"), Outcome::Link);
}

#[test]
fn a_folder_that_others_write_to_must_be_sticky() {
    let site = Site::new();
    for (mode, is_fine) in
        [(0o755, true), (0o1777, true), (0o1775, true), (0o777, false), (0o775, false), (0o2775, false)]
    {
        site.mode("d", mode);
        check_all(&site.path("d/f"), if is_fine { Outcome::Read } else { Outcome::FolderMode(mode) });
    }
}

#[test]
fn every_folder_above_a_file_counts() {
    let site = Site::new();
    fs::create_dir_all(site.path("d/e/g")).unwrap();
    fs::copy(site.path("d/f"), site.path("d/e/g/f")).unwrap();
    check_all(&site.path("d/e/g/f"), Outcome::Read);
    site.mode("d", 0o777);
    check_all(&site.path("d/e/g/f"), Outcome::FolderMode(0o777));
    // Also on the way that a link takes.
    symlink(site.path("d/e/g/f"), site.path("link")).unwrap();
    check_all(&site.path("link"), Outcome::FolderMode(0o777));
}

#[test]
fn a_folder_of_another_user_is_refused() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    chown(site.path("d"), Some(OTHER), None).unwrap();
    check_all(&site.path("d/f"), Outcome::FolderOwner);
}

#[test]
fn an_open_file_may_be_named_by_its_descriptor_a_pipe_not() {
    use std::os::fd::AsRawFd as _;
    let site = Site::new();
    let file = fs::File::open(site.path("d/f")).unwrap();
    let name = |number| PathBuf::from(format!("/dev/fd/{number}"));
    check_all(&name(file.as_raw_fd()), Outcome::Read);
    let (reader, _writer) = std::io::pipe().unwrap();
    check_all(&name(reader.as_raw_fd()), Outcome::Kind(Kind::Pipe));
    site.mode("d/f", 0o666);
    check_all(&name(file.as_raw_fd()), Outcome::Mode(0o666));
}

#[test]
fn every_refusal_says_what_to_do() {
    let site = Site::new();
    let path = site.path("d/f").display().to_string();
    let said = |name: &str, purpose| open(&site.path(name), purpose).unwrap_err().summary();
    site.mode("d/f", 0o666);
    let expected = format!("{path} has mode 0666: others can change it; look at what it says, then: chmod go-w {path}");
    assert_eq!(said("d/f", Purpose::Settings), expected);
    site.mode("d/f", 0o644);
    let expected = format!("{path} has mode 0644: others can read it; chmod 600 {path}; ");
    assert!(said("d/f", Purpose::Secret).starts_with(&expected), "{}", said("d/f", Purpose::Secret));
    site.mode("d", 0o777);
    let folder = site.path("d").display().to_string();
    let expected = format!(
        "{path} can be replaced by others: folder {folder} has mode 0777; chmod go-w {folder}, or move the file to a folder of yours"
    );
    assert_eq!(said("d/f", Purpose::Settings), expected);
    site.mode("d", 0o700);
    if is_root() {
        site.give_away("d/f");
        let said = said("d/f", Purpose::Settings);
        assert!(said.starts_with(&format!("{path} belongs to user ")), "{said}");
        assert!(
            said.contains("(uid 65534), not to root who runs this; look at what it says, then: chown root "),
            "{said}"
        );
    }
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    let site = Site::new();
    fs::write(site.path("d/f"), vec![b'x'; (64 << 10) + 1]).unwrap();
    let error = read_text(&site.path("d/f"), Purpose::Secret).unwrap_err();
    assert!(matches!(error, FileError::TooLong { max_bytes: 65_536, .. }), "{error:?}");
    fs::write(site.path("d/f"), b"\xff\xfe").unwrap();
    let error = read_text(&site.path("d/f"), Purpose::Settings).unwrap_err();
    assert!(matches!(error, FileError::NotText { .. }), "{error:?}");
}
