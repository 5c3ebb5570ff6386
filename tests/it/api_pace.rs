//! How the clients pace themselves before a real server, and when they stop asking.

use std::time::{Duration, Instant};

use emulator::{Emulator, RateLimit, Rule};
use keyholder::api::{Depth, Page, Version, read};

use crate::support::api::{emulator, reader, seams, settings};

#[tokio::test]
async fn requests_are_paced_by_the_limit_that_the_server_tells() {
    // Ten at once and two hundred in a second: less than the clients would like to send.
    let limit = RateLimit { per_minute: 12_000, burst: 10 };
    let emulator = Emulator::builder().seed(7).users(30).rate_limit(limit).start().await.unwrap();
    let mut settings = settings(&emulator, Version::V6);
    settings.concurrency = 64;
    let client = read::Client::new(&settings, seams()).unwrap();
    let begun = Instant::now();
    let requests = (0..300).map(|offset| {
        let client = client.clone();
        tokio::spawn(async move { client.users(Page { offset, limit: 1 }, Depth::Zero).await.map(|_| ()) })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap().unwrap_or_else(|error| panic!("{error}: {}", error.fault));
    }
    let took = begun.elapsed();
    let refused = emulator.counters().statuses.get(&429).copied().unwrap_or(0);
    assert!(refused <= 3, "{refused} of 300");
    assert!(emulator.counters().peak_concurrency <= 10, "never more than the burst");
    assert!(took >= Duration::from_millis(1_400), "faster than the server allows: {took:?}");
}

#[tokio::test]
async fn one_object_that_is_broken_does_not_stop_the_others() {
    let emulator = emulator().await;
    let client = reader(&emulator);
    let fault = emulator.fail(Rule::on("GET", "/um/groups").status(500));
    for _ in 0..4 {
        client.groups(Depth::One).await.unwrap_err();
    }
    assert_eq!(fault.fired(), 20, "four objects, five times each");
    client.service().await.unwrap();
}

#[tokio::test]
async fn the_retries_of_a_run_are_used_up_at_some_point() {
    let emulator = emulator().await;
    let client = reader(&emulator);
    let fault = emulator.fail(Rule::on("GET", "/um/groups").status(500));
    let mut last = None;
    for _ in 0..30 {
        last = client.groups(Depth::One).await.err();
        // A server that works otherwise: the breaker stays closed.
        client.service().await.unwrap();
    }
    let error = last.unwrap();
    let expected = "the server is busy or broken (status 500), and the 32 retries of this run are used up";
    assert_eq!((error.fault.to_string().as_str(), error.attempts), (expected, 1));
    assert_eq!(fault.fired(), 30 + 32);
    assert!(error.hint().is_some());
}
