//! All thirty operations, once each: what goes in is what comes out, and nothing else is sent.

use std::collections::{BTreeMap, BTreeSet};

use emulator::Emulator;
use keyholder::api::operation::{READS, SIGN_ON, WRITES};
use keyholder::api::write::{GroupWrite, ShareWrite, UserWrite, Written};
use keyholder::api::{Depth, Page, read, write};
use keyholder::domain::id::{GroupId, KeyId, ResourceId, UserId};
use secrecy::ExposeSecret as _;

use crate::support::api::{emulator, reader, sign_on, writer};

/// What the writes make and the reads look at.
struct Made {
    user: UserId,
    group: GroupId,
    resource: ResourceId,
    kind: String,
    key: KeyId,
}

fn request_of<T>(written: &Written<T>) -> &str {
    assert!(written.notes.is_empty(), "{:?}", written.notes);
    assert_eq!(written.receipt.attempts, 1);
    written.request.as_ref().expect("every write answers with a Location").as_str()
}

fn user_to_be() -> UserWrite {
    UserWrite {
        firstname: "Ada".into(),
        lastname: "Löwe".into(),
        email: "Ada.Loewe@example.com".into(),
        password: Some("correct horse battery staple".into()),
        ..UserWrite::default()
    }
}

/// A user, a group with the user in it, a share and a key, each also replaced once: ten writes.
async fn make(emulator: &Emulator, client: &write::Client) -> Made {
    let created = client.create_user(&user_to_be()).await.unwrap();
    request_of(&created);
    let user = created.value.unwrap().user_id().unwrap();
    let renamed = UserWrite { firstname: "Adele".into(), password: None, active: Some(true), ..user_to_be() };
    let replaced = client.replace_user(&user, &renamed).await.unwrap();
    request_of(&replaced);
    let replaced = replaced.value.unwrap().into_domain().unwrap();
    assert_eq!((replaced.id.clone(), replaced.person.firstname.as_deref()), (user.clone(), Some("Adele")));

    let privileges = BTreeMap::from([("s3Privilege".to_owned(), true), ("createPcc".to_owned(), false)]);
    let created = client.create_group(&GroupWrite { name: "lions".into(), privileges }).await.unwrap();
    request_of(&created);
    let group = created.value.unwrap().group_id().unwrap();
    let privileges = BTreeMap::from([("s3Privilege".to_owned(), true), ("reserveIp".to_owned(), true)]);
    let replaced = client.replace_group(&group, &GroupWrite { name: "lionesses".into(), privileges }).await.unwrap();
    request_of(&replaced);
    let replaced = replaced.value.unwrap().into_domain().unwrap();
    assert_eq!(replaced.granted().collect::<Vec<_>>(), ["reserveIp", "s3Privilege"]);

    let added = client.add_group_user(&group, &user).await.unwrap();
    request_of(&added);
    assert_eq!(added.value.unwrap().user_id().unwrap(), user);

    let (resource, kind) = emulator.read(|world| {
        let resource = world.resources().next().unwrap();
        (ResourceId::from(&*resource.id), resource.kind.name().to_owned())
    });
    let flags = ShareWrite { edit_privilege: true, share_privilege: false };
    let created = client.create_share(&group, &resource, flags).await.unwrap();
    request_of(&created);
    assert_eq!(created.value.unwrap().into_domain(group.clone()).unwrap().access().as_str(), "edit");
    let flags = ShareWrite { edit_privilege: false, share_privilege: true };
    let replaced = client.replace_share(&group, &resource, flags).await.unwrap();
    request_of(&replaced);
    assert_eq!(replaced.value.unwrap().into_domain(group.clone()).unwrap().access().as_str(), "share");

    let created = client.create_s3key(&user).await.unwrap();
    request_of(&created);
    assert!(!format!("{created:?}").contains(emulator.canary()));
    let created = created.value.unwrap();
    assert!(created.properties.as_ref().unwrap().secret_key.is_some());
    let key = created.into_domain(user.clone()).unwrap().id;
    let switched = client.replace_s3key(&user, &key, false).await.unwrap();
    request_of(&switched);
    assert_eq!(switched.value.unwrap().into_domain(user.clone()).unwrap().active, Some(false));
    Made { user, group, resource, kind, key }
}

/// The six reads about users and their keys.
async fn read_user(client: &read::Client, made: &Made) {
    let Made { user, group, resource: _, kind: _, key } = made;
    let users = client.users(Page::FIRST, Depth::One).await.unwrap().value;
    let listed = users.items.unwrap().into_iter().find(|item| item.user_id().as_ref() == Ok(user)).unwrap();
    assert_eq!(listed.into_domain().unwrap().person.email.as_deref(), Some("ada.loewe@example.com"));
    let one = client.user(user, Depth::Zero).await.unwrap().value.into_domain().unwrap();
    assert_eq!(one.person.name(), "Adele Löwe");
    let groups = client.user_groups(user, Depth::One).await.unwrap().value.items.unwrap();
    assert!(groups.iter().map(|item| item.group_id().unwrap()).eq([group.clone()]));
    assert_eq!(client.user_owns(user, Depth::One).await.unwrap().value.items.map(|items| items.len()), Some(0));
    let keys = client.user_s3keys(user, Depth::One).await.unwrap().value.items.unwrap();
    let keys: Vec<_> = keys.into_iter().map(|item| item.into_domain(user.clone()).unwrap()).collect();
    assert_eq!(keys.iter().map(|key| (&key.id, key.active)).collect::<Vec<_>>(), [(key, Some(false))]);
    let one = client.user_s3key(user, key, Depth::Zero).await.unwrap().value.into_domain(user.clone()).unwrap();
    assert_eq!(one, keys[0]);
}

/// The nine reads about groups, shares and resources.
async fn read_group(client: &read::Client, made: &Made) {
    let Made { user, group, resource, kind, key: _ } = made;
    let groups = client.groups(Depth::One).await.unwrap().value.items.unwrap();
    let listed = groups.into_iter().find(|item| item.group_id().as_ref() == Ok(group)).unwrap().into_domain().unwrap();
    assert_eq!(listed.name.as_deref(), Some("lionesses"));
    let one = client.group(group, Depth::Zero).await.unwrap().value.into_domain().unwrap();
    assert_eq!(one, listed);
    let members = client.group_users(group, Depth::Zero).await.unwrap().value.items.unwrap();
    assert!(members.iter().map(|item| item.user_id().unwrap()).eq([user.clone()]));

    let visible = client.group_resources(group, Depth::One).await.unwrap().value.items.unwrap();
    let visible: Vec<_> = visible.into_iter().map(|item| item.into_domain().unwrap()).collect();
    assert_eq!(visible.iter().map(|item| &item.id).collect::<Vec<_>>(), [resource]);
    let shares = client.group_shares(group, Depth::One).await.unwrap().value.items.unwrap();
    let shares: Vec<_> = shares.into_iter().map(|item| item.into_domain(group.clone()).unwrap()).collect();
    assert_eq!(
        shares.iter().map(|share| (&share.resource, share.access().as_str())).collect::<Vec<_>>(),
        [(resource, "share")]
    );
    let one = client.group_share(group, resource, Depth::Zero).await.unwrap().value.into_domain(group.clone()).unwrap();
    assert_eq!(one, shares[0]);

    let all = client.resources(Depth::One).await.unwrap().value.items.unwrap();
    let all: Vec<_> = all.into_iter().map(|item| item.into_domain().unwrap()).collect();
    let of_kind = client.resources_of_type(kind, Depth::One).await.unwrap().value.items.unwrap();
    assert_eq!(of_kind.len(), all.iter().filter(|item| item.kind.as_ref() == Some(kind)).count());
    let one = client.resource(kind, resource, Depth::Zero).await.unwrap().value.into_domain().unwrap();
    assert_eq!(Some(&one), all.iter().find(|item| item.id == *resource));
    assert_eq!(visible, [one]);
}

/// The five deletions.
async fn unmake(emulator: &Emulator, client: &write::Client, made: &Made) {
    let Made { user, group, resource, kind: _, key } = made;
    request_of(&client.delete_s3key(user, key).await.unwrap());
    request_of(&client.delete_share(group, resource).await.unwrap());
    request_of(&client.remove_group_user(group, user).await.unwrap());
    request_of(&client.delete_group(group).await.unwrap());
    let deleted = client.delete_user(user).await.unwrap();
    request_of(&deleted);
    assert!(deleted.value.is_none());
    emulator.read(|world| assert!(world.user(user.as_str()).is_none() && world.group(group.as_str()).is_none()));
}

#[tokio::test]
async fn all_thirty_operations_work_and_nothing_else_is_sent() {
    let emulator = emulator().await;
    let (reader, writer) = (reader(&emulator), writer(&emulator));
    let made = make(&emulator, &writer).await;
    read_user(&reader, &made).await;
    read_group(&reader, &made).await;
    let link = sign_on(&emulator).link(&made.user).await.unwrap();
    assert!(link.value.0.expose_secret().contains(emulator.canary()));
    assert!(!format!("{link:?}").contains("CANARY"));
    unmake(&emulator, &writer, &made).await;

    let sent: BTreeSet<_> = emulator.counters().requests.into_keys().collect();
    let documented: BTreeSet<_> = [READS, WRITES, SIGN_ON]
        .concat()
        .iter()
        .map(|operation| (operation.method.as_str().to_owned(), operation.template.to_owned()))
        .collect();
    assert_eq!(documented.len(), 30);
    assert_eq!(sent, documented);
    assert_eq!((emulator.counters().total, emulator.counters().writes), (30, 14));
}

#[tokio::test]
async fn a_write_can_be_asked_about() {
    let emulator = emulator().await;
    let client = writer(&emulator);
    let written = client.create_group(&GroupWrite { name: "new".into(), ..GroupWrite::default() }).await.unwrap();
    let status = client.request_status(&written.request.unwrap()).await.unwrap();
    assert!(status.notes.is_empty(), "{:?}", status.notes);
    let status = status.value.metadata.unwrap().status.unwrap();
    assert!(["QUEUED", "RUNNING", "DONE"].contains(&&*status), "{status}");
}

#[tokio::test]
async fn a_write_that_failed_is_not_sent_again() {
    let emulator = emulator().await;
    let rule = emulator.fail(emulator::Rule::on("*", "/um/groups").status(503));
    let error = writer(&emulator).create_group(&GroupWrite::default()).await.unwrap_err();
    assert!(error.is_retryable(), "the fault is of the kind that passes, and still:");
    assert_eq!((error.attempts, rule.fired()), (1, 1));
}

#[tokio::test]
async fn a_refused_write_says_why_in_our_words() {
    let emulator = emulator().await;
    let client = writer(&emulator);
    let error = client.create_user(&UserWrite { email: String::new(), ..user_to_be() }).await.unwrap_err();
    let base = emulator.base_url(emulator::Version::V6);
    assert_eq!(error.to_string(), format!("POST /um/users at {base} (attempts: 1)"));
    assert!(error.fault.to_string().starts_with("refused with status 422"), "{}", error.fault);
    let nobody = emulator.read(|world| {
        let without = world.users().find(|user| !world.has_s3_privilege(&user.id)).unwrap();
        UserId::from(&*without.id)
    });
    let error = client.create_s3key(&nobody).await.unwrap_err();
    assert!(
        error.fault.to_string().ends_with("the user needs a group with the object storage privilege"),
        "{}",
        error.fault
    );
    assert!(error.hint().is_some());
}
