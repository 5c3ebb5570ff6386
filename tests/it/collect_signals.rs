//! Signals to the collector: the first one stops it in order and soon, the second at once, and what was read is not lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::cut::{Dice, Lane, Moment, TWIN, cut, many, number};
use crate::support::repeats;

/// The longest that a stopped collector may take to end.
const MAX_STOPPING: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
struct Tally {
    stopped: AtomicU64,
    sealed: AtomicU64,
    saved: AtomicU64,
    slowest_ms: AtomicU64,
}

/// The state and reason of the newest run, as the list of runs has them.
fn newest_run(desk: &Desk) -> String {
    let ran = desk.run(&["snapshots", "list", "--runs", "--format", "csv"]).ends(0);
    ran.out.lines().last().unwrap().to_owned()
}

/// Stops a run, looks, and collects again.
fn stop_once(lane: &Lane, turn: u64, mut dice: Dice, tally: &Tally) {
    let twin = &*TWIN;
    let moment = Moment::random(&mut dice, Duration::from_millis(150));
    let what = format!("stop {turn} {moment:?}");
    let desk = lane.desk(&twin.baseline);
    let ended = cut(lane, &desk, moment, Signal::TERM);
    assert!(ended.took <= MAX_STOPPING, "{what}: {ended:?}");
    tally.slowest_ms.fetch_max(u64::try_from(ended.took.as_millis()).unwrap(), Ordering::Relaxed);
    let run = newest_run(&desk);
    lane.0.reset_counters();
    match ended.status.code() {
        // The signal came when everything was read: the seal is finished.
        Some(0) => {
            assert!(run.contains("complete"), "{what}: {run}");
            tally.sealed.fetch_add(1, Ordering::Relaxed);
            twin.check_same(&desk.database(), &what);
            return;
        }
        Some(143) => assert!(run.contains("interrupted") && run.contains("stopped by SIGTERM"), "{what}: {run}"),
        other => panic!("{what}: {other:?}"),
    }
    tally.stopped.fetch_add(1, Ordering::Relaxed);
    let ran = desk.run(&["-qq", "collect"]);
    assert_eq!(ran.code, 0, "{what}: {ran:#?}");
    twin.check_same(&desk.database(), &what);
    let saved = RUNTIME
        .block_on(number(&desk.database(), "SELECT coalesce((SELECT count FROM notice WHERE notice = 'resumed'), 0)"));
    let saved = u64::try_from(saved).unwrap();
    tally.saved.fetch_add(saved, Ordering::Relaxed);
    assert_eq!(lane.0.counters().total, twin.requests - saved, "{what}");
    // Nothing that was answered is asked again, but for the contract, and the halves of pairs and the answers behind them.
    assert!(saved + 1 + 2 * 3 >= ended.requests, "{what}: of {} requests {saved} were saved", ended.requests);
}

/// The figures of the run, for `--nocapture`.
#[expect(clippy::print_stdout, reason = "figures are what this test is run for")]
fn tell(tally: &Tally) {
    println!("{tally:?}");
}

#[test]
fn a_collector_that_is_told_to_stop_at_any_moment_stops_soon_and_goes_on_later() {
    let tally = Tally::default();
    many(repeats("KEYHOLDER_TEST_STOPS", 50), |lane, turn, dice| stop_once(lane, turn, dice, &tally));
    tell(&tally);
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert!(of(&tally.stopped) > of(&tally.sealed) && of(&tally.saved) > of(&tally.stopped), "{tally:?}");
}

/// Starts a collection against a server that answers only after a minute, and waits until it asks.
fn stuck(desk: &Desk, lane: &Lane) -> std::process::Child {
    lane.0.set_latency(Duration::from_mins(1));
    lane.0.reset_counters();
    let child = desk.command(&["collect"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while lane.0.counters().total < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn send(child: &std::process::Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn what_is_in_flight_gets_ten_seconds_and_ctrl_c_ends_with_130() {
    let lane = Lane::after();
    let desk = lane.desk(&TWIN.baseline);
    let child = stuck(&desk, &lane);
    let begun = std::time::Instant::now();
    send(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(begun.elapsed() >= Duration::from_secs(9) && begun.elapsed() <= MAX_STOPPING, "{:?}", begun.elapsed());
    assert!(err.contains("error: stopped by SIGINT\nhint: ") && err.contains("the run is resumed"), "{err}");
    assert!(newest_run(&desk).contains("stopped by SIGINT"));
    lane.0.set_latency(Duration::ZERO);
    let ran = desk.run(&["collect", "--fresh"]).ends(0);
    assert!(!ran.err.contains("resumed"), "{ran:#?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let lane = Lane::after();
    let desk = lane.desk(&TWIN.baseline);
    let child = stuck(&desk, &lane);
    let begun = std::time::Instant::now();
    send(&child, Signal::TERM);
    // Signals of one kind that come before the first is heard are one.
    send(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!([Some(130), Some(143)].contains(&output.status.code()), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("stopped at once by another SIG"));
}

#[test]
fn the_end_of_a_terminal_does_not_end_a_collection() {
    let emulator = served();
    let lane = Lane(emulator);
    let desk = Desk::of(&lane.0);
    lane.0.set_latency(Duration::from_millis(30));
    let child = desk.command(&["-q", "collect"]).spawn().unwrap();
    while lane.0.counters().total < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    send(&child, Signal::HUP);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn waiting_for_a_server_that_asks_to_wait_is_stopped_as_well() {
    let lane = Lane::after();
    lane.0.set_latency(Duration::ZERO);
    let desk = lane.desk(&TWIN.baseline).with("KEYHOLDER_API_ATTEMPTS", "5");
    let busy = emulator::Rule::on("GET", "/um/users/{userId}/owns").status(429);
    lane.0.fail(busy.retry_after(emulator::faults::RetryAfter::Seconds(120)).after(5));
    lane.0.reset_counters();
    let child = desk.command(&["-q", "collect"]).spawn().unwrap();
    while !lane.0.counters().statuses.contains_key(&429) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let begun = std::time::Instant::now();
    send(&child, Signal::TERM);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    lane.0.clear_faults();
    desk.run(&["-q", "collect"]).ends(0);
    TWIN.check_same(&desk.database(), "after a wait");
}
