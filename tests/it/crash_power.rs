//! Loss of power at every point of several collections: whatever of the writes that were not synced is lost, no snapshot
//! that was acknowledged is, and the file is whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use keyholder::seams::Environment;
use keyholder::store::{Access, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::crash_disk::{Disk, Event, events};
use crate::crash_oracle::{Contents, NOTHING, acknowledged, contents, violations};
use crate::crash_sweep::{can_trace, files};
use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::model::{Bench, Model, start};
use crate::support::{repeats, tell};

const CALLS: &str = "trace=openat,pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename";

/// Runs a program and records what it does to the files of a database; `out` takes its standard output.
fn record(plain: &Command, database: &Path, out: &Path) -> Vec<Event> {
    let log = out.with_extension("strace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-xx", "-s", "1000000", "-e", "signal=none", "-e", CALLS, "-o"]).arg(&log);
    for file in files(database).iter().filter(|file| !file.to_string_lossy().ends_with("-shm")) {
        command.arg("-P").arg(file);
    }
    command.arg("-P").arg(out).arg(plain.get_program()).args(plain.get_args()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", "/usr/bin:/bin");
    let ended = command.stdout(fs::File::create(out).unwrap()).stderr(Stdio::null()).status().unwrap();
    assert!(ended.success(), "{ended}: {}", fs::read_to_string(out).unwrap());
    let folder = database.parent().unwrap().to_str().unwrap();
    events(&fs::read_to_string(log).unwrap(), folder, out.to_str().unwrap())
}

/// What happened to a database, from its state before.
struct Recording {
    name: String,
    base: BTreeMap<String, Vec<u8>>,
    before: Contents,
    events: Vec<Event>,
}

/// Five collections by the real binary, the first into a database that has to be made.
fn collections() -> Recording {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let folder = desk.database().parent().unwrap().to_owned();
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut events = Vec::new();
    for day in [0, 3, 10, 20, 30] {
        emulator.advance_to_day(day);
        events.extend(record(&desk.command(&["collect"]), &desk.database(), &desk.path("out.txt")));
    }
    Recording { name: "keyholder.db".to_owned(), base: BTreeMap::new(), before: NOTHING, events }
}

/// Every picture is opened by the store, as the next collection would, and then looked through.
async fn judge(recording: &Recording, pictures: &BTreeMap<String, Vec<u8>>, acknowledged: usize) -> Vec<String> {
    let Some(database) = pictures.get(&recording.name) else {
        let is_lost = acknowledged > 0 || !recording.base.is_empty();
        return if is_lost { vec!["the database is gone".to_owned()] } else { Vec::new() };
    };
    if database.len() < 100 {
        return vec![format!("the database has {} bytes", database.len())];
    }
    let folder = in_memory();
    for (name, content) in pictures {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let path = folder.path().join(&recording.name);
    let opened = async {
        let store = Store::open(&path, Access::Write).await?;
        let runner = store.runner(start()).await;
        store.close().await;
        runner.map(drop)
    };
    if let Err(error) = opened.await {
        return vec![format!("the store refuses it: {error}")];
    }
    match contents(&path).await {
        Ok(found) => violations(&found, &recording.before, acknowledged, usize::MAX >> 1),
        Err(error) => vec![format!("cannot be read: {error}")],
    }
}

/// A private folder, without a disk below it where there is such a thing: nothing there has to survive.
fn in_memory() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { builder.tempdir_in(memory).unwrap() } else { builder.tempdir().unwrap() }
}

/// So many images.
fn asked() -> u64 {
    repeats("KEYHOLDER_TEST_POWER_IMAGES", 3_000)
}

/// Cuts the power after every event in turn until there are so many pictures. What was wrong, with the place and the seed.
fn replay(recording: &Recording, images: u64) -> Vec<String> {
    let mut disks = vec![(Disk::holding(&recording.base), 0)];
    let mut said = String::new();
    for event in &recording.events {
        let mut disk = disks[disks.len() - 1].0.clone();
        disk.apply(event);
        if let Event::Say(text) = event {
            said.push_str(text);
        }
        disks.push((disk, acknowledged(&said)));
    }
    let points = disks.len() as u64;
    let image = |number: u64| {
        let point = usize::try_from(number % points).unwrap();
        let (disk, acknowledged) = &disks[point];
        let wrong = RUNTIME.block_on(judge(recording, &disk.after_power_loss(number), *acknowledged));
        wrong.into_iter().map(move |wrong| format!("image {number}, after event {point}: {wrong}")).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            let numbers = (0..images).filter(move |number| number % 2 == half);
            scope.spawn(|| numbers.flat_map(image).collect::<Vec<_>>())
        });
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    })
}

#[track_caller]
fn check_nothing_lost(recording: &Recording, images: u64) {
    let wrong = replay(recording, images);
    assert!(wrong.is_empty(), "{} violations:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    tell(&format!("power lost: {images} images of {} events, nothing lost, nothing corrupt", recording.events.len()));
}

#[test]
fn no_loss_of_power_costs_an_acknowledged_snapshot() {
    if can_trace() {
        let recording = collections();
        let said = recording.events.iter().filter(|event| matches!(event, Event::Say(_))).count();
        assert_eq!(said, 5, "each collection is acknowledged");
        check_nothing_lost(&recording, asked());
        // The same without the syncs, as a disk that does not do them has it: now the replay has to find something.
        let is_sync = |event: &Event| matches!(event, Event::Sync(_) | Event::SyncFolder);
        let events = recording.events.iter().filter(|event| !is_sync(event)).cloned().collect();
        let wrong = replay(&Recording { events, ..recording }, 300);
        assert!(wrong.len() > 30, "without any sync only {} of 300 images are wrong", wrong.len());
    }
}

const RECORDED: &str = "KEYHOLDER_TEST_RECORDED";
const SYNCHRONOUS: &str = "KEYHOLDER_TEST_SYNCHRONOUS";

/// Not a test of its own: what is recorded below, this program once more, in a process of its own.
#[test]
fn seals_of_another_writer() {
    let environment = Environment::of_process();
    let Some(database) = environment.get(RECORDED) else { return };
    let synchronous = environment.get(SYNCHRONOUS).unwrap().parse().unwrap();
    RUNTIME.block_on(write_seals(Path::new(database), synchronous));
}

/// Six seals with nothing in them but what makes them count, and ballast, each acknowledged as `collect` does it.
async fn write_seals(database: &Path, synchronous: SqliteSynchronous) {
    use std::io::Write as _;
    let options = SqliteConnectOptions::new().filename(database).foreign_keys(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(synchronous);
    let options = options.pragma("wal_autocheckpoint", "20");
    let db = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    for seq in 2..8 {
        let seal = format!(
            "BEGIN IMMEDIATE; \
             INSERT INTO run (contract, schedule, nominal, started, finished, state, api, tool) \
             SELECT contract, schedule, '{seq}', started, finished, state, api, tool FROM run WHERE id = 1; \
             INSERT INTO snapshot SELECT contract, {seq}, last_insert_rowid(), NULL, root, 0, 0, 0, contracts, users, groups, \
             resources, members, shares, owns, keys FROM snapshot WHERE seq = 1; \
             INSERT INTO actor (name) SELECT hex(randomblob(300)) FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8)); \
             COMMIT"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(seal)).execute(&db).await.unwrap();
        // Past the test harness, which keeps what is printed for itself.
        std::io::stdout()
            .lock()
            .write_all(format!("\ncontract 1 snapshot {seq} complete: 0 requests\n").as_bytes())
            .unwrap();
        std::io::stdout().lock().flush().unwrap();
    }
    db.close().await;
}

/// The seals of the other writer under that setting.
fn seals(synchronous: &str) -> Recording {
    let bench = RUNTIME.block_on(async {
        let bench = Bench::new().await;
        bench.seal(Model::small().sightings()).await;
        bench.store.clone().close().await;
        bench
    });
    let database = bench.folder().join("test.db");
    let before = RUNTIME.block_on(contents(&database)).unwrap();
    let base = BTreeMap::from([("test.db".to_owned(), fs::read(&database).unwrap())]);
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["crash_power::seals_of_another_writer", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(RECORDED, &database).env(SYNCHRONOUS, synchronous);
    let events = record(&command, &database, &elsewhere.path().join("out.txt"));
    Recording { name: "test.db".to_owned(), base, before, events }
}

#[test]
fn the_replay_finds_what_a_writer_that_does_not_sync_loses() {
    if can_trace() {
        check_nothing_lost(&seals("full"), 300);
        let without = replay(&seals("off"), 300);
        let lost = without.iter().filter(|wrong| wrong.contains("lost: ")).count();
        tell(&format!("the control with synchronous=OFF: {} of 300 images wrong, {lost} lost", without.len()));
        assert!(without.len() > 30 && lost > 0, "only {} of 300 are wrong with synchronous=OFF", without.len());
        // NORMAL does not corrupt, but it does lose.
        let normal = replay(&seals("normal"), 300);
        assert!(normal.iter().any(|wrong| wrong.contains("lost: ")), "nothing is lost with synchronous=NORMAL");
        assert!(normal.iter().all(|wrong| wrong.contains("lost: ")), "synchronous=NORMAL corrupts: {normal:?}");
    }
}
