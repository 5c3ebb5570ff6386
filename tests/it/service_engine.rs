//! The engine of the service over a real store, under a clock that is set: what runs, what is recorded, and what a job that
//! misbehaves does to the others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use keyholder::app::alerts::Announcer;
use keyholder::app::alerts::setup::announcer;
use keyholder::app::freshness::Expectations;
use keyholder::app::status::Status;
use keyholder::app::stop::Stop;
use keyholder::domain::id::ContractNumber;
use keyholder::domain::job::{JobId, JobOutcome};
use keyholder::domain::schedule::Schedule;
use keyholder::exit::Exit;
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::service::engine::{Engine, ServiceJob};
use keyholder::service::job::{Call, Ended, Job, JobFailure, JobResult};
use keyholder::service::metrics::Metrics;
use keyholder::service::planner::PlannedJob;
use keyholder::store::{Access, Store};

use crate::support::config::config;
use crate::support::private_folder;

/// What a planted job does.
#[derive(Clone, Copy)]
enum Act {
    Done,
    Idle,
    Busy,
    Fail,
    Panic,
    Hang,
    /// Done in this run, counted from 0; every other one fails.
    DoneOnlyIn(u32),
    /// Busy so often, then done.
    BusyFor(u32),
}

struct Planted {
    act: Act,
    calls: Arc<AtomicU32>,
}

impl Job for Planted {
    fn kind(&self) -> &'static str {
        "planted"
    }

    #[expect(clippy::panic, reason = "a job that panics is what is tried")]
    fn run(&self, call: Call) -> LocalBoxFuture<'static, JobResult> {
        let (act, calls) = (self.act, self.calls.fetch_add(1, Ordering::SeqCst));
        async move {
            let done = Ok(Ended::Done { detail: "planted".to_owned(), exit: Exit::Done });
            let busy = Ok(Ended::Busy("planted".to_owned()));
            match act {
                Act::Done => done,
                Act::Idle => Ok(Ended::Idle),
                Act::Busy => busy,
                Act::BusyFor(times) => {
                    if calls < times {
                        busy
                    } else {
                        done
                    }
                }
                Act::DoneOnlyIn(run) if calls == run => Ok(Ended::Idle),
                Act::Fail | Act::DoneOnlyIn(_) => {
                    Err(JobFailure { reason: "planted".to_owned(), exit: Exit::Unreachable })
                }
                Act::Panic => panic!("planted"),
                Act::Hang => {
                    call.stop.token().cancelled().await;
                    Ok(Ended::Stopped)
                }
            }
        }
        .boxed_local()
    }
}

/// An engine over a new store, with a clock.
struct Bench {
    store: Store,
    clock: Arc<SetClock>,
    engine: Engine,
    stop: Stop,
    calls: Arc<AtomicU32>,
    _folder: tempfile::TempDir,
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

const BEGIN: &str = "2026-06-01T00:00:00Z";

impl Bench {
    /// With hourly jobs of these names; two of a name are of two contracts.
    async fn of(jobs: &[(&str, Act)]) -> Self {
        let folder = private_folder();
        let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
        let clock = SetClock::at(at(BEGIN));
        let seams = Seams::new(Arc::clone(&clock) as Arc<_>, SeededRandom::new(7));
        let (stop, calls) = (Stop::default(), Arc::new(AtomicU32::new(0)));
        let mut engine = Engine::new(store.clone(), seams, stop.clone(), Arc::new(Metrics::new(at(BEGIN))));
        engine.use_jobs(planted(jobs, &calls), Announcer::default()).await.unwrap();
        Self { store, clock, engine, stop, calls, _folder: folder }
    }

    async fn tick_at(&mut self, minutes: i64) -> Vec<Exit> {
        self.clock.set(at(BEGIN) + TimeDelta::minutes(minutes));
        self.engine.tick().await.unwrap()
    }

    /// Job, minutes of the nominal instant, outcome and detail of every recorded run, oldest first.
    async fn runs(&self) -> Vec<String> {
        let mut runs = self.store.job_runs(1_000).await.unwrap();
        runs.reverse();
        let minutes = |nominal: DateTime<Utc>| (nominal - at(BEGIN)).num_minutes();
        runs.iter().map(|run| format!("{} {} {}: {}", run.job, minutes(run.nominal), run.outcome, run.detail)).collect()
    }

    /// Lets no alert be written any more, as if the process ended before; or lets them be written again.
    async fn refuse_alerts(&self, refused: bool) {
        let db = sqlx::SqlitePool::connect(&format!("sqlite:{}", self.store.path().display())).await.unwrap();
        let statement = if refused {
            "CREATE TRIGGER crash BEFORE INSERT ON outbox BEGIN SELECT raise(ABORT, 'planted'); END"
        } else {
            "DROP TRIGGER crash"
        };
        sqlx::query(statement).execute(&db).await.unwrap();
        db.close().await;
    }

    /// Class and reason of every alert, sorted.
    async fn alerts(&self) -> Vec<String> {
        let rows = self.store.delivery_rows(None, 10).await.unwrap();
        let alerts = rows.iter().map(|row| format!("{}: {}", row.alert.class, row.alert.details.reason));
        let mut alerts: Vec<_> = alerts.collect();
        alerts.sort();
        alerts
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

fn planted(jobs: &[(&str, Act)], calls: &Arc<AtomicU32>) -> Vec<ServiceJob> {
    let job = |name: &str, act| ServiceJob {
        planned: PlannedJob {
            id: JobId { name: name.to_owned(), contract: String::new() },
            schedule: Schedule::parse("@hourly", "UTC", Duration::ZERO).unwrap(),
        },
        work: Arc::new(Planted { act, calls: Arc::clone(calls) }),
        timeout: Duration::from_millis(50),
    };
    jobs.iter().map(|(name, act)| job(name, *act)).collect()
}

#[tokio::test]
async fn a_job_runs_once_for_each_instant() {
    let mut bench = Bench::of(&[("a", Act::Done)]).await;
    for minutes in (0..=125).step_by(5) {
        bench.tick_at(minutes).await;
    }
    assert_eq!(bench.runs().await, ["a 60 done: planted", "a 120 done: planted"]);
}

#[tokio::test]
async fn a_failed_job_stops_no_other() {
    let acts = [("a", Act::Fail), ("b", Act::Panic), ("c", Act::Hang), ("d", Act::Done)];
    let mut bench = Bench::of(&acts).await;
    let exits = bench.tick_at(60).await;
    let expected = [
        "a 60 failed: planted",
        "b 60 failed: the job panicked: planted",
        "c 60 failed: stopped after its time-out of 0.05 s",
        "d 60 done: planted",
    ];
    assert_eq!(bench.runs().await, expected);
    assert_eq!(exits, [Exit::Unreachable, Exit::Unexpected, Exit::Unreachable, Exit::Done]);
    assert!(bench.tick_at(61).await.is_empty());
}

#[tokio::test]
async fn a_busy_job_is_tried_at_the_next_tick() {
    let mut bench = Bench::of(&[("a", Act::BusyFor(2))]).await;
    assert_eq!(bench.tick_at(60).await, [Exit::Locked]);
    assert_eq!(bench.tick_at(60).await, [Exit::Locked]);
    assert_eq!(bench.tick_at(61).await, [Exit::Done]);
    assert_eq!(bench.runs().await, ["a 60 done: planted"]);
    assert!(bench.tick_at(62).await.is_empty());
}

#[tokio::test]
async fn a_job_that_stays_busy_is_never_given_up() {
    let mut bench = Bench::of(&[("a", Act::Busy)]).await;
    for _ in 0..10 {
        assert_eq!(bench.tick_at(60).await, [Exit::Locked]);
    }
    assert_eq!((bench.runs().await.len(), bench.calls()), (0, 10));
}

#[tokio::test]
async fn a_run_without_work_leaves_no_row() {
    let mut bench = Bench::of(&[("a", Act::Idle)]).await;
    bench.tick_at(60).await;
    bench.tick_at(61).await;
    assert_eq!((bench.runs().await.len(), bench.calls()), (0, 1));
}

#[tokio::test]
async fn a_stopped_run_is_due_again_and_nothing_else_begins() {
    let mut bench = Bench::of(&[("a", Act::Hang), ("b", Act::Done)]).await;
    bench.stop.stop("SIGTERM");
    assert!(bench.tick_at(60).await.is_empty());
    assert_eq!(bench.runs().await.len(), 0);
    assert_eq!(bench.store.job_states().await.unwrap().values().filter(|state| state.begun.is_some()).count(), 0);
}

#[tokio::test]
async fn a_process_that_ended_during_a_run_runs_it_again() {
    let mut bench = Bench::of(&[("a", Act::Done)]).await;
    let id = JobId { name: "a".to_owned(), contract: String::new() };
    assert!(bench.store.begin_job(&id, at(BEGIN) + TimeDelta::hours(1)).await.unwrap());
    bench.tick_at(60).await;
    assert_eq!(bench.runs().await, ["a 60 done: planted"]);
}

#[tokio::test]
async fn missed_instants_are_recorded_beside_the_one_caught_up() {
    let mut bench = Bench::of(&[("a", Act::Done)]).await;
    bench.tick_at(200).await;
    let missed = "missed: not run before the next instant was due";
    let expected = [format!("a 60 {missed}"), format!("a 120 {missed}"), "a 180 done: planted".to_owned()];
    assert_eq!(bench.runs().await, expected);
    let runs = bench.store.job_runs(10).await.unwrap();
    assert_eq!(runs.iter().filter(|run| run.outcome == JobOutcome::Missed).count(), 2);
}

#[tokio::test]
async fn new_jobs_are_used_from_the_next_tick() {
    let mut bench = Bench::of(&[("a", Act::Done)]).await;
    bench.tick_at(60).await;
    bench.clock.set(at(BEGIN) + TimeDelta::minutes(90));
    bench.engine.use_jobs(planted(&[("b", Act::Done)], &bench.calls), Announcer::default()).await.unwrap();
    bench.tick_at(120).await;
    assert_eq!(bench.runs().await, ["a 60 done: planted", "b 120 done: planted"]);
}

#[tokio::test]
async fn a_missed_instant_and_a_failed_job_are_alerted() {
    let mut bench = Bench::of(&[("a", Act::Fail)]).await;
    bench.tick_at(130).await;
    let missed = "run-missed: job a: 1 instants were not run, from 2026-06-01T01:00:00Z on; the newest is caught up";
    assert_eq!(bench.alerts().await, ["job-failed: job a: planted", missed]);
}

#[tokio::test]
async fn a_job_that_fails_each_time_is_alerted_once_a_day() {
    let mut bench = Bench::of(&[("a", Act::Fail), ("b", Act::Fail)]).await;
    for hour in 1..=24 {
        bench.tick_at(60 * hour).await;
    }
    assert_eq!(bench.alerts().await, ["job-failed: job a: planted", "job-failed: job b: planted"]);
    bench.tick_at(60 * 25).await;
    assert_eq!(bench.alerts().await.len(), 4, "again after a day");
}

#[tokio::test]
async fn a_job_that_fails_after_a_success_is_alerted_again() {
    let mut bench = Bench::of(&[("a", Act::DoneOnlyIn(2))]).await;
    for hour in 1..=5 {
        bench.tick_at(60 * hour).await;
    }
    assert_eq!(bench.alerts().await, ["job-failed: job a: planted", "job-failed: job a: planted"]);
}

#[tokio::test]
async fn the_jobs_of_a_contract_are_alerted_on_its_routes_only() {
    let config = config(
        "[[contract]]\nname = 'a'\nnumber = 1\n\n[[contract]]\nname = 'b'\nnumber = 2\n\n\
         [[sink]]\nname = 'log'\nkind = 'file'\npath = '/tmp/log'\n\n[[route]]\nsinks = ['log']\ncontracts = ['b']\n",
    );
    let mut bench = Bench::of(&[]).await;
    let mut jobs = planted(&[("a", Act::Fail), ("b", Act::Fail), ("backup", Act::Fail)], &bench.calls);
    for job in jobs.iter_mut().filter(|job| job.planned.id.name != "backup") {
        job.planned.id = JobId { name: "report".to_owned(), contract: job.planned.id.name.clone() };
    }
    bench.engine.use_jobs(jobs, announcer(&config)).await.unwrap();
    bench.tick_at(130).await;
    let rows = bench.store.delivery_rows(None, 10).await.unwrap();
    let routed = rows.iter().map(|row| (row.alert.details.contract_name.as_str(), row.sink.is_some()));
    let routed: BTreeSet<_> = routed.collect();
    assert_eq!(routed, [("", true), ("a", false), ("b", true)].into(), "run-missed and job-failed alike");
    let of_b = rows.iter().filter(|row| row.alert.details.contract_name == "b");
    assert!(of_b.clone().count() == 2 && of_b.clone().all(|row| row.alert.contract == Some(ContractNumber(2))));
}

#[tokio::test]
async fn a_run_is_recorded_with_its_alert_or_not_at_all() {
    let mut bench = Bench::of(&[("a", Act::Fail)]).await;
    for (minutes, alerts) in [(60, 1), (200, 2)] {
        let recorded = bench.runs().await.len();
        bench.refuse_alerts(true).await;
        bench.clock.set(at(BEGIN) + TimeDelta::minutes(minutes));
        bench.engine.tick().await.unwrap_err();
        assert_eq!(bench.runs().await.len(), recorded, "nothing is recorded whose alert is lost");
        bench.refuse_alerts(false).await;
        bench.tick_at(minutes).await;
        assert_eq!(bench.alerts().await.len(), alerts, "{minutes}");
    }
}

#[tokio::test]
async fn a_run_that_was_given_up_is_alerted_and_shown() {
    let mut bench = Bench::of(&[("a", Act::Done)]).await;
    bench.tick_at(60).await;
    let id = JobId { name: "a".to_owned(), contract: String::new() };
    for _ in 0..3 {
        bench.store.begin_job(&id, at(BEGIN) + TimeDelta::hours(2)).await.unwrap();
    }
    bench.tick_at(120).await;
    let given_up = "given up: the process ended during each of 3 runs";
    assert_eq!(bench.alerts().await, [format!("job-failed: job a: {given_up}")]);
    let status = Status::of(&bench.store, at(BEGIN), &Expectations::default()).await.unwrap();
    let (_, state) = &status.jobs[0];
    let last = state.last.as_ref().unwrap();
    assert_eq!((last.outcome, last.detail.as_str(), status.exit()), (JobOutcome::Failed, given_up, Exit::Incomplete));
}
