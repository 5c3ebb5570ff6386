//! Where alerts go: one file per kind of sink.
//!
//! A sink delivers one message once and reports what came of it. It does not retry, does not look names up, reads neither
//! configuration nor files with secrets, and logs no body, secret or URL.

mod alert_v1;
mod connect;
pub mod email;
mod failure;
pub mod file;
#[cfg(test)]
mod fixture;
pub mod heartbeat;
mod http;
mod mail;
mod mail_body;
pub mod message;
mod rows;
pub mod slack;
pub mod stdout;
pub mod syslog;
pub mod target;
pub mod teams;
pub mod tls;
pub mod webhook;

use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use alert_v1::{AlertV1, SCHEMA};
pub use failure::{DeliveryError, DeliveryFailure};
use message::Message;
use target::{Network, TargetError};

/// What a sink needs to know, by kind.
#[derive(Debug)]
pub enum Settings {
    /// JSON Lines on standard output.
    Stdout(stdout::Settings),
    /// JSON Lines in a file.
    File(file::Settings),
    /// Standard Webhooks.
    Webhook(webhook::Settings),
    /// Blocks for Slack.
    Slack(slack::Settings),
    /// An Adaptive Card for Microsoft Teams.
    Teams(teams::Settings),
    /// Text and HTML over SMTP.
    Email(email::Settings),
    /// RFC 5424.
    Syslog(syslog::Settings),
}

/// Settings that no sink can be made from.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The URL is none. It is not repeated, since it may hold a credential.
    #[error("the URL of the target is not valid")]
    Url(#[source] url::ParseError),
    /// The target is not allowed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The number of keys.
    #[error("a webhook has 1 to {} keys, not {found}", webhook::MAX_KEYS)]
    KeyCount {
        /// How many there are.
        found: usize,
    },
    /// A key that is not base64.
    #[error("key {number} of the webhook is not base64")]
    KeyForm {
        /// Which one, from 1.
        number: usize,
    },
    /// A key that is too short or too long.
    #[error(
        "key {number} of the webhook has {found} bytes; it must have {} to {}",
        webhook::MIN_KEY_BYTES,
        webhook::MAX_KEY_BYTES
    )]
    KeyLength {
        /// Which one, from 1.
        number: usize,
        /// Its length.
        found: usize,
    },
    /// The path of a folder.
    #[error("{} is not the path of a file", path.display())]
    FilePath {
        /// The path.
        path: std::path::PathBuf,
    },
    /// A number out of range.
    #[error("{setting} must be {}", range(*min, *max))]
    Range {
        /// Its name.
        setting: &'static str,
        /// The least value.
        min: u64,
        /// The largest value.
        max: u64,
    },
    /// Text that is no e-mail address.
    #[error("{text:?} is not an e-mail address ({setting})")]
    Address {
        /// Its name.
        setting: &'static str,
        /// The text.
        text: String,
        /// What is wrong with it.
        #[source]
        source: lettre::address::AddressError,
    },
    /// A host name that cannot stand in a syslog message.
    #[error("{hostname:?} is not a host name for syslog: 1 to 255 printable ASCII characters without blanks")]
    Hostname {
        /// The text.
        hostname: String,
    },
    /// The SMTP library refuses its TLS configuration.
    #[error("cannot prepare TLS for SMTP")]
    Smtp(#[source] lettre::transport::smtp::Error),
    /// The TLS library refuses its configuration.
    #[error("cannot prepare TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP library cannot be set up.
    #[error("cannot prepare the HTTP client")]
    Http(#[source] reqwest::Error),
}

fn range(min: u64, max: u64) -> String {
    if max == u64::MAX { format!("at least {min}") } else { format!("{min} to {max}") }
}

impl SettingsError {
    /// What to do about it, where that is not in the message itself.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Target(error) => error.hint(),
            Self::KeyForm { .. } | Self::KeyLength { .. } | Self::KeyCount { .. } => {
                Some("make a key with: openssl rand -base64 32")
            }
            _ => None,
        }
    }
}

/// A sink that is ready to deliver.
#[derive(Debug)]
pub struct Sink {
    name: String,
    kind: Kind,
    network: Network,
}

#[derive(Debug)]
enum Kind {
    Stdout(stdout::Settings),
    File(Arc<file::JsonLinesFile>),
    Webhook(webhook::Webhook),
    Slack(slack::Slack),
    Teams(teams::Teams),
    Email(Box<email::Email>),
    Syslog(syslog::Syslog),
}

/// What a receiver answered to a delivery that worked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// One line for the log of deliveries.
    pub detail: String,
}

impl Sink {
    /// Checks the settings and prepares the sink; nothing is sent.
    pub fn new(name: &str, settings: Settings, network: &Network) -> Result<Self, SettingsError> {
        let kind = match settings {
            Settings::Stdout(settings) => Kind::Stdout(settings),
            Settings::File(settings) => Kind::File(file::JsonLinesFile::new(settings)?),
            Settings::Webhook(settings) => Kind::Webhook(webhook::Webhook::new(&settings, network)?),
            Settings::Slack(settings) => Kind::Slack(slack::Slack::new(&settings, network)?),
            Settings::Teams(settings) => Kind::Teams(teams::Teams::new(&settings, network)?),
            Settings::Email(settings) => Kind::Email(Box::new(email::Email::new(&settings)?)),
            Settings::Syslog(settings) => Kind::Syslog(syslog::Syslog::new(settings)?),
        };
        Ok(Self { name: name.to_owned(), kind, network: network.clone() })
    }

    /// The name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The word for the kind of sink.
    pub fn kind(&self) -> &'static str {
        match &self.kind {
            Kind::Stdout(_) => "stdout",
            Kind::File(_) => "file",
            Kind::Webhook(_) => "webhook",
            Kind::Slack(_) => "slack",
            Kind::Teams(_) => "teams",
            Kind::Email(_) => "email",
            Kind::Syslog(_) => "syslog",
        }
    }

    /// Delivers a message once, within the time-out of a delivery.
    pub async fn deliver(&self, message: &Message, now: DateTime<Utc>) -> Result<Receipt, DeliveryError> {
        within(&self.network, &self.name, async {
            match &self.kind {
                Kind::Stdout(settings) => stdout::deliver(settings, message).await,
                Kind::File(file) => file.deliver(message).await,
                Kind::Webhook(webhook) => webhook.deliver(message, now).await,
                Kind::Slack(slack) => slack.deliver(message, now).await,
                Kind::Teams(teams) => teams.deliver(message, now).await,
                Kind::Email(email) => email.deliver(message, now, &self.network).await,
                Kind::Syslog(syslog) => syslog.deliver(message, &self.network).await,
            }
        })
        .await
    }
}

/// Ends a delivery that takes too long.
async fn within(
    network: &Network,
    target: &str,
    delivery: impl Future<Output = Result<Receipt, DeliveryError>>,
) -> Result<Receipt, DeliveryError> {
    let limit = network.delivery_timeout;
    tokio::time::timeout(limit, delivery).await.unwrap_or_else(|_| {
        Err(DeliveryError::retry(DeliveryFailure::Timeout { target: target.to_owned(), seconds: limit.as_secs() }))
    })
}

/// The JSON form of a message with its line break.
fn json_line(target: &str, message: &Message) -> Result<Vec<u8>, DeliveryError> {
    let mut line = serde_json::to_vec(&message.v1()).map_err(|error| {
        DeliveryError::rejected(DeliveryFailure::Encode { target: target.to_owned(), source: error.into() })
    })?;
    line.push(b'\n');
    Ok(line)
}

/// Writes to a file or a pipe on a thread that may block.
async fn blocking(
    target: &str,
    write: impl FnOnce() -> Result<Receipt, DeliveryFailure> + Send + 'static,
) -> Result<Receipt, DeliveryError> {
    match tokio::task::spawn_blocking(write).await {
        Ok(outcome) => outcome.map_err(DeliveryError::retry),
        Err(error) => {
            Err(DeliveryError::retry(DeliveryFailure::Send { host: target.to_owned(), source: error.into() }))
        }
    }
}
