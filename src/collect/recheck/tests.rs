//! How long a confirmation waits, and what is left when the server does not answer.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::api::wire::Notes;
use crate::api::{Credentials, Settings, Version};
use crate::domain::coverage::Effort;
use crate::domain::id::ContractNumber;
use crate::domain::notice::Notice;
use crate::domain::vanishing::{Vanished, Vanishing};
use crate::seams::{SeededRandom, SetClock};

/// Re-reads the keys of a user from a server that is not there, and answers how many seconds that took.
async fn check(longest: Duration) -> u64 {
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base = format!("http://{}/cloudapi/v6", gone.local_addr().unwrap()).parse().unwrap();
    drop(gone);
    let settings = Settings { attempts: 1, ..Settings::new(base, Version::V6, Credentials::Bearer("token".into())) };
    let seams = Seams::new(SetClock::at(chrono::DateTime::UNIX_EPOCH), SeededRandom::new(1));
    let client = Client::new(&settings, seams.clone()).unwrap();
    let scope = Scope::Keys("ann".into());
    let sightings = Sightings {
        scopes: BTreeMap::from([(scope.clone(), (Status::Complete, Effort::default()))]),
        ..Sightings::default()
    };
    let notes = Notes::default();
    let mut walk = Walk {
        contract: ContractNumber(1),
        sightings,
        notes,
        repeated: 0,
        notices: Vec::new(),
        ahead: None,
        contradicted: BTreeSet::new(),
    };
    let vanished = vec![Vanished { id: "K1".into(), kind: None }];
    let vanishing = BTreeMap::from([(scope.clone(), Vanishing { before: 1, vanished })]);
    let begun = Instant::now();
    let mut recheck = Recheck::new(&client, &seams, 4, Duration::from_mins(1), begun + longest);
    assert!(!recheck.confirm_lists(&mut walk, &vanishing).await.unwrap());
    assert_eq!(begun.elapsed(), Duration::ZERO, "no list collapsed, so there is no wait");
    recheck.confirm_below(&mut walk, &vanishing).await.unwrap();
    assert_eq!(walk.sightings.scopes[&scope].0, Status::Unstable);
    let reported = Notice::SuspiciousAnswer { scope, before: 1, vanished: 1, asked: 0, present: 0 };
    assert_eq!(walk.notices, [reported]);
    begun.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_list_that_collapsed_is_read_again_after_the_wait() {
    assert_eq!(check(Duration::from_mins(30)).await, 60);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_to_be_over_waits_no_longer_and_believes_nothing() {
    assert_eq!(check(Duration::from_secs(20)).await, 20);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_leaves_out_what_is_owned_proves_nothing_when_there_is_no_time_to_ask() {
    let settings = Settings::new(
        "http://127.0.0.1:9/cloudapi/v6".parse().unwrap(),
        Version::V6,
        Credentials::Bearer("token".into()),
    );
    let seams = Seams::new(SetClock::at(chrono::DateTime::UNIX_EPOCH), SeededRandom::new(1));
    let client = Client::new(&settings, seams.clone()).unwrap();
    let lost = |id: &str| Vanishing { before: 9, vanished: vec![Vanished { id: id.into(), kind: Some("lan".into()) }] };
    for (owned, expected) in [("dc1", Status::Unstable), ("dc2", Status::Complete)] {
        let sightings = Sightings {
            owns: vec![("ann".into(), "dc1".into())],
            scopes: BTreeMap::from([(Scope::Resources, (Status::Complete, Effort::default()))]),
            ..Sightings::default()
        };
        let notes = Notes::default();
        let mut walk = Walk {
            contract: ContractNumber(1),
            sightings,
            notes,
            repeated: 0,
            notices: Vec::new(),
            ahead: None,
            contradicted: BTreeSet::new(),
        };
        let vanishing = BTreeMap::from([(Scope::Resources, lost(owned))]);
        let recheck = Recheck::new(&client, &seams, 4, Duration::ZERO, Instant::now());
        recheck.settle_references(&mut walk, &vanishing).await.unwrap();
        assert_eq!(walk.sightings.scopes[&Scope::Resources].0, expected, "{owned} vanished");
        assert_eq!(walk.sightings.owns.len(), 1, "{owned} vanished");
    }
}
