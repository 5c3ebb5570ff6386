//! What answers left out, in reports: beside each value and each total, and never as nought.

use emulator::Rule;
use emulator::faults::{Distortion, Effect};
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::id::UserId;
use keyholder::domain::unknown::Nullable;
use keyholder::domain::user::User;
use keyholder::report::csv::Dialect;
use keyholder::report::html::Templates;
use keyholder::report::input::Input;
use keyholder::report::{Format, named as report, render};
use serde_json::Value;

use crate::report_fixture::{coverage, silent_month};
use crate::report_people::{days_ago, user_id};
use crate::support::cli::{Desk, served};

fn text(name: &str, input: &Input, format: Format) -> String {
    let made = render(report(name).unwrap(), input, format, Dialect::default(), &Templates::embedded());
    String::from_utf8(made.unwrap().bytes).unwrap()
}

fn figure(input: &Input, name: &str) -> Value {
    let document: Value = serde_json::from_str(&text("access-review", input, Format::Json)).unwrap();
    let figures = document["summary"]["figures"].as_array().unwrap();
    figures.iter().find(|figure| figure["name"] == name).unwrap().clone()
}

#[test]
fn totals_say_how_many_are_carried_and_never_reported() {
    let input = silent_month();
    let of = |name| figure(&input, name)["of"].as_str().unwrap().to_owned();
    assert!(of("administrators").contains(", 1 of them last known on 20"), "{}", of("administrators"));
    assert!(of("onward").contains(", 1 of them last known on 20"), "{}", of("onward"));
    assert!(of("keys").contains(", 1 never reported"), "{}", of("keys"));
}

#[test]
fn a_second_factor_that_is_not_reported_is_not_proved() {
    let document: Value = serde_json::from_str(&text("access-review", &silent_month(), Format::Json)).unwrap();
    let users = document["users"].as_array().unwrap();
    let user = users.iter().find(|user| user["id"] == user_id(1)).unwrap();
    assert_eq!(user["two_factor"], "unknown");
    let shown = user["two_factor_text"].as_str().unwrap();
    assert!(shown.starts_with("not reported (last known: yes, 20"), "{shown}");
    let promoted = users.iter().find(|user| user["id"] == user_id(5)).unwrap();
    assert_eq!(promoted["administrator"], true, "access counts as held");
    assert!(promoted["not_reported"][0].as_str().unwrap().starts_with("administrator: not reported (last known: yes"));
    assert!(text("access-review", &silent_month(), Format::Html).contains("not reported (last known: yes"));
}

#[test]
fn a_last_sign_in_that_is_not_reported_is_not_never() {
    let mut input = silent_month();
    let never = |input: &Input| figure(input, "never-signed-in")["value"].as_u64();
    let before = never(&input).unwrap();
    let users = &mut input.current.state.users;
    let is_counted =
        |user: &User| user.is_usable() && user.never_signed_in() == Some(true) && user.created < Some(days_ago(60));
    let silent: Vec<UserId> = users.values().filter(|user| is_counted(user)).map(|user| user.id.clone()).collect();
    assert_eq!(silent.len() as u64, before);
    users.get_mut(&silent[0]).unwrap().value.last_login = Nullable::NotReported;
    assert_eq!(never(&input), Some(before - 1));
    for name in ["never-signed-in", "dormant"] {
        let of = figure(&input, name)["of"].as_str().unwrap().to_owned();
        assert!(of.ends_with(", last sign-in of 1 never reported"), "{of}");
    }
    for id in &silent {
        input.current.state.users.get_mut(id).unwrap().value.last_login = Nullable::NotReported;
    }
    assert_eq!(never(&input), None, "what is not reported is not 0");
    let lines = text("access-review", &input, Format::Jsonl);
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let row = rows.iter().find(|row| row["user_id"] == silent[0].as_str()).unwrap();
    assert_eq!((&row["last_login_utc"], &row["never_logged_in"]), (&Value::Null, &Value::Null));
    let page = text("access-review", &input, Format::Html);
    assert!(page.contains(r#"<td data-l="Last sign-in">"#) && page.contains("not reported</"), "{page}");
}

#[test]
fn the_certificate_lists_what_decides_about_access() {
    let lines = text("population", &silent_month(), Format::Jsonl);
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let unknown: Vec<String> = rows
        .iter()
        .filter(|row| row["row"] == "unknown")
        .map(|row| format!("{} {}", row["scope_kind"].as_str().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    let beginnings = [
        "users secAuthActive: not reported (last known: yes, 20",
        "users administrator: not reported (last known: yes, 20",
        "shares sharePrivilege of share ",
        "keys active of key ",
    ];
    for beginning in beginnings {
        assert!(unknown.iter().any(|row| row.starts_with(beginning)), "{beginning} in {unknown:#?}");
    }
    assert_eq!(unknown.len(), 4);
    assert!(rows.iter().all(|row| row["population"] == "COMPLETE"), "the snapshot is complete all the same");
    assert!(text("population", &silent_month(), Format::Html).contains("What was not reported"));
}

#[test]
fn what_was_never_read_is_no_nought() {
    let mut input = silent_month();
    let state = &mut input.current.state;
    state.shares.clear();
    let gaps: Vec<_> = state.groups.keys().map(|id| (Scope::Shares(id.clone()), Status::Forbidden)).collect();
    input.current.coverage = coverage(&input.current.state, input.as_of, &gaps);
    let shares = figure(&input, "shares");
    assert_eq!((&shares["value"], &shares["delta"]), (&Value::Null, &Value::Null));
    assert_eq!(shares["unread"], format!("not read ({0} of {0} groups)", gaps.len()));
    assert!(text("access-review", &input, Format::Html).contains("not read ("));
}

#[test]
fn what_was_never_reported_is_no_nought_in_the_chart() {
    let emulator = served();
    for (path, at) in [("/um/users", "properties.administrator"), ("/contracts", "properties.owner")] {
        let silence = Distortion::Remove { at: at.to_owned() };
        emulator.fail(Rule::on("GET", path).effect(Effect::Distort(silence)));
    }
    let desk = Desk::of(&emulator);
    let said = desk.run(&["collect"]).ends(0).err;
    assert!(said.contains("owner of 1 contract (never known)") && !said.contains("are carried"), "{said}");
    let ran = desk.run(&["report", "access-review", "--format", "json", "--out", "-"]).ends(0);
    let review: Value = serde_json::from_str(&ran.out).unwrap();
    let bars = review["summary"]["entitlements"].as_array().unwrap();
    let of = |label: &str| &bars.iter().find(|bar| bar["label"] == label).unwrap()["value"];
    assert_eq!((of("contract owner"), of("administrator")), (&Value::Null, &Value::Null), "{bars:#?}");
    assert!(of("account").as_u64() > Some(0) && of("privilege").as_u64() > Some(0), "{bars:#?}");
    let page = desk.run(&["report", "access-review", "--format", "html", "--out", "-"]).ends(0).out;
    assert!(!page.contains("administrator: 0") && !page.contains("contract owner: 0"));
}
