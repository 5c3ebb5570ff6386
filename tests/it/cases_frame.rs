//! Kind J of the cases: answers that say of themselves that they are not the whole, or not what was asked.

use emulator::faults::{Distortion, Effect, Items, Restated};
use emulator::{Emulator, Rule};
use serde_json::{Value, json};

use crate::support::site::Site;

async fn site() -> Site {
    Site::begun(Emulator::builder().seed(5).users(40).start().await.unwrap()).await
}

fn groups(site: &Site) -> Vec<String> {
    site.emulator.read(|world| world.groups().map(|group| group.id.to_string()).collect())
}

/// The list of groups without its last one.
fn one_left_out(site: &Site) -> Distortion {
    Distortion::Items(Items::Keep(groups(site).len() - 1))
}

fn frame(at: &str, value: Value) -> Distortion {
    Distortion::Frame { at: at.to_owned(), value }
}

/// Expects that an answer like that, given once, is seen through, and given for ever, is a gap; nothing ends either way.
async fn check_seen_through(site: &Site, path: &str, effect: &Effect, scope: &str, reason: &str) {
    let once = site.emulator.fail(Rule::on("GET", path).effect(effect.clone()).times(1));
    let collected = site.collect().await;
    assert_eq!(once.fired(), 1, "{effect:?}");
    assert_eq!((collected.endings().as_str(), collected.snapshot.began), ("complete -0 ~0", 0), "{effect:?}");
    site.emulator.fail(Rule::on("GET", path).effect(effect.clone()));
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.snapshot.began), ("partial -0 ~0", 0), "{effect:?}");
    let gaps = collected.gaps();
    assert!(gaps.contains(&format!("{scope}: failed ({reason})")), "{effect:?}: {gaps:?}");
    site.emulator.clear_faults();
    assert_eq!(site.collect().await.endings(), "complete -0 ~0", "{effect:?}");
}

#[tokio::test]
async fn j1_only_status_200_is_a_list() {
    let site = site().await;
    for status in [206, 202, 203, 207] {
        let restated = Restated::status(status).and_header("content-range", "items 0-2/4").and(one_left_out(&site));
        let reason = format!("status {status} does not stand for a complete answer");
        check_seen_through(&site, "/um/groups", &Effect::Restate(restated), "groups", &reason).await;
    }
}

#[tokio::test]
async fn j1_a_range_beside_200_is_a_part() {
    let site = site().await;
    let restated = Restated::header("content-range", "items 0-2/4").and(one_left_out(&site));
    let reason = "the answer is a part of the whole, by its Content-Range header";
    check_seen_through(&site, "/um/groups", &Effect::Restate(restated), "groups", reason).await;
}

#[tokio::test]
async fn j1_a_count_beside_fewer_items_is_no_list() {
    let site = site().await;
    let total = groups(&site).len();
    let reason = format!("the answer holds {} items and says that there are {total}", total - 1);
    for name in ["total", "count", "totalCount", "total_items"] {
        let effect = Effect::Distort(Distortion::All(vec![one_left_out(&site), frame(name, json!(total))]));
        check_seen_through(&site, "/um/groups", &effect, "groups", &reason).await;
    }
}

#[tokio::test]
async fn j1_a_cached_answer_is_none() {
    let site = site().await;
    let restated = Restated::header("age", "86400").and(one_left_out(&site));
    let reason = "the answer comes from a cache and is 86400 s old";
    check_seen_through(&site, "/um/groups", &Effect::Restate(restated), "groups", reason).await;
}

#[tokio::test]
async fn j1_the_answer_of_another_object_is_none() {
    let site = site().await;
    let ids = groups(&site);
    let (own, other) = (&ids[0], &ids[1]);
    let path = format!("/um/groups/{own}/users");
    for (at, value, reported) in [
        ("id", json!(format!("{other}/users")), "id"),
        ("href", json!(format!("https://api.ionos.com/cloudapi/v6/um/groups/{other}/users")), "href"),
        ("type", json!("group"), "type"),
    ] {
        let effect = Effect::Distort(Distortion::All(vec![Distortion::Items(Items::Empty), frame(at, value)]));
        let scope = format!("members({own})");
        let reason = format!("the {reported} of the answer is that of another object");
        check_seen_through(&site, &path, &effect, &scope, &reason).await;
    }
}

#[tokio::test]
async fn j1_an_id_in_another_case_is_the_same_object() {
    let site = site().await;
    let own = groups(&site).remove(0);
    let shouted = own.to_uppercase();
    let path = format!("/um/groups/{own}/users");
    for (at, value) in [
        ("id", json!(format!("{shouted}/users"))),
        ("href", json!(format!("http://proxy.internal/x/um/groups/{shouted}/users/"))),
    ] {
        site.emulator.fail(Rule::on("GET", &path).effect(Effect::Distort(frame(at, value))));
        assert_eq!(site.collect().await.endings(), "complete -0 ~0");
        site.emulator.clear_faults();
    }
}

#[tokio::test]
async fn j1_requests_ask_past_caches() {
    use crate::support::raw::{Raw, ok};
    let server = Raw::answering(vec![ok("", br#"{"items":[]}"#)]).await;
    let base = format!("{}/cloudapi/v6", server.origin).parse().unwrap();
    let credentials = keyholder::api::Credentials::Bearer("token".into());
    let settings = keyholder::api::Settings::new(base, keyholder::api::Version::V6, credentials);
    let client = keyholder::api::read::Client::new(&settings, crate::support::api::seams()).unwrap();
    client.groups(keyholder::api::Depth::One).await.unwrap();
    let head = server.heads().remove(0).to_lowercase();
    assert!(head.contains("cache-control: no-cache") && head.contains("pragma: no-cache"), "{head}");
}
