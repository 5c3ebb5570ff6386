//! Which requests a fault meets, in which phase, how it is counted, and that a seed is all there is to chance.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyholder_emulator::faults::{Distortion, Edit, Effect, Ending, Intensity, Items, Phase, Place};
use keyholder_emulator::{Emulator, Rule, Schedule};
use tokio::time::Instant;

use crate::peer::Peer;
use crate::wire::{End, Wire, hear};

/// Statuses of so many reads of the groups under a rule.
async fn statuses(rule: Rule, reads: usize) -> Vec<u16> {
    let peer = Peer::new().await;
    peer.emulator.fail(rule);
    let mut statuses = Vec::new();
    for _ in 0..reads {
        statuses.push(peer.get("/um/groups").await.status);
    }
    statuses
}

fn busy(path: &str) -> Rule {
    Rule::on("GET", path).status(503)
}

#[tokio::test]
async fn a_fault_meets_every_nth_request_behind_those_let_through() {
    assert_eq!(statuses(busy("/um/groups").every(3), 7).await, [503, 200, 200, 503, 200, 200, 503]);
    assert_eq!(statuses(busy("/um/groups").after(1).every(2).times(2), 6).await, [200, 503, 200, 503, 200, 200]);
}

#[tokio::test]
async fn a_path_may_be_any_or_a_beginning() {
    for (path, expected) in [("*", 503), ("/um/gr*", 503), ("/um/groups*", 503), ("/um/us*", 200), ("/um", 200)] {
        assert_eq!(statuses(busy(path), 1).await, [expected], "{path}");
    }
}

#[tokio::test]
async fn a_fault_meets_the_first_attempts_at_every_address() {
    let peer = Peer::new().await;
    let fault = peer.emulator.fail(busy("/um/users").attempts(2));
    let mut statuses = Vec::new();
    for path in ["/um/users", "/um/users?depth=1", "/um/users", "/um/users?depth=1", "/um/users", "/um/users?depth=1"] {
        statuses.push(peer.get(path).await.status);
    }
    assert_eq!((statuses, fault.fired()), (vec![503, 503, 503, 503, 200, 200], 4));
}

/// Statuses of the second attempt at thirty addresses, in an order that is reversed or not.
async fn drawn(seed: u64, backwards: bool) -> Vec<u16> {
    let peer = Peer::new().await;
    peer.emulator.follow(Schedule::new(seed).rule(busy("/um/users").chance(0.5)));
    let mut order: Vec<usize> = (0..30).collect();
    if backwards {
        order.reverse();
    }
    let mut statuses = vec![0; order.len()];
    for _attempt in 0..2 {
        for &offset in &order {
            statuses[offset] = peer.get(&format!("/um/users?offset={offset}")).await.status;
        }
    }
    statuses
}

#[tokio::test]
async fn chance_follows_from_the_seed_and_not_from_the_order_of_requests() {
    let forwards = drawn(7, false).await;
    assert_eq!(forwards, drawn(7, true).await);
    assert_ne!(forwards, drawn(8, false).await);
    assert!((5..=25).contains(&forwards.iter().filter(|status| **status == 503).count()), "{forwards:?}");
}

#[tokio::test]
async fn an_answer_lost_behind_the_operation_leaves_its_work_done() {
    let peer = Peer::new().await;
    let groups = || peer.emulator.read(|world| world.groups().count());
    let before = groups();
    let body = Some(r#"{"properties":{"name":"twice"}}"#);
    let lost = peer.emulator.fail(Rule::on("POST", "/um/groups").status(504).phase(Phase::Before).times(1));
    assert_eq!((peer.call("POST", "/um/groups", body).await.status, groups()), (504, before));
    peer.emulator.fail(Rule::on("POST", "/um/groups").status(504).phase(Phase::After).times(1));
    assert_eq!((peer.call("POST", "/um/groups", body).await.status, groups()), (504, before + 1));
    assert_eq!((peer.call("POST", "/um/groups", body).await.status, groups()), (202, before + 2));
    assert_eq!(lost.fired(), 1);
}

#[tokio::test]
async fn silence_ends_when_it_is_said_to_and_not_before() {
    let peer = Peer::new().await;
    let silence = Effect::Break(Ending::Silence(Duration::from_millis(30)));
    peer.emulator.fail(Rule::on("GET", "/um/users").effect(silence));
    peer.emulator.fail(Rule::on("GET", "/um/groups").effect(Effect::Break(Ending::HANG)));
    let asked = Instant::now();
    let heard = hear(&peer.emulator, "/um/users").await;
    assert_eq!((heard.head.as_str(), heard.end), ("", End::Closed));
    assert!(asked.elapsed() >= Duration::from_millis(30));
    let mut wire = Wire::to(&peer.emulator).await;
    wire.ask("/um/groups").await;
    wire.stays_quiet().await;
}

#[tokio::test]
async fn delays_and_edits_come_on_top_of_the_fault_that_decides() {
    let peer = Peer::new().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let edit = Edit::with(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let schedule = Schedule::new(1)
        .rule(Rule::on("GET", "*").named("late").effect(Effect::Delay(Duration::from_millis(20))))
        .rule(Rule::on("GET", "*").named("edit").effect(Effect::Edit(edit)).after(1))
        .rule(busy("/um/groups").named("busy").times(1));
    peer.emulator.follow(schedule);
    let asked = Instant::now();
    assert_eq!(peer.get("/um/groups").await.status, 503);
    assert_eq!(peer.get("/um/groups").await.status, 200);
    assert!(asked.elapsed() >= Duration::from_millis(38));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let fired: Vec<(String, u32)> = peer.emulator.faults_fired().into_iter().collect();
    assert_eq!(fired, [("busy".to_owned(), 1), ("edit".to_owned(), 1), ("late".to_owned(), 2)]);
}

#[tokio::test]
async fn a_fault_that_finds_nothing_to_change_has_not_fired() {
    let peer = Peer::new().await;
    let empty = peer.emulator.edit(|world| world.add_group("nobody", &[]));
    let emptied =
        Rule::on("GET", "/um/groups/{groupId}/users").effect(Effect::Distort(Distortion::Items(Items::Empty)));
    let fault = peer.emulator.fail(emptied.times(1));
    assert_eq!(peer.ids(&format!("/um/groups/{empty}/users")).await.len(), 0);
    assert_eq!(peer.get("/um/groups/none/users").await.status, 404);
    assert_eq!(fault.fired(), 0);
    let full =
        peer.emulator.read(|world| world.groups().find(|it| world.members(&it.id).count() > 0).unwrap().id.clone());
    assert_eq!(peer.ids(&format!("/um/groups/{full}/users")).await.len(), 0);
    assert_eq!(fault.fired(), 1);
    assert_ne!(peer.ids(&format!("/um/groups/{full}/users")).await.len(), 0);
}

#[tokio::test]
async fn nobody_who_administers_or_signs_in_is_ever_removed() {
    let peer = Peer::of(Emulator::builder().users(24)).await;
    for place in [Place::First, Place::Last] {
        peer.emulator.fail(Rule::on("GET", "/um/users").effect(Effect::Edit(Edit::remove_user(place))));
    }
    for _ in 0..24 {
        assert_eq!(peer.get("/um/users").await.status, 200);
    }
    let cast = peer.emulator.cast();
    let left = peer.emulator.read(|world| {
        assert!([&cast.owner, &cast.auditor, &cast.restricted].iter().all(|id| world.user(id).is_some()));
        world.users().filter(|user| !user.administrator).count()
    });
    assert!((1..=2).contains(&left), "the restricted user, and the owner if no administrator: {left}");
}

#[tokio::test]
async fn churn_changes_the_world_while_it_is_read() {
    let peer = Peer::new().await;
    let before = peer.emulator.read(|world| format!("{world:?}"));
    peer.emulator.follow(Schedule::churn(3, 12));
    for offset in 0..200 {
        assert_eq!(peer.get(&format!("/um/users?offset={offset}&limit=1")).await.status, 200);
    }
    assert_ne!(peer.emulator.read(|world| format!("{world:?}")), before);
    let fired: u32 = peer.emulator.faults_fired().into_values().sum();
    assert!((6..=12).contains(&fired), "{fired}");
}

#[tokio::test]
async fn a_random_schedule_strikes_and_ends() {
    let peer = Peer::new().await;
    for seed in 0..20 {
        let schedule = Schedule::random(seed, Intensity::Rough);
        let most = schedule.most().unwrap();
        let faults = peer.emulator.follow(schedule);
        for _ in 0..4 {
            for path in ["/contracts", "/um/users", "/um/groups", "/um/resources"] {
                hear_briefly(&peer.emulator, path).await;
            }
        }
        let fired: u64 = faults.iter().map(|fault| u64::from(fault.fired())).sum();
        assert!(fired <= most, "{seed}");
        peer.emulator.clear_faults();
        assert_eq!(peer.get("/um/users").await.status, 200, "{seed}");
    }
    assert!(peer.emulator.faults_fired().len() > 20);
    assert!(peer.emulator.faults_fired().values().sum::<u32>() > 50);
}

/// Asks and reads a little, as a client does that gives up early.
async fn hear_briefly(emulator: &Emulator, path: &str) {
    let mut wire = Wire::to(emulator).await;
    wire.ask(path).await;
    let _ = tokio::time::timeout(Duration::from_millis(20), wire.first_bytes()).await;
}
