//! Kind A of the cases, references: members, groups and resources that their list does not name are read one by one. What is
//! there counts, what is not found is named, and what was not asked for stays a gap.

use emulator::faults::Items;
use emulator::world::NewUser;
use emulator::{Emulator, Rule};
use keyholder::domain::coverage::ScopeKind;
use keyholder::domain::notice::Notice;

use crate::support::site::{Collected, Site, lie};

/// A contract of so many users, collected once, in which the last of them, so many, are members of a group and hold nothing.
async fn site(users: usize, members: usize) -> (Site, Vec<String>) {
    let emulator = Emulator::builder().seed(5).users(users).memberships(10).resources(5).keys(0).start().await.unwrap();
    let last = emulator.edit(|world| {
        let group = world.groups().next().unwrap().id.clone();
        let last: Vec<_> = world.users().skip(users - members).map(|user| user.id.clone()).collect();
        for user in &last {
            world.add_member(&group, user).unwrap();
        }
        last.iter().map(ToString::to_string).collect()
    });
    (Site::begun(emulator).await, last)
}

/// Leaves the last users off every page: only so many are listed, all of them on one page.
fn hide(site: &Site, listed: usize) {
    site.emulator.fail(lie("/um/users", Items::Keep(1)).query(&format!("offset={}&", listed - 1)));
    site.emulator.fail(lie("/um/users", Items::Keep(listed)).query("offset=0&"));
}

/// Expects that nothing ended or began, and answers with the notices.
#[track_caller]
fn check_complete(collected: &Collected) -> &[Notice] {
    let found = (collected.endings(), collected.snapshot.began);
    assert_eq!(found, ("complete -0 ~0".to_owned(), 0), "{:?}", collected.gaps());
    &collected.notices
}

#[tokio::test]
async fn unlisted_members_who_are_there_count_as_users() {
    let (site, mut hidden) = site(60, 30).await;
    hide(&site, 30);
    hidden.sort();
    hidden.truncate(10);
    for run in 1..=2 {
        let before = site.emulator.counters();
        let collected = site.collect().await;
        let expected = Notice::Unlisted { kind: ScopeKind::Users, count: 30, names: hidden.clone() };
        assert_eq!(check_complete(&collected), [expected], "run {run}");
        let asked = |path: &str| site.emulator.counters().of("GET", path) - before.of("GET", path);
        assert_eq!((asked("/um/users/{userId}"), asked("/um/users")), (30, 4), "the list is read once more");
    }
    site.emulator.clear_faults();
    assert_eq!(check_complete(&site.collect().await), []);
}

#[tokio::test]
async fn more_than_a_hundred_unlisted_members_are_a_gap() {
    let (site, hidden) = site(180, 105).await;
    hide(&site, 75);
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.gaps()[0].as_str()), ("partial -0 ~0", "users: unstable"));
    assert_eq!(site.emulator.counters().of("GET", "/um/users/{userId}"), 100, "{} are hidden", hidden.len());
    site.emulator.clear_faults();
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

#[tokio::test]
async fn an_unlisted_member_who_cannot_be_read_is_a_gap() {
    let (site, hidden) = site(60, 30).await;
    hide(&site, 30);
    site.emulator.fail(Rule::on("GET", &format!("/um/users/{}", hidden[7])).status(403));
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.gaps()[0].as_str()), ("partial -0 ~0", "users: unstable"));
}

#[tokio::test]
async fn memberships_of_users_who_are_not_found_are_named() {
    let builder = Emulator::builder().seed(5).users(40).groups(30).memberships(60).resources(5).keys(0);
    let site = Site::begun(builder.start().await.unwrap()).await;
    let fault = site.emulator.fail(lie("/um/groups/{groupId}/users", Items::Dangling));
    let collected = site.collect().await;
    let count = u64::from(fault.fired());
    assert!(count > 20, "{count} groups name a user who is not there");
    let [Notice::DanglingMembers { count: counted, names }] = check_complete(&collected) else {
        panic!("{:?}", collected.notices)
    };
    assert_eq!((*counted, names.len() as u64), (count, count));
    let groups: Vec<String> = site.emulator.read(|world| {
        let groups = world.groups().filter(|group| world.members(&group.id).next().is_some());
        groups.map(|group| format!("of group {} ({})", group.name, group.id)).collect()
    });
    for group in groups {
        let is_named = |name: &&String| name.starts_with("user ffffffff-") && name.ends_with(&group);
        assert_eq!(names.iter().filter(is_named).count(), 1, "{group}: {names:?}");
    }
    site.emulator.clear_faults();
    assert_eq!(check_complete(&site.collect().await), []);
}

/// Hides new users from the first reading of the list only: a member, and another one if asked for.
async fn check_first_pass(is_other_new: bool) -> Collected {
    let emulator = Emulator::builder().seed(5).users(if is_other_new { 38 } else { 39 }).memberships(10).keys(0);
    let site = Site::begun(emulator.start().await.unwrap()).await;
    site.emulator.edit(|world| {
        let group = world.groups().next().unwrap().id.clone();
        let new = |name: &str| NewUser {
            firstname: name.to_owned(),
            lastname: "New".to_owned(),
            email: format!("{name}@example.org"),
            administrator: false,
            force_sec_auth: false,
            inactive: false,
        };
        if is_other_new {
            world.add_user(new("other")).unwrap();
        }
        let member = world.add_user(new("member")).unwrap();
        world.add_member(&group, &member).unwrap();
    });
    let listed = if is_other_new { 38 } else { 39 };
    site.emulator.fail(lie("/um/users", Items::Keep(1)).query(&format!("offset={}&", listed - 1)).times(1));
    site.emulator.fail(lie("/um/users", Items::Keep(listed)).query("offset=0&").times(1));
    site.collect().await
}

#[tokio::test]
async fn a_member_who_is_listed_later_is_no_notice() {
    let collected = check_first_pass(false).await;
    assert_eq!((collected.endings().as_str(), collected.notices.as_slice()), ("complete -0 ~0", &[][..]));
    assert!(collected.snapshot.began > 1, "the account and its membership");
}

#[tokio::test]
async fn a_list_that_passed_over_another_user_is_a_gap() {
    let collected = check_first_pass(true).await;
    assert_eq!((collected.endings().as_str(), collected.gaps()[0].as_str()), ("partial -0 ~0", "users: unstable"));
}
