//! From collecting to reading: what five snapshots say, in every list and every format, with data alone on standard output.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;

use crate::support::cli::{Desk, MONTH, Ran};

/// Runs against the shared month and expects success without a word on standard error.
#[track_caller]
fn quiet(arguments: &[&str]) -> String {
    let Ran { out, err, .. } = Desk::with_month().run(arguments).ends(0);
    assert_eq!(err, "", "{arguments:?} has nothing to remark");
    out
}

/// The rows of a list as JSON.
#[track_caller]
fn rows(arguments: &[&str]) -> Vec<Value> {
    let text = quiet(&[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The records of a CSV text, header first; all have the same number of fields.
#[track_caller]
fn records(text: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// `severity change what` of each row.
fn reported(rows: &[Value]) -> Vec<String> {
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter().map(|row| ["severity", "change", "what"].map(|name| word(row, name)).join(" ")).collect()
}

#[test]
fn a_difference_tells_who_what_and_how_bad() {
    let promoted = &MONTH.promoted;
    let rows = rows(&["diff", "baseline", "critical"]);
    let reported = reported(&rows);
    assert_eq!(
        reported[0],
        format!("critical administrator-gained {promoted}"),
        "the worst comes first: {reported:#?}"
    );
    assert!(reported.contains(&"medium user-added stranger@example.org".to_owned()), "{reported:#?}");
    assert_eq!((rows[0]["before"].as_bool(), rows[0]["after"].as_bool()), (Some(false), Some(true)));
    assert_eq!(rows[0]["snapshot"], 2);
    let severe = quiet(&["diff", "1", "5", "--severity", "high", "--format", "csv"]);
    let severe = records(&severe);
    assert_eq!(severe.len(), 1 + 2, "header, one critical and one high change: {severe:#?}");
}

#[test]
fn the_default_compares_previous_with_latest() {
    assert_eq!(rows(&["diff"]), rows(&["diff", "4", "5"]));
    assert_eq!(rows(&["diff", "previous", "latest"]), rows(&["diff", "low", "high"]));
}

#[test]
fn equal_snapshots_give_an_empty_list_and_a_remark() {
    let desk = Desk::with_month();
    let ran = desk.run(&["diff", "3", "3", "--format", "json"]).ends(0);
    assert_eq!(ran.out, "[]\n");
    assert!(ran.err.contains("Both are snapshot 3: there is nothing to compare"), "{ran:#?}");
    let ran = desk.run(&["diff", "2", "3", "--severity", "critical"]).ends(0);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("None of the 1 changes is of the kind that was asked for"), "{ran:#?}");
}

#[test]
fn a_history_finds_a_person_by_address_and_by_id_in_every_spelling() {
    let rows_of = |name: &str| {
        let mut rows = rows(&["history", name]);
        rows.retain(|row| row["view"] == "event");
        rows
    };
    let events = rows_of(&MONTH.promoted);
    assert_eq!(reported(&events), [format!("critical administrator-gained {}", MONTH.promoted)]);
    assert_eq!(rows_of(&MONTH.promoted.to_uppercase()), events);
}

#[test]
fn snapshots_are_listed_oldest_first_with_their_labels() {
    let rows = rows(&["snapshots", "list"]);
    let labels: Vec<_> = rows.iter().map(|row| row["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["baseline", "critical", "info", "low", "high"]);
    let users: Vec<_> = rows.iter().map(|row| row["users"].as_u64().unwrap()).collect();
    assert_eq!(users, [24, 25, 25, 25, 25]);
    let contract: u64 = MONTH.contract.parse().unwrap();
    assert!(rows.iter().all(|row| row["population"] == "complete" && row["contract"] == contract));
    let csv = quiet(&["snapshots", "list", "--format", "csv"]);
    assert_eq!(records(&csv).len(), 1 + rows.len());
}

#[test]
fn one_snapshot_shows_its_population() {
    let text = quiet(&["snapshots", "show", "low"]);
    assert!(
        text.starts_with(&format!("contract     {}\nsnapshot     4\nlabel        low\n", MONTH.contract)),
        "{text}"
    );
    assert!(text.contains("population   complete (") && text.contains("requests     "), "{text}");
    let shown: Value = serde_json::from_str(&quiet(&["snapshots", "show", "low", "--format", "json"])).unwrap();
    let kinds: Vec<_> = shown["scopes"].as_array().unwrap().iter().map(|row| row["scope"].as_str().unwrap()).collect();
    assert_eq!(kinds.join(" "), "contract users groups resources members shares owns keys");
}

#[test]
fn reports_are_written_where_they_are_asked_for_and_listed_on_standard_output() {
    let desk = Desk::with_month();
    for name in ["access-review", "changes", "population"] {
        let formats = "html,csv,json,jsonl";
        let ran = desk.run(&["report", name, "--since", "1", "--format", formats, "--out", "new/folder"]).ends(0);
        let listed: Vec<_> = ran.out.lines().collect();
        let endings: Vec<_> = listed.iter().map(|path| path.rsplit('.').next().unwrap()).collect();
        assert_eq!(endings.join(","), formats, "{ran:#?}");
        for path in listed {
            assert!(std::fs::metadata(desk.path(path)).unwrap().len() > 100, "{path}");
        }
    }
    let ran = desk.run(&["report", "changes", "--format", "csv", "--out", "exactly.csv"]).ends(0);
    assert_eq!(ran.out, "exactly.csv\n");
    assert!(desk.path("exactly.csv").is_file());
}

#[test]
fn every_format_of_every_report_parses() {
    for name in ["access-review", "changes", "population"] {
        let written = |format| quiet(&["report", name, "--since", "1", "--format", format, "--out", "-"]);
        let whole: Value = serde_json::from_str(&written("json")).unwrap();
        assert!(whole.is_object());
        let lines = written("jsonl");
        let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records(&written("csv")).len(), 1 + objects.len(), "{name}: CSV and JSON Lines are twins");
        assert!(written("html").to_lowercase().starts_with("<!doctype html>"));
    }
}

/// The access review's figure of dormant users, and the days it says it went by.
#[track_caller]
fn dormant(desk: &Desk) -> (u64, String) {
    let ran = desk.run(&["report", "access-review", "--as-of", "latest", "--format", "json", "--out", "-"]).ends(0);
    let whole: Value = serde_json::from_str(&ran.out).unwrap();
    let figures = whole["summary"]["figures"].as_array().unwrap();
    let figure = figures.iter().find(|figure| figure["name"] == "dormant").unwrap();
    (figure["value"].as_u64().unwrap(), figure["of"].as_str().unwrap().to_owned())
}

#[test]
fn the_configuration_decides_who_is_dormant() {
    let (_, went_by) = dormant(&Desk::with_month());
    assert_eq!(went_by, "no sign-in for 90 days");
    let after = |span| dormant(&Desk::with_month().with("KEYHOLDER_REPORT_DORMANT_AFTER", span));
    // The made-up contract has its own date, some time before the clock of whoever runs this: ten years are more than that.
    let (days, years) = (after("3d"), after("3650d"));
    assert_eq!((&*days.1, &*years.1), ("no sign-in for 3 days", "no sign-in for 3650 days"));
    assert!(days.0 > years.0, "{} after 3 days, {} after ten years", days.0, years.0);
    let file = Desk::with_month().with("KEYHOLDER_CONFIG", "keyholder.toml");
    std::fs::write(file.path("keyholder.toml"), "[report]\ndormant_after = \"3d\"\n").unwrap();
    assert_eq!(dormant(&file), days, "the file says the same");
}

#[test]
fn a_name_cannot_speak_to_the_terminal() {
    let shown = "=cmd⟨U+001B⟩[2J⟨U+202E⟩";
    for arguments in
        [&["diff", "1", "2"][..], &["history", "stranger@example.org"], &["diff", "1", "2", "--format", "csv"]]
    {
        let text = quiet(arguments);
        if !arguments.contains(&"csv") && arguments[0] == "diff" {
            assert!(text.contains(shown), "{text}");
        }
        assert!(arguments.contains(&"csv") || !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
    let rows = rows(&["diff", "1", "2"]);
    let hostile = rows.iter().find(|row| row["change"] == "group-added").unwrap();
    assert_eq!(hostile["what"], crate::support::cli::HOSTILE, "JSON keeps what was there");
}

#[test]
fn a_reader_that_goes_away_does_not_change_the_exit_code() {
    let desk = Desk::with_month();
    let mut child = desk
        .command(&["diff", "1", "latest", "--fail-on", "critical", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((String::from_utf8(output.stderr).unwrap().as_str(), output.status.code()), ("", Some(13)));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let desk = Desk::with_month();
    let arguments = ["report", "access-review", "--as-of", "5", "--since", "1", "--format", "html", "--out", "-"];
    let mut child = desk.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut [0; 10]).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
    let whole = desk.run(&arguments).ends(0);
    assert!(whole.out.len() > 1 << 17, "the page is larger than a pipe, or this test shows nothing");
}
