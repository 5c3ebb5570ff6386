//! The heartbeat out of the configuration: a URL that is called after each complete snapshot, by the service and by the
//! command alike, so that a monitor elsewhere notices when no snapshot comes any more.

use secrecy::SecretString;

use crate::config::Config;
use crate::credentials::{Keeper, SecretFileError, read_secret_file};
use crate::seams::Seams;
use crate::sinks::SettingsError;
use crate::sinks::heartbeat::{Heartbeat, Settings};
use crate::sinks::target::{Network, TargetPolicy};

/// A heartbeat that cannot be used as it is configured. Exit code 3.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// The file with its URL.
    #[error("read the URL of the heartbeat (service.heartbeat_url_file)")]
    File(#[source] SecretFileError),
    /// Its URL.
    #[error("use the URL of the heartbeat (service.heartbeat_url)")]
    Url(#[source] SettingsError),
}

impl HeartbeatError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::File(error) => error.hint(),
            Self::Url(_) => {
                "give an https URL; one on this machine only with service.heartbeat_allow_private_targets".to_owned()
            }
        }
    }
}

/// The configured heartbeat; `None` if there is none.
pub fn heartbeat(config: &Config) -> Result<Option<Heartbeat>, HeartbeatError> {
    let service = &config.service;
    let url = match (&service.heartbeat_url, &service.heartbeat_url_file) {
        (Some(url), _) => SecretString::from(url.as_url().as_str()),
        (None, Some(path)) => read_secret_file(path, Keeper::Private).map_err(HeartbeatError::File)?,
        (None, None) => return Ok(None),
    };
    let allowed = service.heartbeat_allow_private_targets;
    let targets = TargetPolicy { allow_loopback: allowed, allow_link_local: allowed };
    let settings = Settings { url, targets, authorities: Vec::new() };
    Heartbeat::new(&settings, &Network::system()).map(Some).map_err(HeartbeatError::Url)
}

/// Calls the URL. Its operator notices what does not come, so a failure is only reported.
pub async fn beat(heartbeat: &Heartbeat, seams: &Seams) {
    if let Err(error) = heartbeat.ping(seams.now()).await {
        tracing::warn!("The heartbeat could not be sent: {}", error.summary());
    }
}
