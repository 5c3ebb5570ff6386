//! Kind A of the cases, S3 keys: a list that the API refuses for want of the privilege is not applicable, under conditions.

use emulator::faults::{Distortion, Effect};
use emulator::{Body, Emulator, Rule};
use keyholder::domain::notice::Notice;
use serde_json::json;

use crate::support::site::Site;

async fn emulator() -> Emulator {
    Emulator::builder().seed(5).users(40).start().await.unwrap()
}

/// Users without the privilege for S3 keys, in two parts: those without a key and those with one.
fn unprivileged(emulator: &Emulator) -> (Vec<String>, Vec<String>) {
    emulator.read(|world| {
        let groups: Vec<_> = world.groups().filter(|group| group.has("s3Privilege")).collect();
        let plain = world.users().filter(|user| !groups.iter().any(|group| world.is_member(&group.id, &user.id)));
        plain.map(|user| user.id.to_string()).partition(|user| world.keys(user).next().is_none())
    })
}

/// The answer to whoever lists the keys of a user without the privilege, seen in public on creation.
fn refuse(emulator: &Emulator, user: &str) {
    let message = "The user needs to be part of a group that has ACCESS_S3_OBJECT_STORAGE privilege";
    let body = json!({"httpStatus": 422, "messages": [{"errorCode": "100", "message": message}]});
    let rule = Rule::on("GET", &format!("/um/users/{user}/s3keys"));
    emulator.fail(rule.status(422).body(Body::Json(body)));
}

#[tokio::test]
async fn a2_refused_lists_of_keys_are_no_gap() {
    let emulator = emulator().await;
    let (without, _) = unprivileged(&emulator);
    assert!(without.len() > 3, "{} users", without.len());
    for user in &without {
        refuse(&emulator, user);
    }
    let site = Site::of(emulator).await;
    for _ in 0..2 {
        let collected = site.collect().await;
        assert_eq!(collected.endings(), "complete -0 ~0", "{:?}", collected.gaps());
        let reported = Notice::KeysNotListed { count: without.len() as u64 };
        assert_eq!(collected.notices, [reported]);
        let line =
            format!("S3 keys of {} users could not be listed; keys made earlier are not excluded", without.len());
        assert_eq!(collected.notices[0].to_string(), line);
        let mut listed: Vec<String> = without.iter().map(|user| format!("keys({user}): not-applicable")).collect();
        listed.sort();
        assert_eq!(collected.gaps(), listed, "each is in the certificate");
    }
}

#[tokio::test]
async fn a2_known_keys_are_carried_and_a_gap() {
    let site = Site::begun(emulator().await).await;
    let holder = site.emulator.read(|world| {
        let holder = world.users().find(|user| world.keys(&user.id).next().is_some());
        holder.expect("somebody with a key").id.to_string()
    });
    site.emulator.edit(|world| {
        let groups: Vec<_> = world.groups().map(|group| group.id.clone()).collect();
        for group in groups {
            if world.is_member(&group, &holder) {
                world.remove_member(&group, &holder).unwrap();
            }
        }
    });
    site.collect().await;
    refuse(&site.emulator, &holder);
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "partial -0 ~0");
    let why = "the API lists no keys for want of the privilege, although keys are known";
    assert_eq!(collected.gaps(), [format!("keys({holder}): failed ({why})")]);
    assert_eq!(collected.notices, [Notice::KeysCarried { count: 1 }]);
}

#[tokio::test]
async fn a2_a_user_with_the_privilege_is_a_contradiction() {
    let emulator = emulator().await;
    let entitled = emulator.edit(|world| {
        let group = world.groups().find(|group| world.members(&group.id).count() > 1).unwrap().id.clone();
        world.set_privilege(&group, "s3Privilege", true).unwrap();
        let members: Vec<String> = world.members(&group).map(ToString::to_string).collect();
        for member in &members {
            let keys: Vec<_> = world.keys(member).map(|key| key.id.clone()).collect();
            for key in &keys {
                world.remove_key(member, key).unwrap();
            }
        }
        members[0].clone()
    });
    refuse(&emulator, &entitled);
    let collected = Site::of(emulator).await.collect().await;
    let why = "contradiction: the API lists no keys for want of the privilege, which a group of the user has";
    assert_eq!(collected.gaps(), [format!("keys({entitled}): failed ({why})")]);
}

#[tokio::test]
async fn a2_a_privilege_that_is_not_reported_is_not_held() {
    let emulator = emulator().await;
    let (without, _) = unprivileged(&emulator);
    let member = emulator.read(|world| {
        let in_a_group = |user: &&String| world.groups().any(|group| world.is_member(&group.id, user));
        without.iter().find(in_a_group).expect("a member without the privilege").clone()
    });
    let site = Site::of(emulator).await;
    refuse(&site.emulator, &member);
    assert_eq!(site.collect().await.endings(), "complete -0 ~0");
    let distortion = Distortion::Remove { at: "properties.s3Privilege".to_owned() };
    site.emulator.fail(Rule::on("GET", "/um/groups").effect(Effect::Distort(distortion)));
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "partial -0 ~0");
    let why = "the API lists no keys for want of the privilege, and did not report whether a group of the user has it";
    assert_eq!(collected.gaps(), [format!("keys({member}): failed ({why})")]);
}

#[tokio::test]
async fn a2_without_the_members_of_all_groups_nothing_is_settled() {
    let emulator = emulator().await;
    let (without, _) = unprivileged(&emulator);
    refuse(&emulator, &without[0]);
    emulator.fail(Rule::on("GET", "/um/groups/{groupId}/users").status(403).times(1));
    let collected = Site::of(emulator).await.collect().await;
    let gaps = collected.gaps();
    assert!(gaps.iter().any(|gap| gap.contains("not all groups and members could be read")), "{gaps:?}");
}

#[tokio::test]
async fn a2_other_refusals_stay_what_they_are() {
    let emulator = emulator().await;
    let (without, _) = unprivileged(&emulator);
    let path = format!("/um/users/{}/s3keys", without[0]);
    emulator.fail(Rule::on("GET", &path).status(403).times(1));
    emulator.fail(Rule::on("GET", &path).status(422));
    let site = Site::of(emulator).await;
    for expected in ["forbidden", "failed (refused with status 422"] {
        let gaps = site.collect().await.gaps();
        assert!(matches!(gaps.as_slice(), [gap] if gap.contains(expected)), "{gaps:?}");
    }
}
