//! `keyholder restore`: what it refuses, what it replaces, and that every step may be the last one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use crate::support::cli::{Desk, MONTH, RUNTIME, Ran};
use crate::support::model::{Bench, Model};

/// A backup of the shared month.
const BACKUP: &str = "month.db";

/// An environment with the backup and no database.
fn with_backup() -> Desk {
    let desk = Desk::with_month();
    desk.run(&["backup", "--out", BACKUP]).ends(0);
    fs::remove_file(desk.database()).unwrap();
    desk
}

/// A database of another contract whose snapshot is only in its write-ahead log, as a killed process leaves it.
fn put_unfolded(desk: &Desk) {
    RUNTIME.block_on(async {
        let bench = Bench::new().await;
        bench.seal(Model::small().sightings()).await;
        for suffix in ["", "-wal"] {
            let from = bench.folder().join(format!("test.db{suffix}"));
            fs::copy(from, with_suffix(&desk.database(), suffix)).unwrap();
        }
    });
    assert!(fs::metadata(with_suffix(&desk.database(), "-wal")).unwrap().len() > 0);
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// The runs of the database, as the binary lists them.
fn listed(desk: &Desk, database: &Path) -> Ran {
    desk.run(&["--db", database.to_str().unwrap(), "snapshots", "list", "--runs", "--format", "csv"])
}

/// The files beside the database, without its locks.
fn files(desk: &Desk) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(desk.database().parent().unwrap()).unwrap().map(|entry| entry.unwrap());
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    named.filter(|(name, _)| Path::new(name).extension().is_none_or(|extension| extension != "lock")).collect()
}

/// The only database that was replaced.
#[track_caller]
fn replaced(desk: &Desk) -> PathBuf {
    let found: Vec<String> = files(desk).into_keys().filter(|name| name.contains(".db.replaced-")).collect();
    let mains: Vec<&String> = found.iter().filter(|name| name.ends_with('Z')).collect();
    assert_eq!(mains.len(), 1, "{found:?}");
    desk.database().with_file_name(mains[0])
}

async fn raw(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new().max_connections(1).connect_with(SqliteConnectOptions::new().filename(path)).await.unwrap()
}

#[test]
fn a_backup_is_restored_where_there_is_no_database() {
    let desk = with_backup();
    let expected = listed(&desk, &desk.path(BACKUP)).ends(0).out;
    assert_eq!(expected.lines().count(), 6);
    let ran = desk.run(&["restore", BACKUP]).ends(0);
    assert_eq!(ran.out, format!("{}\n", desk.database().display()));
    assert_eq!(listed(&desk, &desk.database()).ends(0).out, expected);
    assert_eq!(fs::metadata(desk.database()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(files(&desk).into_keys().collect::<Vec<_>>(), ["keyholder.db"]);
    // Not a second time without being asked to replace it.
    let ran = desk.run(&["restore", BACKUP]).ends(2);
    assert!(ran.err.contains("keyholder.db: it exists") && ran.err.contains("--replace"), "{ran:#?}");
}

#[test]
fn a_replaced_database_is_kept_with_its_log_folded_in() {
    let desk = with_backup();
    put_unfolded(&desk);
    let expected = listed(&desk, &desk.path(BACKUP)).ends(0).out;
    desk.run(&["restore", BACKUP]).ends(2);
    desk.run(&["restore", BACKUP, "--replace"]).ends(0);
    assert_eq!(listed(&desk, &desk.database()).ends(0).out, expected);
    let old = replaced(&desk);
    let kept = listed(&desk, &old).ends(0).out;
    assert!(kept.lines().count() == 2 && kept.contains("31884421"), "the snapshot that was in the log: {kept}");
    assert_eq!(files(&desk).len(), 2, "{:?}", files(&desk).keys());
}

#[test]
fn the_log_of_a_damaged_database_is_moved_away_with_it() {
    let desk = with_backup();
    put_unfolded(&desk);
    let expected = listed(&desk, &desk.path(BACKUP)).ends(0).out;
    let mut damaged = fs::read(desk.database()).unwrap();
    damaged[..16].copy_from_slice(b"nothing to read!");
    fs::write(desk.database(), &damaged).unwrap();
    let log = fs::read(with_suffix(&desk.database(), "-wal")).unwrap();
    desk.run(&["restore", BACKUP, "--replace"]).ends(0);
    assert_eq!(listed(&desk, &desk.database()).ends(0).out, expected);
    let old = replaced(&desk);
    assert!(fs::read(&old).unwrap() == damaged && fs::read(with_suffix(&old, "-wal")).unwrap() == log);
}

#[test]
fn a_log_without_a_database_is_not_played_into_the_new_one() {
    let desk = with_backup();
    put_unfolded(&desk);
    fs::remove_file(desk.database()).unwrap();
    let ran = desk.run(&["restore", BACKUP]).ends(6);
    assert!(ran.err.contains("keyholder.db-wal"), "{ran:#?}");
    desk.run(&["restore", BACKUP, "--replace"]).ends(0);
    let expected = listed(&desk, &desk.path(BACKUP)).ends(0).out;
    assert_eq!(listed(&desk, &desk.database()).ends(0).out, expected);
}

#[test]
fn a_database_in_use_is_not_replaced() {
    let desk = with_backup();
    put_unfolded(&desk);
    let expected = listed(&desk, &desk.database()).ends(0).out;
    for suffix in [".lock", ".service.lock"] {
        let lock = fs::File::create(with_suffix(&desk.database(), suffix)).unwrap();
        lock.lock().unwrap();
        let ran = desk.run(&["restore", BACKUP, "--replace"]).ends(75);
        assert!(ran.err.contains("\nhint: "), "{ran:#?}");
    }
    RUNTIME.block_on(async {
        let other = raw(&desk.database()).await;
        sqlx::query("SELECT count(*) FROM run").fetch_one(&other).await.unwrap();
        let ran = tokio::task::block_in_place(|| desk.run(&["restore", BACKUP, "--replace"]));
        assert!(ran.ends(75).err.contains("another program has it open"));
        other.close().await;
    });
    assert_eq!(listed(&desk, &desk.database()).ends(0).out, expected);
    desk.run(&["restore", BACKUP, "--replace"]).ends(0);
}

/// Expects a file to be refused as a backup, with what is wrong with it, and the database to stay.
#[track_caller]
fn check_refused(content: &[u8], expected: &str) {
    let desk = Desk::with_month();
    fs::write(desk.path("odd.db"), content).unwrap();
    let ran = desk.run(&["restore", "odd.db", "--replace"]).ends(8);
    assert!(ran.err.starts_with(&format!("error: verify backup odd.db: {expected}")), "{ran:#?}");
    assert!(ran.err.contains("\nhint: ") && ran.out.is_empty(), "{ran:#?}");
    assert!(files(&desk)["keyholder.db"] == MONTH.database && files(&desk).len() == 1, "the database was touched");
}

#[test]
fn what_does_not_verify_ends_with_8() {
    check_refused(b"", "it is not a keyholder database");
    check_refused(b"name,email\n", "it is not a keyholder database");
    let month = &MONTH.database;
    check_refused(&month[..month.len() / 2], "");
    let patched = |at: usize, bytes: &[u8]| {
        let mut content = month.clone();
        content[at..at + bytes.len()].copy_from_slice(bytes);
        content
    };
    check_refused(&patched(60, &99_u32.to_be_bytes()), "its schema has version 99, this program knows versions 1 to ");
    check_refused(&patched(68, b"ELSE"), "it is not a keyholder database");
    // One letter of a body or a statement: SQLite itself finds nothing wrong with it.
    let find = |text: &[u8]| month.windows(text.len()).position(|window| window == text).unwrap();
    check_refused(&patched(find(b"\"forceSecAuth\":true") + 18, b" "), "");
    check_refused(
        &patched(find(b"a fact is ended, never deleted"), b"A"),
        "trigger fact_kept is not what it should be",
    );
}

#[test]
fn a_copy_of_a_database_in_use_ends_with_8() {
    let desk = with_backup();
    put_unfolded(&desk);
    fs::rename(desk.database(), desk.path("copied.db")).unwrap();
    fs::rename(with_suffix(&desk.database(), "-wal"), desk.path("copied.db-wal")).unwrap();
    let ran = desk.run(&["restore", "copied.db"]).ends(8);
    assert!(ran.err.contains("its newest part is in copied.db-wal"), "{ran:#?}");
    // The hint leads on.
    fs::set_permissions(desk.path("copied.db"), fs::Permissions::from_mode(0o600)).unwrap();
    desk.run(&["--db", "copied.db", "backup", "--out", "copied.db.backup.db"]).ends(0);
    desk.run(&["restore", "copied.db.backup.db"]).ends(0);
    assert!(listed(&desk, &desk.database()).ends(0).out.contains("31884421"));
}

#[test]
fn what_is_no_backup_at_all_is_refused() {
    let desk = Desk::with_month();
    desk.run(&["restore", "none.db"]).ends(6);
    desk.run(&["restore", "."]).ends(6);
    let itself = desk.database().display().to_string();
    let ran = desk.run(&["restore", &itself, "--replace"]).ends(2);
    assert!(ran.err.contains("it is the database itself"), "{ran:#?}");
}

/// Calls that change files or folders, or make them durable.
const CALLS: &str =
    "rename,renameat2,link,linkat,unlink,fsync,fdatasync,pwrite64,ftruncate,copy_file_range,openat,fcntl";

/// Restores under `strace`, killed at the n-th of the calls; whether it was.
fn killed_at(desk: &Desk, number: u32) -> bool {
    let plain = desk.command(&["restore", BACKUP, "--replace"]);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={CALLS}")]);
    command.args(["-e", &format!("inject={CALLS}:signal=SIGKILL:when={number}")]);
    // The folder's files only: what the loader opens before is of no interest.
    for (name, _) in files(desk) {
        command.arg("-P").arg(desk.database().with_file_name(name));
    }
    for suffix in ["", "-wal", "-shm", "-journal"] {
        command.arg("-P").arg(with_suffix(&desk.database(), suffix));
    }
    let folder = desk.database().parent().unwrap().to_owned();
    command.arg("-P").arg(&folder).arg("-P").arg(folder.join(".keyholder.db.part"));
    command.arg(plain.get_program()).args(plain.get_args());
    command.current_dir(plain.get_current_dir().unwrap()).env_clear().env("PATH", "/usr/bin:/bin");
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let status = command.output().unwrap().status;
    assert!(status.signal() == Some(9) || status.success(), "{status:?}");
    !status.success()
}

/// Kills a restore at every call in turn. Each time the database is the whole old one or the whole new one, and the next
/// restore succeeds.
fn check_kills(damage: impl Fn(&Path)) -> u32 {
    let base = with_backup();
    put_unfolded(&base);
    let unfolded = files(&base);
    let new = listed(&base, &base.path(BACKUP)).ends(0).out;
    let before = listed(&base, &base.database()).ends(0).out;
    for number in 1.. {
        let desk = Desk::bare();
        desk.put_database(&unfolded["keyholder.db"]);
        fs::write(with_suffix(&desk.database(), "-wal"), &unfolded["keyholder.db-wal"]).unwrap();
        damage(&desk.database());
        let was_readable = listed(&desk, &desk.database()).code == 0;
        fs::copy(base.path(BACKUP), desk.path(BACKUP)).unwrap();
        if !killed_at(&desk, number) {
            assert_eq!(listed(&desk, &desk.database()).ends(0).out, new);
            return number - 1;
        }
        let found = listed(&desk, &desk.database());
        let is_old = if was_readable { found.out == before } else { found.code == 6 };
        assert!(is_old || (found.code == 0 && found.out == new), "killed at {number}: {found:#?}");
        desk.run(&["restore", BACKUP, "--replace"]).ends(0);
        assert_eq!(listed(&desk, &desk.database()).ends(0).out, new, "killed at {number}");
        assert!(!files(&desk).contains_key(".keyholder.db.part"), "killed at {number}");
    }
    unreachable!("there are fewer calls than numbers")
}

#[test]
fn a_kill_at_any_call_leaves_the_old_or_the_new_database() {
    if crate::crash_sweep::can_trace() {
        let kills = check_kills(|_| ());
        assert!(kills >= 20, "only {kills} calls");
    }
}

#[test]
fn a_kill_never_plays_the_log_of_a_damaged_database() {
    if crate::crash_sweep::can_trace() {
        let kills = check_kills(|database| {
            let mut damaged = fs::read(database).unwrap();
            damaged[..16].copy_from_slice(b"nothing to read!");
            fs::write(database, damaged).unwrap();
        });
        assert!(kills >= 12, "only {kills} calls");
    }
}
