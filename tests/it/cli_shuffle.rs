//! The order in which a server lists things is not a fact: reports do not depend on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use emulator::{Emulator, Size};
use keyholder::api::Depth;
use keyholder::api::read;
use keyholder::api::settings::Version;
use keyholder::app::collect::{Order, collect};
use keyholder::app::review::{self, Cover, Question};
use keyholder::domain::id::ContractNumber;
use keyholder::report::csv::Dialect;
use keyholder::report::html::Templates;
use keyholder::report::input::Input;
use keyholder::report::{ALL, Format, render};
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::{Access, Store};

use crate::support::api::{reader, settings};
use crate::support::{private_folder, utc_calendar};

/// Every report in every format.
fn rendered(input: &Input) -> Vec<(String, Vec<u8>)> {
    let each = ALL.iter().flat_map(|report| Format::ALL.map(|format| (report, format)));
    each.map(|(report, format)| {
        let rendered = render(*report, input, format, Dialect::default(), &Templates::embedded()).unwrap();
        (rendered.file_name, rendered.bytes)
    })
    .collect()
}

/// A database with clock and randomness of its own; those of two are the same, so that only the order of what they are
/// reported differs.
struct Side {
    clock: Arc<SetClock>,
    seams: Seams,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Side {
    async fn new() -> Self {
        let clock = SetClock::at(day(1));
        let seams = Seams::new(clock.clone(), SeededRandom::new(3));
        let folder = private_folder();
        let store = Store::open(&folder.path().join("k.db"), Access::Write).await.unwrap();
        Self { clock, seams, store, _folder: folder }
    }

    async fn collect(&self, emulator: &Emulator, at: DateTime<Utc>) {
        self.clock.set(at);
        let settings = settings(emulator, Version::V6);
        let client = read::Client::new(&settings, self.seams.clone()).unwrap();
        let order = Order { reread_after: std::time::Duration::ZERO, ..Order::manual(at, &settings) };
        let snapshot = collect(&self.store, &client, &self.seams, order, &|_| ()).await.unwrap();
        assert!(snapshot.is_complete());
    }

    async fn reports(&self, contract: ContractNumber) -> Vec<(String, Vec<u8>)> {
        let question = Question { as_of: None, since: Some("1".to_owned()) };
        let taken = review::take(&self.store, contract, &question, utc_calendar()).await.unwrap();
        let input = review::input(&self.store, taken, &Cover::default()).await.unwrap();
        rendered(&input)
    }
}

fn day(day: u32) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&format!("2026-06-{day:02}T06:00:00Z")).unwrap().to_utc()
}

/// The bytes around a place.
fn near(bytes: &[u8], at: usize) -> String {
    String::from_utf8_lossy(&bytes[at.saturating_sub(80)..bytes.len().min(at + 80)]).into_owned()
}

/// The groups in the order in which the server lists them.
async fn listed(emulator: &Emulator) -> Vec<String> {
    let groups = reader(emulator).groups(Depth::One).await.unwrap().value.items.unwrap();
    groups.into_iter().map(|group| group.id.unwrap().to_string()).collect()
}

/// That two sets of reports are the same, byte by byte.
#[track_caller]
fn check_same(expected: &[(String, Vec<u8>)], again: &[(String, Vec<u8>)], what: &str) {
    assert_eq!((expected.len(), again.len()), (ALL.len() * Format::ALL.len(), expected.len()));
    for ((name, before), (other, after)) in expected.iter().zip(again) {
        assert_eq!(name, other);
        let at = before.iter().zip(after).take_while(|(a, b)| a == b).count();
        assert!(before == after, "{what}: {name} at byte {at}:\n{}\n{}", near(before, at), near(after, at));
    }
}

/// The server's own order, and three others.
const ORDERS: [Option<u64>; 4] = [None, Some(1), Some(2), Some(3)];

#[tokio::test]
async fn reports_do_not_depend_on_the_order_of_answers() {
    // More users than a page holds, so that the order decides what is on which page. One server for all sides: its address
    // is in the reports.
    let size = Size { memberships: 150, shares: 60, keys: 30, resources: 60, ..Size::of(104) };
    let emulator = Emulator::builder().seed(11).size(size).now(day(1)).start().await.unwrap();
    let contract = ContractNumber(emulator.contract_number());
    let sides = [Side::new().await, Side::new().await, Side::new().await, Side::new().await];
    for (at, played) in [(day(1), 0), (day(11), 10)] {
        emulator.advance_to_day(played);
        let mut orders = BTreeSet::new();
        for (side, order) in sides.iter().zip(ORDERS) {
            emulator.set_shuffle(order);
            // How far the two clocks are apart is reported, and the server's runs on.
            emulator.set_now(at);
            orders.insert(listed(&emulator).await);
            side.collect(&emulator, at).await;
        }
        assert_eq!(orders.len(), ORDERS.len(), "each side was reported another order");
    }
    let expected = sides[0].reports(contract).await;
    for (side, order) in sides.iter().zip(ORDERS).skip(1) {
        check_same(&expected, &side.reports(contract).await, &format!("in the order {order:?}"));
    }
    check_same(&expected, &sides[0].reports(contract).await, "another time");
}
