//! The collecting principal (rule 15a): whose credentials collected is kept with each run, and another one ends nothing.

use chrono::TimeDelta;
use emulator::faults::{Distortion, Effect};
use emulator::{Emulator, Restricted, Rule};
use keyholder::api::settings::Credentials;
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::domain::notice::Notice;
use keyholder::domain::principal::{
    ChangeOutcome, Claims, Collector, PrincipalChange, PrincipalId, PrincipalStatus, Role,
};
use serde_json::Value;

use crate::support::cli::{Desk, served};
use crate::support::site::{Collected, Site};

/// A contract that its administrator collected once.
async fn site() -> Site {
    Site::begun(Emulator::builder().seed(5).users(30).start().await.unwrap()).await
}

async fn collector(site: &Site, collected: &Collected) -> Collector {
    let sealed = site.store.collector(collected.snapshot.contract, collected.snapshot.seq).await.unwrap();
    sealed.expect("the principal is sealed")
}

fn token(text: &str) -> Credentials {
    Credentials::Bearer(text.into())
}

#[tokio::test]
async fn the_principal_of_a_token_is_sealed() {
    let site = site().await;
    let contract = ContractNumber(site.emulator.contract_number());
    let sealed = site.store.collector(contract, Seq(1)).await.unwrap().expect("it is sealed");
    let auditor = site.emulator.cast().auditor.to_string();
    assert_eq!(sealed.principal.id, Some(PrincipalId::User(auditor.into())));
    assert_eq!((sealed.principal.role, sealed.principal.contract), (Some(Role::Administrator), Some(contract)));
    let days = (sealed.principal.expires.unwrap() - site.emulator.now()).num_days();
    assert!((360..=365).contains(&days), "{days}");
    assert_eq!(sealed.standing, PrincipalStatus::Accepted);
}

#[tokio::test]
async fn a_password_belongs_to_the_user_with_its_address() {
    let site = site().await;
    let (username, password) = (site.emulator.username().to_uppercase(), site.emulator.password().into());
    let collected = site.collect_as(Credentials::Basic { username, password }, |_| ()).await;
    let sealed = collector(&site, &collected).await;
    let auditor = site.emulator.cast().auditor.to_string();
    assert_eq!(sealed.principal.id, Some(PrincipalId::User(auditor.into())));
    assert_eq!((sealed.principal.role, sealed.principal.expires), (Some(Role::Administrator), None));
}

#[tokio::test]
async fn an_address_of_nobody_is_kept_as_a_commitment() {
    let site = site().await;
    let claims = Claims { address: Some("Nobody-Known@example.org".to_owned()), ..Claims::default() };
    let mut found = Vec::new();
    for _ in 0..2 {
        let collected = site.collect_as(token(site.emulator.token()), |order| order.claims = claims.clone()).await;
        found.push(collector(&site, &collected).await.principal);
    }
    assert!(matches!(found[0].id, Some(PrincipalId::Unlisted { .. })), "{found:?}");
    assert_eq!(found[0], found[1], "the same address has the same commitment");
    let path = site.store.path().to_owned();
    for suffix in ["", "-wal"] {
        let bytes = std::fs::read(format!("{}{suffix}", path.display())).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!text.contains("nobody-known"), "the address is in the database{suffix}");
    }
}

/// Collects with a token that claims nothing.
async fn collect_opaque(site: &Site, bearer: &str) -> Collected {
    site.collect_as(token(bearer), |order| order.claims = Claims::default()).await
}

#[tokio::test]
async fn without_a_known_principal_nothing_is_held_back() {
    let site = Site::of(Emulator::builder().seed(5).users(30).start().await.unwrap()).await;
    assert_eq!(collect_opaque(&site, site.emulator.token()).await.endings(), "complete -0 ~0");
    let gone = site.emulator.read(|world| {
        let plain = world.users().find(|user| !user.administrator && user.id != *world.owner());
        plain.expect("an ordinary user").id.to_string()
    });
    site.emulator.edit(|world| world.remove_user(&gone)).unwrap();
    let collected = collect_opaque(&site, site.emulator.token()).await;
    let sealed = collector(&site, &collected).await;
    assert_eq!((sealed.standing, sealed.principal.id.clone()), (PrincipalStatus::Unknown, None));
    assert!(collected.snapshot.ended > 0 && collected.snapshot.is_complete());
    assert_eq!(sealed.to_string(), "an unknown principal (role not known)");
}

#[tokio::test]
async fn an_opaque_token_after_a_known_principal_ends_nothing() {
    let site = site().await;
    let weaker = weaker(&site.emulator);
    for run in 0..2 {
        let collected = collect_opaque(&site, &weaker).await;
        assert_eq!((collected.endings().as_str(), collected.snapshot.began), ("partial -0 ~0", 0), "{run}");
        let change = change(&collected);
        assert_eq!((&change.outcome, change.is_new), (&ChangeOutcome::HeldBack, run == 0));
        assert!(change.held_back > 29, "{change}");
        assert!(change.to_string().contains(" before, an unknown principal (role not known) now; "), "{change}");
        assert_eq!(collector(&site, &collected).await.standing, PrincipalStatus::HeldBack);
    }
    assert_eq!(alerts(&site).await, ["high"]);
    let accepted = site
        .collect_as(token(&weaker), |order| {
            order.claims = Claims::default();
            order.accept_principal = Some("ann".to_owned());
        })
        .await;
    assert!(accepted.snapshot.ended > 29, "{:?}", accepted.gaps());
    let next = collect_opaque(&site, &weaker).await;
    assert_eq!(next.endings(), "complete -0 ~0");
    assert!(!next.notices.iter().any(|notice| matches!(notice, Notice::PrincipalChanged { .. })));
    assert_eq!(collector(&site, &next).await.standing, PrincipalStatus::Accepted);
}

#[tokio::test]
async fn an_opaque_token_that_saw_everything_is_accepted() {
    let site = site().await;
    let collected = collect_opaque(&site, site.emulator.token()).await;
    assert_eq!(collected.endings(), "complete -0 ~0");
    assert_eq!(change(&collected).outcome, ChangeOutcome::SawEverything);
    assert_eq!(collector(&site, &collected).await.standing, PrincipalStatus::Accepted);
    let weaker = weaker(&site.emulator);
    let known = site.collect_as(token(&weaker), |_| ()).await;
    assert_eq!(known.endings(), "partial -0 ~0", "a known principal is another one than the unknown one");
}

/// An answer in the list of users that leaves something out about one user.
fn silence(site: &Site, user: &str, at: &str) {
    let distortion = Distortion::Null { ids: vec![user.to_owned()], at: at.to_owned() };
    site.emulator.fail(Rule::on("GET", "/um/users").effect(Effect::Distort(distortion)));
}

#[track_caller]
fn check_unchanged(collected: &Collected, sealed: &Collector, what: &str) {
    let is_change = |notice: &Notice| matches!(notice, Notice::PrincipalChanged { .. });
    assert!(!collected.notices.iter().any(is_change), "{what}: {:?}", collected.notices);
    assert_eq!(sealed.standing, PrincipalStatus::Accepted, "{what}");
    let roles = (sealed.principal.role.clone(), sealed.principal.last_known_role.clone());
    assert_eq!(roles, (None, Some(Role::Administrator)), "{what}");
}

#[tokio::test]
async fn a_role_that_is_not_reported_is_no_other_role() {
    let site = site().await;
    let auditor = site.emulator.cast().auditor.clone();
    // What a token says of its role is older than the list of users.
    let older = site.emulator.issue_token(&auditor, "user", TimeDelta::days(30));
    for at in ["properties.administrator", "properties.email"] {
        silence(&site, &auditor, at);
        let collected = site.collect_as(token(&older), |_| ()).await;
        check_unchanged(&collected, &collector(&site, &collected).await, at);
        site.emulator.clear_faults();
    }
    let distortion = Distortion::Remove { at: "properties.owner".to_owned() };
    site.emulator.fail(Rule::on("GET", "/contracts").effect(Effect::Distort(distortion)));
    let collected = site.collect_as(token(&older), |_| ()).await;
    check_unchanged(&collected, &collector(&site, &collected).await, "owner");
}

#[tokio::test]
async fn a_password_keeps_its_user_without_an_address() {
    let site = site().await;
    silence(&site, &site.emulator.cast().auditor, "properties.email");
    let (username, password) = (site.emulator.username().to_owned(), site.emulator.password().into());
    let collected = site.collect_as(Credentials::Basic { username, password }, |_| ()).await;
    check_unchanged(&collected, &collector(&site, &collected).await, "email");
}

#[tokio::test]
async fn a_held_back_role_that_is_not_reported_stays_held_back() {
    let site = site().await;
    let auditor = site.emulator.cast().auditor.clone();
    site.emulator.set_restricted(Restricted::Shortened);
    site.emulator.edit(|world| world.set_administrator(&auditor, false)).unwrap();
    assert!(change(&site.collect().await).is_new);
    silence(&site, &auditor, "properties.administrator");
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "partial -0 ~0");
    let change = change(&collected);
    assert_eq!((&change.outcome, change.is_new), (&ChangeOutcome::HeldBack, false), "{change}");
    assert!(change.now.raw().ends_with("(role not reported, last known: user)"), "{change}");
    assert_eq!(alerts(&site).await.len(), 1);
}

#[tokio::test]
async fn a_new_token_of_the_same_principal_is_no_event() {
    let site = site().await;
    let auditor = site.emulator.cast().auditor.clone();
    let renewed = site.emulator.issue_token(&auditor, "admin", TimeDelta::days(30));
    let collected = site.collect_as(token(&renewed), |_| ()).await;
    assert_eq!((collected.endings().as_str(), collected.notices.as_slice()), ("complete -0 ~0", &[][..]));
    let sealed = collector(&site, &collected).await;
    assert_eq!(sealed.standing, PrincipalStatus::Accepted);
    assert!((sealed.principal.expires.unwrap() - site.emulator.now()).num_days() <= 30);
}

/// A token of a user who administers nothing, to whom lists are shortened with status 200.
fn weaker(emulator: &Emulator) -> String {
    emulator.set_restricted(Restricted::Shortened);
    emulator.issue_token(&emulator.cast().restricted.clone(), "user", TimeDelta::days(30))
}

/// What a run noticed about its principal.
#[track_caller]
fn change(collected: &Collected) -> &PrincipalChange {
    let found = collected.notices.iter().find_map(|notice| match notice {
        Notice::PrincipalChanged { change } => Some(change),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no notice: {:?}", collected.notices))
}

/// What the outbox keeps of the newest alert about a principal.
async fn newest_alert(site: &Site) -> keyholder::domain::alert::Details {
    let rows = site.store.delivery_rows(None, 100).await.unwrap();
    let mut alerts = rows.into_iter().map(|row| row.alert);
    alerts.find(|alert| alert.class.as_str() == "collecting-principal-changed").expect("an alert").details
}

/// The severities of the alerts about principals.
async fn alerts(site: &Site) -> Vec<String> {
    let url = format!("sqlite:{}?mode=ro", site.store.path().display());
    let db = sqlx::SqlitePool::connect(&url).await.unwrap();
    let alerts = "SELECT severity FROM outbox WHERE class = 'collecting-principal-changed'";
    sqlx::query_scalar(alerts).fetch_all(&db).await.unwrap()
}

#[tokio::test]
async fn a_weaker_principal_ends_nothing() {
    let site = site().await;
    let weaker = weaker(&site.emulator);
    for run in 0..2 {
        let collected = site.collect_as(token(&weaker), |_| ()).await;
        assert_eq!((collected.endings().as_str(), collected.snapshot.began), ("partial -0 ~0", 0), "{run}");
        let change = change(&collected);
        assert_eq!((&change.outcome, change.is_new), (&ChangeOutcome::HeldBack, run == 0));
        assert!(change.held_back > 29, "{change}");
        assert_eq!(collector(&site, &collected).await.standing, PrincipalStatus::HeldBack);
        assert_eq!(alerts(&site).await, ["high"], "one alert, however many runs");
    }
    let back = site.collect().await;
    assert_eq!((back.endings().as_str(), back.notices.as_slice()), ("complete -0 ~0", &[][..]));
    assert_eq!(alerts(&site).await.len(), 1);
}

#[tokio::test]
async fn an_accepted_principal_lets_things_end() {
    let site = site().await;
    let weaker = weaker(&site.emulator);
    assert_eq!(site.collect_as(token(&weaker), |_| ()).await.snapshot.ended, 0);
    let accept = |order: &mut keyholder::app::collect::Order| order.accept_principal = Some("ann".to_owned());
    let accepted = site.collect_as(token(&weaker), accept).await;
    assert!(accepted.snapshot.ended > 29, "{:?}", accepted.gaps());
    assert_eq!(change(&accepted).outcome, ChangeOutcome::AcceptedBy("ann".into()));
    let acceptance = collector(&site, &accepted).await.acceptance.expect("it is recorded");
    assert_eq!(acceptance.by, "ann");
    assert!((accepted.snapshot.finished - acceptance.at).num_seconds() < 1, "{acceptance:?}");
    assert_eq!(alerts(&site).await.len(), 2, "the acceptance is alerted, though the principal is not new");
    let kept = newest_alert(&site).await;
    assert!(kept.reason.contains("accepted: what it did not see"), "{kept:?}");
    assert!(!format!("{kept:?}").contains("ann"), "no person, since nothing of the outbox can be erased: {kept:?}");
    let next = site.collect_as(token(&weaker), |_| ()).await;
    let is_change = |notice: &Notice| matches!(notice, Notice::PrincipalChanged { .. });
    assert!(next.snapshot.ended == 0 && !next.notices.iter().any(is_change), "{:?}", next.notices);
    assert_eq!(collector(&site, &next).await.standing, PrincipalStatus::Accepted);
}

#[tokio::test]
async fn a_principal_that_saw_everything_is_accepted() {
    let site = site().await;
    let owner = site.emulator.cast().owner.clone();
    let owner = site.emulator.issue_token(&owner, "owner", TimeDelta::days(30));
    // Who cannot see everything is not accepted, even if nothing vanished.
    let group = site.emulator.read(|world| world.groups().next().unwrap().id.to_string());
    let fault = site.emulator.fail(Rule::on("GET", &format!("/um/groups/{group}/shares")).status(403));
    let first = site.collect_as(token(&owner), |_| ()).await;
    assert_eq!((fault.fired(), &change(&first).outcome), (1, &ChangeOutcome::HeldBack));
    site.emulator.clear_faults();
    let second = site.collect_as(token(&owner), |_| ()).await;
    assert_eq!(second.endings(), "complete -0 ~0");
    assert_eq!(change(&second).outcome, ChangeOutcome::SawEverything);
    let sealed = collector(&site, &second).await;
    assert_eq!((sealed.standing, sealed.principal.role), (PrincipalStatus::Accepted, Some(Role::Owner)));
    assert_eq!(site.collect_as(token(&owner), |_| ()).await.notices, []);
}

#[tokio::test]
async fn a_principal_with_another_role_ends_nothing() {
    let site = site().await;
    let (auditor, gone) = site.emulator.read(|world| {
        let auditor = site.emulator.cast().auditor.clone();
        let gone = world.users().find(|user| !user.administrator && user.id != *world.owner()).unwrap();
        (auditor, gone.id.clone())
    });
    site.emulator.set_restricted(Restricted::Shortened);
    site.emulator.edit(|world| {
        world.set_administrator(&auditor, false).unwrap();
        world.remove_user(&gone).unwrap();
    });
    let collected = site.collect().await;
    assert_eq!(collected.snapshot.ended, 0, "the same user, who is no administrator any more");
    assert_eq!(change(&collected).outcome, ChangeOutcome::HeldBack);
}

#[test]
fn another_principal_is_said_and_accepted_by_name() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let desk = desk.with("IONOS_TOKEN", &weaker(&emulator));
    let ran = desk.run(&["collect"]).ends(9);
    assert!(ran.err.contains("the collecting principal changed: user "), "{ran:#?}");
    assert!(ran.err.contains("--accept-principal"), "{ran:#?}");
    let status = desk.run(&["status"]).ends(9).out;
    assert!(status.contains("not the accepted principal"), "{status}");
    desk.run(&["collect", "--by", "ann"]).ends(2);
    let ran = desk.run(&["collect", "--accept-principal", "--by", "ann"]).ends(0);
    assert!(ran.out.contains("1 users"), "{ran:#?}");
    let shown = desk.run(&["snapshots", "show"]).ends(0).out;
    assert!(shown.contains("(user), token valid until") && shown.contains("; accepted by ann, "), "{shown}");
    let page = desk.run(&["report", "population", "--format", "html", "--out", "-"]).ends(0).out;
    assert!(page.contains("Accepted by <bdi>ann</bdi>"), "{page}");
}

#[test]
fn the_principal_is_shown_wherever_the_population_is() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let auditor = emulator.cast().auditor.to_string();
    let shown = desk.run(&["snapshots", "show"]).ends(0).out;
    let address =
        emulator.read(|world| world.users().find(|user| user.id.to_string() == auditor).unwrap().email.clone());
    let line = format!("collected by user {auditor} ({address}) (administrator), token valid until ");
    assert!(shown.contains(&line), "{shown}");
    let status = desk.run(&["status"]).ends(0).out;
    assert!(status.contains("collected by"), "{status}");
    let written = |format: &str| desk.run(&["report", "population", "--format", format, "--out", "-"]).ends(0).out;
    let document: Value = serde_json::from_str(&written("json")).unwrap();
    let principal = &document["population"]["principal"];
    assert_eq!((&principal["user_id"], &principal["role"]), (&auditor.as_str().into(), &"administrator".into()));
    assert_eq!(principal["who"], emulator.username());
    let rows: Vec<Value> = written("jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&rows[0]["row"], &rows[0]["status"]), (&"principal".into(), &"accepted".into()));
    assert_eq!(rows[0]["scope_id"], auditor.as_str());
    let page = written("html");
    assert!(page.contains("Collected by") && page.contains("role <bdi>administrator</bdi>"), "{page}");
}

#[test]
fn an_unknown_principal_is_shown_as_unknown() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let opaque = emulator.issue_opaque_token(&emulator.cast().auditor);
    let desk = desk.with("IONOS_TOKEN", &opaque);
    let ran = desk.run(&["collect"]).ends(0);
    assert!(ran.err.contains("an unknown principal (role not known) now; it saw everything"), "{ran:#?}");
    let written = |format: &str| desk.run(&["report", "population", "--format", format, "--out", "-"]).ends(0).out;
    let document: Value = serde_json::from_str(&written("json")).unwrap();
    let principal = &document["population"]["principal"];
    assert_eq!((&principal["identity"], &principal["who"]), (&"unknown".into(), &Value::Null));
    let page = written("html");
    assert!(page.contains("Collected by a principal that is not known"), "{page}");
}
