//! One file, one lock: P1 of the known cases, and what stands at the place of a lock's file (R2).

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use keyholder::store::{Access, Store};

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::model::start;
use crate::support::private_folder;

/// Commands that write.
const WRITERS: [&[&str]; 4] =
    [&["collect"], &["alerts", "unmute", "1"], &["alerts", "retry", "--all"], &["service", "--once"]];

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[test]
fn r2_a_file_beside_the_database_with_a_second_name_is_kept() {
    let emulator = served();
    for suffix in ["-wal", "-shm", "-journal"] {
        let desk = Desk::of(&emulator);
        desk.run(&["collect"]).ends(0);
        let (victim, place) = (desk.path("victim"), format!("{}{suffix}", desk.database().display()));
        fs::write(&victim, "not a log").unwrap();
        drop(fs::remove_file(&place));
        fs::hard_link(&victim, &place).unwrap();
        let ran = desk.run(&["collect"]).ends(6);
        assert!(ran.err.contains(&place), "{ran:#?}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "not a log", "{suffix}");
    }
}

#[test]
fn p1_a_database_with_a_second_name_is_refused_by_writers() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let second = private_folder();
    let link = second.path().join("second.db");
    fs::hard_link(desk.database(), &link).unwrap();
    let before = fs::read(&link).unwrap();
    // A job under each name at once.
    for name in [desk.database(), link.clone()] {
        let name = name.display().to_string();
        for writer in WRITERS {
            let ran = desk.run(&[writer, &["--db", &name]].concat()).ends(6);
            assert!(ran.err.contains(&format!("open database {name}: it has 2 names (hard links)")), "{ran:#?}");
            assert!(ran.err.contains("hint: find the other name"), "{ran:#?}");
        }
        desk.run(&["snapshots", "list", "--db", &name]).ends(0);
    }
    assert_eq!(fs::read(&link).unwrap(), before, "nothing was written");
    assert_eq!(fs::read_dir(second.path()).unwrap().count(), 1, "nothing was made beside the second name");
    fs::remove_file(&link).unwrap();
    desk.run(&["collect"]).ends(0);
}

#[test]
fn p1_a_symbolic_link_has_the_lock_of_its_file() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let folder = private_folder();
    let links = [folder.path().join("link.db"), folder.path().join("link of a link.db")];
    symlink(desk.database(), &links[0]).unwrap();
    symlink(Path::new("link.db"), &links[1]).unwrap();
    RUNTIME.block_on(async {
        let store = Store::open(&desk.database(), Access::Write).await.unwrap();
        let runner = store.runner(start()).await.unwrap();
        for link in &links {
            let ran = desk.run(&["collect", "--db", &link.display().to_string()]).ends(75);
            assert!(ran.err.contains("keyholder.db.lock"), "{ran:#?}");
        }
        drop(runner);
        store.close().await;
    });
    desk.run(&["collect", "--db", &links[1].display().to_string()]).ends(0);
    let listed = desk.run(&["snapshots", "list", "--format", "csv"]).ends(0).out;
    assert_eq!(listed.lines().count(), 3, "both snapshots are in the file: {listed}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is made beside a link");
}

#[test]
fn p1_a_link_to_a_database_that_is_not_there_yet_is_kept() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let folder = private_folder();
    let (link, file) = (folder.path().join("link.db"), folder.path().join("file.db"));
    symlink("file.db", &link).unwrap();
    desk.run(&["collect", "--db", &link.display().to_string()]).ends(0);
    assert!(link.is_symlink() && file.is_file());
    desk.run(&["snapshots", "list", "--db", &file.display().to_string()]).ends(0);
}

/// Puts something at the place of the lock's file, and expects that `collect` refuses it by name and leaves it alone.
#[track_caller]
fn check_lock_file(suffix: &str, command: &[&str], says: &str, put: impl FnOnce(&Path)) {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let path = beside(&desk.database(), suffix);
    if path.exists() {
        fs::remove_file(&path).unwrap();
    }
    put(&path);
    let ran = desk.run(command).ends(6);
    let said = format!("lock the database: {} is {says}", path.display());
    assert!(ran.err.contains(&said) && ran.err.contains("hint: nothing was written"), "{ran:#?}");
    desk.run(&["snapshots", "list"]).ends(0);
}

#[test]
fn r2_a_lock_that_is_a_link_truncates_nothing() {
    let folder = private_folder();
    let precious = folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    for (suffix, command) in [(".lock", &["collect"][..]), (".service.lock", &["service", "--once"])] {
        check_lock_file(suffix, command, "a symbolic link", |lock| symlink(&precious, lock).unwrap());
        check_lock_file(suffix, command, "another file too (a hard link)", |lock| {
            fs::hard_link(&precious, lock).unwrap();
        });
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    }
}

#[test]
fn r2_a_lock_that_is_no_file_is_refused() {
    check_lock_file(".lock", &["collect"], "a pipe", |lock| {
        let made = std::process::Command::new("mkfifo").arg(lock).status().unwrap();
        assert!(made.success());
        fs::set_permissions(lock, fs::Permissions::from_mode(0o600)).unwrap();
    });
}
