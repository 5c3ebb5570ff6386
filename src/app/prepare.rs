//! What a collection of a configured contract is made from: credentials, client and options.

use chrono::{DateTime, TimeDelta, Utc};

use super::alerts::setup::announcer;
use super::collect::Order;
use crate::api::read::Client;
use crate::api::settings::{Settings, SettingsError};
use crate::config::{self, ConfigError, ContractConfig, Loaded};
use crate::credentials::{self, CredentialsError, Lifetime};
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::seams::{Environment, Seams};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// There are no usable credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The configuration is not in order.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The settings make no client.
    #[error("make a client for the API")]
    Settings(#[from] SettingsError),
}

impl PrepareError {
    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        Exit::Configuration
    }
}

/// When a token ends, if that is soon enough to be alerted, or over.
pub fn alerted_end(loaded: &Loaded, expires: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let warning = TimeDelta::from_std(loaded.config.alerts.expiry_warning).unwrap_or(TimeDelta::MAX);
    expires.filter(|end| *end - now <= warning)
}

/// The client of a contract and what is to be collected; without a contract those of `[api]` and `[credentials]`. Secrets
/// are read anew each time, so that a token can be replaced while the service runs.
pub fn prepare(
    loaded: &Loaded,
    environment: &Environment,
    contract: Option<&ContractConfig>,
    seams: &Seams,
) -> Result<(Client, Order), PrepareError> {
    let found = credentials::find_for(loaded, contract, environment)?;
    match credentials::lifetime(found.expires, seams.now()) {
        Lifetime::EndsSoon(end) => tracing::warn!("The token ends on {}; get a new one in time", to_seconds(end)),
        Lifetime::Over(end) => tracing::warn!("The token ended on {}", to_seconds(end)),
        Lifetime::Unknown | Lifetime::Fine(_) => {}
    }
    let token_ends = alerted_end(loaded, found.expires, seams.now());
    let settings = config::settings(loaded, contract, found.credentials)?;
    let settings = Settings { credentials_origin: Some(found.source), ..settings };
    let client = Client::new(&settings, seams.clone())?;
    let order = Order {
        cross_check: loaded.config.collect.cross_check,
        reread_after: loaded.config.collect.reread_after,
        least_room: loaded.config.store.min_free_mib << 20,
        announcer: announcer(&loaded.config),
        token_ends,
        ..Order::manual(seams.now(), &settings)
    };
    Ok((client, order))
}
