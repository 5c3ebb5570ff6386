//! Where the database is: a place that others get at, that cannot be written, that is full, or that has damaged the file.
//! Collecting refuses with the reason; reports work as well as they can.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use emulator::Emulator;

use crate::support::cli::{Desk, MONTH, RUNTIME, Ran, bytes, served};
use crate::support::{private_folder, skipped};

/// What reads a database, each with an end of its own.
const LOOKS: [&[&str]; 4] = [
    &["snapshots", "list", "--format", "csv"],
    &["snapshots", "show"],
    &["diff", "1", "latest", "--format", "csv"],
    &["report", "changes", "--format", "csv", "--out", "-"],
];

fn sh(script: &str) -> bool {
    Command::new("sh").args(["-c", script]).status().unwrap().success()
}

/// Runs a command line in a shell around the binary, so that the shell can set what the binary inherits.
fn run_in_shell(desk: &Desk, before: &str, arguments: &[&str]) -> Ran {
    let binary = desk.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_keyholder")]);
    shell
        .args(binary.get_args())
        .current_dir(binary.get_current_dir().unwrap())
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    for (name, value) in binary.get_envs() {
        shell.env(name, value.unwrap());
    }
    shell.output().unwrap().into()
}

/// Expects that `collect` refuses, says all of this, and leaves the database alone.
#[track_caller]
fn check_not_collected(desk: &Desk, says: &[&str]) {
    let before = bytes(&desk.database());
    let ran = desk.run(&["collect"]).ends(6);
    assert_eq!(ran.out, "");
    for part in says {
        assert!(ran.err.contains(part), "does not say {part:?}: {}", ran.err);
    }
    assert!(bytes(&desk.database()) == before, "the database was touched");
}

/// Expects that everything that reads works, and says the same as on a copy at a proper place.
#[track_caller]
fn check_looks_work(run: impl Fn(&[&str]) -> Ran) {
    let proper = Desk::with_month();
    for arguments in LOOKS {
        assert_eq!(run(arguments).ends(0).out, proper.run(arguments).ends(0).out, "{arguments:?}");
    }
}

/// `PRAGMA integrity_check` of the desk's database, and how many snapshots are sealed in it.
fn state(database: &Path) -> (String, u32) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    RUNTIME.block_on(async {
        let db = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let integrity = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&db).await.unwrap();
        let snapshots = sqlx::query_scalar("SELECT count(*) FROM snapshot").fetch_one(&db).await.unwrap();
        db.close().await;
        (integrity, snapshots)
    })
}

fn folder_of(desk: &Desk) -> PathBuf {
    desk.database().parent().unwrap().to_owned()
}

#[test]
fn a_folder_that_others_get_at_is_refused_for_collecting_with_the_command_that_mends_it() {
    let desk = Desk::with_month();
    for mode in [0o755, 0o770, 0o704] {
        fs::set_permissions(folder_of(&desk), fs::Permissions::from_mode(mode)).unwrap();
        let folder = folder_of(&desk).display().to_string();
        let reason = format!("error: collect into folder {folder}: others can get at it (mode {mode:04o})");
        check_not_collected(&desk, &[&reason, &format!("\nhint: chmod 700 {folder}\n")]);
        check_looks_work(|arguments| desk.run(arguments));
        let reported = desk.run(&["doctor", "--offline"]).ends(6).out;
        assert!(reported.contains(&format!("collect into folder {folder}: others can get at it")), "{reported}");
    }
}

#[test]
fn a_folder_that_many_people_use_is_not_to_be_closed_but_left() {
    let desk = Desk::with_month();
    fs::set_permissions(folder_of(&desk), fs::Permissions::from_mode(0o1777)).unwrap();
    let folder = folder_of(&desk).display().to_string();
    check_not_collected(&desk, &["others can get at it (mode 1777)", &format!("--db {folder}/keyholder/keyholder.db")]);
}

#[test]
fn every_file_is_its_owners_only_whatever_the_umask() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    for arguments in [
        &["collect"][..],
        &["collect"],
        &["report", "access-review", "--out", "reports/here"],
        &["demo", "--users", "24", "--dir", "demo/here"],
    ] {
        run_in_shell(&desk, "umask 000", arguments).ends(0);
    }
    let mut seen = 0;
    let mut folders = vec![desk.path("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            let metadata = entry.metadata().unwrap();
            let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(metadata.mode() & 0o777, expected, "{}", entry.path().display());
            seen += 1;
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    assert!(seen >= 14, "only {seen} files and folders were made");
}

#[test]
fn too_little_room_is_told_with_figures_and_can_be_allowed() {
    let emulator = served();
    let desk = Desk::of(&emulator).with("KEYHOLDER_STORE_MIN_FREE_MIB", "1073741824");
    let ran = desk.run(&["collect"]).ends(6);
    assert!(
        ran.err.contains(" MiB free in ") && ran.err.contains(", 1073741824 MiB needed\nhint: make room"),
        "{}",
        ran.err
    );
    let reported = desk.run(&["doctor", "--offline"]).ends(6).out;
    assert!(reported.contains("1073741824 MiB needed"), "{reported}");
    assert_eq!(emulator.counters().total, 0, "nothing is asked for what could not be kept");
    desk.with("KEYHOLDER_STORE_MIN_FREE_MIB", "0").run(&["collect"]).ends(0);
}

/// A small file system of its own, gone with the value. Nothing where mounting is not allowed; that is printed.
pub(crate) struct Mounted(tempfile::TempDir);

impl Mounted {
    pub(crate) fn new(options: &str) -> Option<Self> {
        let place = private_folder();
        let path = place.path().display().to_string();
        if !sh(&format!("mount -t tmpfs -o mode=0700,{options} none {path} 2>/dev/null")) {
            skipped("this test needs the right to mount a tmpfs");
            return None;
        }
        Some(Self(place))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("keyholder.db")
    }

    fn remount(&self, options: &str) {
        assert!(sh(&format!("mount -o remount,{options} {}", self.0.path().display())));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        sh(&format!("umount -l {}", self.0.path().display()));
    }
}

/// A desk whose database is on that file system, with two snapshots.
fn desk_on(mounted: &Mounted, emulator: &Emulator) -> Desk {
    let database = mounted.database().display().to_string();
    let desk = Desk::of(emulator).with("KEYHOLDER_DB", &database).with("KEYHOLDER_STORE_MIN_FREE_MIB", "0");
    desk.run(&["collect"]).ends(0);
    emulator.advance_to_day(10);
    desk.run(&["collect"]).ends(0);
    desk
}

#[test]
fn a_small_disk_is_refused_before_a_run_begins() {
    let Some(mounted) = Mounted::new("size=4m") else { return };
    let emulator = served();
    let desk = desk_on(&mounted, &emulator).with("KEYHOLDER_STORE_MIN_FREE_MIB", "64");
    let asked = emulator.counters().total;
    let ran = desk.run(&["collect"]).ends(6);
    assert!(ran.err.contains("3 MiB free in ") && ran.err.contains(", 64 MiB needed"), "{}", ran.err);
    assert_eq!(emulator.counters().total, asked);
}

#[test]
fn a_disk_that_is_full_in_the_middle_costs_the_run_and_nothing_else() {
    let Some(mounted) = Mounted::new("size=4m") else { return };
    let emulator = served();
    let desk = desk_on(&mounted, &emulator);
    let filler = mounted.0.path().join("filler");
    let (mut refused, mut done) = (0, 0);
    for left in [0, 4, 16, 32, 64, 128, 256, 512, 768, 1_024] {
        sh(&format!("head -c 4194304 /dev/zero > {0} 2>/dev/null; truncate -s -{left}K {0}", filler.display()));
        emulator.advance_to_day(10 + left / 100);
        let ran = desk.run(&["collect"]);
        desk.run(&["snapshots", "list"]).ends(0);
        fs::remove_file(&filler).unwrap();
        assert_eq!(
            state(&mounted.database()),
            ("ok".to_owned(), 2 + done + u32::from(ran.code == 0)),
            "{left} KiB left"
        );
        if ran.code == 0 {
            done += 1;
        } else {
            let ran = ran.ends(6);
            assert!(ran.err.contains("hint: make room") && !ran.err.contains("panicked"), "{}", ran.err);
            refused += 1;
        }
    }
    assert!(refused >= 3 && done >= 1, "{refused} refused, {done} done: the sizes do not show anything");
    desk.run(&["collect"]).ends(0);
    assert_eq!(state(&mounted.database()), ("ok".to_owned(), 3 + done));
}

#[test]
fn a_limit_on_the_size_of_a_file_is_told_and_does_not_kill() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    emulator.advance_to_day(30);
    let before = state(&desk.database());
    assert_eq!(before, ("ok".to_owned(), 1));
    let size = fs::metadata(desk.database()).unwrap().len();
    let mut refused = 0;
    // The database has its size already: what meets the limit is the log first, then the growth of the file.
    for kib in [1, 16, 40, 100, size / 1024] {
        let ran = run_in_shell(&desk, &format!("prlimit --pid $$ --fsize={}", kib * 1024), &["collect"]);
        if ran.code == 0 {
            continue;
        }
        let ran = ran.ends(6);
        let hint = format!("hint: this process may not write files larger than {kib} KiB (ulimit -f, LimitFSIZE=)");
        assert!(ran.err.contains(&hint), "{}", ran.err);
        assert_eq!(state(&desk.database()), before, "at {kib} KiB");
        refused += 1;
    }
    assert!(refused >= 2, "the limits were not met");
    desk.run(&["snapshots", "list"]).ends(0);
    desk.run(&["collect"]).ends(0);
}

/// The shared month without pages that nothing is in: what happens to those is no damage.
fn packed_month() -> Vec<u8> {
    let folder = private_folder();
    let path = folder.path().join("month.db");
    fs::write(&path, &MONTH.database).unwrap();
    RUNTIME.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let mut database = sqlx::ConnectOptions::connect(&options).await.unwrap();
        sqlx::query("PRAGMA journal_mode = DELETE").execute(&mut database).await.unwrap();
        sqlx::query("VACUUM").execute(&mut database).await.unwrap();
        sqlx::query("PRAGMA journal_mode = WAL").execute(&mut database).await.unwrap();
        sqlx::Connection::close(database).await.unwrap();
    });
    fs::read(&path).unwrap()
}

/// Overwrites pages of the database, with what a disk returns that lost them.
fn damage(database: &Path, pages: std::ops::Range<usize>) {
    let mut content = fs::read(database).unwrap();
    content[pages.start * 4096..pages.end * 4096].fill(0xa5);
    fs::write(database, content).unwrap();
}

#[test]
fn a_damaged_database_is_not_collected_into_and_reports_say_what_they_can() {
    let whole = Desk::with_month();
    let packed = packed_month();
    let pages = packed.len() / 4096;
    let (mut read, mut refused) = (0, 0);
    for page in (1..pages).step_by(7) {
        let desk = Desk::with_month();
        desk.put_database(&packed);
        damage(&desk.database(), page..page + 1);
        check_not_collected(
            &desk,
            &["keyholder.db: it is damaged: ", "hint: the database is damaged", "keyholder restore BACKUP"],
        );
        for arguments in LOOKS {
            let ran = desk.run(arguments);
            assert!(!ran.err.contains("panicked"), "{}", ran.err);
            if ran.code == 0 {
                assert_eq!(ran.out, whole.run(arguments).out, "page {page}: what is shown is not what was stored");
                read += 1;
            } else {
                assert!(ran.ends(6).err.contains("hint: the database is damaged"));
                refused += 1;
            }
        }
    }
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused: the damage does not show anything");
}

/// Whether this process may do everything: then what cannot be written has to be tried as somebody else.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The binary where everybody can run it: the build's own folder may be closed to others.
static EVERYBODYS: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let binary = folder.path().join("keyholder");
    fs::copy(env!("CARGO_BIN_EXE_keyholder"), &binary).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, binary)
});

pub(crate) const NOBODY: u32 = 65534;

/// Runs the binary on that database as somebody whom permission bits stop.
pub(crate) fn run_as_nobody(database: &Path, arguments: &[&str]) -> Ran {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&EVERYBODYS.1);
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_keyholder"))
    };
    command.args(arguments).arg("--db").arg(database).current_dir("/");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    command.env("IONOS_TOKEN", "token").env("IONOS_API_URL", "http://127.0.0.1:9");
    command.output().unwrap().into()
}

/// The shared month in a folder that its owner cannot write to.
pub(crate) fn read_only_month() -> (tempfile::TempDir, PathBuf) {
    // Below a folder of its own, because those who are stopped have to get there.
    let above = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o711)).tempdir().unwrap();
    let folder = above.path().join("state");
    fs::create_dir(&folder).unwrap();
    let database = folder.join("keyholder.db");
    fs::write(&database, &MONTH.database).unwrap();
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();
    if is_root() {
        for path in [&folder, &database] {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    (above, database)
}

#[test]
fn a_folder_that_cannot_be_written_can_be_read() {
    let (_above, database) = read_only_month();
    check_looks_work(|arguments| run_as_nobody(&database, arguments));
    let folder = database.parent().unwrap().display().to_string();
    let ran = run_as_nobody(&database, &["collect"]).ends(6);
    let reason = format!("error: collect into the database: {folder} cannot be written: Permission denied");
    assert!(
        ran.err.contains(&reason) && ran.err.contains("\nhint: collect as the user whose database it is"),
        "{}",
        ran.err
    );
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_log_that_cannot_be_read_is_told_and_never_left_out_in_silence() {
    let (_above, database) = read_only_month();
    let log = PathBuf::from(format!("{}-wal", database.display()));
    fs::write(&log, b"a log of which nobody knows what is in it").unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o600)).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&log, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let ran = run_as_nobody(&database, &["snapshots", "list"]).ends(6);
    assert!(ran.err.contains(&format!("its newest part is in {}", log.display())), "{}", ran.err);
    assert!(ran.err.contains("\nhint: run `keyholder --db "), "{}", ran.err);
    fs::set_permissions(database.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_file_system_that_is_mounted_read_only_can_be_read() {
    let Some(mounted) = Mounted::new("size=8m") else { return };
    let database = mounted.database();
    fs::write(&database, &MONTH.database).unwrap();
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();
    mounted.remount("ro");
    let place = database.display().to_string();
    let desk = Desk::at("http://127.0.0.1:9", "token").with("KEYHOLDER_DB", &place);
    check_looks_work(|arguments| desk.run(arguments));
    let ran = desk.run(&["collect"]).ends(6);
    assert!(ran.err.contains("cannot be written: Read-only file system"), "{}", ran.err);
}
