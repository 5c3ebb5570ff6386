//! The progress of a collection on standard error.

use std::process::Command;
use std::time::Duration;

use emulator::Emulator;

use crate::support::cli::{Desk, RUNTIME, in_step};
use crate::support::skipped;

/// A contract that takes some seconds to read, one request at a time.
fn slow() -> (Emulator, Desk) {
    let latency = Duration::from_millis(60);
    let emulator = RUNTIME.block_on(Emulator::builder().seed(7).users(24).latency(latency).start()).unwrap();
    in_step(&emulator);
    let desk = Desk::of(&emulator).with("KEYHOLDER_API_CONCURRENCY", "1");
    (emulator, desk)
}

/// The numbers of a line such as `users 24 · groups 4 of 12 · keys 8 of 24`: what was read, and totals where there are any.
fn numbers(line: &str) -> Vec<Option<u64>> {
    let parts = line.split(" · ").map(|part| part.trim().split_once(' ').expect("a word and a number").1);
    let pairs = parts.map(|part| match part.split_once(" of ") {
        Some((read, total)) => [read.parse().ok(), total.parse().ok()],
        None => [part.parse().ok(), None],
    });
    pairs.flatten().collect()
}

/// Expects whole numbers that never go back, whose totals are never exceeded.
#[track_caller]
fn check_lines<'l>(lines: impl Iterator<Item = &'l str>) -> usize {
    let (mut before, mut count) = (Vec::new(), 0);
    for line in lines {
        let now = numbers(line);
        assert_eq!(now.len(), 6, "{line}");
        assert!([0, 2, 4].iter().all(|read| now[*read].is_some()), "{line}");
        assert!([2, 4].iter().all(|read| now[read + 1].is_none_or(|total| now[*read].unwrap() <= total)), "{line}");
        assert!(before.iter().zip(&now).all(|(before, now)| before <= now), "{line} after {before:?}");
        (before, count) = (now, count + 1);
    }
    count
}

#[test]
fn without_a_terminal_a_line_comes_every_few_seconds() {
    let (_emulator, desk) = slow();
    let ran = desk.run(&["collect"]).ends(0);
    let lines: Vec<_> = ran.err.lines().filter_map(|line| line.split_once("Reading: ")).map(|(_, what)| what).collect();
    assert!((1..=10).contains(&check_lines(lines.iter().copied())), "{}", ran.err);
    assert!(!ran.err.contains('\r') && !ran.err.contains('\u{1b}'), "{:?}", ran.err);
    let quiet = desk.run(&["-q", "collect"]).ends(0);
    assert_eq!(quiet.err, "");
}

#[test]
fn on_a_terminal_one_line_is_kept_up_to_date() {
    let (_emulator, desk) = slow();
    let inner = desk.command(&["collect"]);
    let mut outer = Command::new("script");
    outer.args(["-qec", concat!(env!("CARGO_BIN_EXE_keyholder"), " collect"), "/dev/null"]);
    outer.current_dir(inner.get_current_dir().unwrap()).env_clear().env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Ok(output) = outer.output() else { return skipped("there is no script(1) to make a terminal") };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let drawn = text.split(['\r', '\n']).filter_map(|line| line.find("users ").map(|at| &line[at..]));
    let drawn: Vec<_> =
        drawn.map(|line| line.split('\u{1b}').next().unwrap()).filter(|line| line.contains(" · ")).collect();
    assert!(check_lines(drawn.iter().copied()) >= 5, "{text:?}");
    assert!(!text.contains("Reading: ") && !text.contains("left"), "{text:?}");
}
