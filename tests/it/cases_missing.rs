//! Kind K of the cases: a group or user whom the list names is answered with 404. The list decides, read once more.

use emulator::faults::{Body, Edit, Effect, Items};
use emulator::{Emulator, Rule};
use keyholder::domain::coverage::Scope;

use crate::support::site::{Site, lie};

async fn site() -> Site {
    Site::begun(Emulator::builder().seed(5).users(40).start().await.unwrap()).await
}

/// A user who owns something, holds a key and is in a group.
fn busy_user(site: &Site) -> String {
    site.emulator.read(|world| {
        let is_busy = |id: &str| world.keys(id).next().is_some() && world.owns(id).next().is_some();
        let users = world.users().map(|user| user.id.to_string());
        let plain = users.filter(|id| **id != **world.owner() && !world.user(id).unwrap().administrator);
        plain.into_iter().find(|id| is_busy(id)).expect("somebody who has something")
    })
}

fn busy_group(site: &Site) -> String {
    site.emulator.read(|world| {
        let groups = world.groups().map(|group| group.id.to_string());
        groups.into_iter().find(|id| world.members(id).count() > 1 && world.shares(id).count() > 1).unwrap()
    })
}

/// Expects that nothing of what is not found ends, and that exactly these scopes are gaps.
async fn check_kept(site: &Site, path: &str, list: &str, requests: u64, scopes: [Scope; 2]) {
    let before = site.emulator.counters().of("GET", &format!("/um/{list}"));
    site.emulator.fail(Rule::on("GET", path).status(404));
    site.emulator.fail(Rule::on("GET", &format!("{path}/*")).status(404));
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.snapshot.began), ("partial -0 ~0", 0));
    let reported = format!("failed (not found, although the list of {list} names it twice)");
    assert_eq!(collected.gaps(), scopes.map(|scope| format!("{scope}: {reported}")));
    let asked = site.emulator.counters().of("GET", &format!("/um/{list}")) - before;
    assert_eq!(asked, 2 * requests, "the list is read once more");
    site.emulator.clear_faults();
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

#[tokio::test]
async fn k1_a_listed_user_who_is_not_found_stays() {
    let site = site().await;
    let user = busy_user(&site);
    let scopes = [Scope::Owns(user.as_str().into()), Scope::Keys(user.as_str().into())];
    check_kept(&site, &format!("/um/users/{user}"), "users", 2, scopes).await;
}

#[tokio::test]
async fn k1_a_listed_group_that_is_not_found_stays() {
    let site = site().await;
    let group = busy_group(&site);
    let scopes = [Scope::Members(group.as_str().into()), Scope::Shares(group.as_str().into())];
    check_kept(&site, &format!("/um/groups/{group}"), "groups", 1, scopes).await;
}

#[tokio::test]
async fn k1_the_users_own_side_decides_nothing_either() {
    let mut site = site().await;
    site.cross_check = true;
    let user = busy_user(&site);
    site.emulator.fail(Rule::on("GET", &format!("/um/users/{user}/groups")).status(404));
    site.emulator.fail(Rule::on("GET", &format!("/um/users/{user}")).status(404));
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.snapshot.began), ("partial -0 ~0", 0));
    assert!(collected.gaps().contains(&format!("user-groups({user}): unstable")), "{:?}", collected.gaps());
}

#[tokio::test]
async fn k1_a_user_whom_the_list_drops_meanwhile_went() {
    let site = site().await;
    let user = busy_user(&site);
    let gone = user.clone();
    let edit = Edit::with(move |world| world.remove_user(&gone).unwrap());
    // Removed when the keys are asked for: the list was read before, and is asked again.
    site.emulator.fail(Rule::on("GET", &format!("/um/users/{user}/s3keys")).effect(Effect::Edit(edit)).times(1));
    let collected = site.collect().await;
    assert_eq!(collected.snapshot.state.as_str(), "complete", "{:?}", collected.gaps());
    assert!(collected.snapshot.ended >= 3 && collected.snapshot.began == 0, "{:?}", collected.snapshot);
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
}

/// Groups that the list names are answered with 404: then a 404 proves nothing about the one that it no longer names either.
#[tokio::test]
async fn k1_a_404_that_the_list_contradicts_ends_nothing_else() {
    for lost in [1, 4] {
        let site = site().await;
        let rest = site.emulator.read(|world| world.groups().count() - lost);
        site.emulator.fail(lie("/um/groups", Items::Keep(rest)));
        for path in ["/um/groups/{groupId}", "/um/groups/{groupId}/*"] {
            site.emulator.fail(Rule::on("GET", path).status(404));
        }
        let collected = site.collect().await;
        assert_eq!(collected.endings(), "partial -0 ~0", "{lost} lost");
        assert!(collected.gaps().contains(&"groups: unstable".to_owned()), "{lost} lost: {:?}", collected.gaps());
    }
}

/// A gateway that does not find the way says nothing about a group.
#[tokio::test]
async fn j1_a_404_that_is_not_the_apis_ends_nothing() {
    for body in ["<html>404 nginx</html>", "", "{}"] {
        let site = site().await;
        let group = busy_group(&site);
        let rest = site.emulator.read(|world| world.groups().count() - 1);
        site.emulator.fail(lie("/um/groups", Items::Keep(rest)));
        for path in ["/um/groups/{groupId}", "/um/groups/{groupId}/*"] {
            site.emulator.fail(Rule::on("GET", path).status(404).body(Body::Html(body.to_owned())));
        }
        let collected = site.collect().await;
        assert_eq!(collected.endings(), "partial -0 ~0", "{body:?}");
        assert!(collected.gaps().contains(&"groups: unstable".to_owned()), "{body:?}: {:?}", collected.gaps());
        assert!(!collected.gaps().contains(&format!("members({group}): gone")), "{body:?}");
    }
}

#[tokio::test]
async fn k1_a_list_that_cannot_be_read_again_ends_nothing() {
    let site = site().await;
    let user = busy_user(&site);
    site.emulator.fail(Rule::on("GET", &format!("/um/users/{user}*")).status(404));
    let refused = site.emulator.fail(Rule::on("GET", "/um/users").after(2).status(403));
    let collected = site.collect().await;
    assert_eq!((refused.fired(), collected.endings().as_str()), (1, "partial -0 ~0"));
    assert_eq!(collected.gaps(), [format!("owns({user}): unstable"), format!("keys({user}): unstable")]);
}
