//! What is kept is what came, and what is shown makes it visible: O1 of the known cases.

use emulator::{Body, Rule};
use keyholder::domain::untrusted::{is_hidden, visible};
use serde_json::json;

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::cut::raw;
use crate::support::model::{Bench, Model};

/// Every character that hides, reorders or imitates, of the kinds with thousands the first and the last.
fn hidden() -> Vec<char> {
    let long = |code: u32| (0xE001..0xF8FF).contains(&code) || (0xE_0001..0x10_FFFF).contains(&code);
    let codes = (1..=u32::from(char::MAX)).filter(|code| !long(*code));
    codes.filter_map(char::from_u32).filter(|character| is_hidden(*character)).collect()
}

/// The names in a view, by id.
async fn names(bench: &Bench, sql: &'static str) -> Vec<(String, String)> {
    let db = raw(bench.store.path()).await;
    let names = sqlx::query_as(sql).fetch_all(&db).await.unwrap();
    db.close().await;
    names
}

#[tokio::test]
async fn o1_views_show_what_hides_in_a_name_as_reports_do() {
    let hidden = hidden();
    assert!(hidden.len() > 200, "{}", hidden.len());
    let mut model = Model::default();
    for (number, _) in hidden.iter().enumerate() {
        model.groups.insert(format!("{number:04}"), [].into());
        model.resources.insert(format!("{number:04}"));
        model.users.insert(format!("{number:04}"), false);
    }
    let mut seen = model.sightings();
    let name = |number: usize| format!("a{}\\u0041 ä", hidden[number]);
    for (number, group) in seen.groups.iter_mut().enumerate() {
        group.name = Some(name(number));
    }
    for (number, resource) in seen.resources.iter_mut().enumerate() {
        resource.name = Some(name(number));
    }
    for (number, user) in seen.users.iter_mut().enumerate() {
        user.person.firstname = Some(name(number));
        user.person.email = Some(name(number));
    }
    let bench = Bench::new().await;
    bench.seal(seen).await;
    for sql in [
        "SELECT group_id, name FROM v_groups ORDER BY group_id",
        "SELECT resource_id, name FROM v_resources ORDER BY resource_id",
        "SELECT user_id, firstname FROM v_users ORDER BY user_id",
        "SELECT user_id, email FROM v_users ORDER BY user_id",
    ] {
        let shown = names(&bench, sql).await;
        assert_eq!(shown.len(), hidden.len(), "{sql}");
        for (number, (_, shown)) in shown.iter().enumerate() {
            assert_eq!(*shown, visible(&name(number)), "{sql}: U+{:04X}", u32::from(hidden[number]));
        }
    }
}

#[tokio::test]
async fn o1_views_leave_ordinary_names_as_they_are() {
    let ordinary = ["", "plain", "Zoë [a-z] * ?", "a\\nb \\u001b", "日本 👩", "⟨U+202E⟩"];
    let mut model = Model::default();
    for (number, _) in ordinary.iter().enumerate() {
        model.groups.insert(number.to_string(), [].into());
    }
    let mut seen = model.sightings();
    for (group, name) in seen.groups.iter_mut().zip(ordinary) {
        group.name = Some(name.to_owned());
    }
    let bench = Bench::new().await;
    bench.seal(seen).await;
    let shown = names(&bench, "SELECT group_id, name FROM v_groups ORDER BY group_id").await;
    assert_eq!(shown.into_iter().map(|(_, name)| name).collect::<Vec<_>>(), ordinary);
}

#[test]
fn o1_no_command_for_people_prints_what_hides() {
    let desk = Desk::with_month();
    for look in [
        &["snapshots", "show"][..],
        &["diff", "1", "2"],
        &["diff", "1", "latest", "--in-between"],
        &["history", "stranger@example.org"],
        &["alerts", "list"],
        &["report", "access-review", "--format", "html", "--out", "-"],
        &["report", "changes", "--since", "1", "--format", "html", "--out", "-"],
    ] {
        let out = desk.run(look).out;
        let found = out.chars().find(|character| *character != '\n' && is_hidden(*character));
        assert_eq!(found, None, "{look:?}");
    }
    let shown = desk.run(&["diff", "1", "2"]).out;
    assert!(shown.contains("⟨U+001B⟩[2J⟨U+202E⟩"), "{shown}");
}

#[test]
fn o1_a_number_out_of_range_is_refused_by_name() {
    let out_of_range = "contractNumber is out of range";
    for (number, says) in [
        (json!(9_007_199_254_740_992_u64), out_of_range),
        (json!(u64::MAX), out_of_range),
        (json!(-1), "a contract without number"),
        (json!(1.5), "a contract without number"),
    ] {
        let emulator = served();
        let answer = json!({"items": [{"properties": {"contractNumber": number}}]});
        RUNTIME.block_on(async { emulator.fail(Rule::on("GET", "/contracts").status(200).body(Body::Json(answer))) });
        let desk = Desk::of(&emulator);
        let ran = desk.run(&["collect"]);
        assert!(ran.code != 0 && ran.err.contains(says), "{says}: {ran:#?}");
        let listed = desk.run(&["snapshots", "list", "--format", "csv"]);
        assert!(listed.out.lines().count() <= 1, "nothing is sealed: {listed:#?}");
    }
}
