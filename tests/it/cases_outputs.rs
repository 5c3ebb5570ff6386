//! Cases C6 and I6: a report that cannot be written, and files that are in the way.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cli_place::Mounted;
use crate::support::cli::{Desk, MONTH, Ran, served};

/// What the binary would be run with, below another program.
fn below(program: &str, arguments: &[&str], plain: &Command) -> Ran {
    let mut command = Command::new(program);
    command.args(arguments).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(plain.get_current_dir().unwrap()).env_clear().env("PATH", "/usr/bin:/bin");
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.output().unwrap().into()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// A report that ends with the code of outputs, names its cause and leaves nothing half-written.
#[track_caller]
fn check_not_written(desk: &Desk, ran: Ran, says: &[&str]) {
    let ran = ran.ends(14);
    for word in says {
        assert!(ran.err.contains(word), "{word:?} in {}", ran.err);
    }
    assert_eq!(ran.out, "", "no file is named that is not there");
    assert_eq!(names(&desk.path("out")), Vec::<String>::new());
    assert!(fs::read(desk.database()).unwrap() == MONTH.database);
}

const CHANGES: [&str; 8] = ["report", "changes", "--as-of", "5", "--since", "1", "--out", "out"];

#[test]
fn c6_over_a_limit_on_file_sizes_neither_format_is_written() {
    let desk = Desk::with_month();
    let plain = desk.command(&[&CHANGES[..], &["--format", "csv,html"]].concat());
    // The rows fit into 16 KiB, the page does not.
    let ran = below("prlimit", &["--fsize=16384"], &plain);
    check_not_written(&desk, ran, &["error: write out/changes-", ".html: File too large", "(ulimit -f, LimitFSIZE=)"]);
    let ran = desk.run(&[&CHANGES[..], &["--format", "csv,html"]].concat()).ends(0);
    let sizes: Vec<_> = ran.out.lines().map(|file| fs::metadata(desk.path(file)).unwrap().len()).collect();
    assert!(sizes[0] < 16384 && sizes[1] > 16384, "{sizes:?}");
}

#[test]
fn c6_on_a_full_disk_neither_format_is_written() {
    if !crate::crash_sweep::can_trace() {
        return;
    }
    for nth in [1, 2] {
        let desk = Desk::with_month();
        let inject = format!("inject=fsync:error=ENOSPC:when={nth}+");
        let trace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", &inject];
        let ran = below("strace", &trace, &desk.command(&CHANGES));
        check_not_written(&desk, ran, &["error: write out/changes-", "No space left on device", "hint: make room"]);
    }
}

#[test]
fn c6_a_recording_that_finds_no_room_ends_with_14_and_undoes_nothing() {
    let Some(mounted) = Mounted::new("size=32k") else { return };
    let emulator = served();
    let desk = Desk::of(&emulator);
    let folder = mounted.path().join("recording").display().to_string();
    let ran = desk.run(&["collect", "--record", &folder]).ends(14);
    assert!(ran.err.contains("The recording is not complete"), "{ran:#?}");
    assert!(ran.err.contains("exchanges.jsonl") && ran.err.contains("No space left on device"), "{ran:#?}");
    assert!(ran.out.contains(" snapshot 1 complete: "), "{ran:#?}");
    desk.run(&["collect"]).ends(0);
}

#[test]
fn c6_without_permission_to_the_place_the_code_is_14() {
    // Not even root makes a folder there.
    let ran = Desk::with_month().run(&["report", "changes", "--as-of", "5", "--since", "1", "--out", "/sys/keyholder"]);
    let ran = ran.ends(14);
    assert!(ran.err.contains("error: write /sys/keyholder: "), "{ran:#?}");
    assert!(ran.err.contains("hint: choose a place you may write to with --out"), "{ran:#?}");
}

#[test]
fn i6_both_ends_of_the_period_are_in_the_name() {
    let desk = Desk::with_month();
    let written = |since: &str| {
        let arguments = ["report", "changes", "--as-of", "5", "--since", since, "--format", "csv", "--out", "out"];
        desk.run(&arguments).ends(0).out.trim_end().to_owned()
    };
    let (one, four) = (written("1"), written("4"));
    assert!(one.starts_with(&format!("out/changes-{}-0001-0005-", MONTH.contract)), "{one}");
    assert!(four.starts_with(&format!("out/changes-{}-0004-0005-", MONTH.contract)), "{four}");
    assert_eq!(names(&desk.path("out")).len(), 2);
    assert_eq!(written("1"), one, "the same content may be written again");
}

#[test]
fn i6_another_file_is_not_overwritten_without_force() {
    let desk = Desk::with_month();
    let run = |more: &[&str]| desk.run(&[&CHANGES[..7], &["out", "--format", "csv,html"], more].concat());
    let listed = run(&[]).ends(0).out;
    let files: Vec<_> = listed.lines().map(|file| desk.path(file)).collect();
    let ours = fs::read(&files[0]).unwrap();
    fs::remove_file(&files[0]).unwrap();
    fs::write(&files[1], "mine").unwrap();
    let ran = run(&[]).ends(14);
    assert!(ran.err.contains(".html: a file with other content is there\nhint: --force replaces it"), "{ran:#?}");
    assert_eq!(fs::read(&files[1]).unwrap(), b"mine");
    assert_eq!(names(&desk.path("out")).len(), 1, "neither of the two is written");
    assert_eq!(run(&["--force"]).ends(0).out, listed);
    assert!(fs::read(&files[0]).unwrap() == ours && fs::read(&files[1]).unwrap() != b"mine");
}
