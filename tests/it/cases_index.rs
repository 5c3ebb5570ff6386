//! Keeps the table of known cases in `docs/testing.md` in step with the tests: every case has one, and each that is named is
//! there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The cases of kinds A to H and J to Q.
const CASES: [&str; 32] = [
    "A1", "A2", "A3", "B1", "B2", "B3", "C1", "C2", "C3", "C4", "C5", "C6", "D1", "E1", "F1", "F2", "F3", "F4", "G1",
    "G2", "H1", "H2", "H3", "J1", "K1", "L1", "M1", "M2", "N1", "O1", "P1", "Q1",
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default()
}

/// The rows of the table: the case, and the tests it names.
fn rows() -> Vec<(String, Vec<String>)> {
    let text = read("docs/testing.md");
    let (_, section) = text.split_once("\n## Known cases\n").expect("the section is there");
    let lines = section.lines().take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| "));
    lines
        .skip(2)
        .map(|line| {
            let case = line.trim_start_matches("| ").split(' ').next().unwrap_or_default().to_owned();
            let tests = line.split('`').filter(|word| word.contains("::")).map(str::to_owned).collect();
            (case, tests)
        })
        .collect()
}

#[test]
fn every_known_case_has_a_row_with_tests() {
    let rows = rows();
    let found: BTreeSet<&str> = rows.iter().map(|(case, _)| case.as_str()).collect();
    assert_eq!(found, CASES.into());
    assert!(rows.iter().all(|(_, tests)| !tests.is_empty()));
}

#[test]
fn every_test_that_a_known_case_names_is_there() {
    for (case, test) in rows().iter().flat_map(|(case, tests)| tests.iter().map(move |test| (case, test))) {
        let (file, name) = test.split_once("::").unwrap();
        let source = read(&format!("tests/it/{file}.rs"));
        assert!(source.contains(&format!("fn {name}(")), "{case} names {test}");
    }
}
