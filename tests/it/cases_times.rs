//! Kinds N, O and Q of the cases: times that cannot be, names as they came, an owner whom nobody lists.

use chrono::TimeDelta;
use emulator::faults::{Distortion, Effect};
use emulator::{Emulator, Rule};
use keyholder::domain::coverage::ScopeKind;
use keyholder::domain::notice::Notice;
use keyholder::exit::Exit;
use serde_json::{Value, json};

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::cut::raw;
use crate::support::site::Site;

async fn site() -> Site {
    Site::begun(Emulator::builder().seed(5).users(40).start().await.unwrap()).await
}

fn set(site: &Site, path: &str, at: &str, value: Value) {
    let distortion = Distortion::Set { at: at.to_owned(), value };
    site.emulator.fail(Rule::on("GET", path).effect(Effect::Distort(distortion)));
}

#[tokio::test]
async fn n1_clocks_that_are_days_apart_seal_nothing() {
    let site = site().await;
    let now = site.emulator.now();
    for apart in [TimeDelta::days(5 * 365), TimeDelta::hours(-25)] {
        site.emulator.set_now(now + apart);
        let failure = site.try_collect().await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Configuration, "{failure}");
        assert!(failure.to_string().contains("the API's clock is"), "{failure}");
        assert!(failure.hint().unwrap().contains("set the clock"), "{failure}");
    }
    site.emulator.set_now(now);
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.snapshot.seq.0), ("complete -0 ~0", 2));
}

#[tokio::test]
async fn n1_hours_apart_are_a_notice() {
    let site = site().await;
    site.emulator.set_now(site.emulator.now() + TimeDelta::hours(23));
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "complete -0 ~0");
    assert!(matches!(collected.notices.as_slice(), [Notice::ClockSkew { .. }]), "{:?}", collected.notices);
}

#[tokio::test]
async fn n1_times_that_cannot_be_are_left_out_with_a_notice() {
    let site = site().await;
    let users = site.emulator.read(|world| world.users().count() as u64);
    for time in ["2099-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
        set(&site, "/um/users", "metadata.lastLogin", json!(time));
        let collected = site.collect().await;
        assert_eq!(collected.endings(), "complete -0 ~0", "{time}");
        let reported = Notice::ImpossibleTimes { kind: ScopeKind::Users, count: users };
        assert_eq!(collected.notices, [reported], "{time}");
        let state = site.store.state(collected.snapshot.contract, collected.snapshot.seq).await.unwrap();
        let latest = site.emulator.now() + TimeDelta::days(2);
        let impossible = |held: &keyholder::domain::state::Held<keyholder::domain::user::User>| {
            held.value.last_login.value().is_some_and(|at| *at > latest || at.timestamp() <= 0)
        };
        assert!(!state.users.values().any(impossible), "{time}");
        site.emulator.clear_faults();
    }
}

#[tokio::test]
async fn q1_an_owner_whom_no_user_bears_is_reported() {
    let site = site().await;
    set(&site, "/contracts", "properties.owner", json!("somebody.else@example.org"));
    let collected = site.collect().await;
    assert_eq!(collected.snapshot.state.as_str(), "complete");
    assert_eq!(collected.notices, [Notice::OwnerNotListed]);
    site.emulator.clear_faults();
    let owner = site.emulator.read(|world| world.user(world.owner()).unwrap().email.to_uppercase());
    set(&site, "/contracts", "properties.owner", json!(format!(" {owner}")));
    assert_eq!(site.collect().await.notices, []);
}

#[test]
fn q1_an_unlisted_owner_has_a_line_of_its_own() {
    let emulator = served();
    let distortion = Distortion::Set { at: "properties.owner".to_owned(), value: json!(" Somebody.Else@example.org") };
    emulator.fail(Rule::on("GET", "/contracts").effect(Effect::Distort(distortion)));
    let desk = Desk::of(&emulator);
    let ran = desk.run(&["collect"]).ends(0);
    assert!(ran.err.contains("no listed user has the address of the contract's owner"), "{ran:#?}");
    let written =
        |report: &str, format: &str| desk.run(&["report", report, "--format", format, "--out", "-"]).ends(0).out;
    let address = "somebody.else@example.org";
    for (report, format) in
        [("access-review", "csv"), ("access-review", "html"), ("population", "csv"), ("population", "html")]
    {
        assert!(written(report, format).contains(address), "{report} as {format}");
    }
    let review: Value = serde_json::from_str(&written("access-review", "json")).unwrap();
    let find = |rows: &Value, name: &str| {
        let rows = rows.as_array().unwrap().iter().filter(|row| row[name] == address);
        let rows: Vec<Value> = rows.cloned().collect();
        assert_eq!(rows.len(), 1, "{name}");
        rows[0].clone()
    };
    let row = find(&review["rows"], "user_email");
    assert_eq!((&row["user_id"], &row["entitlement_type"]), (&Value::Null, &json!("contract_owner")));
    assert_eq!((&row["risk_rating"], &row["scope_complete"]), (&json!("critical"), &json!(true)));
    let user = find(&review["users"], "label");
    assert_eq!((&user["owner"], &user["state"]), (&json!(true), &json!("unknown")));
    assert_eq!(user["notes"], json!(["no user is known to have this address"]));
    let population: Value = serde_json::from_str(&written("population", "json")).unwrap();
    let row = find(&population["rows"], "scope_name");
    assert_eq!((&row["row"], &row["status"]), (&json!("owner"), &json!("not-listed")));
}

#[test]
fn q1_a_listed_owner_has_one_line_however_it_is_spelt() {
    let emulator = served();
    let owner = emulator.read(|world| world.user(world.owner()).unwrap().email.clone());
    let spelt = format!(" {} ", owner.to_uppercase());
    let distortion = Distortion::Set { at: "properties.owner".to_owned(), value: json!(spelt) };
    emulator.fail(Rule::on("GET", "/contracts").effect(Effect::Distort(distortion)));
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let out = desk.run(&["report", "access-review", "--format", "jsonl", "--out", "-"]).ends(0).out;
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let owners: Vec<&Value> = rows.iter().filter(|row| row["entitlement_type"] == "contract_owner").collect();
    assert_eq!(owners.len(), 1, "{owners:#?}");
    assert_eq!(owners[0]["user_email"], owner);
}

#[test]
fn o1_names_with_a_nul_stay_apart_in_the_views() {
    let emulator = served();
    let names = ["ops\u{0}a", "ops\u{0}b", r"ops\u0000c", "ops\\"];
    emulator.edit(|world| names.iter().for_each(|name| drop(world.add_group(name, &[]))));
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let read = async {
        let db = raw(&desk.database()).await;
        let sql = "SELECT name FROM v_groups WHERE name LIKE 'ops%' ORDER BY name";
        let names: Vec<String> = sqlx::query_scalar(sql).fetch_all(&db).await.unwrap();
        db.close().await;
        names
    };
    assert_eq!(RUNTIME.block_on(read), ["ops\\", r"ops\u0000c", "ops␀a", "ops␀b"]);
}
