//! The database beside other programs: H1 and H3 of the known cases. A second connection holds the lock that a writer needs,
//! and what reads leaves nothing behind.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::Emulator;
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::app::collect::{CollectFailure, Order, collect};
use keyholder::app::stop::Stop;
use keyholder::collect::{CollectError, Progress};
use keyholder::domain::job::JobId;
use keyholder::domain::notice::Notice;
use keyholder::domain::snapshot::{RunState, Snapshot};
use keyholder::exit::Exit;
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::mutes::Mute;
use keyholder::store::{Access, LockWait, Store, StoreError};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::mpsc::unbounded_channel;

use crate::support::api::settings;
use crate::support::cli::{Desk, RUNTIME};
use crate::support::cut::raw;
use crate::support::private_folder;
use crate::support::traces::Traces;
use crate::support::virtual_time::frozen;

/// Every try fails at once, and there are tries for as long as the program waits.
const PATIENT: LockWait = LockWait { per_try: Duration::ZERO, total: Duration::from_mins(5) };

/// The program gives up soon.
const BRIEF: LockWait = LockWait { per_try: Duration::ZERO, total: Duration::from_millis(100) };

fn start() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-06-01T06:00:00Z").unwrap().to_utc()
}

/// What another program does in the middle of a collection.
#[derive(Clone, Copy, Debug)]
enum Step {
    Hold,
    Release,
}

/// Another program with the database open.
struct Other {
    pool: SqlitePool,
    holding: Mutex<Option<sqlx::pool::PoolConnection<sqlx::Sqlite>>>,
}

impl Other {
    async fn of(store: &Store) -> Self {
        Self { pool: raw(store.path()).await, holding: Mutex::new(None) }
    }

    async fn run(db: &mut SqliteConnection, sql: &'static str) {
        sqlx::query(sql).execute(db).await.unwrap();
    }

    /// Takes the lock, which a writer releases soon.
    async fn hold(&self) {
        let mut db = self.pool.acquire().await.unwrap();
        Self::run(&mut db, "BEGIN IMMEDIATE").await;
        *self.holding.lock().unwrap() = Some(db);
    }

    async fn release(&self) {
        let held = self.holding.lock().unwrap().take();
        Self::run(&mut held.expect("it is held"), "ROLLBACK").await;
    }
}

/// A database, a clock that is set by hand, and a server with three pages of users.
struct Side {
    store: Store,
    other: Other,
    clock: Arc<SetClock>,
    seams: Seams,
    emulator: Emulator,
    _folder: tempfile::TempDir,
}

impl Side {
    async fn new(limit: LockWait) -> Self {
        let folder = private_folder();
        let store = Store::open_with(&folder.path().join("k.db"), Access::Write, limit).await.unwrap();
        let clock = SetClock::at(start());
        let seams = Seams::new(clock.clone(), SeededRandom::new(3));
        let size = emulator::Size { memberships: 80, shares: 30, keys: 20, resources: 40, ..emulator::Size::of(230) };
        let emulator = Emulator::builder().seed(9).size(size).now(start()).start().await.unwrap();
        let other = Other::of(&store).await;
        Self { store, other, clock, seams, emulator, _folder: folder }
    }

    /// Collects, and calls that with the number of requests after each of them.
    async fn collect(&self, stop: Stop, each: impl Fn(u64) + Sync) -> Result<Snapshot, CollectFailure> {
        let settings = settings(&self.emulator, Version::V6);
        let client = Client::new(&settings, self.seams.clone()).unwrap();
        let mut order = Order { stop, ..Order::manual(self.seams.now(), &settings) };
        // These clocks are set at will.
        order.limits.max_skew = None;
        let at = Mutex::new(0);
        let watch = |progress: Progress| {
            let before = std::mem::replace(&mut *at.lock().unwrap(), progress.requests);
            (before + 1..=progress.requests).for_each(&each);
        };
        collect(&self.store, &client, &self.seams, order, &watch).await
    }

    /// Collects while the other program does something at that number of requests.
    async fn collect_beside(
        &self,
        stop: Stop,
        at: impl Fn(u64) -> Option<Step> + Sync,
    ) -> Result<Snapshot, CollectFailure> {
        let (say, mut steps) = unbounded_channel();
        let collecting = async move {
            let each = |request| at(request).into_iter().for_each(|step| say.send(step).unwrap());
            self.collect(stop, each).await
        };
        let holding = async {
            while let Some(step) = steps.recv().await {
                match step {
                    Step::Hold => self.other.hold().await,
                    Step::Release => self.other.release().await,
                }
            }
        };
        tokio::join!(collecting, holding).0
    }

    /// A run that another program brings to its end, by holding the file from its 100th request on.
    async fn locked_out(&self) -> CollectFailure {
        let hold = |request| (request == 100).then_some(Step::Hold);
        self.collect_beside(Stop::default(), hold).await.expect_err("the file is held until the end")
    }

    /// Requests that were saved by resuming.
    async fn saved(&self, snapshot: &Snapshot) -> Option<u64> {
        let notices = self.store.notices(snapshot.contract, snapshot.seq).await.unwrap();
        notices.iter().find_map(|notice| match notice {
            Notice::Resumed { requests } => Some(*requests),
            _ => None,
        })
    }
}

#[tokio::test]
async fn h1_a_lock_in_mid_walk_is_waited_for() {
    let side = Side::new(PATIENT).await;
    // In between, three pages of users are to be kept.
    let hold_a_while = |request| match request {
        5 => Some(Step::Hold),
        400 => Some(Step::Release),
        _ => None,
    };
    let snapshot = side.collect_beside(Stop::default(), hold_a_while).await.unwrap();
    assert!(snapshot.is_complete() && snapshot.requests > 400, "{snapshot:?}");
    assert_eq!(side.store.runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn h1_a_lock_that_stays_interrupts_the_run_with_75() {
    let side = Side::new(BRIEF).await;
    let failure = side.locked_out().await;
    assert_eq!(failure.exit(), Exit::Locked, "{failure:?}");
    let shown = failure.to_string();
    assert!(shown.contains("another program holds the file") && shown.contains("k.db"), "{shown}");
    assert!(failure.hint().is_some_and(|hint| hint.contains("nothing is damaged")), "{:?}", failure.hint());
    side.other.release().await;
    let runner = side.store.runner(start()).await.unwrap();
    assert_eq!(side.store.runs().await.unwrap()[0].state, RunState::Interrupted);
    drop(runner);
}

#[tokio::test]
async fn h1_what_was_read_before_the_lock_is_resumed() {
    for (minutes, resumed) in [(29, true), (31, false)] {
        let side = Side::new(BRIEF).await;
        side.locked_out().await;
        side.other.release().await;
        side.clock.set(start() + TimeDelta::minutes(minutes));
        let snapshot = side.collect(Stop::default(), |_| ()).await.unwrap();
        assert_eq!(side.saved(&snapshot).await.is_some_and(|saved| saved > 0), resumed, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn h1_a_signal_ends_the_waiting_for_a_lock() {
    let side = Side::new(PATIENT).await;
    let stop = Stop::default();
    let hold_and_stop = |request| {
        if request == 300 {
            stop.stop("a test");
        }
        (request == 100).then_some(Step::Hold)
    };
    let collecting = side.collect_beside(stop.clone(), hold_and_stop);
    let ended = tokio::time::timeout(Duration::from_secs(15), collecting).await.expect("it ends in time");
    assert!(matches!(ended, Err(CollectFailure::Walk(CollectError::Stopped))), "{ended:?}");
}

/// That a writer waits while another program holds the file, and succeeds when it does not any more.
async fn check_waits<T>(other: &Other, what: &str, writing: impl Future<Output = Result<T, StoreError>>) {
    other.hold().await;
    let mut writing = Box::pin(writing);
    let early = tokio::time::timeout(Duration::from_millis(100), &mut writing).await;
    assert!(early.is_err(), "{what}: the file is held");
    other.release().await;
    assert!(writing.await.is_ok(), "{what}: the file is free");
}

#[tokio::test]
async fn h1_short_writers_wait_for_another_program() {
    let side = Side::new(PATIENT).await;
    let mute = Mute {
        number: 0,
        sink: "mail".to_owned(),
        class: None,
        contract: None,
        person: "ann".to_owned(),
        reason: "test".to_owned(),
        since: start(),
        until: start() + TimeDelta::days(1),
        ended: None,
    };
    let job = JobId { name: "collect".to_owned(), contract: String::new() };
    let (store, other) = (&side.store, &side.other);
    check_waits(other, "mute", store.mute(&mute, |_| Vec::new())).await;
    check_waits(other, "unmute", store.unmute(1, start())).await;
    check_waits(other, "claim", store.claim("mail", start(), 10)).await;
    check_waits(other, "register jobs", store.register_jobs(&[(job.clone(), "@daily".to_owned())], start())).await;
    check_waits(other, "begin job", store.begin_job(&job, start())).await;
    check_waits(other, "release job", store.release_job(&job)).await;
    check_waits(other, "runner", store.runner(start())).await;
}

#[tokio::test]
async fn h1_a_short_writer_that_waited_in_vain_ends_with_75() {
    let side = Side::new(BRIEF).await;
    side.other.hold().await;
    let error = side.store.unmute(1, start()).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    assert_eq!(keyholder::app::collect::of_store(&error), Exit::Locked);
    side.other.release().await;
}

/// Expects that something ends although the clock of the runtime stands still.
#[track_caller]
fn check_ends_in_real_time(what: &'static str, ending: impl AsyncFnOnce() + Send + 'static) {
    let (say, ended) = std::sync::mpsc::channel();
    let running = std::thread::spawn(move || {
        frozen(ending());
        say.send(()).unwrap();
    });
    let outcome = ended.recv_timeout(Duration::from_secs(30));
    assert!(outcome.is_ok(), "{what}: {outcome:?}");
    running.join().unwrap();
}

#[test]
fn h1_waiting_for_a_lock_is_in_real_time() {
    check_ends_in_real_time("a lock that stays", async || {
        let side = Side::new(BRIEF).await;
        side.other.hold().await;
        let error = side.store.unmute(1, start()).await.unwrap_err();
        assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
        side.other.release().await;
    });
    check_ends_in_real_time("a lock that is released", async || {
        let side = Side::new(PATIENT).await;
        side.other.hold().await;
        let mut writing = Box::pin(side.store.unmute(1, start()));
        // Long enough for the first try to have failed.
        for _ in 0..200 {
            let pending = poll_fn(|context| Poll::Ready(writing.as_mut().poll(context).is_pending())).await;
            assert!(pending, "the file is held");
            tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
        }
        side.other.release().await;
        writing.await.unwrap();
    });
}

#[test]
fn h3_waiting_for_readers_is_in_real_time() {
    check_ends_in_real_time("a reader that stays", async || {
        let folder = private_folder();
        let path = folder.path().join("k.db");
        Store::open(&path, Access::Write).await.unwrap().close().await;
        let reader = Store::open(&path, Access::Read).await.unwrap();
        let refused = Store::open_with(&path, Access::Write, BRIEF).await.expect_err("it is being read");
        assert!(matches!(refused, StoreError::BeingRead { .. }), "{refused:?}");
        reader.close().await;
    });
}

/// What reads a database.
pub(crate) const LOOKS: [&[&str]; 9] = [
    &["snapshots", "list", "--runs"],
    &["snapshots", "show"],
    &["diff", "1", "latest"],
    &["history", "another name"],
    &["report", "access-review", "--format", "csv", "--out", "-"],
    &["report", "population", "--format", "json", "--out", "-"],
    &["status"],
    &["alerts", "list"],
    &["doctor", "--offline"],
];

/// That a command may end as it likes, and leaves nothing behind.
#[track_caller]
fn check_no_trace(desk: &Desk) {
    let folder = desk.database().parent().unwrap().to_owned();
    let before = Traces::of(&folder);
    for look in LOOKS {
        let ran = desk.run(look);
        assert!(!ran.out.is_empty(), "{look:?}: {ran:#?}");
        assert_eq!(Traces::of(&folder), before, "{look:?} left a trace");
    }
}

#[test]
fn h3_reading_a_copy_leaves_nothing_beside_it() {
    check_no_trace(&Desk::with_month());
}

#[test]
fn h3_reading_leaves_nothing_beside_a_file_with_a_lock() {
    let desk = Desk::with_month();
    let lock = desk.database().with_extension("db.lock");
    std::fs::write(&lock, "process 1 since 2026-01-01T00:00:00.000Z\n").unwrap();
    std::fs::set_permissions(&lock, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    check_no_trace(&desk);
}

#[test]
fn h3_what_is_in_the_log_is_read() {
    let desk = Desk::with_month();
    let whole = desk.run(&["snapshots", "list", "--runs", "--format", "csv"]).ends(0).out;
    RUNTIME.block_on(async {
        let store = Store::open(&desk.database(), Access::Write).await.unwrap();
        let db = raw(&desk.database()).await;
        // It stands in the log only, as long as the store is open.
        let run = "INSERT INTO run (schedule, nominal, started, finished, state, api, tool) \
                   SELECT 'other', nominal, started, finished, 'failed', api, tool FROM run LIMIT 1";
        sqlx::query(run).execute(&db).await.unwrap();
        let log = desk.database().with_extension("db-wal");
        assert!(std::fs::metadata(&log).unwrap().len() > 0, "it is in the log");
        db.close().await;
        let read = desk.run(&["snapshots", "list", "--runs", "--format", "csv"]).ends(0).out;
        assert_eq!(read.lines().count(), whole.lines().count() + 1, "{read}");
        store.close().await;
    });
}

#[tokio::test]
async fn h3_a_writer_waits_for_those_who_read_a_closed_file() {
    let folder = private_folder();
    let path = folder.path().join("k.db");
    Store::open(&path, Access::Write).await.unwrap().close().await;
    for with_lock in [true, false] {
        if !with_lock {
            std::fs::remove_file(folder.path().join("k.db.lock")).unwrap();
        }
        let reader = Store::open(&path, Access::Read).await.unwrap();
        assert!(reader.runs().await.unwrap().is_empty());
        let refused = Store::open_with(&path, Access::Write, BRIEF).await.expect_err("it is being read");
        assert!(matches!(refused, StoreError::BeingRead { .. }) && refused.hint().is_some(), "{refused:?}");
        assert_eq!(keyholder::app::collect::of_store(&refused), Exit::Locked);
        reader.close().await;
        Store::open_with(&path, Access::Write, BRIEF).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn h3_a_file_that_is_open_to_write_is_read_with_its_log() {
    let folder = private_folder();
    let path = folder.path().join("k.db");
    let writer = Store::open(&path, Access::Write).await.unwrap();
    let reader = Store::open(&path, Access::Read).await.unwrap();
    let job = JobId { name: "collect".to_owned(), contract: String::new() };
    writer.register_jobs(&[(job, "@daily".to_owned())], start()).await.unwrap();
    assert_eq!(reader.job_states().await.unwrap().len(), 1, "what is written is seen");
    // Nobody is kept out by such a reader.
    let other = Store::open_with(&path, Access::Write, BRIEF).await.unwrap();
    for store in [other, reader, writer] {
        store.close().await;
    }
}
