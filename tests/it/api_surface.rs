//! What a collection sends: reads, and never the operation that hands out a sign-on link. Counted by the server.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use emulator::{Body, Rule};
use keyholder::api::Version;
use keyholder::api::operation::{CONTRACTS, READS, SERVICE, SIGN_ON};
use keyholder::app::collect::{Order, collect};
use keyholder::cli::doctor;
use keyholder::config::{Flags, load};
use keyholder::seams::{Environment, Seams};
use keyholder::store::{Access, Store};

use crate::support::api::{emulator, reader, seams, settings, sign_on, writer};
use crate::support::private_folder;

/// The method and path template of everything that was sent.
fn sent(emulator: &emulator::Emulator) -> BTreeSet<(String, String)> {
    emulator.counters().requests.into_keys().collect()
}

/// Expects that only documented reads were sent.
#[track_caller]
fn check_only_reads(emulator: &emulator::Emulator) {
    let allowed: BTreeSet<_> = READS
        .iter()
        .chain([&CONTRACTS, &SERVICE])
        .map(|operation| (operation.method.as_str().to_owned(), operation.template.to_owned()))
        .collect();
    let sent = sent(emulator);
    assert!(sent.is_subset(&allowed), "{:?}", sent.difference(&allowed));
    let counters = emulator.counters();
    assert!(counters.total > 100, "a handful of requests shows nothing");
    assert_eq!(counters.writes, 0);
    assert_eq!(counters.of("GET", SIGN_ON[0].template), 0);
}

#[tokio::test]
async fn collecting_sends_only_reads_whatever_happens_to_it() {
    let emulator = emulator().await;
    let folder = private_folder();
    let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
    let (client, settings) = (reader(&emulator), settings(&emulator, Version::V6));
    let collect = async |day| {
        let order = Order {
            reread_after: std::time::Duration::ZERO,
            ..Order::manual(seams().now() + TimeDelta::days(day), &settings)
        };
        collect(&store, &client, &seams(), order, &|_| ()).await
    };
    assert!(collect(0).await.unwrap().is_complete());
    emulator.advance_to_day(30);
    for (path, status) in [
        ("/um/groups/{groupId}/users", 404),
        ("/um/groups/{groupId}/shares", 500),
        ("/um/users/{userId}/owns", 403),
        ("/um/users/{userId}/s3keys", 404),
        ("/um/resources", 302),
    ] {
        // A redirect must not make a write or a sign-on out of a read either.
        let elsewhere = format!("{}/um/users/x/s3ssourl", emulator.base_url(emulator::Version::V6));
        emulator.fail(Rule::on("GET", path).status(status).body(Body::Usual).header("location", &elsewhere).times(9));
    }
    assert!(!collect(30).await.unwrap().is_complete());
    emulator.clear_faults();
    assert!(collect(31).await.unwrap().is_complete());
    check_only_reads(&emulator);
}

#[tokio::test]
async fn looking_for_what_is_wrong_sends_only_reads() {
    let emulator = emulator().await;
    let home = private_folder();
    let environment = Environment::of([
        ("HOME", home.path().to_str().unwrap()),
        ("IONOS_API_URL", emulator.origin()),
        ("IONOS_TOKEN", emulator.token()),
    ]);
    let loaded = load(&Flags::default(), &environment);
    let args = doctor::Args::default();
    doctor::run(&args, &loaded, &environment, &Seams::system(), &mut std::io::sink()).await.unwrap();
    let counters = emulator.counters();
    assert!(counters.total > 0);
    assert_eq!((counters.writes, counters.of("GET", SIGN_ON[0].template)), (0, 0));
}

#[tokio::test]
async fn a_write_and_a_sign_on_would_have_been_counted() {
    let emulator = emulator().await;
    let owner = emulator.cast().owner.as_ref().into();
    sign_on(&emulator).link(&owner).await.unwrap();
    writer(&emulator).create_s3key(&owner).await.unwrap();
    assert_eq!(emulator.counters().of("GET", SIGN_ON[0].template), 1);
    assert_eq!(emulator.counters().writes, 1);
}
