//! Sinks and routes out of the configuration: secrets are read here, when something is about to be sent.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;

use super::Announcer;
use super::deliver::{Courier, DeliverFailure, Delivered, Destination, Destinations};
use super::watch::raise_overdue;
use crate::alerts::{Route, Router};
use crate::app::freshness::Expectations;
use crate::config::{
    Config, ContractSet, MailSecurity, SecretSource, SinkConfig, SinkTarget, SyslogProtocol, TargetSource,
};
use crate::credentials::{Keeper, SecretFileError, read_secret_file};
use crate::domain::alert::AlertClass;
use crate::domain::id::ContractNumber;
use crate::files::{self, FileError, Purpose};
use crate::seams::{Environment, Seams, SecretKind};
use crate::sinks::target::{Network, TargetPolicy};
use crate::sinks::{self, Settings, Sink};
use crate::store::Store;

/// The enterprise number that RFC 5612 reserves for documentation: nobody else's.
const ENTERPRISE_NUMBER: u32 = 32_473;

/// The secret that may have blanks and quotes around it.
const PASSWORD: &str = "password";

/// Why a sink cannot be used. Exit code 3.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A file with a secret.
    #[error("prepare sink {sink:?}: read the {what}")]
    File {
        /// The sink.
        sink: String,
        /// What the file holds.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: SecretFileError,
    },
    /// A variable or a systemd credential that is not there.
    #[error("prepare sink {sink:?}: find the {what}: {place} is not set")]
    Missing {
        /// The sink.
        sink: String,
        /// What it should hold.
        what: &'static str,
        /// Where it was looked for.
        place: String,
    },
    /// A file with certificates.
    #[error("prepare sink {sink:?}: read its certificate authorities")]
    Authorities {
        /// The sink.
        sink: String,
        /// Why.
        #[source]
        source: FileError,
    },
    /// A file without certificates.
    #[error("prepare sink {sink:?}: {} holds no certificate in PEM form", path.display())]
    NoAuthorities {
        /// The sink.
        sink: String,
        /// The file.
        path: std::path::PathBuf,
    },
    /// Settings that do not go together.
    #[error("prepare sink {sink:?}")]
    Settings {
        /// The sink.
        sink: String,
        /// What is wrong.
        #[source]
        source: sinks::SettingsError,
    },
}

impl SinkError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File { source, .. } => Some(source.hint()),
            Self::Missing { place, .. } => {
                Some(format!("set {place}, or name a file in the configuration of the sink"))
            }
            Self::Authorities { source, .. } if source.hint().is_some() => source.hint(),
            Self::Authorities { .. } | Self::NoAuthorities { .. } => {
                Some("name a PEM file with certificates in ca_file".to_owned())
            }
            Self::Settings { source, .. } => source.hint().map(str::to_owned),
        }
    }
}

/// Names of the configured contracts by number.
pub fn contract_names(config: &Config) -> BTreeMap<ContractNumber, String> {
    config.contracts.iter().filter_map(|contract| Some((contract.number?, contract.name.clone()))).collect()
}

/// Composes alerts for the configured sinks; needs no secret.
pub fn announcer(config: &Config) -> Announcer {
    let routes = config.routes.iter().map(|route| Route {
        sinks: route.sinks.clone(),
        classes: route.classes.iter().filter_map(|word| AlertClass::from_word(word)).collect(),
        severity: route.severity,
        contracts: match &route.contracts {
            ContractSet::All => Vec::new(),
            ContractSet::Only(names) => names.clone(),
        },
    });
    let sinks = config.sinks.iter().map(|sink| sink.name.clone());
    let announcer = Announcer::new(Router::new(sinks, routes.collect()), config.alerts.digest_above);
    announcer.with_contracts(contract_names(config))
}

/// All that is needed to deliver.
#[derive(Debug)]
pub struct Alerting {
    /// The sinks by name.
    pub destinations: Destinations,
    /// Names of contracts by number.
    pub contracts: BTreeMap<ContractNumber, String>,
    announcer: Announcer,
    expected: Expectations,
}

impl Alerting {
    /// Prepares every configured sink. Standard output goes to `output`.
    pub fn of(config: &Config, environment: &Environment, output: &sinks::stdout::Output) -> Self {
        Self {
            destinations: destinations(config, environment, output),
            contracts: contract_names(config),
            announcer: announcer(config),
            expected: Expectations::of(config),
        }
    }

    /// Why sinks cannot be used as they are configured, in order of their names.
    pub fn unprepared(&self) -> impl Iterator<Item = &SinkError> {
        self.destinations.values().filter_map(|one| one.as_ref().err())
    }

    /// The same, without the rest.
    pub fn into_unprepared(self) -> impl Iterator<Item = SinkError> {
        self.destinations.into_values().filter_map(Result::err)
    }

    /// Alerts what has not happened for too long, and delivers everything that is due.
    pub async fn deliver(&self, store: &Store, seams: &Seams) -> Result<Delivered, DeliverFailure> {
        raise_overdue(store, &self.announcer, &self.expected, seams).await?;
        let Self { destinations, contracts, .. } = self;
        Courier { store, destinations, contracts, seams }.deliver().await
    }
}

/// Prepares every configured sink; nothing is sent. One that cannot be used stops no other.
pub fn destinations(config: &Config, environment: &Environment, output: &sinks::stdout::Output) -> Destinations {
    let prepared = config.sinks.iter().map(|sink| (sink.name.clone(), destination(sink, environment, output)));
    prepared.collect()
}

fn destination(
    sink: &SinkConfig,
    environment: &Environment,
    output: &sinks::stdout::Output,
) -> Result<Destination, SinkError> {
    let settings = Builder { sink, environment }.settings(output)?;
    let network = Network { delivery_timeout: sink.timeout, ..Network::system() };
    let ready = Sink::new(&sink.name, settings, &network)
        .map_err(|source| SinkError::Settings { sink: sink.name.clone(), source })?;
    Ok(Destination { sink: ready, names: sink.names })
}

/// Makes the settings of one sink.
struct Builder<'a> {
    sink: &'a SinkConfig,
    environment: &'a Environment,
}

impl Builder<'_> {
    fn settings(&self, output: &sinks::stdout::Output) -> Result<Settings, SinkError> {
        let (targets, authorities) = (self.policy(), self.authorities()?);
        Ok(match &self.sink.target {
            SinkTarget::Stdout => Settings::Stdout(sinks::stdout::Settings { output: output.clone() }),
            SinkTarget::File { path, max_bytes, keep } => {
                Settings::File(sinks::file::Settings { path: path.clone(), max_bytes: *max_bytes, keep: *keep })
            }
            SinkTarget::Webhook { url, keys } => {
                let url = match url {
                    TargetSource::Plain(url) => SecretString::from(url.as_url().as_str()),
                    TargetSource::Secret(source) => self.secret(source, "URL")?,
                };
                let keys = keys.iter().map(|key| self.secret(key, "key")).collect::<Result<_, _>>()?;
                Settings::Webhook(sinks::webhook::Settings { url, keys, targets, authorities })
            }
            SinkTarget::Slack { url } => {
                let url = self.secret(url, "URL")?;
                Settings::Slack(sinks::slack::Settings { url, targets, authorities })
            }
            SinkTarget::Teams { url } => {
                let url = self.secret(url, "URL")?;
                Settings::Teams(sinks::teams::Settings { url, targets, authorities })
            }
            SinkTarget::Email { .. } => self.email(targets, authorities)?,
            SinkTarget::Syslog { host, port, protocol, facility } => Settings::Syslog(sinks::syslog::Settings {
                host: host.to_string(),
                port: *port,
                transport: match protocol {
                    SyslogProtocol::Udp => sinks::syslog::Transport::Udp,
                    SyslogProtocol::Tcp => sinks::syslog::Transport::Tcp,
                    SyslogProtocol::Tls => sinks::syslog::Transport::Tls,
                },
                facility: *facility as u8,
                enterprise_number: ENTERPRISE_NUMBER,
                hostname: None,
                targets,
                authorities,
            }),
        })
    }

    fn email(&self, targets: TargetPolicy, authorities: sinks::tls::Authorities) -> Result<Settings, SinkError> {
        let SinkTarget::Email { host, port, security, from, to, login, attachments } = &self.sink.target else {
            unreachable!("called for e-mail only")
        };
        let login = match login {
            Some(login) => Some(sinks::email::Login {
                username: login.username.clone(),
                password: self.secret(&login.password, PASSWORD)?,
            }),
            None => None,
        };
        Ok(Settings::Email(sinks::email::Settings {
            host: host.to_string(),
            port: *port,
            security: match security {
                MailSecurity::Tls => sinks::email::Security::Tls,
                MailSecurity::Starttls => sinks::email::Security::StartTls,
                MailSecurity::None => sinks::email::Security::Plain,
            },
            login,
            from: from.to_string(),
            to: to.iter().map(ToString::to_string).collect(),
            attachments: *attachments,
            max_attachment_bytes: sinks::email::DEFAULT_MAX_ATTACHMENT_BYTES,
            targets,
            authorities,
        }))
    }

    fn policy(&self) -> TargetPolicy {
        let allowed = self.sink.allow_private_targets;
        TargetPolicy { allow_loopback: allowed, allow_link_local: allowed }
    }

    fn authorities(&self) -> Result<sinks::tls::Authorities, SinkError> {
        match &self.sink.ca_file {
            None => Ok(Vec::new()),
            Some(path) => {
                let sink = || self.sink.name.clone();
                let text = files::read_text(path, Purpose::Authorities)
                    .map_err(|source| SinkError::Authorities { sink: sink(), source })?;
                sinks::tls::authorities(&text)
                    .ok_or_else(|| SinkError::NoAuthorities { sink: sink(), path: path.clone() })
            }
        }
    }

    fn secret(&self, source: &SecretSource, what: &'static str) -> Result<SecretString, SinkError> {
        let sink = || self.sink.name.clone();
        let missing = |place: String| SinkError::Missing { sink: sink(), what, place };
        let read = |path: &Path, keeper| {
            read_secret_file(path, keeper).map_err(|source| SinkError::File { sink: sink(), what, source })
        };
        match source {
            SecretSource::File(path) => read(path, Keeper::Private),
            SecretSource::Systemd(name) => {
                let folder = self.environment.get("CREDENTIALS_DIRECTORY");
                let folder =
                    folder.ok_or_else(|| missing(format!("systemd credential {name} (CREDENTIALS_DIRECTORY)")))?;
                read(&Path::new(folder).join(name), Keeper::Service)
            }
            SecretSource::Variable(name) => {
                let kind = if what == PASSWORD { SecretKind::Password } else { SecretKind::Token };
                let value = self.environment.secret(name, kind).ok_or_else(|| missing(format!("env {name}")))?;
                Ok(SecretString::from(value))
            }
        }
    }
}
