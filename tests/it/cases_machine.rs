//! Kind G of the cases: formats for programs know as much as the page, and namesakes stay apart.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use emulator::faults::Items;
use emulator::world::Share;
use emulator::{Emulator, Rule};
use keyholder::domain::change::Class;
use scraper::{ElementRef, Html, Selector};
use serde_json::{Value, json};

use crate::alerts_command::Office;
use crate::support::cli::{Desk, MONTH, served};
use crate::support::site::lie;

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
    for asked in
        [part, &part.to_uppercase(), &id[..9], &id[9..23], &id[24..], id, &format!("{{{}}}", id.to_uppercase())]
    {
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

/// A change as the page shows it: view, class in words, the ids of both sides, and the property that differs.
type Reported = [String; 5];

/// Takes the next object off the elements of a cell: what kind it is, its name, and its id where that is not the name.
fn object<'a>(elements: &mut std::iter::Peekable<impl Iterator<Item = ElementRef<'a>>>) -> String {
    let is = |element: &ElementRef<'_>, name: &str, class: &str| {
        element.value().name() == name && element.value().classes().any(|one| one == class)
    };
    if elements.next_if(|element| is(element, "span", "what")).is_none() {
        return String::new();
    }
    let name: String = elements.next().expect("a name").text().collect();
    elements.next_if(|element| is(element, "code", "id")).map_or(name, |id| id.text().collect())
}

fn field(of: ElementRef<'_>) -> String {
    let difference = of.select(&Selector::parse("span.difference > code.id").unwrap()).next();
    difference.map(|field| field.text().collect()).unwrap_or_default()
}

fn children(of: ElementRef<'_>) -> Vec<ElementRef<'_>> {
    of.children().filter_map(ElementRef::wrap).collect()
}

/// Every change on the page, with those that are folded below their cause.
fn shown_on(page: &str) -> Vec<Reported> {
    let page = Html::parse_document(page);
    let select = |css: &str| Selector::parse(css).unwrap();
    let mut shown = Vec::new();
    for (section, view) in [("net", "net"), ("in-between", "in-between")] {
        for row in page.select(&select(&format!("#{section} tbody tr"))) {
            let title = row.select(&select("th")).next().unwrap().text().next().unwrap().to_owned();
            let cell = row.select(&select("td[data-l='What and who']")).next().unwrap();
            let subject = object(&mut children(cell).into_iter().peekable());
            let other = cell.select(&select("div.other")).next();
            let other = other.map(|other| object(&mut children(other).into_iter().peekable())).unwrap_or_default();
            let difference = row.select(&select("td[data-l='Before and after']")).next().unwrap();
            shown.push([view.to_owned(), title, subject, other, field(difference)]);
            for item in cell.select(&select("li")) {
                let title = item.text().next().unwrap().split(':').next().unwrap().trim().to_owned();
                let mut elements = children(item).into_iter().peekable();
                let (subject, other) = (object(&mut elements), object(&mut elements));
                shown.push([view.to_owned(), title, subject, other, field(item)]);
            }
        }
    }
    shown.sort_unstable();
    shown
}

/// The same changes as the CSV has them.
fn reported_in(rows: &[Value]) -> Vec<Reported> {
    let reported = rows.iter().map(|row| {
        let cell = |name: &str| row[name].as_str().unwrap().to_owned();
        let has_difference = !cell("before").is_empty() || !cell("after").is_empty();
        let field = if has_difference { cell("field") } else { String::new() };
        let class = Class::from_word(&cell("class")).unwrap();
        [cell("view"), class.title(), cell("object_id"), cell("other_object_id"), field]
    });
    let mut reported: Vec<_> = reported.collect();
    reported.sort_unstable();
    reported
}

/// What one change of a fact is about: both ids and the property.
fn fact(row: &Value) -> ((String, String), String) {
    (about(row), row["field"].as_str().unwrap_or_default().to_owned())
}

/// Expects that the histories of both sides of every change have it, and nothing about the same objects that no list has.
#[track_caller]
fn check_histories(desk: &Desk, database: &[&str], rows: &[Value]) {
    let sides = rows.iter().flat_map(|row| {
        let (object, other) = about(row);
        [(row["object_kind"].clone(), object), (row["other_object_kind"].clone(), other)]
    });
    let objects: BTreeSet<String> =
        sides.filter(|(kind, id)| kind != "contract" && !id.is_empty()).map(|(_, id)| id).collect();
    let reported: BTreeSet<_> = rows.iter().map(fact).collect();
    for object in &objects {
        let ran = desk.run(&[database, &["history", object, "--format", "json"]].concat()).ends(0);
        let mut events: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
        events.retain(|event| event["view"] == "event");
        let has_part = |row: &&Value| row["object_id"] == object.as_str() || row["other_object_id"] == object.as_str();
        for row in rows.iter().filter(has_part) {
            let own: Vec<_> = events.iter().filter(|event| fact(event) == fact(row)).collect();
            assert!(!own.is_empty(), "the history of {object} does not have {row}");
            let has_class = own.iter().any(|event| event["change"] == row["class"]);
            assert!(has_class || own.len() > 1, "the history of {object} calls {row} something else: {own:#?}");
        }
        // An owner lost in one snapshot and found in another is one change of the resource, to its new owner.
        let has_owner = |event: &Value| {
            let is_it = |row: &Value| row["class"] == "owner-changed" && row["object_id"] == event["object_id"];
            event["change"] == "owner-changed" && rows.iter().any(is_it)
        };
        for event in &events {
            assert!(reported.contains(&fact(event)) || has_owner(event), "no list has {event}");
        }
    }
}

#[test]
fn g_all_outputs_name_the_same_ids_for_the_same_change() {
    let desk = Desk::bare();
    desk.run(&["demo", "--users", "30", "--dir", "demo"]).ends(0);
    let rows = csv_rows(&fs::read(desk.path("demo/changes.csv")).unwrap());
    let views: BTreeSet<_> = rows.iter().map(|row| row["view"].to_string()).collect();
    assert!(rows.len() > 20 && views.len() == 2, "the month has something in it");
    let database = ["--db", "demo/keyholder.db"];
    let diff: Vec<Value> = {
        let ran = desk.run(&[&database[..], &["diff", "1", "latest", "--in-between", "--format", "json"]].concat());
        serde_json::from_str(&ran.ends(0).out).unwrap()
    };
    let sorted = |rows: &[Value], class: &str| {
        let mut sorted: Vec<_> = rows.iter().map(|row| (row["change_id"].to_string(), change(row, class))).collect();
        sorted.sort_unstable();
        sorted
    };
    assert_eq!(sorted(&rows, "class"), sorted(&diff, "change"));
    assert_eq!(shown_on(&fs::read_to_string(desk.path("demo/changes.html")).unwrap()), reported_in(&rows));
    check_histories(&desk, &database, &rows);
}

#[track_caller]
fn value(desk: &Desk, arguments: &[&str], code: i32) -> Value {
    let ran = desk.run(&[arguments, &["--format", "json"]].concat()).ends(code);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
}

/// The names and types of an object's fields, in order of name: `requests number`.
fn form(value: &Value) -> Vec<String> {
    let word = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "flag",
        Value::Number(_) => "number",
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok() => "time",
        Value::String(text) if text.is_empty() => "EMPTY",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    value.as_object().unwrap().iter().map(|(name, value)| format!("{name} {}", word(value))).collect()
}

/// Expects these names with these types, separated by commas.
#[track_caller]
fn check_form(value: &Value, expected: &str) {
    let mut expected: Vec<_> = expected.split(", ").collect();
    expected.sort_unstable();
    let mut found = form(value);
    found.sort_unstable();
    assert_eq!(found, expected, "{value:#}");
}

/// A second run that may not read the shares of the largest group, and finds its list of members empty.
fn odd_second_run() -> (Desk, String, Emulator) {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect", "--label", "good"]).ends(0);
    let group = emulator.read(|world| {
        let most = world.groups().max_by_key(|group| world.members(&group.id).count()).unwrap();
        most.id.to_string()
    });
    emulator.fail(Rule::on("GET", &format!("/um/groups/{group}/shares")).status(403));
    emulator.fail(lie(&format!("/um/groups/{group}/users"), Items::Keep(0)));
    let ran = desk.run(&["collect"]).ends(9);
    let name = emulator.read(|world| world.groups().find(|one| one.id.to_string() == group).unwrap().name.clone());
    assert!(ran.err.contains(&format!("group {group} is {name}")), "the notice names its group: {ran:#?}");
    (desk, group, emulator)
}

#[test]
fn g_the_json_of_a_snapshot_is_complete() {
    let (desk, group, _) = odd_second_run();
    let shown = value(&desk, &["snapshots", "show"], 0);
    let list = value(&desk, &["snapshots", "list"], 9);
    let common = "contract number, contract_name null, snapshot number, label null, state text, population text, schedule text, \
                  nominal_utc time, started_utc time, finished_utc time, users number, groups number, members number, \
                  resources number, shares number, owns number, keys number, at_least list, began number, ended number, \
                  changed number, requests number, state_root text, api text, collector_version text";
    check_form(&list[1], common);
    let more = "schema text, principal object, scopes list, gaps list, not_reported list, notices list";
    check_form(&shown, &format!("{common}, {more}"));
    assert_eq!(
        (&list[0]["label"], &list[1]["state"], &shown["schema"]),
        (&json!("good"), &json!("partial"), &json!("keyholder.snapshot/v1"))
    );
    check_form(
        &shown["principal"],
        "user_id text, name text, listed flag, role text, contract number, token_expires_utc time, standing text, \
         held_back number, accepted_by null, accepted_utc null",
    );
    let scopes = "scope text, scopes number, complete number, not_applicable number, pages number, items number, \
                  attempts number, first_utc time, last_utc time";
    check_form(&shown["scopes"][1], scopes);
    let gap = &shown["gaps"].as_array().unwrap().iter().find(|gap| gap["status"] == "forbidden").unwrap();
    assert_eq!((&gap["scope"], &gap["id"], &gap["incomplete"]), (&json!("shares"), &json!(group), &json!(true)));
    assert!(gap["name"].is_string() && gap["attempts"].is_u64(), "{gap}");
    let notice = &shown["notices"].as_array().unwrap().iter().find(|one| one["id"] == group.as_str()).unwrap();
    assert!(notice["name"].is_string() && notice["count"].is_u64() && notice["before"].is_u64(), "{notice}");
    assert_eq!((&notice["notice"], &notice["scope"]), (&json!("suspicious-answer"), &json!("members")));
    let csv = desk.run(&["snapshots", "show", "--format", "csv"]).ends(0).out;
    for row in ["scopes", "gap", "notice"] {
        assert!(csv.contains(&format!(",\"{row}\",\"")), "{csv}");
    }
    let table = desk.run(&["snapshots", "show"]).ends(0).out;
    let noticed = table.split_once("Noticed:").unwrap().1;
    assert!(noticed.contains(&group) && noticed.contains(gap["name"].as_str().unwrap()), "{table}");
    let by = table.lines().find(|line| line.starts_with("collected by")).unwrap();
    assert!(by.contains(shown["principal"]["name"].as_str().unwrap()), "{by}");
}

#[test]
fn g_the_json_of_runs_and_status_has_types() {
    let (desk, _, _emulator) = odd_second_run();
    let refused = desk.command(&["collect"]).env("IONOS_TOKEN", "revoked").output().unwrap();
    assert_eq!(refused.status.code(), Some(4));
    let runs = value(&desk, &["snapshots", "list", "--runs"], 0);
    let run = "run number, state text, contract number, contract_name null, snapshot number, schedule text, nominal_utc time, \
               started_utc time, finished_utc time, requests number, reason null, api text, collector_version text";
    check_form(&runs[0], run);
    check_form(
        &runs[2],
        &run.replace("contract number", "contract null")
            .replace("snapshot number", "snapshot null")
            .replace("reason null", "reason text"),
    );
    let status = value(&desk, &["status"], 9);
    check_form(
        &status,
        "schema text, at_utc time, service object, contracts list, alerts object, jobs list, exit number",
    );
    assert_eq!((&status["service"]["running"], &status["exit"]), (&json!(false), &json!(9)));
    check_form(&status["alerts"], "pending number, dead number, oldest_pending_utc null");
    check_form(
        &status["contracts"][0],
        "name null, contract number, state text, complete_snapshot number, complete_utc time, expected_by_utc time, detail text",
    );
}

#[test]
fn g_the_json_of_alerts_has_types() {
    let office = Office::answering(&["204 No Content"]);
    office.run(&["collect"], 0);
    office.add_key();
    office.run(&["collect"], 0);
    let listed = value(&office.desk, &["alerts", "list"], 0);
    let of = |class: &str| listed.as_array().unwrap().iter().find(|row| row["class"] == class).unwrap();
    let event = "alert_id text, raised_utc time, contract number, contract_name text, severity text, class text, kind null, \
                 subject_id null, object_id null, attribute null, from_snapshot null, snapshot number, reason null, \
                 counts object, sink text, state text, attempts number, due_utc time, detail null";
    check_form(of("baseline-established"), event);
    let change = event.replace("kind null", "kind text").replace("subject_id null", "subject_id text");
    let change =
        change.replace("object_id null", "object_id text").replace("from_snapshot null", "from_snapshot number");
    check_form(of("key-added"), &change);
    office.run(&["alerts", "mute", "log", "--for", "7d", "--by", "Ann", "--because", "move"], 0);
    let counts = &of("baseline-established")["counts"];
    assert!(counts["users"].is_u64() && counts["S3 keys"].is_u64(), "{counts}");
    let mutes = value(&office.desk, &["alerts", "mutes"], 0);
    let mute =
        "mute number, sink text, class null, contract null, since_utc time, until_utc time, person text, reason text";
    check_form(&mutes[0], mute);
}

#[test]
fn g_the_json_of_the_doctor_names_contracts() {
    let office = Office::answering(&["204 No Content"]);
    let ran = office.desk.run(&["doctor", "--offline", "--json"]).ends(0);
    let checks: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    let contracts: BTreeSet<_> = checks.iter().map(|check| check["contract"].to_string()).collect();
    assert_eq!(contracts, BTreeSet::from(["\"production\"".to_owned(), "null".to_owned()]), "{checks:#?}");
}
