//! Kind T of the cases, the process: what it holds is out of reach of core files and of other programs of the same user.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

/// What must not be found.
const MARK: &str = "mark-of-a-token";

/// A user who is not root, where the tests are.
const NOBODY: u32 = 65_534;

/// A program that runs as an ordinary user, who can read the folder.
struct Ground {
    folder: tempfile::TempDir,
    uid: u32,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let uid = if geteuid().is_root() { NOBODY } else { geteuid().as_raw() };
        Self { folder, uid }
    }

    fn binary(&self) -> PathBuf {
        let copy = self.folder.path().join("keyholder");
        fs::copy(env!("CARGO_BIN_EXE_keyholder"), &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        copy
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.uid(self.uid).current_dir(self.folder.path()).env_clear();
        command
    }

    /// A running keyholder that has said its first line, in an environment with the mark.
    fn serving(&self, shell: &str) -> Child {
        let line = format!("{shell} exec {} emulate", self.binary().display());
        let mut command = self.command("/bin/sh");
        command.args(["-c", &line]).env("IONOS_TOKEN", MARK).env("HOME", self.folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.starts_with("# contract"), "{first}");
        child
    }

    /// What the same user finds in a file of a process.
    fn read(&self, child: &Child, file: &str) -> Option<String> {
        let output = self.command("/bin/cat").arg(format!("/proc/{}/{file}", child.id())).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn ended(child: &mut Child, signal: Signal) -> std::process::ExitStatus {
    kill_process(Pid::from_child(child), signal).unwrap();
    child.wait().unwrap()
}

#[test]
fn t1_the_same_user_cannot_read_the_environment_or_memory() {
    let ground = Ground::new();
    let mut control = ground.command("/bin/sleep").arg("60").env("IONOS_TOKEN", MARK).spawn().unwrap();
    assert!(ground.read(&control, "environ").is_some_and(|text| text.contains(MARK)), "the control can be read");
    ended(&mut control, Signal::TERM);
    let mut child = ground.serving("");
    for file in ["environ", "maps", "auxv"] {
        assert_eq!(ground.read(&child, file), None, "{file}");
    }
    ended(&mut child, Signal::TERM);
}

#[test]
fn t1_sigquit_leaves_no_core() {
    let ground = Ground::new();
    let mut child = ground.serving("ulimit -c unlimited 2>/dev/null || ulimit -S -c $(ulimit -H -c);");
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    let status = ended(&mut child, Signal::QUIT);
    assert!(!status.core_dumped(), "{status:?}");
}
