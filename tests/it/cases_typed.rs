//! The JSON of reports for programs: no text stands for nothing, for yes or for no, wherever it is.

use serde_json::{Value, json};

use crate::support::cli::Desk;

#[track_caller]
fn lines(desk: &Desk, arguments: &[&str]) -> Vec<Value> {
    let ran = desk.run(&[arguments, &["--format", "jsonl", "--out", "-"]].concat()).ends(0);
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn document(desk: &Desk, arguments: &[&str]) -> Value {
    let ran = desk.run(&[arguments, &["--format", "json", "--out", "-"]].concat()).ends(0);
    serde_json::from_str(&ran.out).unwrap()
}

/// Expects that no value inside of this is a text that stands for nothing, for yes or for no.
#[track_caller]
fn check_typed(value: &Value, place: &str) {
    match value {
        Value::String(text) => assert!(!["", "true", "false"].contains(&text.as_str()), "{place} is {text:?}"),
        Value::Array(values) => values.iter().for_each(|value| check_typed(value, place)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| check_typed(value, &format!("{place}.{name}"))),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn g1_the_json_of_every_report_has_types_and_null() {
    let desk = Desk::with_month();
    for report in ["access-review", "changes", "population"] {
        let arguments = ["report", report, "--as-of", "latest", "--since", "1"];
        for line in lines(&desk, &arguments) {
            check_typed(&line, report);
        }
        let whole = document(&desk, &arguments);
        check_typed(&whole, report);
        assert_eq!(whole["rows"], Value::from(lines(&desk, &arguments)), "{report}");
    }
    let changes = document(&desk, &["report", "changes", "--as-of", "latest", "--since", "1"]);
    let groups = changes["net"]["groups"].as_array().unwrap();
    let mut shown = groups.iter().flat_map(|group| group["changes"].as_array().unwrap());
    let promoted = shown.find(|change| change["class"] == "administrator-gained").unwrap();
    assert_eq!((&promoted["before"], &promoted["after"]), (&json!(false), &json!(true)));
    let page = desk.run(&["report", "changes", "--as-of", "latest", "--since", "1", "--format", "html", "--out", "-"]);
    assert!(page.ends(0).out.contains("<del><bdi>false</bdi></del>"), "a page says the words");
}
