//! The list of users moves while its pages are read: nobody who is there all along is missed, whoever it is.
//!
//! Nobody is in a group here, so that no membership betrays who was overlooked.

use std::collections::BTreeSet;

use emulator::faults::{Edit, Effect, Phase, Place};
use emulator::{Emulator, Fault, Rule};
use keyholder::api::pages::requests;
use keyholder::collect::{Limits, Walk, walk};
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::fact::Kind as FactKind;

use crate::support::api::{reader, seams};
use crate::support::site::Site;

/// Makes a change of the world.
type Make = fn() -> Edit;

/// Four pages and somebody.
const USERS: usize = 350;

async fn contract(users: usize) -> Emulator {
    Emulator::builder().seed(5).users(users).memberships(0).resources(10).keys(0).start().await.unwrap()
}

async fn walked(emulator: &Emulator) -> Walk {
    walk(&reader(emulator), &seams(), Limits::default(), &|_| ()).await.unwrap()
}

fn ids(emulator: &Emulator) -> BTreeSet<String> {
    emulator.read(|world| world.users().map(|user| user.id.to_string()).collect())
}

/// Changes the world at the first request for the page behind so many users.
fn edit(emulator: &Emulator, offset: u64, edit: Edit, phase: Phase) -> Fault {
    let rule = Rule::on("GET", "/um/users").query(&format!("offset={offset}&"));
    emulator.fail(rule.effect(Effect::Edit(edit)).phase(phase).times(1))
}

/// Expects a complete list, in which everybody is who was there before and after.
fn check_nobody_missed(emulator: &Emulator, before: &BTreeSet<String>, walk: &Walk, what: &str) {
    assert_eq!(walk.sightings.scopes[&Scope::Users].0, Status::Complete, "{what}");
    let seen: BTreeSet<String> = walk.sightings.users.iter().map(|user| user.id.to_string()).collect();
    assert_eq!(seen.len(), walk.sightings.users.len(), "{what}: nobody twice");
    let stayed: BTreeSet<String> = before.intersection(&ids(emulator)).cloned().collect();
    assert!(stayed.is_subset(&seen), "{what}: missed {:?}", stayed.difference(&seen).collect::<Vec<_>>());
    assert_eq!(walk.repeated, 0, "{what}: whom two readings name is not a mistake of the server");
}

#[tokio::test]
async fn a_list_of_users_takes_exactly_the_planned_requests() {
    for users in [99, 100, 101, 199, 200, 298, 299, USERS] {
        let emulator = contract(users).await;
        let walk = walked(&emulator).await;
        assert_eq!(emulator.counters().of("GET", "/um/users"), requests(users as u64), "{users} users");
        check_nobody_missed(&emulator, &ids(&emulator), &walk, "nothing happened");
        assert_eq!(walk.sightings.scopes[&Scope::Users].1.items, users as u64, "overlaps are not counted twice");
    }
}

#[tokio::test]
async fn whoever_comes_or_goes_between_two_pages_hides_nobody() {
    let changes: [(&str, Make); 3] = [
        ("the first user goes", || Edit::remove_user(Place::First)),
        ("the last user goes", || Edit::remove_user(Place::Last)),
        ("a user comes", Edit::add_user),
    ];
    let mut passes_again = 0;
    for offset in [0, 99, 198, 297] {
        for phase in [Phase::Before, Phase::After] {
            for (change, make) in changes {
                let what = format!("{change} {phase:?} page {offset}");
                let emulator = contract(USERS).await;
                let before = ids(&emulator);
                let fault = edit(&emulator, offset, make(), phase);
                let walk = walked(&emulator).await;
                assert_eq!(fault.fired(), 1, "{what}");
                check_nobody_missed(&emulator, &before, &walk, &what);
                let asked = emulator.counters().of("GET", "/um/users");
                // A pass, perhaps another one, and the list once more where it names somebody who was not found.
                assert!(asked <= 3 * requests(USERS as u64), "{what}: {asked} requests");
                passes_again += u32::from(asked > requests(USERS as u64));
            }
        }
    }
    // Each of the seven moments behind the first answer at which the first user went was noticed.
    assert!(passes_again >= 7, "{passes_again}");
}

#[tokio::test]
async fn several_changes_at_several_pages_hide_nobody() {
    let emulator = contract(USERS).await;
    let before = ids(&emulator);
    let faults = [
        edit(&emulator, 99, Edit::remove_user(Place::First), Phase::Before),
        edit(&emulator, 198, Edit::remove_user(Place::First), Phase::Before),
        edit(&emulator, 198, Edit::add_user(), Phase::After),
    ];
    let walk = walked(&emulator).await;
    assert!(faults.iter().all(|fault| fault.fired() == 1));
    check_nobody_missed(&emulator, &before, &walk, "three changes");
}

#[tokio::test]
async fn a_list_that_never_stands_still_proves_nothing() {
    let site = Site::begun(contract(USERS).await).await;
    let before = site.emulator.counters().of("GET", "/um/users");
    let fault = site.emulator.fail(Rule::on("GET", "/um/users").effect(Effect::Edit(Edit::remove_user(Place::First))));
    let collected = site.collect().await;
    assert_eq!(collected.gaps().iter().find(|gap| gap.starts_with("users")).unwrap(), "users: unstable");
    assert_eq!(collected.snapshot.total(FactKind::User), USERS as u64, "nobody is removed by a list that moved");
    let asked = site.emulator.counters().of("GET", "/um/users") - before;
    assert_eq!(u64::from(fault.fired()), asked);
    // Two passes end at their second page, the third is read to its end.
    assert_eq!(asked, 2 + 2 + 4);
    site.emulator.clear_faults();
    let settled = site.collect().await;
    assert!(settled.snapshot.is_complete());
    assert_eq!(
        settled.snapshot.total(FactKind::User),
        USERS as u64 - asked,
        "those who went are gone, and nobody else"
    );
}

#[tokio::test]
async fn a_user_who_goes_meanwhile_is_the_only_one_who_ends() {
    let site = Site::begun(contract(USERS).await).await;
    let fault = edit(&site.emulator, 198, Edit::remove_user(Place::First), Phase::Before);
    let collected = site.collect().await;
    assert_eq!(fault.fired(), 1);
    // Seen on the first page of the first pass, then gone or not when asked for what is theirs: never anybody else.
    assert!(collected.snapshot.total(FactKind::User) >= USERS as u64 - 1, "{}", collected.endings());
    assert_eq!(site.collect().await.snapshot.total(FactKind::User), USERS as u64 - 1);
}
