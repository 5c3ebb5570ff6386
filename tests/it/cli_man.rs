//! The manual pages: one for each command, with what the program itself says.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::process::Command;

use clap::{CommandFactory as _, Parser as _};
use keyholder::cli::Cli;
use keyholder::cli::man::{Page, examples_of, pages};
use keyholder::config::KEYS;
use keyholder::exit::Exit;

use crate::support::cli::Desk;
use crate::support::skipped;

fn all() -> Vec<Page> {
    pages(Cli::command()).unwrap()
}

/// A page as a reader sees it, as far as that can be had without a formatter: without markup.
fn plain(page: &Page) -> String {
    let text = String::from_utf8(page.text.clone()).unwrap();
    text.replace("\\fB", "")
        .replace("\\fR", "")
        .replace("\\fI", "")
        .replace("\\-", "-")
        .replace("\\&", "")
        .replace("\\*(Aq", "'")
}

/// The words of every command that the command line has.
fn commands(command: &clap::Command, path: &str) -> BTreeSet<String> {
    let below = command.get_subcommands().filter(|below| below.get_name() != "help");
    let mut found = BTreeSet::from([path.to_owned()]);
    for below in below {
        found.extend(commands(below, format!("{path} {}", below.get_name()).trim_start()));
    }
    found
}

#[test]
fn every_command_has_a_page_with_all_sections() {
    let pages = all();
    let paths: BTreeSet<_> = pages.iter().map(|page| page.path.clone()).collect();
    assert_eq!(paths, commands(&Cli::command(), ""));
    for page in &pages {
        let text = plain(page);
        for section in
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "FILES", "ENVIRONMENT", "EXAMPLES"]
        {
            assert!(text.contains(&format!(".SH {section}\n")), "{} has no {section}: {text}", page.file_name);
        }
    }
}

#[test]
fn pages_list_the_exit_codes_of_the_program() {
    for page in all() {
        let text = plain(&page);
        for exit in Exit::ALL {
            let row = format!(".TP\n{}\n{}", exit.code(), exit.meaning().replace('`', ""));
            assert!(text.contains(&row), "{} does not say {row:?}: {text}", page.file_name);
        }
    }
}

#[test]
fn the_first_page_lists_every_variable() {
    let pages = all();
    let first = plain(&pages[0]);
    assert_eq!(pages[0].file_name, "keyholder.1");
    for variable in KEYS.iter().flat_map(|key| &key.spec.variables).chain([&"IONOS_TOKEN".to_owned()]) {
        assert!(first.contains(variable), "{variable} is not in {first}");
    }
}

#[test]
fn every_command_has_examples_that_are_understood() {
    for page in all() {
        let examples = examples_of(&page.path);
        assert!(!examples.is_empty(), "{:?} has no example", page.path);
        for example in examples {
            let words: Vec<_> = example.line.split(' ').collect();
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{}: {error}", example.line);
            }
            assert!(example.line.contains(&page.path) || page.path.is_empty(), "{:?}: {}", page.path, example.line);
        }
    }
}

#[test]
fn pages_are_printed_or_written_into_a_folder() {
    let desk = Desk::bare();
    let one = desk.run(&["man", "snapshots", "list"]).ends(0).out;
    assert!(one.contains(".TH keyholder-snapshots-list 1") && !one.contains(".TH keyholder 1"), "{one}");
    assert!(desk.run(&["man"]).ends(0).out.contains(".TH keyholder 1"));
    let wrong = desk.run(&["man", "nonsense"]).ends(2);
    assert!(wrong.err.contains("there is no such command") && wrong.err.contains("\nhint: "), "{}", wrong.err);
    desk.run(&["man", "--out", "pages"]).ends(0);
    let mut written: Vec<_> =
        fs::read_dir(desk.path("pages")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    written.sort_unstable();
    let mut expected: Vec<_> = all().into_iter().map(|page| OsString::from(page.file_name)).collect();
    expected.sort_unstable();
    assert_eq!(written, expected);
    assert_eq!(fs::read_to_string(desk.path("pages/keyholder-snapshots-list.1")).unwrap(), one);
}

#[test]
fn pages_are_formatted_without_a_complaint() {
    let desk = Desk::bare();
    desk.run(&["man", "--out", "pages"]).ends(0);
    for page in all() {
        let path = desk.path("pages").join(&page.file_name);
        let Ok(formatted) = Command::new("groff").args(["-man", "-ww", "-Tutf8", "-z"]).arg(&path).output() else {
            return skipped("there is no groff");
        };
        let complaints = String::from_utf8_lossy(&formatted.stderr).into_owned();
        assert!(formatted.status.success() && complaints.is_empty(), "{}: {complaints}", page.file_name);
    }
}
