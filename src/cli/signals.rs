//! Signals to a command that must not just be cut off: the first one stops it in order, the second at once.
//!
//! SIGHUP is ignored: a batch job outlives the terminal it was started from.

use std::fmt;
use std::pin::pin;

use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

use super::Failure;
use crate::app::stop::Stop;
use crate::exit::Exit;

/// A signal that stops a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What service managers send.
    Terminate,
}

impl Signal {
    /// The code the process ends with.
    pub fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

/// The signals that this process listens to from now on.
pub(super) struct Signals {
    interrupt: Listener,
    terminate: Listener,
    /// Listening to it is what keeps it from ending the process; nobody has to hear it.
    _hangup: Listener,
}

impl Signals {
    /// Listens from now on: nothing but [`Signals::obey`] ends the process any more.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::Signals);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            _hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Does the work to its end. The first signal asks it to stop, the second one drops it.
    pub(super) async fn obey<T>(
        &mut self,
        stop: &Stop,
        work: impl Future<Output = T>,
    ) -> Result<(T, Option<Signal>), Failure> {
        let mut work = pin!(work);
        let mut first = None;
        loop {
            let signal = tokio::select! {
                biased;
                outcome = &mut work => return Ok((outcome, first)),
                _ = self.interrupt.recv() => Signal::Interrupt,
                _ = self.terminate.recv() => Signal::Terminate,
            };
            if first.replace(signal).is_some() {
                return Err(Failure::Cut { signal });
            }
            tracing::warn!("{signal}: stopping within 15 s; once more to stop at once");
            stop.stop(&signal.to_string());
        }
    }
}
