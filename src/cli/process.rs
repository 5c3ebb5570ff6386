//! What holds for the whole process, before any command: that its memory is private, who owns the files that it makes,
//! and that a limit on their size does not kill it.

use std::io;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, Signal, setrlimit, umask};
use tokio::signal::unix::{SignalKind, signal};

/// Keeps credentials out of core files and out of reach of other programs of the same user: no core is written, and neither
/// the memory nor the environment of the process can be read through `/proc`. Has to come before anything is read.
pub fn protect() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Logs that [`protect`] failed, which comes before there is a log.
pub fn log_unprotected(protected: io::Result<()>) {
    if let Err(error) = protected {
        tracing::warn!(error = &error as &dyn std::error::Error, "The memory of this process could not be protected");
    }
}

/// Files that this process makes are its user's only, whatever they were asked to be; and a write beyond the limit on the
/// size of a file fails, which can be reported, instead of ending the process, which cannot.
///
/// Has to be called inside the runtime.
pub fn prepare() {
    umask(Mode::RWXG | Mode::RWXO);
    // Whoever has a handler survives the signal; for as long as the process lives, also without anybody who listens.
    let handled = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
    if let Err(error) = handled {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "The signal of a file that is too large stays deadly"
        );
    }
}
