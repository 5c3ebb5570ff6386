//! Kind M of the cases: what happened beside the snapshots is said by every report and every command that compares.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{Emulator, Rule};
use keyholder::api::read;
use keyholder::api::settings::Version;
use keyholder::app::collect::{Order, collect};
use keyholder::app::review::{self, Cover, Question};
use keyholder::app::write::{Batch, BatchError};
use keyholder::domain::id::ContractNumber;
use keyholder::domain::job::{JobId, JobOutcome, JobRun};
use keyholder::domain::period::Calendar;
use keyholder::report::Format;
use keyholder::report::csv::Dialect;
use keyholder::report::html::Templates;
use keyholder::seams::{Clock, Seams, SeededRandom, ShiftedClock};
use keyholder::store::runs::Occasion;
use keyholder::store::{Access, Store};
use serde_json::{Value, json};

use crate::support::api::settings;
use crate::support::cli::{Desk, RUNTIME, Ran, served};
use crate::support::private_folder;

/// What one collection of a history is like.
enum Run {
    /// It seals a snapshot.
    Good,
    /// The token is refused.
    Refused,
    /// The list of groups cannot be read.
    WithoutGroups,
}

/// A database that was collected on these days of a year that is over.
struct History {
    folder: tempfile::TempDir,
    emulator: Emulator,
    clock: Arc<ShiftedClock>,
    seams: Seams,
    schedule: &'static str,
    expected: Option<ContractNumber>,
}

fn day(day: i64) -> DateTime<Utc> {
    "2025-09-01T02:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(day)
}

impl History {
    fn of(runs: &[(i64, Run)]) -> Self {
        let emulator = RUNTIME.block_on(Emulator::builder().seed(7).users(24).start()).unwrap();
        let clock = ShiftedClock::at(day(0));
        let seams = Seams::new(Arc::clone(&clock) as Arc<dyn Clock>, SeededRandom::new(7));
        let history = Self { folder: private_folder(), emulator, clock, seams, schedule: "manual", expected: None };
        history.collect(runs);
        history
    }

    fn collect(&self, runs: &[(i64, Run)]) {
        self.collect_from(&self.emulator, runs);
    }

    fn collect_from(&self, emulator: &Emulator, runs: &[(i64, Run)]) {
        self.with_store(async |store| {
            for (number, run) in runs {
                let at = day(*number);
                self.clock.set(at);
                emulator.set_now(at);
                match run {
                    Run::Good => emulator.clear_faults(),
                    Run::Refused => drop(emulator.fail(Rule::on("GET", "/*").status(401))),
                    Run::WithoutGroups => drop(emulator.fail(Rule::on("GET", "/um/groups").status(403))),
                }
                let settings = settings(emulator, Version::V6);
                let client = read::Client::new(&settings, self.seams.clone()).unwrap();
                let mut order = Order { reread_after: Duration::ZERO, ..Order::manual(at, &settings) };
                order.occasion = Occasion { schedule: self.schedule.to_owned(), ..order.occasion };
                order.limits.contract = self.expected;
                let outcome = collect(store, &client, &self.seams, order, &|_| ()).await;
                assert_eq!(outcome.is_err(), matches!(run, Run::Refused), "{outcome:?}");
            }
        });
    }

    fn with_store(&self, work: impl AsyncFnOnce(&Store)) {
        RUNTIME.block_on(async {
            let store = Store::open(&self.folder.path().join("test.db"), Access::Write).await.unwrap();
            work(&store).await;
            store.close().await;
        });
    }

    fn contract(&self) -> String {
        self.emulator.contract_number().to_string()
    }

    fn desk(&self) -> Desk {
        let desk = Desk::bare();
        desk.put_database(&fs::read(self.folder.path().join("test.db")).unwrap());
        desk
    }
}

const REPORTS: [&str; 3] = ["access-review", "changes", "population"];

/// A report on standard output, about the contract that the database is about.
#[track_caller]
fn report(desk: &Desk, name: &str, more: &[&str], code: i32) -> (Value, Ran) {
    let ran = desk.run(&[&["report", name, "--out", "-", "--format", "json"], more].concat()).ends(code);
    (serde_json::from_str(&ran.out).unwrap(), ran)
}

/// Expects every report and every command that compares to say these words and to end with that code: on the first page, in
/// the JSON and on standard error.
#[track_caller]
fn check(desk: &Desk, contract: &str, code: i32, words: &[&str]) {
    let of = ["--contract", contract];
    for name in REPORTS {
        let (value, ran) = report(desk, name, &of, code);
        let page = desk.run(&[&["report", name, "--out", "-", "--format", "html"], &of[..]].concat()).ends(code).out;
        let (cover, _) = page.split_once("</header>").unwrap();
        let sentences = value["cover"]["recency"]["sentences"].to_string();
        for word in words {
            assert!(cover.contains(word) && sentences.contains(word) && ran.err.contains(word), "{word} in {ran:#?}");
        }
    }
    for command in [
        &["diff"][..],
        &["snapshots", "list"],
        &["diff", "--format", "json"],
        &["snapshots", "list", "--format", "csv"],
    ] {
        let ran = desk.run(&[command, &of].concat()).ends(code);
        for word in words {
            assert!(ran.err.contains(word), "{word} in {ran:#?}");
        }
        let ran = desk.run(&[command, &of, &["--quiet"]].concat()).ends(code);
        assert_eq!(ran.err, "", "nothing but the exit code");
    }
}

#[test]
fn m1_refused_attempts_after_the_last_snapshot_are_said() {
    use Run::{Good, Refused};
    let history = History::of(&[(0, Good), (1, Good), (14, Refused), (30, Refused), (62, Refused)]);
    let since = "Nothing could be collected since 2025-09-02T02:00:00Z: 3 attempts failed from 2025-09-15T02:00:00Z to \
                 2025-11-02T02:00:00Z";
    check(
        &history.desk(),
        &history.contract(),
        9,
        &[since, "credentials refused (401", "was due by 2025-09-03T14:00:00Z"],
    );
    let (value, _) = report(&history.desk(), "changes", &[], 9);
    let recency = &value["cover"]["recency"];
    assert_eq!((&recency["outdated"], &recency["failed_attempts"]["count"]), (&json!(true), &json!(3)));
}

#[test]
fn m2_groups_that_were_not_read_end_with_9_in_any_format() {
    let history = History::of(&[(0, Run::Good), (1, Run::WithoutGroups)]);
    let desk = history.desk();
    for format in ["table", "csv", "json"] {
        let ran = desk.run(&["diff", "1", "2", "--quiet", "--format", format]).ends(9);
        assert_eq!(ran.err, "");
    }
    assert_eq!(desk.run(&["diff", "1", "2", "--quiet", "--format", "json"]).out, "[]\n");
    desk.run(&["snapshots", "list", "--quiet", "--format", "json"]).ends(9);
}

#[test]
fn an_incomplete_beginning_is_said_and_ends_with_9() {
    let history = History::of(&[(0, Run::WithoutGroups), (1, Run::Good)]);
    let desk = history.desk();
    let ran = desk.run(&["diff", "1", "2", "--format", "json"]).ends(9);
    assert!(ran.err.contains("Snapshot 1 is INCOMPLETE"), "{ran:#?}");
    for name in ["access-review", "changes"] {
        let arguments = ["report", name, "--as-of", "2", "--since", "1", "--format", "html", "--out", "-"];
        let page = desk.run(&arguments).ends(9).out;
        assert!(page.split_once("</header>").unwrap().0.contains("The earlier snapshot is INCOMPLETE"));
    }
}

#[test]
fn another_contract_than_before_is_said() {
    let history = History::of(&[(0, Run::Good), (1, Run::Good)]);
    let other = RUNTIME.block_on(Emulator::builder().seed(8).users(24).contract_number(31_999_999).start()).unwrap();
    history.collect_from(&other, &[(2, Run::Good), (3, Run::Good)]);
    let words = "Another contract than before is collected since 2025-09-03T02:00:00Z: contract 31999999, 2 snapshots";
    check(&history.desk(), &history.contract(), 9, &[words]);
    let (value, _) = report(&history.desk(), "changes", &["--contract", "31999999"], 9);
    assert_eq!(value["cover"]["recency"]["other_contract"], Value::Null, "it is not replaced itself");
}

#[test]
fn a_schedule_that_missed_runs_is_said() {
    let history = History { schedule: "collect of production", ..History::of(&[]) };
    history.collect(&[(0, Run::Good), (1, Run::Good)]);
    let missed = |name: &str, number| JobRun {
        job: JobId { name: name.to_owned(), contract: "production".to_owned() },
        nominal: day(number),
        instants: 1,
        started: None,
        finished: day(number) + TimeDelta::hours(1),
        outcome: JobOutcome::Missed,
        detail: "no service ran".to_owned(),
    };
    history.with_store(async |store| {
        store.pass_jobs(&[missed("collect", 2), missed("collect", 3), missed("report", 3)], &[]).await.unwrap();
    });
    let words = "The schedule collect of production has missed 2 runs since 2025-09-03T02:00:00Z";
    check(&history.desk(), &history.contract(), 9, &[words]);
}

#[test]
fn a_snapshot_without_a_next_one_is_outdated() {
    let history = History::of(&[(0, Run::Good), (30, Run::Good)]);
    let desk = history.desk();
    check(&desk, &history.contract(), 9, &["The next complete snapshot was due by 2025-11-1", "and has not come"]);
    // As of a day on which it was not due yet, and of one on which it was.
    let (value, _) = report(&desk, "changes", &["--as-of", "2025-11-14"], 0);
    assert_eq!(value["cover"]["recency"]["sentences"], json!([]));
    report(&desk, "changes", &["--as-of", "2025-11-16"], 9);
    // What is named by its number is what it is.
    report(&desk, "changes", &["--as-of", "2"], 0);
    desk.run(&["diff", "1", "2"]).ends(0);
    // What stands for a month that has no snapshot of its own is older than that month.
    report(&desk, "changes", &["--as-of", "2025-12"], 9);
}

#[test]
fn attempts_count_up_to_the_next_snapshot() {
    use Run::{Good, Refused};
    let history = History::of(&[(0, Good), (1, Refused), (2, Good), (3, Refused)]);
    let (value, ran) = report(&history.desk(), "population", &["--as-of", "1"], 0);
    assert_eq!(value["cover"]["recency"]["failed_attempts"]["count"], 1);
    assert!(
        ran.err.contains("Between the snapshot of 2025-09-01T02:00:00Z and the next one, 1 attempt failed"),
        "{ran:#?}"
    );
    let (value, _) = report(&history.desk(), "population", &["--as-of", "2025-09-03"], 0);
    assert_eq!(value["cover"]["recency"]["failed_attempts"], Value::Null, "as of that day");
}

#[test]
fn attempts_for_another_contract_are_not_counted() {
    let mut history = History::of(&[(0, Run::Good)]);
    history.expected = Some(ContractNumber(31_999_999));
    history.collect(&[(1, Run::Refused)]);
    let (value, _) = report(&history.desk(), "population", &[], 9);
    assert_eq!(value["cover"]["recency"]["failed_attempts"], Value::Null);
    history.expected = Some(ContractNumber(history.emulator.contract_number()));
    history.collect(&[(2, Run::Refused)]);
    let (value, _) = report(&history.desk(), "population", &[], 9);
    assert_eq!(value["cover"]["recency"]["failed_attempts"]["count"], 1);
}

#[test]
fn a_failure_before_the_next_run_is_due_is_only_said() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    assert_eq!(desk.run(&["diff"]).ends(0).out.lines().count(), 0, "nothing is said beside a recent snapshot");
    let refused = desk.command(&["collect"]).env("IONOS_TOKEN", "revoked").output().unwrap();
    assert_eq!(refused.status.code(), Some(4));
    check(
        &desk,
        &emulator.contract_number().to_string(),
        0,
        &["Nothing could be collected since", "1 attempt failed on"],
    );
}

/// A first run that could read neither the groups nor any S3 key, and what it printed.
fn half_read() -> (Desk, String) {
    let emulator = served();
    let desk = Desk::of(&emulator);
    emulator.fail(Rule::on("GET", "/um/groups").status(403));
    emulator.fail(Rule::on("GET", "/um/users/{userId}/s3keys").status(403));
    let line = desk.run(&["collect"]).ends(9).out;
    (desk, line)
}

#[test]
fn what_was_never_read_is_not_0_in_the_lists() {
    let (desk, line) = half_read();
    assert!(
        line.contains(" users, groups not read, memberships not read, ") && line.contains("keys not read;"),
        "{line}"
    );
    assert!(line.contains("shares not read") && !line.contains(" 0 groups"), "{line}");
    let rows = desk.run(&["snapshots", "list", "--format", "json"]).ends(9).out;
    let row = &serde_json::from_str::<Value>(&rows).unwrap()[0];
    for unread in ["groups", "members", "shares", "keys"] {
        assert_eq!(row[unread], Value::Null, "{unread} in {row}");
    }
    assert!(row["users"].as_u64().unwrap() >= 24 && row["resources"].as_u64().unwrap() > 0, "{row}");
    let csv = desk.run(&["snapshots", "list", "--format", "csv"]).ends(9).out;
    let cells = csv::Reader::from_reader(csv.as_bytes()).into_deserialize().next().unwrap();
    let cells: std::collections::BTreeMap<String, String> = cells.unwrap();
    assert_eq!((&*cells["groups"], &*cells["keys"]), ("", ""));
}

#[test]
fn what_was_never_read_is_not_0_in_the_review() {
    let (desk, _) = half_read();
    let (review, _) = report(&desk, "access-review", &[], 9);
    for name in ["privileged-groups", "shares", "onward", "keys", "keys-over-90"] {
        let figure = review["summary"]["figures"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        assert!(figure["value"].is_null() && figure["unread"].as_str().unwrap().contains("not read ("), "{figure}");
    }
    let unread =
        |of: &str| review["summary"][of].as_array().unwrap().iter().filter(|one| one["value"].is_null()).count();
    assert_eq!((unread("key_ages"), unread("entitlements")), (4, 3), "{}", review["summary"]);
    let trends = review["summary"]["trends"].as_array().unwrap();
    assert_eq!((&trends[1]["values"], &trends[2]["values"]), (&json!([null]), &json!([null])));
    for user in review["users"].as_array().unwrap() {
        assert_eq!([&user["privileges"], &user["resources"], &user["keys"], &user["keys_usable"]], [&Value::Null; 4]);
        assert!(user["owned"].is_u64(), "{user}");
    }
    assert!(review["glossary"].as_array().unwrap().iter().all(|word| word["groups"].is_null()));
    let page = desk.run(&["report", "access-review", "--out", "-", "--format", "html"]).ends(9).out;
    for claim in ["Nobody holds an S3 key", "Nothing is shared", "No group is privileged", "the account only"] {
        assert!(!page.contains(claim), "{claim}");
    }
    assert!(page.contains("S3 keys: not read (") && page.contains("Shares: not read (1 of 1 lists of groups)"));
}

#[test]
fn a_comparison_with_what_was_never_read_has_no_difference() {
    let history = History::of(&[(0, Run::WithoutGroups), (1, Run::Good)]);
    let (review, _) = report(&history.desk(), "access-review", &["--as-of", "2", "--since", "1"], 9);
    let figure = |name: &str| review["summary"]["figures"].as_array().unwrap().iter().find(|one| one["name"] == name);
    let shares = figure("shares").unwrap();
    assert!(
        shares["value"].as_u64().unwrap() > 0 && shares["before"].is_null() && shares["delta"].is_null(),
        "{shares}"
    );
    assert!(figure("users").unwrap()["before"].is_u64());
    let kinds = review["population"]["reconciliation"].as_array().unwrap();
    let groups = kinds.iter().find(|row| row["kind"] == "groups").unwrap();
    assert!(groups["before"].is_null() && groups["after"].is_u64() && groups["agrees"] == true, "{groups}");
}

/// Writes the review of a history into a folder as of some day, in three formats, and gives the page.
fn written(history: &History, folder: &std::path::Path, number: i64) -> Result<String, BatchError> {
    let mut page = Ok(String::new());
    history.with_store(async |store| {
        let contract = ContractNumber(history.emulator.contract_number());
        let taken = review::take(store, contract, &Question::default(), Calendar::utc(day(number))).await.unwrap();
        let input = review::input(store, taken, &Cover::default()).await.unwrap();
        let mut batch = Batch::new(false);
        let report = keyholder::report::named("access-review").unwrap();
        let staged = [Format::Csv, Format::Json, Format::Html].into_iter().try_fold(Vec::new(), |_, format| {
            let templates = Templates::embedded();
            let rendered = keyholder::report::render(report, &input, format, Dialect::default(), &templates).unwrap();
            batch.stage_report(&folder.join(&rendered.file_name), &rendered.bytes, format)?;
            Ok(rendered.bytes)
        });
        page = staged.and_then(|page| batch.commit().map(|_| String::from_utf8(page).unwrap()));
    });
    page
}

#[test]
fn a_mark_alone_never_stands_in_the_way_of_a_report() {
    let history = History::of(&[(0, Run::Good), (20, Run::Good)]);
    let folder = private_folder();
    let early = written(&history, folder.path(), 21).unwrap();
    assert!(early.contains("is provisional") && !early.contains("and has not come"), "the month is running");
    let late = written(&history, folder.path(), 62).unwrap();
    assert!(!late.contains("is provisional") && late.contains("and has not come"), "the month is over");
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 3, "one file of each format: {names:?}");
    let page = names.iter().find(|path| path.extension().is_some_and(|ending| ending == "html")).unwrap();
    assert_eq!(fs::read_to_string(page).unwrap(), late);
    fs::write(page, late.replace("</main>", "<p>a note of mine</p></main>")).unwrap();
    let error = written(&history, folder.path(), 21).unwrap_err();
    assert!(matches!(error, BatchError::Differs { .. }), "{error}");
}

#[test]
fn a_report_is_written_again_when_something_failed_since() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let first = desk.run(&["report", "population"]).ends(0).out;
    let refused = desk.command(&["collect"]).env("IONOS_TOKEN", "revoked").output().unwrap();
    assert_eq!(refused.status.code(), Some(4));
    let again = desk.run(&["report", "population"]).ends(0);
    assert_eq!(again.out, first, "{again:#?}");
    let page = first.lines().find(|path| path.contains(".html")).unwrap();
    assert!(fs::read_to_string(desk.path(page)).unwrap().contains("Nothing could be collected since"));
}
