//! What is written, and what becomes of it.

use keyholder_emulator::world::{Kind, NewUser, Share};
use keyholder_emulator::{Emulator, Version};
use serde_json::{Value, json};

use crate::peer::{Answer, Peer};

/// Asserts a 202 (or 200) whose `Location` leads to a finished request.
async fn accepted(peer: &Peer, status: u16, answer: &Answer) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let location = answer.header("location").unwrap();
    let path = location.strip_prefix(&peer.emulator.base_url(peer.version)).unwrap();
    let request = peer.read(path).await;
    assert_eq!((&request["type"], &request["metadata"]["status"]), (&json!("request-status"), &json!("DONE")));
}

async fn write(peer: &Peer, method: &str, path: &str, body: &Value) -> Value {
    let answer = peer.call(method, path, Some(&body.to_string())).await;
    accepted(peer, 202, &answer).await;
    answer.json()
}

/// Asserts the status and a part of the text of a refused write.
async fn refused(peer: &Peer, method: &str, path: &str, body: &str, status: u16, part: &str) {
    let (found, _, text) = peer.call(method, path, Some(body)).await.problem();
    assert_eq!(found, status, "{text}");
    assert!(text.contains(part), "{text}");
}

fn ann() -> Value {
    json!({"properties": {"firstname": "Ann", "lastname": "Öz", "email": "Ann.Oez@Example.ORG", "password": "x", "forceSecAuth": true}})
}

#[tokio::test]
async fn a_new_user_is_lower_cased_unprovisioned_at_first_and_unique() {
    let peer = Peer::new().await;
    let user = write(&peer, "POST", "/um/users", &ann()).await;
    assert_eq!(user["properties"]["email"], "ann.oez@example.org");
    assert_eq!((&user["properties"]["s3CanonicalUserId"], user.get("entities")), (&Value::Null, None));
    assert!(!user.to_string().contains("password"));
    let path = format!("/um/users/{}", user["id"].as_str().unwrap());
    let later = peer.read(&path).await;
    assert_eq!(later["properties"]["s3CanonicalUserId"].as_str().map(str::len), Some(32));
    assert_eq!((&later["properties"]["active"], &later["metadata"]["lastLogin"]), (&json!(true), &Value::Null));
    assert_eq!(later["metadata"]["createdBy"], peer.emulator.username());
    refused(&peer, "POST", "/um/users", &ann().to_string(), 422, "exists already").await;
    refused(&peer, "POST", "/um/users", r#"{"properties":{"firstname":"A"}}"#, 422, "Attribute 'email' is required")
        .await;
    refused(&peer, "POST", "/um/users", "{}", 422, "'properties' is required").await;
}

#[tokio::test]
async fn a_user_who_is_put_is_replaced() {
    let peer = Peer::new().await;
    let id = write(&peer, "POST", "/um/users", &ann()).await["id"].as_str().unwrap().to_owned();
    let path = format!("/um/users/{id}");
    let body = json!({"properties": {"firstname": "Anna", "lastname": "Öz", "email": "anna@example.org", "administrator": true, "active": false}});
    let user = write(&peer, "PUT", &path, &body).await;
    let properties = &user["properties"];
    assert_eq!((&properties["firstname"], &properties["administrator"]), (&json!("Anna"), &json!(true)));
    assert_eq!((&properties["forceSecAuth"], &properties["active"]), (&json!(false), &json!(false)));
    let mut second_factor = body.clone();
    second_factor["properties"]["secAuthActive"] = json!(true);
    refused(&peer, "PUT", &path, &second_factor.to_string(), 422, "secAuthActive").await;
    refused(&peer, "PUT", "/um/users/none", &body.to_string(), 404, "does not exist").await;
}

#[tokio::test]
async fn a_deleted_user_leaves_no_membership_and_what_they_owned_goes_to_the_owner() {
    let peer = Peer::new().await;
    let (user, group, resource, owner) = peer.emulator.edit(|world| {
        let email = "gone@example.org".to_owned();
        let user = world.add_user(NewUser { email, ..NewUser::default() }).unwrap();
        let group = world.add_group("Goers", &["s3Privilege"]);
        world.add_member(&group, &user).unwrap();
        world.add_key(&user).unwrap();
        let resource = world.add_resource(Kind::Pcc, "pcc-gone", Some(&user)).unwrap();
        (user, group, resource, world.owner().clone())
    });
    let answer = peer.call("DELETE", &format!("/um/users/{user}"), None).await;
    accepted(&peer, 202, &answer).await;
    assert_eq!(answer.text, "");
    assert_eq!(peer.get(&format!("/um/users/{user}")).await.status, 404);
    assert_eq!(peer.ids(&format!("/um/groups/{group}/users")).await.len(), 0);
    assert!(peer.ids(&format!("/um/users/{owner}/owns")).await.contains(&resource.to_string()));
    let answer = peer.call("DELETE", &format!("/um/users/{owner}"), None).await;
    assert_eq!(answer.problem().0, 422);
}

#[tokio::test]
async fn a_deleted_group_leaves_no_membership_and_no_share() {
    let mut peer = Peer::new().await;
    peer.version = Version::V5;
    let (group, user, resource) = peer.emulator.edit(|world| {
        let group = world.add_group("Goers", &[]);
        let user = world.users().next().unwrap().id.clone();
        let resource = world.resources().next().unwrap().id.clone();
        world.add_member(&group, &user).unwrap();
        world.share(&group, &resource, Share::default()).unwrap();
        (group.to_string(), user, resource)
    });
    assert!(peer.ids(&format!("/um/users/{user}/groups")).await.contains(&group));
    let answer = peer.call("DELETE", &format!("/um/groups/{group}"), None).await;
    accepted(&peer, 202, &answer).await;
    assert_eq!(answer.text, "{}");
    assert!(!peer.ids(&format!("/um/users/{user}/groups")).await.contains(&group));
    let seeing = peer.emulator.read(|world| world.groups_seeing(&resource).any(|id| **id == group));
    assert!(!seeing);
}

#[tokio::test]
async fn groups_may_share_a_name_and_a_put_replaces_the_privileges_the_version_knows() {
    let mut peer = Peer::new().await;
    let body = json!({"properties": {"name": "Twins", "s3Privilege": true, "manageDBaaS": true}});
    let first = write(&peer, "POST", "/um/groups", &body).await;
    let second = write(&peer, "POST", "/um/groups", &body).await;
    assert_ne!(first["id"], second["id"]);
    refused(&peer, "POST", "/um/groups", r#"{"properties":{}}"#, 422, "Attribute 'name' is required").await;
    refused(&peer, "POST", "/um/groups", r#"{"properties":{"name":"x","flyToTheMoon":true}}"#, 422, "flyToTheMoon")
        .await;

    let path = format!("/um/groups/{}", first["id"].as_str().unwrap());
    peer.version = Version::V5;
    write(&peer, "PUT", &path, &json!({"properties": {"name": "Twin", "reserveIp": true}})).await;
    peer.version = Version::V6;
    let properties = peer.read(&path).await["properties"].clone();
    let held: Vec<&str> =
        properties.as_object().unwrap().iter().filter(|(_, v)| **v == json!(true)).map(|(k, _)| k.as_str()).collect();
    assert_eq!((held, &properties["name"]), (vec!["manageDBaaS", "reserveIp"], &json!("Twin")));
}

#[tokio::test]
async fn members_join_by_id_and_leave_once() {
    let peer = Peer::new().await;
    let group = peer.emulator.edit(|world| world.add_group("Joiners", &[]));
    let user = peer.ids("/um/users?limit=1").await.remove(0);
    let members = format!("/um/groups/{group}/users");
    let joined = write(&peer, "POST", &members, &json!({"id": user})).await;
    assert_eq!((&joined["id"], &joined["type"]), (&json!(user), &json!("user")));
    assert_eq!(peer.ids(&members).await, std::slice::from_ref(&user));
    refused(&peer, "POST", &members, "{}", 422, "'id' is required").await;
    refused(&peer, "POST", &members, r#"{"id":"none"}"#, 404, "does not exist").await;
    let membership = format!("{members}/{user}");
    accepted(&peer, 202, &peer.call("DELETE", &membership, None).await).await;
    assert_eq!(peer.call("DELETE", &membership, None).await.status, 404);
}

#[tokio::test]
async fn a_share_is_made_once_and_keeps_the_flag_that_a_put_does_not_name() {
    let peer = Peer::new().await;
    let group = peer.emulator.edit(|world| world.add_group("Sharers", &[]));
    let resource = peer.ids("/um/resources/datacenter").await.remove(0);
    let path = format!("/um/groups/{group}/shares/{resource}");
    let share = write(&peer, "POST", &path, &json!({"properties": {"sharePrivilege": true}})).await;
    assert_eq!(share["properties"], json!({"editPrivilege": false, "sharePrivilege": true}));
    refused(&peer, "POST", &path, r#"{"properties":{}}"#, 422, "shared with the group already").await;
    let share = write(&peer, "PUT", &path, &json!({"properties": {"editPrivilege": true}})).await;
    assert_eq!(share["properties"], json!({"editPrivilege": true, "sharePrivilege": true}));
    accepted(&peer, 202, &peer.call("DELETE", &path, None).await).await;
    assert_eq!(peer.get(&path).await.status, 404);
    refused(&peer, "PUT", &path, r#"{"properties":{}}"#, 404, "does not exist").await;
}

#[tokio::test]
async fn a_key_needs_the_privilege_and_five_are_enough() {
    let peer = Peer::new().await;
    let (user, group) = peer.emulator.edit(|world| {
        let email = "keys@example.org".to_owned();
        let user = world.add_user(NewUser { email, ..NewUser::default() }).unwrap();
        (user, world.add_group("Key holders", &["s3Privilege"]))
    });
    let keys = format!("/um/users/{user}/s3keys");
    let (status, _, text) = peer.call("POST", &keys, None).await.problem();
    assert_eq!(status, 422);
    assert!(text.contains("ACCESS_S3_OBJECT_STORAGE privilege"), "{text}");
    write(&peer, "POST", &format!("/um/groups/{group}/users"), &json!({"id": &*user})).await;
    let answer = peer.call("POST", &keys, None).await;
    accepted(&peer, 200, &answer).await;
    let key = answer.json();
    assert!(key["properties"]["secretKey"].as_str().unwrap().contains(peer.emulator.canary()));
    for _ in 1..5 {
        assert_eq!(peer.call("POST", &keys, None).await.status, 200);
    }
    assert_eq!(peer.call("POST", &keys, None).await.problem().0, 422);
    let path = format!("{keys}/{}", key["id"].as_str().unwrap());
    let off = write(&peer, "PUT", &path, &json!({"properties": {"active": false}})).await;
    assert_eq!(
        (&off["properties"]["active"], &off["properties"]["secretKey"]),
        (&json!(false), &key["properties"]["secretKey"])
    );
    accepted(&peer, 202, &peer.call("DELETE", &path, None).await).await;
    assert_eq!(peer.call("DELETE", &path, None).await.problem().0, 422);
}

#[tokio::test]
async fn writes_are_running_until_they_are_provisioned() {
    let peer = Peer::of(Emulator::builder().provisioning(std::time::Duration::from_hours(1))).await;
    let answer = peer.call("POST", "/um/users", Some(&ann().to_string())).await;
    let path = format!("/um/users/{}", answer.json()["id"].as_str().unwrap());
    let location = answer.header("location").unwrap();
    let request = location.strip_prefix(&peer.emulator.base_url(Version::V6)).unwrap();
    assert_eq!(peer.read(request).await["metadata"]["status"], "RUNNING");
    assert_eq!(peer.read(&path).await["properties"]["s3CanonicalUserId"], Value::Null);
    peer.emulator.set_now(peer.emulator.now() + chrono::TimeDelta::hours(2));
    assert_eq!(peer.read(request).await["metadata"]["status"], "DONE");
    assert_ne!(peer.read(&path).await["properties"]["s3CanonicalUserId"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_read_is_400_and_other_types_are_415() {
    let peer = Peer::new().await;
    refused(&peer, "POST", "/um/users", "{", 400, "cannot be parsed").await;
    refused(&peer, "POST", "/um/users", "[]", 400, "not an object").await;
    refused(&peer, "POST", "/um/users", r#"{"properties":{"email":7}}"#, 422, "must be a string").await;
    let headers = format!("Authorization: {}\r\nContent-Type: text/xml\r\n", peer.authorization);
    assert_eq!(peer.send("POST", "/um/users", &headers, "<a/>").await.problem().0, 415);
    assert_eq!(peer.call("PATCH", "/um/users", Some("{}")).await.problem().0, 405);
    assert_eq!(peer.call("DELETE", "/um/resources", None).await.problem().0, 405);
    assert_eq!(peer.emulator.read(|world| world.users().count()), 130);
}
