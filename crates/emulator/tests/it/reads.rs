//! What is read, at which depth, in which version.

use std::collections::BTreeSet;

use keyholder_emulator::world::{Kind, PRIVILEGES_V6, World};
use keyholder_emulator::{Deep, Emulator, Version};
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
        Some(items) => format!(
            "whole > {}",
            items.get(0).map_or("(none)".to_owned(), shown)
        ),
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
    for (depth, expected) in [
        ".",
        "whole",
        "whole > .",
        "whole > whole",
        "whole > whole > .",
    ]
    .into_iter()
    .enumerate()
    {
        let list = peer
            .read(&format!("/um/groups?depth={depth}&filter.name="))
            .await;
        let item = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["id"] == *group)
            .unwrap();
        assert_eq!(shown(item), expected, "list at depth {depth}");
        let single = [
            "whole",
            "whole > .",
            "whole > whole",
            "whole > whole > .",
            "whole > whole > whole",
        ][depth];
        let object = peer
            .read(&format!("/um/groups/{group}?depth={depth}"))
            .await;
        assert_eq!(shown(&object), single, "single at depth {depth}");
    }
    assert_eq!(
        shown(&peer.read(&format!("/um/groups/{group}")).await),
        "whole"
    );
}

#[tokio::test]
async fn an_empty_list_is_told_apart_from_one_that_is_not_expanded() {
    let peer = Peer::new().await;
    let empty = peer.emulator.read(|world| {
        let group = world
            .groups()
            .find(|group| world.members(&group.id).next().is_none())
            .unwrap();
        group.id.to_string()
    });
    let entities = |depth: u32| format!("/um/groups/{empty}?depth={depth}");
    assert!(
        peer.read(&entities(0)).await["entities"]["users"]
            .get("items")
            .is_none()
    );
    assert_eq!(
        peer.read(&entities(1)).await["entities"]["users"]["items"],
        Value::Array(Vec::new())
    );
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
        let page = peer
            .read(&format!("/um/users?limit={limit}&offset={}", found.len()))
            .await;
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
    let expected: Vec<String> = peer
        .emulator
        .read(|world| world.users().map(|user| user.id.to_string()).collect());
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
    assert_eq!(
        (&page["offset"], &page["limit"]),
        (&Value::from(50), &Value::from(20))
    );
    assert_eq!(
        page["_links"],
        serde_json::json!({"prev": link(30), "self": link(50), "next": link(70)})
    );
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
        let owner = world
            .users()
            .find(|user| world.owns(&user.id).count() > 1)
            .unwrap();
        let holder = world
            .users()
            .find(|user| world.keys(&user.id).count() > 1)
            .unwrap();
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
    check(
        format!("/um/groups/{group}/users"),
        world(&|w| w.members(&group).map(text).collect()),
    )
    .await;
    check(
        format!("/um/users/{user}/groups"),
        world(&|w| w.groups_of(&user).map(text).collect()),
    )
    .await;
    let shares = world(&|w| w.shares(&group).map(|(id, _)| text(id)).collect());
    check(format!("/um/groups/{group}/shares"), shares.clone()).await;
    check(format!("/um/groups/{group}/resources"), shares).await;
    check(
        format!("/um/users/{owner}/owns"),
        world(&|w| w.owns(&owner).map(text).collect()),
    )
    .await;
    check(
        format!("/um/users/{holder}/s3keys"),
        world(&|w| w.keys(&holder).map(|key| text(&key.id)).collect()),
    )
    .await;
}

#[tokio::test]
async fn resources_are_listed_together_and_by_kind() {
    let peer = Peer::new().await;
    let held = peer.emulator.read(|world| {
        let resources = world.resources();
        resources
            .map(|it| (it.kind.name(), it.id.to_string()))
            .collect::<Vec<_>>()
    });
    let all: Vec<String> = held.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(peer.ids("/um/resources").await, all);
    for kind in Kind::ALL {
        let expected: Vec<String> = held
            .iter()
            .filter(|(name, _)| *name == kind.name())
            .map(|(_, id)| id.clone())
            .collect();
        assert!(!expected.is_empty(), "{kind} proves nothing");
        assert_eq!(peer.ids(&format!("/um/resources/{kind}")).await, expected);
    }
    assert_eq!(
        peer.get("/um/resources/server").await.problem(),
        not_found()
    );
}

fn not_found() -> (u16, String, String) {
    (404, "309".to_owned(), "Resource does not exist".to_owned())
}

#[tokio::test]
async fn what_does_not_exist_is_a_404_and_a_missing_key_a_422() {
    let peer = Peer::new().await;
    let (group, user, resource) = peer.emulator.read(populated);
    let kind = peer
        .emulator
        .read(|world| world.resource(&resource).unwrap().kind);
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
    let (status, _, text) = peer
        .get(&format!("/um/users/{user}/s3keys/none"))
        .await
        .problem();
    assert_eq!(status, 422);
    assert!(text.starts_with("The access key cannot be found"), "{text}");
}

#[tokio::test]
async fn a_share_has_the_id_of_its_resource_and_never_its_kind() {
    let peer = Peer::new().await;
    let (group, _, resource) = peer.emulator.read(populated);
    let share = peer
        .read(&format!("/um/groups/{group}/shares/{resource}"))
        .await;
    assert_eq!(
        (&share["id"], &share["type"]),
        (&Value::from(resource.as_str()), &Value::from("resource"))
    );
    let base = peer.emulator.base_url(Version::V6);
    assert_eq!(
        share["href"],
        format!("{base}/um/groups/{group}/shares/{resource}")
    );
    assert_eq!(
        names(&share["properties"]),
        ["editPrivilege", "sharePrivilege"]
    );
}

#[tokio::test]
async fn v5_knows_nine_privileges_and_no_creators_of_users_and_keys() {
    let mut peer = Peer::new().await;
    let holder = peer.emulator.read(|world| {
        world
            .users()
            .find(|user| world.keys(&user.id).next().is_some())
            .unwrap()
            .id
            .to_string()
    });
    let mut seen = Vec::new();
    for version in Version::ALL {
        peer.version = version;
        let groups = peer.read("/um/groups?depth=1").await;
        let user = peer.read(&format!("/um/users/{holder}")).await;
        let keys = peer
            .read(&format!("/um/users/{holder}/s3keys?depth=1"))
            .await;
        assert!(user["href"].as_str().unwrap().contains(version.prefix()));
        seen.push((
            names(&groups["items"][0]["properties"]).len(),
            names(&user["metadata"]).join(" "),
            names(&keys["items"][0]["metadata"]).join(" "),
        ));
    }
    let history = "createdBy createdByUserId createdDate etag lastLogin lastModifiedBy lastModifiedByUserId lastModifiedDate";
    assert_eq!(
        seen[0],
        (
            10,
            "createdDate etag lastLogin".to_owned(),
            "createdDate etag".to_owned()
        )
    );
    assert_eq!(
        seen[1],
        (26, history.to_owned(), history.replace("lastLogin ", ""))
    );
}

#[tokio::test]
async fn a_privilege_nobody_knows_shows_up_in_v6() {
    let mut peer = Peer::new().await;
    let group = peer.emulator.edit(|world| {
        let group = world.add_group("Futurists", &["s3Privilege"]);
        world
            .set_privilege(&group, "accessAndManageQuantum", true)
            .unwrap();
        group
    });
    let path = format!("/um/groups/{group}");
    let properties = peer.read(&path).await["properties"].clone();
    assert_eq!(names(&properties).len(), PRIVILEGES_V6.len() + 2);
    assert_eq!(properties["accessAndManageQuantum"], true);
    peer.version = Version::V5;
    assert!(
        peer.read(&path).await["properties"]
            .get("accessAndManageQuantum")
            .is_none()
    );
}

#[tokio::test]
async fn a_secret_is_shown_in_clear_where_objects_are_whole_and_nowhere_else() {
    let peer = Peer::new().await;
    let canary = peer.emulator.canary().to_owned();
    let (user, key) = peer.emulator.read(|world| {
        let user = world
            .users()
            .find(|user| world.keys(&user.id).next().is_some())
            .unwrap();
        (
            user.id.to_string(),
            world.keys(&user.id).next().unwrap().id.to_string(),
        )
    });
    let keys = format!("/um/users/{user}/s3keys");
    assert!(!peer.get(&keys).await.text.contains(&canary));
    for path in [
        format!("{keys}?depth=1"),
        format!("{keys}/{key}"),
        format!("/um/users/{user}/s3ssourl"),
    ] {
        assert!(peer.get(&path).await.text.contains(&canary), "{path}");
    }
    let whole = peer.read(&format!("{keys}/{key}")).await;
    let created = whole["metadata"]["createdDate"].as_str().unwrap();
    assert_eq!(
        (created.len(), created.contains('Z')),
        (19, false),
        "{created}"
    );
    for credential in [
        peer.emulator.token(),
        peer.emulator.password(),
        peer.emulator.restricted_token(),
    ] {
        assert!(credential.contains(&canary));
    }
    for path in [
        "/um/users?depth=3",
        "/um/groups?depth=3",
        "/um/resources?depth=3",
        "/contracts?depth=1",
    ] {
        assert!(!peer.get(path).await.text.contains(&canary), "{path}");
    }
}

#[tokio::test]
async fn every_user_shows_the_same_etag_and_dates_in_whole_seconds() {
    let peer = Peer::new().await;
    let users = peer.read("/um/users?depth=1").await;
    let items = users["items"].as_array().unwrap();
    let etags: BTreeSet<_> = items
        .iter()
        .map(|user| user["metadata"]["etag"].as_str().unwrap())
        .collect();
    assert_eq!(etags.len(), 1);
    for user in items {
        let created = user["metadata"]["createdDate"].as_str().unwrap();
        assert_eq!(
            (created.len(), created.ends_with('Z')),
            (20, true),
            "{created}"
        );
    }
    assert!(
        items
            .iter()
            .any(|user| user["metadata"]["lastLogin"].is_null())
    );
}

#[tokio::test]
async fn a_contract_is_an_object_in_v5_and_a_list_in_v6() {
    let mut peer = Peer::of(Emulator::builder().contract_number(4_711)).await;
    let v6 = peer.read("/contracts?depth=1").await;
    assert_eq!(
        (&v6["id"], &v6["type"]),
        (&Value::from("contracts"), &Value::from("collection"))
    );
    let contract = &v6["items"][0];
    assert_eq!(names(contract), ["properties", "type"]);
    assert_eq!(contract["properties"]["contractNumber"], 4_711);
    assert_eq!(names(&contract["properties"]["resourceLimits"]).len(), 25);
    peer.version = Version::V5;
    let v5 = peer.read("/contracts").await;
    assert_eq!(v5["type"], "contract");
    assert_eq!(v5["properties"]["owner"], contract["properties"]["owner"]);
    assert_eq!(names(&v5["properties"]["resourceLimits"]).len(), 17);
}

#[tokio::test]
async fn v6_filters_orders_and_caps_lists_and_v5_ignores_that() {
    let mut peer = Peer::new().await;
    let email = peer
        .emulator
        .read(|world| world.users().nth(60).unwrap().email.clone());
    let found = peer
        .read(&format!(
            "/um/users?depth=1&filter.email={}",
            email.to_uppercase()
        ))
        .await;
    assert!(
        found["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|user| user["properties"]["email"] == *email)
    );
    assert!(found["items"].as_array().unwrap().len() < 5);
    let administrators = peer.ids("/um/users?filter.administrator=true").await.len();
    assert_eq!(
        administrators,
        peer.emulator
            .read(|w| w.users().filter(|user| user.administrator).count())
    );
    let ordered = peer.read("/um/groups?depth=1&orderBy=name").await;
    let names: Vec<&str> = ordered["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["properties"]["name"].as_str().unwrap())
        .collect();
    assert!(names.is_sorted() && names.len() > 5);
    assert_eq!(peer.ids("/um/groups?maxResults=3").await.len(), 3);
    assert_eq!(
        peer.get("/um/groups?filter.colour=red").await.problem().0,
        422
    );
    assert_eq!(
        peer.ids("/um/resources/image?maxResults=1").await.len(),
        peer.ids("/um/resources/image").await.len()
    );
    peer.version = Version::V5;
    assert_eq!(
        peer.ids("/um/users?filter.administrator=true&maxResults=1")
            .await
            .len(),
        100
    );
}

#[tokio::test]
async fn answers_are_indented_unless_asked_otherwise() {
    let peer = Peer::new().await;
    let (pretty, plain) = (
        peer.get("/um/groups?depth=1").await,
        peer.get("/um/groups?depth=1&pretty=false").await,
    );
    assert!(pretty.text.starts_with("{\n  \"id\" : \"groups\"") && !plain.text.contains('\n'));
    assert_eq!(pretty.json(), plain.json());
    assert_eq!(peer.get("/um/groups?pretty=perhaps").await.problem().0, 400);
}
