//! Kind L of the cases: small lists are guarded like large ones, and an id is the same in every spelling.

use emulator::faults::{Distortion, Effect, Items, Spelling};
use emulator::{Emulator, Rule};
use keyholder::domain::coverage::Scope;
use keyholder::domain::notice::Notice;

use crate::support::site::{Collected, Site, hide_last_user, lie};

/// A contract with so many users.
async fn site(users: usize) -> Site {
    Site::begun(Emulator::builder().seed(5).users(users).start().await.unwrap()).await
}

fn groups(site: &Site) -> u64 {
    site.emulator.read(|world| world.groups().count() as u64)
}

/// Expects that a list which once shows only so many ends nothing.
async fn check_once(site: &Site, path: &str, keep: usize) {
    let fault = site.emulator.fail(lie(path, Items::Keep(keep)).times(1));
    let collected = site.collect().await;
    assert_eq!((fault.fired(), collected.endings().as_str()), (1, "partial -0 ~0"), "{path} {keep}");
    let list = path.rsplit_once('/').map_or(path, |(_, list)| list);
    assert!(collected.gaps().contains(&format!("{list}: unstable")), "{path} {keep}: {:?}", collected.gaps());
    site.emulator.clear_faults();
    let recovered = site.collect().await;
    assert_eq!((recovered.endings().as_str(), recovered.snapshot.began), ("complete -0 ~0", 0), "{path} {keep}");
}

#[tokio::test]
async fn l1_one_of_a_few_groups_is_doubted() {
    let site = site(30).await;
    let there = usize::try_from(groups(&site)).unwrap();
    assert!((3..=10).contains(&there), "{there} groups");
    for keep in [1, there / 2, there - 1] {
        check_once(&site, "/um/groups", keep).await;
    }
}

#[tokio::test]
async fn l1_one_of_ten_users_is_doubted() {
    let emulator = Emulator::builder().seed(5).users(30).start().await.unwrap();
    let plain: Vec<String> = emulator.read(|world| {
        let plain = world.users().filter(|user| !user.administrator && user.id != *world.owner());
        plain.map(|user| user.id.to_string()).collect()
    });
    emulator.edit(|world| {
        plain.iter().take(20).for_each(|user| world.remove_user(user).unwrap());
        // A member would be read by itself.
        let last = world.users().last().unwrap().id.clone();
        let groups: Vec<_> = world.groups().map(|group| group.id.clone()).collect();
        for group in groups.iter().filter(|group| world.is_member(group, &last)).collect::<Vec<_>>() {
            world.remove_member(group, &last).unwrap();
        }
    });
    let site = Site::begun(emulator).await;
    for keep in [1, 5, 9] {
        // Another page has to bring nobody new, so a short one is seen through.
        let fault = site.emulator.fail(lie("/um/users", Items::Keep(keep)).times(1));
        let collected = site.collect().await;
        let found = (fault.fired(), collected.endings(), collected.snapshot.began);
        assert_eq!(found, (1, "complete -0 ~0".to_owned(), 0), "{keep}");
        site.emulator.clear_faults();
    }
    hide_last_user(&site.emulator, 10);
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.snapshot.began), ("partial -0 ~0", 0));
}

#[tokio::test]
async fn l1_a_small_list_in_which_nothing_known_is_left_is_doubted() {
    let site = site(30).await;
    let group = site.emulator.read(|world| {
        let small = world.groups().find(|group| (1..=10).contains(&world.members(&group.id).count()));
        small.expect("a small group").id.to_string()
    });
    let path = format!("/um/groups/{group}/users");
    // Somebody else in the place of all who were there.
    let other = site.emulator.read(|world| {
        let outside = world.users().find(|user| !world.is_member(&group, &user.id));
        outside.expect("somebody outside").id.to_string()
    });
    let at = |name: &str, value: String| Distortion::Set { at: name.to_owned(), value: value.into() };
    let lie = Distortion::All(vec![Distortion::Items(Items::Keep(1)), at("id", other)]);
    let members = site.emulator.read(|world| world.members(&group).count());
    let lie = if members > 1 { lie } else { at("id", "ffffffff-0000-4000-8000-000000000000".to_owned()) };
    let fault = site.emulator.fail(Rule::on("GET", &path).effect(Effect::Distort(lie)).times(1));
    let collected = site.collect().await;
    assert_eq!((fault.fired(), collected.snapshot.ended), (1, 0), "{:?}", collected.gaps());
    assert!(collected.gaps().contains(&format!("members({group}): unstable")), "{:?}", collected.gaps());
}

#[tokio::test]
async fn l1_a_lost_resource_leaves_less_of_a_list_to_lose() {
    let site = site(40).await;
    let first_of_two: Vec<_> = site.emulator.read(|world| {
        let owned = world.users().map(|user| world.owns(&user.id).cloned().collect::<Vec<_>>());
        owned.filter(|owned| owned.len() == 2).map(|owned| owned[0].clone()).collect()
    });
    assert!(!first_of_two.is_empty(), "nobody owns two resources");
    site.emulator.edit(|world| first_of_two.iter().for_each(|id| world.remove_resource(id).unwrap()));
    site.emulator.fail(lie("/um/users/{userId}/owns", Items::Empty).attempts(1));
    let Collected { snapshot, .. } = site.collect().await;
    let stored = site.store.state(snapshot.contract, snapshot.seq).await.unwrap();
    let lost = site.emulator.read(|world| {
        let owned = world.users().flat_map(|user| world.owns(&user.id).map(|id| (user.id.clone(), id.clone())));
        owned.filter(|(user, id)| !stored.owns.contains_key(&((&**user).into(), (&**id).into()))).count()
    });
    assert_eq!(lost, 0, "ownerships that are there ended");
}

#[tokio::test]
async fn l1_each_user_who_goes_is_asked_for_without_waiting() {
    let site = site(40).await;
    let gone = site.emulator.read(|world| {
        let plain = world.users().find(|user| !user.administrator && user.id != *world.owner());
        plain.expect("an ordinary user").id.to_string()
    });
    site.emulator.edit(|world| world.remove_user(&gone)).unwrap();
    let before = site.emulator.counters();
    let collected = site.collect().await;
    assert_eq!(collected.snapshot.state.as_str(), "complete", "{:?}", collected.gaps());
    assert!(collected.snapshot.ended >= 1 && collected.notices.is_empty(), "{:?}", collected.notices);
    let after = site.emulator.counters();
    let asked = |path: &str| after.of("GET", path) - before.of("GET", path);
    assert_eq!((asked("/um/users/{userId}"), asked("/um/users")), (1, 2));
}

#[tokio::test]
async fn l1_who_cannot_be_asked_for_does_not_end() {
    let emulator = Emulator::builder().seed(5).users(40).memberships(0).start().await.unwrap();
    let site = Site::begun(emulator).await;
    let last = site.emulator.read(|world| world.users().last().unwrap().id.to_string());
    hide_last_user(&site.emulator, 40);
    site.emulator.fail(Rule::on("GET", &format!("/um/users/{last}")).status(403));
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "partial -0 ~0");
    assert!(collected.gaps().contains(&"users: unstable".to_owned()), "{:?}", collected.gaps());
    let reported = Notice::SuspiciousAnswer { scope: Scope::Users, before: 40, vanished: 1, asked: 1, present: 0 };
    assert!(collected.notices.contains(&reported), "{:?}", collected.notices);
}

#[tokio::test]
async fn l1_an_id_is_the_same_in_every_spelling() {
    let site = site(30).await;
    for spelling in [Spelling::Upper, Spelling::Braces, Spelling::Blanks] {
        for path in
            ["/um/users", "/um/groups", "/um/resources", "/um/groups/{groupId}/users", "/um/users/{userId}/owns"]
        {
            let rule = Rule::on("GET", path).effect(Effect::Distort(Distortion::Spell(spelling)));
            let fault = site.emulator.fail(rule);
            let collected = site.collect().await;
            assert!(fault.fired() > 0, "{path}");
            let found = (collected.endings(), collected.snapshot.began);
            assert_eq!(found, ("complete -0 ~0".to_owned(), 0), "{spelling:?} {path}: {:?}", collected.gaps());
            site.emulator.clear_faults();
        }
    }
}
