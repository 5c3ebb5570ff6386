//! Answers that leave somebody out, walked and sealed: whoever is still there is never reported as removed.

use emulator::{Body, Emulator, Rule};
use keyholder::collect::{Limits, Walk, walk};
use keyholder::domain::coverage::{Scope, ScopeKind, Status};
use keyholder::domain::notice::Notice;
use serde_json::{Value, json};

use crate::support::api::{emulator, reader, seams};
use crate::support::model::Bench;

async fn walked(emulator: &Emulator) -> Walk {
    walk(&reader(emulator), &seams(), Limits::default(), &|_| ()).await.unwrap()
}

/// Walks and seals, and answers with state, begun, ended and changed facts.
async fn sealed(bench: &Bench, emulator: &Emulator) -> String {
    let walk = walked(emulator).await;
    let snapshot = bench.seal_of(walk.contract, walk.sightings).await;
    format!("{} +{} -{} ~{}", snapshot.state, snapshot.began, snapshot.ended, snapshot.changed)
}

/// A contract with a page and a half of users, sealed once.
async fn begun() -> (Bench, Emulator) {
    let bench = Bench::new().await;
    let emulator = Emulator::builder().seed(5).users(150).start().await.unwrap();
    let first = sealed(&bench, &emulator).await;
    assert!(first.starts_with("complete +") && first.ends_with(" -0 ~0"), "{first}");
    (bench, emulator)
}

/// The ids of all users in the order of the list, and of those who are members of a group.
fn people(emulator: &Emulator) -> (Vec<String>, Vec<String>) {
    emulator.read(|world| {
        let users: Vec<String> = world.users().map(|user| user.id.to_string()).collect();
        let members = world.groups().flat_map(|group| world.members(&group.id)).map(ToString::to_string).collect();
        (users, members)
    })
}

/// A page of users as the API writes them; the details do not matter here.
fn page(ids: &[String], next: Option<&str>) -> Value {
    let user = |id: &String| json!({"id": id, "type": "user", "properties": {"email": format!("{id}@example.org")}});
    json!({"items": ids.iter().map(user).collect::<Vec<_>>(), "_links": {"next": next}})
}

fn answer(emulator: &Emulator, offset: usize, body: Value) {
    emulator.fail(Rule::on("GET", "/um/users").query(&format!("offset={offset}&")).status(200).body(Body::Json(body)));
}

/// Begun and changed facts do not matter where a page is made up; endings do.
fn check_nothing_ended(sealed: &str, state: &str) {
    assert!(sealed.starts_with(state) && sealed.contains(" -0 "), "{sealed}");
}

/// The members of groups on the second page of users.
fn members_of_the_second_page(emulator: &Emulator) -> Vec<String> {
    let (users, members) = people(emulator);
    users[100..].iter().filter(|user| members.contains(user)).cloned().collect()
}

#[tokio::test]
async fn a_server_that_caps_its_pages_removes_nobody() {
    let (bench, emulator) = begun().await;
    let (users, _) = people(&emulator);
    let next = format!("{}/um/users?offset=50&limit=50", emulator.base_url(emulator::Version::V6));
    answer(&emulator, 0, page(&users[..50], Some(&next)));
    // From 50 on the emulator answers itself: a hundred more.
    check_nothing_ended(&sealed(&bench, &emulator).await, "complete");
}

#[tokio::test]
async fn an_empty_list_of_users_removes_nobody() {
    let (bench, emulator) = begun().await;
    emulator.fail(Rule::on("GET", "/um/users").status(200).body(Body::Json(json!({"items": []}))));
    assert_eq!(sealed(&bench, &emulator).await, "partial +0 -0 ~0");
    emulator.clear_faults();
    assert_eq!(sealed(&bench, &emulator).await, "complete +0 -0 ~0");
}

#[tokio::test]
async fn a_member_who_slipped_between_two_pages_is_not_removed() {
    let (bench, emulator) = begun().await;
    let (users, _) = people(&emulator);
    let slipped = members_of_the_second_page(&emulator).remove(0);
    let rest: Vec<String> = users[99..].iter().filter(|user| **user != slipped).cloned().collect();
    answer(&emulator, 99, page(&rest, None));
    let before = emulator.counters();
    let walk = walked(&emulator).await;
    assert_eq!(walk.sightings.scopes[&Scope::Users].0, Status::Complete);
    assert!(walk.sightings.users.iter().any(|user| user.id.as_str() == slipped));
    assert_eq!(walk.notices, [Notice::Unlisted { kind: ScopeKind::Users, count: 1, names: vec![slipped] }]);
    let after = emulator.counters();
    assert_eq!(after.of("GET", "/um/users/{userId}") - before.of("GET", "/um/users/{userId}"), 1);
    assert_eq!(walk.sightings.coverage().attempts(), after.total - before.total);
    check_nothing_ended(&sealed(&bench, &emulator).await, "complete");
}

#[tokio::test]
async fn a_member_who_is_neither_listed_nor_there_vanished_during_the_walk() {
    let (_, emulator) = begun().await;
    let (users, _) = people(&emulator);
    let gone = members_of_the_second_page(&emulator).remove(0);
    let rest: Vec<String> = users[99..].iter().filter(|user| **user != gone).cloned().collect();
    answer(&emulator, 99, page(&rest, None));
    emulator.fail(Rule::on("GET", &format!("/um/users/{gone}")).status(404));
    let walk = walked(&emulator).await;
    assert!(walk.sightings.scopes.values().all(|(status, _)| *status == Status::Complete));
    assert!(!format!("{:?}{:?}", walk.sightings.users, walk.sightings.members).contains(&gone));
    let [Notice::DanglingMembers { names, .. }] = &walk.notices[..] else { panic!("{:?}", walk.notices) };
    assert!(names.iter().all(|name| name.starts_with(&format!("user {gone} of group "))), "{names:?}");
}

#[tokio::test]
async fn a_member_who_is_not_listed_and_cannot_be_asked_for_is_not_removed() {
    let (bench, emulator) = begun().await;
    let (users, _) = people(&emulator);
    let slipped = members_of_the_second_page(&emulator).remove(0);
    let rest: Vec<String> = users[99..].iter().filter(|user| **user != slipped).cloned().collect();
    answer(&emulator, 99, page(&rest, None));
    emulator.fail(Rule::on("GET", "/um/users/{userId}").status(403));
    check_nothing_ended(&sealed(&bench, &emulator).await, "partial");
}

#[tokio::test]
async fn a_user_without_an_id_hides_nobody_else() {
    let (bench, emulator) = begun().await;
    let (users, _) = people(&emulator);
    let next = format!("{}/um/users?offset=100&limit=100", emulator.base_url(emulator::Version::V6));
    let mut first = page(&users[..100], Some(&next));
    first["items"][3].as_object_mut().unwrap().remove("id");
    answer(&emulator, 0, first);
    let walk = walked(&emulator).await;
    assert_eq!(walk.sightings.scopes[&Scope::Users].0, Status::Failed("a user without id".to_owned()));
    assert_eq!(walk.sightings.users.len(), 149);
    check_nothing_ended(&sealed(&bench, &emulator).await, "partial");
}

#[tokio::test]
async fn a_list_that_goes_on_elsewhere_removes_nothing() {
    let (bench, emulator) = (Bench::new().await, emulator().await);
    sealed(&bench, &emulator).await;
    let elsewhere = json!({"next": "http://127.0.0.1/cloudapi/v6/um/groups?offset=100"});
    for links in [elsewhere, json!({"next": 100}), json!({"next": {"href": "/um/groups?offset=100"}}), json!(100)] {
        let more = json!({"items": [], "_links": links});
        for path in ["/um/groups", "/um/resources", "/um/groups/{groupId}/users", "/um/users/{userId}/s3keys"] {
            emulator.fail(Rule::on("GET", path).status(200).body(Body::Json(more.clone())));
            assert_eq!(sealed(&bench, &emulator).await, "partial +0 -0 ~0", "{path} {links}");
            emulator.clear_faults();
        }
    }
}
