//! F1 to F3, F5, F7 to F10: what is broken, refused, busy or slow.

use std::time::Duration;

use emulator::World;
use keyholder::domain::fact::Kind;
use keyholder::exit::Exit;

use super::row::{Row, example, play, sum};

/// What happens beside a fault: a share ends, a member joins, and a user nobody misses comes. Answers with the two that
/// joined, and the share, as lines of facts.
fn change(row: &Row) -> [String; 3] {
    row.emulator.edit(|world| {
        let (group, resource) = shared(world);
        let member = world.users().find(|user| !world.is_member(&group, &user.id)).unwrap().id.clone();
        world.unshare(&group, &resource).unwrap();
        world.add_member(&group, &member).unwrap();
        let new = emulator::world::NewUser {
            firstname: "New".to_owned(),
            lastname: "Comer".to_owned(),
            email: "new.comer@example.org".to_owned(),
            administrator: false,
            force_sec_auth: false,
            inactive: false,
        };
        let user = world.add_user(new).unwrap();
        [format!("member {group} {member}"), format!("user {user}"), format!("share {group} {resource}")]
    })
}

/// A group with shares, and one of them.
fn shared(world: &World) -> (emulator::world::Id, emulator::world::Id) {
    let found = world.groups().find_map(|group| Some((group.id.clone(), world.shares(&group.id).next()?.0.clone())));
    found.expect("a group with a share")
}

#[test]
fn f01_an_endpoint_that_is_broken_for_ever_costs_its_scopes_and_nothing_else() {
    play(30, 16, async |row| {
        let [member, user, share] = change(row);
        let before = row.asked("/um/groups/{groupId}/shares");
        row.arm(&example("F1"));
        let snapshot = row.collect().await.sealed();
        assert_eq!(snapshot.state.as_str(), "partial");
        let (asked, groups) = (row.asked("/um/groups/{groupId}/shares") - before, row.groups());
        assert!((groups..=5 * groups).contains(&asked), "{asked} requests for the shares of {groups} groups");
        row.check_fired(&[u32::try_from(asked).unwrap()]);
        let gaps = row.gaps(&snapshot).await;
        assert_eq!(gaps.len() as u64, groups, "{gaps:#?}");
        assert!(gaps.iter().all(|gap| gap.starts_with("shares(") && gap.contains(": failed (")), "{gaps:#?}");
        assert_eq!(snapshot.ended, 0);
        assert_eq!(row.began(&snapshot, Kind::Member).await, [member]);
        assert_eq!(row.began(&snapshot, Kind::User).await, [user]);
        let last = row.check_recovers().await;
        assert_eq!((row.ended(&last, Kind::Share).await, sum(&last).as_str()), (vec![share], "complete +0 -1 ~0"));
    });
}

#[test]
fn f02_forbidden_shares_of_one_group_are_not_empty() {
    play(30, 1, async |row| {
        let before = row.asked("/um/groups/{groupId}/shares");
        row.arm(&example("F2"));
        let snapshot = row.collect().await.sealed();
        row.check_fired(&[1]);
        assert_eq!(sum(&snapshot), "partial +0 -0 ~0");
        let gaps = row.gaps(&snapshot).await;
        assert!(
            matches!(gaps.as_slice(), [gap] if gap.starts_with("shares(") && gap.ends_with(": forbidden")),
            "{gaps:?}"
        );
        assert_eq!(row.asked("/um/groups/{groupId}/shares") - before, row.groups(), "a refusal is not asked again");
        assert_eq!(sum(&row.check_recovers().await), "complete +0 -0 ~0");
    });
}

#[test]
fn f03_a_list_without_items_is_not_expanded_and_not_empty() {
    play(30, 16, async |row| {
        row.arm(&example("F3"));
        let snapshot = row.collect().await.sealed();
        row.check_fired(&[u32::try_from(row.groups()).unwrap()]);
        assert_eq!(sum(&snapshot), "partial +0 -0 ~0");
        let gaps = row.gaps(&snapshot).await;
        let is_expected = |gap: &String| gap.starts_with("members(") && gap.ends_with(": failed (not expanded)");
        assert!(gaps.len() as u64 == row.groups() && gaps.iter().all(is_expected), "{gaps:#?}");
        assert_eq!(sum(&row.check_recovers().await), "complete +0 -0 ~0");
    });
}

#[test]
fn f05_complete_partial_complete_with_the_same_state_is_no_change() {
    play(30, 1, async |row| {
        row.arm(&example("F5"));
        let partial = row.collect().await.sealed();
        row.check_fired(&[5]);
        assert_eq!(sum(&partial), "partial +0 -0 ~0");
        let coverage = row.coverage(&partial).await;
        assert_eq!((coverage.gaps.len(), coverage.gaps[0].effort.attempts), (1, 5));
        // The faults are used up: nothing has to be lifted for the third.
        let complete = row.collect().await.sealed();
        assert_eq!(sum(&complete), "complete +0 -0 ~0");
        let first = keyholder::domain::id::Seq(1);
        assert_eq!(row.store.events(row.contract(), first, complete.seq).await.unwrap(), []);
        assert_eq!(row.store.snapshot(row.contract(), first).await.unwrap().root, complete.root);
    });
}

#[test]
fn f07_seconds_and_dates_are_waited_for_and_a_day_is_not() {
    play(30, 16, async |row| {
        let before = row.asked("/um/users");
        row.arm(&example("F7"));
        let collected = row.collect().await;
        let took = collected.took;
        let snapshot = collected.sealed();
        row.check_fired(&[1, 1, 1, 1]);
        assert_eq!(row.asked("/um/users") - before, 4);
        // Two seconds, and up to the full second that is three later by the server's clock; then jitter; a day is not.
        assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(30), "{took:?}");
        assert_eq!((snapshot.state.as_str(), snapshot.ended, snapshot.began), ("partial", 0, 0));
        let reported = "users: failed (the server asks to wait 86400 s (status 429), longer than the 300 s allowed)";
        let gaps = row.gaps(&snapshot).await;
        assert_eq!(gaps[0], reported);
        assert!(gaps[1..].iter().all(|gap| gap.ends_with("not-attempted")), "{gaps:#?}");
        assert_eq!(sum(&row.check_recovers().await), "complete +0 -0 ~0");
    });
}

/// Expects that refused credentials end the run after so many requests at most, all of them counted.
fn check_refused(concurrency: usize, most: u64) {
    play(30, concurrency, async |row| {
        row.arm(&example("F8"));
        let collected = row.collect().await;
        let requests = collected.requests;
        let failure = collected.failed();
        assert_eq!(failure.exit(), Exit::CredentialsRefused);
        assert!(requests <= most, "{requests} requests, {concurrency} at once");
        row.check_fired(&[u32::try_from(requests).unwrap() - 3]);
        assert_eq!(row.store.snapshots(row.contract()).await.unwrap().len(), 1, "nothing was sealed");
        assert_eq!(sum(&row.check_recovers().await), "complete +0 -0 ~0");
    });
}

#[test]
fn f08_refused_credentials_stop_the_run_within_one_request() {
    check_refused(1, 4);
    // What was under way when the refusal came is all there is besides.
    check_refused(16, 3 + 16);
}

#[test]
fn f09_connections_and_bodies_that_break_are_asked_again_and_then_given_up() {
    play(30, 16, async |row| {
        row.arm(&example("F9"));
        let mut sums = Vec::new();
        for attempts in [5, 5, 1] {
            let before = row.asked("/um/groups");
            let snapshot = row.collect().await.sealed();
            assert_eq!(row.asked("/um/groups") - before, attempts);
            sums.push(sum(&snapshot));
            let gaps = row.gaps(&snapshot).await;
            let is_failed = gaps.first().is_some_and(|gap| gap.starts_with("groups: failed ("));
            assert_eq!(is_failed, attempts == 5, "{gaps:#?}");
        }
        row.check_fired(&[1; 11]);
        assert_eq!(sums, ["partial +0 -0 ~0", "partial +0 -0 ~0", "complete +0 -0 ~0"]);
        row.check_recovers().await;
    });
}

#[test]
fn f10_a_body_that_drips_is_abandoned_soon_after_the_rate_window() {
    play(30, 16, async |row| {
        let before = row.asked("/um/groups");
        row.arm(&example("F10"));
        let collected = row.collect().await;
        let took = collected.took;
        let snapshot = collected.sealed();
        assert_eq!((row.asked("/um/groups") - before, sum(&snapshot).as_str()), (5, "partial +0 -0 ~0"));
        row.check_fired(&[5]);
        // Ten seconds are the window; each attempt has fifteen more at most, and jitter comes on top.
        let (window, allowed) = (Duration::from_secs(10), Duration::from_secs(15));
        assert!(took >= 5 * window && took <= 5 * (window + allowed), "{took:?}");
        assert_eq!(row.gaps(&snapshot).await[0], "groups: failed (the answer trickled too slowly)");
        row.check_recovers().await;
    });
}
