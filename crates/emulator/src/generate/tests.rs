//! The generator: same seed, same contract; sizes and skew as promised.

use std::collections::BTreeSet;

use chrono::TimeZone as _;

use super::*;

fn base() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 6, 1, 6, 0, 0).unwrap()
}

fn made(seed: u64, size: Size) -> (World, Cast) {
    generate(Identity::new(seed, None), size, base())
}

/// Everything that a world says about itself, in one text.
fn reported(world: &World) -> String {
    let users: Vec<_> = world.users().collect();
    let groups: Vec<_> = world.groups().collect();
    let resources: Vec<_> = world.resources().collect();
    format!("{users:#?}{groups:#?}{resources:#?}")
}

fn counted(world: &World) -> Size {
    Size {
        users: world.users().count(),
        groups: world.groups().count(),
        memberships: world.groups().map(|group| world.members(&group.id).count()).sum(),
        shares: world.groups().map(|group| world.shares(&group.id).count()).sum(),
        keys: world.users().map(|user| world.keys(&user.id).count()).sum(),
        resources: world.resources().filter(|resource| resource.owner.is_some()).count(),
    }
}

#[track_caller]
fn check_size(size: Size) {
    let (world, _) = made(7, size);
    assert_eq!(counted(&world), size);
}

#[test]
fn the_same_seed_and_size_give_the_same_contract() {
    let size = Size::of(200);
    let (first, second) = (made(3, size), made(3, size));
    assert_eq!(reported(&first.0), reported(&second.0));
    assert_eq!(first.1, second.1);
    assert_ne!(reported(&first.0), reported(&made(4, size).0));
}

#[test]
fn a_contract_has_exactly_the_size_that_was_asked_for() {
    check_size(Size::of(Size::FEWEST_USERS));
    check_size(Size::of(120));
    check_size(Size { groups: 30, memberships: 1_900, shares: 700, keys: 300, resources: 90, ..Size::of(100) });
}

#[test]

fn the_contract_of_the_budgets_has_its_size() {
    check_size(Size::L);
}

#[test]
fn both_sides_of_every_relation_agree() {
    let (world, _) = made(11, Size::of(150));
    for user in world.users() {
        for group in world.groups_of(&user.id) {
            assert!(world.members(group).any(|id| *id == user.id));
        }
        for resource in world.owns(&user.id) {
            assert_eq!(world.resource(resource).unwrap().owner.as_ref(), Some(&user.id));
        }
    }
    for resource in world.resources() {
        for group in world.groups_seeing(&resource.id) {
            assert!(world.share_of(group, &resource.id).is_some());
        }
    }
}

#[test]
fn a_contract_is_skewed_as_in_life() {
    let (world, cast) = made(5, Size::of(1_000));
    let users: Vec<_> = world.users().collect();
    let count = |fits: &dyn Fn(&crate::world::User) -> bool| users.iter().filter(|user| fits(user)).count();
    let year = TimeDelta::days(95);
    assert!((20..=30).contains(&count(&|user| user.administrator)));
    assert!(count(&|user| user.last_login.is_none()) > 20);
    assert!(count(&|user| user.last_login.is_some_and(|at| base() - at > year)) > 80);
    assert!((650..950).contains(&count(&|user| user.sec_auth_active)));
    assert!(count(&|user| !user.active && world.groups_of(&user.id).next().is_some()) > 5);
    assert!(count(&|user| !user.active && world.keys(&user.id).next().is_some()) > 0);
    assert!(count(&|user| world.keys(&user.id).count() > 1) > 10);
    assert!(count(&|user| (1..=4).contains(&world.groups_of(&user.id).count())) > 600);
    assert!(count(&|user| world.groups_of(&user.id).count() > 8) > 5);

    let sizes: Vec<usize> = world.groups().map(|group| world.members(&group.id).count()).collect();
    assert!(sizes.contains(&0) && sizes.contains(&1));
    assert!(world.group(&cast.almighty).unwrap().privileges.len() > 20);
    assert!(world.members(&cast.almighty).count() >= 2);
    let names: BTreeSet<_> = world.groups().map(|group| &group.name).collect();
    assert!(names.len() < sizes.len(), "no group name is taken twice");

    let kinds: BTreeSet<_> = world.resources().map(|resource| resource.kind).collect();
    assert_eq!(kinds.len(), crate::world::Kind::ALL.len());
    assert!(world.resources().any(|it| it.owner.is_none() && &*it.created.by.name == "System"));
    assert!(world.resources().any(|it| { it.owner.as_ref().is_some_and(|owner| *owner != it.created.by.id) }));
    let shares = || world.groups().flat_map(|group| world.shares(&group.id));
    assert!(shares().any(|(_, share)| share.share) && shares().any(|(_, share)| !share.edit && !share.share));
}

#[test]
fn nothing_in_a_contract_happened_before_its_cause_or_after_the_base() {
    let (world, _) = made(9, Size::of(400));
    for user in world.users() {
        let born = user.created.at;
        assert!(born <= user.modified.at && user.modified.at <= base(), "{user:?}");
        assert!(user.last_login.is_none_or(|at| born <= at && at <= base()), "{user:?}");
        for key in world.keys(&user.id) {
            assert!(born <= key.created.at && key.created.at <= key.modified.at && key.modified.at <= base());
        }
        for id in world.owns(&user.id) {
            let resource = world.resource(id).unwrap();
            assert!(born <= resource.created.at && resource.created.at <= resource.modified.at, "{resource:?}");
        }
    }
}

#[test]
fn every_key_carries_the_canary() {
    let (world, _) = made(2, Size::of(100));
    let canary = Identity::new(2, None).canary;
    assert!(canary.strip_prefix("CANARY-").is_some_and(|hex| hex.len() == 32));
    let mut keys = world.users().flat_map(|user| world.keys(&user.id)).peekable();
    assert!(keys.peek().is_some());
    assert!(keys.all(|key| key.secret.contains(&canary)));
}
