//! What a running collection shows of its secret to other programs of the same user, and what it leaves behind when a signal
//! kills it that makes others leave their memory in a file.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use emulator::{Emulator, Version};
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::search::Search;
use crate::support::cli::{RUNTIME, in_step};
use crate::support::{private_folder, skipped};

/// A user who is not root, where the tests are.
const NOBODY: u32 = 65_534;

/// As much core as the system lets a process have.
const CORES: &str = "ulimit -c unlimited 2>/dev/null || ulimit -S -c $(ulimit -H -c);";

/// The folder of an ordinary user, and another one with the program, which is not searched.
struct Place {
    folder: tempfile::TempDir,
    program: tempfile::TempDir,
    uid: u32,
}

impl Place {
    fn new() -> Self {
        let folder = private_folder();
        let uid = if geteuid().is_root() { NOBODY } else { geteuid().as_raw() };
        let program = tempfile::tempdir().unwrap();
        fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let binary = program.path().join("keyholder");
        fs::copy(env!("CARGO_BIN_EXE_keyholder"), &binary).unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        chown(folder.path(), Some(uid), None).unwrap();
        Self { folder, program, uid }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A shell of that user in that folder, with the secret in its environment.
    fn shell(&self, line: &str, emulator: &Emulator) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).uid(self.uid).current_dir(self.path()).env_clear().env("HOME", self.path());
        command.env("IONOS_API_URL", emulator.base_url(Version::V6)).env("IONOS_TOKEN", emulator.token());
        command.env("KEYHOLDER_API_CONCURRENCY", "1").stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// A running collection, recorded.
    fn collecting(&self, emulator: &Emulator) -> Child {
        let binary = self.program.path().join("keyholder");
        let line = format!("{CORES} exec {} -vv collect --record recorded", binary.display());
        let mut child = self.shell(&line, emulator).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let begun = lines.any(|line| line.unwrap().contains("API request"));
        assert!(begun, "nothing was asked");
        child
    }

    /// What that user finds in a file of a process.
    fn read(&self, child: &Child, file: &str) -> Option<Vec<u8>> {
        let mut command = Command::new("/bin/cat");
        command.uid(self.uid).env_clear().arg(format!("/proc/{}/{file}", child.id()));
        let output = command.output().unwrap();
        output.status.success().then_some(output.stdout)
    }
}

/// A contract that takes seconds to read.
fn slow() -> Emulator {
    let latency = Duration::from_millis(60);
    let emulator = RUNTIME.block_on(Emulator::builder().seed(super::SEED).users(30).latency(latency).start()).unwrap();
    in_step(&emulator);
    emulator
}

fn ended(child: &mut Child, signal: Signal) -> std::process::ExitStatus {
    kill_process(Pid::from_child(child), signal).unwrap();
    child.wait().unwrap()
}

#[test]
fn proc_of_a_running_collection_shows_no_secret() {
    let (place, emulator) = (Place::new(), slow());
    let search = Search::new(emulator.canary());
    let mut control = place.shell("exec sleep 60", &emulator).spawn().unwrap();
    let shown = std::iter::repeat_with(|| place.read(&control, "environ")).flatten().next().unwrap();
    assert!(!search.bytes("environ", &shown).is_empty(), "what is not protected can be read");
    ended(&mut control, Signal::TERM);
    let mut child = place.collecting(&emulator);
    for file in ["environ", "maps", "smaps", "auxv", "pagemap", "mem"] {
        assert_eq!(place.read(&child, file), None, "{file}");
    }
    let mut looked_at = 0;
    for entry in fs::read_dir(format!("/proc/{}", child.id())).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_file()
            && let Some(shown) = place.read(&child, &name)
        {
            looked_at += 1;
            assert!(search.bytes(&name, &shown).is_empty(), "{name}");
        }
    }
    assert!(looked_at > 5, "{looked_at}");
    ended(&mut child, Signal::KILL);
}

#[test]
fn a_killed_collection_leaves_no_core_and_no_secret() {
    for signal in [Signal::QUIT, Signal::ABORT] {
        let (place, emulator) = (Place::new(), slow());
        let search = Search::new(emulator.canary());
        let mut child = place.collecting(&emulator);
        let status = ended(&mut child, signal);
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status:?}");
        assert!(!status.core_dumped(), "{status:?}");
        let (hits, searched) = search.folder(place.path());
        assert!(hits.is_empty() && searched > 0, "{hits:#?}");
        let names = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let cores: Vec<_> = names.filter(|name| name.starts_with("core")).collect();
        assert!(cores.is_empty(), "{cores:?}");
        assert!(place.path().join("recorded/exchanges.jsonl").exists(), "the recording was searched as well");
    }
}

#[test]
fn a_core_of_another_program_would_be_found() {
    let (place, emulator) = (Place::new(), slow());
    let mut child = place.shell(&format!("{CORES} kill -ABRT $$"), &emulator).spawn().unwrap();
    if !child.wait().unwrap().core_dumped() {
        return skipped("this system writes no core files");
    }
    let (hits, _) = Search::new(emulator.canary()).folder(place.path());
    if hits.is_empty() {
        skipped("this system writes core files somewhere else");
    }
}
