//! The order in which a server lists things is not a fact: reports do not depend on it.

use chrono::DateTime;
use emulator::Emulator;
use keyholder::api::read;
use keyholder::api::settings::Version;
use keyholder::app::collect::{Order, collect};
use keyholder::app::review::{self, Cover, Question};
use keyholder::report::csv::Dialect;
use keyholder::report::html::Templates;
use keyholder::report::input::Input;
use keyholder::report::{ALL, Format, render};
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::{Access, Store};

use crate::support::api::settings;
use crate::support::cli::RUNTIME;

/// Every report in every format.
fn rendered(input: &Input) -> Vec<(String, Vec<u8>)> {
    let each = ALL.iter().flat_map(|report| Format::ALL.map(|format| (report, format)));
    each.map(|(report, format)| {
        let rendered = render(*report, input, format, Dialect::default(), &Templates::embedded()).unwrap();
        (rendered.file_name, rendered.bytes)
    })
    .collect()
}

/// Collects twice, ten days of changes apart, from a server that shuffles its lists with that seed, if any, and renders.
/// Clock and randomness are the same every time, so that only the order of the answers differs.
async fn month(shuffle: Option<u64>, port: u16) -> (u16, Vec<(String, Vec<u8>)>) {
    let day = |day: u32| DateTime::parse_from_rfc3339(&format!("2026-06-{day:02}T06:00:00Z")).unwrap().to_utc();
    let clock = SetClock::at(day(1));
    let seams = Seams::new(clock.clone(), SeededRandom::new(3));
    let emulator = Emulator::builder().seed(11).users(110).now(day(1)).port(port).start().await.unwrap();
    emulator.set_shuffle(shuffle);
    let settings = settings(&emulator, Version::V6);
    let client = read::Client::new(&settings, seams.clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("k.db"), Access::Write).await.unwrap();
    let mut contract = None;
    for (at, played) in [(1, 0), (11, 10)] {
        clock.set(day(at));
        emulator.advance_to_day(played);
        let order = Order::manual(day(at), &settings);
        contract = Some(collect(&store, &client, &seams, order, &|_| ()).await.unwrap().contract);
    }
    let question = Question { as_of: None, since: Some("1".to_owned()) };
    let input = review::input(&store, contract.unwrap(), &question, &Cover::default()).await.unwrap();
    let reports = rendered(&input);
    assert!(reports == rendered(&input), "the same snapshot renders the same twice");
    store.close().await;
    let port = emulator.origin().rsplit(':').next().unwrap().parse().unwrap();
    (port, reports)
}

#[test]
fn reports_do_not_depend_on_the_order_of_answers() {
    let (port, plain) = RUNTIME.block_on(month(None, 0));
    assert_eq!(plain.len(), ALL.len() * Format::ALL.len());
    let (_, shuffled) = RUNTIME.block_on(month(Some(1), port));
    for ((name, before), (other, after)) in plain.iter().zip(&shuffled) {
        assert_eq!(name, other);
        if before != after {
            let at = before.iter().zip(after).take_while(|(a, b)| a == b).count();
            let near = |bytes: &[u8]| {
                String::from_utf8_lossy(&bytes[at.saturating_sub(80)..bytes.len().min(at + 80)]).into_owned()
            };
            panic!("{name} differs at byte {at}:\n{}\n{}", near(before), near(after));
        }
    }
}
