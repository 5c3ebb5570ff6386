//! Kind G of the cases: formats for programs know as much as the page, and namesakes stay apart.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use emulator::world::Share;
use scraper::{Html, Selector};
use serde_json::{Value, json};

use crate::support::cli::{Desk, MONTH, served};

/// Two groups called "ops": one gains a privilege, the other a share.
struct Twins {
    database: Vec<u8>,
    privileged: String,
    sharing: String,
}

static TWINS: LazyLock<Twins> = LazyLock::new(|| {
    let emulator = served();
    let (privileged, sharing) =
        emulator.edit(|world| (world.add_group("ops", &[]).to_string(), world.add_group("ops", &[]).to_string()));
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let owner = emulator.cast().owner.clone();
    emulator.edit(|world| {
        let resource = world.owns(&owner).next().expect("the owner owns something").clone();
        world.set_privilege(&privileged, "reserveIp", true).unwrap();
        world.share(&sharing, &resource, Share { edit: true, share: false }).unwrap();
    });
    desk.run(&["collect"]).ends(0);
    Twins { database: fs::read(desk.database()).unwrap(), privileged, sharing }
});

fn twins() -> Desk {
    let desk = Desk::bare();
    desk.put_database(&TWINS.database);
    desk
}

#[track_caller]
fn rows(desk: &Desk, arguments: &[&str]) -> Vec<Value> {
    let ran = desk.run(&[arguments, &["--format", "json"]].concat()).ends(0);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
}

#[track_caller]
fn lines(desk: &Desk, arguments: &[&str]) -> Vec<Value> {
    let ran = desk.run(&[arguments, &["--format", "jsonl", "--out", "-"]].concat()).ends(0);
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn g1_the_json_of_a_diff_names_ids_and_has_types() {
    let rows = rows(&twins(), &["diff"]);
    let [gained, shared] = &rows[..] else { panic!("{rows:#?}") };
    let (gained, shared) = if gained["change"] == "privilege-gained" { (gained, shared) } else { (shared, gained) };
    for (row, id) in [(gained, &TWINS.privileged), (shared, &TWINS.sharing)] {
        assert_eq!(
            (&row["what"], &row["object_kind"], &row["object_id"]),
            (&json!("ops"), &json!("group"), &json!(id))
        );
        assert_eq!(row["view"], "net");
    }
    assert_eq!((&gained["before"], &gained["after"]), (&json!(false), &json!(true)));
    assert_eq!(
        (&gained["other_object_id"], &gained["with"], &gained["actor"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!((&shared["field"], &shared["before"], &shared["after"]), (&Value::Null, &Value::Null, &json!("edit")));
    assert_eq!(shared["other_object_kind"], "resource");
    assert!(shared["other_object_id"].as_str().unwrap().len() > 8);
}

#[test]
fn g1_the_rows_of_the_change_report_have_types() {
    let rows = lines(&twins(), &["report", "changes", "--as-of", "2", "--since", "1"]);
    let gained = rows.iter().find(|row| row["class"] == "privilege-gained").unwrap();
    assert_eq!((&gained["before"], &gained["after"]), (&json!(false), &json!(true)));
    assert_eq!(gained["other_object_id"], Value::Null);
    let text = serde_json::to_string(&rows).unwrap();
    assert!(!text.contains("\"\"") && !text.contains("\"true\"") && !text.contains("\"false\""), "{text}");
}

#[test]
fn g1_the_table_marks_namesakes() {
    let text = twins().run(&["diff"]).ends(0).out;
    for id in [&TWINS.privileged, &TWINS.sharing] {
        assert!(text.contains(&format!("ops [{}]", &id[..8])), "{text}");
    }
    let text = Desk::with_month().run(&["diff", "1", "2"]).ends(0).out;
    assert!(text.contains(&MONTH.promoted) && !text.contains(" ["), "{text}");
}

#[test]
fn g2_a_history_does_not_mix_namesakes() {
    let desk = twins();
    let ran = desk.run(&["history", "ops"]).ends(2);
    assert!(ran.err.contains("error: find \"ops\": 2 objects match\n"), "{ran:#?}");
    assert!(ran.err.contains("hint: name one of them by its id"), "{ran:#?}");
    assert_eq!(ran.out, "");
    for (id, change) in [(&TWINS.privileged, "privilege-gained"), (&TWINS.sharing, "share-added")] {
        assert!(ran.err.contains(&format!("  group     {id}  ops\n")), "{ran:#?}");
        let events = rows(&desk, &["history", &id[..8]]);
        let shown: Vec<_> = events.iter().map(|row| (row["view"].clone(), row["change"].clone())).collect();
        assert_eq!(shown, [(json!("baseline"), json!("present")), (json!("event"), json!(change))], "{events:#?}");
        assert!(events.iter().all(|row| row["object_id"] == id.as_str()));
    }
}

#[test]
fn g2_a_history_finds_parts_and_begins_with_the_first_state() {
    let desk = Desk::with_month();
    let whole = rows(&desk, &["history", &MONTH.promoted]);
    let (first, last) = (&whole[0], &whole[whole.len() - 1]);
    assert_eq!(
        (&first["view"], &first["change"], &first["snapshot"]),
        (&json!("baseline"), &json!("present"), &json!(1))
    );
    assert_eq!((&first["severity"], &first["from_snapshot"]), (&Value::Null, &Value::Null));
    assert_eq!((&last["view"], &last["change"]), (&json!("event"), &json!("administrator-gained")));
    let id = first["object_id"].as_str().unwrap();
    let part = MONTH.promoted.split('@').next().unwrap();
    for asked in [part, &part.to_uppercase(), &id[..9], id, &format!("{{{}}}", id.to_uppercase())] {
        assert_eq!(rows(&desk, &["history", asked]), whole, "{asked}");
    }
    let table = desk.run(&["history", part]).ends(0);
    assert!(table.out.contains("at the first snapshot"), "{table:#?}");
    assert!(table.err.contains(&format!("{part:?} is user {id} (")), "{table:#?}");
    let several = desk.run(&["history", "@"]).ends(2);
    assert!(several.err.contains(" objects match\n  user ") && several.err.contains("\n  and "), "{several:#?}");
    let stranger = rows(&desk, &["history", "stranger@"]);
    assert!(stranger.iter().all(|row| row["view"] == "event"), "it was not there at the first snapshot");
}

#[test]
fn g2_a_diff_is_filtered_by_class_severity_user_and_group() {
    let desk = Desk::with_month();
    let all = rows(&desk, &["diff", "1", "5"]);
    let check = |arguments: &[&str], keeps: &dyn Fn(&Value) -> bool| {
        let found = rows(&desk, &[&["diff", "1", "5"], arguments].concat());
        let expected: Vec<_> = all.iter().filter(|row| keeps(row)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{arguments:?} shows nothing");
        assert_eq!(found, expected, "{arguments:?}");
    };
    check(&["--class", "administrator-gained,user-disabled"], &|row| {
        row["change"] == "administrator-gained" || row["change"] == "user-disabled"
    });
    check(&["--severity", "high"], &|row| row["severity"] == "high" || row["severity"] == "critical");
    check(&["--user", &MONTH.promoted], &|row| row["what"] == MONTH.promoted.as_str());
    let member = all.iter().find(|row| row["change"] == "member-added").unwrap();
    let group = member["object_id"].as_str().unwrap();
    check(&["--group", group], &|row| row["object_id"] == group);
    let user = member["other_object_id"].as_str().unwrap();
    check(&["--group", group, "--user", user], &|row| row == member);
    let ran = desk.run(&["diff", "--class", "nonsense"]).ends(2);
    assert!(ran.err.contains("there are administrator-gained, "), "{ran:#?}");
    desk.run(&["diff", "--user", "@"]).ends(2);
    desk.run(&["diff", "--group", &MONTH.promoted]).ends(2);
}

/// What a change is about: both ids.
fn about(row: &Value) -> (String, String) {
    let id = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    (id("object_id"), id("other_object_id"))
}

fn change(row: &Value, class: &str) -> (String, (String, String), String, String) {
    let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    (word(class), about(row), word("field"), word("view"))
}

/// The rows of the demonstration's `changes.csv`, with the guard undone.
fn csv_rows(text: &[u8]) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        let cells = header.iter().zip(&record);
        Value::Object(
            cells.map(|(name, cell)| (name.to_owned(), json!(keyholder::report::csv::unguard(cell)))).collect(),
        )
    });
    rows.collect()
}

#[test]
fn g_all_outputs_name_the_same_ids_for_the_same_change() {
    let desk = Desk::bare();
    desk.run(&["demo", "--users", "30", "--dir", "demo"]).ends(0);
    let rows = csv_rows(&fs::read(desk.path("demo/changes.csv")).unwrap());
    assert!(rows.len() > 20, "the month has something in it");
    let database = ["--db", "demo/keyholder.db"];
    let diff: Vec<Value> = {
        let ran = desk.run(&[&database[..], &["diff", "1", "latest", "--in-between", "--format", "json"]].concat());
        serde_json::from_str(&ran.ends(0).out).unwrap()
    };
    let of_csv: BTreeSet<_> = rows.iter().map(|row| change(row, "class")).collect();
    let of_diff: BTreeSet<_> = diff.iter().map(|row| change(row, "change")).collect();
    assert_eq!(of_csv, of_diff);
    let ids = |rows: &[Value]| rows.iter().map(|row| row["change_id"].clone().to_string()).collect::<BTreeSet<_>>();
    assert_eq!(ids(&rows), ids(&diff));

    let page = Html::parse_document(&fs::read_to_string(desk.path("demo/changes.html")).unwrap());
    let shown: BTreeSet<String> = page
        .select(&Selector::parse("code.id, bdi").unwrap())
        .map(|element| element.text().collect::<String>())
        .collect();
    for row in &rows {
        let (object, other) = about(row);
        assert!(shown.contains(&object), "the page does not name {row}");
        assert!(other.is_empty() || shown.contains(&other), "the page does not name {row}");
    }

    let objects: BTreeSet<String> = rows.iter().map(|row| about(row).0).filter(|id| id.contains('-')).collect();
    for object in objects.iter().take(12) {
        let ran = desk.run(&[&database[..], &["history", object, "--format", "json"]].concat()).ends(0);
        let events: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
        let shown: BTreeSet<_> = events.iter().map(about).collect();
        for row in rows.iter().filter(|row| row["object_id"] == object.as_str()) {
            assert!(shown.contains(&about(row)), "history does not show {row}");
        }
    }
}
