//! What could not be asked again, or not in time, is not concluded from: whoever was there in one reading stays.

use std::sync::Arc;
use std::time::Duration;

use emulator::faults::{Distortion, Edit, Effect, Items};
use emulator::world::{Kind, NewUser, Share};
use emulator::{Emulator, Rule};
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::api::recording::{Exchange, Listener};
use keyholder::app::collect::{CollectFailure, Order, collect};
use keyholder::app::stop::Stop;
use keyholder::collect::recheck::Recheck;
use keyholder::collect::{CollectError, Limits, walk};
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::id::{GroupId, UserId};
use keyholder::domain::snapshot::RunState;
use tokio::time::Instant;

use crate::support::api::{emulator, reader, seams, settings};
use crate::support::model::start;
use crate::support::site::{Site, hide_last_user, lie};
use crate::support::virtual_time::{Patience, frozen, passing};

/// A group of three members or more, how many it has, and the last one of them.
fn membership(emulator: &Emulator) -> (String, usize, String) {
    emulator.read(|world| {
        let group = world.groups().find(|group| world.members(&group.id).count() > 2).unwrap();
        let last = world.members(&group.id).last().unwrap();
        (group.id.to_string(), world.members(&group.id).count(), last.to_string())
    })
}

/// A contract that was collected once, is collected from both sides from now on, and has such a membership.
async fn both_sides() -> (Site, String, usize, String) {
    let mut site = Site::begun(emulator().await).await;
    site.cross_check = true;
    let (group, members, user) = membership(&site.emulator);
    (site, group, members, user)
}

/// Collects, and expects that nothing ended and that both sides of that membership are unstable.
async fn check_doubted(site: &Site, group: &str, user: &str) {
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "partial -0 ~0");
    assert_eq!(collected.snapshot.began, 0);
    let gaps = collected.gaps();
    for gap in [format!("members({group}): unstable"), format!("user-groups({user}): unstable")] {
        assert!(gaps.contains(&gap), "{gap}: {gaps:?}");
    }
    site.emulator.clear_faults();
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

#[tokio::test]
async fn a_member_whom_the_users_side_named_once_and_cannot_name_again_is_not_removed() {
    let (site, group, members, user) = both_sides().await;
    let omits = site.emulator.fail(lie(&format!("/um/groups/{group}/users"), Items::Keep(members - 1)));
    let refuses = site.emulator.fail(Rule::on("GET", &format!("/um/users/{user}/groups")).after(1).status(403));
    check_doubted(&site, &group, &user).await;
    assert_eq!((omits.fired(), refuses.fired()), (4, 3), "once and three rounds, of which none settles them");
}

#[tokio::test]
async fn a_member_whose_group_cannot_be_read_again_is_not_removed_by_two_readings_that_agree_too_late() {
    let (site, group, members, user) = both_sides().await;
    let path = format!("/um/groups/{group}/users");
    let omits = site.emulator.fail(lie(&path, Items::Keep(members - 1)).times(1));
    let refuses = site.emulator.fail(Rule::on("GET", &path).status(403));
    let denies = site.emulator.fail(lie(&format!("/um/users/{user}/groups"), Items::Keep(0)).after(1));
    check_doubted(&site, &group, &user).await;
    assert_eq!((omits.fired(), refuses.fired(), denies.fired()), (1, 3, 3));
}

#[tokio::test]
async fn a_side_that_could_not_be_read_again_and_then_could_settles_the_pair() {
    let (site, group, members, user) = both_sides().await;
    let omits = site.emulator.fail(lie(&format!("/um/groups/{group}/users"), Items::Keep(members - 1)).times(1));
    let refuses =
        site.emulator.fail(Rule::on("GET", &format!("/um/users/{user}/groups")).after(1).times(1).status(403));
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.gaps()), ("complete -0 ~0", Vec::new()));
    assert_eq!((omits.fired(), refuses.fired()), (1, 1));
}

#[test]
fn a_member_whose_two_sides_cannot_be_read_again_in_time_is_not_removed() {
    frozen(async {
        let emulator = emulator().await;
        let (group, members, user) = membership(&emulator);
        let path = format!("/um/users/{user}/groups");
        emulator.fail(lie(&format!("/um/groups/{group}/users"), Items::Keep(members - 1)));
        let slow = emulator.fail(Rule::on("GET", &path).after(1).effect(Effect::Delay(Duration::from_secs(20))));
        let (client, seams) = (reader(&emulator), seams());
        let patience = Patience { time: Duration::from_mins(1), requests: 1_000, quiet: Duration::from_micros(200) };
        let checked = async {
            let mut walk = walk(&client, &seams, Limits::default(), &|_| ()).await.unwrap();
            let deadline = Instant::now() + Duration::from_secs(10);
            let mut recheck = Recheck::new(&client, &seams, 4, Duration::ZERO, deadline);
            recheck.cross_check(&mut walk).await.unwrap();
            walk.sightings
        };
        let seen = passing(&emulator, patience, checked).await.unwrap();
        assert_eq!(slow.fired(), 1, "the first reading came in time");
        let (group, user) = (GroupId::from(group.as_str()), UserId::from(user.as_str()));
        assert_eq!(seen.scopes[&Scope::Members(group.clone())].0, Status::Unstable);
        assert_eq!(seen.scopes[&Scope::UserGroups(user.clone())].0, Status::Unstable);
        let named: Vec<_> = seen.members.iter().filter(|pair| pair.0 == group && pair.1 == user).collect();
        assert_eq!(named.len(), 1, "whom one side named was seen");
    });
}

/// A site whose youngest resource is a shared one, collected once under that fault, if there is one.
async fn with_a_shared_resource(fault: Option<Rule>) -> (Site, usize) {
    let emulator = emulator().await;
    let count = emulator.edit(|world| {
        let id = world.add_resource(Kind::Datacenter, "youngest", None).unwrap();
        let group = world.groups().next().unwrap().id.clone();
        world.share(&group, &id, Share::default()).unwrap();
        world.resources().count()
    });
    fault.map(|fault| emulator.fail(fault));
    let site = Site::begun(emulator).await;
    site.emulator.clear_faults();
    (site, count)
}

#[tokio::test]
async fn a_shared_resource_that_nobody_can_ask_for_is_not_removed() {
    // Its type was never reported, so it has no address.
    let untyped = Rule::on("GET", "/um/resources").effect(Effect::Distort(Distortion::Remove { at: "type".into() }));
    let (site, count) = with_a_shared_resource(Some(untyped)).await;
    let omits = site.emulator.fail(lie("/um/resources", Items::Keep(count - 1)));
    let collected = site.collect().await;
    assert_eq!(omits.fired(), 2);
    assert_eq!((collected.snapshot.ended, collected.gaps()), (0, vec!["resources: unstable".to_owned()]));
    assert_eq!(site.emulator.counters().of("GET", "/um/resources/{resourceType}/{resourceId}"), 0);
}

#[tokio::test]
async fn what_a_list_had_left_out_and_names_again_explains_no_share_that_is_missing() {
    let emulator = emulator().await;
    let (group, count) = emulator.edit(|world| {
        let groups: Vec<_> = world.groups().map(|group| group.id.clone()).take(2).collect();
        let shared: Vec<_> = world.shares(&groups[0]).map(|(resource, _)| resource.clone()).collect();
        for resource in &shared {
            world.unshare(&groups[0], resource).unwrap();
        }
        for name in ["one", "two", "three"] {
            let id = world.add_resource(Kind::Datacenter, name, None).unwrap();
            for group in &groups {
                world.share(group, &id, Share::default()).unwrap();
            }
        }
        (groups[0].to_string(), world.resources().count())
    });
    let site = Site::begun(emulator).await;
    let omits = site.emulator.fail(lie("/um/resources", Items::Keep(count - 3)).times(1));
    let empties = site.emulator.fail(lie(&format!("/um/groups/{group}/shares"), Items::Empty).times(1));
    let collected = site.collect().await;
    assert_eq!((omits.fired(), empties.fired()), (1, 1));
    assert_eq!(collected.endings(), "partial -0 ~0");
    assert_eq!(collected.gaps(), [format!("shares({group}): unstable")]);
    site.emulator.clear_faults();
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

/// A site whose youngest user is a member, and how many users there are; the list of groups is empty when it is read next.
async fn with_a_youngest_member() -> (Site, UserId, usize) {
    let emulator = emulator().await;
    let (user, count) = emulator.edit(|world| {
        let group = world.groups().next().unwrap().id.clone();
        let new = NewUser {
            firstname: "Young".to_owned(),
            lastname: "Est".to_owned(),
            email: "youngest@example.org".to_owned(),
            administrator: false,
            force_sec_auth: false,
            inactive: false,
        };
        let user = world.add_user(new).unwrap();
        world.add_member(&group, &user).unwrap();
        (user.to_string(), world.users().count())
    });
    let site = Site::begun(emulator).await;
    site.emulator.fail(lie("/um/groups", Items::Empty).times(1));
    (site, UserId::from(user.as_str()), count)
}

#[tokio::test]
async fn a_member_whom_only_a_second_look_names_is_held_against_the_list_of_users() {
    let (site, user, count) = with_a_youngest_member().await;
    let omits = hide_last_user(&site.emulator, count);
    let collected = site.collect().await;
    assert_eq!(omits.fired(), 1);
    assert_eq!(collected.endings(), "partial -0 ~0");
    let [owns, keys] = ["owns", "keys"].map(|what| format!("{what}({user}): not-attempted"));
    assert_eq!(collected.gaps(), ["users: unstable".to_owned(), "groups: unstable".to_owned(), owns, keys]);
    site.emulator.clear_faults();
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

#[tokio::test]
async fn a_member_whom_only_a_second_look_names_and_who_is_gone_ends() {
    let (site, user, count) = with_a_youngest_member().await;
    hide_last_user(&site.emulator, count);
    let denies = site.emulator.fail(Rule::on("GET", &format!("/um/users/{user}")).status(404));
    let collected = site.collect().await;
    assert_eq!(denies.fired(), 2, "as a user who is to end, and as a member");
    assert_eq!(collected.endings(), "partial -2 ~0", "the account and its membership");
    assert_eq!(collected.gaps(), ["groups: unstable"]);
}

#[tokio::test]
async fn what_belongs_to_a_group_that_is_gone_is_doubtful_while_the_list_of_groups_is() {
    let site = Site::begun(emulator().await).await;
    let (group, _, _) = membership(&site.emulator);
    site.emulator.fail(lie("/um/groups", Items::Nameless));
    for path in [format!("/um/groups/{group}"), format!("/um/groups/{group}/users")] {
        site.emulator.fail(Rule::on("GET", &path).status(404));
    }
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "partial -0 ~0");
    let groups = "groups: failed (a group without id)".to_owned();
    let expected = [groups, format!("members({group}): unstable"), format!("shares({group}): unstable")];
    assert_eq!(collected.gaps(), expected);
}

#[tokio::test]
async fn what_belongs_to_a_group_that_is_gone_ends_with_it_when_the_list_of_groups_is_whole() {
    let site = Site::begun(emulator().await).await;
    let (group, members, _) = membership(&site.emulator);
    let shares = site.emulator.read(|world| world.shares(group.as_str()).count());
    let gone = group.clone();
    let edit = Effect::Edit(Edit::with(move |world| world.remove_group(&gone).unwrap()));
    site.emulator.fail(Rule::on("GET", &format!("/um/groups/{group}/users")).effect(edit).times(1));
    let collected = site.collect().await;
    assert_eq!(collected.endings(), format!("complete -{} ~0", 1 + members + shares));
    assert_eq!(collected.gaps(), [format!("members({group}): gone"), format!("shares({group}): gone")]);
}

/// Stops a collection as soon as a resource was asked for.
struct StopsAtResource(Stop);

impl Listener for StopsAtResource {
    fn heard(&self, exchange: &Exchange) {
        if exchange.path == "/um/resources/{resourceType}/{resourceId}" {
            self.0.stop("a test");
        }
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_while_it_asks_again_seals_nothing() {
    let (site, count) = with_a_shared_resource(None).await;
    site.emulator.fail(lie("/um/resources", Items::Keep(count - 1)));
    let order = Order::manual(start() + chrono::TimeDelta::days(1), &settings(&site.emulator, Version::V6));
    // Nothing has to be asked behind that answer: without a look at who stopped it, the run comes to its end.
    let client: Client = site.client.recorded(Arc::new(StopsAtResource(order.stop.clone()))).unwrap();
    let ended = collect(&site.store, &client, &seams(), order, &|_| ()).await;
    assert!(matches!(ended, Err(CollectFailure::Walk(CollectError::Stopped))), "{ended:?}");
    let asked = site.emulator.counters().of("GET", "/um/resources/{resourceType}/{resourceId}");
    let runs = site.store.runs().await.unwrap();
    let reported: Vec<_> = runs.iter().map(|run| (run.state, run.reason.as_deref())).collect();
    assert_eq!(asked, 1);
    assert!(reported.contains(&(RunState::Interrupted, Some("stopped by a test"))), "{reported:?}");
    assert_eq!(reported.iter().filter(|(state, _)| *state == RunState::Complete).count(), 1, "{reported:?}");
    assert_eq!(reported.len(), 2, "{reported:?}");
}
