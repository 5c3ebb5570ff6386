//! A week of the service in virtual time, over a real store, three served contracts, a file and a webhook: memory, file
//! descriptors and the write-ahead log stay flat, and every alert arrives at both sinks.
//!
//! It runs in a process of its own, because other tests open files too. `KEYHOLDER_TEST_SERVICE_HOURS` says how many hours are
//! simulated: 24 by default, a week are 168. Every hour has a new key in one contract and a collection of each; twice a day
//! the database is checked.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::Emulator;
use keyholder::exit::Exit;
use keyholder::seams::Environment;
use keyholder::store::Store;

use crate::support::receiver::Receiver;
use crate::support::service::VirtualService;
use crate::support::tell;

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

/// A service with three contracts, a file and a webhook, and deliveries every ten minutes.
async fn service(begin: DateTime<Utc>, receiver: &Receiver) -> VirtualService {
    let mut emulators = Vec::new();
    for seed in 0..CONTRACTS {
        let number = 31_000_001 + seed as u64;
        let builder = Emulator::builder().seed(7 + seed as u64).users(24).contract_number(number);
        emulators.push(builder.start().await.unwrap());
    }
    let rest = format!(
        "[[sink]]\nname = 'log'\nkind = 'file'\npath = 'alerts.jsonl'\n\n\
         [[sink]]\nname = 'soc'\nkind = 'webhook'\nurl = 'http://127.0.0.1:{}/hook'\nkey_files = ['key']\n\
         allow_private_targets = true\n\n\
         [[job]]\nname = 'send'\nkind = 'deliver'\nschedule = '*/10 * * * *'\n\n\
         [[job]]\nname = 'check'\nkind = 'verify'\nschedule = '0 */12 * * *'\n",
        receiver.port
    );
    VirtualService::start(begin, emulators, "20 * * * *", &rest).await
}

/// Simulates the hours and answers with what is taken after a quarter of them, and at the end.
async fn simulate(hours: i64) -> (Taken, Taken) {
    let receiver = Receiver::plain(&["204 No Content"]).await;
    let begin: DateTime<Utc> = "2026-10-21T00:00:00Z".parse().unwrap();
    let mut service = service(begin, &receiver).await;
    let (mut early, mut ran) = (None, 0);
    for tick in 1..=hours * 6 {
        if tick % 6 == 1 {
            give_a_key(&service.emulators[usize::try_from(tick / 6).unwrap() % CONTRACTS]);
        }
        let exits = service.tick_at(begin + TimeDelta::minutes(10 * tick)).await;
        assert!(exits.iter().all(|exit| *exit == Exit::Done), "{exits:?}");
        ran += exits.len();
        if tick == hours * 6 / 4 {
            early = Some(Taken::now(&service.store));
        }
    }
    let late = Taken::now(&service.store);
    let expected = usize::try_from(hours).unwrap() * CONTRACTS;
    assert!(ran >= expected, "{ran} runs");
    assert_eq!(service.store.runs().await.unwrap().len(), expected);
    check_deliveries(&service, &receiver, usize::try_from(hours).unwrap()).await;
    (early.unwrap(), late)
}

fn give_a_key(emulator: &Emulator) {
    emulator.edit(|world| {
        let users: Vec<_> = world.users().map(|user| user.id.clone()).collect();
        users.iter().find_map(|user| world.add_key(user).ok()).expect("somebody may have another key");
    });
}

/// Expects a baseline of each contract and a key of each hour at both sinks, each once, and nothing that waits.
async fn check_deliveries(service: &VirtualService, receiver: &Receiver, hours: usize) {
    let written = service.alerts_in("alerts.jsonl");
    let count = |class: &str| written.iter().filter(|alert| alert["class"] == class).count();
    // The first key is in the baseline of its contract.
    assert_eq!((count("baseline-established"), count("key-added")), (CONTRACTS, hours - 1), "{written:#?}");
    let ids = |alerts: &[serde_json::Value]| -> BTreeSet<String> {
        alerts.iter().map(|alert| alert["id"].as_str().unwrap().to_owned()).collect()
    };
    let sent: Vec<_> = receiver.received().iter().map(crate::support::receiver::Received::json).collect();
    assert_eq!((ids(&written).len(), ids(&written)), (written.len(), ids(&sent)));
    assert_eq!(sent.len(), written.len(), "nothing is sent twice");
    let counts = service.store.delivery_counts().await.unwrap();
    assert_eq!((counts.pending, counts.dead), (0, 0));
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
