//! Kind A of the cases, pages: links only say that there is more, an empty page once is a list that moved, and a server
//! without pages has shown all it has.

use emulator::faults::{Distortion, Effect, Items, Link};
use emulator::{Body, Emulator, Rule};
use keyholder::domain::notice::Notice;
use serde_json::json;

use crate::support::site::{Collected, Site, lie};

async fn site(users: usize) -> Site {
    let contract = Emulator::builder().seed(5).users(users).memberships(40).resources(10).keys(10);
    Site::begun(contract.start().await.unwrap()).await
}

fn links(site: &Site, link: Link) {
    site.emulator.fail(Rule::on("GET", "/um/users").effect(Effect::Distort(Distortion::Next(link))));
}

/// Expects that nothing is missed, ends or begins.
#[track_caller]
fn check_complete(collected: &Collected, what: &str) {
    let found = (collected.endings(), collected.snapshot.began);
    assert_eq!(found, ("complete -0 ~0".to_owned(), 0), "{what}: {:?}", collected.gaps());
}

#[tokio::test]
async fn a1_links_that_name_another_server_are_a_notice() {
    let site = site(150).await;
    let own = site.emulator.base_url(emulator::Version::V6);
    let secure = own.replace("http://", "https://");
    let portless = own.rsplit_once(':').map(|(host, _)| format!("{host}/cloudapi/v6")).unwrap();
    let at = |base: &str| Link::To(format!("{base}/um/users?offset=100&limit=100"));
    for link in [Link::Elsewhere, at(&secure), at(&portless), Link::PathOnly, Link::Unreadable] {
        links(&site, link.clone());
        let collected = site.collect().await;
        check_complete(&collected, &format!("{link:?}"));
        let is_told = |notice: &Notice| matches!(notice, Notice::LinksElsewhere { count } if *count > 0);
        assert!(collected.notices.iter().any(is_told), "{link:?}: {:?}", collected.notices);
        let strayed = site.emulator.elsewhere();
        assert_eq!((strayed.connections(), strayed.credentials()), (0, 0), "{link:?}");
        site.emulator.clear_faults();
    }
}

#[tokio::test]
async fn a3_links_that_echo_lead_back_or_are_missing_cost_nobody() {
    let site = site(150).await;
    for link in [Link::Standstill, Link::Back, Link::Untold] {
        links(&site, link.clone());
        let collected = site.collect().await;
        check_complete(&collected, &format!("{link:?}"));
        assert_eq!(collected.notices, [], "{link:?}");
        site.emulator.clear_faults();
    }
}

#[tokio::test]
async fn a3_the_last_page_of_1050_users_empty_once_removes_nobody() {
    let site = site(1_050).await;
    let empty = lie("/um/users", Items::Empty).query("offset=990&").times(1);
    let fault = site.emulator.fail(empty);
    let collected = site.collect().await;
    assert_eq!(fault.fired(), 1);
    check_complete(&collected, "another pass reads them all");
    site.emulator.fail(lie("/um/users", Items::Empty).query("offset=990&"));
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.gaps()[0].as_str()), ("partial -0 ~0", "users: unstable"));
}

#[tokio::test]
async fn a3_short_pages_with_any_links_cost_nobody() {
    let site = site(150).await;
    for size in [25, 50, 100] {
        for link in [None, Some(Link::Untold), Some(Link::Standstill), Some(Link::PathOnly)] {
            let pages = Distortion::PagesOf(size);
            let next = link.clone().map(Distortion::Next);
            let all = Distortion::All([Some(pages), next].into_iter().flatten().collect());
            site.emulator.fail(Rule::on("GET", "/um/users").effect(Effect::Distort(all)));
            check_complete(&site.collect().await, &format!("{size} {link:?}"));
            site.emulator.clear_faults();
        }
    }
}

#[tokio::test]
async fn a3_a_total_that_the_pages_do_not_reach_is_unstable() {
    let site = site(150).await;
    let total = Distortion::Frame { at: "total".to_owned(), value: 150.into() };
    let cut = Distortion::All(vec![Distortion::Items(Items::Keep(20)), total]);
    site.emulator.fail(Rule::on("GET", "/um/users").query("offset=99&").effect(Effect::Distort(cut)));
    let collected = site.collect().await;
    assert_eq!((collected.endings().as_str(), collected.gaps()[0].as_str()), ("partial -0 ~0", "users: unstable"));
}

/// Answers every question for users with all of them, as a server without pages does, and that link.
fn answer_with_all(site: &Site, next: &serde_json::Value) {
    let items: Vec<_> = site.emulator.read(|world| {
        let user = |id: &str, email: &str| json!({"id": id, "type": "user", "properties": {"email": email}});
        world.users().map(|it| user(&it.id, &it.email)).collect()
    });
    let list = json!({"id": "users", "type": "collection", "items": items, "_links": {"next": next}});
    site.emulator.fail(Rule::on("GET", "/um/users").status(200).body(Body::Json(list)));
}

#[tokio::test]
async fn a3_a_server_without_pages_is_complete() {
    for (users, requests) in [(24, 3), (100, 3), (101, 2)] {
        let site = site(users).await;
        answer_with_all(&site, &json!(null));
        let before = site.emulator.counters().of("GET", "/um/users");
        let collected = site.collect().await;
        let asked = site.emulator.counters().of("GET", "/um/users") - before;
        assert_eq!((collected.gaps(), collected.snapshot.ended, asked), (vec![], 0, requests), "{users} users");
    }
}

#[tokio::test]
async fn a3_a_server_without_pages_that_promises_more_is_unstable() {
    let site = site(24).await;
    answer_with_all(&site, &json!(format!("{}/um/users?offset=24", site.emulator.base_url(emulator::Version::V6))));
    let collected = site.collect().await;
    assert_eq!((collected.gaps(), collected.snapshot.ended), (vec!["users: unstable".to_owned()], 0));
}
