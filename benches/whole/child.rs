//! A process of another program, and what it took: time, processor, memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::support::Outcome;

/// How often a running process is asked for its memory.
const EVERY: Duration = Duration::from_millis(1);

/// What a process took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    /// From start to end.
    pub(crate) wall: Duration,
    /// User and system together.
    pub(crate) cpu: Duration,
    /// The most memory that was resident, in bytes; as last seen before its end.
    pub(crate) peak: u64,
}

/// What a process did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) took: Took,
    pub(crate) out: Vec<u8>,
}

/// Runs it to its end; one at a time, because the system adds up what children took. Fails unless it ends with 0.
pub(crate) fn run(mut command: Command, folder: &Path) -> Outcome<Ran> {
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&err)?);
    let before = cpu(UsageWho::RUSAGE_CHILDREN)?;
    let began = Instant::now();
    let mut child = command.spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let over = AtomicBool::new(false);
    let (ended, peak) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while !over.load(Ordering::Relaxed) {
                peak = peak.max(high_water(&status));
                std::thread::sleep(EVERY);
            }
            peak
        });
        let ended = child.wait();
        let wall = began.elapsed();
        over.store(true, Ordering::Relaxed);
        (ended.map(|code| (code, wall)), watch.join().unwrap_or_default())
    });
    let (code, wall) = ended?;
    let took = Took { wall, cpu: cpu(UsageWho::RUSAGE_CHILDREN)?.saturating_sub(before), peak };
    if !code.success() {
        let said = fs::read_to_string(&err)?;
        // Without its environment, which holds a token.
        let (program, arguments) = (Path::new(command.get_program()).display(), command.get_args().collect::<Vec<_>>());
        return Err(format!("{program} {arguments:?} ended with {code}: {}", said.trim()).into());
    }
    Ok(Ran { took, out: fs::read(&out)? })
}

/// What this process itself has used of the processor since then, in all its threads.
pub(crate) struct OwnCpu(Duration);

impl OwnCpu {
    /// Begins to count.
    pub(crate) fn begin() -> Outcome<Self> {
        Ok(Self(cpu(UsageWho::RUSAGE_SELF)?))
    }

    /// Used so far.
    pub(crate) fn used(&self) -> Outcome<Duration> {
        Ok(cpu(UsageWho::RUSAGE_SELF)?.saturating_sub(self.0))
    }
}

fn cpu(who: UsageWho) -> Outcome<Duration> {
    let usage = getrusage(who)?;
    let seconds = |time: nix::sys::time::TimeVal| -> Outcome<Duration> {
        Ok(Duration::new(u64::try_from(time.tv_sec())?, u32::try_from(time.tv_usec())? * 1_000))
    };
    Ok(seconds(usage.user_time())? + seconds(usage.system_time())?)
}

/// `VmHWM` in bytes. The other source, `ru_maxrss`, survives `exec` and would tell this process's own size.
fn high_water(status: &Path) -> u64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
