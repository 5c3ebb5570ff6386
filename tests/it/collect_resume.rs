//! Runs that are stopped and go on, in one process: which may go on, what is asked again, and that nothing is mixed.
//! And the clock: recorded times never go back, and a clock that is wrong is reported.

mod bounds;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{Body, Emulator, Rule};
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::app::collect::{CollectFailure, Order, collect};
use keyholder::collect::{CollectError, Progress};
use keyholder::domain::notice::Notice;
use keyholder::domain::snapshot::{RunState, Snapshot};
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::packing::{MAX_UNPACKED_BYTES, pack, unpack};
use keyholder::store::{Access, Store};
use serde_json::json;

use crate::support::api::settings;
use crate::support::cut::raw;

/// A database, a clock that is set by hand, and a server with three pages of users.
struct Side {
    store: Store,
    clock: Arc<SetClock>,
    seams: Seams,
    folder: tempfile::TempDir,
}

fn start() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-06-01T06:00:00Z").unwrap().to_utc()
}

async fn served() -> Emulator {
    let size = emulator::Size { memberships: 80, shares: 30, keys: 20, resources: 40, ..emulator::Size::of(230) };
    Emulator::builder().seed(9).size(size).now(start()).start().await.unwrap()
}

impl Side {
    async fn new() -> Self {
        let folder = crate::support::private_folder();
        let store = Store::open(&folder.path().join("k.db"), Access::Write).await.unwrap();
        let clock = SetClock::at(start());
        // The same keys for everybody, so that equal states have equal roots.
        let seams = Seams::new(clock.clone(), SeededRandom::new(3));
        Self { store, clock, seams, folder }
    }

    fn order(&self, emulator: &Emulator) -> Order {
        let mut order = Order::manual(self.seams.now(), &settings(emulator, Version::V6));
        // These clocks are set at will.
        order.limits.max_skew = None;
        order
    }

    /// Collects under that order, and stops when so many requests have come to something.
    async fn collect_until(&self, emulator: &Emulator, order: Order, most: u64) -> Result<Snapshot, CollectFailure> {
        let client = Client::new(&settings(emulator, Version::V6), self.seams.clone()).unwrap();
        let stop = order.stop.clone();
        let watch = move |progress: Progress| {
            if progress.requests >= most {
                stop.stop("a test");
            }
        };
        collect(&self.store, &client, &self.seams, order, &watch).await
    }

    async fn collect(&self, emulator: &Emulator) -> Snapshot {
        self.collect_until(emulator, self.order(emulator), u64::MAX).await.unwrap()
    }

    /// Begins a run and stops it in the middle.
    async fn begin(&self, emulator: &Emulator, order: Order) {
        let error = self.collect_until(emulator, order, 150).await.unwrap_err();
        assert!(matches!(error, CollectFailure::Walk(CollectError::Stopped)), "{error:?}");
    }

    /// State and reason of all runs.
    async fn runs(&self) -> Vec<String> {
        let runs = self.store.runs().await.unwrap();
        runs.iter().map(|run| format!("{} {}", run.state, run.reason.as_deref().unwrap_or("-"))).collect()
    }

    async fn notices(&self, snapshot: &Snapshot) -> Vec<Notice> {
        self.store.notices(snapshot.contract, snapshot.seq).await.unwrap()
    }

    /// Requests that were saved by going on.
    async fn saved(&self, snapshot: &Snapshot) -> Option<u64> {
        self.notices(snapshot).await.iter().find_map(|notice| match notice {
            Notice::Resumed { requests } => Some(*requests),
            _ => None,
        })
    }

    async fn number(&self, sql: &'static str) -> i64 {
        let db = raw(self.store.path()).await;
        let number = sqlx::query_scalar(sql).fetch_one(&db).await.unwrap();
        db.close().await;
        number
    }

    async fn staged(&self) -> i64 {
        self.number("SELECT (SELECT count(*) FROM staged) + (SELECT count(*) FROM staging)").await
    }

    /// Whether these bytes are anywhere in the database's files.
    /// The rows of the journal as they are kept, and the outcomes in each.
    async fn journal(&self) -> Vec<(Vec<u8>, Vec<String>)> {
        let db = raw(self.store.path()).await;
        let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT packed FROM staged").fetch_all(&db).await.unwrap();
        db.close().await;
        rows.into_iter().map(|packed| (packed.clone(), unpack(&packed, MAX_UNPACKED_BYTES).unwrap().0)).collect()
    }

    fn has_bytes(&self, wanted: impl AsRef<[u8]>) -> bool {
        let wanted = wanted.as_ref();
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let contents = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        contents.into_iter().any(|bytes| bytes.windows(wanted.len()).any(|window| window == wanted))
    }
}

const REASON: &str = "interrupted stopped by a test";

#[tokio::test]
async fn wherever_a_run_is_stopped_it_goes_on_and_comes_to_the_same() {
    let emulator = served().await;
    let twin = Side::new().await;
    let whole = twin.collect(&emulator).await;
    let requests = emulator.counters().total;
    let mut all_saved = Vec::new();
    for most in (1..requests).step_by(37) {
        let side = Side::new().await;
        side.collect_until(&emulator, side.order(&emulator), most).await.unwrap_err();
        assert_eq!(side.runs().await, [REASON]);
        emulator.reset_counters();
        let snapshot = side.collect(&emulator).await;
        assert_eq!((&snapshot.root, snapshot.state), (&whole.root, RunState::Complete), "stopped after {most}");
        let saved = side.saved(&snapshot).await.expect("the run went on");
        assert_eq!(emulator.counters().total, requests - saved, "stopped after {most}");
        assert!(snapshot.requests >= requests, "what both parts took is counted: {}", snapshot.requests);
        assert_eq!(side.runs().await, ["complete -"]);
        assert_eq!(side.staged().await, 0);
        all_saved.push(saved);
    }
    assert!(all_saved.is_sorted() && all_saved[0] < 10 && all_saved.last().unwrap() + 80 > requests, "{all_saved:?}");
}

#[tokio::test]
async fn a_run_can_be_stopped_again_and_again() {
    let emulator = served().await;
    let (twin, side) = (Side::new().await, Side::new().await);
    let whole = twin.collect(&emulator).await;
    let mut stops = 0;
    let snapshot = loop {
        let known = u64::try_from(side.number("SELECT coalesce(sum(outcomes), 0) FROM staged").await).unwrap();
        match side.collect_until(&emulator, side.order(&emulator), known * 2 + 70).await {
            Ok(snapshot) => break snapshot,
            Err(_) => stops += 1,
        }
    };
    assert!(stops > 2, "{stops}");
    assert_eq!(snapshot.root, whole.root);
    assert_eq!(side.store.runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_failed_before_the_stop_is_asked_again_and_counted_twice() {
    let emulator = served().await;
    let side = Side::new().await;
    let rule = emulator.fail(Rule::on("GET", "/um/users/{userId}/owns").status(403).times(3));
    side.begin(&emulator, side.order(&emulator)).await;
    assert_eq!(rule.fired(), 3);
    let snapshot = side.collect(&emulator).await;
    assert!(snapshot.is_complete());
    assert_eq!(snapshot.ended, 0);
    assert!(snapshot.requests >= emulator.counters().total - 64, "{}", snapshot.requests);
}

#[tokio::test]
async fn a_cursor_that_skips_a_page_is_noticed_by_the_comparison() {
    let emulator = served().await;
    let (twin, side) = (Side::new().await, Side::new().await);
    let whole = twin.collect(&emulator).await;
    // Stops when the first page of users is kept, and nothing more of them.
    emulator.fail(Rule::on("GET", "/um/users").query("offset=").status(500).after(1));
    side.collect_until(&emulator, side.order(&emulator), 150).await.unwrap_err();
    emulator.clear_faults();
    let db = raw(side.store.path()).await;
    // As if the first page had been the last one.
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT number, packed FROM staged").fetch_all(&db).await.unwrap();
    let mut planted = 0;
    for (number, packed) in rows {
        let mut outcomes = unpack(&packed, MAX_UNPACKED_BYTES).unwrap().0;
        for outcome in &mut outcomes {
            let mut value: serde_json::Value = serde_json::from_str(outcome).unwrap();
            if let Some(behind) = value.pointer_mut("/page/end/more/behind").filter(|behind| *behind == "More") {
                *behind = "Nothing".into();
                *outcome = value.to_string();
                planted += 1;
            }
        }
        let change = sqlx::query("UPDATE staged SET packed = ? WHERE number = ?").bind(pack(&outcomes).unwrap());
        change.bind(number).execute(&db).await.unwrap();
    }
    assert!(planted > 0, "a cursor was kept");
    db.close().await;
    let snapshot = side.collect(&emulator).await;
    assert_ne!(snapshot.root, whole.root, "a hundred users are missing");
}

#[tokio::test]
async fn a_run_of_another_contract_is_not_gone_on_with() {
    let emulator = served().await;
    let side = Side::new().await;
    side.begin(&emulator, side.order(&emulator)).await;
    let other = json!({"items": [{"properties": {"contractNumber": 4711}}]});
    emulator.fail(Rule::on("GET", "/contracts").status(200).body(Body::Json(other)));
    let snapshot = side.collect(&emulator).await;
    assert_eq!((snapshot.contract.0, side.saved(&snapshot).await), (4711, None));
    let begun = emulator.contract_number();
    let reason =
        format!("interrupted resume the run: it began with contract {begun}, and the credentials now see 4711");
    assert_eq!(side.runs().await, [reason.as_str(), "complete -"]);
    assert_eq!(side.staged().await, 0);
}

/// That a run which was stopped stays interrupted, and another one begins from the beginning.
async fn check_not_gone_on(emulator: &Emulator, side: &Side, order: Order) {
    emulator.reset_counters();
    let snapshot = side.collect_until(emulator, order, u64::MAX).await.unwrap();
    assert_eq!(side.saved(&snapshot).await, None);
    assert_eq!(emulator.counters().total, snapshot.requests);
    assert_eq!(side.runs().await, [REASON, "complete -"]);
    assert_eq!(side.staged().await, 0, "what the first run has read is gone");
}

#[tokio::test]
async fn a_run_that_is_too_old_is_not_gone_on_with() {
    let emulator = served().await;
    let side = Side::new().await;
    side.begin(&emulator, side.order(&emulator)).await;
    side.clock.set(start() + TimeDelta::minutes(31));
    check_not_gone_on(&emulator, &side, side.order(&emulator)).await;
}

#[tokio::test]
async fn a_run_interrupted_half_an_hour_ago_is_resumed() {
    let emulator = served().await;
    let side = Side::new().await;
    side.begin(&emulator, side.order(&emulator)).await;
    side.clock.set(start() + TimeDelta::minutes(29));
    let snapshot = side.collect(&emulator).await;
    assert!(side.saved(&snapshot).await.is_some_and(|saved| saved > 100));
    assert_eq!(snapshot.started, start());
}

#[tokio::test]
async fn a_run_whose_age_nobody_knows_is_not_gone_on_with() {
    let emulator = served().await;
    let side = Side::new().await;
    side.begin(&emulator, side.order(&emulator)).await;
    side.clock.set(start() - TimeDelta::minutes(5));
    check_not_gone_on(&emulator, &side, side.order(&emulator)).await;
}

#[tokio::test]
async fn a_run_is_not_gone_on_with_by_who_wants_a_fresh_one_or_says_which_contract() {
    let emulator = served().await;
    for turn in 0..2 {
        let side = Side::new().await;
        side.begin(&emulator, side.order(&emulator)).await;
        let mut order = side.order(&emulator);
        if turn == 0 {
            order.fresh = true;
        } else {
            order.limits.contract = Some(keyholder::domain::id::ContractNumber(emulator.contract_number()));
        }
        check_not_gone_on(&emulator, &side, order).await;
    }
}

#[tokio::test]
async fn a_label_stays_with_its_run_unless_another_one_is_given() {
    let emulator = served().await;
    for (now, expected) in [(None, "first"), (Some("second"), "second")] {
        let side = Side::new().await;
        side.begin(&emulator, Order { label: Some("first".to_owned()), ..side.order(&emulator) }).await;
        let order = Order { label: now.map(str::to_owned), ..side.order(&emulator) };
        let snapshot = side.collect_until(&emulator, order, u64::MAX).await.unwrap();
        assert_eq!(snapshot.label.as_deref(), Some(expected));
        assert!(side.saved(&snapshot).await.is_some());
    }
}

#[tokio::test]
async fn what_a_run_has_read_is_wiped_when_it_is_given_up() {
    let emulator = served().await;
    let email = emulator.read(|world| world.users().next().unwrap().email.clone());
    let side = Side::new().await;
    side.begin(&emulator, side.order(&emulator)).await;
    // A packed row stands in its page from its beginning on.
    let held = side.journal().await.into_iter().find(|(_, outcomes)| outcomes.iter().any(|one| one.contains(&email)));
    let (mut packed, _) = held.expect("the journal holds it");
    packed.truncate(100);
    assert!(side.has_bytes(&packed));
    emulator.fail(Rule::on("GET", "/contracts").status(401));
    side.collect_until(&emulator, Order { fresh: true, ..side.order(&emulator) }, u64::MAX).await.unwrap_err();
    let store = side.store.clone();
    store.close().await;
    assert!(!side.has_bytes(&packed) && !side.has_bytes(&email), "nothing of it is left");
}

#[tokio::test]
async fn a_failed_run_is_not_gone_on_with_and_keeps_nothing() {
    let emulator = served().await;
    let side = Side::new().await;
    emulator.fail(Rule::on("GET", "/um/users/{userId}/owns").status(401).after(100));
    side.collect_until(&emulator, side.order(&emulator), u64::MAX).await.unwrap_err();
    assert_eq!(side.staged().await, 0);
    emulator.clear_faults();
    let snapshot = side.collect(&emulator).await;
    assert_eq!(side.saved(&snapshot).await, None);
}

#[tokio::test]
async fn only_an_interrupted_run_that_can_go_on_is_ever_under_way_again() {
    let emulator = served().await;
    let side = Side::new().await;
    side.collect(&emulator).await;
    side.begin(&emulator, side.order(&emulator)).await;
    side.clock.set(start() + TimeDelta::hours(1));
    side.collect(&emulator).await;
    let db = raw(side.store.path()).await;
    for (run, state) in [(1, "complete"), (2, "interrupted")] {
        let back = "UPDATE run SET state = 'collecting', finished = NULL, reason = NULL WHERE id = ?";
        let refused = sqlx::query(back).bind(run).execute(&db).await.unwrap_err().to_string();
        assert!(refused.contains("a run that is over is not changed"), "{state}: {refused}");
    }
    db.close().await;
}

/// The recorded times of all runs, in order of recording.
async fn check_times_grow(side: &Side) {
    let runs = side.store.runs().await.unwrap();
    let times: Vec<_> = runs.iter().flat_map(|run| [run.started, run.finished.unwrap()]).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[tokio::test]
async fn recorded_times_never_go_back_and_a_clock_that_does_is_reported() {
    let emulator = served().await;
    let side = Side::new().await;
    side.collect(&emulator).await;
    side.clock.set(start() - TimeDelta::hours(1));
    let back = side.collect(&emulator).await;
    let reported = side.notices(&back).await;
    assert!(
        matches!(reported[..], [Notice::ClockRegressed { milliseconds: 3_600_000..3_601_000 }, ..]),
        "{reported:?}"
    );
    check_times_grow(&side).await;
    side.clock.set(start() + TimeDelta::days(365));
    let ahead = side.collect(&emulator).await;
    let reported = side.notices(&ahead).await;
    assert!(matches!(reported[..], [Notice::ClockSkew { seconds: ..0 }]), "the server's clock tells: {reported:?}");
    assert_eq!((ahead.seq.0, ahead.began, ahead.ended, ahead.changed), (3, 0, 0, 0));
    side.clock.set(start() + TimeDelta::days(1));
    let after = side.collect(&emulator).await;
    assert!(side.notices(&after).await.iter().any(|notice| matches!(notice, Notice::ClockRegressed { .. })));
    check_times_grow(&side).await;
}

#[tokio::test]
async fn a_clock_that_goes_back_during_a_run_is_told_and_moved_on() {
    let emulator = served().await;
    let side = Side::new().await;
    let client = Client::new(&settings(&emulator, Version::V6), side.seams.clone()).unwrap();
    let clock = Arc::clone(&side.clock);
    let set_back = move |_| clock.set(start() - TimeDelta::hours(1));
    let snapshot = collect(&side.store, &client, &side.seams, side.order(&emulator), &set_back).await.unwrap();
    assert!(snapshot.finished > snapshot.started);
    let reported = side.notices(&snapshot).await;
    assert!(reported.iter().any(|notice| matches!(notice, Notice::ClockRegressed { .. })), "{reported:?}");
}

/// What is reported when the server's clock is off by so many seconds.
async fn check_skew(seconds: i64, expected: &[Notice]) {
    let emulator = served().await;
    emulator.set_now(start() + TimeDelta::seconds(seconds));
    let side = Side::new().await;
    let snapshot = side.collect(&emulator).await;
    assert_eq!(side.notices(&snapshot).await, expected, "{seconds}");
}

#[tokio::test]
async fn a_server_whose_clock_is_off_by_minutes_is_reported() {
    check_skew(400, &[Notice::ClockSkew { seconds: 400 }]).await;
    check_skew(-400, &[Notice::ClockSkew { seconds: -400 }]).await;
    check_skew(290, &[]).await;
    check_skew(-290, &[]).await;
}
