//! What is read: depth, pages, lists and what is missing.

use std::collections::BTreeSet;

use keyholder_emulator::world::{Kind, World};
use keyholder_emulator::{Deep, Version};
use serde_json::Value;

use crate::peer::{Peer, ids, names};

/// How much of a thing is shown: `.` for a bare reference, else the number of levels below it.
fn shown(object: &Value) -> String {
    if object.get("properties").is_none() {
        assert_eq!(names(object), ["href", "id", "type"]);
        return ".".to_owned();
    }
    let Some(entities) = object.get("entities") else {
        return "whole".to_owned();
    };
    let first = entities.as_object().unwrap().values().next().unwrap();
    match first.get("items") {
        None => {
            assert_eq!(names(first), ["href", "id", "type"]);
            "whole".to_owned()
        }
        Some(items) => format!("whole > {}", items.get(0).map_or("(none)".to_owned(), shown)),
    }
}

/// A group with members that have groups, a user in it, a resource shared with it.
fn populated(world: &World) -> (String, String, String) {
    let group = world
        .groups()
        .find(|group| world.members(&group.id).count() > 1 && world.shares(&group.id).count() > 1)
        .unwrap();
    let user = world.members(&group.id).next().unwrap();
    let (resource, _) = world.shares(&group.id).next().unwrap();
    (group.id.to_string(), user.to_string(), resource.to_string())
}

#[tokio::test]
async fn depth_unfolds_lists_and_single_objects_as_the_engine_does() {
    let peer = Peer::new().await;
    let (group, _, _) = peer.emulator.read(populated);
    for (depth, expected) in [".", "whole", "whole > .", "whole > whole", "whole > whole > ."].into_iter().enumerate() {
        let list = peer.read(&format!("/um/groups?depth={depth}&filter.name=")).await;
        let item = list["items"].as_array().unwrap().iter().find(|item| item["id"] == *group).unwrap();
        assert_eq!(shown(item), expected, "list at depth {depth}");
        let single = ["whole", "whole > .", "whole > whole", "whole > whole > .", "whole > whole > whole"][depth];
        let object = peer.read(&format!("/um/groups/{group}?depth={depth}")).await;
        assert_eq!(shown(&object), single, "single at depth {depth}");
    }
    assert_eq!(shown(&peer.read(&format!("/um/groups/{group}")).await), "whole");
}

#[tokio::test]
async fn an_empty_list_is_told_apart_from_one_that_is_not_expanded() {
    let peer = Peer::new().await;
    let empty = peer.emulator.read(|world| {
        let group = world.groups().find(|group| world.members(&group.id).next().is_none()).unwrap();
        group.id.to_string()
    });
    let entities = |depth: u32| format!("/um/groups/{empty}?depth={depth}");
    assert!(peer.read(&entities(0)).await["entities"]["users"].get("items").is_none());
    assert_eq!(peer.read(&entities(1)).await["entities"]["users"]["items"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn depths_above_one_can_be_clamped_or_refused() {
    let peer = Peer::new().await;
    peer.emulator.set_deep(Deep::Clamp);
    let deep = peer.read("/um/groups?depth=3").await;
    assert_eq!(deep, peer.read("/um/groups?depth=1").await);
    peer.emulator.set_deep(Deep::Refuse);
    assert_eq!(peer.get("/um/groups?depth=2").await.problem().0, 422);
    assert_eq!(peer.get("/um/groups?depth=1").await.status, 200);
}

/// Every page in turn, advancing by the limit.
async fn all_users(peer: &Peer, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let page = peer.read(&format!("/um/users?limit={limit}&offset={}", found.len())).await;
        let links = &page["_links"];
        assert_eq!(links.get("prev").is_some(), !found.is_empty(), "{links}");
        found.extend(ids(&page));
        if links.get("next").is_none() {
            return found;
        }
        assert_eq!(ids(&page).len(), limit);
    }
}

#[tokio::test]
async fn users_come_in_pages_and_every_user_on_exactly_one() {
    let peer = Peer::new().await;
    let expected: Vec<String> = peer.emulator.read(|world| world.users().map(|user| user.id.to_string()).collect());
    assert_eq!(expected.len(), 130);
    for limit in [1, 13, 65, 99, 100] {
        assert_eq!(all_users(&peer, limit).await, expected, "limit {limit}");
    }
    assert_eq!(peer.ids("/um/users").await.len(), 100);
    assert_eq!(peer.ids("/um/users?offset=130").await.len(), 0);
    assert_eq!(peer.get("/um/users?limit=101").await.problem().0, 422);
    let page = peer.read("/um/users?offset=50&limit=20").await;
    let base = peer.emulator.base_url(Version::V6);
    let link = |offset: u32| Value::from(format!("{base}/um/users?offset={offset}&limit=20"));
    assert_eq!((&page["offset"], &page["limit"]), (&Value::from(50), &Value::from(20)));
    assert_eq!(page["_links"], serde_json::json!({"prev": link(30), "self": link(50), "next": link(70)}));
}

#[tokio::test]
async fn shuffled_lists_hold_the_same_in_another_order_and_pages_stay_consistent() {
    let peer = Peer::new().await;
    let plain = all_users(&peer, 40).await;
    peer.emulator.set_shuffle(Some(9));
    let shuffled = all_users(&peer, 40).await;
    assert_ne!(plain, shuffled);
    let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(set(&plain), set(&shuffled));
    assert_eq!(shuffled, all_users(&peer, 7).await);
    peer.emulator.set_shuffle(Some(10));
    assert_ne!(shuffled, all_users(&peer, 40).await);
}

#[tokio::test]
async fn every_list_shows_what_the_world_holds() {
    let peer = Peer::new().await;
    let (group, user, _) = peer.emulator.read(populated);
    let (owner, holder) = peer.emulator.read(|world| {
        let owner = world.users().find(|user| world.owns(&user.id).count() > 1).unwrap();
        let holder = world.users().find(|user| world.keys(&user.id).count() > 1).unwrap();
        (owner.id.to_string(), holder.id.to_string())
    });
    let sorted = |mut ids: Vec<String>| {
        ids.sort_unstable();
        ids
    };
    let world = |look: &dyn Fn(&World) -> Vec<String>| sorted(peer.emulator.read(look));
    let check = async |path: String, expected: Vec<String>| {
        assert!(!expected.is_empty(), "{path} proves nothing");
        assert_eq!(sorted(peer.ids(&path).await), expected, "{path}");
    };
    let text = |id: &keyholder_emulator::world::Id| id.to_string();
    check(format!("/um/groups/{group}/users"), world(&|w| w.members(&group).map(text).collect())).await;
    check(format!("/um/users/{user}/groups"), world(&|w| w.groups_of(&user).map(text).collect())).await;
    let shares = world(&|w| w.shares(&group).map(|(id, _)| text(id)).collect());
    check(format!("/um/groups/{group}/shares"), shares.clone()).await;
    check(format!("/um/groups/{group}/resources"), shares).await;
    check(format!("/um/users/{owner}/owns"), world(&|w| w.owns(&owner).map(text).collect())).await;
    check(format!("/um/users/{holder}/s3keys"), world(&|w| w.keys(&holder).map(|key| text(&key.id)).collect())).await;
}

#[tokio::test]
async fn resources_are_listed_together_and_by_kind() {
    let peer = Peer::new().await;
    let held = peer.emulator.read(|world| {
        let resources = world.resources();
        resources.map(|it| (it.kind.name(), it.id.to_string())).collect::<Vec<_>>()
    });
    let all: Vec<String> = held.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(peer.ids("/um/resources").await, all);
    for kind in Kind::ALL {
        let expected: Vec<String> =
            held.iter().filter(|(name, _)| *name == kind.name()).map(|(_, id)| id.clone()).collect();
        assert!(!expected.is_empty(), "{kind} proves nothing");
        assert_eq!(peer.ids(&format!("/um/resources/{kind}")).await, expected);
    }
    assert_eq!(peer.get("/um/resources/server").await.problem(), not_found());
}

fn not_found() -> (u16, String, String) {
    (404, "309".to_owned(), "Resource does not exist".to_owned())
}

#[tokio::test]
async fn what_does_not_exist_is_a_404_and_a_missing_key_a_422() {
    let peer = Peer::new().await;
    let (group, user, resource) = peer.emulator.read(populated);
    let kind = peer.emulator.read(|world| world.resource(&resource).unwrap().kind);
    let other = if kind.name() == "pcc" { "k8s" } else { "pcc" };
    for path in [
        "/um/users/none".to_owned(),
        "/um/users/none/groups".to_owned(),
        "/um/users/none/owns".to_owned(),
        "/um/users/none/s3keys".to_owned(),
        "/um/users/none/s3keys/none".to_owned(),
        "/um/users/none/s3ssourl".to_owned(),
        "/um/groups/none".to_owned(),
        "/um/groups/none/users".to_owned(),
        "/um/groups/none/shares".to_owned(),
        "/um/groups/none/resources".to_owned(),
        format!("/um/groups/{group}/shares/none"),
        format!("/um/resources/{other}/{resource}"),
        "/requests/none/status".to_owned(),
        "/um/nothing".to_owned(),
    ] {
        assert_eq!(peer.get(&path).await.problem(), not_found(), "{path}");
    }
    let (status, _, text) = peer.get(&format!("/um/users/{user}/s3keys/none")).await.problem();
    assert_eq!(status, 422);
    assert!(text.starts_with("The access key cannot be found"), "{text}");
}
