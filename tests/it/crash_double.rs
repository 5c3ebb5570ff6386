//! Two processes that start together: one collects, the other says so and is gone within a second.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use emulator::Emulator;

use crate::support::cli::{Desk, RUNTIME, Ran, in_step, served};
use crate::support::repeats;

/// The one that may not run has to know within this time of its own start.
const LIMIT: Duration = Duration::from_secs(1);

/// Starts the binary and waits for its end; how long it lived.
fn timed(mut command: Command) -> (Ran, Duration) {
    let started = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    (output.into(), started.elapsed())
}

/// Two at the same moment: exactly one collects. The one that collects needs longer than the other may take to give up,
/// so that the other cannot have come too late to meet it.
fn check_pair(desks: [&Desk; 2]) -> Duration {
    let barrier = std::sync::Barrier::new(2);
    let start = |desk: &Desk| {
        barrier.wait();
        timed(desk.command(&["collect"]))
    };
    let mut ran = std::thread::scope(|scope| {
        let both = desks.map(|desk| scope.spawn(|| start(desk)));
        both.map(|one| one.join().unwrap())
    });
    ran.sort_by_key(|(ran, _)| ran.code);
    let [(won, _), (lost, took)] = ran;
    let won = won.ends(0);
    let lost = lost.ends(75);
    assert_eq!(won.out.lines().count(), 1, "{won:#?}");
    assert_eq!(lost.out, "");
    assert!(
        lost.err.contains("another runner holds ") && lost.err.contains("hint: wait until it is done"),
        "{lost:#?}"
    );
    took
}

/// So many pairs.
fn pairs() -> u32 {
    u32::try_from(repeats("KEYHOLDER_TEST_DOUBLE_STARTS", 100)).unwrap()
}

#[test]
fn of_two_that_start_together_exactly_one_collects() {
    let emulator = RUNTIME.block_on(Emulator::builder().seed(7).users(24).latency(LATENCY).start()).unwrap();
    in_step(&emulator);
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    let base = std::fs::read(desk.database()).unwrap();
    let mut slow = 0;
    for pair in 0..pairs() {
        // Half of them meet where there is no database yet: making it is a race as well.
        let desk = Desk::of(&emulator).with("KEYHOLDER_API_CONCURRENCY", "64");
        if pair % 2 == 0 {
            desk.put_database(&base);
        }
        if check_pair([&desk, &desk]) > LIMIT {
            slow += 1;
        }
        let list = desk.run(&["snapshots", "list", "--format", "csv"]).ends(0);
        assert_eq!(list.out.lines().count(), if pair % 2 == 0 { 3 } else { 2 }, "{list:#?}");
    }
    assert_eq!(slow, 0, "that many took longer than {LIMIT:?} to give up");
}

/// The control: two that do not share a lock both collect, and the check has to notice.
#[test]
#[should_panic(expected = "left: 0")]
fn two_that_collect_at_once_are_noticed() {
    let emulator = served();
    check_pair([&Desk::of(&emulator), &Desk::of(&emulator)]);
}

/// What every answer takes: a collection has some five answers after one another.
const LATENCY: Duration = Duration::from_millis(60);
