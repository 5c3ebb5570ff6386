//! Every system call on the database, made to fail or to be the process's last, one after the other until there is none
//! left: a collection either seals or leaves things as they were, and the next one gets to the same result.
//!
//! The whole binary runs under `strace`, which injects the faults; nothing in the program knows of it.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use emulator::Emulator;
use keyholder::seams::Environment;

use crate::crash_oracle::{Contents, NOTHING, acknowledged, contents, violations};
use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::{is_full, skipped, tell};

/// A call and what happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    call: &'static str,
    effect: &'static str,
    /// From the N-th on, instead of the N-th alone.
    lasting: bool,
}

const KILL: &str = "signal=SIGKILL";

/// Every call that changes the database's files or their locks, with what a disk, a quota or the end of a process does.
fn faults() -> VecDeque<Fault> {
    let mut all = VecDeque::new();
    for (call, effects) in [
        ("pwrite64", &[KILL, "error=ENOSPC", "error=EIO"][..]),
        ("write", &[KILL, "error=ENOSPC", "error=EIO"]),
        ("fdatasync", &[KILL, "error=EIO"]),
        ("fsync", &[KILL, "error=EIO"]),
        ("ftruncate", &[KILL, "error=ENOSPC", "error=EIO"]),
        ("unlink", &[KILL, "error=EIO"]),
        ("rename", &[KILL, "error=EIO"]),
        ("openat", &[KILL, "error=ENOSPC", "error=EIO"]),
        ("fcntl", &[KILL, "error=EIO"]),
    ] {
        for effect in effects {
            let modes: &[bool] = if *effect == KILL { &[false] } else { &[false, true] };
            all.extend(modes.iter().map(|&lasting| Fault { call, effect, lasting }));
        }
    }
    all
}

/// What a run under `strace` did.
#[derive(Debug)]
struct Ran {
    /// How it ended: nothing if a signal ended it.
    code: Option<i32>,
    killed: bool,
    out: String,
    err: String,
    /// Whether the fault came to pass.
    fired: bool,
}

/// The files of a database, and the folder they are in; those that are only there for a while as well.
pub(crate) fn files(database: &Path) -> Vec<PathBuf> {
    let beside = |suffix: &&str| PathBuf::from(format!("{}{suffix}", database.display()));
    let suffixes = ["", "-wal", "-shm", "-journal", ".lock", ".new", ".new-journal", ".new-wal", ".new-shm"];
    suffixes.iter().map(beside).chain([database.parent().unwrap().to_owned()]).collect()
}

fn run(desk: &Desk, fault: Fault, number: u32) -> Ran {
    let log = desk.path("strace.log");
    let plain = desk.command(&["collect"]);
    let mut command = Command::new("strace");
    let when = if fault.lasting { format!("{number}+") } else { number.to_string() };
    command.args(["-f", "-qq", "--seccomp-bpf", "-e", &format!("trace={}", fault.call)]);
    command.args(["-e", &format!("inject={}:{}:when={when}", fault.call, fault.effect), "-o"]).arg(&log);
    for file in files(&desk.database()) {
        command.arg("-P").arg(file);
    }
    command.arg(plain.get_program()).args(plain.get_args()).current_dir(plain.get_current_dir().unwrap()).env_clear();
    command.env("PATH", "/usr/bin:/bin");
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    let killed = output.status.signal() == Some(9);
    Ran {
        code: output.status.code(),
        killed,
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        fired: killed || fs::read_to_string(&log).unwrap_or_default().contains("(INJECTED)"),
    }
}

/// What the sweep starts from, and what it has to get to.
struct Scene {
    emulator: Emulator,
    /// The database, with one snapshot or not there at all.
    base: Option<Vec<u8>>,
    before: Contents,
    /// What is so once a collection was not disturbed.
    expected: Vec<String>,
}

impl Scene {
    /// A month after a first snapshot.
    fn month() -> Self {
        let emulator = served();
        let desk = Desk::of(&emulator);
        desk.run(&["collect"]).ends(0);
        let before = look(&desk.database()).unwrap();
        let base = Some(fs::read(desk.database()).unwrap());
        emulator.advance_to_day(30);
        desk.run(&["collect"]).ends(0);
        Self { emulator, base, before, expected: look(&desk.database()).unwrap().current }
    }

    /// Before there is a database.
    fn first() -> Self {
        let emulator = served();
        let desk = Desk::of(&emulator);
        desk.run(&["collect"]).ends(0);
        Self { emulator, base: None, before: NOTHING, expected: look(&desk.database()).unwrap().current }
    }

    fn desk(&self) -> Desk {
        // A lock that fails looks like that of another program, which is not waited for here.
        let desk = Desk::of(&self.emulator).with("KEYHOLDER_STORE_LOCK_WAIT", "0s");
        if let Some(base) = &self.base {
            desk.put_database(base);
        }
        desk
    }

    /// One collection with that fault, and everything that is wrong after it; nothing when the fault did not come to pass.
    fn judge(&self, fault: Fault, number: u32) -> Option<Vec<String>> {
        let desk = self.desk();
        let ran = run(&desk, fault, number);
        if !ran.fired {
            assert_eq!(ran.code, Some(0), "without a fault it collects: {ran:?}");
            return None;
        }
        let mut wrong = self.judge_end(fault, &ran);
        let acknowledged = acknowledged(&ran.out);
        match look(&desk.database()) {
            Ok(found) => wrong.extend(violations(&found, &self.before, acknowledged, 1)),
            Err(error) if self.base.is_none() && !desk.database().exists() && acknowledged == 0 => drop(error),
            Err(error) => wrong.push(format!("cannot be opened: {error}")),
        }
        let next = desk.run(&["collect"]);
        if next.code != 0 {
            wrong.push(format!("the next collection ends with {}: {}", next.code, next.err));
        }
        match look(&desk.database()) {
            Ok(found) if found.current != self.expected => {
                wrong.push("the next collection gets to another result".to_owned());
            }
            Ok(found) => wrong.extend(violations(&found, &self.before, acknowledged + 1, 2)),
            Err(error) => wrong.push(format!("cannot be opened at last: {error}")),
        }
        Some(wrong)
    }

    /// How the process itself has to behave: an end with a code of ours and a hint, or a snapshot.
    #[expect(clippy::unused_self, reason = "the judges belong together")]
    fn judge_end(&self, fault: Fault, ran: &Ran) -> Vec<String> {
        let mut wrong = Vec::new();
        match ran.code {
            None if ran.killed => {}
            Some(0) if acknowledged(&ran.out) == 1 => {}
            Some(6) if ran.err.contains("error: ") && ran.err.contains("\nhint: ") => {}
            Some(75) if fault.call == "fcntl" && ran.err.contains("another program holds the file") => {}
            code => wrong.push(format!("ends with {code:?}: {}", ran.err)),
        }
        if ran.err.contains("panicked") {
            wrong.push(format!("panics: {}", ran.err));
        }
        wrong
    }
}

fn look(database: &Path) -> Result<Contents, sqlx::Error> {
    RUNTIME.block_on(contents(database))
}

/// So many runs at once: those that wait for a lock that they do not get leave the processors to others.
const AT_ONCE: usize = 6;

/// Calls from one that is struck to the next: each in full, else each tenth.
fn stride() -> u32 {
    if is_full() { 1 } else { 10 }
}

/// Each fault at the first call, the second, … until it does not fire any more. How many fired, and what was wrong.
fn sweep(scene: &Scene, faults: VecDeque<Fault>) -> (u32, Vec<String>) {
    let queue: Mutex<VecDeque<(Fault, u32)>> = Mutex::new(faults.into_iter().map(|fault| (fault, 1)).collect());
    let total = Mutex::new((0, Vec::new()));
    let work = || {
        loop {
            let next = queue.lock().unwrap().pop_front();
            let Some((fault, number)) = next else { break };
            // The next one may begin while this one waits.
            queue.lock().unwrap().push_back((fault, number + stride()));
            if let Some(wrong) = scene.judge(fault, number) {
                let mut total = total.lock().unwrap();
                total.0 += 1;
                total.1.extend(wrong.into_iter().map(|wrong| format!("{fault:?} at {number}: {wrong}")));
            } else {
                queue.lock().unwrap().retain(|(other, _)| *other != fault);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    total.into_inner().unwrap()
}

/// Whether `strace` works here; says so if not.
pub(crate) fn can_trace() -> bool {
    let works =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success());
    if !works {
        // The continuous integration sees to it that there is one, and wants to know when it does not work.
        assert_eq!(
            Environment::of_process().get("KEYHOLDER_TEST_STRACE"),
            None,
            "strace is required and does not work"
        );
        skipped("the sweep of system calls needs strace, and the right to trace");
    }
    works
}

/// Expects that at least so many faults came to pass, and that nothing was wrong after any.
#[track_caller]
fn check_sweep(scene: &Scene, faults: VecDeque<Fault>, least: u32) {
    let (fired, wrong) = sweep(scene, faults);
    assert!(wrong.is_empty(), "{} violations after {fired} faults:\n{}", wrong.len(), wrong.join("\n"));
    assert!(fired >= least / stride(), "only {fired} faults came to pass");
    tell(&format!("swept: {fired} faults, no violation"));
}

#[test]
fn no_call_that_fails_or_is_the_last_costs_what_was_sealed() {
    if can_trace() {
        check_sweep(&Scene::month(), faults(), 400);
    }
}

#[test]
fn no_call_that_fails_or_is_the_last_spoils_the_making_of_a_database() {
    if can_trace() {
        let faults = [
            ("pwrite64", "error=EIO"),
            ("rename", KILL),
            ("rename", "error=EIO"),
            ("fsync", KILL),
            ("fsync", "error=EIO"),
        ];
        let faults = faults.map(|(call, effect)| Fault { call, effect, lasting: effect != KILL });
        check_sweep(&Scene::first(), faults.into(), 20);
    }
}

#[test]
fn a_disk_that_lies_is_noticed() {
    if can_trace() {
        // The control: writes that are said to be done and are not. If the sweep saw nothing here, it would see nothing.
        let scene = Scene::month();
        let lie = Fault { call: "pwrite64", effect: "retval=4096", lasting: true };
        // Most writes are those of the journal, where a lie ends the run: the others are the last ones.
        let reported: Vec<Vec<String>> = (1..=1_000).step_by(15).map_while(|number| scene.judge(lie, number)).collect();
        let wrong: Vec<String> = reported.into_iter().flatten().collect();
        assert!(!wrong.is_empty(), "no lie of the disk was noticed");
    }
}
