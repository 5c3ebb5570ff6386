//! Signals to a command that must not just be cut off: the first one stops it in order, the second at once.
//!
//! SIGHUP is ignored by a batch job, which outlives the terminal it was started from; it asks a service to read its
//! configuration again.

use std::fmt;
use std::pin::pin;

use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, Sender};

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
    /// Listening to it is what keeps it from ending the process.
    hangup: Listener,
    /// Who is to hear of it.
    reload: Option<Sender<()>>,
}

impl Signals {
    /// Listens from now on: nothing but [`Signals::obey`] ends the process any more.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::Signals);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
            reload: None,
        })
    }

    /// The same; each SIGHUP is sent on the channel, several that nobody has taken yet as one.
    pub(super) fn listen_for_reload() -> Result<(Self, Receiver<()>), Failure> {
        let (reload, reloads) = mpsc::channel(1);
        Ok((Self { reload: Some(reload), ..Self::listen()? }, reloads))
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
                _ = self.hangup.recv() => {
                    let sent = self.reload.as_ref().map(|reload| reload.try_send(()));
                    tracing::debug!("SIGHUP: {}", if sent.is_some() { "reading the configuration again" } else { "ignored" });
                    continue;
                }
            };
            if first.replace(signal).is_some() {
                return Err(Failure::Cut { signal });
            }
            tracing::warn!("{signal}: stopping within 15 s; once more to stop at once");
            stop.stop(&signal.to_string());
        }
    }
}
