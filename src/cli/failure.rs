//! Why a command failed: for people a message with a hint, for scripts an exit code.

use std::error::Error;
use std::io::{self, Write};

use super::signals::Signal;
use crate::analyse::diff::AnalyseError;
use crate::api::settings::SettingsError;
use crate::app::alerts::deliver::DeliverFailure;
use crate::app::alerts::muting::MuteError;
use crate::app::alerts::render::RenderError as AlertError;
use crate::app::alerts::setup::SinkError;
use crate::app::backup::BackupFailure;
use crate::app::collect::{CollectFailure, of_store};
use crate::app::demo::DemoError;
use crate::app::heartbeat::HeartbeatError;
use crate::app::preconditions::PreconditionError;
use crate::app::restore::RestoreFailure;
use crate::app::review::ReviewError;
use crate::app::write::{BatchError, WriteError};
use crate::config::{ConfigError, ContractConfig};
use crate::credentials::CredentialsError;
use crate::domain::untrusted::message;
use crate::exit::Exit;
use crate::report::RenderError;
use crate::report::html::{TEMPLATES_HINT, TemplatesError};
use crate::seams::RandomError;
use crate::service::http::ListenError;
use crate::service::running::ServiceError;
use crate::service::setup::SetupError;
use crate::store::StoreError;

/// Every way in which a command can fail.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration is not in order.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There are no usable credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The settings make no client.
    #[error("make a client for the API")]
    Settings(#[from] SettingsError),
    /// The folder of templates cannot be used.
    #[error(transparent)]
    Templates(#[from] TemplatesError),
    /// Collecting ended without a snapshot.
    #[error(transparent)]
    Collect(#[from] CollectFailure),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// One contract of several.
    #[error("collect contract {name}")]
    Contract {
        /// Its name in the configuration.
        name: String,
        /// Why.
        source: Box<Self>,
    },
    /// A question that the database cannot answer.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// What is stored cannot be interpreted.
    #[error(transparent)]
    Analyse(#[from] AnalyseError),
    /// A report could not be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Files that belong together could not be written.
    #[error(transparent)]
    Files(#[from] BatchError),
    /// There is no backup.
    #[error(transparent)]
    Backup(#[from] BackupFailure),
    /// A sink cannot be used as it is configured.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Alerts could not be delivered, for another reason than the sinks.
    #[error(transparent)]
    Deliver(#[from] DeliverFailure),
    /// An alert could not be put into words.
    #[error(transparent)]
    Alert(#[from] AlertError),
    /// The heartbeat cannot be used as it is configured.
    #[error(transparent)]
    Heartbeat(#[from] HeartbeatError),
    /// Alerts are not muted.
    #[error(transparent)]
    Mute(#[from] MuteError),
    /// Nothing was restored.
    #[error(transparent)]
    Restore(#[from] RestoreFailure),
    /// The recording could not be begun.
    #[error(transparent)]
    Record(WriteError),
    /// The system has no randomness to give.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The demonstration.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// A signal stopped the command before its end; what it had read is kept.
    #[error("stopped by {signal}")]
    Stopped {
        /// Which one.
        signal: Signal,
    },
    /// A signal stopped a command that leaves nothing behind then.
    #[error("stopped by {signal}")]
    Abandoned {
        /// Which one.
        signal: Signal,
    },
    /// A second signal came before the command had stopped in order.
    #[error("stopped at once by another {signal}")]
    Cut {
        /// Which one.
        signal: Signal,
    },
    /// Signals cannot be waited for.
    #[error("listen to signals")]
    Signals(#[source] io::Error),
    /// The configuration makes no jobs.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The service could not go on.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The listener of the service.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The emulator did not start.
    #[error("start the emulator")]
    Emulator(#[from] emulator::StartError),
    /// Arguments that do not go together.
    #[error("{what}")]
    Usage {
        /// What does not go together.
        what: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Standard output is gone or full.
    #[error("write to standard output")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The failure of a contract of the configuration, which it names.
    pub(super) fn of_contract(self, contract: Option<&ContractConfig>) -> Self {
        match contract {
            Some(contract) if !self.is_signal() => {
                Self::Contract { name: contract.name.clone(), source: Box::new(self) }
            }
            _ => self,
        }
    }

    /// Whether a signal stopped the command.
    pub(super) fn is_signal(&self) -> bool {
        matches!(self, Self::Stopped { .. } | Self::Abandoned { .. } | Self::Cut { .. })
    }

    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_)
            | Self::Credentials(_)
            | Self::Settings(_)
            | Self::Templates(_)
            | Self::Sink(_)
            | Self::Heartbeat(_)
            | Self::Setup(_)
            | Self::Listen(_) => Exit::Configuration,
            Self::Collect(failure) => failure.exit(),
            Self::Contract { source, .. } => source.exit(),
            Self::Store(error)
            | Self::Review(ReviewError::Store(error))
            | Self::Deliver(DeliverFailure::Store(error) | DeliverFailure::Render(AlertError::Store(error)))
            | Self::Alert(AlertError::Store(error))
            | Self::Mute(MuteError::Store(error))
            | Self::Service(ServiceError::Store(error)) => of_store(error),
            Self::Review(ReviewError::Analyse(_))
            | Self::Analyse(_)
            | Self::Deliver(DeliverFailure::Render(AlertError::Analyse(_)))
            | Self::Alert(AlertError::Analyse(_)) => Exit::Store,
            Self::Review(
                ReviewError::Backwards { .. } | ReviewError::Unknown { .. } | ReviewError::Ambiguous { .. },
            )
            | Self::Mute(_)
            | Self::Usage { .. } => Exit::Usage,
            Self::Write(_) | Self::Files(_) | Self::Record(_) | Self::Output(_) => Exit::Output,
            Self::Backup(failure) => failure.exit(),
            Self::Restore(failure) => failure.exit(),
            Self::Demo(error) => error.exit(),
            Self::Stopped { signal } | Self::Abandoned { signal } | Self::Cut { signal } => signal.exit(),
            Self::Render(_)
            | Self::Emulator(_)
            | Self::Random(_)
            | Self::Deliver(DeliverFailure::Random(_))
            | Self::Signals(_)
            | Self::Service(ServiceError::Heartbeat(_)) => Exit::Unexpected,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(_) => Some("`keyholder config default` prints every key with its meaning".to_owned()),
            Self::Collect(failure) => failure.hint(),
            Self::Contract { source, .. } => source.hint(),
            Self::Store(error)
            | Self::Review(ReviewError::Store(error))
            | Self::Deliver(DeliverFailure::Store(error) | DeliverFailure::Render(AlertError::Store(error)))
            | Self::Alert(AlertError::Store(error))
            | Self::Service(ServiceError::Store(error)) => error.hint(),
            Self::Review(ReviewError::Backwards { .. }) => Some(
                "compare with a snapshot that is earlier than the one asked for; `keyholder snapshots list` shows them"
                    .to_owned(),
            ),
            Self::Review(ReviewError::Unknown { .. }) => {
                Some("give an e-mail address, a name or an id as a report shows them, or a part of one".to_owned())
            }
            Self::Review(ReviewError::Ambiguous { .. }) => {
                Some("name one of them by its id, or by a longer part of its name".to_owned())
            }
            Self::Write(error) => Some(error.hint()),
            Self::Files(error) => Some(error.hint()),
            Self::Backup(failure) => failure.hint(),
            Self::Sink(error) => error.hint(),
            Self::Heartbeat(error) => Some(error.hint()),
            Self::Mute(error) => error.hint(),
            Self::Restore(failure) => failure.hint(),
            Self::Record(error) => Some(error.hint().replace("--out", "--record")),
            Self::Demo(error) => error.hint(),
            Self::Templates(error) => Some(error.hint()),
            Self::Render(_) => Some(TEMPLATES_HINT.to_owned()),
            Self::Credentials(error) => Some(error.hint()),
            Self::Settings(_) => Some("`keyholder config show --origin` shows where each value comes from".to_owned()),
            Self::Review(ReviewError::Analyse(_))
            | Self::Analyse(_)
            | Self::Deliver(DeliverFailure::Render(AlertError::Analyse(_)))
            | Self::Alert(AlertError::Analyse(_)) => {
                Some(
                    "if a newer version wrote it, read it with that one; else the database is damaged: put a backup in its place \
                     with `keyholder restore BACKUP --replace`"
                        .to_owned(),
                )
            }
            Self::Stopped { .. } | Self::Cut { .. } => {
                Some("collect again with the same credentials within 30 minutes, and the run is resumed".to_owned())
            }
            Self::Abandoned { .. } => Some("nothing is left of it; run the command again".to_owned()),
            Self::Setup(error) => Some(error.hint()),
            Self::Listen(_) => Some("set [service] listen to another address, or to an empty one for none".to_owned()),
            Self::Signals(_)
            | Self::Random(_)
            | Self::Deliver(DeliverFailure::Random(_))
            | Self::Service(ServiceError::Heartbeat(_)) => None,
            Self::Emulator(_) => Some("choose another --port, or 0 for a free one".to_owned()),
            Self::Usage { hint, .. } => Some((*hint).to_owned()),
            Self::Output(_) => Some("make room where standard output goes, or write to a file".to_owned()),
        }
    }

    /// Writes it for a person: the chain of reasons, then the hint.
    pub fn tell(&self, err: &mut dyn Write) -> io::Result<()> {
        writeln!(err, "error: {}", shown_reasons(self))?;
        self.hint().map_or(Ok(()), |hint| writeln!(err, "hint: {}", message(&hint)))
    }
}

/// The chain of reasons as it is shown. Each reason may have untrusted text in it, so that it is one line, unless it is known
/// to be a list: of that, every line is shown by itself.
pub(super) fn shown_reasons(error: &(dyn Error + 'static)) -> String {
    let shown = |reason: &(dyn Error + 'static)| match reason.to_string() {
        text if is_list(reason) => text.lines().map(message).collect::<Vec<_>>().join("\n"),
        text => message(&text),
    };
    let chain = std::iter::successors(Some(error), |reason| (*reason).source());
    chain.map(shown).collect::<Vec<_>>().join(": ")
}

/// Whether the line breaks of an error are its own: it shows each of its parts on one line.
fn is_list(error: &(dyn Error + 'static)) -> bool {
    error.is::<ConfigError>()
        || error.is::<CredentialsError>()
        || error.is::<ReviewError>()
        || matches!(error.downcast_ref(), Some(PreconditionError::Config(_) | PreconditionError::Credentials(_)))
        || matches!(error.downcast_ref(), Some(Failure::Config(_) | Failure::Credentials(_) | Failure::Review(_)))
}

impl From<PreconditionError> for Failure {
    fn from(error: PreconditionError) -> Self {
        match error {
            PreconditionError::Credentials(error) => Self::Credentials(error),
            PreconditionError::Config(error) => Self::Config(error),
            PreconditionError::Settings(error) => Self::Settings(error),
            PreconditionError::Heartbeat(error) => Self::Heartbeat(error),
            PreconditionError::Store(error) => Self::Store(error),
        }
    }
}

impl From<super::config::Error> for Failure {
    fn from(error: super::config::Error) -> Self {
        match error {
            super::config::Error::Config(error) => Self::Config(error),
            super::config::Error::Output(error) => Self::Output(error),
        }
    }
}
