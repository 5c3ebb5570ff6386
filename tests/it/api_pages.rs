//! The walk over the users, when the server does not play along.

use emulator::faults::{Distortion, Effect, Link};
use emulator::{Body, Emulator, Rule};
use keyholder::api::{Depth, Fault};
use serde_json::{Value, json};

use crate::support::api::reader;
use crate::support::raw::{Raw, ok};

/// Walks to the end: new users per page, whether the list never stood still, and the fault that ended it.
async fn walk(emulator: &Emulator) -> (Vec<usize>, bool, Option<Fault>) {
    let mut pages = reader(emulator).all_users(Depth::Zero);
    let (mut users, mut moved) = (Vec::new(), false);
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => {
                users.push(page.value.users.len());
                assert_eq!(page.value.repeated.len(), 0, "nobody is on one page twice");
                moved = page.value.moved;
            }
            Err(error) => {
                assert!(pages.next().await.is_none(), "a failed walk is over");
                return (users, moved, Some(error.fault));
            }
        }
    }
    (users, moved, None)
}

async fn contract(users: usize) -> Emulator {
    Emulator::builder().seed(5).users(users).start().await.unwrap()
}

fn page(offset: usize, body: Value) -> Rule {
    Rule::on("GET", "/um/users").query(&format!("offset={offset}&")).status(200).body(Body::Json(body))
}

/// A page with so many users from that number on, and that link to the next one.
fn users(from: usize, count: usize, next: &str) -> Value {
    let items: Vec<_> =
        (from..from + count).map(|number| json!({"id": format!("u{number}"), "type": "user"})).collect();
    json!({"id": "users", "type": "collection", "items": items, "_links": {"next": next}})
}

#[tokio::test]
async fn pages_of_a_hundred_end_with_the_last_user() {
    for (count, pages) in [(99, vec![99, 0]), (100, vec![100, 0]), (101, vec![100, 1, 0]), (250, vec![100, 99, 51, 0])]
    {
        let emulator = contract(count).await;
        let (users, moved, fault) = walk(&emulator).await;
        assert!(fault.is_none());
        assert_eq!((users, moved), (pages.clone(), false));
        assert_eq!(emulator.counters().total, pages.len() as u64);
    }
}

#[tokio::test]
async fn a_failure_on_the_third_page_leaves_the_first_two() {
    let emulator = contract(250).await;
    emulator.fail(Rule::on("GET", "/um/users").query("offset=198").status(403));
    let (users, _, fault) = walk(&emulator).await;
    assert_eq!(users, [100, 99]);
    assert!(matches!(fault, Some(Fault::Forbidden { .. })), "{fault:?}");
}

#[tokio::test]
async fn a_page_without_items_is_not_the_end() {
    let emulator = contract(250).await;
    emulator.fail(page(99, json!({"id": "users", "type": "collection"})));
    let (users, _, fault) = walk(&emulator).await;
    assert_eq!(users, [100]);
    assert!(matches!(fault, Some(Fault::NotExpanded)), "{fault:?}");
}

#[tokio::test]
async fn a_short_page_with_a_link_onwards_is_not_the_end() {
    // A server that puts fifty on a page, whatever it is asked for.
    let emulator = contract(30).await;
    let base = emulator.base_url(emulator::Version::V6);
    emulator.fail(page(0, users(0, 50, &format!("{base}/um/users?offset=50&limit=50"))));
    emulator.fail(page(49, users(49, 50, &format!("{base}/um/users?offset=100&limit=50"))));
    let last =
        json!({"items": [{"id": "u98", "type": "user"}, {"id": "u99", "type": "user"}], "_links": {"next": null}});
    emulator.fail(page(98, last));
    let (pages, moved, fault) = walk(&emulator).await;
    assert!(fault.is_none(), "{fault:?}");
    assert_eq!((pages, moved, emulator.counters().total), (vec![50, 49, 1, 0], false, 4));
}

#[tokio::test]
async fn a_full_page_without_a_link_is_the_end_when_nobody_new_is_behind_it() {
    let emulator = contract(30).await;
    let user = |number| json!({"id": format!("u{number}"), "type": "user"});
    let items: Vec<_> = (0..100).map(user).collect();
    emulator.fail(page(0, json!({"items": items})));
    emulator.fail(page(99, json!({"items": [user(99)]})));
    let (pages, moved, fault) = walk(&emulator).await;
    assert!(fault.is_none(), "{fault:?}");
    assert_eq!((pages, moved, emulator.counters().total), (vec![100, 0], false, 2));
}

#[tokio::test]
async fn a_server_that_never_tells_of_the_next_page_is_followed_to_the_end() {
    let emulator = contract(250).await;
    emulator.fail(Rule::on("GET", "/um/users").effect(Effect::Distort(Distortion::Next(Link::Untold))));
    let (pages, moved, fault) = walk(&emulator).await;
    assert!(fault.is_none(), "{fault:?}");
    assert_eq!((pages, moved), (vec![100, 99, 51, 0], false));
}

#[tokio::test]
async fn a_link_that_cannot_be_read_says_that_there_is_more() {
    let emulator = contract(250).await;
    let fault = emulator.fail(
        Rule::on("GET", "/um/users").query("offset=99&").effect(Effect::Distort(Distortion::Next(Link::Unreadable))),
    );
    let (pages, moved, failed) = walk(&emulator).await;
    assert_eq!((pages, moved, fault.fired()), (vec![100, 99, 51, 0], false, 1));
    assert!(failed.is_none(), "{failed:?}");
}

#[tokio::test]
async fn a_page_that_is_empty_although_there_is_more_is_a_list_that_moved() {
    let emulator = contract(30).await;
    let next = format!("{}/um/users?offset=1000&limit=100", emulator.base_url(emulator::Version::V6));
    emulator.fail(page(0, users(0, 99, &next)));
    emulator.fail(page(98, users(0, 0, &next)));
    let (pages, moved, fault) = walk(&emulator).await;
    assert_eq!((pages, emulator.counters().total), (vec![99, 0, 0, 0, 0, 0], 6));
    assert!(moved && fault.is_none(), "{fault:?}");
}

#[tokio::test]
async fn users_without_an_id_are_counted_and_the_others_kept() {
    let emulator = contract(30).await;
    emulator.fail(page(0, json!({"items": [{"id": "u1"}, {"type": "user"}, {"id": "u2"}]})));
    let answer = reader(&emulator).all_users(Depth::Zero).next().await.unwrap().unwrap();
    assert_eq!((answer.value.users.len(), answer.value.nameless, answer.value.last), (2, 1, false));
}

#[tokio::test]
async fn a_link_to_another_server_is_never_followed() {
    let elsewhere = Raw::answering(vec![ok("", b"{}")]).await;
    let emulator = contract(30).await;
    let next = format!("{}/cloudapi/v6/um/users?offset=100", elsewhere.origin);
    emulator.fail(page(0, users(0, 100, &next)));
    emulator.fail(page(99, users(99, 10, &next)));
    emulator.fail(page(108, users(108, 1, &next)));
    let (pages, moved, fault) = walk(&emulator).await;
    assert_eq!((pages, moved), (vec![100, 9, 0, 0], false));
    assert!(fault.is_none(), "{fault:?}");
    assert_eq!(elsewhere.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn a_link_back_says_only_that_there_is_more() {
    let emulator = contract(30).await;
    let base = emulator.base_url(emulator::Version::V6);
    emulator.fail(page(0, users(0, 100, &format!("{base}/um/users?offset=100&limit=100"))));
    emulator.fail(page(99, users(99, 100, &format!("{base}/um/users?offset=99&limit=100"))));
    emulator.fail(page(198, users(198, 1, &format!("{base}/um/users?offset=0&limit=100"))));
    let (pages, moved, fault) = walk(&emulator).await;
    assert_eq!((pages, moved), (vec![100, 99, 0, 0], false));
    assert!(fault.is_none(), "{fault:?}");
}

#[tokio::test]
async fn pages_that_never_fit_together_are_read_three_times_and_not_believed() {
    let emulator = contract(30).await;
    let base = emulator.base_url(emulator::Version::V6);
    emulator.fail(page(0, users(0, 100, &format!("{base}/um/users?offset=100&limit=100"))));
    emulator.fail(page(99, users(90, 60, &format!("{base}/um/users?offset=200&limit=100"))));
    let (pages, moved, fault) = walk(&emulator).await;
    assert!(fault.is_none());
    // The third time the list is followed to its end.
    assert_eq!((pages, moved), (vec![100, 50, 0, 0, 0, 0, 0], true));
}
