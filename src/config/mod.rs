//! The configuration: flags, environment, file, shared IONOS file and defaults become one typed [`Config`].
//!
//! Each key is declared in one row (`keys!`), which makes its field, default, limits, variables and help text. Raw values are
//! checked against these rows, and every problem of every layer is reported at once, with its place.
//! No secret passes through here on its way from a configuration file: only the shared IONOS file can hold one, and what
//! it holds cannot be printed. Nothing here prints, asks the API or opens the database.
//!
//! Precedence, the strongest first: flags, `KEYHOLDER_*`, `IONOS_*`, the configuration file, the shared IONOS file (for
//! credentials and the address of the API only), defaults.

pub mod address;
mod document;
pub mod duration;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod identity;
pub mod keys;
mod load;
mod places;
mod problem;
mod schema;
mod sections;
mod settings;
mod shared;
mod shared_yaml;
mod tables;
mod text;
mod value;
mod words;

pub use load::{Flags, Loaded, load};
pub use problem::{ConfigError, Origin, Problem};
pub use schema::schema;
pub use sections::{Alerts, Api, Collect, Config, KEYS, Log, Report, Service, Sources, Store, find_key};
pub use settings::settings;
pub use shared::{Endpoint, Shared};
pub use tables::{
    COLLECT_JOB, ContractConfig, ContractCredentials, ContractSet, JobConfig, JobWork, MailLogin, RouteConfig,
    SecretSource, ShownRow, SinkConfig, SinkTarget, TABLES, TableSpec, TargetSource, known_classes,
};
pub use text::{HostName, ListenAddress, MailAddress, Place, TargetUrl};
pub use words::{
    Facility, JobKind, Level, LogFormat, MailSecurity, Period, ReportFormat, ReportName, SinkKind, SyslogProtocol,
};

/// The text of `config/default.toml`: every key with its default and what it does.
pub const DEFAULT_FILE: &str = include_str!("../../config/default.toml");
