//! The demonstration: the whole job on a made-up contract, with the real server, the real client, a real file.
//!
//! The month is simulated by a clock that runs behind and catches up; everything else is as in production.

mod alerts;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use emulator::{Emulator, Version as Served};
use secrecy::SecretString;
use url::Url;

pub use alerts::Arrived;

use self::alerts::Receivers;
use super::alerts::deliver::DeliverFailure;
use super::collect::{CollectFailure, Order, collect};
use super::review::{self, Cover, Question, ReviewError};
use super::write::{self, WriteError};
use crate::api::read;
use crate::api::settings::{Credentials, Settings, SettingsError, Version};
use crate::collect::Progress;
use crate::domain::id::ContractNumber;
use crate::domain::period::Calendar;
use crate::domain::snapshot::Snapshot;
use crate::exit::Exit;
use crate::files::{self, Purpose};
use crate::report::csv::Dialect;
use crate::report::html::Templates;
use crate::report::input::Input;
use crate::report::{self, Format, RenderError};
use crate::seams::{Clock, RandomError, Seams, ShiftedClock};
use crate::sinks::SettingsError as SinkSettingsError;
use crate::store::place::exposed_folder;
use crate::store::{Access, Store, StoreError};

/// The days of the month on which the demonstration collects; the last is today. Chosen so that a share of three days, a key
/// of three days and an administrator of two are each seen while they last.
const DAYS: [u32; 5] = [0, 10, 16, 21, 30];

/// The database's name inside the demonstration's folder.
pub const DATABASE: &str = "keyholder.db";

/// Marks a folder as a demonstration's own, so that a later one may replace what is in it. Nothing else is ever removed.
const MARKER: &str = ".keyholder-demo";

/// What the marker says before the number of the made-up contract.
const MARKED: &str =
    "A demonstration of keyholder wrote this folder; the next one replaces everything of its own in it.\nContract: ";

/// How large the made-up contract is, and where the result goes.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Users of the contract.
    pub users: usize,
    /// Same seed, same contract.
    pub seed: u64,
    /// The folder; made if it is not there.
    pub folder: PathBuf,
}

/// What the demonstration leaves behind.
#[derive(Debug)]
pub struct Outcome {
    /// The snapshots, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// What the reports were built from.
    pub input: Input,
    /// The database.
    pub database: PathBuf,
    /// The reports, in the order they should be opened; the mail with a digest of alerts is the last.
    pub reports: Vec<PathBuf>,
    /// The alerts that arrived while the month went by.
    pub alerts: Vec<Arrived>,
}

/// Why the demonstration failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The folder holds something that the demonstration did not write.
    #[error("write the demonstration to {}: {} is there and is not from an earlier demonstration", folder.display(), found)]
    Occupied {
        /// The folder.
        folder: PathBuf,
        /// The first file that is not ours.
        found: String,
    },
    /// The database holds what no demonstration collected.
    #[error("replace the demonstration in {}: its database also holds contract {}", folder.display(), contract)]
    Collected {
        /// The folder.
        folder: PathBuf,
        /// A contract that is not the demonstration's.
        contract: ContractNumber,
    },
    /// Others can get at a folder that the demonstration did not make.
    #[error("write the demonstration to {}: others can get at the folder (mode {mode:o})", folder.display())]
    Exposed {
        /// The folder.
        folder: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The emulator did not start.
    #[error("start the emulator")]
    Emulator(#[from] emulator::StartError),
    /// The receivers of alerts did not start.
    #[error("open the receivers of alerts")]
    Inbox(#[source] io::Error),
    /// The receivers make no sinks.
    #[error("make sinks for the receivers of alerts")]
    Sinks(#[from] SinkSettingsError),
    /// Alerts could not be delivered.
    #[error(transparent)]
    Deliver(#[from] DeliverFailure),
    /// The system has no randomness to give.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The emulator's address makes no client.
    #[error("make a client for the emulator")]
    Settings(#[from] SettingsError),
    /// Collecting failed.
    #[error(transparent)]
    Collect(#[from] CollectFailure),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The reports cannot be put together.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// The reports cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl DemoError {
    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Occupied { .. } | Self::Collected { .. } | Self::Exposed { .. } => Exit::Usage,
            Self::Write(_) => Exit::Output,
            Self::Collect(failure) => failure.exit(),
            Self::Store(_) | Self::Review(_) | Self::Deliver(_) => Exit::Store,
            Self::Emulator(_)
            | Self::Inbox(_)
            | Self::Sinks(_)
            | Self::Random(_)
            | Self::Settings(_)
            | Self::Render(_) => Exit::Unexpected,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Occupied { .. } => Some("choose another folder with --dir".to_owned()),
            Self::Collected { .. } => {
                Some("choose another folder with --dir, and move the database to one of its own".to_owned())
            }
            Self::Exposed { .. } => Some("choose a folder that is not there yet with --dir".to_owned()),
            Self::Write(error) => Some(error.hint().replace("--out", "--dir")),
            Self::Collect(failure) => failure.hint(),
            Self::Store(error) => error.hint(),
            Self::Emulator(_)
            | Self::Inbox(_)
            | Self::Sinks(_)
            | Self::Deliver(_)
            | Self::Random(_)
            | Self::Settings(_)
            | Self::Review(_)
            | Self::Render(_) => None,
        }
    }
}

/// Runs it.
pub async fn run(demo: &Demo, seams: &Seams, progress: &(dyn Fn(Progress) + Sync)) -> Result<Outcome, DemoError> {
    clear(&demo.folder).await?;
    let today = seams.now();
    let beginning = today - TimeDelta::days(i64::from(DAYS[DAYS.len() - 1]));
    let clock = ShiftedClock::at(beginning);
    let seams = seams.with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
    let emulator = Emulator::builder().seed(demo.seed).users(demo.users).now(beginning).start().await?;
    let settings = settings(&emulator);
    let client = read::Client::new(&settings, seams.clone())?;
    let marked = format!("{MARKED}{}\n", emulator.contract_number());
    write::file(&demo.folder.join(MARKER), marked.as_bytes())?;
    let database = demo.folder.join(DATABASE);
    let store = Store::open(&database, Access::Write).await?;
    let receivers = Receivers::open(ContractNumber(emulator.contract_number()), &seams).await?;
    let mut snapshots = Vec::new();
    for day in DAYS {
        let at = beginning + TimeDelta::days(i64::from(day));
        clock.set(at);
        emulator.set_now(at);
        emulator.advance_to_day(day);
        // Our own server tells the truth, so it need not be given time to come to itself.
        let announcer = receivers.announcer();
        let order = Order { reread_after: Duration::ZERO, announcer, ..Order::manual(at, &settings) };
        snapshots.push(collect(&store, &client, &seams, order, progress).await?);
        receivers.deliver(&store, &seams).await?;
    }
    let contract = snapshots[0].contract;
    let question = Question { as_of: None, since: Some("1".to_owned()) };
    let cover = Cover { organisation: "Demonstration".to_owned(), ..Cover::default() };
    let taken = review::take(&store, contract, &question, Calendar::utc(seams.now())).await?;
    let input = review::input(&store, taken, &cover).await?;
    let mut reports = write_reports(&demo.folder, &input)?;
    reports.extend(receivers.write_mail(&demo.folder)?);
    store.close().await;
    // Nobody else collects into a demonstration; its folder holds only what is worth opening.
    drop(fs::remove_file(demo.folder.join(format!("{DATABASE}.lock"))));
    Ok(Outcome { snapshots, input, database, reports, alerts: receivers.arrived() })
}

fn settings(emulator: &Emulator) -> Settings {
    let base = Url::parse(&emulator.base_url(Served::V6)).expect("the emulator's own address is one");
    let credentials = Credentials::Bearer(SecretString::from(emulator.token().to_owned()));
    Settings::new(base, Version::V6, credentials)
}

/// The reports of a demonstration, in the order they should be opened.
const REPORTS: [(&str, Format); 6] = [
    ("access-review", Format::Html),
    ("changes", Format::Html),
    ("population", Format::Html),
    ("access-review", Format::Csv),
    ("changes", Format::Csv),
    ("population", Format::Csv),
];

fn write_reports(folder: &Path, input: &Input) -> Result<Vec<PathBuf>, DemoError> {
    let mut written = Vec::new();
    for (name, format) in REPORTS {
        let report = report::named(name).expect("the reports of a demonstration exist");
        let rendered = report::render(report, input, format, Dialect::default(), &Templates::embedded())?;
        let path = folder.join(format!("{name}.{}", format.as_str()));
        write::file(&path, &rendered.bytes)?;
        written.push(path);
    }
    Ok(written)
}

/// Makes the folder, and removes what an earlier demonstration left in it. A folder that is not empty and does not bear the
/// marker is not touched, whatever the files in it are called, and neither is a contract that no demonstration made up.
async fn clear(folder: &Path) -> Result<(), DemoError> {
    write::folder(folder)?;
    let failed = |source| WriteError { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let ours: Vec<String> = ["", "-wal", "-shm", ".lock"]
        .iter()
        .map(|suffix| format!("{DATABASE}{suffix}"))
        .chain(REPORTS.iter().map(|(name, format)| format!("{name}.{}", format.as_str())))
        .chain([MARKER.to_owned(), alerts::DIGEST_MAIL.to_owned()])
        .collect();
    let marked = names.iter().any(|name| name == MARKER);
    if let Some(found) = names.iter().find(|name| !marked || !ours.contains(name)) {
        return Err(DemoError::Occupied { folder: folder.to_owned(), found: found.clone() });
    }
    if let Some(mode) = exposed_folder(folder) {
        return Err(DemoError::Exposed { folder: folder.to_owned(), mode });
    }
    refuse_collected(folder).await?;
    for name in names {
        fs::remove_file(folder.join(name)).map_err(failed)?;
    }
    Ok(())
}

/// Refuses to replace a database in which another contract was collected.
async fn refuse_collected(folder: &Path) -> Result<(), DemoError> {
    let database = folder.join(DATABASE);
    if !database.exists() {
        return Ok(());
    }
    // Without a marker that may be believed, nothing in the database was made up.
    let marked = files::read_text(&folder.join(MARKER), Purpose::Marker).unwrap_or_default();
    let made_up = marked.strip_prefix(MARKED).and_then(|number| number.trim().parse().ok()).map(ContractNumber);
    let store = Store::open(&database, Access::Read).await?;
    let contracts = store.contracts().await?;
    store.close().await;
    match contracts.into_iter().find(|contract| Some(*contract) != made_up) {
        Some(contract) => Err(DemoError::Collected { folder: folder.to_owned(), contract }),
        None => Ok(()),
    }
}
