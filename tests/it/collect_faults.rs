//! What a walk makes of a server that refuses, fails or lies: gaps with a reason, and never an absence.

use emulator::faults::{Edit, Effect};
use emulator::{Body, Emulator, Rule};
use keyholder::api::settings::Credentials;
use keyholder::api::{Fault, Version, read};
use keyholder::collect::{CollectError, Limits, Plan, Walk, walk};
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::id::ContractNumber;
use serde_json::json;

use crate::support::api::{emulator, reader, seams, settings};
use crate::support::model::Bench;

async fn walk_of(emulator: &Emulator) -> Result<Walk, CollectError> {
    walk(&reader(emulator), &seams(), Limits::default(), &|_| ()).await
}

async fn walk_with(emulator: &Emulator, contract: u64) -> Result<Walk, CollectError> {
    let limits = Limits { contract: Some(ContractNumber(contract)), ..Limits::default() };
    walk(&reader(emulator), &seams(), limits, &|_| ()).await
}

/// The scopes that are not complete, with their status.
fn gaps(walk: &Walk) -> Vec<String> {
    walk.sightings.coverage().gaps.iter().map(|gap| format!("{}: {}", gap.scope, gap.status)).collect()
}

/// A group that has members and shares.
fn busy_group(emulator: &Emulator) -> String {
    emulator.read(|world| {
        let mut groups = world.groups().map(|group| group.id.to_string());
        groups.find(|id| world.members(id).count() > 1 && world.shares(id).count() > 0).unwrap()
    })
}

/// A user who owns something and holds keys.
fn busy_user(emulator: &Emulator) -> String {
    emulator.read(|world| {
        let mut users = world.users().map(|user| user.id.to_string());
        users.find(|id| world.owns(id).count() > 0 && world.keys(id).count() > 0).unwrap()
    })
}

/// Expects exactly this gap when the shares of a group are answered by such a rule.
async fn check_shares(dress: fn(Rule) -> Rule, expected: &str) {
    let emulator = emulator().await;
    let group = busy_group(&emulator);
    let fault = emulator.fail(dress(Rule::on("GET", &format!("/um/groups/{group}/shares"))));
    let walk = walk_of(&emulator).await.unwrap();
    assert!(fault.fired() > 0);
    assert_eq!(gaps(&walk), [format!("shares({group}): {expected}")]);
    assert!(walk.sightings.shares.iter().all(|share| share.group.as_str() != group));
    assert!(walk.sightings.members.iter().any(|(of, _)| of.as_str() == group));
    assert!(walk.sightings.groups.iter().any(|of| of.id.as_str() == group));
}

#[tokio::test]
async fn a_broken_scope_is_a_gap_with_its_reason() {
    check_shares(|rule| rule.status(500), "failed (the server is busy or broken (status 500))").await;
}

#[tokio::test]
async fn a_scope_that_is_closed_for_a_day_is_a_gap_and_the_others_go_on() {
    let reported = "failed (the server asks to wait 86400 s (status 429), longer than the 300 s allowed)";
    check_shares(|rule| rule.status(429).header("retry-after", "86400"), reported).await;
}

#[tokio::test]
async fn a_refused_scope_is_not_an_empty_one() {
    check_shares(|rule| rule.status(403), "forbidden").await;
}

#[tokio::test]
async fn a_list_without_items_is_not_an_empty_one() {
    let body = |rule: Rule| rule.status(200).body(Body::Json(json!({"id": "shares", "type": "collection"})));
    check_shares(body, "failed (not expanded)").await;
}

#[tokio::test]
async fn a_gateway_that_answers_in_the_servers_place_is_a_gap() {
    let body = |rule: Rule| rule.status(200).body(Body::Html("<html>Sign in</html>".to_owned()));
    check_shares(body, "failed (the answer is not JSON)").await;
}

#[tokio::test]
async fn an_item_without_an_id_is_a_gap() {
    let body = |rule: Rule| rule.status(200).body(Body::Json(json!({"items": [{"properties": {}}]})));
    check_shares(body, "failed (a share without id)").await;
}

#[tokio::test]
async fn a_list_that_goes_on_elsewhere_is_a_gap() {
    let more = json!({"items": [], "_links": {"next": "http://127.0.0.1/cloudapi/v6/um/groups?offset=100"}});
    for (path, scopes) in [
        ("/um/groups", "groups"),
        ("/um/resources", "resources"),
        ("/um/groups/{groupId}/users", "members("),
        ("/um/groups/{groupId}/shares", "shares("),
        ("/um/users/{userId}/owns", "owns("),
        ("/um/users/{userId}/s3keys", "keys("),
    ] {
        let emulator = emulator().await;
        emulator.fail(Rule::on("GET", path).status(200).body(Body::Json(more.clone())));
        let gaps = gaps(&walk_of(&emulator).await.unwrap());
        assert!(!gaps.is_empty(), "{path}");
        let is_expected = |gap: &String| gap.starts_with(scopes) && gap.ends_with(": failed (more than one page)");
        assert!(gaps.iter().all(is_expected), "{path}: {gaps:?}");
    }
}

#[tokio::test]
async fn a_scope_that_is_not_found_below_a_group_that_is_there_is_a_gap() {
    check_shares(|rule| rule.status(404), "failed (not found, although the group is there)").await;
}

#[tokio::test]
async fn a_fault_that_passes_leaves_no_gap_but_its_requests_are_counted() {
    let emulator = emulator().await;
    emulator.fail(Rule::on("GET", "/um/users/{userId}/owns").status(503).times(3));
    let walk = walk_of(&emulator).await.unwrap();
    assert_eq!(gaps(&walk), [""; 0]);
    let groups = emulator.read(|world| world.groups().count() as u64);
    assert_eq!(walk.sightings.coverage().attempts(), Plan::safe(30, groups).requests() + 3);
    assert_eq!(walk.sightings.coverage().attempts(), emulator.counters().total);
}

#[tokio::test]
async fn a_group_that_vanished_during_the_walk_is_gone_with_everything_below_it() {
    let emulator = emulator().await;
    let group = busy_group(&emulator);
    let gone = group.clone();
    let edit = Edit::with(move |world| world.remove_group(&gone).unwrap());
    emulator.fail(Rule::on("GET", &format!("/um/groups/{group}/shares")).effect(Effect::Edit(edit)).times(1));
    let walk = walk_of(&emulator).await.unwrap();
    assert_eq!(gaps(&walk), [format!("members({group}): gone"), format!("shares({group}): gone")]);
    assert!(walk.sightings.coverage().is_complete());
    assert!(!format!("{:?}{:?}", walk.sightings.groups, walk.sightings.members).contains(&group));
    assert_eq!(emulator.counters().of("GET", "/um/groups/{groupId}"), 1);
}

#[tokio::test]
async fn a_user_who_vanished_during_the_walk_is_gone_from_every_group() {
    let emulator = emulator().await;
    let user = busy_user(&emulator);
    let gone = user.clone();
    let edit = Edit::with(move |world| world.remove_user(&gone).unwrap());
    emulator.fail(Rule::on("GET", &format!("/um/users/{user}/owns")).effect(Effect::Edit(edit)).times(1));
    let walk = walk_of(&emulator).await.unwrap();
    assert_eq!(gaps(&walk), [format!("owns({user}): gone"), format!("keys({user}): gone")]);
    let seen = &walk.sightings;
    assert!(!format!("{:?}{:?}{:?}", seen.users, seen.members, seen.keys).contains(&user));
    assert_eq!(emulator.counters().of("GET", "/um/users/{userId}"), 1);
    assert_eq!(seen.coverage().attempts(), emulator.counters().total);
}

#[tokio::test]
async fn a_parent_that_cannot_be_asked_settles_nothing() {
    let emulator = emulator().await;
    let user = busy_user(&emulator);
    emulator.fail(Rule::on("GET", &format!("/um/users/{user}/s3keys")).status(404));
    emulator.fail(Rule::on("GET", &format!("/um/users/{user}")).status(403));
    let walk = walk_of(&emulator).await.unwrap();
    assert_eq!(gaps(&walk), [format!("keys({user}): failed (not found, and the user: forbidden)")]);
    assert!(walk.sightings.users.iter().any(|seen| seen.id.as_str() == user));
}

#[tokio::test]
async fn a_page_that_fails_leaves_the_pages_before_it() {
    let emulator = Emulator::builder().seed(5).users(150).start().await.unwrap();
    emulator.fail(Rule::on("GET", "/um/users").query("offset=99").status(500));
    let walk = walk_of(&emulator).await.unwrap();
    assert_eq!(gaps(&walk), ["users: failed (the server is busy or broken (status 500))"]);
    assert_eq!(walk.sightings.users.len(), 100);
    let (_, effort) = &walk.sightings.scopes[&Scope::Users];
    assert_eq!((effort.pages, effort.items, effort.attempts), (1, 100, 6));
    assert_eq!(emulator.counters().of("GET", "/um/users/{userId}/s3keys"), 100);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_leaves_the_others() {
    let emulator = emulator().await;
    emulator.fail(Rule::on("GET", "/um/groups").status(403));
    let walk = walk_of(&emulator).await.unwrap();
    assert_eq!(gaps(&walk), ["groups: forbidden"]);
    assert_eq!(walk.sightings.users.len(), 30);
    assert!(walk.sightings.members.is_empty());
}

/// A user as the API lists it.
fn user(id: &str) -> serde_json::Value {
    json!({"id": id, "type": "user", "properties": {"email": format!("{id}@example.org")}})
}

#[tokio::test]
async fn what_differs_between_two_of_one_id_is_not_known() {
    let emulator = emulator().await;
    let user =
        |name: &str| json!({"id": "u1", "type": "user", "properties": {"email": "ann@example.org", "lastname": name}});
    let page = json!({"items": [user("Early"), user("Late")]});
    emulator.fail(Rule::on("GET", "/um/users").status(200).body(Body::Json(page)));
    emulator.fail(Rule::on("GET", "/um/groups").status(200).body(Body::Json(json!({"items": []}))));
    emulator.fail(Rule::on("GET", "/um/users/u1/owns").status(200).body(Body::Json(json!({"items": []}))));
    let keys = json!({"items": [
        {"id": "K1", "properties": {"active": false}},
        {"id": "K1", "properties": {"active": true}},
    ]});
    emulator.fail(Rule::on("GET", "/um/users/u1/s3keys").status(200).body(Body::Json(keys)));
    let walk = walk_of(&emulator).await.unwrap();
    assert_eq!(gaps(&walk), [""; 0]);
    // The page with the two users is asked for once more, and has to bring nobody new.
    assert_eq!(walk.repeated, 3);
    let person = &walk.sightings.users[0].person;
    assert_eq!((person.lastname.as_deref(), person.email.as_deref()), (None, Some("ann@example.org")));
    assert_eq!(walk.sightings.keys.iter().map(|key| key.active).collect::<Vec<_>>(), [None]);
}

#[tokio::test]
async fn a_list_of_users_that_moved_between_two_pages_proves_no_absence() {
    let emulator = Emulator::builder().seed(5).users(150).start().await.unwrap();
    let first = emulator.read(|world| world.users().next().unwrap().id.to_string());
    let page = json!({"items": [user(&first)]});
    let fault = emulator.fail(Rule::on("GET", "/um/users").query("offset=99").status(200).body(Body::Json(page)));
    let walk = walk_of(&emulator).await.unwrap();
    assert_eq!(walk.sightings.scopes[&Scope::Users].0, Status::Unstable);
    assert_eq!((fault.fired(), walk.repeated), (3, 0));
}

#[tokio::test]
async fn refused_credentials_stop_the_walk_at_once() {
    let emulator = emulator().await;
    emulator.fail(Rule::on("GET", "/um/users/{userId}/owns").status(401).after(3));
    let error = walk_of(&emulator).await.unwrap_err();
    assert!(matches!(error, CollectError::Refused(_)), "{error:?}");
    assert!(error.hint().unwrap().contains("token"));
    let groups = emulator.read(|world| world.groups().count() as u64);
    assert!(emulator.counters().total < Plan::safe(30, groups).requests());
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_the_first_requests() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator, Version::V6);
    settings.credentials = Credentials::Bearer("wrong".into());
    let client = read::Client::new(&settings, seams()).unwrap();
    let error = walk(&client, &seams(), Limits::default(), &|_| ()).await.unwrap_err();
    assert!(matches!(error.fault(), Some(Fault::Unauthorised { .. })));
    assert!(emulator.counters().total <= 4);
}

#[tokio::test]
async fn nothing_that_can_be_read_is_an_error() {
    let emulator = emulator().await;
    for path in ["/contracts", "/um/users", "/um/groups", "/um/resources"] {
        emulator.fail(Rule::on("GET", path).status(403));
    }
    assert!(matches!(walk_of(&emulator).await.unwrap_err(), CollectError::NoContract(_)));
    let error = walk_with(&emulator, 7).await.unwrap_err();
    assert!(matches!(&error, CollectError::NotConfirmed { .. }), "{error:?}");
    assert!(matches!(error.fault(), Some(Fault::Forbidden { .. })));
}

#[tokio::test]
async fn a_contract_of_which_no_list_can_be_read_makes_no_snapshot() {
    let emulator = emulator().await;
    for path in ["/um/users", "/um/groups", "/um/resources"] {
        emulator.fail(Rule::on("GET", path).status(403));
    }
    let error = walk_of(&emulator).await.unwrap_err();
    assert!(matches!(&error, CollectError::NothingRead(_)), "{error:?}");
    assert!(matches!(error.fault(), Some(Fault::Forbidden { .. })));
}

#[tokio::test]
async fn no_time_is_an_error_too() {
    let emulator = emulator().await;
    let limits = Limits { longest: std::time::Duration::ZERO, ..Limits::default() };
    let error = walk(&reader(&emulator), &seams(), limits, &|_| ()).await.unwrap_err();
    assert!(matches!(error, CollectError::NothingInTime), "{error:?}");
}

/// Expects that a given number is not believed when the contracts are answered by such a rule.
async fn check_not_confirmed(dress: fn(Rule) -> Rule, cause: &str) {
    let emulator = emulator().await;
    emulator.fail(dress(Rule::on("GET", "/contracts")));
    for number in [7, emulator.contract_number()] {
        let error = walk_with(&emulator, number).await.unwrap_err();
        assert_eq!(error.to_string(), format!("confirm that the credentials see contract {number}"));
        assert_eq!(error.fault().unwrap().to_string(), cause);
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn a_contract_number_that_the_api_does_not_confirm_is_not_believed() {
    check_not_confirmed(|rule| rule.status(500), "the server is busy or broken (status 500)").await;
    check_not_confirmed(|rule| rule.status(404), "not found").await;
    let nameless = json!({"items": [{"type": "contract", "properties": {}}]});
    let rule = Rule::on("GET", "/contracts").status(200).body(Body::Json(nameless));
    let emulator = emulator().await;
    emulator.fail(rule);
    let error = walk_with(&emulator, 7).await.unwrap_err();
    assert_eq!(error.fault().unwrap().to_string(), "a contract without number");
}

#[tokio::test]
async fn which_contract_it_is_must_be_certain() {
    let emulator = emulator().await;
    let error = walk_with(&emulator, 7).await.unwrap_err();
    let listed = emulator.contract_number();
    assert_eq!(error.to_string(), format!("find contract 7: the credentials see {listed}"));

    let contract = |number: u64| json!({"type": "contract", "properties": {"contractNumber": number}});
    let two = Rule::on("GET", "/contracts").status(200);
    let fault = emulator.fail(two.body(Body::Json(json!({"items": [contract(9), contract(8)]}))));
    let error = walk_of(&emulator).await.unwrap_err();
    assert_eq!(error.to_string(), "learn the contract number: the credentials see 8, 9, say which one to walk");
    assert_eq!(walk_with(&emulator, 8).await.unwrap().contract, ContractNumber(8));

    fault.withdraw();
    emulator.fail(Rule::on("GET", "/contracts").status(200).body(Body::Json(json!({"items": []}))));
    assert!(matches!(walk_of(&emulator).await.unwrap_err(), CollectError::NoneListed));
}

/// Walks and seals, and answers with state, begun, ended and changed facts.
async fn sealed(bench: &Bench, emulator: &Emulator) -> String {
    let walk = walk_of(emulator).await.unwrap();
    let snapshot = bench.seal_of(walk.contract, walk.sightings).await;
    format!("{} +{} -{} ~{}", snapshot.state, snapshot.began, snapshot.ended, snapshot.changed)
}

#[tokio::test]
async fn what_could_not_be_read_never_ends_and_what_is_really_gone_does() {
    let (bench, emulator) = (Bench::new().await, emulator().await);
    let first = sealed(&bench, &emulator).await;
    assert!(first.starts_with("complete +") && first.ends_with(" -0 ~0"), "{first}");
    for (path, status) in [
        ("/um/users", 500),
        ("/um/groups", 403),
        ("/um/resources", 500),
        ("/um/groups/{groupId}/users", 403),
        ("/um/groups/{groupId}/shares", 500),
        ("/um/users/{userId}/owns", 404),
        ("/um/users/{userId}/s3keys", 403),
    ] {
        emulator.fail(Rule::on("GET", path).status(status));
        assert_eq!(sealed(&bench, &emulator).await, "partial +0 -0 ~0", "{path}");
        emulator.clear_faults();
        assert_eq!(sealed(&bench, &emulator).await, "complete +0 -0 ~0", "after {path}");
    }
    let (group, resource) = emulator.read(|world| {
        let (group, resource) = world
            .groups()
            .find_map(|group| world.shares(&group.id).next().map(|(id, _)| (group.id.clone(), id.clone())))
            .unwrap();
        (group, resource)
    });
    emulator.edit(|world| world.unshare(&group, &resource)).unwrap();
    assert_eq!(sealed(&bench, &emulator).await, "complete +0 -1 ~0");
}
