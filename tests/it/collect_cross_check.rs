//! References that lead nowhere, things that are there twice, and memberships read from both sides.

use emulator::faults::Items;
use emulator::world::{Kind, Share};
use emulator::{Emulator, Rule};
use keyholder::collect::{Limits, Plan, Walk, walk};
use keyholder::domain::coverage::ScopeKind;
use keyholder::domain::notice::Notice;

use crate::support::api::{emulator, reader, seams};
use crate::support::site::{Site, lie};

/// A contract of thirty users, collected once, and from both sides from now on.
async fn both_sides() -> Site {
    let mut site = Site::begun(emulator().await).await;
    site.cross_check = true;
    site
}

/// A group and one of its members.
fn membership(emulator: &Emulator) -> (String, String) {
    emulator.read(|world| {
        let group = world.groups().find(|group| world.members(&group.id).count() > 2).unwrap();
        (group.id.to_string(), world.members(&group.id).last().unwrap().to_string())
    })
}

fn groups(emulator: &Emulator) -> u64 {
    emulator.read(|world| world.groups().count() as u64)
}

#[tokio::test]
async fn two_sides_that_agree_cost_one_request_for_each_user() {
    let site = both_sides().await;
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "complete -0 ~0");
    assert_eq!(collected.snapshot.began, 0);
    assert_eq!(collected.requests, Plan::cross_checked(30, groups(&site.emulator)).requests());
    let sum = collected.coverage.kinds[&ScopeKind::UserGroups];
    assert_eq!((sum.scopes, sum.complete, sum.effort.attempts), (30, 30, 30));
}

#[tokio::test]
async fn a_side_that_was_behind_once_is_settled_by_reading_it_again() {
    let site = both_sides().await;
    let (group, user) = membership(&site.emulator);
    for path in [format!("/um/users/{user}/groups"), format!("/um/groups/{group}/users")] {
        let fault = site.emulator.fail(lie(&path, Items::Keep(0)).times(1));
        let collected = site.collect().await;
        assert_eq!(fault.fired(), 1, "{path}");
        assert_eq!((collected.endings().as_str(), collected.gaps()), ("complete -0 ~0", Vec::new()), "{path}");
        site.emulator.clear_faults();
    }
}

#[tokio::test]
async fn a_user_who_never_agrees_makes_both_sides_unstable() {
    let site = both_sides().await;
    let (group, user) = membership(&site.emulator);
    let fault = site.emulator.fail(lie(&format!("/um/users/{user}/groups"), Items::Keep(0)));
    let collected = site.collect().await;
    assert_eq!(fault.fired(), 4, "once, and three rounds");
    assert_eq!(collected.endings(), "partial -0 ~0");
    let gaps = collected.gaps();
    assert!(gaps.contains(&format!("members({group}): unstable")), "{gaps:?}");
    assert!(gaps.contains(&format!("user-groups({user}): unstable")), "{gaps:?}");
    site.emulator.clear_faults();
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

#[tokio::test]
async fn a_member_whom_only_the_users_side_names_is_not_removed() {
    let site = both_sides().await;
    let (group, user) = membership(&site.emulator);
    let members = site.emulator.read(|world| world.members(&group).count());
    let fault = site.emulator.fail(lie(&format!("/um/groups/{group}/users"), Items::Keep(members - 1)));
    let collected = site.collect().await;
    assert_eq!(fault.fired(), 4);
    assert_eq!(collected.endings(), "partial -0 ~0");
    let expected = [format!("members({group}): unstable"), format!("user-groups({user}): unstable")];
    assert_eq!(collected.gaps(), expected);
}

#[tokio::test]
async fn without_the_second_side_such_a_member_would_have_been_removed() {
    // What the check is for: the same lie, believed.
    let site = Site::begun(emulator().await).await;
    let (group, _) = membership(&site.emulator);
    let members = site.emulator.read(|world| world.members(&group).count());
    site.emulator.fail(lie(&format!("/um/groups/{group}/users"), Items::Keep(members - 1)));
    assert_eq!(site.collect().await.endings(), "complete -1 ~0");
}

#[tokio::test]
async fn a_side_that_cannot_be_read_takes_nothing_from_the_other() {
    let site = both_sides().await;
    let (_, user) = membership(&site.emulator);
    let fault = site.emulator.fail(Rule::on("GET", &format!("/um/users/{user}/groups")).status(403));
    let collected = site.collect().await;
    assert_eq!(fault.fired(), 1);
    assert_eq!(collected.endings(), "partial -0 ~0");
    assert_eq!(collected.gaps(), [format!("user-groups({user}): forbidden")]);
    site.emulator.clear_faults();
    let (group, user) = membership(&site.emulator);
    site.emulator.fail(Rule::on("GET", "/um/users/{userId}/groups").status(403));
    site.emulator.edit(|world| world.remove_member(&group, &user)).unwrap();
    assert_eq!(site.collect().await.endings(), "partial -1 ~0", "the groups' side proves absence by itself");
}

#[tokio::test]
async fn a_group_that_only_users_name_is_read_and_counts() {
    let site = both_sides().await;
    let last = site.emulator.read(|world| world.groups().last().unwrap().id.to_string());
    let count = groups(&site.emulator);
    let user = site.emulator.read(|world| world.users().last().unwrap().id.to_string());
    drop(site.emulator.edit(|world| world.add_member(&last, &user)));
    site.collect().await;
    let fault = site.emulator.fail(lie("/um/groups", Items::Keep(usize::try_from(count).unwrap() - 1)));
    let collected = site.collect().await;
    assert_eq!(fault.fired(), 2, "the list is read once more");
    assert_eq!((collected.endings().as_str(), collected.gaps()), ("complete -0 ~0", Vec::new()));
    let unlisted = Notice::Unlisted { kind: ScopeKind::Groups, count: 1, names: vec![last.clone()] };
    assert_eq!(collected.notices, [unlisted]);
    site.emulator.fail(Rule::on("GET", &format!("/um/groups/{last}")).status(403));
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "partial -0 ~0");
    assert!(collected.gaps().contains(&"groups: unstable".to_owned()), "{:?}", collected.gaps());
}

#[tokio::test]
async fn memberships_in_groups_that_are_not_found_are_named() {
    let site = both_sides().await;
    let user = site.emulator.read(|world| {
        let member = world.groups().find_map(|group| world.members(&group.id).next());
        member.expect("a member").to_string()
    });
    site.emulator.fail(lie(&format!("/um/users/{user}/groups"), Items::Dangling));
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.gaps()), ("complete -0 ~0", Vec::new()));
    let [Notice::DanglingMembers { count: 1, names }] = &collected.notices[..] else {
        panic!("{:?}", collected.notices)
    };
    assert!(names[0].starts_with(&format!("user {user} of group ffffffff-")), "{names:?}");
}

async fn walked(emulator: &Emulator) -> Walk {
    walk(&reader(emulator), &seams(), Limits::default(), &|_| ()).await.unwrap()
}

#[tokio::test]
async fn what_is_listed_twice_with_different_content_is_told_and_the_same_every_time() {
    for (path, kind) in
        [("/um/users", ScopeKind::Users), ("/um/groups", ScopeKind::Groups), ("/um/resources", ScopeKind::Resources)]
    {
        let emulator = emulator().await;
        let fault = emulator.fail(lie(path, Items::TwiceDifferent));
        let first = walked(&emulator).await;
        // Users come on two pages, of which the second brings nobody new.
        let count = if kind == ScopeKind::Users { 2 } else { 1 };
        assert_eq!((u64::from(fault.fired()), first.repeated), (count, count), "{path}");
        assert_eq!(first.notices, [Notice::Repeated { kind, count }], "{path}");
        assert!(first.sightings.coverage().is_complete(), "{path}");
        assert_eq!(format!("{:?}", walked(&emulator).await), format!("{first:?}"), "{path}");
    }
    let emulator = emulator().await;
    let fault = emulator.fail(lie("/um/groups", Items::Twice));
    let walk = walked(&emulator).await;
    assert_eq!((fault.fired(), walk.repeated, walk.notices.len()), (1, 1, 0), "the same again is no contradiction");
}

#[tokio::test]
async fn references_to_what_was_never_listed_are_counted_and_cost_nothing_but_a_look() {
    for (path, kind) in
        [("/um/groups/{groupId}/shares", ScopeKind::Shares), ("/um/users/{userId}/owns", ScopeKind::Owns)]
    {
        let site = Site::begun(emulator().await).await;
        let before = site.emulator.counters().of("GET", "/um/resources");
        let fault = site.emulator.fail(lie(path, Items::Dangling));
        let collected = site.collect().await;
        let count = u64::from(fault.fired());
        assert!(count > 0, "{path}");
        assert_eq!(collected.endings(), "complete -0 ~0", "{path}");
        assert_eq!(collected.snapshot.began, count, "{path}");
        assert_eq!(collected.notices, [Notice::Dangling { kind, count }], "{path}");
        assert_eq!(site.emulator.counters().of("GET", "/um/resources") - before, 2, "{path}");
    }
}

/// A site whose youngest resource is a shared one.
async fn with_a_shared_resource() -> (Site, String, usize) {
    let emulator = emulator().await;
    let (id, count) = emulator.edit(|world| {
        let id = world.add_resource(Kind::Datacenter, "youngest", None).unwrap();
        let group = world.groups().next().unwrap().id.clone();
        world.share(&group, &id, Share::default()).unwrap();
        (id.to_string(), world.resources().count())
    });
    (Site::begun(emulator).await, id, count)
}

#[tokio::test]
async fn a_resource_that_is_shared_and_not_listed_is_read_and_counts() {
    let (site, id, count) = with_a_shared_resource().await;
    let fault = site.emulator.fail(lie("/um/resources", Items::Keep(count - 1)));
    let collected = site.collect().await;
    assert_eq!(fault.fired(), 2, "the list was read again");
    assert_eq!((collected.endings().as_str(), collected.gaps()), ("complete -0 ~0", Vec::new()));
    assert_eq!(collected.notices, [Notice::Unlisted { kind: ScopeKind::Resources, count: 1, names: vec![id.clone()] }]);
    assert_eq!(site.emulator.counters().of("GET", "/um/resources/{resourceType}/{resourceId}"), 1);

    // Left out once only: the second look finds it.
    site.emulator.clear_faults();
    let fault = site.emulator.fail(lie("/um/resources", Items::Keep(count - 1)).times(1));
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
    assert_eq!(fault.fired(), 1);

    // Really gone by the time it is asked for: so is what refers to it.
    site.emulator.clear_faults();
    site.emulator.fail(lie("/um/resources", Items::Keep(count - 1)));
    let fault = site.emulator.fail(Rule::on("GET", &format!("/um/resources/datacenter/{id}")).status(404));
    assert_eq!(site.collect().await.endings(), "complete -2 ~0");
    assert_eq!(fault.fired(), 1);
}
