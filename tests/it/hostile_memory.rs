//! The memory of the real program under every hostile answer: at most 256 MiB, by the kernel's own high-water mark.
//!
//! The server runs in the test's process, the program in its own. Figures are printed; see `docs/testing.md`.

use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use emulator::{Body, Emulator, Rule, Schedule};

use crate::support::cli::{Desk, RUNTIME, in_step};

/// What no hostile answer may exceed, in KiB.
const MAX_KIB: u64 = 256 << 10;

/// How often the high-water mark is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// How long a hostile server may keep the program busy.
const MAX_DURATION: Duration = Duration::from_mins(4);

/// The high-water mark of a process in KiB, while it lives.
fn mark(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Waits for a process; its highest mark in KiB, its exit code, and what it said.
fn watch(mut command: Command) -> (u64, Option<i32>, String) {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let process = child.id();
    let (ended, end) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let output = Child::wait_with_output(child).unwrap();
        // Nobody listens any more where it took too long.
        let _ = ended.send(());
        output
    });
    let (begun, mut highest) = (Instant::now(), 0);
    while end.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
        highest = highest.max(mark(process).unwrap_or(0));
        assert!(begun.elapsed() < MAX_DURATION, "still running after {} s", begun.elapsed().as_secs());
    }
    let output = waiting.join().unwrap();
    (highest, output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Expects that a collection under such faults ends with that code and that message, and stays small.
#[track_caller]
fn check(faults: &str, code: i32, says: &str) {
    let schedule = Schedule::parse(faults).unwrap_or_else(|error| panic!("{error}: {faults}"));
    let emulator = RUNTIME.block_on(Emulator::builder().seed(5).users(30).faults(schedule).start()).unwrap();
    in_step(&emulator);
    // One request at once where pages come one behind the other; many where many bodies may come together.
    let at_once = if faults.contains("pages") { "1" } else { "16" };
    let desk = Desk::of(&emulator).with("KEYHOLDER_API_CONCURRENCY", at_once);
    let begun = Instant::now();
    let (highest, ended, said) = watch(desk.command(&["collect"]));
    let shown: String = faults.chars().take(100).collect();
    let reported = format!("{:>4} MiB {:>3} s {shown:?}\n", highest >> 10, begun.elapsed().as_secs());
    io::stderr().write_all(reported.as_bytes()).unwrap();
    let fired = emulator.faults_fired();
    assert!(fired.values().all(|times| *times > 0), "{fired:?}");
    assert_eq!(ended, Some(code), "{shown}: {said}");
    assert!(said.contains(says) && !said.contains("panicked"), "{shown}: {said}");
    assert!(highest > 0 && highest <= MAX_KIB, "{highest} KiB: {shown}");
}

/// Such a fault for every list of the contract.
fn everywhere(effect: &str) -> String {
    format!("[[fault]]\non = \"GET /um/*\"\n{effect}\n")
}

#[test]
fn t3_a_recording_of_large_answers_stays_small() {
    let emulator = RUNTIME.block_on(Emulator::builder().seed(5).users(30).start()).unwrap();
    in_step(&emulator);
    // Half a million objects in 4 MiB: as a tree they would take a hundred times that.
    let body = format!("{{\"items\":[],\"message\":[{}{{}}]}}", "{\"a\":1},".repeat(460_000));
    emulator.fail(Rule::on("GET", "/um/*").status(200).body(Body::Verbatim(body)));
    let desk = Desk::of(&emulator);
    let (highest, _, said) = watch(desk.command(&["collect", "--record", "recording"]));
    let recorded = std::fs::read_to_string(desk.path("recording/exchanges.jsonl")).unwrap();
    assert!(highest > 0 && highest <= MAX_KIB, "{highest} KiB");
    assert!(recorded.contains("\"body\":\"large\""), "{said}");
}

#[test]
fn a_bomb_in_every_answer_stays_small() {
    check(&everywhere("gzip_bomb_mib = 10240"), 5, "100 times");
}

#[test]
fn a_string_of_a_mebibyte_in_every_answer_stays_small() {
    check(&everywhere("status = 200\nlong_string = 1048576"), 5, "longer than 65536 bytes");
}

#[test]
fn a_string_of_a_mebibyte_in_every_item_stays_small() {
    let text = "x".repeat(1 << 20);
    for list in ["/um/users", "/um/groups/{groupId}/shares"] {
        check(
            &format!("[[fault]]\non = \"GET {list}\"\nset = {{ at = \"properties.name\", value = \"{text}\" }}\n"),
            9,
            "",
        );
    }
}

#[test]
fn nesting_without_measure_stays_small() {
    check(&everywhere("status = 200\nnested = 100000"), 5, "deeper than 32");
}

#[test]
fn pages_without_end_stay_small() {
    check("[[fault]]\non = \"GET /um/users\"\npages = \"fresh\"\n", 9, "hold more than 96 MiB");
}

#[test]
fn lists_without_end_stay_small() {
    check(&everywhere("flood = \"items\""), 5, "larger than 32 MiB");
    // The lists below groups and users, many at a time.
    check(
        "[[fault]]\non = \"GET /um/groups/*\"\nflood = \"items\"\n\n[[fault]]\non = \"GET /um/users/*\"\nflood = \"items\"\n",
        9,
        "",
    );
}

#[test]
fn bodies_without_end_stay_small() {
    check(&everywhere("flood = \"body\""), 5, "larger than 32 MiB");
}

#[test]
fn headers_without_end_stay_small() {
    check(&everywhere("flood = \"headers\""), 5, "");
}

#[test]
fn a_slow_drip_stays_small() {
    check("[[fault]]\non = \"GET /um/groups\"\ndrip = { bytes = 1, every_ms = 5000 }\n", 9, "trickled");
}

#[test]
fn a_process_that_takes_too_much_is_seen() {
    let mut command = Command::new("dd");
    command.args(["if=/dev/zero", "of=/dev/null", "bs=300M", "count=8"]);
    let (highest, ended, said) = watch(command);
    assert_eq!(ended, Some(0), "{said}");
    assert!(highest > MAX_KIB, "{highest} KiB");
}
