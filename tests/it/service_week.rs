//! A week of the service in virtual time, over a real store and three served contracts: memory, file descriptors and the
//! write-ahead log stay flat.
//!
//! It runs in a process of its own, because other tests open files too. `KEYHOLDER_TEST_SERVICE_HOURS` says how many hours are
//! simulated: 24 by default, a week are 168. Every hour has a collection of each contract; twice a day the database is checked.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::Emulator;
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::app::alerts::Announcer;
use keyholder::app::alerts::failure::FailureAlerts;
use keyholder::app::collect::Order;
use keyholder::app::stop::Stop;
use keyholder::domain::job::JobId;
use keyholder::domain::schedule::Schedule;
use keyholder::exit::Exit;
use keyholder::seams::{Environment, Seams, SeededRandom, SetClock};
use keyholder::service::engine::{Engine, ServiceJob};
use keyholder::service::job::{Job, JobFailure};
use keyholder::service::jobs::collect::CollectJob;
use keyholder::service::jobs::verify::VerifyJob;
use keyholder::service::metrics::Metrics;
use keyholder::service::planner::PlannedJob;
use keyholder::store::{Access, Store};

use crate::support::api::settings;
use crate::support::{private_folder, tell};

const CONTRACTS: usize = 3;

/// What the process and the database take.
#[derive(Clone, Copy, Debug)]
struct Taken {
    resident_kib: u64,
    descriptors: usize,
    log_kib: u64,
}

impl Taken {
    fn now(store: &Store) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let resident = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        Self {
            resident_kib: resident.split_whitespace().nth(1).unwrap().parse().unwrap(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            log_kib: store.file_sizes().log >> 10,
        }
    }
}

fn job(name: &str, contract: &str, expression: &str, work: Arc<dyn Job>) -> ServiceJob {
    ServiceJob {
        planned: PlannedJob {
            id: JobId { name: name.to_owned(), contract: contract.to_owned() },
            schedule: Schedule::parse(expression, "Europe/Berlin", Duration::from_mins(5)).unwrap(),
        },
        work,
        timeout: Duration::from_mins(1),
    }
}

fn collection(emulator: &Emulator) -> ServiceJob {
    let settings = settings(emulator, Version::V6);
    let prepare = move |seams: &Seams| -> Result<(Client, Order), JobFailure> {
        let order = Order { reread_after: Duration::ZERO, ..Order::manual(seams.now(), &settings) };
        Ok((Client::new(&settings, seams.clone()).unwrap(), order))
    };
    let work = CollectJob { prepare: Arc::new(prepare), failures: FailureAlerts::default(), heartbeat: None };
    job("collect", &emulator.contract_number().to_string(), "20 * * * *", Arc::new(work))
}

/// Simulates the hours and answers with what is taken after a quarter of them, and at the end.
async fn simulate(hours: i64) -> (Taken, Taken) {
    let mut emulators = Vec::new();
    for seed in 0..CONTRACTS {
        emulators.push(Emulator::builder().seed(7 + seed as u64).users(24).start().await.unwrap());
    }
    let begin: DateTime<Utc> = "2026-10-21T00:00:00Z".parse().unwrap();
    let folder = private_folder();
    let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
    let clock = SetClock::at(begin);
    let seams = Seams::new(Arc::clone(&clock) as Arc<_>, SeededRandom::new(7));
    let mut engine = Engine::new(store.clone(), seams, Stop::default(), Arc::new(Metrics::new(begin)));
    let mut jobs: Vec<_> = emulators.iter().map(collection).collect();
    jobs.push(job("verify", "", "0 */12 * * *", Arc::new(VerifyJob)));
    engine.use_jobs(jobs, Announcer::default()).await.unwrap();
    let (mut early, mut ran) = (None, 0);
    for tick in 1..=hours * 6 {
        let now = begin + TimeDelta::minutes(10 * tick);
        clock.set(now);
        for emulator in &emulators {
            emulator.set_now(now);
        }
        let exits = engine.tick().await.unwrap();
        assert!(exits.iter().all(|exit| *exit == Exit::Done), "{exits:?}");
        ran += exits.len();
        if tick == hours * 6 / 4 {
            early = Some(Taken::now(&store));
        }
    }
    let expected = usize::try_from(hours).unwrap() * CONTRACTS;
    assert!(ran >= expected, "{ran} runs");
    assert_eq!(store.runs().await.unwrap().len(), expected);
    (early.unwrap(), Taken::now(&store))
}

#[test]
#[ignore = "the next test runs it in a process of its own"]
fn simulated_hours_take_no_more_at_their_end() {
    let hours =
        Environment::of_process().get("KEYHOLDER_TEST_SERVICE_HOURS").map_or(24, |hours| hours.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (early, late) = runtime.block_on(simulate(hours));
    tell(&format!("{hours} h: {early:?}, {late:?}"));
    assert!(late.descriptors <= early.descriptors + 8, "{early:?}, {late:?}");
    assert!(late.resident_kib <= early.resident_kib + (16 << 10), "{early:?}, {late:?}");
    assert!(late.log_kib <= 8 << 10, "{early:?}, {late:?}");
}

#[test]
fn a_week_leaves_memory_descriptors_and_log_flat() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "service_week::simulated_hours_take_no_more_at_their_end", "--ignored", "--nocapture"]);
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
