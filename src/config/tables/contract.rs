//! `[[contract]]`: the contracts that are collected.
#![expect(clippy::doc_markdown, reason = "the help texts are shown in TOML comments, where backticks are noise")]

use std::path::PathBuf;
use std::time::Duration;

use super::super::address::Address;
use super::super::keys::{Key, Spec, keys};
use super::super::text::{CredentialName, CronExpression, Label, Name, ZoneName};
use super::super::value::{MAX_COUNT, ValueType};
use super::{Element, Table};
use crate::api::settings::Version;
use crate::domain::id::ContractNumber;
use crate::domain::schedule::{MAX_JITTER, Schedule};

keys! { tables
    /// A contract to collect. Without any, there is the one that the sections api and credentials describe.
    [[contract]] ContractRow {
        /// What it is called, on the command line and in reports and alerts: 1 to 40 lower-case letters, digits and hyphens.
        name: Option<Name> = None;
        /// The contract that the credentials must see, sent as X-Contract-Number; a run that sees another one is refused.
        number: Option<u64> = None, within 1..=MAX_COUNT;
        /// Words of your own, such as a business unit.
        labels: Vec<Label> = Vec::new();
        /// File with the bearer token of this contract; same owner and mode as credentials.token_file. A contract with
        /// credentials of its own uses no others; one without uses [credentials].
        token_file: Option<PathBuf> = None, is local;
        /// Name of a systemd credential (LoadCredential=) that holds the token.
        credential: Option<CredentialName> = None, is local;
        /// Profile of the shared IONOS file.
        profile: Option<String> = None, is local;
        /// E-mail address, to sign in with user name and password_file.
        username: Option<String> = None, is local;
        /// File with the password and nothing else.
        password_file: Option<PathBuf> = None, is local;
        /// When the service collects it: minute, hour, day of month, month and day of week, or @hourly, @daily, @weekly,
        /// @monthly. Without it only by a job, or by hand.
        collect: Option<CronExpression> = None;
        /// Time zone of the schedule.
        zone: ZoneName = ZoneName::default();
        /// The start is delayed by up to this, so that several contracts do not start at once.
        jitter: Duration = Duration::ZERO, within Duration::ZERO..=MAX_JITTER;
        /// Address of the API, if this contract has another than api.url.
        url: Option<Address> = None;
        /// Dialect of the API, if this contract has another than api.version.
        version: Option<Version> = None;
    }
}

/// The job that collects a contract on its own schedule.
pub const COLLECT_JOB: &str = "collect";

/// A contract that is collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractConfig {
    /// What it is called.
    pub name: String,
    /// The contract that the credentials must see.
    pub number: Option<ContractNumber>,
    /// Words of the operator's own.
    pub labels: Vec<String>,
    /// Where its own credentials are; without them it uses those of `[credentials]`.
    pub credentials: Option<ContractCredentials>,
    /// When the service collects it.
    pub collect: Option<Schedule>,
    /// Another address of the API.
    pub url: Option<Address>,
    /// Another dialect of the API.
    pub version: Option<Version>,
}

/// Where the credentials of one contract are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractCredentials {
    /// A file with a bearer token.
    TokenFile(PathBuf),
    /// A systemd credential with a bearer token.
    Systemd(String),
    /// A profile of the shared IONOS file.
    Profile(String),
    /// A user name, and a file with the password.
    Password {
        /// The e-mail address.
        username: String,
        /// The file.
        file: PathBuf,
    },
}

pub(super) fn build(row: &ContractRow, element: &mut Element<'_>) -> Option<ContractConfig> {
    let name = element.required("name", row.name.as_ref());
    let credentials = credentials(row, element);
    let mut url = row.url.clone();
    let named = url.as_mut().and_then(|url| url.version.take());
    if let (Some(named), Some(version)) = (named, row.version)
        && named != version
    {
        element.problem("url", "names another version than the key version");
    }
    let collect = schedule(row.collect.as_ref(), &row.zone, row.jitter);
    if collect.is_none() && !element.is_given("collect") {
        for key in ["zone", "jitter"].into_iter().filter(|key| element.is_given(key)).collect::<Vec<_>>() {
            element.problem(key, "means nothing without collect");
        }
    }
    Some(ContractConfig {
        name: name?.to_string(),
        number: row.number.map(ContractNumber),
        labels: row.labels.iter().map(ToString::to_string).collect(),
        credentials,
        collect,
        url,
        version: row.version.or(named),
    })
}

fn credentials(row: &ContractRow, element: &mut Element<'_>) -> Option<ContractCredentials> {
    match element.at_most_one_of(&["token_file", "credential", "profile", "password_file"])? {
        "token_file" => row.token_file.clone().map(ContractCredentials::TokenFile),
        "credential" => row.credential.as_ref().map(|name| ContractCredentials::Systemd(name.to_string())),
        "profile" => row.profile.clone().map(ContractCredentials::Profile),
        _ => {
            let username = element.required("username", row.username.as_ref());
            Some(ContractCredentials::Password { username: username?, file: row.password_file.clone()? })
        }
    }
}

/// The schedule of parts that were checked one by one.
pub(super) fn schedule(expression: Option<&CronExpression>, zone: &ZoneName, jitter: Duration) -> Option<Schedule> {
    Schedule::parse(expression?.as_ref(), zone.as_ref(), jitter).ok()
}
