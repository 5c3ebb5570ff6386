//! A URL that is called after each complete snapshot, so that a service elsewhere notices when the calls stop.
//!
//! It carries no data: a GET of the URL and nothing else, under the same rules as every other target.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::failure::DeliveryError;
use super::http::HttpClient;
use super::target::{Network, TargetPolicy};
use super::tls::Authorities;
use super::{Receipt, SettingsError, within};

/// What to call.
#[derive(Debug)]
pub struct Settings {
    /// The URL; secret, because it usually holds the key of the monitor.
    pub url: SecretString,
    /// What the target may be.
    pub targets: TargetPolicy,
    /// Certificate authorities beside those of the system.
    pub authorities: Authorities,
}

/// A heartbeat that is ready to be sent.
#[derive(Debug)]
pub struct Heartbeat {
    client: HttpClient,
    network: Network,
}

impl Heartbeat {
    /// Checks the settings; sends nothing.
    pub fn new(settings: &Settings, network: &Network) -> Result<Self, SettingsError> {
        let client = HttpClient::new(&settings.url, settings.targets, &settings.authorities, network)?;
        Ok(Self { client, network: network.clone() })
    }

    /// Calls the URL once.
    pub async fn ping(&self, now: DateTime<Utc>) -> Result<Receipt, DeliveryError> {
        within(&self.network, self.client.host(), self.client.get(now)).await
    }
}
