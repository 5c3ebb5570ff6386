//! The rows of both reports: columns, order, ids, and what they say about completeness.

use std::collections::BTreeSet;

use keyholder::report::csv::{Dialect, unguard};
use keyholder::report::html::Templates;
use keyholder::report::input::Input;
use keyholder::report::{ALL, Format, named as report, render};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::report_fixture::{gappy_month, month, named, nothing};
use crate::report_people::{group_id, user_id};

fn bytes(name: &str, input: &Input, format: Format) -> Vec<u8> {
    render(report(name).unwrap(), input, format, Dialect::default(), &Templates::embedded()).unwrap().bytes
}

/// The rows of the CSV, each as its cells by column, with the guard undone.
fn rows(name: &str, input: &Input) -> Vec<std::collections::BTreeMap<String, String>> {
    let bytes = bytes(name, input, Format::Csv);
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let header = reader.headers().unwrap().clone();
    reader
        .records()
        .map(|record| {
            header
                .iter()
                .map(str::to_owned)
                .zip(record.unwrap().iter().map(|cell| unguard(cell).into_owned()))
                .collect()
        })
        .collect()
}

fn lines(name: &str, input: &Input) -> Vec<Value> {
    let text = String::from_utf8(bytes(name, input, Format::Jsonl)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_column_is_documented_in_order() {
    let readme = include_str!("../../reports/README.md");
    for report in ALL {
        let section = readme.split(&format!("## `{}.csv`\n", report.name)).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let documented: Vec<_> =
            section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(documented, report.columns, "{}", report.name);
    }
}

#[test]
fn json_lines_are_the_csv_without_its_guard() {
    for input in [month(), gappy_month(), named("=1+1"), named("'quoted \"x\",\r\n\u{202E}")] {
        for report in ALL {
            let (rows, lines) = (rows(report.name, &input), lines(report.name, &input));
            assert_eq!(rows.len(), lines.len());
            assert!(!rows.is_empty());
            for (row, line) in rows.iter().zip(&lines) {
                for column in report.columns {
                    let expected = match &line[column] {
                        Value::Null => String::new(),
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    assert_eq!(row[*column], expected, "{} {column}", report.name);
                }
                let extra: Vec<_> =
                    line.as_object().unwrap().keys().filter(|key| !report.columns.contains(&key.as_str())).collect();
                assert!(extra.is_empty() || extra == ["paths"], "{extra:?}");
            }
        }
    }
}

#[test]
fn the_document_has_the_same_rows_as_the_lines() {
    for report in ALL {
        let document: Value = serde_json::from_slice(&bytes(report.name, &month(), Format::Json)).unwrap();
        assert_eq!(document["schema"], format!("keyholder.{}.v1", report.name));
        assert_eq!(document["rows"].as_array().unwrap(), &lines(report.name, &month()));
    }
}

#[test]
fn there_is_one_row_per_grant_with_an_id_anybody_can_recompute() {
    let input = month();
    let rows = rows("access-review", &input);
    assert_eq!(rows.len(), input.current.grants.len());
    let ids: BTreeSet<_> = rows.iter().map(|row| row["line_id"].clone()).collect();
    assert_eq!(ids.len(), rows.len());
    for row in &rows {
        let text =
            ["contract_number", "user_id", "entitlement_type", "entitlement_id"].map(|column| row[column].as_str());
        assert_eq!(row["line_id"], format!("l{}", &hex::encode(Sha256::digest(text.join("|")))[..16]));
    }
}

#[test]
fn rows_are_in_order_of_people_and_reach() {
    let reach = ["contract_owner", "administrator", "privilege", "share", "ownership", "s3_key", "account"];
    let rows = rows("access-review", &month());
    let keys: Vec<_> = rows
        .iter()
        .map(|row| {
            let user = if row["user_email"].is_empty() { &row["user_id"] } else { &row["user_email"] };
            let place = reach.iter().position(|word| *word == row["entitlement_type"]).unwrap();
            (user.clone(), place, row["entitlement_name"].to_lowercase())
        })
        .collect();
    assert!(keys.is_sorted());
}

#[test]
fn a_path_says_who_by_what() {
    let rows = rows("access-review", &month());
    let find = |user: &str, name: &str| {
        rows.iter().find(|row| row["user_email"].starts_with(user) && row["entitlement_name"] == name).unwrap()
    };
    let ip = find("lukas.huber", "reserveIp");
    assert_eq!(ip["access_path"], format!("lukas.huber@nordlicht-logistik.example > Network operations > reserveIp"));
    assert_eq!((ip["path_count"].as_str(), ip["granted_by_groups"].as_str()), ("1", "Network operations"));
    // Two groups are called "Web team": the name alone would not tell which.
    let cdn = find("mateo.vargas", "accessAndManageCdn");
    assert_eq!(cdn["granted_by_groups"], format!("Web team [{}]", group_id(7)));
    assert_eq!(find("mateo.vargas", "accessAndManageQuantum")["entitlement_detail"], "not classified");
    assert_eq!(find("greta.lindqvist", "contract owner")["entitlement_detail"], "everything");
}

#[test]
fn lines_say_how_they_moved_since_last_time() {
    let rows = rows("access-review", &month());
    let moved = |user: &str, name: &str| {
        let row = rows.iter().find(|row| row["user_email"].starts_with(user) && row["entitlement_name"] == name);
        row.unwrap()["changed_since_last_review"].clone()
    };
    assert_eq!(moved("tobias.kruger", "administrator"), "new");
    assert_eq!(moved("anna.fischer", "accessAndManageDns"), "new");
    assert_eq!(moved("elif.yilmaz", "archive-k8s-5"), "widened");
    assert_eq!(moved("greta.lindqvist", "administrator"), "unchanged");
    let baseline = Input { comparison: None, ..month() };
    assert!(self::rows("access-review", &baseline).iter().all(|row| row["changed_since_last_review"].is_empty()));
}

#[test]
fn an_incomplete_population_is_in_every_row_and_its_gaps_in_theirs() {
    let rows = rows("access-review", &gappy_month());
    assert!(rows.iter().all(|row| row["population"] == "INCOMPLETE"));
    let contractors = |row: &std::collections::BTreeMap<String, String>| {
        row["granted_by_groups"].split("; ").any(|group| group == "External contractors")
    };
    let pavel = |row: &std::collections::BTreeMap<String, String>| {
        row["user_id"] == user_id(7) && row["entitlement_type"] == "s3_key"
    };
    assert!(rows.iter().any(&contractors) && rows.iter().any(&pavel));
    for row in &rows {
        let complete = !contractors(row) && !pavel(row);
        assert_eq!(row["scope_complete"], complete.to_string(), "{row:?}");
        let proved = row["last_proved_utc"] == row["snapshot_time_utc"];
        assert_eq!(proved, complete, "{row:?}");
    }
}

#[test]
fn a_complete_population_is_in_every_row() {
    let rows = rows("access-review", &month());
    assert!(rows.iter().all(|row| row["population"] == "COMPLETE" && row["scope_complete"] == "true"));
    assert!(rows.iter().all(|row| row["last_proved_utc"] == row["snapshot_time_utc"]));
}

#[test]
fn every_change_has_a_row_and_an_id_of_its_own() {
    let input = month();
    let comparison = input.comparison.as_ref().unwrap();
    let rows = rows("changes", &input);
    assert_eq!(rows.len(), comparison.net.len() + comparison.in_between.len());
    let ids: BTreeSet<_> = rows.iter().map(|row| row["change_id"].clone()).collect();
    assert_eq!(ids.len(), rows.len());
    assert!(
        rows.iter().any(|row| row["class"] == "member-removed" && row["view"] == "net"),
        "what a page folds is here"
    );
    let passing: Vec<_> =
        rows.iter().filter(|row| row["view"] == "in-between").map(|row| row["class"].as_str()).collect();
    for class in ["member-added", "member-removed", "share-added", "share-removed"] {
        assert!(passing.contains(&class), "{class} is not in {passing:?}");
    }
    assert!(rows.iter().all(|row| !row["from_snapshot_utc"].is_empty() && !row["to_snapshot_utc"].is_empty()));
}

#[test]
fn the_first_snapshot_has_nothing_to_compare() {
    assert_eq!(rows("changes", &nothing()).len(), 0);
    let header = String::from_utf8(bytes("changes", &nothing(), Format::Csv)).unwrap();
    assert!(header.starts_with("\"change_id\",\"class\",") && header.ends_with("\r\n"));
}

#[test]
fn counts_carried_on_from_the_compared_snapshot_add_up() {
    let document: Value = serde_json::from_slice(&bytes("access-review", &gappy_month(), Format::Json)).unwrap();
    let reconciled = document["population"]["reconciliation"].as_array().unwrap();
    assert_eq!(reconciled.len(), 7);
    assert!(reconciled.iter().all(|row| row["agrees"] == true), "{reconciled:?}");
    let mut wrong = gappy_month();
    *wrong.current.snapshot.totals.get_mut(&keyholder::domain::fact::Kind::Key).unwrap() += 1;
    let document: Value = serde_json::from_slice(&bytes("access-review", &wrong, Format::Json)).unwrap();
    assert_eq!(document["population"]["reconciliation"][6]["agrees"], false);
}

/// How many users the access review counts and marks as dormant when that many days without a sign-in make one so.
#[track_caller]
fn dormant_after(days: i64) -> u64 {
    let input = Input { dormant_days: days, ..month() };
    let document: Value = serde_json::from_slice(&bytes("access-review", &input, Format::Json)).unwrap();
    let figures = document["summary"]["figures"].as_array().unwrap();
    let figure = figures.iter().find(|figure| figure["name"] == "dormant").unwrap();
    let unit = if days == 1 { "day" } else { "days" };
    assert_eq!(figure["of"], format!("no sign-in for {days} {unit}"));
    assert_eq!(document["thresholds"][0]["days"], days, "the method says what was gone by");
    let users = document["users"].as_array().unwrap();
    let marked: Vec<_> = users.iter().filter(|user| user["dormant"] == true).collect();
    assert_eq!(figure["value"], marked.len(), "the figure counts the marks");
    assert!(marked.iter().all(|user| user["last_login_days"].as_i64().unwrap() > days), "{marked:#?}");
    let page = String::from_utf8(bytes("access-review", &input, Format::Html)).unwrap();
    assert!(page.contains(&format!("no sign-in for {days} {unit}")));
    // Both views are measured alike, or every account would seem to have changed.
    let delta = figure["value"].as_i64().unwrap() - figure["before"].as_i64().unwrap();
    assert_eq!(figure["delta"], delta);
    figure["value"].as_u64().unwrap()
}

#[test]
fn who_is_dormant_is_decided_by_the_configured_days() {
    let counts = [1, 3, 90, 3650].map(dormant_after);
    assert!(counts.windows(2).all(|pair| pair[0] > pair[1]), "{counts:?}");
    assert_eq!(counts[3], 0);
}

#[test]
fn the_certificate_has_a_row_for_every_kind_every_gap_and_every_notice() {
    let rows = rows("population", &gappy_month());
    let of = |what: &str| rows.iter().filter(|row| row["row"] == what).collect::<Vec<_>>();
    let kinds: Vec<_> = of("scopes").iter().map(|row| row["scope_kind"].clone()).collect();
    assert_eq!(kinds.join(" "), "contract users groups resources members shares owns keys");
    let gaps: Vec<_> = of("gap").iter().map(|row| format!("{} {}", row["scope_kind"], row["status"])).collect();
    assert_eq!(gaps, ["members failed", "shares forbidden", "owns gone", "keys unstable"]);
    let notices: Vec<_> = of("notice")
        .iter()
        .map(|row| format!("{} {} {}", row["snapshot_id"], row["status"], row["severity"]))
        .collect();
    let expected = ["31 clock-skew medium", "31 dangling info", "31 suspicious-answer high", "22 mass-removal high"];
    assert_eq!(notices, expected);
    let (all, complete) = gappy_month().current.coverage.totals();
    let sum = |column: &str| of("scopes").iter().map(|row| row[column].parse::<u64>().unwrap()).sum::<u64>();
    assert_eq!((sum("scopes"), sum("scopes_complete")), (all, complete));
    assert!(rows.iter().all(|row| row["population"] == "INCOMPLETE"), "no cut of the file hides it");
}
