//! How things look: in which version, with which secrets, and as filtered lists.

use std::collections::BTreeSet;

use keyholder_emulator::world::PRIVILEGES_V6;
use keyholder_emulator::{Emulator, Version};
use serde_json::Value;

use crate::peer::{Peer, names};

#[tokio::test]
async fn a_share_has_the_id_of_its_resource_and_never_its_kind() {
    let peer = Peer::new().await;
    let (group, resource) = peer.emulator.read(|world| {
        let group = world.groups().find(|group| world.shares(&group.id).next().is_some()).unwrap();
        let (resource, _) = world.shares(&group.id).next().unwrap();
        (group.id.to_string(), resource.to_string())
    });
    let share = peer.read(&format!("/um/groups/{group}/shares/{resource}")).await;
    assert_eq!((&share["id"], &share["type"]), (&Value::from(resource.as_str()), &Value::from("resource")));
    let base = peer.emulator.base_url(Version::V6);
    assert_eq!(share["href"], format!("{base}/um/groups/{group}/shares/{resource}"));
    assert_eq!(names(&share["properties"]), ["editPrivilege", "sharePrivilege"]);
}

#[tokio::test]
async fn v5_knows_nine_privileges_and_no_creators_of_users_and_keys() {
    let mut peer = Peer::new().await;
    let holder = peer
        .emulator
        .read(|world| world.users().find(|user| world.keys(&user.id).next().is_some()).unwrap().id.to_string());
    let mut seen = Vec::new();
    for version in Version::ALL {
        peer.version = version;
        let groups = peer.read("/um/groups?depth=1").await;
        let user = peer.read(&format!("/um/users/{holder}")).await;
        let keys = peer.read(&format!("/um/users/{holder}/s3keys?depth=1")).await;
        assert!(user["href"].as_str().unwrap().contains(version.prefix()));
        seen.push((
            names(&groups["items"][0]["properties"]).len(),
            names(&user["metadata"]).join(" "),
            names(&keys["items"][0]["metadata"]).join(" "),
        ));
    }
    let history =
        "createdBy createdByUserId createdDate etag lastLogin lastModifiedBy lastModifiedByUserId lastModifiedDate";
    assert_eq!(seen[0], (10, "createdDate etag lastLogin".to_owned(), "createdDate etag".to_owned()));
    assert_eq!(seen[1], (26, history.to_owned(), history.replace("lastLogin ", "")));
}

#[tokio::test]
async fn a_privilege_nobody_knows_shows_up_in_v6() {
    let mut peer = Peer::new().await;
    let group = peer.emulator.edit(|world| {
        let group = world.add_group("Futurists", &["s3Privilege"]);
        world.set_privilege(&group, "accessAndManageQuantum", true).unwrap();
        group
    });
    let path = format!("/um/groups/{group}");
    let properties = peer.read(&path).await["properties"].clone();
    assert_eq!(names(&properties).len(), PRIVILEGES_V6.len() + 2);
    assert_eq!(properties["accessAndManageQuantum"], true);
    peer.version = Version::V5;
    assert!(peer.read(&path).await["properties"].get("accessAndManageQuantum").is_none());
}

#[tokio::test]
async fn a_secret_is_shown_in_clear_where_objects_are_whole_and_nowhere_else() {
    let peer = Peer::new().await;
    let canary = peer.emulator.canary().to_owned();
    let (user, key) = peer.emulator.read(|world| {
        let user = world.users().find(|user| world.keys(&user.id).next().is_some()).unwrap();
        (user.id.to_string(), world.keys(&user.id).next().unwrap().id.to_string())
    });
    let keys = format!("/um/users/{user}/s3keys");
    assert!(!peer.get(&keys).await.text.contains(&canary));
    for path in [format!("{keys}?depth=1"), format!("{keys}/{key}"), format!("/um/users/{user}/s3ssourl")] {
        assert!(peer.get(&path).await.text.contains(&canary), "{path}");
    }
    let whole = peer.read(&format!("{keys}/{key}")).await;
    let created = whole["metadata"]["createdDate"].as_str().unwrap();
    assert_eq!((created.len(), created.contains('Z')), (19, false), "{created}");
    for credential in [peer.emulator.token(), peer.emulator.password(), peer.emulator.restricted_token()] {
        assert!(credential.contains(&canary));
    }
    for path in ["/um/users?depth=3", "/um/groups?depth=3", "/um/resources?depth=3", "/contracts?depth=1"] {
        assert!(!peer.get(path).await.text.contains(&canary), "{path}");
    }
}

#[tokio::test]
async fn every_user_shows_the_same_etag_and_dates_in_whole_seconds() {
    let peer = Peer::new().await;
    let users = peer.read("/um/users?depth=1").await;
    let items = users["items"].as_array().unwrap();
    let etags: BTreeSet<_> = items.iter().map(|user| user["metadata"]["etag"].as_str().unwrap()).collect();
    assert_eq!(etags.len(), 1);
    for user in items {
        let created = user["metadata"]["createdDate"].as_str().unwrap();
        assert_eq!((created.len(), created.ends_with('Z')), (20, true), "{created}");
    }
    assert!(items.iter().any(|user| user["metadata"]["lastLogin"].is_null()));
}

#[tokio::test]
async fn a_contract_is_an_object_in_v5_and_a_list_in_v6() {
    let mut peer = Peer::of(Emulator::builder().contract_number(4_711)).await;
    let v6 = peer.read("/contracts?depth=1").await;
    assert_eq!((&v6["id"], &v6["type"]), (&Value::from("contracts"), &Value::from("collection")));
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
    let email = peer.emulator.read(|world| world.users().nth(60).unwrap().email.clone());
    let found = peer.read(&format!("/um/users?depth=1&filter.email={}", email.to_uppercase())).await;
    assert!(found["items"].as_array().unwrap().iter().any(|user| user["properties"]["email"] == *email));
    assert!(found["items"].as_array().unwrap().len() < 5);
    let administrators = peer.ids("/um/users?filter.administrator=true").await.len();
    assert_eq!(administrators, peer.emulator.read(|w| w.users().filter(|user| user.administrator).count()));
    let ordered = peer.read("/um/groups?depth=1&orderBy=name").await;
    let names: Vec<&str> =
        ordered["items"].as_array().unwrap().iter().map(|it| it["properties"]["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.len() > 5);
    assert_eq!(peer.ids("/um/groups?maxResults=3").await.len(), 3);
    assert_eq!(peer.get("/um/groups?filter.colour=red").await.problem().0, 422);
    assert_eq!(peer.ids("/um/resources/image?maxResults=1").await.len(), peer.ids("/um/resources/image").await.len());
    peer.version = Version::V5;
    assert_eq!(peer.ids("/um/users?filter.administrator=true&maxResults=1").await.len(), 100);
}

#[tokio::test]
async fn answers_are_indented_unless_asked_otherwise() {
    let peer = Peer::new().await;
    let (pretty, plain) = (peer.get("/um/groups?depth=1").await, peer.get("/um/groups?depth=1&pretty=false").await);
    assert!(pretty.text.starts_with("{\n  \"id\" : \"groups\"") && !plain.text.contains('\n'));
    assert_eq!(pretty.json(), plain.json());
    assert_eq!(peer.get("/um/groups?pretty=perhaps").await.problem().0, 400);
}
