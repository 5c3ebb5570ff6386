//! Lists that collapse: what is really gone ends and is reported of, what is not never ends, and both are asked for again.

use emulator::faults::Items;
use emulator::{Emulator, Rule};
use keyholder::domain::coverage::{Scope, ScopeKind};
use keyholder::domain::notice::Notice;

use crate::support::site::{Site, lie};

async fn site() -> Site {
    Site::begun(Emulator::builder().seed(5).users(150).start().await.unwrap()).await
}

/// Users whom nobody needs to sign in or to administer, oldest first.
fn plain_users(emulator: &Emulator) -> Vec<String> {
    emulator.read(|world| {
        let plain = world.users().filter(|user| !user.administrator && user.id != *world.owner());
        plain.map(|user| user.id.to_string()).collect()
    })
}

/// The group with the most members, and how many they are.
fn largest_group(emulator: &Emulator) -> (String, u64) {
    emulator.read(|world| {
        let groups = world.groups().map(|group| (group.id.to_string(), world.members(&group.id).count() as u64));
        groups.max_by_key(|(_, members)| *members).unwrap()
    })
}

/// Whose only key it is.
fn holder_of_one_key(emulator: &Emulator) -> (String, String) {
    emulator.read(|world| {
        let one = world.users().find(|user| world.keys(&user.id).count() == 1).unwrap();
        (one.id.to_string(), world.keys(&one.id).next().unwrap().id.to_string())
    })
}

fn groups(emulator: &Emulator) -> u64 {
    emulator.read(|world| world.groups().count() as u64)
}

#[tokio::test]
async fn many_users_who_are_really_gone_end_with_one_notice() {
    let site = site().await;
    let gone: Vec<String> = plain_users(&site.emulator).into_iter().take(40).collect();
    site.emulator.edit(|world| gone.iter().for_each(|id| world.remove_user(id).unwrap()));
    let before = site.emulator.counters();
    let collected = site.collect().await;
    assert!(collected.snapshot.is_complete(), "{:?}", collected.gaps());
    assert!(collected.snapshot.ended >= 40);
    let reported = Notice::MassRemoval { scope: Scope::Users, before: 150, vanished: 40, asked: 40 };
    let own = collected.notices.iter().filter(|notice| notice.scope().is_none_or(|scope| scope.parent().is_none()));
    assert_eq!(own.collect::<Vec<_>>(), [&reported]);
    let after = site.emulator.counters();
    assert_eq!(after.of("GET", "/um/users/{userId}") - before.of("GET", "/um/users/{userId}"), 40);
    // Three requests for 110 users, twice.
    assert_eq!(after.of("GET", "/um/users") - before.of("GET", "/um/users"), 6);
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

#[tokio::test]
async fn members_who_left_with_their_accounts_are_not_told_again() {
    let site = site().await;
    let (group, members) = largest_group(&site.emulator);
    assert!(members > 10);
    let gone: Vec<String> = site.emulator.read(|world| {
        let plain = plain_users(&site.emulator);
        world.members(&group).map(ToString::to_string).filter(|id| plain.contains(id)).collect()
    });
    assert!(gone.len() > 15, "{} plain members", gone.len());
    site.emulator.edit(|world| gone.iter().for_each(|id| world.remove_user(id).unwrap()));
    let collected = site.collect().await;
    assert!(collected.snapshot.is_complete(), "{:?}", collected.gaps());
    assert!(!collected.notices.iter().any(|notice| notice.parts().kind == Some(ScopeKind::Members)));
    assert!(matches!(&collected.notices[..], [Notice::MassRemoval { scope: Scope::Users, .. }]));
}

#[tokio::test]
async fn members_who_are_really_gone_are_confirmed_from_their_side() {
    let site = site().await;
    let (group, before) = largest_group(&site.emulator);
    let members: Vec<String> = site.emulator.read(|world| world.members(&group).map(ToString::to_string).collect());
    site.emulator.edit(|world| members.iter().for_each(|user| world.remove_member(&group, user).unwrap()));
    let collected = site.collect().await;
    assert_eq!(collected.endings(), format!("complete -{before} ~0"));
    let scope = Scope::Members(group.as_str().into());
    assert_eq!(collected.notices, [Notice::MassRemoval { scope, before, vanished: before, asked: before.min(20) }]);
    assert_eq!(site.emulator.counters().of("GET", "/um/users/{userId}/groups"), before.min(20));
}

/// Expects that nothing ends under that lie, that the one scope is unstable and reported of, and that all is well afterwards.
async fn check_lie(site: &Site, rule: Rule, scope: Scope, asked: u64, present: u64) {
    let fault = site.emulator.fail(rule);
    let collected = site.collect().await;
    assert!(fault.fired() > 0, "the lie was sent");
    assert_eq!(collected.endings(), "partial -0 ~0", "{:?}", collected.gaps());
    assert_eq!(collected.snapshot.began, 0);
    assert_eq!(collected.gaps(), [format!("{scope}: unstable")]);
    let reported: Vec<_> = collected.notices.iter().filter(|notice| notice.scope() == Some(&scope)).collect();
    let [Notice::SuspiciousAnswer { asked: really_asked, present: really_present, .. }] = reported[..] else {
        panic!("{:?}", collected.notices)
    };
    assert_eq!((*really_asked, *really_present), (asked, present));
    assert_eq!(collected.notices.len(), 1, "{:?}", collected.notices);
    site.emulator.clear_faults();
    let recovered = site.collect().await;
    assert_eq!((recovered.endings().as_str(), recovered.notices.len()), ("complete -0 ~0", 0));
}

#[tokio::test]
async fn a_list_that_is_empty_once_removes_nobody_and_the_second_look_reads_everything() {
    let site = site().await;
    let there = groups(&site.emulator);
    check_lie(&site, lie("/um/groups", Items::Empty).attempts(1), Scope::Groups, 0, there).await;
}

#[tokio::test]
async fn users_who_are_missing_once_are_not_removed() {
    let site = Site::begun(Emulator::builder().seed(5).users(80).start().await.unwrap()).await;
    let fault = site.emulator.fail(lie("/um/users", Items::Empty).times(1));
    let collected = site.collect().await;
    assert_eq!((fault.fired(), collected.endings().as_str()), (1, "complete -0 ~0"), "another pass reads them");
}

#[tokio::test]
async fn a_list_that_stays_collapsed_is_contradicted_by_what_it_left_out() {
    let site = site().await;
    let fault = site.emulator.fail(lie("/um/resources", Items::Keep(3)));
    let collected = site.collect().await;
    assert_eq!(fault.fired(), 2);
    assert_eq!(collected.endings(), "partial -0 ~0");
    assert_eq!(collected.gaps(), ["resources: unstable"]);
    let before = site.emulator.read(|world| world.resources().count() as u64);
    let (vanished, scope) = (before - 3, Scope::Resources);
    let reported = Notice::SuspiciousAnswer { scope, before, vanished, asked: 20, present: 20 };
    assert_eq!(collected.notices, [reported]);
}

#[tokio::test]
async fn groups_that_stay_away_are_contradicted_one_by_one() {
    let site = site().await;
    let fault = site.emulator.fail(lie("/um/groups", Items::Empty));
    let collected = site.collect().await;
    assert_eq!(fault.fired(), 2);
    assert_eq!(collected.endings(), "partial -0 ~0");
    let before = groups(&site.emulator);
    let reported =
        Notice::SuspiciousAnswer { scope: Scope::Groups, before, vanished: before, asked: before, present: before };
    assert_eq!(collected.notices, [reported]);
    site.emulator.clear_faults();
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

#[tokio::test]
async fn what_a_group_or_user_holds_is_not_removed_by_an_empty_list() {
    let site = site().await;
    let (group, members) = largest_group(&site.emulator);
    let members_path = format!("/um/groups/{group}/users");
    let scope = Scope::Members(group.as_str().into());
    check_lie(&site, lie(&members_path, Items::Empty).attempts(1), scope.clone(), 0, members).await;
    let asked = members.min(20);
    check_lie(&site, lie(&members_path, Items::Empty), scope, asked, asked).await;

    let shares = site.emulator.read(|world| world.shares(&group).count() as u64);
    let shares_path = format!("/um/groups/{group}/shares");
    let asked = shares.min(20);
    check_lie(&site, lie(&shares_path, Items::Empty), Scope::Shares(group.as_str().into()), asked, asked).await;

    let (user, _) = holder_of_one_key(&site.emulator);
    let keys_path = format!("/um/users/{user}/s3keys");
    check_lie(&site, lie(&keys_path, Items::Empty), Scope::Keys(user.as_str().into()), 1, 1).await;
}

#[tokio::test]
async fn an_ownership_is_believed_gone_when_two_readings_agree_and_not_before() {
    let site = site().await;
    let (user, owned) = site.emulator.read(|world| {
        let owners = world.users().map(|user| (user.id.to_string(), world.owns(&user.id).count() as u64));
        owners.max_by_key(|(_, owned)| *owned).unwrap()
    });
    let path = format!("/um/users/{user}/owns");
    check_lie(&site, lie(&path, Items::Empty).attempts(1), Scope::Owns(user.as_str().into()), 0, owned).await;
    let resources: Vec<String> = site.emulator.read(|world| world.owns(&user).map(ToString::to_string).collect());
    site.emulator.edit(|world| resources.iter().for_each(|id| world.set_owner(id, None).unwrap()));
    let collected = site.collect().await;
    assert_eq!(collected.endings(), format!("complete -{owned} ~0"));
    let scope = Scope::Owns(user.as_str().into());
    assert_eq!(collected.notices, [Notice::MassRemoval { scope, before: owned, vanished: owned, asked: 0 }]);
}

#[tokio::test]
async fn somebodys_only_key_is_confirmed_gone_without_a_word_about_mass() {
    let site = site().await;
    let (user, key) = holder_of_one_key(&site.emulator);
    site.emulator.edit(|world| world.remove_key(&user, &key)).unwrap();
    let before = site.emulator.counters();
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.notices.len()), ("complete -1 ~0", 0));
    let template = "/um/users/{userId}/s3keys/{keyId}";
    assert_eq!(site.emulator.counters().of("GET", template) - before.of("GET", template), 1);
}

#[tokio::test]
async fn the_keys_of_everybody_at_once_are_told_of_once() {
    let site = site().await;
    let fault = site.emulator.fail(lie("/um/users/{userId}/s3keys", Items::Empty));
    let collected = site.collect().await;
    let (holders, keys) = site.emulator.read(|world| {
        let counts: Vec<u64> = world.users().map(|user| world.keys(&user.id).count() as u64).collect();
        (counts.iter().filter(|count| **count > 0).count(), counts.iter().sum::<u64>())
    });
    assert_eq!(u64::from(fault.fired()), 2 * holders as u64, "each list was read twice");
    assert_eq!(collected.endings(), "partial -0 ~0");
    assert_eq!(collected.gaps().len(), holders);
    let (before, vanished, asked, present) = (keys, keys, keys, keys);
    let kind = ScopeKind::Keys;
    assert_eq!(collected.notices, [Notice::SuspiciousAcross { kind, before, vanished, asked, present }]);

    site.emulator.clear_faults();
    site.emulator.edit(|world| {
        let pairs: Vec<_> =
            world.users().flat_map(|user| world.keys(&user.id).map(|key| (user.id.clone(), key.id.clone()))).collect();
        for (user, key) in &pairs {
            world.remove_key(user, key).unwrap();
        }
    });
    let collected = site.collect().await;
    assert_eq!(collected.endings(), format!("complete -{keys} ~0"));
    assert_eq!(collected.notices, [Notice::MassRemovalAcross { kind, before, vanished, asked }]);
}

#[tokio::test]
async fn a_first_look_has_nothing_to_compare_with() {
    let emulator = Emulator::builder().seed(5).users(30).start().await.unwrap();
    let fault = emulator.fail(lie("/um/users/{userId}/s3keys", Items::Empty));
    let site = Site::of(emulator).await;
    let collected = site.collect().await;
    assert!(fault.fired() > 0);
    assert!(collected.snapshot.is_complete() && collected.notices.is_empty());
    let groups = groups(&site.emulator);
    assert_eq!(collected.requests, keyholder::collect::Plan::safe(30, groups).requests());
}

#[tokio::test]
async fn what_cannot_be_read_again_is_not_confirmed() {
    let site = site().await;
    let path = "/um/resources";
    site.emulator.fail(lie(path, Items::Empty).times(1));
    let refused = site.emulator.fail(Rule::on("GET", path).status(403));
    let collected = site.collect().await;
    assert_eq!(refused.fired(), 1);
    assert_eq!(
        (collected.endings().as_str(), collected.gaps()),
        ("partial -0 ~0", vec!["resources: unstable".to_owned()])
    );
    assert!(matches!(&collected.notices[..], [Notice::SuspiciousAnswer { asked: 0, present: 0, .. }]));
}

#[tokio::test]
async fn credentials_that_are_refused_meanwhile_end_the_run() {
    let site = site().await;
    site.emulator.fail(lie("/um/groups", Items::Empty).times(1));
    let refused = site.emulator.fail(Rule::on("GET", "/um/groups").status(401));
    let failure = site.try_collect().await.unwrap_err();
    assert_eq!((refused.fired(), failure.to_string().as_str()), (1, "walk the contract: credentials refused"));
    site.emulator.clear_faults();
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

#[tokio::test]
async fn a_partial_day_between_two_complete_ones_changes_nothing() {
    let site = site().await;
    let (user, _) = holder_of_one_key(&site.emulator);
    let path = format!("/um/users/{user}/s3keys");
    let fault = site.emulator.fail(Rule::on("GET", &path).status(503).times(5));
    let partial = site.collect().await;
    assert_eq!(fault.fired(), 5, "one scope was given up");
    assert_eq!((partial.endings().as_str(), partial.snapshot.began), ("partial -0 ~0", 0));
    assert_eq!(partial.gaps().len(), 1, "{:?}", partial.gaps());
    site.emulator.clear_faults();
    let complete = site.collect().await;
    assert_eq!((complete.endings().as_str(), complete.snapshot.began), ("complete -0 ~0", 0));
    assert_eq!(complete.requests, keyholder::collect::Plan::safe(150, groups(&site.emulator)).requests());
}
