//! `[[sink]]`: where alerts go.
#![expect(clippy::doc_markdown, reason = "the help texts are shown in TOML comments, where backticks are noise")]

use std::path::PathBuf;
use std::time::Duration;

use super::super::keys::{Key, Spec, keys};
use super::super::text::{CredentialName, HostName, MailAddress, Name, Place, TargetUrl, VariableName};
use super::super::value::ValueType;
use super::super::words::{Facility, MailSecurity, SinkKind, SyslogProtocol};
use super::{Element, Table};

/// A delivery takes no longer when nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A file is rotated before it grows beyond this when nothing else is said.
const DEFAULT_MAX_MIB: u64 = 10;

/// Rotated files that are kept when nothing else is said.
const DEFAULT_KEEP_FILES: u32 = 10;

keys! { tables
    /// Somewhere that alerts go.
    [[sink]] SinkRow {
        /// What it is called, in routes, status and logs.
        name: Option<Name> = None;
        /// stdout, file, webhook, slack, teams, email or syslog.
        kind: Option<SinkKind> = None;
        /// Whether messages hold names and e-mail addresses of people; without it true for stdout, file and email, false for
        /// the others, which get ids.
        names: Option<bool> = None;
        /// How long a delivery may take.
        timeout: Duration = DEFAULT_TIMEOUT, within Duration::from_secs(1)..=Duration::from_mins(5);
        /// File that JSON Lines are appended to, for kind file.
        path: Option<PathBuf> = None;
        /// MiB before the file is rotated, for kind file.
        max_mib: u64 = DEFAULT_MAX_MIB, within 1..=10_240;
        /// How many rotated files are kept, for kind file.
        keep: u32 = DEFAULT_KEEP_FILES, within 1..=1000;
        /// Where a webhook is sent. The URL of Slack and Teams is a secret and must come from url_file, url_credential or
        /// url_env; that of a webhook may.
        url: Option<TargetUrl> = None;
        /// File with the URL and nothing else; same owner and mode as credentials.token_file.
        url_file: Option<PathBuf> = None;
        /// Name of a systemd credential that holds the URL.
        url_credential: Option<CredentialName> = None;
        /// Name of an environment variable that holds the URL.
        url_env: Option<VariableName> = None;
        /// Files with the keys that sign a webhook, in base64, the newest first; several while receivers change over.
        key_files: Vec<PathBuf> = Vec::new();
        /// Names of systemd credentials that hold keys.
        key_credentials: Vec<CredentialName> = Vec::new();
        /// Names of environment variables that hold keys.
        key_env: Vec<VariableName> = Vec::new();
        /// Mail server or syslog daemon.
        host: Option<HostName> = None;
        /// Its port; without it 465 (tls), 587 (starttls) or 25 (none) for mail, 514 (udp, tcp) or 6514 (tls) for syslog.
        port: Option<u16> = None, within 1..=65_535;
        /// tls, starttls, or none, which is for a mail server on this machine only.
        security: MailSecurity = MailSecurity::Starttls;
        /// Sender of mails.
        from: Option<MailAddress> = None;
        /// Recipients of mails.
        to: Vec<MailAddress> = Vec::new();
        /// User name at the mail server.
        username: Option<String> = None;
        /// File with the password at the mail server and nothing else.
        password_file: Option<PathBuf> = None;
        /// Name of a systemd credential that holds the password.
        password_credential: Option<CredentialName> = None;
        /// Name of an environment variable that holds the password.
        password_env: Option<VariableName> = None;
        /// Whether reports are attached to mails; without it a mail has counts, paths and hashes.
        attachments: bool = false;
        /// udp, tcp or tls, for kind syslog.
        protocol: SyslogProtocol = SyslogProtocol::Udp;
        /// Facility of syslog messages.
        facility: Facility = Facility::Local0;
        /// PEM file with certificate authorities to trust besides those of the system.
        ca_file: Option<PathBuf> = None;
        /// Whether the target may be this machine, a link-local address or a metadata service.
        allow_private_targets: bool = false;
    }
}

const URLS: &[&str] = &["webhook", "slack", "teams"];
const NETWORK: &[&str] = &["webhook", "slack", "teams", "email", "syslog"];

/// Which kinds a key belongs to, where not to all.
const KINDS: [(&str, &[&str]); 24] = [
    ("path", &["file"]),
    ("max_mib", &["file"]),
    ("keep", &["file"]),
    ("url", &["webhook"]),
    ("url_file", URLS),
    ("url_credential", URLS),
    ("url_env", URLS),
    ("key_files", &["webhook"]),
    ("key_credentials", &["webhook"]),
    ("key_env", &["webhook"]),
    ("host", &["email", "syslog"]),
    ("port", &["email", "syslog"]),
    ("security", &["email"]),
    ("from", &["email"]),
    ("to", &["email"]),
    ("username", &["email"]),
    ("password_file", &["email"]),
    ("password_credential", &["email"]),
    ("password_env", &["email"]),
    ("attachments", &["email"]),
    ("protocol", &["syslog"]),
    ("facility", &["syslog"]),
    ("ca_file", NETWORK),
    ("allow_private_targets", NETWORK),
];

/// Somewhere that alerts go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkConfig {
    /// What it is called.
    pub name: String,
    /// Whether messages hold names and e-mail addresses of people.
    pub names: bool,
    /// How long a delivery may take.
    pub timeout: Duration,
    /// Certificate authorities to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whether the target may be this machine, a link-local address or a metadata service.
    pub allow_private_targets: bool,
    /// What it is, with what belongs to it.
    pub target: SinkTarget,
}

/// A kind of sink, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkTarget {
    /// JSON Lines on standard output.
    Stdout,
    /// JSON Lines in a file.
    File {
        /// The file.
        path: PathBuf,
        /// It is rotated before it grows beyond this.
        max_bytes: u64,
        /// How many rotated files are kept.
        keep: u32,
    },
    /// Signed JSON by HTTP.
    Webhook {
        /// Where it is sent.
        url: TargetSource,
        /// The keys that sign it, the newest first; at least one.
        keys: Vec<SecretSource>,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Where its URL is.
        url: SecretSource,
    },
    /// A workflow of Microsoft Teams.
    Teams {
        /// Where its URL is.
        url: SecretSource,
    },
    /// Mail.
    Email {
        /// The mail server.
        host: HostName,
        /// Its port.
        port: u16,
        /// How the connection is protected.
        security: MailSecurity,
        /// The sender.
        from: MailAddress,
        /// The recipients; at least one.
        to: Vec<MailAddress>,
        /// How to sign in at the mail server.
        login: Option<MailLogin>,
        /// Whether reports are attached.
        attachments: bool,
    },
    /// A syslog daemon.
    Syslog {
        /// The daemon.
        host: HostName,
        /// Its port.
        port: u16,
        /// How messages get there.
        protocol: SyslogProtocol,
        /// What they are filed under.
        facility: Facility,
    },
}

/// A URL that stands in the configuration, or a secret one that does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetSource {
    /// It is no secret.
    Plain(TargetUrl),
    /// Where it is.
    Secret(SecretSource),
}

/// User name and password at a mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailLogin {
    /// The user name.
    pub username: String,
    /// Where the password is.
    pub password: SecretSource,
}

/// Where a secret is; never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file with the secret and nothing else.
    File(PathBuf),
    /// A systemd credential.
    Systemd(String),
    /// An environment variable.
    Variable(String),
}

pub(super) fn build(row: &SinkRow, element: &mut Element<'_>) -> Option<SinkConfig> {
    let name = element.required("name", row.name.as_ref());
    let kind = element.required("kind", row.kind.as_ref())?;
    match kind {
        SinkKind::Slack | SinkKind::Teams if element.is_given("url") => {
            element.problem("url", SECRET_URL);
        }
        _ => {}
    }
    let kinds_of: Vec<_> = KINDS.into_iter().filter(|(key, _)| *key != "url" || !URLS.contains(&kind.into())).collect();
    element.only_of_kind(kind.into(), &kinds_of);
    let target = match kind {
        SinkKind::Stdout => Some(SinkTarget::Stdout),
        SinkKind::File => {
            let path = element.required("path", row.path.as_ref());
            path.map(|path| SinkTarget::File { path, max_bytes: row.max_mib << 20, keep: row.keep })
        }
        SinkKind::Webhook => webhook(row, element),
        SinkKind::Slack => secret_url(row, element).map(|url| SinkTarget::Slack { url }),
        SinkKind::Teams => secret_url(row, element).map(|url| SinkTarget::Teams { url }),
        SinkKind::Email => email(row, element),
        SinkKind::Syslog => syslog(row, element),
    };
    Some(SinkConfig {
        name: name?.to_string(),
        names: row.names.unwrap_or(matches!(kind, SinkKind::Stdout | SinkKind::File | SinkKind::Email)),
        timeout: row.timeout,
        ca_file: row.ca_file.clone(),
        allow_private_targets: row.allow_private_targets,
        target: target?,
    })
}

const SECRET_URL: &str = "a secret does not belong into this file: whoever knows the URL can write to the channel; put it into \
                          a file of mode 0600 and name that in url_file, or use url_credential or url_env";

/// Hosts whose URLs are secrets, and the kind of sink that they belong to.
const SECRET_HOSTS: [(&str, &str); 4] = [
    ("hooks.slack.com", "slack"),
    ("hooks.slack-gov.com", "slack"),
    ("webhook.office.com", "teams"),
    ("logic.azure.com", "teams"),
];

fn webhook(row: &SinkRow, element: &mut Element<'_>) -> Option<SinkTarget> {
    let keys: Vec<_> = [
        row.key_files.iter().cloned().map(SecretSource::File).collect::<Vec<_>>(),
        row.key_credentials.iter().map(|name| SecretSource::Systemd(name.to_string())).collect(),
        row.key_env.iter().map(|name| SecretSource::Variable(name.to_string())).collect(),
    ]
    .concat();
    if !["key_files", "key_credentials", "key_env"].iter().any(|key| element.is_given(key)) {
        element.problem(
            "key_files",
            "must be set, or instead of it key_credentials or key_env: a webhook is signed; make a key with: \
             openssl rand -base64 32",
        );
    } else if keys.len() > MAX_KEYS {
        element.problem("key_files", format!("there are {} keys; a webhook has at most {MAX_KEYS}", keys.len()));
    }
    let given = element.one_of(&["url", "url_file", "url_credential", "url_env"])?;
    if given != "url" {
        let url =
            TargetSource::Secret(secret(row.url_file.as_ref(), row.url_credential.as_ref(), row.url_env.as_ref())?);
        return Some(SinkTarget::Webhook { url, keys });
    }
    let url = row.url.clone()?;
    let host = url.as_url().host_str().unwrap_or_default();
    if let Some((_, kind)) =
        SECRET_HOSTS.iter().find(|(known, _)| host == *known || host.ends_with(&format!(".{known}")))
    {
        element.problem("url", format!("{SECRET_URL}; and set kind = \"{kind}\""));
    }
    check_place(row, "url", url.place(), element);
    Some(SinkTarget::Webhook { url: TargetSource::Plain(url), keys })
}

/// A webhook is signed with at most so many keys at once.
const MAX_KEYS: usize = 4;

fn secret_url(row: &SinkRow, element: &mut Element<'_>) -> Option<SecretSource> {
    let keys = ["url_file", "url_credential", "url_env"];
    if element.is_given("url") {
        // Reported as a secret in the file, which says what to set instead.
        return None;
    }
    element.one_of(&keys)?;
    secret(row.url_file.as_ref(), row.url_credential.as_ref(), row.url_env.as_ref())
}

fn email(row: &SinkRow, element: &mut Element<'_>) -> Option<SinkTarget> {
    let host = element.required("host", row.host.as_ref());
    let from = element.required("from", row.from.as_ref());
    if !element.is_given("to") {
        element.problem("to", "must be set");
    }
    if let Some(host) = &host {
        check_place(row, "host", host.place(), element);
        if row.security == MailSecurity::None && host.place() != Place::Loopback {
            element.problem("security", "must be tls or starttls; none is for a mail server on this machine only");
        }
    }
    let login = login(row, element);
    let port = row.port.unwrap_or(match row.security {
        MailSecurity::Tls => 465,
        MailSecurity::Starttls => 587,
        MailSecurity::None => 25,
    });
    Some(SinkTarget::Email {
        host: host?,
        port,
        security: row.security,
        from: from?,
        to: row.to.clone(),
        login,
        attachments: row.attachments,
    })
}

fn login(row: &SinkRow, element: &mut Element<'_>) -> Option<MailLogin> {
    let keys = ["password_file", "password_credential", "password_env"];
    if !element.is_given("username") {
        let given = element.at_most_one_of(&keys)?;
        element.problem(given, "means nothing without username");
        return None;
    }
    element.one_of(&keys)?;
    let password = secret(row.password_file.as_ref(), row.password_credential.as_ref(), row.password_env.as_ref())?;
    Some(MailLogin { username: row.username.clone()?, password })
}

fn syslog(row: &SinkRow, element: &mut Element<'_>) -> Option<SinkTarget> {
    let host = element.required("host", row.host.as_ref())?;
    check_place(row, "host", host.place(), element);
    let port = row.port.unwrap_or(if row.protocol == SyslogProtocol::Tls { 6514 } else { 514 });
    Some(SinkTarget::Syslog { host, port, protocol: row.protocol, facility: row.facility })
}

fn secret(
    file: Option<&PathBuf>,
    credential: Option<&CredentialName>,
    variable: Option<&VariableName>,
) -> Option<SecretSource> {
    file.cloned()
        .map(SecretSource::File)
        .or_else(|| credential.map(|name| SecretSource::Systemd(name.to_string())))
        .or_else(|| variable.map(|name| SecretSource::Variable(name.to_string())))
}

/// Notes a target that its name already shows to be where none may be. What a name resolves to is checked at each delivery.
fn check_place(row: &SinkRow, key: &str, place: Place, element: &mut Element<'_>) {
    let what = match place {
        Place::Elsewhere => return,
        Place::Loopback => "this machine",
        Place::LinkLocal => "a link-local address or a metadata service",
    };
    if !row.allow_private_targets {
        element.problem(key, format!("must not be {what}; allow_private_targets = true allows it"));
    }
}
