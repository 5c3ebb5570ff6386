//! What people see: help that fits and is complete, lists without escape codes, commands that answer for themselves.

use crate::support::cli::Desk;

/// Every command, as its arguments.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["demo"],
    &["collect"],
    &["snapshots"],
    &["snapshots", "list"],
    &["snapshots", "show"],
    &["snapshots", "verify"],
    &["diff"],
    &["history"],
    &["report"],
    &["alerts"],
    &["alerts", "list"],
    &["alerts", "show"],
    &["alerts", "deliver"],
    &["alerts", "retry"],
    &["alerts", "mute"],
    &["alerts", "mutes"],
    &["alerts", "unmute"],
    &["sinks"],
    &["sinks", "test"],
    &["backup"],
    &["restore"],
    &["service"],
    &["status"],
    &["emulate"],
    &["config"],
    &["config", "check"],
    &["config", "show"],
    &["config", "default"],
    &["config", "schema"],
    &["doctor"],
    &["completions"],
    &["man"],
];

#[track_caller]
fn help(command: &[&str], option: &str) -> String {
    let ran = Desk::bare().run(&[command, &[option]].concat()).ends(0);
    assert_eq!(ran.err, "", "{command:?}");
    ran.out
}

/// Whether a help text speaks of that default of that option.
#[track_caller]
fn check_default(command: &[&str], option: &str, default: &str) {
    let text = help(command, "--help");
    let about = text.rsplit_once(option).unwrap_or_else(|| panic!("{command:?} has no {option}: {text}")).1;
    let about = about.split("\n      --").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(about.contains(&format!("[default: {default}")), "{command:?} {option}: {about}");
}

#[test]
fn help_fits_eighty_columns_and_has_no_escape_codes() {
    for command in COMMANDS.iter().copied() {
        for option in ["-h", "--help"] {
            let text = help(command, option);
            assert!(!text.contains('\u{1b}'), "{command:?} {option}");
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{command:?} {option}: {line}");
            }
        }
    }
}

#[test]
fn every_command_of_the_program_is_looked_at_here() {
    let listed = |command: &[&str]| -> Vec<String> {
        let text = help(command, "-h");
        let list = text.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        names.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|name| name != "help").collect()
    };
    for parent in [&[][..], &["snapshots"], &["config"], &["alerts"], &["sinks"]] {
        for name in listed(parent) {
            let command = [parent, &[name.as_str()]].concat();
            assert!(COMMANDS.contains(&command.as_slice()), "{command:?} is not looked at");
        }
    }
}

#[test]
fn help_tells_the_defaults() {
    check_default(&["demo"], "--users", "250]");
    check_default(&["demo"], "--dir", "./keyholder-demo]");
    check_default(&["report"], "--format", "html,csv]");
    check_default(&["report"], "--out", ".]");
    check_default(&["diff"], "--severity", "info]");
    check_default(&["diff"], "--format", "table]");
    check_default(&["diff"], "[FROM]\n", "previous]");
    check_default(&["diff"], "[TO]\n", "latest]");
    check_default(&["diff"], "--config <FILE>", "`keyholder/config.toml`");
    check_default(&["diff"], "--db <FILE>", "`keyholder/keyholder.db`");
}

#[test]
fn help_shows_no_value_of_the_environment() {
    let desk = Desk::bare().with("KEYHOLDER_DB", "/private/place.db");
    assert!(!desk.run(&["diff", "--help"]).ends(0).out.contains("/private/place.db"));
}

#[test]
fn lists_in_a_pipe_have_no_escape_codes_and_no_blanks_at_the_end() {
    let desk = Desk::with_month();
    for arguments in
        [&["snapshots", "list"][..], &["snapshots", "show"], &["diff", "1", "5"], &["history", "stranger@example.org"]]
    {
        let text = desk.run(arguments).ends(0).out;
        assert!(text.lines().count() > 1, "{arguments:?}: {text}");
        assert!(!text.contains('\u{1b}'), "{arguments:?}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{arguments:?}");
    }
}

#[test]
fn a_list_of_snapshots_fits_eighty_columns() {
    let text = Desk::with_month().run(&["snapshots", "list"]).ends(0).out;
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_slip_of_the_finger_is_answered_with_what_was_meant() {
    for (arguments, meant) in [
        (&["repot"][..], "report"),
        (&["report", "acces-review"], "access-review"),
        (&["diff", "--fail-onn", "low"], "--fail-on"),
    ] {
        let err = Desk::bare().run(arguments).ends(2).err;
        assert!(err.contains("similar") && err.contains(&format!("'{meant}'")), "{err}");
    }
}

#[test]
fn completions_and_the_manual_page_know_the_commands() {
    for arguments in [&["completions", "bash"][..], &["completions", "zsh"], &["man"]] {
        let ran = Desk::bare().run(arguments).ends(0);
        assert!(ran.out.contains("snapshots") && ran.err.is_empty(), "{arguments:?}");
    }
}
