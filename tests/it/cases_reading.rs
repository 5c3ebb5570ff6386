//! Reading leaves a folder as it was, byte for byte and time for time: H2 and H3 of the known cases, over everything that may
//! lie beside a database. Where another user has to read, the tests run as root and say so where they cannot.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use keyholder::store::reading::MAX_COPY_IN_MEMORY_BYTES;
use keyholder::store::{Access, Store};

use crate::cases_store::LOOKS;
use crate::cli_place::{read_only_month, run_as_nobody};
use crate::store_schemas::file_of;
use crate::support::cli::{Desk, RUNTIME, Ran};
use crate::support::cut::raw;
use crate::support::traces::Traces;

/// Everything that the month has, and one more run that stands in the log only: the database, its log and its shared memory.
fn with_log() -> [(&'static str, Vec<u8>); 3] {
    let desk = Desk::with_month();
    RUNTIME.block_on(async {
        let db = raw(&desk.database()).await;
        let run = "INSERT INTO run (schedule, nominal, started, finished, state, api, tool) \
                   SELECT 'other', nominal, started, finished, 'failed', api, tool FROM run LIMIT 1";
        sqlx::query(run).execute(&db).await.unwrap();
        let parts = ["", "-wal", "-shm"].map(|suffix| (suffix, fs::read(beside(&desk, suffix)).unwrap()));
        db.close().await;
        parts
    })
}

fn beside(desk: &Desk, suffix: &str) -> String {
    format!("{}{suffix}", desk.database().display())
}

/// What follows the database's name in the name of a file, and the content.
type Part<'a> = (&'a str, &'a [u8]);

/// A desk whose folder has these files, and no other.
fn desk_with(files: &[Part]) -> Desk {
    let desk = Desk::with_month();
    for (suffix, bytes) in files {
        fs::write(beside(&desk, suffix), bytes).unwrap();
        fs::set_permissions(beside(&desk, suffix), fs::Permissions::from_mode(0o600)).unwrap();
    }
    desk
}

/// How many runs are listed.
fn runs(ran: Ran) -> usize {
    ran.ends(0).out.lines().count() - 1
}

const RUNS: &[&str] = &["snapshots", "list", "--runs", "--format", "csv"];

/// Expects that every command reads so many runs or more, and leaves the folder as it was.
#[track_caller]
fn check_untouched(what: &str, desk: &Desk, expected: usize) {
    let folder = desk.database().parent().unwrap().to_owned();
    let before = Traces::of(&folder);
    assert_eq!(runs(desk.run(RUNS)), expected, "{what}");
    for look in LOOKS {
        let ran = desk.run(look);
        assert!(!ran.out.is_empty() && ![1, 6, 101].contains(&ran.code), "{what}: {look:?}: {ran:#?}");
        assert_eq!(Traces::of(&folder), before, "{what}: {look:?} left a trace");
    }
}

#[test]
fn h3_a_copied_folder_is_read_without_a_trace() {
    let parts = with_log();
    let [database, log, memory] = parts.each_ref().map(|(_, bytes)| bytes.as_slice());
    let month = runs(Desk::with_month().run(RUNS));
    let rows: [(&str, &[Part], usize); 7] = [
        ("a log and shared memory", &[("", database), ("-wal", log), ("-shm", memory)], month + 1),
        ("an orphaned log", &[("", database), ("-wal", log)], month + 1),
        ("shared memory only", &[("", database), ("-shm", memory)], month),
        ("an empty log", &[("", database), ("-wal", &b""[..]), ("-shm", memory)], month),
        ("a log without a commit", &[("", database), ("-wal", &log[..32])], month),
        ("a log that is cut in its first commit", &[("", database), ("-wal", &log[..4_000]), ("-shm", memory)], month),
        ("what is no log", &[("", database), ("-wal", &b"of another program, or nothing at all"[..])], month),
    ];
    for (what, files, expected) in rows {
        check_untouched(what, &desk_with(files), expected);
    }
}

#[test]
fn h3_a_lock_of_another_kind_is_no_reason_for_a_trace() {
    let makes: [fn(&str) -> std::io::Result<()>; 2] =
        [|lock| std::os::unix::fs::symlink("/dev/null", lock), |lock| fs::create_dir(lock)];
    for make in makes {
        let desk = Desk::with_month();
        make(&beside(&desk, ".lock")).unwrap();
        let before = fs::symlink_metadata(desk.database().parent().unwrap()).unwrap().mtime_nsec();
        let names = || fs::read_dir(desk.database().parent().unwrap()).unwrap().count();
        assert_eq!(names(), 2);
        desk.run(RUNS).ends(0);
        assert_eq!(names(), 2);
        assert_eq!(fs::symlink_metadata(desk.database().parent().unwrap()).unwrap().mtime_nsec(), before);
    }
}

#[test]
fn h3_a_read_only_folder_is_read_without_a_trace() {
    let (_above, database) = read_only_month();
    let folder = database.parent().unwrap().to_owned();
    let before = Traces::of(&folder);
    for look in LOOKS.iter().filter(|look| look[0] != "doctor") {
        let ran = run_as_nobody(&database, look);
        assert!(![1, 6, 101].contains(&ran.code), "{look:?}: {ran:#?}");
        assert_eq!(Traces::of(&folder), before, "{look:?} left a trace");
    }
    run_as_nobody(&database, &["doctor", "--offline"]).ends(6);
    assert_eq!(Traces::of(&folder), before, "doctor left a trace");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
}

/// A file of an older schema that is too large to be copied into memory; what is added has no data.
fn large_old_file() -> Desk {
    let desk = Desk::at("http://127.0.0.1:9", "token");
    desk.put_database(&file_of(3));
    File::options().write(true).open(desk.database()).unwrap().set_len(MAX_COPY_IN_MEMORY_BYTES + 4_096).unwrap();
    desk
}

#[test]
fn h2_a_large_old_file_is_read_in_a_copy_on_disk() {
    let small = Desk::at("http://127.0.0.1:9", "token");
    small.put_database(&file_of(3));
    let large = large_old_file();
    let temporary = large.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let large = large.with("TMPDIR", &temporary.display().to_string());
    let before = Traces::of(large.database().parent().unwrap());
    for look in [RUNS, &["diff", "1", "latest", "--format", "json"]] {
        assert_eq!(large.run(look).ends(0).out, small.run(look).ends(0).out, "{look:?}");
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "{look:?} left a copy");
    }
    for blank in ["", " ", "\"/nowhere\""] {
        // No folder at all: the system's own, and never the one that keyholder was started in.
        assert_eq!(large.command(RUNS).env("TMPDIR", blank).output().unwrap().status.code(), Some(0), "{blank:?}");
    }
    large.run(&["doctor", "--offline"]).ends(0);
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "doctor left a copy");
    assert_eq!(Traces::of(large.database().parent().unwrap()), before);
}

#[test]
fn h2_the_copy_on_disk_is_private_and_has_no_name() {
    let desk = large_old_file();
    RUNTIME.block_on(async {
        let store = Store::open(&desk.database(), Access::Read).await.unwrap();
        assert!(!store.runs().await.unwrap().is_empty());
        let own = format!("keyholder-{}-", std::process::id());
        let files = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
        let is_copy = |path: &Path| fs::read_link(path).is_ok_and(|to| to.to_string_lossy().contains(&own));
        let copies: Vec<_> = files.filter(|path| is_copy(path)).map(|path| fs::metadata(path).unwrap()).collect();
        assert!(!copies.is_empty(), "there is a copy");
        for copy in copies {
            assert_eq!((copy.mode() & 0o7777, copy.nlink()), (0o600, 0), "only this process gets at it");
        }
        store.close().await;
    });
}

#[test]
fn h2_a_copy_without_room_is_refused_with_a_hint() {
    // Nothing can be written there, and the system says that there is no room.
    let desk = large_old_file().with("TMPDIR", "/proc");
    let ran = desk.run(RUNS).ends(6);
    assert!(ran.err.contains("its schema has version 3") && ran.err.contains("0 MiB free in /proc"), "{}", ran.err);
    assert!(ran.err.contains("hint: name a folder with more room in TMPDIR, or "), "{}", ran.err);
    // A collection brings it up to date where it is, and needs no copy.
    let doctor = desk.run(&["doctor", "--offline"]).ends(0);
    assert!(doctor.out.contains("warn  database"), "{}", doctor.out);
}

#[test]
fn h3_reading_beside_a_writer_sees_what_is_written() {
    let desk = Desk::with_month();
    let before = runs(desk.run(RUNS));
    RUNTIME.block_on(async {
        // Another program than keyholder: it holds no lock but those of SQLite.
        let db = raw(&desk.database()).await;
        sqlx::query("SELECT count(*) FROM run").execute(&db).await.unwrap();
        let run = "INSERT INTO run (schedule, nominal, started, finished, state, api, tool) \
                   SELECT 'other', nominal, started, finished, 'failed', api, tool FROM run LIMIT 1";
        sqlx::query(run).execute(&db).await.unwrap();
        assert_eq!(runs(desk.run(RUNS)), before + 1);
        db.close().await;
    });
}

#[test]
fn h3_a_log_is_read_only_as_far_as_it_was_committed() {
    let [(_, database), (_, mut log), _] = with_log();
    let month = runs(Desk::with_month().run(RUNS));
    // What a program left that was killed while it wrote the next frame.
    log.write_all(&[0xa5; 3_000]).unwrap();
    check_untouched("a torn log", &desk_with(&[("", &database[..]), ("-wal", &log[..])]), month + 1);
    // What another program wrote over an older log is not of this one.
    log[16] ^= 1;
    check_untouched("a log with another salt", &desk_with(&[("", &database[..]), ("-wal", &log[..])]), month);
}
