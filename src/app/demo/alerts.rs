//! The alerts of the demonstration: sent to a webhook and a mail server inside the process, by the sinks that a real
//! contract would use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use emulator::Inbox;
use secrecy::SecretString;
use serde::Deserialize;

use super::super::alerts::Announcer;
use super::super::alerts::deliver::{Courier, DeliverFailure, Destination, Destinations};
use super::super::write::{self, WriteError};
use super::DemoError;
use crate::alerts::Router;
use crate::domain::id::ContractNumber;
use crate::domain::severity::Severity;
use crate::seams::Seams;
use crate::sinks::target::{Network, TargetPolicy};
use crate::sinks::{Settings, Sink, email, webhook};
use crate::store::Store;

/// The name of the mail among the results.
pub(super) const DIGEST_MAIL: &str = "alerts.eml";

/// Few, so that a month of a small contract shows what a digest is.
const DIGEST_ABOVE: u32 = 5;

/// One alert as it arrived at the webhook.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Arrived {
    /// When it was raised, RFC 3339.
    #[serde(default)]
    pub raised_at: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it says in one line.
    pub headline: String,
    /// The list of a digest.
    #[serde(default)]
    pub items: Vec<Self>,
}

/// The receivers, and the sinks that send to them.
#[derive(Debug)]
pub(super) struct Receivers {
    inbox: Inbox,
    destinations: Destinations,
    contracts: BTreeMap<ContractNumber, String>,
}

impl Receivers {
    pub(super) async fn open(contract: ContractNumber, seams: &Seams) -> Result<Self, DemoError> {
        let inbox = Inbox::open().await.map_err(DemoError::Inbox)?;
        let targets = TargetPolicy { allow_loopback: true, ..TargetPolicy::default() };
        let key = hex::encode(seams.secret_bytes()?);
        let webhook = Settings::Webhook(webhook::Settings {
            url: SecretString::from(inbox.webhook_url()),
            keys: vec![SecretString::from(key)],
            targets,
            authorities: Vec::new(),
        });
        let mail = Settings::Email(email::Settings {
            host: "127.0.0.1".to_owned(),
            port: inbox.mail_port(),
            security: email::Security::Plain,
            login: None,
            from: "keyholder <keyholder@example.com>".to_owned(),
            to: vec!["security@example.com".to_owned()],
            attachments: false,
            max_attachment_bytes: email::DEFAULT_MAX_ATTACHMENT_BYTES,
            targets,
            authorities: Vec::new(),
        });
        let mut destinations = BTreeMap::new();
        for (name, settings) in [("webhook", webhook), ("mail", mail)] {
            let sink = Sink::new(name, settings, &Network::system())?;
            destinations.insert(name.to_owned(), Ok(Destination { sink, names: true }));
        }
        let contracts = [(contract, "demonstration".to_owned())].into();
        Ok(Self { inbox, destinations, contracts })
    }

    pub(super) fn announcer(&self) -> Announcer {
        Announcer::new(Router::new(self.destinations.keys().cloned(), Vec::new()), DIGEST_ABOVE)
    }

    pub(super) async fn deliver(&self, store: &Store, seams: &Seams) -> Result<(), DeliverFailure> {
        let Self { destinations, contracts, .. } = self;
        Courier { store, destinations, contracts, seams }.deliver().await.map(drop)
    }

    /// What arrived at the webhook, in order.
    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.inbox.posts().iter().filter_map(|body| serde_json::from_slice(body).ok()).collect()
    }

    /// Writes the longest mail, which is a digest, as it arrived.
    pub(super) fn write_mail(&self, folder: &Path) -> Result<Option<PathBuf>, WriteError> {
        let Some(mail) = self.inbox.mails().into_iter().max_by_key(String::len) else { return Ok(None) };
        let path = folder.join(DIGEST_MAIL);
        write::file(&path, mail.as_bytes())?;
        Ok(Some(path))
    }
}
