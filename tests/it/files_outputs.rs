//! Where outputs go: regular files are replaced, pipes and terminals are written to, everything else is refused by name and
//! stays what it is.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::support::cli::{Desk, Ran};
use crate::support::skipped;
use crate::support::terminal::on_terminal;

const CHANGES: [&str; 9] = ["report", "changes", "--as-of", "5", "--since", "1", "--format", "csv", "--out"];

fn arguments(out: &str) -> Vec<&str> {
    [&CHANGES[..], &[out]].concat()
}

/// What the report says.
fn expected(desk: &Desk) -> String {
    desk.run(&arguments("-")).ends(0).out
}

fn make(desk: &Desk, name: &str, kind: FileType, device: (u32, u32)) -> Option<PathBuf> {
    let path = desk.path(name);
    let made = mknodat(CWD, &path, kind, Mode::from_raw_mode(0o600), makedev(device.0, device.1));
    match made {
        Ok(()) => Some(path),
        Err(error) => {
            skipped(&format!("no {kind:?} can be made here: {error}"));
            None
        }
    }
}

/// Expects that nothing is written, for this reason.
#[track_caller]
fn check_refused(desk: &Desk, out: &str, reason: &str) {
    let ran = desk.run(&arguments(out)).ends(14);
    assert!(ran.err.contains(&format!("error: write {out}: {reason}")), "{reason:?} in {ran:#?}");
    assert_eq!(ran.out, "");
    let forced = desk.run(&[&arguments(out)[..], &["--force"]].concat()).ends(14);
    assert!(forced.err.contains(reason), "{forced:#?}");
}

#[test]
fn standard_output_may_be_named_as_a_file() {
    let desk = Desk::with_month();
    let report = expected(&desk);
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let ran = desk.run(&arguments(name)).ends(0);
        assert!(ran.out == report, "{name}: {ran:#?}");
    }
}

#[test]
fn what_an_open_file_holds_already_stays() {
    let desk = Desk::with_month();
    let path = desk.path("log.txt");
    fs::write(&path, "before\n").unwrap();
    let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    let status = desk.command(&arguments("/dev/stdout")).stdout(file).stderr(Stdio::null()).status().unwrap();
    assert!(status.success());
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("before\n{}", expected(&desk)));
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "it was not replaced");
}

#[test]
fn a_pipe_with_a_reader_is_written_to() {
    let desk = Desk::with_month();
    let path = make(&desk, "pipe.csv", FileType::Fifo, (0, 0)).unwrap();
    let reading = path.clone();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        fs::File::open(reading).unwrap().read_to_string(&mut text).unwrap();
        text
    });
    // The reader has the pipe open before the program does, or the program refuses and is run again.
    let ran = loop {
        let ran = desk.run(&arguments("pipe.csv"));
        if ran.code != 14 {
            break ran;
        }
    };
    assert_eq!(ran.ends(0).out, "", "a pipe is no file to be listed");
    assert_eq!(reader.join().unwrap(), expected(&desk));
    assert!(fs::symlink_metadata(path).unwrap().file_type().is_fifo());
}

#[test]
fn a_pipe_without_a_reader_is_refused_at_once() {
    let desk = Desk::with_month();
    let path = make(&desk, "pipe.csv", FileType::Fifo, (0, 0)).unwrap();
    check_refused(&desk, "pipe.csv", "no program reads the pipe\nhint: name a regular file");
    assert!(fs::symlink_metadata(path).unwrap().file_type().is_fifo());
}

#[test]
fn the_null_device_takes_everything_and_stays() {
    let desk = Desk::with_month();
    let ran = desk.run(&arguments("/dev/null")).ends(0);
    assert_eq!(ran.out, "");
    assert!(fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn a_terminal_is_written_to() {
    let desk = Desk::with_month();
    let plain = desk.command(&arguments("/dev/tty"));
    let words: Vec<_> =
        [plain.get_program()].into_iter().chain(plain.get_args()).map(|word| word.to_str().unwrap()).collect();
    let mut outer = Command::new("script");
    outer.args(["-qec", &words.join(" "), "/dev/null"]).stdin(Stdio::null()).env_clear().env("PATH", "/usr/bin:/bin");
    outer.current_dir(plain.get_current_dir().unwrap());
    outer.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Ok(output) = outer.output() else { return skipped("there is no script(1) to make a terminal") };
    let ran = Ran::from(output).ends(0);
    let lines = expected(&desk).lines().count();
    assert_eq!(ran.out.lines().count(), lines, "{ran:#?}");
    assert!(ran.out.contains("\\u001b[2J\\u202e") && !ran.out.contains('\u{1b}'), "{ran:#?}");
}

#[test]
fn a_report_acts_on_no_terminal_that_it_is_written_to() {
    for format in ["csv", "html", "json"] {
        let desk = Desk::with_month();
        let mut command = desk.command(&CHANGES[..6]);
        command.args(["--format", format, "--out", "/dev/stdout"]);
        let sent = on_terminal(command);
        assert_eq!(sent.code, Some(0), "{format}");
        assert!(sent.harmless().contains("administrator"), "{format}");
    }
}

#[test]
fn a_symbolic_link_is_neither_followed_nor_replaced() {
    let desk = Desk::with_month();
    fs::write(desk.path("mine.csv"), "mine").unwrap();
    for (target, name) in [("mine.csv", "link.csv"), ("none.csv", "dangling.csv")] {
        symlink(target, desk.path(name)).unwrap();
        check_refused(&desk, name, "it is a symbolic link, neither a regular file nor a pipe or a terminal");
        assert!(fs::symlink_metadata(desk.path(name)).unwrap().is_symlink());
    }
    assert_eq!(fs::read(desk.path("mine.csv")).unwrap(), b"mine");
    assert!(!desk.path("none.csv").exists());
}

#[test]
fn devices_and_sockets_are_refused_and_stay() {
    let desk = Desk::with_month();
    let _socket = UnixListener::bind(desk.path("socket.csv")).unwrap();
    check_refused(&desk, "socket.csv", "it is a socket");
    assert!(fs::symlink_metadata(desk.path("socket.csv")).unwrap().file_type().is_socket());
    // Of no driver: to open it would fail otherwise.
    if let Some(path) = make(&desk, "disk.csv", FileType::BlockDevice, (7, 250)) {
        check_refused(&desk, "disk.csv", "it is a disk");
        assert!(fs::symlink_metadata(path).unwrap().file_type().is_block_device());
    }
    if let Some(path) = make(&desk, "zero.csv", FileType::CharacterDevice, (1, 5)) {
        check_refused(&desk, "zero.csv", "it is a device");
        assert!(fs::symlink_metadata(path).unwrap().file_type().is_char_device());
    }
}

#[test]
fn a_pipe_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root makes files of another user");
    }
    let desk = Desk::with_month();
    let path = make(&desk, "pipe.csv", FileType::Fifo, (0, 0)).unwrap();
    lchown(&path, Some(65_534), None).unwrap();
    check_refused(&desk, "pipe.csv", "it is a pipe of user ");
}

#[test]
fn only_one_format_goes_into_a_pipe() {
    let desk = Desk::with_month();
    let both = ["report", "changes", "--as-of", "5", "--since", "1", "--format", "csv,html", "--out", "/dev/stdout"];
    let ran = desk.run(&both).ends(2);
    assert!(ran.err.contains("write to /dev/stdout: 2 formats at once"), "{ran:#?}");
}

#[test]
fn manual_pages_follow_no_link() {
    let desk = Desk::bare();
    fs::create_dir(desk.path("man")).unwrap();
    fs::write(desk.path("mine"), "mine").unwrap();
    symlink("../mine", desk.path("man/keyholder.1")).unwrap();
    let ran = desk.run(&["man", "--out", "man"]).ends(14);
    assert!(ran.err.contains("man/keyholder.1: it is a symbolic link"), "{ran:#?}");
    assert_eq!(fs::read(desk.path("mine")).unwrap(), b"mine");
}
