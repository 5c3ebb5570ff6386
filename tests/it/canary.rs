//! No secret leaves the process: a whole job on a contract full of canaries, then a search of everything it left behind.
//!
//! The control is the same job and the same search in a build with the feature `unredacted`, which must be caught:
//! `cargo test -p keyholder --features unredacted --test it canary`.

mod library;
mod process;
mod program;
mod search;
mod secure;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::private_folder;
use emulator::Emulator;
use keyholder::seams::Environment;
use search::{ENCODINGS, Hit, Search};

/// The seed of every contract here, so that all of them have the same canary, which no other test has.
const SEED: u64 = 20_261_123;

/// Where the job of the library leaves its traces; set in the process that does it.
const FOLDER: &str = "KEYHOLDER_CANARY_FOLDER";

async fn emulator() -> Emulator {
    Emulator::builder().seed(SEED).users(30).start().await.unwrap()
}

/// What was left behind by a job, and what of it holds a secret.
struct Left {
    folder: tempfile::TempDir,
    search: Search,
    hits: Vec<Hit>,
}

impl Left {
    /// Searches a folder in which these files must be, none of them empty.
    #[track_caller]
    fn search(folder: tempfile::TempDir, canary: &str, expected: &[&str]) -> Self {
        for name in expected {
            let length = fs::metadata(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}")).len();
            assert!(length > 0, "{name} is empty");
        }
        let search = Search::new(canary);
        let (hits, searched) = search.folder(folder.path());
        assert!(searched > 500_000, "a search of {searched} bytes means nothing");
        Self { folder, search, hits }
    }

    /// Redaction works: nothing may be found.
    #[cfg(not(feature = "unredacted"))]
    #[track_caller]
    fn judge(&self, _: &str, _: &[&str]) {
        assert!(self.hits.is_empty(), "{} secrets were left, the first of them: {:#?}", self.hits.len(), self.first());
    }

    /// The control: without redaction the same search must find secrets in the database and in these places.
    #[cfg(feature = "unredacted")]
    #[expect(clippy::print_stdout, reason = "whoever runs the control wants to see what it found")]
    #[track_caller]
    fn judge(&self, database: &str, places: &[&str]) {
        for place in [&[database], places].concat() {
            let found = self.hits.iter().filter(|hit| hit.place.ends_with(place)).count();
            println!("control: {found} secrets found in {place}");
            assert!(
                found > 0,
                "the search did not find what an unredacted build leaves in {place}: {:#?}",
                self.first()
            );
        }
    }

    fn first(&self) -> Vec<&Hit> {
        self.hits.iter().take(20).collect()
    }
}

fn folder() -> tempfile::TempDir {
    let folder = private_folder();
    fs::create_dir(folder.path().join("tmp")).unwrap();
    folder
}

/// Does the job of the library in a process of its own, which is this test once more.
fn library_in_its_own_process(test: &str, folder: &Path) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env("TMPDIR", folder.join("tmp"))
        .env("RUST_BACKTRACE", "1")
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    fs::write(folder.join("stdout.txt"), &output.stdout).unwrap();
    fs::write(folder.join("stderr.txt"), &output.stderr).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn nothing_the_library_leaves_behind_holds_a_secret() {
    if let Some(folder) = Environment::of_process().get(FOLDER) {
        return library::run(Path::new(folder)).await;
    }
    let folder = folder();
    library_in_its_own_process("canary::nothing_the_library_leaves_behind_holds_a_secret", folder.path());
    let canary = emulator().await.canary().to_owned();
    let files = [
        "library.db",
        "live/library.db",
        "live/library.db-wal",
        "live/library.db-shm",
        "trace.log",
        "log.log",
        "said.txt",
    ];
    let left = Left::search(folder, &canary, &[&files[..], &["stdout.txt", "stderr.txt"]].concat());
    left.judge("library.db", &["live/library.db-wal", "said.txt"]);
    check_lines(left.folder.path());
}

/// The net was not empty: the lines of the libraries are there, and no header of ours is among them.
fn check_lines(folder: &Path) {
    let trace = fs::read_to_string(folder.join("trace.log")).unwrap();
    for expected in [
        "\"TRACE\"",
        "API request",
        "\"hyper_util::",
        "\"sqlx::",
        "\"h2::",
        "Noticed: unknown property key.properties.secretAccessKey",
    ] {
        assert!(trace.contains(expected), "{expected}");
    }
    let log = fs::read_to_string(folder.join("log.log")).unwrap();
    assert!(log.contains("reqwest::") && log.contains("rustls::"), "{log}");
    let stderr = fs::read_to_string(folder.join("stderr.txt")).unwrap();
    assert_eq!(stderr.matches("panicked at").count(), 3, "{stderr}");
    for text in [trace, log, stderr] {
        let printed = text.lines().find(|line| {
            // The one form in which the header may be named: in the panic that shows a client.
            let line = line.to_lowercase().replace("\"authorization\": sensitive", "");
            line.contains("authorization") || line.contains("bearer ey")
        });
        assert_eq!(printed, None, "credentials were printed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_the_program_leaves_behind_holds_a_secret() {
    let folder = folder();
    let emulator = emulator().await;
    tokio::task::block_in_place(|| program::run(folder.path(), &emulator));
    let files = [
        "program.db",
        "demo/keyholder.db",
        "recorded/exchanges.jsonl",
        "recorded-with-faults/exchanges.jsonl",
        "01.stdout",
        "01.stderr",
    ];
    let left = Left::search(folder, emulator.canary(), &files);
    left.judge("program.db", &["demo/keyholder.db"]);
    let stderr = fs::read_to_string(left.folder.path().join("01.stderr")).unwrap();
    assert!(stderr.contains("API request") && stderr.contains("DEBUG"), "{stderr}");
    assert_eq!(stderr.starts_with("WARNING"), cfg!(feature = "unredacted"), "{stderr}");
    check_planted(&left).await;
}

/// The search would have found a secret in any dress: in a row of the database, in its log, in a free page, in a line of
/// a log and in a report.
async fn check_planted(left: &Left) {
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("program.db");
    fs::copy(left.folder.path().join("program.db"), &path).unwrap();
    let report = fs::read(left.folder.path().join("demo/access-review.html")).unwrap();
    let stderr = fs::read(left.folder.path().join("01.stderr")).unwrap();
    let database = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::query("CREATE TABLE planted (name TEXT, secret BLOB)").execute(&database).await.unwrap();
    let canary = emulator().await.canary().to_owned();
    let before = left.hits.iter().filter(|hit| hit.place.ends_with("/program.db")).count();
    let in_database = || left.search.folder(copy.path()).0.len() - before;
    let mut so_far = in_database();
    for encoding in &ENCODINGS {
        let secret = (encoding.write)(canary.as_bytes());
        let planted = |bytes: &[u8]| [&bytes[..bytes.len() / 2], &secret, &bytes[bytes.len() / 2..]].concat();
        for (place, bytes) in [("report", &report), ("log", &stderr)] {
            let more = left.search.bytes(place, &planted(bytes)).len() - left.search.bytes(place, bytes).len();
            assert_eq!(more, 2, "both halves, in a {place}, {}", encoding.name);
        }
        let insert = sqlx::query("INSERT INTO planted VALUES (?, ?)").bind(encoding.name).bind(&secret);
        insert.execute(&database).await.unwrap();
        assert!(in_database() > so_far, "{}", encoding.name);
        so_far = in_database();
    }
    sqlx::query("DROP TABLE planted").execute(&database).await.unwrap();
    database.close().await;
    assert!(in_database() > 0, "what was deleted is still in the pages that are free now");
}
