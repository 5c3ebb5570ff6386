//! What has to be so before a contract can be collected, in the order in which a collection finds out.
//!
//! One list: `collect` and the service begin only if each of these is met, `doctor` shows each of them. Nothing is changed, and
//! nothing is asked of the API; what that has to say is in [`crate::collect::preview`].

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::collect::of_store;
use super::heartbeat::{HeartbeatError, heartbeat};
use super::prepare::{CollectRequest, Prepared, order};
use crate::api::Settings;
use crate::api::read::Client;
use crate::api::settings::SettingsError;
use crate::config::{self, ConfigError, Loaded};
use crate::credentials::{self, CredentialsError, Lifetime};
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::seams::{Environment, Seams};
use crate::sinks::heartbeat::Heartbeat;
use crate::store::{StoreError, open, place, runner};

/// One thing without which `collect` ends without a snapshot. `doctor` gives each failure that is one of these the code that
/// `collect` would end with; a table of tests has a row for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Precondition {
    /// Each setting has a value that makes sense.
    Configuration,
    /// It is clear which contract is meant, and the credentials see that one.
    Contract,
    /// There are credentials.
    Credentials,
    /// The token has not ended; only where the API is not asked.
    Token,
    /// Settings and credentials make a client.
    Settings,
    /// The heartbeat can be called as it is configured.
    Heartbeat,
    /// The folder is closed to others, on this machine, and can be written.
    Folder,
    /// The file is a database of ours and of this program, whole, and has one name.
    Database,
    /// There is room for a run.
    Disk,
    /// The file of the lock is one of ours.
    LockFile,
    /// There is an API of IONOS Cloud at the address.
    Api,
    /// The server's certificate is the pinned one.
    Certificate,
    /// The clocks show the same day.
    Clock,
    /// One of the lists of users, groups and resources can be read.
    Lists,
    /// No other process collects into the database.
    Lock,
    /// No other program writes to the database.
    WriteLock,
    /// No other program reads the database as a file that does not change.
    Readers,
}

impl Precondition {
    /// The name of its check.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The one that is not met when the store fails. Exhaustive, so that a new failure is assigned to one.
    pub fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::ExposedFolder { .. } | StoreError::Network { .. } | StoreError::ReadOnly { .. } => Self::Folder,
            StoreError::Cramped { .. } => Self::Disk,
            StoreError::LockFile { .. } => Self::LockFile,
            StoreError::Locked { .. } | StoreError::ServiceRunning { .. } => Self::Lock,
            StoreError::WriteLocked { .. } | StoreError::Busy { .. } => Self::WriteLock,
            StoreError::BeingRead { .. } => Self::Readers,
            StoreError::Missing { .. }
            | StoreError::Open { .. }
            | StoreError::Foreign { .. }
            | StoreError::Newer { .. }
            | StoreError::NoRoomForCopy { .. }
            | StoreError::Copy { .. }
            | StoreError::Linked { .. }
            | StoreError::NotAFile { .. }
            | StoreError::NotOurs { .. }
            | StoreError::Exposed { .. }
            | StoreError::Damaged { .. }
            | StoreError::Orphan { .. }
            | StoreError::Stopped
            | StoreError::Unfolded { .. }
            | StoreError::Migrate { .. }
            | StoreError::Sql { .. }
            | StoreError::Column { .. }
            | StoreError::Inconsistent { .. }
            | StoreError::Body(_)
            | StoreError::StoredBody(_)
            | StoreError::Unpacking { .. }
            | StoreError::Packing(_)
            | StoreError::Compose(_)
            | StoreError::Random(_)
            | StoreError::NoSnapshot(_)
            | StoreError::RunOver
            | StoreError::LabelTaken { .. }
            | StoreError::NoContract(_)
            | StoreError::NothingCollected
            | StoreError::RanBefore { .. }
            | StoreError::Schema { .. } => Self::Database,
        }
    }
}

/// Why a collection cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PreconditionError {
    /// There are no usable credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The configuration is not in order.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The settings make no client.
    #[error("make a client for the API")]
    Settings(#[from] SettingsError),
    /// The heartbeat cannot be used as it is configured.
    #[error(transparent)]
    Heartbeat(#[from] HeartbeatError),
    /// The database, its folder, its lock or the disk.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PreconditionError {
    /// What is not met.
    pub fn precondition(&self) -> Precondition {
        match self {
            Self::Credentials(_) => Precondition::Credentials,
            Self::Config(_) => Precondition::Configuration,
            Self::Settings(_) => Precondition::Settings,
            Self::Heartbeat(_) => Precondition::Heartbeat,
            Self::Store(error) => Precondition::of_store(error),
        }
    }

    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Credentials(_) | Self::Config(_) | Self::Settings(_) | Self::Heartbeat(_) => Exit::Configuration,
            Self::Store(error) => of_store(error),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Credentials(error) => Some(error.hint()),
            Self::Config(_) => Some("`keyholder config default` prints every key with its meaning".to_owned()),
            Self::Settings(_) => Some("`keyholder config show --origin` shows where each value comes from".to_owned()),
            Self::Heartbeat(error) => Some(error.hint()),
            Self::Store(error) => error.hint(),
        }
    }
}

/// Credentials that were found, and the client that uses them.
pub struct ApiAccess {
    /// Asks the API.
    pub client: Client,
    /// What the client was made from.
    pub settings: Settings,
    /// When the token ends, if it says so.
    pub expires: Option<DateTime<Utc>>,
    /// The shared IONOS file, when the credentials are from there.
    pub shared_file: Option<PathBuf>,
    /// What was ignored on the way to the credentials.
    pub notices: Vec<String>,
}

/// Whether this process has the database open. Then its file must not be opened beside SQLite: closing any descriptor of it
/// drops the locks that SQLite has on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    /// It will be opened, and is looked at before.
    Closed,
    /// It was looked at when it was opened.
    Open,
}

/// Those that this machine shows, looked at.
pub struct Preconditions {
    /// Credentials and settings.
    pub access: Result<ApiAccess, PreconditionError>,
    /// What is called after a complete snapshot, if anything is.
    pub heartbeat: Result<Option<Heartbeat>, PreconditionError>,
    /// The place of the database, and the database where it is there.
    pub database: Result<PathBuf, PreconditionError>,
    /// The room on its file system.
    pub disk: Result<(), PreconditionError>,
    /// The file of its lock, which another process may hold.
    pub lock_file: Result<(), PreconditionError>,
}

impl Preconditions {
    /// Looks at everything for one contract.
    pub fn look(
        loaded: &Loaded,
        environment: &Environment,
        request: &CollectRequest,
        seams: &Seams,
        state: DatabaseState,
    ) -> Self {
        let database = database(loaded, state);
        let room = |path: &PathBuf| place::refuse_cramped(path, loaded.config.store.min_free_mib << 20);
        Self {
            access: access(loaded, environment, request, seams),
            heartbeat: heartbeat(&loaded.config).map_err(PreconditionError::from),
            disk: database.as_ref().map_or(Ok(()), |path| room(path).map_err(PreconditionError::from)),
            lock_file: database
                .as_ref()
                .map_or(Ok(()), |path| runner::refuse_lock_file(path).map_err(PreconditionError::from)),
            database,
        }
    }

    /// What is not met, in the order in which a collection finds out.
    pub fn unmet(&self) -> impl Iterator<Item = &PreconditionError> {
        let access = self.access.as_ref().err();
        let heartbeat = self.heartbeat.as_ref().err();
        let store = [self.database.as_ref().err(), self.disk.as_ref().err(), self.lock_file.as_ref().err()];
        [access, heartbeat].into_iter().chain(store).flatten()
    }

    /// A collection that can begin, or the first precondition that is not met. Warns when the token is about to end.
    pub fn ready(
        self,
        loaded: &Loaded,
        request: &CollectRequest,
        seams: &Seams,
    ) -> Result<Prepared, PreconditionError> {
        let ApiAccess { client, settings, expires, notices, .. } = self.access?;
        let heartbeat = self.heartbeat?;
        self.database?;
        self.disk?;
        self.lock_file?;
        for notice in &notices {
            tracing::warn!("{notice}");
        }
        match credentials::lifetime(expires, seams.now()) {
            Lifetime::EndsSoon(end) => tracing::warn!("The token ends on {}; get a new one in time", to_seconds(end)),
            Lifetime::Over(end) => tracing::warn!("The token ended on {}", to_seconds(end)),
            Lifetime::Unknown | Lifetime::Fine(_) => {}
        }
        let order = order(loaded, request, &settings, expires, seams.now());
        Ok(Prepared { client, settings, order, heartbeat })
    }
}

/// Secrets are read anew each time, so that a token can be replaced while the service runs.
fn access(
    loaded: &Loaded,
    environment: &Environment,
    request: &CollectRequest,
    seams: &Seams,
) -> Result<ApiAccess, PreconditionError> {
    let contract = request.contract.as_ref();
    let found = credentials::find_for(loaded, contract, environment)?;
    tracing::debug!("Credentials from {}", found.source);
    let settings = config::settings(loaded, contract, found.credentials)?;
    let contract_number = request.number.map(|number| number.0).or(settings.contract_number);
    let settings = Settings { credentials_origin: Some(found.source), contract_number, ..settings };
    let client = Client::new(&settings, seams.clone())?;
    let (expires, shared_file, notices) = (found.expires, found.shared_file, found.notices);
    Ok(ApiAccess { client, settings, expires, shared_file, notices })
}

fn database(loaded: &Loaded, state: DatabaseState) -> Result<PathBuf, PreconditionError> {
    let path = loaded.database()?;
    if state == DatabaseState::Closed {
        open::refuse_unwritable(path)?;
    }
    Ok(Path::to_owned(path))
}
