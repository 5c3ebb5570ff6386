//! The record of jobs: identity, missed instants, retirement, and what cannot be edited.

use chrono::{DateTime, TimeDelta, Utc};
use keyholder::domain::job::{Begun, JobId, JobOutcome, JobRun, JobState};
use keyholder::store::runner::service_lock;
use keyholder::store::{Access, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::support::private_folder;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn id(name: &str) -> JobId {
    JobId { name: name.to_owned(), contract: "main".to_owned() }
}

fn run(name: &str, nominal: DateTime<Utc>, outcome: JobOutcome) -> JobRun {
    let started = matches!(outcome, JobOutcome::Done | JobOutcome::Failed).then_some(nominal);
    let finished = nominal + TimeDelta::seconds(3);
    JobRun { job: id(name), nominal, instants: 1, started, finished, outcome, detail: "detail".to_owned() }
}

/// A new database that knows one job since midnight.
async fn store(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
    register(&store, &[("nightly", "0 3 * * * UTC")], at("2026-06-01T00:00:00Z")).await;
    store
}

async fn register(store: &Store, jobs: &[(&str, &str)], now: DateTime<Utc>) {
    let jobs: Vec<_> = jobs.iter().map(|(name, schedule)| (id(name), (*schedule).to_owned())).collect();
    store.register_jobs(&jobs, now).await.unwrap();
}

async fn state(store: &Store, name: &str) -> JobState {
    store.job_states().await.unwrap().remove(&id(name)).unwrap()
}

#[tokio::test]
async fn a_run_is_recorded_with_its_state() {
    let folder = private_folder();
    let store = store(&folder).await;
    let nominal = at("2026-06-01T03:00:00Z");
    assert!(store.begin_job(&id("nightly"), nominal).await.unwrap());
    assert_eq!(state(&store, "nightly").await.begun, Some(Begun { nominal, attempts: 1 }));
    let ended = run("nightly", nominal, JobOutcome::Failed);
    store.end_job(&ended, false, &[]).await.unwrap();
    let state = state(&store, "nightly").await;
    assert_eq!((state.nominal, state.begun), (Some(nominal), None));
    assert_eq!(state.last.unwrap().outcome, JobOutcome::Failed);
    assert_eq!(store.job_runs(10).await.unwrap(), [ended]);
}

#[tokio::test]
async fn no_instant_runs_twice() {
    let folder = private_folder();
    let store = store(&folder).await;
    let nominal = at("2026-06-01T03:00:00Z");
    store.end_job(&run("nightly", nominal, JobOutcome::Done), false, &[]).await.unwrap();
    assert!(!store.begin_job(&id("nightly"), nominal).await.unwrap());
    store.end_job(&run("nightly", nominal, JobOutcome::Failed), false, &[]).await.unwrap();
    let outcomes: Vec<_> = store.job_runs(10).await.unwrap().iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [JobOutcome::Done]);
}

#[tokio::test]
async fn an_instant_missed_under_a_wrong_clock_can_run_later() {
    let folder = private_folder();
    let store = store(&folder).await;
    let nominal = at("2026-07-01T03:00:00Z");
    store.pass_jobs(&[run("nightly", nominal, JobOutcome::Missed)], &[]).await.unwrap();
    let now = at("2026-06-02T00:00:00Z");
    store.rewind_job(&id("nightly"), now).await.unwrap();
    let known = state(&store, "nightly").await;
    assert_eq!((known.nominal, known.since), (None, now));
    assert!(store.begin_job(&id("nightly"), nominal).await.unwrap());
    store.end_job(&run("nightly", nominal, JobOutcome::Done), false, &[]).await.unwrap();
    assert_eq!(store.job_runs(10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_run_that_begins_again_is_counted_until_it_is_released() {
    let folder = private_folder();
    let store = store(&folder).await;
    let nominal = at("2026-06-01T03:00:00Z");
    for attempts in 1..=2 {
        store.begin_job(&id("nightly"), nominal).await.unwrap();
        assert_eq!(state(&store, "nightly").await.begun, Some(Begun { nominal, attempts }));
    }
    store.release_job(&id("nightly")).await.unwrap();
    assert_eq!(state(&store, "nightly").await.begun, None);
}

#[tokio::test]
async fn a_quiet_run_changes_the_state_only() {
    let folder = private_folder();
    let store = store(&folder).await;
    let nominal = at("2026-06-01T03:00:00Z");
    store.end_job(&run("nightly", nominal, JobOutcome::Done), true, &[]).await.unwrap();
    assert_eq!(state(&store, "nightly").await.nominal, Some(nominal));
    assert_eq!(store.job_runs(10).await.unwrap(), []);
}

#[tokio::test]
async fn a_job_keeps_its_record_under_another_schedule() {
    let folder = private_folder();
    let store = store(&folder).await;
    let nominal = at("2026-06-01T03:00:00Z");
    store.end_job(&run("nightly", nominal, JobOutcome::Done), false, &[]).await.unwrap();
    let same = at("2026-06-02T00:00:00Z");
    register(&store, &[("nightly", "0 3 * * * UTC")], same).await;
    assert_eq!(state(&store, "nightly").await.since, at("2026-06-01T00:00:00Z"));
    register(&store, &[("nightly", "0 * * * * UTC")], same).await;
    let known = state(&store, "nightly").await;
    assert_eq!((known.since, known.nominal, known.schedule.as_str()), (same, Some(nominal), "0 * * * * UTC"));
}

#[tokio::test]
async fn a_job_that_comes_back_has_no_instants_from_between() {
    let folder = private_folder();
    let store = store(&folder).await;
    register(&store, &[("other", "0 3 * * * UTC")], at("2026-06-05T00:00:00Z")).await;
    let names: Vec<_> = store.job_states().await.unwrap().into_keys().map(|id| id.name).collect();
    assert_eq!(names, ["other"]);
    let back = at("2026-06-20T00:00:00Z");
    register(&store, &[("nightly", "0 3 * * * UTC"), ("other", "0 3 * * * UTC")], back).await;
    assert_eq!(state(&store, "nightly").await.since, back);
    assert_eq!(state(&store, "other").await.since, at("2026-06-05T00:00:00Z"));
}

#[tokio::test]
async fn missed_instants_are_counted_with_their_number() {
    let folder = private_folder();
    let store = store(&folder).await;
    let first = at("2026-06-01T03:00:00Z");
    let many = JobRun { instants: 500, ..run("nightly", first + TimeDelta::days(1), JobOutcome::Missed) };
    store.pass_jobs(&[run("nightly", first, JobOutcome::Missed), many.clone()], &[]).await.unwrap();
    let totals = store.job_totals().await.unwrap();
    assert_eq!(totals.get(&(id("nightly"), JobOutcome::Missed)), Some(&501));
    assert_eq!(state(&store, "nightly").await.nominal, Some(many.nominal));
    assert_eq!(store.job_runs(1).await.unwrap(), [many]);
}

#[tokio::test]
async fn a_recorded_run_cannot_be_edited() {
    let folder = private_folder();
    let store = store(&folder).await;
    store.end_job(&run("nightly", at("2026-06-01T03:00:00Z"), JobOutcome::Failed), false, &[]).await.unwrap();
    let url = format!("sqlite:{}", store.path().display());
    store.close().await;
    let db = sqlx::SqlitePool::connect(&url).await.unwrap();
    for statement in ["UPDATE job_run SET outcome = 'done'", "DELETE FROM job_run"] {
        let error = sqlx::query(statement).execute(&db).await.unwrap_err().to_string();
        assert!(error.contains("the run of a job is not"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn one_service_at_a_time_beside_a_collector() {
    let folder = private_folder();
    let store = store(&folder).await;
    let now = at("2026-06-01T00:00:00Z");
    let held = service_lock(store.path(), now).await.unwrap();
    let refused = service_lock(store.path(), now).await.unwrap_err();
    assert!(matches!(refused, StoreError::ServiceRunning { .. }), "{refused:?}");
    assert!(refused.to_string().contains("since 2026-06-01T00:00:00.000Z"), "{refused}");
    drop(store.runner(now).await.unwrap());
    drop(held);
    service_lock(store.path(), now).await.unwrap();
}

#[tokio::test]
async fn a_verified_database_has_whole_pages_and_references() {
    let folder = private_folder();
    let store = store(&folder).await;
    let stop = CancellationToken::new();
    store.verify(&stop).await.unwrap();
    let db = sqlx::SqlitePool::connect(&format!("sqlite:{}", store.path().display())).await.unwrap();
    let orphan = "PRAGMA foreign_keys = OFF; INSERT INTO entity (contract, kind, ref) VALUES (77, 2, 'nobody')";
    sqlx::raw_sql(orphan).execute(&db).await.unwrap();
    let error = store.verify(&stop).await.unwrap_err().to_string();
    assert!(error.contains("row 1 of table entity names a row of contract that does not exist"), "{error}");
    stop.cancel();
    assert!(matches!(store.verify(&stop).await, Err(StoreError::Damaged { .. } | StoreError::Stopped)));
}
