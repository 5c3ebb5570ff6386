//! Opening: files of other people, other programs and other times are refused, untouched.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use keyholder::domain::snapshot::Source;
use keyholder::store::open::schema_version;
use keyholder::store::runs::Occasion;
use keyholder::store::{Access, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::support::model::{Bench, CONTRACT, Model, start};
use crate::support::private_folder;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A closed database with one snapshot.
async fn closed() -> (Bench, std::path::PathBuf) {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let path = bench.folder().join("test.db");
    bench.store.clone().close().await;
    (bench, path)
}

/// Opens both ways, expects the same refusal and the same bytes as before.
async fn check_refused(path: &Path, expected: &str) {
    let before = fs::read(path).unwrap();
    for access in [Access::Write, Access::Read] {
        let error = Store::open(path, access).await.expect_err("the file is refused");
        let shown = error.to_string().replace(&path.display().to_string(), "DB");
        assert_eq!(shown, expected);
        assert!(error.hint().is_some(), "{shown} has no hint");
    }
    assert_eq!(fs::read(path).unwrap(), before, "the file was touched");
}

fn patch(path: &Path, at: usize, bytes: &[u8]) {
    let mut content = fs::read(path).unwrap();
    content[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(path, content).unwrap();
}

#[tokio::test]
async fn a_new_database_is_readable_by_its_owner_only() {
    let folder = private_folder();
    let path = folder.path().join("state").join("keyholder.db");
    let store = Store::open(&path, Access::Write).await.unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    store.close().await;
}

#[tokio::test]
async fn a_closed_database_is_one_file_and_opens_again() {
    let (bench, path) = closed().await;
    let mut files: Vec<_> = fs::read_dir(bench.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["test.db", "test.db.lock"], "the write-ahead log is folded in");
    let store = Store::open(&path, Access::Read).await.unwrap();
    assert_eq!(store.snapshots(CONTRACT).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_untouched() {
    let (_bench, path) = closed().await;
    patch(&path, 60, &99_u32.to_be_bytes());
    let known = schema_version();
    check_refused(
        &path,
        &format!("open database DB: its schema has version 99, this program knows versions up to {known}"),
    )
    .await;
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_untouched() {
    let (_bench, path) = closed().await;
    patch(&path, 68, b"ELSE");
    check_refused(&path, "open database DB: not a keyholder database").await;
    fs::write(&path, "name,email\n").unwrap();
    check_refused(&path, "open database DB: not a keyholder database").await;
    // An ordinary SQLite file, without any mark in its header, with a table that is called like one of ours.
    fs::remove_file(&path).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let db = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE run (x)").execute(&db).await.unwrap();
    db.close().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    check_refused(&path, "open database DB: not a keyholder database").await;
}

#[tokio::test]
async fn a_database_that_others_can_read_is_refused_untouched() {
    let (_bench, path) = closed().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    check_refused(&path, "open database DB: others can access it (mode 0644)").await;
}

#[tokio::test]
async fn nothing_is_collected_into_a_folder_that_others_can_list_or_write_to_and_reading_works() {
    let (bench, path) = closed().await;
    for mode in [0o777, 0o755, 0o750, 0o720, 0o1777] {
        fs::set_permissions(bench.folder(), fs::Permissions::from_mode(mode)).unwrap();
        let error = Store::open(&path, Access::Write).await.expect_err("the folder is refused");
        let StoreError::ExposedFolder { path: folder, mode: found, .. } = &error else { panic!("{error:?}") };
        assert_eq!((folder.as_path(), *found), (bench.folder(), mode));
        let store = Store::open(&path, Access::Read).await.unwrap();
        assert_eq!(store.snapshots(CONTRACT).await.unwrap().len(), 1);
    }
    fs::set_permissions(bench.folder(), fs::Permissions::from_mode(0o711)).unwrap();
    Store::open(&path, Access::Write).await.unwrap().close().await;
}

#[tokio::test]
async fn a_database_is_made_whole_or_not_at_all() {
    let folder = private_folder();
    let path = folder.path().join("test.db");
    // What a cut-off attempt leaves is no database, and in nobody's way; nor is an empty file.
    fs::write(folder.path().join("test.db.new"), b"half of something").unwrap();
    fs::write(folder.path().join("test.db.new-journal"), b"half of something").unwrap();
    fs::write(&path, b"").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Store::open(&path, Access::Write).await.unwrap().close().await;
    let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["test.db", "test.db.lock"]);
    assert_eq!(mode(&path), 0o600);
}

/// A folder in which a database was deleted while its log had not been folded in.
async fn orphaned() -> (tempfile::TempDir, std::path::PathBuf) {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let folder = private_folder();
    let path = folder.path().join("test.db");
    for suffix in ["-wal", "-shm"] {
        fs::copy(bench.folder().join(format!("test.db{suffix}")), beside(&path, suffix)).unwrap();
    }
    assert!(fs::metadata(beside(&path, "-wal")).unwrap().len() > 10_000, "a snapshot is in the log");
    (folder, path)
}

fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    path.with_file_name(format!("test.db{suffix}"))
}

#[tokio::test]
async fn the_log_of_a_database_that_is_gone_is_not_played_into_a_new_one() {
    let (_folder, path) = orphaned().await;
    let log = beside(&path, "-wal");
    let before = fs::read(&log).unwrap();
    let refused = Store::open(&path, Access::Write).await.expect_err("the log is refused");
    assert!(matches!(&refused, StoreError::Orphan { log: found, .. } if *found == log), "{refused:?}");
    assert!(refused.hint().is_some_and(|hint| hint.contains(&log.display().to_string())));
    assert!(!path.exists() && fs::read(&log).unwrap() == before, "nothing was touched");
    fs::remove_file(&log).unwrap();
    let store = Store::open(&path, Access::Write).await.unwrap();
    assert!(store.runs().await.unwrap().is_empty(), "the new database is new");
    store.close().await;
}

#[tokio::test]
async fn an_empty_log_is_in_nobodys_way_and_a_journal_is_refused_as_well() {
    let folder = private_folder();
    let path = folder.path().join("test.db");
    fs::write(beside(&path, "-journal"), b"pages of another database").unwrap();
    let refused = Store::open(&path, Access::Write).await.expect_err("the journal is refused");
    assert!(matches!(refused, StoreError::Orphan { .. }), "{refused:?}");
    for suffix in ["-journal", "-wal", "-shm"] {
        fs::write(beside(&path, suffix), b"").unwrap();
    }
    Store::open(&path, Access::Write).await.unwrap().close().await;
}

#[tokio::test]
async fn who_does_not_want_to_wait_for_the_check_of_a_large_file_does_not() {
    let folder = private_folder();
    let path = folder.path().join("test.db");
    let store = Store::open(&path, Access::Write).await.unwrap();
    let db = crate::support::cut::raw(&path).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
                INSERT INTO actor (name) SELECT hex(randomblob(100)) || i FROM n";
    sqlx::query(many).execute(&db).await.unwrap();
    db.close().await;
    let stop = CancellationToken::new();
    stop.cancel();
    let stopped = store.runner_until(start(), &stop).await.expect_err("it is stopped");
    assert!(matches!(stopped, StoreError::Stopped), "{stopped:?}");
    // The next one is not, and the connection is as good as before.
    store.runner(start()).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_link_to_the_database_has_the_same_lock() {
    let bench = Bench::new().await;
    let elsewhere = private_folder();
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(bench.folder().join("test.db"), &link).unwrap();
    let store = Store::open(&link, Access::Write).await.unwrap();
    let refused = store.runner(start()).await.expect_err("the bench is the runner");
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused:?}");
}

#[tokio::test]
async fn reading_does_not_create_a_database() {
    let folder = private_folder();
    let path = folder.path().join("none.db");
    let error = Store::open(&path, Access::Read).await.expect_err("there is none");
    assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
    assert!(!path.exists());
}

#[tokio::test]
async fn only_one_runner_collects_at_a_time() {
    let bench = Bench::new().await;
    let refused = bench.store.runner(start()).await.expect_err("the bench is the runner");
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused:?}");
    let said = refused.to_string();
    assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
}

/// Starts programs one after the other until this is dropped: each holds a copy of every open file until it runs.
struct Starting(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Starting {
    fn begin() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                assert!(Command::new("true").status().unwrap().success());
            }
        });
        Self(over, Some(thread))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let ended = self.1.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || std::thread::panicking());
    }
}

#[tokio::test]
async fn whoever_stops_collecting_makes_way_at_once_even_while_other_programs_are_being_started() {
    let folder = private_folder();
    let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
    let _starting = Starting::begin();
    for time in 0..300 {
        let runner = store.runner(start()).await;
        assert!(runner.is_ok(), "time {time}: {runner:?}");
    }
}

#[tokio::test]
async fn the_next_runner_marks_what_was_cut_off_as_interrupted() {
    let folder = private_folder();
    let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
    let occasion = Occasion { schedule: "manual".into(), nominal: start(), contract_name: None };
    let source = Source { api: "http://127.0.0.1".into(), tool: "test".into() };
    let runner = store.runner(start()).await.unwrap();
    store.begin_run(&runner, &occasion, None, start(), &source).await.unwrap();
    drop(runner);
    store.runner(start()).await.unwrap();
    store.close().await;
    let db = sqlx::SqlitePool::connect(&format!("sqlite:{}", folder.path().join("test.db").display())).await.unwrap();
    let runs: Vec<(String, String)> = sqlx::query_as("SELECT state, reason FROM run").fetch_all(&db).await.unwrap();
    assert_eq!(runs, [("interrupted".to_owned(), "the process ended before the run was sealed".to_owned())]);
}

#[tokio::test]
async fn a_run_killed_under_an_earlier_version_is_resumed() {
    let folder = private_folder();
    let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
    let occasion = Occasion { schedule: "manual".into(), nominal: start(), contract_name: None };
    let source = Source { api: "http://127.0.0.1".into(), tool: "test".into() };
    let runner = store.runner(start()).await.unwrap();
    let run = store.begin_run(&runner, &occasion, None, start(), &source).await.unwrap();
    store.stage(run, "terms", None).await.unwrap();
    store.keep(run, &["an outcome".to_owned()]).await.unwrap();
    drop(runner);
    let db = sqlx::SqlitePool::connect(&format!("sqlite:{}", folder.path().join("test.db").display())).await.unwrap();
    let killed = "UPDATE run SET state = 'interrupted', finished = started, reason = 'cut off before it was sealed'";
    sqlx::query(killed).execute(&db).await.unwrap();
    db.close().await;
    let runs = store.runs().await.unwrap();
    assert_eq!(runs[0].reason.as_deref(), Some("the process ended before the run was sealed"));
    let runner = store.runner(start()).await.unwrap();
    let resumed = store.take_up(&runner, &occasion, |terms| terms == "terms", start()).await.unwrap();
    let resumed = resumed.expect("it is young enough");
    assert_eq!((resumed.interrupted, resumed.outcomes.len()), (None, 1), "nobody recorded when it ended");
}
