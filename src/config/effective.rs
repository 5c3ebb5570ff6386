//! The configuration as the program uses it: every value typed, within its limits, with its default.
//!
//! Knows nothing of files, flags or variables, and holds no secret: only the names of files that do.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::address::Address;
use crate::api::settings::{Pin, Version};

/// Everything that can be configured. `Config::default()` is what `config/default.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// How to reach the API, and how hard to try.
    pub api: Api,
    /// Where the secrets are; never the secrets.
    pub credentials: Sources,
    /// How far answers are believed.
    pub collect: Collect,
    /// The database.
    pub store: Store,
    /// What reports say and look like.
    pub report: Report,
    /// What is written to standard error.
    pub log: Log,
}

/// Section `[api]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Scheme, host, port and anything before `/cloudapi`.
    pub url: Address,
    /// The dialect, and with it the end of the base path.
    pub version: Version,
    /// Sent with every request; only resellers and users of several contracts need it.
    pub contract_number: Option<u64>,
    /// PEM file with more certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// The only leaf certificate to talk to.
    pub pinned_cert: Option<Pin>,
    /// Requests in flight at once.
    pub concurrency: usize,
    /// Time to get a connection.
    pub connect_timeout: Duration,
    /// Time from sending a request to the first byte of its answer.
    pub first_byte_timeout: Duration,
    /// Time for a whole request.
    pub request_timeout: Duration,
    /// How often a request is sent at most, the first time included.
    pub attempts: u32,
    /// The longest `Retry-After` that is waited for.
    pub longest_retry_after: Duration,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            url: Address::ionos(),
            version: Version::V6,
            contract_number: None,
            ca_file: None,
            pinned_cert: None,
            concurrency: 16,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_mins(2),
            attempts: 5,
            longest_retry_after: Duration::from_mins(5),
        }
    }
}

/// Section `[credentials]`: names of files, accounts and profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// A file that holds a bearer token and nothing else.
    pub token_file: Option<PathBuf>,
    /// The e-mail address for user name and password.
    pub username: Option<String>,
    /// A file that holds the password and nothing else.
    pub password_file: Option<PathBuf>,
    /// Which profile of the shared IONOS file; without it the file's own choice.
    pub profile: Option<String>,
    /// The shared IONOS file; without it the usual places.
    pub config_file: Option<PathBuf>,
}

/// Section `[collect]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collect {
    /// Whether memberships are read from the users' side too.
    pub cross_check: bool,
    /// How long to wait before a list is read again of which much is missing.
    pub reread_after: Duration,
}

impl Default for Collect {
    fn default() -> Self {
        Self { cross_check: false, reread_after: Duration::from_mins(1) }
    }
}

/// Section `[store]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The database file; loading fills in the default when it knows the home of the user.
    pub path: Option<PathBuf>,
    /// MiB that have to be free before a run; 0 for no such condition.
    pub min_free_mib: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: None, min_free_mib: 64 }
    }
}

/// Section `[report]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The organisation named on covers; may be empty.
    pub organisation: String,
    /// A folder whose templates take the place of those built in.
    pub templates: Option<PathBuf>,
    /// Without a sign-in for that long an account counts as dormant.
    pub dormant_after: Duration,
}

impl Default for Report {
    fn default() -> Self {
        Self { organisation: String::new(), templates: None, dormant_after: Duration::from_hours(90 * 24) }
    }
}

/// Section `[log]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The least important line that is written.
    pub level: Level,
    /// How a line looks.
    pub format: LogFormat,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    Off,
    /// What failed and needs somebody.
    Error,
    /// What was not as it should be.
    Warn,
    /// What was done.
    #[default]
    Info,
    /// How it was done.
    Debug,
    /// Every step, still without secrets and bodies.
    Trace,
}

impl Level {
    /// All of them, the quietest first.
    pub const ALL: [Self; 6] = [Self::Off, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];
    /// Their words, in the same order.
    pub const WORDS: [&'static str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Their words.
    pub const WORDS: [&'static str; 2] = ["text", "json"];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// A word that is none of those allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", .0.join(", "))]
pub struct UnknownWord(pub &'static [&'static str]);

impl FromStr for Level {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|level| level.as_str() == word).ok_or(UnknownWord(&Self::WORDS))
    }
}

impl FromStr for LogFormat {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Text, Self::Json].into_iter().find(|format| format.as_str() == word).ok_or(UnknownWord(&Self::WORDS))
    }
}
