//! Values of the configuration that are one word out of a few.
//!
//! The words are declared once, as attributes of the variants; the order is that of the schema and of messages.

use std::path::Path;
use std::str::FromStr;

use strum::VariantNames;

use super::keys::{Form, Shown};
use super::value::{Given, ValueType, plain, quote};
use crate::domain::severity::Severity;

/// How much is logged.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
#[strum(serialize_all = "kebab-case")]
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

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What a job of the service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum JobKind {
    /// Collects contracts.
    Collect,
    /// Writes reports.
    Report,
    /// Sends what is in the outbox.
    Deliver,
    /// Checks the database.
    Verify,
    /// Copies the database.
    Backup,
}

/// A report, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum ReportName {
    /// Who has access, and what changed since the last review.
    AccessReview,
    /// What changed.
    Changes,
    /// What was read, and what could not be.
    Population,
}

/// A format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum ReportFormat {
    /// One page.
    Html,
    /// Rows, guarded against formulas.
    Csv,
    /// The whole report as one document.
    Json,
    /// Rows as JSON Lines.
    Jsonl,
}

/// What a report of a job is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Period {
    /// The month that just ended.
    Month,
    /// The week that just ended.
    Week,
    /// The day that just ended.
    Day,
}

/// A kind of sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum SinkKind {
    /// JSON Lines on standard output.
    Stdout,
    /// JSON Lines in a file.
    File,
    /// Signed JSON by HTTP.
    Webhook,
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Microsoft Teams.
    Teams,
    /// Mail.
    Email,
    /// A syslog daemon.
    Syslog,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum MailSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS after a greeting; a server without it is refused.
    Starttls,
    /// Not at all.
    None,
}

/// How messages get to a syslog daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum SyslogProtocol {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection with TLS.
    Tls,
}

/// What syslog messages are filed under; the numbers are those of RFC 5424.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Facility {
    /// The kernel.
    Kern = 0,
    /// Programs of users.
    User = 1,
    /// Mail.
    Mail = 2,
    /// Daemons.
    Daemon = 3,
    /// Sign-ins.
    Auth = 4,
    /// The daemon itself.
    Syslog = 5,
    /// Printers.
    Lpr = 6,
    /// News.
    News = 7,
    /// UUCP.
    Uucp = 8,
    /// Schedules.
    Cron = 9,
    /// Sign-ins, not for everybody.
    Authpriv = 10,
    /// FTP.
    Ftp = 11,
    /// Time.
    Ntp = 12,
    /// Audit logs.
    Audit = 13,
    /// Alerts.
    Alert = 14,
    /// Schedules, the other one.
    Clock = 15,
    /// For local use 0.
    Local0 = 16,
    /// For local use 1.
    Local1 = 17,
    /// For local use 2.
    Local2 = 18,
    /// For local use 3.
    Local3 = 19,
    /// For local use 4.
    Local4 = 20,
    /// For local use 5.
    Local5 = 21,
    /// For local use 6.
    Local6 = 22,
    /// For local use 7.
    Local7 = 23,
}

impl ValueType for Severity {
    type Limits = ();
    const LIMITS: () = ();

    fn form((): &()) -> Form {
        Form::Words(&SEVERITIES)
    }

    fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
        let word = plain(given)?;
        word.parse().map_err(|_| format!("must be one of {}, is {}", SEVERITIES.join(", "), quote(word)))
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Text(self.to_string()))
    }
}

/// The words of [`Severity`], the least severe first.
const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];

/// Types whose values are words that `strum` knows.
macro_rules! words {
    ($($type:ty),+) => { $(
        impl ValueType for $type {
            type Limits = ();
            const LIMITS: () = ();

            fn form((): &()) -> Form {
                Form::Words(Self::VARIANTS)
            }

            fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
                let word = plain(given)?;
                Self::from_str(word)
                    .map_err(|_| format!("must be one of {}, is {}", Self::VARIANTS.join(", "), quote(word)))
            }

            fn show(&self) -> Option<Shown> {
                Some(Shown::Text(<&str>::from(*self).to_owned()))
            }
        }
    )+ };
}

words!(Level, LogFormat, JobKind, ReportName, ReportFormat, Period, SinkKind, MailSecurity, SyslogProtocol, Facility);
