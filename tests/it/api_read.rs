//! The reading client against the emulator: what it decodes is what the contract holds.

use std::collections::{BTreeMap, BTreeSet};

use emulator::{Deep, Emulator};
use keyholder::api::settings::{Credentials, Version};
use keyholder::api::{Depth, Page, read};
use keyholder::domain::id::{GroupId, UserId};

use crate::support::api::{emulator, reader, seams, settings};

/// All users, from all pages.
async fn all_users(client: &read::Client) -> Vec<keyholder::domain::user::User> {
    let mut walk = client.all_users(Depth::One);
    let mut users = Vec::new();
    while let Some(page) = walk.next().await {
        let page = page.unwrap();
        assert!(page.notes.is_empty(), "{:?}", page.notes);
        assert!(page.value.repeated.is_empty());
        users.extend(page.value.users.into_iter().map(|user| user.into_domain().unwrap()));
    }
    users
}

#[tokio::test]
async fn every_user_is_read_with_everything_about_them() {
    let emulator = Emulator::builder().seed(3).users(230).start().await.unwrap();
    let read = all_users(&reader(&emulator)).await;
    let in_world = emulator.read(|world| world.users().cloned().collect::<Vec<_>>());
    assert_eq!(read.len(), in_world.len());
    for (user, truth) in read.iter().zip(&in_world) {
        assert_eq!(user.id.as_str(), &*truth.id);
        assert_eq!(user.person.email.as_deref(), Some(&*truth.email));
        assert_eq!(user.person.firstname.as_deref(), Some(&*truth.firstname));
        assert_eq!(user.person.lastname.as_deref(), Some(&*truth.lastname));
        assert_eq!(user.administrator, Some(truth.administrator));
        assert_eq!(user.force_sec_auth, Some(truth.force_sec_auth));
        assert_eq!(user.sec_auth_active, Some(truth.sec_auth_active));
        assert_eq!(user.active, Some(truth.active));
        assert_eq!(user.created.map(|at| at.timestamp()), Some(truth.created.at.timestamp()));
        assert_eq!(user.last_login.value().map(chrono::DateTime::timestamp), truth.last_login.map(|at| at.timestamp()));
        assert_eq!(user.attribution.created_by.as_deref(), Some(&*truth.created.by.name));
        assert!(user.extra.is_empty());
    }
    let counters = emulator.counters();
    assert_eq!((counters.total, counters.writes), (keyholder::api::pages::requests(in_world.len() as u64), 0));
}

#[tokio::test]
async fn every_group_is_read_with_members_and_shares() {
    let emulator = emulator().await;
    let client = reader(&emulator);
    let groups = client.groups(Depth::One).await.unwrap();
    assert!(groups.notes.is_empty(), "{:?}", groups.notes);
    let groups: Vec<_> = groups.value.items.unwrap().into_iter().map(|group| group.into_domain().unwrap()).collect();
    let in_world = emulator.read(|world| world.groups().cloned().collect::<Vec<_>>());
    assert_eq!(groups.len(), in_world.len());
    for (group, truth) in groups.iter().zip(&in_world) {
        assert_eq!((group.id.as_str(), group.name.as_deref()), (&*truth.id, Some(&*truth.name)));
        for (name, granted) in &group.privileges {
            assert_eq!(*granted, truth.has(name), "{name}");
        }
        assert_eq!(group.privileges.len(), 25);

        let members = client.group_users(&group.id, Depth::Zero).await.unwrap().value.items.unwrap();
        let members: BTreeSet<String> = members.iter().map(|user| user.user_id().unwrap().to_string()).collect();
        let truth_members = emulator.read(|world| world.members(&truth.id).map(ToString::to_string).collect());
        assert_eq!(members, truth_members);

        let shares = client.group_shares(&group.id, Depth::One).await.unwrap().value.items.unwrap();
        let shares: BTreeMap<String, (Option<bool>, Option<bool>)> = shares
            .into_iter()
            .map(|share| share.into_domain(group.id.clone()).unwrap())
            .map(|share| (share.resource.to_string(), (share.edit_privilege, share.share_privilege)))
            .collect();
        let truth_shares = emulator.read(|world| {
            world.shares(&truth.id).map(|(id, share)| (id.to_string(), (Some(share.edit), Some(share.share)))).collect()
        });
        assert_eq!(shares, truth_shares);
    }
}

#[tokio::test]
async fn every_key_is_read_without_its_secret() {
    let emulator = emulator().await;
    let client = reader(&emulator);
    let users: Vec<UserId> = emulator.read(|world| world.users().map(|user| UserId::from(&*user.id)).collect());
    let mut seen = 0;
    for user in users {
        let keys = client.user_s3keys(&user, Depth::One).await.unwrap();
        assert!(!format!("{keys:?}").contains("CANARY"));
        let keys = keys.value.items.unwrap();
        assert!(keys.iter().all(|key| key.properties.as_ref().unwrap().secret_key.is_some()));
        let truth = emulator.read(|world| world.keys(user.as_str()).cloned().collect::<Vec<_>>());
        assert_eq!(keys.len(), truth.len());
        for (key, truth) in keys.into_iter().map(|key| key.into_domain(user.clone()).unwrap()).zip(truth) {
            assert_eq!((key.id.as_str(), key.active), (&*truth.id, Some(truth.active)));
            assert_eq!(key.created.unwrap().timestamp(), truth.created.at.timestamp());
            seen += 1;
        }
    }
    assert!(seen > 0, "the contract must have keys for this to mean anything");
}

#[tokio::test]
async fn a_list_that_is_not_expanded_is_not_an_empty_one() {
    let emulator = emulator().await;
    emulator.set_deep(Deep::Clamp);
    let group = emulator.edit(|world| world.add_group("empty", &[]));
    let client = reader(&emulator);
    let answer = client.group(&GroupId::from(&*group), Depth::Zero).await.unwrap();
    assert!(answer.value.entities.unwrap().users.unwrap().items.is_none());
    let members = client.group_users(&GroupId::from(&*group), Depth::Zero).await.unwrap();
    assert_eq!(members.value.items.map(|items| items.len()), Some(0));
}

#[tokio::test]
async fn both_shapes_of_contracts_are_read() {
    let emulator = emulator().await;
    for version in [Version::V5, Version::V6] {
        let client = read::Client::new(&settings(&emulator, version), seams()).unwrap();
        let answer = client.contracts().await.unwrap();
        assert!(answer.notes.is_empty(), "{version:?}: {:?}", answer.notes);
        let contracts = answer.value.unwrap();
        assert_eq!(contracts.len(), 1);
        let contract = contracts.into_iter().next().unwrap().into_domain().unwrap();
        let owner = emulator.read(|world| world.user(world.owner()).unwrap().email.clone());
        assert_eq!(contract.number.0, emulator.contract_number());
        assert_eq!(contract.owner.email, Some(owner));
        assert_eq!(contract.status.as_deref(), Some("BILLABLE"));
        let service = client.service().await.unwrap().value;
        assert_eq!(service.name.as_deref(), Some("CLOUD API"));
    }
}

#[tokio::test]
async fn the_older_dialect_is_read_with_its_nine_privileges() {
    let emulator = emulator().await;
    let client = read::Client::new(&settings(&emulator, Version::V5), seams()).unwrap();
    let groups = client.groups(Depth::One).await.unwrap();
    assert!(groups.notes.is_empty(), "{:?}", groups.notes);
    for group in groups.value.items.unwrap() {
        assert_eq!(group.into_domain().unwrap().privileges.len(), 9);
    }
    let users = client.users(Page::FIRST, Depth::One).await.unwrap();
    assert!(users.notes.is_empty(), "{:?}", users.notes);
}

#[tokio::test]
async fn name_and_password_serve_as_well_as_a_token() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator, Version::V6);
    settings.credentials =
        Credentials::Basic { username: emulator.username().to_owned(), password: emulator.password().into() };
    settings.contract_number = Some(emulator.contract_number());
    let client = read::Client::new(&settings, seams()).unwrap();
    let answer = client.users(Page { offset: 0, limit: 1 }, Depth::Zero).await.unwrap();
    assert_eq!(answer.value.items.unwrap().len(), 1);
    assert_eq!(answer.receipt.attempts, 1);
    assert!(answer.receipt.bytes > 0);
    assert_eq!(answer.receipt.server_date.map(|at| at.timestamp()), Some(emulator.now().timestamp()));
    let rate = client.rate().unwrap();
    assert!(rate.limit.is_some() && rate.remaining.is_some() && rate.burst.is_some());
}
