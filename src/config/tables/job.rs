//! `[[job]]`: what the service does on a schedule.

use std::path::PathBuf;
use std::time::Duration;

use super::super::keys::{Key, Spec, keys};
use super::super::text::{CronExpression, Name, ZoneName};
use super::super::value::ValueType;
use super::super::words::{JobKind, Period, ReportFormat, ReportName};
use super::contract::schedule;
use super::names::{Known, check};
use super::{Element, Table};
use crate::domain::schedule::{MAX_JITTER, Schedule};

/// Backups that are kept when nothing else is said.
const DEFAULT_KEEP_BACKUPS: u32 = 14;

keys! { tables
    /// Something that the service does on a schedule, besides the collections that contracts name themselves.
    [[job]] JobRow {
        /// What it is called, in status and logs.
        name: Option<Name> = None;
        /// collect, report (write reports), deliver (send what is in the outbox), verify (check the database) or backup.
        kind: Option<JobKind> = None;
        /// Minute, hour, day of month, month and day of week, or @hourly, @daily, @weekly, @monthly.
        schedule: Option<CronExpression> = None;
        /// Time zone of the schedule, and of the periods of reports.
        zone: ZoneName = ZoneName::default();
        /// The start is delayed by up to this.
        jitter: Duration = Duration::ZERO, within Duration::ZERO..=MAX_JITTER;
        /// Names of contracts; without it all. For kind collect and report.
        contracts: Vec<Name> = Vec::new();
        /// Which reports, for kind report.
        reports: Vec<ReportName> = Vec::new();
        /// In which formats, for kind report.
        formats: Vec<ReportFormat> = vec![ReportFormat::Html, ReportFormat::Csv];
        /// What a report is about: the month, week or day that just ended, for kind report.
        period: Period = Period::Month;
        /// Folder for reports or backups, for kind report and backup.
        folder: Option<PathBuf> = None, is local;
        /// Names of sinks that hear of new reports, for kind report.
        deliver_to: Vec<Name> = Vec::new();
        /// How many backups are kept, for kind backup.
        keep: u32 = DEFAULT_KEEP_BACKUPS, within 1..=10_000;
    }
}

/// Which kinds a key belongs to, where not to all.
const KINDS: [(&str, &[&str]); 7] = [
    ("contracts", &["collect", "report"]),
    ("reports", &["report"]),
    ("formats", &["report"]),
    ("period", &["report"]),
    ("folder", &["report", "backup"]),
    ("deliver_to", &["report"]),
    ("keep", &["backup"]),
];

/// Something that the service does on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobConfig {
    /// What it is called.
    pub name: String,
    /// When.
    pub schedule: Schedule,
    /// What it does.
    pub work: JobWork,
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobWork {
    /// Collects contracts.
    Collect {
        /// Which.
        contracts: ContractSet,
    },
    /// Writes reports.
    Report {
        /// Of which contracts.
        contracts: ContractSet,
        /// Which reports.
        reports: Vec<ReportName>,
        /// In which formats.
        formats: Vec<ReportFormat>,
        /// What they are about.
        period: Period,
        /// Where they go.
        folder: PathBuf,
        /// The sinks that hear of them.
        deliver_to: Vec<String>,
    },
    /// Sends what is in the outbox.
    Deliver,
    /// Checks the database.
    Verify,
    /// Copies the database.
    Backup {
        /// Where copies go.
        folder: PathBuf,
        /// How many are kept.
        keep: u32,
    },
}

/// Which contracts something is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractSet {
    /// All of them, also those of no `[[contract]]`.
    All,
    /// Those with these names.
    Only(Vec<String>),
}

impl ContractSet {
    pub(super) fn of(names: Vec<String>) -> Self {
        if names.is_empty() { Self::All } else { Self::Only(names) }
    }

    /// Whether a contract with that name is meant.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|known| known == name),
        }
    }
}

pub(super) fn build(row: &JobRow, known: &Known<'_>, element: &mut Element<'_>) -> Option<JobConfig> {
    let name = element.required("name", row.name.as_ref());
    let kind = element.required("kind", row.kind.as_ref());
    let expression = element.required("schedule", row.schedule.as_ref());
    let contracts = ContractSet::of(check(element, "contracts", "contract", &row.contracts, &known.contracts));
    let deliver_to = check(element, "deliver_to", "sink", &row.deliver_to, &known.sinks);
    let kind = kind?;
    element.only_of_kind(kind.into(), &KINDS);
    let folder = match kind {
        JobKind::Report | JobKind::Backup => element.required("folder", row.folder.as_ref()),
        JobKind::Collect | JobKind::Deliver | JobKind::Verify => None,
    };
    let work = match kind {
        JobKind::Collect => JobWork::Collect { contracts },
        JobKind::Report => {
            if !element.is_given("reports") {
                element.problem("reports", "must be set");
            }
            let (reports, formats, period) = (row.reports.clone(), row.formats.clone(), row.period);
            JobWork::Report { contracts, reports, formats, period, folder: folder?, deliver_to }
        }
        JobKind::Deliver => JobWork::Deliver,
        JobKind::Verify => JobWork::Verify,
        JobKind::Backup => JobWork::Backup { folder: folder?, keep: row.keep },
    };
    Some(JobConfig { name: name?.to_string(), schedule: schedule(Some(&expression?), &row.zone, row.jitter)?, work })
}
