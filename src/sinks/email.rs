//! E-mail: one message of text and HTML over SMTP with TLS.
//!
//! By default reports are named with their hashes; they are attached only where that is switched on. The connection goes to
//! an address that was checked, and the certificate must be for the configured host.

use std::fmt;
use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use secrecy::{ExposeSecret as _, SecretString};

use super::connect;
use super::failure::{DeliveryError, DeliveryFailure};
use super::mail;
use super::message::Message;
use super::target::{Network, Rules, TargetPolicy};
use super::tls::{self, Authorities};
use super::{Receipt, SettingsError};
use crate::domain::untrusted::visible_within;

/// Bytes of all attachments of one message, unless configured otherwise.
pub const DEFAULT_MAX_ATTACHMENT_BYTES: u64 = 10 * 1024 * 1024;

/// Recipients of one sink.
pub const MAX_RECIPIENTS: usize = 50;

/// Characters of a server's reply in a message.
const MAX_REPLY_CHARS: usize = 300;

/// RFC 4954: a login is required, its mechanism is too weak, or user name and password are not right.
const LOGIN_CODES: [u16; 3] = [530, 534, 535];

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// STARTTLS is required; by convention port 587.
    StartTls,
    /// TLS from the first byte; by convention port 465.
    Tls,
    /// No encryption; only to this machine, where loopback is allowed.
    Plain,
}

/// Who logs in at the mail server.
#[derive(Debug)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// Where to send and to whom.
#[derive(Debug)]
pub struct Settings {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: Security,
    /// Who logs in, if the server wants that.
    pub login: Option<Login>,
    /// The sender, such as `keyholder <audit@example.com>`.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// Whether reports are attached.
    pub attachments: bool,
    /// Bytes of all attachments; a report that does not fit is named only.
    pub max_attachment_bytes: u64,
    /// What the target may be.
    pub targets: TargetPolicy,
    /// Certificate authorities beside those of the system.
    pub authorities: Authorities,
}

/// A mail server that is ready to be sent to.
pub(super) struct Email {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    envelope: mail::Addresses,
    /// Bytes of attachments; 0 where they are switched off.
    max_attachment_bytes: u64,
    rules: Rules,
    parameters: TlsParameters,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Email {
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        if settings.to.is_empty() || settings.to.len() > MAX_RECIPIENTS {
            return Err(SettingsError::Range { setting: "recipients", min: 1, max: MAX_RECIPIENTS as u64 });
        }
        let rules = Rules { policy: settings.targets, is_plain: settings.security == Security::Plain };
        rules.check_host(&settings.host)?;
        let envelope = mail::Addresses {
            from: address("from", &settings.from)?,
            to: settings.to.iter().map(|text| address("to", text)).collect::<Result<_, _>>()?,
        };
        let credentials = settings
            .login
            .as_ref()
            .map(|login| Credentials::new(login.username.clone(), login.password.expose_secret().to_owned()));
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            security: settings.security,
            credentials,
            envelope,
            max_attachment_bytes: if settings.attachments { settings.max_attachment_bytes } else { 0 },
            rules,
            parameters: parameters(&settings.host, &settings.authorities)?,
        })
    }

    pub(super) async fn deliver(
        &self,
        message: &Message,
        now: DateTime<Utc>,
        network: &Network,
    ) -> Result<Receipt, DeliveryError> {
        let built = mail::build(&self.envelope, message, self.max_attachment_bytes, now).await?;
        let addresses = connect::resolve(network, self.rules, &self.host, self.port).await?;
        let failed = |error| self.failed(error);
        let mut connection = self.connect(network, &addresses).await.map_err(failed)?;
        let refused = self.open_mail(&mut connection, built.envelope()).await?;
        let reply = async {
            connection.command(Data).await?;
            connection.message(&built.formatted()).await
        };
        let reply = reply.await.map_err(failed)?;
        // The server has taken the message: what happens to the farewell does not matter.
        if let Err(error) = connection.quit().await {
            tracing::debug!(host = self.host, %error, "mail server left before the farewell");
        }
        let text = visible_within(reply.first_line().unwrap_or_default(), MAX_REPLY_CHARS);
        let answered = format!("{} answers SMTP {}: {text}", self.host, reply.code());
        if refused.is_empty() {
            return Ok(Receipt { detail: answered });
        }
        let list: Vec<_> = refused.iter().map(|(address, error)| format!("{address} ({})", answer(error))).collect();
        Ok(Receipt { detail: format!("{answered}; refused recipients: {}", list.join(", ")) })
    }

    /// Names sender and recipients. Answers with the recipients that the server refused; fails if it accepted none.
    async fn open_mail(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
    ) -> Result<Vec<(Address, smtp::Error)>, DeliveryError> {
        let failed = |error| self.failed(error);
        // Text is encoded as ASCII; an address may hold more.
        let is_wide = envelope.from().into_iter().chain(envelope.to()).any(|one| !AsRef::<str>::as_ref(one).is_ascii());
        let knows_wide = connection.server_info().supports_feature(Extension::SmtpUtfEight);
        let parameters = if is_wide && knows_wide { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        connection.command(Mail::new(envelope.from().cloned(), parameters)).await.map_err(failed)?;
        let mut refused = Vec::new();
        for address in envelope.to() {
            match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
                Ok(_) => {}
                Err(error) if error.status().is_some() => refused.push((address.clone(), error)),
                Err(error) => return Err(failed(error)),
            }
        }
        if refused.len() < envelope.to().len() {
            return Ok(refused);
        }
        // One that may accept later decides: then it is tried again.
        let worst = refused.iter().position(|(_, error)| error.is_transient()).unwrap_or_default();
        Err(failed(refused.swap_remove(worst).1))
    }

    /// Connects to the first address that accepts, encrypts and logs in.
    async fn connect(&self, network: &Network, addresses: &[SocketAddr]) -> Result<AsyncSmtpConnection, smtp::Error> {
        let hello = ClientId::default();
        let wrapper = (self.security == Security::Tls).then(|| self.parameters.clone());
        let limit = Some(network.connect_timeout);
        let mut connection = AsyncSmtpConnection::connect_tokio1(addresses, limit, &hello, wrapper, None).await?;
        if self.security == Security::StartTls {
            connection.starttls(self.parameters.clone(), &hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    fn failed(&self, error: smtp::Error) -> DeliveryError {
        let host = self.host.clone();
        if let Some(error) = tls::find::<rustls::Error>(&error) {
            return DeliveryError::retry(tls::failure(&host, error));
        }
        let is_permanent = error.is_permanent() && !is_about_login(&error);
        match error.status() {
            Some(code) => {
                let text = reply_text(&error);
                let reason = DeliveryFailure::Smtp { host, code: code.into(), text, source: Box::new(error) };
                if is_permanent { DeliveryError::rejected(reason) } else { DeliveryError::retry(reason) }
            }
            None => DeliveryError::retry(DeliveryFailure::Send { host, source: Box::new(error) }),
        }
    }
}

/// Whether the server refuses the login and not the message: with the right password it is sent.
fn is_about_login(error: &smtp::Error) -> bool {
    error.status().is_some_and(|code| LOGIN_CODES.contains(&u16::from(code)))
}

fn reply_text(error: &smtp::Error) -> String {
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    visible_within(&text, MAX_REPLY_CHARS)
}

/// What the server answered, in short.
fn answer(error: &smtp::Error) -> String {
    let code = error.status().map(|code| format!("SMTP {code}: ")).unwrap_or_default();
    format!("{code}{}", reply_text(error))
}

fn address(setting: &'static str, text: &str) -> Result<Mailbox, SettingsError> {
    text.parse().map_err(|source| SettingsError::Address { setting, text: text.to_owned(), source })
}

/// TLS with the system's certificates and more; the certificate must be for the configured host, not for its address.
fn parameters(host: &str, authorities: &Authorities) -> Result<TlsParameters, SettingsError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    for authority in authorities {
        builder = builder.add_root_certificate(Certificate::from_der(authority.clone()).map_err(SettingsError::Smtp)?);
    }
    builder.build().map_err(SettingsError::Smtp)
}
