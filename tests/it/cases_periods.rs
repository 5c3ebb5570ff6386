//! Kind E of the cases: which snapshots stand for a month, a date, a default, and that consecutive periods tile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use emulator::Emulator;
use keyholder::api::read;
use keyholder::api::settings::Version;
use keyholder::app::collect::{Order, collect};
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::domain::period::{Period, Span};
use keyholder::domain::snapshot::{RunState, Snapshot, Source};
use keyholder::seams::{Clock, Seams, SeededRandom, ShiftedClock};
use keyholder::store::{Access, Store};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::api::settings;
use crate::support::cli::{Desk, RUNTIME, Ran};
use crate::support::{private_folder, utc_calendar};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A database with one snapshot for each instant, each with one user more than the last.
fn collected_at(instants: &[&str]) -> Vec<u8> {
    let folder = private_folder();
    let path = folder.path().join("test.db");
    RUNTIME.block_on(async {
        let emulator = Emulator::builder().seed(7).users(24).start().await.unwrap();
        let store = Store::open(&path, Access::Write).await.unwrap();
        let clock = ShiftedClock::at(at(instants[0]));
        let seams = Seams::new(Arc::clone(&clock) as Arc<dyn Clock>, SeededRandom::new(7));
        let settings = settings(&emulator, Version::V6);
        let client = read::Client::new(&settings, seams.clone()).unwrap();
        for (number, instant) in instants.iter().enumerate() {
            clock.set(at(instant));
            emulator.set_now(at(instant));
            if number > 0 {
                emulator.edit(|world| world.add_group(&format!("group of {instant}"), &[]));
            }
            let order = Order { reread_after: Duration::ZERO, ..Order::manual(at(instant), &settings) };
            collect(&store, &client, &seams, order, &|_| ()).await.unwrap();
        }
        store.close().await;
    });
    fs::read(path).unwrap()
}

/// The collections of these tests are long over: a picture of the present is older than its period.
const OUTDATED: i32 = 9;

/// A collection a month, each a little after midnight of the first day.
static MONTHLY: LazyLock<Vec<u8>> =
    LazyLock::new(|| collected_at(&["2025-10-01T02:00:00Z", "2025-11-01T02:00:40Z", "2025-12-01T02:00:30Z"]));

fn desk(database: &[u8]) -> Desk {
    let desk = Desk::bare();
    desk.put_database(database);
    desk
}

/// The change report about a question, and what was said beside it.
#[track_caller]
fn report(desk: &Desk, question: &[&str], code: i32) -> (Value, Ran) {
    let arguments = [&["report", "changes", "--format", "json", "--out", "-"], question].concat();
    let ran = desk.run(&arguments).ends(code);
    (serde_json::from_str(&ran.out).unwrap_or_default(), ran)
}

/// Which snapshots a question takes: the one compared with and the one reported on.
#[track_caller]
fn check(question: &[&str], from: u32, to: u32, says: &[&str]) {
    let code = if question.contains(&"latest") { OUTDATED } else { 0 };
    let (report, ran) = report(&desk(&MONTHLY), question, code);
    let cover = &report["cover"];
    assert_eq!((&cover["before"]["seq"], &cover["current"]["seq"]), (&from.into(), &to.into()), "{ran:#?}");
    for word in says {
        assert!(ran.err.contains(word), "{word:?} in {}", ran.err);
    }
}

/// A word that names no snapshot: it is the command line that does not make sense.
#[track_caller]
fn check_refused(asked: &str, why: &str) {
    for question in [&["report", "changes", "--out", "-", "--format", "csv", "--as-of", asked][..], &["diff", asked]] {
        let ran = desk(&MONTHLY).run(question).ends(2);
        assert!(ran.err.contains(&format!("find snapshot {asked:?}: {why}")), "{ran:#?}");
        assert_eq!(ran.out, "");
    }
}

#[test]
fn e1_a_default_review_is_of_the_month_that_just_ended() {
    let (report, ran) = report(&desk(&MONTHLY), &[], OUTDATED);
    assert_eq!(report["cover"]["period"], "2025-11-01/2025-12-01");
    assert_eq!(report["cover"]["period_name"], "2025-11");
    assert_eq!(report["cover"]["period_remarks"], Value::Array(Vec::new()));
    let groups = report["rows"].as_array().unwrap().iter().filter(|row| row["object_kind"] == "group");
    let new: Vec<_> = groups.map(|row| row["object_name"].clone()).collect();
    assert_eq!(new, ["group of 2025-12-01T02:00:30Z"], "October's group is not new again");
    let said = "Period 2025-11: snapshot 3 of 2025-12-01T02:00:30Z compared with snapshot 2 of 2025-11-01T02:00:40Z";
    assert!(ran.err.contains(said), "{ran:#?}");
}

#[test]
fn e1_a_snapshot_or_a_month_is_compared_with_the_month_before() {
    check(&["--as-of", "latest"], 2, 3, &["Period 2025-11: snapshot 3 of 2025-12-01T02:00:30Z"]);
    check(&["--as-of", "2"], 1, 2, &["Period 2025-10: snapshot 2 of 2025-11-01T02:00:40Z"]);
    check(&["--as-of", "2025-11"], 2, 3, &["Period 2025-11: "]);
    check(&["--as-of", "2025-10"], 1, 2, &["Period 2025-10: "]);
    check(&["--as-of", "2025-11-30"], 1, 2, &["Period 2025-10: "]);
    check(
        &["--since", "2025-09", "--as-of", "2025-12-01"],
        1,
        3,
        &["snapshot 3 of 2025-12-01T02:00:30Z compared with "],
    );
}

#[test]
fn e1_a_day_begins_in_the_zone_of_reports() {
    let desk = desk(&MONTHLY).with("KEYHOLDER_REPORT_ZONE", "America/New_York");
    let ran = desk.run(&["diff", "2025-09-30", "2025-11-30"]).ends(0);
    assert!(
        ran.err.contains("2025-09-30 is snapshot 1 of ") && ran.err.contains("2025-11-30 is snapshot 3 of "),
        "{ran:#?}"
    );
    let (report, _) = report(&desk, &[], OUTDATED);
    assert_eq!(report["cover"]["period_name"], "2025-11 (America/New_York)");
}

#[test]
fn e1_a_first_month_is_compared_with_the_first_snapshot() {
    let days = ["2024-02-10T02:00:00Z", "2024-02-29T02:00:00Z", "2024-03-01T02:00:00Z"];
    let desk = desk(&collected_at(&days));
    let (february, ran) = report(&desk, &["--as-of", "2024-02"], 0);
    assert_eq!(february["cover"]["period"], "2024-02-10/2024-02-29");
    let remark = "No complete snapshot stands for the end of the period before 2024-02";
    assert!(ran.err.contains(remark), "{ran:#?}");
    assert!(february["cover"]["period_remarks"][0].as_str().unwrap().starts_with(remark));
    let html = desk.run(&["report", "changes", "--as-of", "2024-02", "--format", "html", "--out", "-"]).ends(0).out;
    assert!(html.contains(remark), "page one says it");
}

#[test]
fn e1_a_month_without_a_snapshot_of_its_own_says_so() {
    let (report, ran) = report(&desk(&MONTHLY), &["--as-of", "2026-02"], OUTDATED);
    assert_eq!((&report["cover"]["before"], &report["cover"]["current"]["seq"]), (&Value::Null, &3.into()));
    assert!(ran.err.contains("The period 2026-02 has no complete snapshot of its own"), "{ran:#?}");
}

#[test]
fn e1_a_month_that_is_not_over_is_provisional() {
    let month = utc_calendar().now.format("%Y-%m").to_string();
    let (report, ran) = report(&desk(&MONTHLY), &["--as-of", &month], OUTDATED);
    let provisional = format!("The period {month} is provisional: ");
    assert!(ran.err.contains(&provisional), "{ran:#?}");
    assert!(report["cover"]["period_remarks"][0].as_str().unwrap().starts_with(&provisional));
}

#[test]
fn e1_times_without_a_snapshot_are_refused_in_words() {
    check_refused("2025-09-30", "the first snapshot of contract ");
    check_refused("2001-01", "contract ");
    for future in ["2999-01", "2999-01-01", "2999-01-01T00:00:00Z"] {
        check_refused(future, "that is in the future; it is ");
    }
    check_refused("2025-1", "contract ");
    check_refused("2025-13", "there is no such month");
    check_refused("2025-02-29", "there is no such day");
}

#[test]
fn e1_one_snapshot_has_nothing_to_compare_with() {
    let desk = desk(&collected_at(&["2025-10-01T02:00:00Z"]));
    let ran = desk.run(&["diff", "--format", "json"]).ends(OUTDATED);
    assert_eq!(ran.out, "[]\n");
    assert!(ran.err.contains("has one snapshot, of 2025-10-01T02:00:00Z: there is nothing to compare it with yet"));
    let (report, ran) = report(&desk, &[], OUTDATED);
    assert_eq!(report["compared"], false);
    assert!(ran.err.contains("snapshot 1 of 2025-10-01T02:00:00Z, and no earlier one to compare it with"), "{ran:#?}");
}

/// A made-up snapshot of contract 1, with nothing but its time and state.
pub(crate) fn made_up(seq: u32, finished: DateTime<Utc>, is_complete: bool) -> Snapshot {
    Snapshot {
        contract: ContractNumber(1),
        seq: Seq(seq),
        state: if is_complete { RunState::Complete } else { RunState::Partial },
        schedule: String::new(),
        nominal: finished,
        started: finished,
        finished,
        label: None,
        source: Source { api: String::new(), tool: String::new() },
        requests: 0,
        totals: BTreeMap::new(),
        unread: BTreeSet::new(),
        began: 0,
        ended: 0,
        changed: 0,
        root: String::new(),
    }
}

fn snapshots(finished: &[(i64, bool)]) -> Vec<Snapshot> {
    let mut minute = 0;
    let mut snapshot = |(seq, (wait, is_complete)): (u32, &(i64, bool))| {
        minute += wait;
        made_up(seq, at("2023-12-20T00:00:00Z") + TimeDelta::minutes(minute), *is_complete)
    };
    (1..).zip(finished).map(&mut snapshot).collect()
}

/// The periods of a kind from the first snapshot until after the last.
fn periods(period: Period, zone: Tz, snapshots: &[Snapshot]) -> Vec<Span> {
    let last = snapshots.last().unwrap().finished;
    let mut instant = snapshots[0].finished;
    let mut spans = Vec::new();
    while instant < last + TimeDelta::days(70) {
        let span = period.around(instant, zone).unwrap();
        instant = span.end;
        spans.push(span);
    }
    spans
}

proptest! {
    #[test]
    fn e1_consecutive_periods_tile(
        finished in prop::collection::vec((1..4000_i64, prop::bool::weighted(0.8)), 1..60),
        period in prop::sample::select(vec![Period::Month, Period::Week, Period::Day]),
        zone in prop::sample::select(vec![Tz::UTC, Tz::Europe__Berlin, Tz::America__Santiago]),
    ) {
        let snapshots = snapshots(&finished);
        let mut covered = vec![0; snapshots.len() + 1];
        let mut last_end = None;
        for span in periods(period, zone, &snapshots) {
            let Ok(chosen) = span.choose(&snapshots, at("2030-01-01T00:00:00Z")) else { continue };
            prop_assert!(!chosen.provisional);
            if let (Some(before), Some(begin)) = (last_end, chosen.begin) {
                prop_assert_eq!(begin.seq, before, "{} begins where the one before ends", span);
            }
            last_end = Some(chosen.end.seq);
            let begin = chosen.begin.map_or(chosen.end.seq.0, |begin| begin.seq.0);
            (begin + 1..=chosen.end.seq.0).for_each(|seq| covered[seq as usize] += 1);
        }
        let complete: Vec<_> = snapshots.iter().filter(|one| one.is_complete()).map(|one| one.seq.0 as usize).collect();
        if let [first, .., last] = complete[..] {
            prop_assert!(covered[first + 1..=last].iter().all(|count| *count == 1), "{:?}", covered);
        }
    }
}
