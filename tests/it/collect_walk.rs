//! A walk over a real server: how many requests, and that what it saw is what is there.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use emulator::{Emulator, World};
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::collect::{Limits, Plan, Progress, Walk, walk};
use keyholder::domain::coverage::Status;

use crate::support::api::{emulator, reader, seams, settings};

/// Walks without a fault in sight.
async fn walked(emulator: &Emulator) -> Walk {
    walk(&reader(emulator), &seams(), Limits::default(), &|_| ()).await.unwrap()
}

/// What is there, in the words of the API: `kind subject object details`.
fn there(world: &World) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for user in world.users() {
        let id = &user.id;
        facts.insert(format!("user {id} {} {} {}", user.email, user.administrator, user.active));
        facts.extend(world.owns(id).map(|resource| format!("own {id} {resource}")));
        facts.extend(world.keys(id).map(|key| format!("key {id} {} {}", key.id, key.active)));
    }
    for group in world.groups() {
        let id = &group.id;
        facts.insert(format!("group {id} {}", group.name));
        facts.extend(world.members(id).map(|user| format!("member {id} {user}")));
        facts.extend(world.shares(id).map(|(resource, it)| format!("share {id} {resource} {} {}", it.edit, it.share)));
    }
    facts.extend(world.resources().map(|resource| format!("resource {} {}", resource.id, resource.name)));
    facts
}

/// What was seen, in the same words.
fn seen(walk: &Walk) -> BTreeSet<String> {
    let seen = &walk.sightings;
    let mut facts = BTreeSet::new();
    facts.extend(seen.users.iter().map(|user| {
        let email = user.person.email.as_deref().unwrap();
        format!("user {} {email} {} {}", user.id, user.administrator.unwrap(), user.active.unwrap())
    }));
    facts.extend(seen.owns.iter().map(|(user, resource)| format!("own {user} {resource}")));
    facts.extend(seen.keys.iter().map(|key| format!("key {} {} {}", key.user, key.id, key.active.unwrap())));
    facts.extend(seen.groups.iter().map(|group| format!("group {} {}", group.id, group.label())));
    facts.extend(seen.members.iter().map(|(group, user)| format!("member {group} {user}")));
    facts.extend(seen.shares.iter().map(|share| {
        let access = share.access();
        format!("share {} {} {} {}", share.group, share.resource, access.edit, access.share)
    }));
    facts.extend(seen.resources.iter().map(|resource| format!("resource {} {}", resource.id, resource.label())));
    facts
}

/// Expects a complete walk of a contract with that many users: everything that is there, by exactly the planned requests.
async fn check(users: usize) {
    let emulator = Emulator::builder().seed(5).users(users).start().await.unwrap();
    let walk = walked(&emulator).await;
    let groups = emulator.read(|world| world.groups().count());
    let plan = Plan::safe(users as u64, groups as u64);
    let counters = emulator.counters();
    for call in plan.calls() {
        assert_eq!(counters.of("GET", call.operation.template), call.times, "{}", call.operation);
    }
    assert_eq!((counters.total, counters.writes), (plan.requests(), 0));
    assert_eq!(seen(&walk), emulator.read(there));
    let coverage = walk.sightings.coverage();
    assert!(coverage.is_complete() && coverage.gaps.is_empty());
    assert_eq!(coverage.totals().0, 4 + 2 * (users + groups) as u64);
    assert_eq!(coverage.attempts(), plan.requests());
    assert_eq!(walk.contract.0, emulator.contract_number());
    assert_eq!(walk.repeated, 0);
}

#[tokio::test]
async fn a_page_of_users_is_walked_whole() {
    check(100).await;
}

#[tokio::test]
async fn a_page_and_one_user_are_walked_whole() {
    check(101).await;
}

#[tokio::test]
async fn a_thousand_users_and_one_are_walked_whole() {
    check(1_001).await;
}

#[tokio::test]
async fn the_order_of_arrival_leaves_no_trace() {
    let emulator = emulator().await;
    let straight = format!("{:?}", walked(&emulator).await);
    for shuffle in 1..4 {
        emulator.set_shuffle(Some(shuffle));
        assert_eq!(format!("{:?}", walked(&emulator).await), straight, "shuffled by {shuffle}");
    }
}

#[tokio::test]
async fn no_secret_is_among_what_was_seen() {
    let emulator = emulator().await;
    let walk = walked(&emulator).await;
    assert!(!walk.sightings.keys.is_empty());
    assert!(!format!("{walk:?}").contains(emulator.canary()));
}

#[tokio::test]
async fn the_old_dialect_is_walked_as_well() {
    let emulator = emulator().await;
    let client = Client::new(&settings(&emulator, Version::V5), seams()).unwrap();
    let old = walk(&client, &seams(), Limits::default(), &|_| ()).await.unwrap();
    assert!(old.sightings.coverage().is_complete());
    assert_eq!(seen(&old), emulator.read(there));
}

#[tokio::test]
async fn requests_at_once_are_those_that_the_client_allows() {
    let emulator = emulator().await;
    // Answers that take time overlap; those that take none do not.
    emulator.set_latency(Duration::from_millis(20));
    let mut settings = settings(&emulator, Version::V6);
    settings.concurrency = 3;
    let client = Client::new(&settings, seams()).unwrap();
    walk(&client, &seams(), Limits::default(), &|_| ()).await.unwrap();
    assert_eq!(emulator.counters().peak_concurrency, 3);
}

#[tokio::test]
async fn progress_grows_to_everything_that_was_found() {
    let emulator = emulator().await;
    let steps = Mutex::new(Vec::new());
    let client = reader(&emulator);
    let done = walk(&client, &seams(), Limits::default(), &|step| steps.lock().unwrap().push(step)).await.unwrap();
    let steps = steps.into_inner().unwrap();
    assert!(steps.is_sorted_by(|a, b| a.ended <= b.ended && a.requests <= b.requests && a.scopes <= b.scopes));
    let (scopes, _) = done.sightings.coverage().totals();
    let requests = emulator.counters().total;
    let last = steps.last().unwrap();
    let (users, groups) = emulator.read(|world| (world.users().count() as u64, world.groups().count() as u64));
    let expected = Progress {
        scopes,
        ended: scopes,
        complete: scopes,
        requests,
        users,
        has_all_users: true,
        users_read: users,
        groups: Some(groups),
        groups_read: groups,
    };
    assert_eq!(last, &expected);
}

#[tokio::test]
async fn a_walk_can_be_a_task_of_its_own() {
    let emulator = emulator().await;
    let client = reader(&emulator);
    let task = tokio::spawn(async move { walk(&client, &seams(), Limits::default(), &|_| ()).await });
    let walk = task.await.unwrap().unwrap();
    assert!(walk.sightings.scopes.values().all(|(status, _)| *status == Status::Complete));
}

#[tokio::test]
async fn a_privilege_from_the_future_is_seen_and_noted() {
    let emulator = emulator().await;
    let group = emulator.read(|world| world.groups().next().unwrap().id.to_string());
    let body = serde_json::json!({"items": [{"id": group, "properties": {"name": "crew", "manageTomorrow": true, "colour": 7}}]});
    emulator.fail(emulator::Rule::on("GET", "/um/groups").status(200).body(emulator::Body::Json(body)));
    let walk = walked(&emulator).await;
    let granted: Vec<&str> = walk.sightings.groups[0].granted().collect();
    assert_eq!(granted, ["manageTomorrow"]);
    let notes: Vec<String> = walk.notes.counts.keys().map(ToString::to_string).collect();
    assert!(notes.contains(&"unknown property group.properties.colour".to_owned()), "{notes:?}");
    assert!(walk.sightings.coverage().is_complete());
}
