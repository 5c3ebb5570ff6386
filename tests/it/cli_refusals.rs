//! Bad input: the message names the thing and the reason and what to do, and nothing that was there is touched.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use emulator::{Body, Emulator, Rule};

use crate::api_tls::{authority, leaf, pin_of, serve};
use crate::support::cli::{Desk, MONTH, RUNTIME, bytes, in_step, served};

/// Expects a refusal with that code that says all of this, with a hint, and leaves database and standard output alone.
#[track_caller]
fn check_refused(desk: &Desk, arguments: &[&str], code: i32, says: &[&str]) {
    let before = bytes(&desk.database());
    let ran = desk.run(arguments).ends(code);
    assert_eq!(ran.out, "", "{arguments:?}: {ran:#?}");
    for part in ["error: ", "\nhint: "].iter().chain(says) {
        assert!(ran.err.contains(part), "{arguments:?} does not say {part:?}: {}", ran.err);
    }
    assert!(!ran.err.contains("panicked") && !ran.err.contains('\u{1b}'), "{}", ran.err);
    assert!(before == bytes(&desk.database()), "{arguments:?} touched the database");
}

/// Expects a refused collection that is on record as a failed run, and no snapshot.
#[track_caller]
fn check_not_collected(desk: &Desk, code: i32, says: &[&str]) {
    let ran = desk.run(&["collect"]).ends(code);
    assert_eq!(ran.out, "", "{ran:#?}");
    for part in ["error: ", "\nhint: "].iter().chain(says) {
        assert!(ran.err.contains(part), "does not say {part:?}: {}", ran.err);
    }
    let list = desk.run(&["snapshots", "list", "--format", "json"]).ends(0);
    assert_eq!(list.out.trim(), "[]", "{list:#?}");
}

#[test]
fn without_credentials_the_places_that_were_searched_are_named() {
    let desk = Desk::bare();
    check_refused(
        &desk,
        &["collect"],
        3,
        &["find credentials: there are none", "env IONOS_TOKEN: not set", "hint: create a token"],
    );
    assert!(!desk.database().exists(), "nothing is created for nothing");
}

#[test]
fn refused_credentials_are_told_from_other_trouble_and_not_shown() {
    let emulator = served();
    let desk = Desk::at(&emulator.base_url(emulator::Version::V6), "not-the-token");
    check_not_collected(&desk, 4, &["credentials refused (401", "hint: check the token"]);
    assert!(!desk.run(&["-vv", "collect"]).err.contains("not-the-token"));
}

#[test]
fn an_unreachable_host_is_named() {
    let listener = RUNTIME.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    check_not_collected(&Desk::at(&nobody, "token"), 5, &[&nobody, "the server cannot be reached", "refused"]);
}

#[test]
fn a_page_instead_of_json_is_recognised() {
    let emulator = served();
    for path in ["/contracts", "/um/users", "/um/groups", "/um/resources"] {
        emulator.fail(Rule::on("GET", path).status(200).body(Body::Html("<html>SECRET</html>".to_owned())));
    }
    check_not_collected(&Desk::of(&emulator), 5, &["the answer is not JSON", "no portal or gateway answers"]);
}

#[test]
fn another_certificate_than_the_pinned_one_is_refused_with_both_fingerprints() {
    let authority = authority();
    let (here, other) = (leaf(&authority, "localhost", false), leaf(&authority, "localhost", false));
    let port = RUNTIME.block_on(serve(&here, &[]));
    let (found, expected) = (pin_of(&here.certificate).to_string(), pin_of(&other.certificate).to_string());
    let desk = Desk::at(&format!("https://localhost:{port}"), "token");
    let roots = desk.path("ca.pem");
    fs::write(&roots, authority.pem()).unwrap();
    let desk = desk.with("KEYHOLDER_API_CA_FILE", roots.to_str().unwrap()).with("IONOS_PINNED_CERT", &expected);
    check_not_collected(&desk, 5, &[&found, &expected, "confirm that with them and pin the new one"]);
}

#[test]
fn everything_that_is_wrong_with_a_configuration_is_told_at_once_with_its_place() {
    let desk = Desk::with_month();
    fs::write(desk.path("keyholder.toml"), "[api]\nurll = \"x\"\nattempts = 0\n[stroe]\npath = \"y\"\n").unwrap();
    for command in ["collect", "diff"] {
        let says =
            ["3 problems", "keyholder.toml:2: api.urll: unknown key; did you mean url?", "keyholder.toml:4: stroe"];
        check_refused(&desk, &["--config", "keyholder.toml", command], 3, &says);
    }
    check_refused(&desk, &["--config", "none.toml", "diff"], 3, &["none.toml"]);
}

#[test]
fn a_report_is_not_written_through_a_file_that_is_in_the_way() {
    let desk = Desk::with_month();
    fs::write(desk.path("reports"), "precious").unwrap();
    let arguments = ["report", "changes", "--format", "csv", "--out", "reports/here"];
    check_refused(&desk, &arguments, 14, &["write reports/here", "Not a directory", "a file is in the way"]);
    assert_eq!(fs::read(desk.path("reports")).unwrap(), b"precious");
}

#[test]
fn a_report_never_takes_the_place_of_the_database() {
    let desk = Desk::with_month();
    let database = desk.database();
    let lock = format!("{}.lock", database.display());
    fs::write(&lock, "").unwrap();
    for out in [database.to_str().unwrap(), ".local/state/../state/keyholder/keyholder.db", &lock] {
        let arguments = ["report", "changes", "--format", "csv", "--out", out];
        check_refused(&desk, &arguments, 2, &["that is the database", "choose another place with --out"]);
    }
    assert!(fs::read(&database).unwrap() == MONTH.database);
}

#[test]
fn one_output_takes_one_format() {
    let desk = Desk::with_month();
    check_refused(&desk, &["report", "changes", "--out", "-"], 2, &["write to standard output: 2 formats", "--format"]);
}

/// Changes the database's bytes, then expects every command to refuse it.
#[track_caller]
fn check_database(change: impl FnOnce(&mut Vec<u8>), says: &[&str]) {
    let desk = Desk::with_month();
    let mut content = fs::read(desk.database()).unwrap();
    change(&mut content);
    fs::write(desk.database(), content).unwrap();
    for arguments in [&["collect"][..], &["diff"], &["snapshots", "list"], &["history", "x"], &["report", "changes"]] {
        check_refused(&desk, arguments, 6, says);
    }
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let newer = |content: &mut Vec<u8>| content[60..64].copy_from_slice(&99_u32.to_be_bytes());
    check_database(newer, &["keyholder.db: its schema has version 99", "use the newer keyholder"]);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let foreign = |content: &mut Vec<u8>| content[68..72].copy_from_slice(b"ELSE");
    check_database(foreign, &["keyholder.db: not a keyholder database", "name a keyholder database with --db"]);
}

#[test]
fn a_database_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let desk = Desk::with_month();
    fs::set_permissions(desk.database(), fs::Permissions::from_mode(0o644)).unwrap();
    let mends = format!("hint: chmod 600 {}", desk.database().display());
    for arguments in [&["collect"][..], &["diff"], &["report", "changes"]] {
        check_refused(&desk, arguments, 6, &["others can access it (mode 0644)", &mends]);
    }
}

#[test]
fn a_database_that_is_not_there_is_not_made_by_looking() {
    let desk = Desk::bare();
    check_refused(&desk, &["diff"], 6, &["keyholder.db: no such file", "run `keyholder collect` first"]);
    assert!(!desk.database().exists());
}

#[test]
fn a_time_before_the_first_snapshot_has_no_report() {
    let arguments = ["report", "access-review", "--as-of", "2001-01-01", "--out", "-", "--format", "csv"];
    let says = ["find snapshot \"2001-01-01\"", "the first snapshot of contract", "`keyholder snapshots list`"];
    check_refused(&Desk::with_month(), &arguments, 2, &says);
}

#[test]
fn an_unknown_snapshot_is_named_with_what_there_is() {
    for arguments in
        [&["diff", "never", "latest"][..], &["snapshots", "show", "never"], &["report", "changes", "--since", "never"]]
    {
        check_refused(&Desk::with_month(), arguments, 2, &["find snapshot \"never\"", "has snapshots 1 to 5"]);
    }
}

#[test]
fn a_comparison_goes_forward() {
    let says = ["compare snapshot 1 with 3", "an earlier snapshot"];
    check_refused(&Desk::with_month(), &["diff", "3", "1"], 2, &says);
    check_refused(&Desk::with_month(), &["report", "changes", "--as-of", "1", "--since", "3"], 2, &says);
}

#[test]
fn nobody_of_that_name_has_no_history() {
    let says = ["find \"nobody@example.org\"", "was ever called that"];
    check_refused(&Desk::with_month(), &["history", "nobody@example.org"], 2, &says);
}

#[test]
fn with_several_contracts_one_has_to_be_named() {
    let [one, two] = [31_000_001, 31_000_002]
        .map(|number| RUNTIME.block_on(Emulator::builder().users(24).contract_number(number).start()).unwrap());
    in_step(&one);
    in_step(&two);
    let desk = Desk::of(&one);
    desk.run(&["collect"]).ends(0);
    let desk = desk.with("IONOS_API_URL", &two.base_url(emulator::Version::V6)).with("IONOS_TOKEN", two.token());
    desk.run(&["collect"]).ends(0);
    for arguments in [&["diff"][..], &["snapshots", "show"], &["report", "changes"], &["history", "x"]] {
        check_refused(&desk, arguments, 2, &["31000001, 31000002", "name one with --contract"]);
    }
    check_refused(&desk, &["diff", "--contract", "5"], 2, &["no snapshot of contract 5", "--contract"]);
    let ran = desk.run(&["snapshots", "show", "--contract", "31000002"]).ends(0);
    assert!(ran.out.starts_with("contract     31000002\n"), "{ran:#?}");
    let wrong = desk.run(&["collect", "--contract", "31000001"]).ends(2);
    assert!(
        wrong.err.contains("find contract 31000001: the credentials see 31000002") && wrong.err.contains("\nhint: ")
    );
}

#[test]
fn a_demonstration_never_takes_the_place_of_a_real_database() {
    let desk = Desk::with_month();
    let folder = desk.database().parent().unwrap().to_str().unwrap().to_owned();
    let says = ["keyholder.db is there and is not from an earlier demonstration", "choose another folder with --dir"];
    check_refused(&desk, &["demo", "--users", "24", "--dir", &folder], 2, &says);
    assert!(fs::read(desk.database()).unwrap() == MONTH.database);
}

#[test]
fn a_demonstration_leaves_a_folder_with_other_things_alone() {
    let desk = Desk::bare();
    fs::create_dir(desk.path("mine")).unwrap();
    fs::write(desk.path("mine/thesis.txt"), "precious").unwrap();
    let says = ["write the demonstration to mine: thesis.txt is there", "choose another folder with --dir"];
    check_refused(&desk, &["demo", "--users", "24", "--dir", "mine"], 2, &says);
    assert_eq!(fs::read_dir(desk.path("mine")).unwrap().count(), 1);
    check_refused(&desk, &["demo", "--users", "24", "--dir", "mine/thesis.txt"], 14, &["mine/thesis.txt", "--dir"]);
    assert_eq!(fs::read(desk.path("mine/thesis.txt")).unwrap(), b"precious");
    fs::create_dir(desk.path("trap")).unwrap();
    fs::write(desk.path("trap/\u{1b}[2J"), "").unwrap();
    check_refused(&desk, &["demo", "--users", "24", "--dir", "trap"], 2, &["trap: ⟨U+001B⟩[2J is there"]);
}
