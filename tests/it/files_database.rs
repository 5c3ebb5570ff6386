//! Whose the database, its folder and its locks are: another user's are never written to, and are read with a remark.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::cli::{Desk, bytes, served};
use crate::support::skipped;

/// Nobody that a test would run as.
const OTHER: u32 = 65_534;

/// What reads a database.
const LOOKS: [&[&str]; 4] = [
    &["snapshots", "list", "--format", "csv"],
    &["diff", "1", "latest", "--format", "csv"],
    &["history", "stranger@example.org", "--format", "csv"],
    &["report", "changes", "--format", "csv", "--out", "-"],
];

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skipped("only root makes files of another user");
    }
    is_root
}

fn beside(desk: &Desk, suffix: &str) -> PathBuf {
    let mut name = desk.database().into_os_string();
    name.push(suffix);
    name.into()
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// Expects that nothing is collected, for this reason, and that the database is untouched.
#[track_caller]
fn check_not_collected(desk: &Desk, reason: &str) {
    let before = bytes(&desk.database());
    let ran = desk.run(&["collect"]).ends(6);
    assert!(ran.err.contains(reason), "{reason:?} in {ran:#?}");
    assert!(bytes(&desk.database()) == before, "the database was touched");
}

#[test]
fn a_database_of_another_user_is_read_and_never_written() {
    if !is_root() {
        return;
    }
    let desk = Desk::with_month();
    let before: Vec<_> = LOOKS.iter().map(|look| desk.run(look)).collect();
    chown(desk.database(), Some(OTHER), Some(OTHER)).unwrap();
    check_not_collected(&desk, "(uid 65534), not to root who runs this\nhint: collect as user ");
    for (look, before) in LOOKS.iter().zip(before) {
        let ran = desk.run(look).ends(before.code);
        assert_eq!(ran.out, before.out, "{look:?}");
        let said = format!("The database {} belongs to user ", desk.database().display());
        assert!(ran.err.contains(&said) && !before.err.contains(" belongs to "), "{ran:#?}");
    }
    desk.run(&["alerts", "mute", "c", "--reason", "r", "--until", "2099-01-01"]);
    assert!(!beside(&desk, "-wal").exists() && !beside(&desk, "-shm").exists());
}

#[test]
fn a_database_in_the_folder_of_another_user_is_not_written() {
    if !is_root() {
        return;
    }
    let desk = Desk::with_month();
    chown(desk.database().parent().unwrap(), Some(OTHER), None).unwrap();
    check_not_collected(&desk, ".local/state/keyholder belongs to user ");
    desk.run(LOOKS[0]).ends(0);
}

#[test]
fn r2_a_lock_of_another_user_is_left_alone() {
    if !is_root() {
        return;
    }
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    for (suffix, command) in [(".lock", &["collect"][..]), (".service.lock", &["service", "--once"])] {
        let lock = beside(&desk, suffix);
        fs::write(&lock, "theirs").unwrap();
        chown(&lock, Some(OTHER), None).unwrap();
        let ran = desk.run(command).ends(6);
        assert!(ran.err.contains(&format!("{} is the file of user ", lock.display())), "{ran:#?}");
        assert_eq!(fs::read(&lock).unwrap(), b"theirs");
        fs::remove_file(&lock).unwrap();
    }
}

#[test]
fn a_lock_that_is_a_pipe_keeps_nobody_waiting() {
    let desk = Desk::with_month();
    pipe(&beside(&desk, ".lock"));
    pipe(&beside(&desk, ".service.lock"));
    for look in LOOKS {
        desk.run(look);
    }
    desk.run(&["status"]);
    desk.run(&["doctor", "--offline"]);
}

#[test]
fn a_database_that_is_a_pipe_or_a_device_is_refused_at_once() {
    let desk = Desk::with_month();
    let path = desk.path("pipe.db");
    pipe(&path);
    for database in [path.to_str().unwrap(), "/dev/null", "/dev/zero"] {
        for command in [&["collect"][..], LOOKS[0], &["backup", "--out", "backup.db"], &["doctor", "--offline"]] {
            let ran = desk.run(&[&["--db", database], command].concat()).ends(6);
            let said = format!("{}{}", ran.out, ran.err);
            assert!(said.contains(&format!("open database {database}: not a keyholder database")), "{ran:#?}");
        }
    }
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn a_backup_that_is_a_pipe_is_refused_at_once() {
    let desk = Desk::with_month();
    pipe(&desk.path("backup.db"));
    let ran = desk.run(&["--db", "new/keyholder.db", "restore", "backup.db"]);
    assert!(ran.code != 0 && ran.err.contains("it is no regular file"), "{ran:#?}");
    assert!(!desk.path("new/keyholder.db").exists());
}

#[test]
fn a_backup_of_another_user_is_restored_with_a_word() {
    if !is_root() {
        return;
    }
    let desk = Desk::with_month();
    desk.run(&["backup", "--out", "backup.db"]).ends(0);
    chown(desk.path("backup.db"), Some(OTHER), None).unwrap();
    let ran = desk.run(&["--db", "new/keyholder.db", "restore", "backup.db"]).ends(0);
    assert!(ran.err.contains("The backup backup.db belongs to user "), "{ran:#?}");
}

#[test]
fn the_folder_above_may_be_open_to_a_group() {
    // What Kubernetes makes of a volume.
    let emulator = served();
    let desk = Desk::of(&emulator);
    let volume = desk.path("volume");
    fs::create_dir(&volume).unwrap();
    fs::set_permissions(&volume, fs::Permissions::from_mode(0o2775)).unwrap();
    desk.run(&["--db", "volume/state/keyholder.db", "collect"]).ends(0);
}
