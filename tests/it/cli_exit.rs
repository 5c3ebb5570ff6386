//! The exit codes, each from the real binary, and that the documentation lists the same ones.

use std::fs::{self, File};

use emulator::{Body, Rule};
use keyholder::exit::Exit;

use crate::cases_doctor::closed_port;
use crate::support::cli::{Desk, MONTH, RUNTIME, served};

/// Compares two snapshots of the shared month with that threshold.
#[track_caller]
fn check_found(from: &str, to: &str, threshold: &str, code: i32) {
    let ran = Desk::with_month().run(&["diff", from, to, "--fail-on", threshold]).ends(code);
    assert!(!ran.out.is_empty(), "the changes are listed whatever the code: {ran:#?}");
}

#[test]
fn the_readme_lists_the_codes_of_the_program() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    assert!(readme.contains(&Exit::table()), "the table of README.md is not:\n{}", Exit::table());
}

#[test]
fn a_complete_collection_ends_with_0() {
    let emulator = served();
    let ran = Desk::of(&emulator).run(&["collect"]).ends(0);
    assert!(ran.out.starts_with(&format!("contract {} snapshot 1 complete: 24 users", emulator.contract_number())));
    assert_eq!(ran.out.lines().count(), 1, "{ran:#?}");
}

/// A database in which the first run failed, and nothing is.
fn first_run_failed() -> Desk {
    let desk = Desk::at(&format!("http://{}", closed_port()), "token");
    desk.run(&["collect"]).ends(5);
    desk
}

#[test]
fn status_names_a_first_run_that_failed_and_ends_with_9() {
    let desk = first_run_failed();
    let ran = desk.run(&["status", "--format", "json"]).ends(9);
    assert!(ran.out.contains("never collected; the last attempt: failed: "), "{ran:#?}");
    assert!(ran.out.contains("the server cannot be reached"), "{ran:#?}");
}

#[test]
fn a_snapshot_after_a_failed_run_makes_status_0() {
    let emulator = served();
    let desk = first_run_failed().with("IONOS_API_URL", &emulator.base_url(emulator::Version::V6));
    let desk = desk.with("IONOS_TOKEN", emulator.token());
    desk.run(&["collect"]).ends(0);
    desk.run(&["status"]).ends(0);
}

#[test]
fn before_the_first_snapshot_questions_end_with_9_and_diff_with_0() {
    let desk = first_run_failed();
    let says = "the database has no snapshot yet";
    let hint = "`keyholder collect` makes the first";
    let questions = [
        &["diff", "1", "2"][..],
        &["report", "changes", "--format", "csv", "--out", "-"],
        &["history", "ann"],
        &["snapshots", "show"],
        &["snapshots", "show", "--contract", "31721679"],
    ];
    for question in questions {
        let ran = desk.run(question).ends(9);
        assert!(ran.err.contains(&format!("error: {says}\nhint: {hint}\n")), "{question:?}: {ran:#?}");
        assert_eq!(ran.out, "", "{question:?}");
    }
    for (format, list) in [("json", "[]\n"), ("table", "")] {
        let ran = desk.run(&["diff", "--format", format]).ends(0);
        assert!(ran.err.contains(says) && ran.err.contains(hint), "{ran:#?}");
        assert_eq!(ran.out, list);
    }
}

#[test]
fn a_full_disk_behind_standard_output_ends_with_14() {
    for arguments in [&["diff", "1", "2"][..], &["config", "show"], &["man"]] {
        let desk = Desk::with_month();
        let mut command = desk.command(arguments);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(14), "{arguments:?}: {err}");
        assert!(err.starts_with("error: write to standard output: ") && err.contains("\nhint: "), "{err}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for arguments in
        [&["collect", "--nonsense"][..], &["repot"], &["report", "nonsense"], &["diff", "--severity", "huge"], &[]]
    {
        let ran = Desk::bare().run(arguments).ends(2);
        assert_eq!(ran.out, "", "{arguments:?}");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn no_credentials_end_with_3() {
    Desk::bare().run(&["collect"]).ends(3);
}

#[test]
fn refused_credentials_end_with_4() {
    let emulator = served();
    let url = emulator.base_url(emulator::Version::V6);
    Desk::at(&url, "wrong").run(&["collect"]).ends(4);
}

#[test]
fn credentials_that_may_not_read_anything_end_with_4() {
    let emulator = served();
    let url = emulator.base_url(emulator::Version::V6);
    Desk::at(&url, emulator.restricted_token()).run(&["collect"]).ends(4);
    for path in ["/contracts", "/um/users", "/um/groups", "/um/resources"] {
        emulator.fail(Rule::on("GET", path).status(403));
    }
    let contract = emulator.contract_number().to_string();
    Desk::at(&url, emulator.token()).run(&["collect", "--contract", &contract]).ends(4);
}

#[test]
fn a_portal_that_answers_with_pages_ends_with_5() {
    let emulator = served();
    emulator.fail(Rule::on("GET", "/contracts").status(200).body(Body::Html("<html>sign in</html>".to_owned())));
    Desk::of(&emulator).run(&["collect"]).ends(5);
}

#[test]
fn a_server_that_is_not_there_ends_with_5() {
    let listener = RUNTIME.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    Desk::at(&nobody, "token").run(&["collect"]).ends(5);
}

#[test]
fn a_file_that_is_no_database_ends_with_6() {
    let desk = Desk::bare();
    fs::write(desk.path("notes.txt"), "name,email\n").unwrap();
    desk.run(&["--db", "notes.txt", "diff"]).ends(6);
}

#[test]
fn an_incomplete_population_ends_with_9_when_collecting_and_when_reporting() {
    let emulator = served();
    let group = emulator.read(|world| world.groups().next().unwrap().id.clone());
    emulator.fail(Rule::on("GET", &format!("/um/groups/{group}/users")).status(403));
    let desk = Desk::of(&emulator);
    let ran = desk.run(&["collect"]).ends(9);
    assert!(ran.err.contains("INCOMPLETE") && ran.err.contains(&format!("members({group})")), "{ran:#?}");
    assert_eq!(ran.out.lines().count(), 1, "{ran:#?}");
    let ran = desk.run(&["report", "access-review", "--format", "csv", "--out", "-"]).ends(9);
    assert!(ran.err.contains("The population of snapshot 1 is INCOMPLETE"), "{ran:#?}");
    let ran = desk.run(&["snapshots", "show"]).ends(0);
    assert!(ran.out.contains("INCOMPLETE") && ran.out.contains("forbidden"), "{ran:#?}");
}

#[test]
fn informational_changes_end_with_10_when_asked_for() {
    check_found("2", "3", "info", 10);
    check_found("2", "3", "low", 0);
}

#[test]
fn low_and_medium_changes_end_with_11_when_asked_for() {
    check_found("3", "4", "info", 11);
    check_found("3", "4", "high", 0);
}

#[test]
fn high_changes_end_with_12_when_asked_for() {
    check_found("4", "5", "medium", 12);
    check_found("4", "5", "critical", 0);
}

#[test]
fn critical_changes_end_with_13_when_asked_for() {
    check_found("baseline", "critical", "critical", 13);
    let ran = Desk::with_month().run(&["diff", "baseline", "critical"]).ends(0);
    assert!(ran.out.contains(&MONTH.promoted), "{ran:#?}");
}

#[test]
fn a_second_collector_ends_with_75_and_touches_nothing() {
    let desk = Desk::with_month();
    let path = format!("{}.lock", desk.database().display());
    let lock = File::options().create(true).truncate(true).write(true).open(path).unwrap();
    lock.lock().unwrap();
    let ran = desk.run(&["collect"]).ends(75);
    assert!(ran.err.contains("another runner holds") && ran.err.contains("\nhint: "), "{ran:#?}");
    assert!(fs::read(desk.database()).unwrap() == MONTH.database);
    drop(lock);
    desk.run(&["collect"]).ends(5);
}
