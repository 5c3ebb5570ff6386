//! What holds for the whole process, before any command: whose the files are that it makes, and that a limit on their size
//! does not kill it.

use rustix::fs::Mode;
use rustix::process::{Signal, umask};
use tokio::signal::unix::{SignalKind, signal};

/// Files that this process makes are its user's only, whatever they were asked to be; and a write beyond the limit on the
/// size of a file fails, which can be told, instead of ending the process, which cannot.
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
