//! `keyholder backup` as the real binary: names, rotation, exit codes, and a disk that is full.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::cli::{Desk, MONTH};

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_named_verified_and_its_owners_only() {
    let desk = Desk::with_month();
    let ran = desk.run(&["backup"]).ends(0);
    let folder = desk.database().with_file_name("backups");
    let [name] = names(&folder).try_into().unwrap();
    assert_eq!(ran.out, format!("{}\n", folder.join(&name).display()));
    let digits = name.strip_prefix("keyholder-").and_then(|rest| rest.strip_suffix("Z.db")).unwrap();
    assert!(digits.len() == 15 && digits.split('T').all(|part| part.bytes().all(|b| b.is_ascii_digit())), "{name}");
    assert!(ran.err.contains(&format!("contract {} up to snapshot 5", MONTH.contract)), "{ran:#?}");
    for (path, mode) in [(&folder, 0o700), (&folder.join(&name), 0o600)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
    let listed = ["snapshots", "list", "--format", "csv"];
    let backup = folder.join(&name).display().to_string();
    assert_eq!(desk.run(&[&["--db", &backup], &listed[..]].concat()).ends(0).out, desk.run(&listed).ends(0).out);
}

#[test]
fn a_backup_works_beside_a_collection_and_a_service() {
    let desk = Desk::with_month();
    let held: Vec<_> = [".lock", ".service.lock"]
        .iter()
        .map(|suffix| {
            let lock = fs::File::create(format!("{}{suffix}", desk.database().display())).unwrap();
            lock.lock().unwrap();
            lock
        })
        .collect();
    desk.run(&["backup", "--out", "one.db"]).ends(0);
    drop(held);
}

#[test]
fn rotation_deletes_older_backups_and_nothing_else() {
    let desk = Desk::with_month();
    let folder = desk.path("kept");
    fs::create_dir(&folder).unwrap();
    let (old, older) = ("keyholder-20250102T000000Z.db", "keyholder-20250101T000000Z.db");
    let others = [".keyholder-x.db.part", "keyholder-20250101T000000Z.db.gz", "notes.txt"];
    for name in others.iter().chain(&[old, older, ".keyholder-20250103T000000Z.db.part"]) {
        fs::write(folder.join(name), "x").unwrap();
    }
    desk.run(&["backup", "--out", "kept/", "--keep", "2"]).ends(0);
    let left = names(&folder);
    assert_eq!(left[0], others[0]);
    assert_eq!(left[1..4], [others[1], old, left[3].as_str()]);
    assert!(left[3].as_str() > "keyholder-2026");
    assert_eq!(left[4..], [others[2]], "the leftover of a killed backup is gone as well");
}

#[test]
fn what_cannot_be_asked_for_ends_with_2() {
    let desk = Desk::with_month();
    fs::write(desk.path("mine.db"), "mine").unwrap();
    let check = |arguments: &[&str], expected: &str| {
        let ran = desk.run(arguments).ends(2);
        assert!(ran.err.contains(expected) && ran.err.contains("\nhint: "), "{ran:#?}");
    };
    check(&["backup", "--out", "mine.db"], "mine.db: a file of that name exists");
    check(&["backup", "--out", "new.db", "--keep", "3"], "new.db is a file");
    assert_eq!(fs::read(desk.path("mine.db")).unwrap(), b"mine");
    desk.run(&["backup", "--keep", "0"]).ends(2);
    Desk::bare().run(&["backup"]).ends(6);
}

/// Expects an exit code and nothing left in the folder.
#[track_caller]
fn check_nothing_left(desk: &Desk, mut command: Command, hint: &str) {
    let output = command.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(14), "{err}");
    assert!(err.contains("error: write backup ") && err.contains(hint), "{err}");
    assert_eq!(names(&desk.path("full")), Vec::<String>::new(), "something half-written is left");
    assert!(fs::read(desk.database()).unwrap() == MONTH.database, "the database was touched");
}

#[test]
fn a_limit_on_file_sizes_leaves_nothing_and_ends_with_14() {
    let desk = Desk::with_month();
    let plain = desk.command(&["backup", "--out", "full/"]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 100; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(plain.get_current_dir().unwrap()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    check_nothing_left(&desk, command, "file size limit");
}

#[test]
fn a_full_disk_leaves_nothing_and_ends_with_14() {
    if !crate::crash_sweep::can_trace() {
        return;
    }
    let room = "make room for a second copy";
    for (call, from, hint) in [("pwrite64", 3, room), ("pwrite64", 40, room), ("fsync", 1, "check the disk")] {
        let desk = Desk::with_month();
        let plain = desk.command(&["backup", "--out", "full/"]);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:error=ENOSPC:when={from}+")]);
        command.arg(plain.get_program()).args(plain.get_args());
        command.current_dir(plain.get_current_dir().unwrap()).env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        check_nothing_left(&desk, command, hint);
    }
}
