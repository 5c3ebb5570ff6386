//! Which contracts are overdue: by their own schedules, also without any snapshot, and not once they are out of the
//! configuration. `status`, its exit code and the alert agree.

use chrono::{DateTime, TimeDelta, Utc};
use keyholder::alerts::Router;
use keyholder::app::alerts::Announcer;
use keyholder::app::alerts::watch::raise_overdue;
use keyholder::app::freshness::{ContractStatus, Expectations, Freshness};
use keyholder::app::status::Status;
use keyholder::domain::coverage::{Scope, Status as ScopeStatus};
use keyholder::domain::job::JobId;
use keyholder::exit::Exit;
use keyholder::seams::{Seams, SeededRandom, SetClock};

use crate::support::config::config;
use crate::support::model::{Bench, CONTRACT, Model, lose, start};

/// A contract with that schedule, known by its number.
fn scheduled(expression: &str) -> Expectations {
    Expectations::of(&config(&format!("[[contract]]\nname = 'main'\nnumber = {CONTRACT}\ncollect = '{expression}'\n")))
}

fn announcer() -> Announcer {
    Announcer::new(Router::new(["soc".to_owned()], Vec::new()), 20)
}

async fn judged(bench: &Bench, expected: &Expectations, at: DateTime<Utc>) -> Vec<ContractStatus> {
    expected.judge(&bench.store, at).await.unwrap()
}

/// Expects that the only contract stands like that so many minutes after the first snapshot began.
#[track_caller]
fn check(judged: &[ContractStatus], freshness: Freshness, what: &str) {
    let [only] = judged else { panic!("{what}: {judged:#?}") };
    assert_eq!(only.freshness, freshness, "{what}: {}", only.detail);
}

#[tokio::test]
async fn a_contract_is_overdue_by_its_own_schedule() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    // The first snapshot ends on a Thursday at 03:01.
    for (expression, hours) in [("@hourly", 13), ("@daily", 33), ("@weekly", 81)] {
        let expected = scheduled(expression);
        let deadline = start() + TimeDelta::hours(hours);
        check(&judged(&bench, &expected, deadline).await, Freshness::Fresh, expression);
        check(&judged(&bench, &expected, deadline + TimeDelta::seconds(1)).await, Freshness::Overdue, expression);
    }
}

#[tokio::test]
async fn jobs_and_jitter_count_and_the_earliest_decides() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let text = format!(
        "[[contract]]\nname = 'main'\nnumber = {CONTRACT}\ncollect = '@weekly'\n\n\
         [[job]]\nname = 'again'\nkind = 'collect'\nschedule = '@hourly'\njitter = '30m'\n"
    );
    let status = judged(&bench, &Expectations::of(&config(&text)), start()).await;
    let deadline = status[0].deadline.unwrap() - start();
    assert!(deadline >= TimeDelta::hours(13) && deadline <= TimeDelta::minutes(13 * 60 + 30), "{deadline}");
}

#[tokio::test]
async fn a_schedule_counts_from_when_the_service_saw_it() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let seen = start() + TimeDelta::days(30);
    let id = JobId { name: "collect".to_owned(), contract: "main".to_owned() };
    bench.store.register_jobs(&[(id, "@hourly".to_owned())], seen).await.unwrap();
    let expected = scheduled("@hourly");
    check(&judged(&bench, &expected, seen + TimeDelta::hours(12)).await, Freshness::Fresh, "another schedule");
    check(&judged(&bench, &expected, seen + TimeDelta::hours(14)).await, Freshness::Overdue, "nothing came");
}

#[tokio::test]
async fn without_a_schedule_the_age_decides() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let expected = Expectations::of(&config(""));
    check(&judged(&bench, &expected, start() + TimeDelta::hours(36)).await, Freshness::Fresh, "36 h");
    check(&judged(&bench, &expected, start() + TimeDelta::hours(37)).await, Freshness::Overdue, "37 h");
}

#[tokio::test]
async fn a_contract_without_any_snapshot_becomes_overdue() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let text = format!("[[contract]]\nname = 'main'\nnumber = {CONTRACT}\n\n[[contract]]\nname = 'never'\n");
    let expected = Expectations::of(&config(&text));
    let stand = |judged: &[ContractStatus]| judged.iter().map(|one| one.freshness).collect::<Vec<_>>();
    let early = judged(&bench, &expected, start() + TimeDelta::hours(1)).await;
    assert_eq!(stand(&early), [Freshness::Fresh, Freshness::Expected], "{early:#?}");
    let late = start() + TimeDelta::hours(37);
    let judged = judged(&bench, &expected, late).await;
    assert_eq!(stand(&judged), [Freshness::Overdue, Freshness::Overdue], "{judged:#?}");
    let seams = Seams::new(SetClock::at(late), SeededRandom::new(5));
    for _ in 0..2 {
        raise_overdue(&bench.store, &announcer(), &expected, &seams).await.unwrap();
    }
    let rows = bench.store.delivery_rows(None, 10).await.unwrap();
    let mut names: Vec<_> = rows.iter().map(|row| row.alert.details.contract_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["main", "never"], "each once");
}

#[tokio::test]
async fn a_contract_that_was_removed_is_not_overdue() {
    let bench = Bench::new().await;
    let snapshot = bench.seal(Model::small().sightings()).await;
    let expected = Expectations::of(&config("[[contract]]\nname = 'other'\nnumber = 77\n"));
    let late = start() + TimeDelta::days(365);
    let judged = judged(&bench, &expected, late).await;
    let stand: Vec<_> = judged.iter().map(|one| (one.contract.unwrap(), one.freshness)).collect();
    assert_eq!(stand[1], (snapshot.contract, Freshness::NotConfigured), "{judged:#?}");
    let seams = Seams::new(SetClock::at(late), SeededRandom::new(5));
    raise_overdue(&bench.store, &announcer(), &expected, &seams).await.unwrap();
    let rows = bench.store.delivery_rows(None, 10).await.unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.alert.details.contract_name.as_str()).collect();
    assert_eq!(names, ["other"]);
}

#[tokio::test]
async fn nothing_ever_tried_needs_a_person_but_raises_no_alert() {
    let bench = Bench::new().await;
    let expected = Expectations::of(&config("[[contract]]\nname = 'main'\n"));
    let status = Status::of(&bench.store, start(), &expected).await.unwrap();
    check(&status.contracts, Freshness::Overdue, "never collected");
    assert_eq!(status.exit(), Exit::Incomplete);
    let seams = Seams::new(SetClock::at(start()), SeededRandom::new(5));
    raise_overdue(&bench.store, &announcer(), &expected, &seams).await.unwrap();
    assert_eq!(bench.store.delivery_rows(None, 10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_incomplete_snapshot_needs_a_person() {
    let bench = Bench::new().await;
    let mut seen = Model::small().sightings();
    lose(&mut seen, Scope::Groups, ScopeStatus::Forbidden);
    bench.seal(seen).await;
    let status = Status::of(&bench.store, start(), &scheduled("@daily")).await.unwrap();
    check(&status.contracts, Freshness::Incomplete, "groups are forbidden");
    assert_eq!(status.exit(), Exit::Incomplete);
}
