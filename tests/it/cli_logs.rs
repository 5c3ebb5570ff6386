//! JSON log lines: which run a line belongs to.

use serde_json::Value;

use crate::support::cli::{Desk, served};

/// The number of the run that a line belongs to.
fn run_of(line: &Value) -> Option<u64> {
    let spans = line["spans"].as_array()?;
    spans.iter().find(|span| span["name"] == "run")?["run"].as_u64()
}

#[test]
fn json_lines_of_a_collection_carry_the_run() {
    let emulator = served();
    let desk = Desk::of(&emulator).with("KEYHOLDER_LOG_FORMAT", "json");
    for number in 1..=2 {
        let ran = desk.run(&["collect", "-v"]).ends(0);
        let lines = ran.err.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
        let runs: Vec<_> = lines.filter_map(|line| run_of(&line)).collect();
        assert!(!runs.is_empty() && runs.iter().all(|run| *run == number), "{number}: {runs:?}\n{}", ran.err);
    }
}
