//! Fault files: every example of the documentation can be read, and every mistake is named with its place.

use keyholder_emulator::Schedule;

const DOCUMENTATION: &str = include_str!("../../../../docs/emulator.md");

/// The example of a row, as the documentation has it.
pub(crate) fn example(row: &str) -> String {
    let section = DOCUMENTATION.split(&format!("### {row}:")).nth(1).unwrap_or_else(|| panic!("no example for {row}"));
    let example = section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(!example.contains("### "), "{row} has no example of its own");
    example.to_owned()
}

#[test]
fn every_row_has_an_example_that_can_be_read() {
    for row in 1..=15 {
        let schedule = Schedule::parse(&example(&format!("F{row}"))).unwrap_or_else(|error| panic!("F{row}: {error}"));
        assert!(!schedule.rules().is_empty(), "F{row}");
    }
}

/// The rules of a file as text.
#[track_caller]
fn check_reads(file: &str, expected: &[&str]) {
    let schedule = Schedule::parse(file).unwrap_or_else(|error| panic!("{error}: {file}"));
    let rules: Vec<String> = schedule.rules().iter().map(keyholder_emulator::Rule::name).collect();
    assert_eq!(rules, expected, "{file}");
}

#[test]
fn every_effect_can_be_written() {
    for (effect, title) in [
        ("status = 500\nempty = true\nheaders = { a = 'b' }", "500"),
        ("status = 200\njson = { items = [1, 2.5, 'x', true] }", "200"),
        ("status = 200\ntext = 'x'", "200"),
        ("status = 200\nverbatim = '{'", "200"),
        ("redirect = 308\nphase = 'after'", "redirect 308"),
        ("flood = 'headers'", "flood"),
        ("flood = 'body'", "flood"),
        ("flood = 'items'", "flood"),
        ("items = 'null'", "items missing"),
        ("items = 'twice'", "duplicate id"),
        ("pages = 'empty'", "endless pages"),
        ("next = 'https://example.org/x'", "next link"),
        ("pages_of = 25", "short pages"),
        ("next = 'path'", "next link"),
        ("next = 'back'", "next link"),
        ("next = 'standstill'", "next link"),
        ("next = 'unreadable'", "next link"),
        ("next = 'untold'", "next link"),
        ("remove = 'properties.email'", "property missing"),
        ("frame = { at = 'total', value = 4 }", "frame set"),
        ("spell = 'upper'", "ids spelled"),
        ("as_status = 206", "as 206"),
        ("as_headers = { age = '9' }\nitems = 3", "with age"),
        ("connection = 'silence'\nphase = 'during'", "silence"),
        ("silence_ms = 20", "silence"),
        ("abandon = 'close'", "connection abandoned"),
        ("gzip = 'cut'", "gzip error"),
        ("delay_ms = 0x10", "delay"),
        ("edit = 'remove last user'", "edit"),
    ] {
        check_reads(&format!("[[fault]]\non = 'GET /x'\n{effect}"), &[&format!("GET /x: {title}")]);
    }
}

#[test]
fn a_file_may_ask_for_whole_schedules() {
    check_reads("", &[]);
    let rules = |file: &str| Schedule::parse(file).unwrap().rules().len();
    assert!(rules("seed = 7\nrandom = 'storm'") >= 10);
    assert!(rules("seed = 7\nrandom = 'calm'\nlies = 'rough'\nchurn = 20") >= 25);
    let text = |file: &str| format!("{:?}", Schedule::parse(file).unwrap());
    assert_eq!(text("seed = 7\nrandom = 'calm'"), text("random = 'calm'\nseed = 7"));
    assert_ne!(text("seed = 7\nrandom = 'calm'"), text("seed = 8\nrandom = 'calm'"));
}

#[track_caller]
fn check_refused(file: &str, expected: &str) {
    let error = Schedule::parse(file).map(|schedule| format!("{schedule:?}")).unwrap_err();
    assert_eq!(error.to_string(), expected, "{file}");
}

/// A fault whose third line is this.
#[track_caller]
fn check_line(line: &str, problem: &str) {
    let key = line.split(' ').next().unwrap();
    check_refused(&format!("[[fault]]\non = 'GET /x'\n{line}\n"), &format!("line 3, key `{key}`: {problem}"));
}

#[test]
fn a_mistake_is_named_with_its_line_and_key() {
    check_line("status = 99", "99 is no status between 200 and 599");
    check_line("status = 'x'", "a whole number is expected, not \"x\"");
    check_line("times = 0", "0 is out of range");
    check_line("after = -1", "-1 is out of range");
    check_line("chance = 1.5", "1.5 is not between 0 and 1");
    check_line("phase = 'late'", "one of \"before\", \"after\", \"during\" is expected, not \"late\"");
    check_line("connection = true", "one of \"close\", \"reset\", \"silence\" is expected, not a boolean");
    check_line("drip = { bytes = 1 }", "{ bytes = …, every_ms = … } is expected");
    check_line(
        "next = 'nowhere'",
        "\"elsewhere\", \"back\", \"standstill\", \"path\", \"unreadable\", \"untold\" or an address is expected, not \"nowhere\"",
    );
}

#[test]
fn a_fault_that_says_too_little_or_too_much_is_named_with_its_line() {
    check_refused("seed = 1\n\n[[fault]]\nstatus = 500", "line 3, fault: the key `on` is missing");
    check_refused("[[fault]]\non = 'GET /x'", "line 1, fault: no key says what happens");
    let two = "[[fault]]\non = 'GET /x'\nstatus = 500\n\n[[fault]]\non = 'GET /x'\nstatus = 500\nredirect = 302";
    check_refused(two, "line 5, fault: more than one key says what happens");
    check_refused("[[fault]]\non = 'GET /x'\nhtml = 'x'", "line 1, fault: an answer of its own needs a `status`");
    let bodies = "[[fault]]\non = 'GET /x'\nstatus = 200\nhtml = 'x'\ntext = 'x'";
    check_refused(bodies, "line 1, fault: an answer has one body and one time to come back");
    let restated = "[[fault]]\non = 'GET /x'\nredirect = 302\nas_status = 206";
    let problem = "line 1, fault: `as_status` and `as_headers` go with what changes the operation's own answer";
    check_refused(restated, problem);
    let phase = "[[fault]]\non = 'GET /x'\nstatus = 200\nphase = 'during'";
    check_refused(phase, "line 1, fault: its effect knows no such `phase`");
}

#[test]
fn unknown_keys_and_broken_files_are_refused() {
    let unknown = "[[fault]]\non = 'GET /x'\nstatus = 500\ntiems = 1";
    check_refused(unknown, "line 4, key `tiems`: there is no such key here");
    check_refused("sede = 1", "line 1, key `sede`: there is no such key here");
    check_refused("fault = 1", "line 1, key `fault`: faults are written as [[fault]]");
    check_refused("fault = [1]", "line 1, key `fault`: faults are written as [[fault]]");
    for endpoint in ["/x", "GET x", "get /x", "GET"] {
        let problem = "a method and a path are expected, as in \"GET /um/users\"";
        let file = format!("[[fault]]\non = '{endpoint}'\nstatus = 500");
        check_refused(&file, &format!("line 2, key `on`: {problem}, not \"{endpoint}\""));
    }
    let broken = Schedule::parse("seed = 1\nrandom = ").unwrap_err().to_string();
    assert!(broken.starts_with("line 2: "), "{broken}");
}
