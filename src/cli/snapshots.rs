//! `keyholder snapshots`: what has been collected, and how completely.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use super::certificate;
use super::contract::ContractArg;
use super::json::{self, RunV1, Shown, SnapshotDetailV1, SnapshotV1, VerifiedV1, at_least};
use super::names::{Names, Wanted};
use super::table::{ListFormat, Table};
use super::{Context, Failure};
use crate::domain::coverage::Coverage;
use crate::domain::fact::Kind;
use crate::domain::notice::Notice;
use crate::domain::snapshot::{Run, Snapshot};
use crate::domain::time::to_seconds;
use crate::domain::unknown::Unknowns;
use crate::domain::untrusted::visible;
use crate::exit::Exit;
use crate::report::Format;
use crate::store::Access;

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub enum Snapshots {
    /// List the snapshots, oldest first
    List(List),
    /// Show one snapshot and what it could not see
    Show(Show),
    /// Verify the whole database, the digests of all snapshots included
    ///
    /// Reads every page and every reference, and computes the hash of each stored object and the state root of each snapshot
    /// anew from the rows. What does not fit ends with exit code 6 and is named. Names and e-mail addresses are not part of a
    /// root. An owner of the file who also computes the digests anew is not noticed.
    Verify(Verify),
}

/// `snapshots list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only this contract; without it, all
    #[arg(long, value_name = "NAME or NUMBER")]
    contract: Option<ContractArg>,
    /// Every attempt to collect instead, those that failed or were interrupted among them
    #[arg(long)]
    runs: bool,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// `snapshots show`.
#[derive(Args, Debug)]
pub struct Show {
    /// A number, `latest`, `previous`, a label, a month, a date or an RFC 3339 time
    #[arg(default_value = "latest")]
    snapshot: String,
    /// Which contract, if the database has several
    #[arg(long, value_name = "NAME or NUMBER")]
    contract: Option<ContractArg>,
    /// How to write it; CSV has a row for each kind of scope, gap, attribute that was not reported and notice
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// The columns that fit a terminal, below the number of the contract.
const FOR_PEOPLE: [&str; 6] = ["snapshot", "finished_utc", "population", "users", "changes", "label"];

/// All columns.
const FOR_PROGRAMS: [&str; 17] = [
    "contract",
    "contract_name",
    "snapshot",
    "label",
    "finished_utc",
    "population",
    "users",
    "groups",
    "members",
    "resources",
    "shares",
    "keys",
    "at_least",
    "began",
    "ended",
    "changed",
    "requests",
];

/// `snapshots verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// How to write what was verified: a row for each contract
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

pub(super) async fn run(command: Snapshots, context: &mut Context) -> Result<Exit, Failure> {
    match command {
        Snapshots::List(list) => run_list(list, context).await,
        Snapshots::Show(show) => run_show(show, context).await,
        Snapshots::Verify(verify) => run_verify(verify, context).await,
    }
}

/// The columns of a run.
const OF_RUNS: [&str; 10] = [
    "run",
    "state",
    "contract",
    "contract_name",
    "snapshot",
    "schedule",
    "started_utc",
    "finished_utc",
    "requests",
    "reason",
];

/// The runs, oldest first. One that was never sealed belongs to no contract, and is listed whichever is asked for.
async fn run_runs(list: List, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    let asked = list.contract.as_ref().map(|asked| context.number(asked)).transpose()?;
    let mut runs = store.runs().await?;
    let is_asked = |contract| asked.is_none_or(|asked| contract == asked);
    runs.retain(|run| run.contract.is_none_or(is_asked));
    let name = |run: &Run| run.contract.map(|contract| context.name_of(contract)).unwrap_or_default();
    if list.format == ListFormat::Json {
        let json = json::pretty(&runs.iter().map(|run| RunV1::of(run, name(run))).collect::<Vec<_>>())?;
        context.document(Format::Json, json.as_bytes())?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&OF_RUNS);
    for run in &runs {
        table.push([
            run.number.into(),
            run.state.as_str().into(),
            run.contract.map(|contract| contract.to_string()).unwrap_or_default().into(),
            name(run).into(),
            run.seq.map(|seq| seq.to_string()).unwrap_or_default().into(),
            run.schedule.as_str().into(),
            to_seconds(run.started).into(),
            run.finished.map(to_seconds).unwrap_or_default().into(),
            run.requests.into(),
            run.reason.as_deref().into(),
        ]);
    }
    table.write(&mut context.out, list.format, context.width)?;
    Ok(Exit::Done)
}

async fn run_list(list: List, context: &mut Context) -> Result<Exit, Failure> {
    if list.runs {
        return run_runs(list, context).await;
    }
    let store = context.store(Access::Read).await?;
    let contracts = match list.contract {
        Some(_) => vec![context.contract(&store, list.contract.as_ref()).await?],
        None => store.contracts().await?,
    };
    let (mut all, mut exit) = (Vec::new(), Exit::Done);
    for (index, contract) in contracts.iter().enumerate() {
        let snapshots = store.snapshots(*contract).await?;
        if let Some(latest) = snapshots.last()
            && (context.warn_outdated(&store, &snapshots, latest, "latest").await? || !latest.is_complete())
        {
            exit = Exit::Incomplete;
        }
        if list.format == ListFormat::Table {
            if index > 0 {
                context.line("")?;
            }
            context.line(&format!("contract {}", context.title_of(*contract)))?;
            for_people(&snapshots).write(&mut context.out, list.format, context.width)?;
        }
        all.extend(snapshots);
    }
    if all.is_empty() {
        tracing::warn!("The database has no snapshot yet; `keyholder collect` makes the first");
    }
    let name = |snapshot: &Snapshot| context.name_of(snapshot.contract);
    match list.format {
        ListFormat::Table => {}
        ListFormat::Json => {
            let all: Vec<_> = all.iter().map(|one| SnapshotV1::of(one, name(one))).collect();
            let json = json::pretty(&all)?;
            context.document(Format::Json, json.as_bytes())?;
        }
        ListFormat::Csv => {
            let mut table = Table::new(&FOR_PROGRAMS);
            for one in &all {
                push_for_programs(&mut table, one, name(one));
            }
            table.write(&mut context.out, list.format, context.width)?;
        }
    }
    Ok(exit)
}

/// The columns of what was verified.
const OF_VERIFIED: [&str; 6] = ["contract", "contract_name", "snapshots", "latest", "finished_utc", "state_root"];

async fn run_verify(verify: Verify, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    store.verify(&CancellationToken::new()).await?;
    let mut verified = Vec::new();
    for contract in store.contracts().await? {
        verified.extend(store.snapshots(contract).await?.pop());
    }
    let name = |snapshot: &Snapshot| context.name_of(snapshot.contract);
    if verify.format == ListFormat::Json {
        let json = json::pretty(&verified.iter().map(|one| VerifiedV1::of(one, name(one))).collect::<Vec<_>>())?;
        context.document(Format::Json, json.as_bytes())?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&OF_VERIFIED);
    for latest in &verified {
        let seq = u64::from(latest.seq.0);
        table.push([
            latest.contract.to_string().into(),
            name(latest).into(),
            // Snapshots are numbered from 1 without a gap.
            seq.into(),
            seq.into(),
            to_seconds(latest.finished).into(),
            latest.root.as_str().into(),
        ]);
    }
    table.write(&mut context.out, verify.format, context.width)?;
    Ok(Exit::Done)
}

fn for_people(snapshots: &[Snapshot]) -> Table {
    let mut table = Table::new(&FOR_PEOPLE);
    for snapshot in snapshots {
        table.push([
            u64::from(snapshot.seq.0).into(),
            to_seconds(snapshot.finished).into(),
            population(snapshot).into(),
            snapshot.count(Kind::User).into(),
            format!("+{} -{} ~{}", snapshot.began, snapshot.ended, snapshot.changed).into(),
            snapshot.label.clone().unwrap_or_default().into(),
        ]);
    }
    table
}

fn population(snapshot: &Snapshot) -> &'static str {
    if snapshot.is_complete() { "complete" } else { "INCOMPLETE" }
}

fn push_for_programs(table: &mut Table, snapshot: &Snapshot, name: &str) {
    table.push([
        snapshot.contract.to_string().into(),
        name.into(),
        u64::from(snapshot.seq.0).into(),
        snapshot.label.clone().unwrap_or_default().into(),
        to_seconds(snapshot.finished).into(),
        population(snapshot).into(),
        snapshot.count(Kind::User).into(),
        snapshot.count(Kind::Group).into(),
        snapshot.count(Kind::Member).into(),
        snapshot.count(Kind::Resource).into(),
        snapshot.count(Kind::Share).into(),
        snapshot.count(Kind::Key).into(),
        at_least(snapshot).join("; ").into(),
        snapshot.began.into(),
        snapshot.ended.into(),
        snapshot.changed.into(),
        snapshot.requests.into(),
    ]);
}

async fn run_show(show: Show, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    let contract = context.contract(&store, show.contract.as_ref()).await?;
    let snapshots = store.snapshots(contract).await?;
    let snapshot = context.select(&snapshots, contract, &show.snapshot)?;
    let coverage = store.coverage(contract, snapshot.seq).await?;
    let collector = store.collector(contract, snapshot.seq).await?;
    let unknown = store.unknown_attributes(contract, snapshot.seq).await?;
    let notices = store.notices(contract, snapshot.seq).await?;
    let mut wanted = Wanted::default();
    for gap in &coverage.gaps {
        wanted.scope(&gap.scope);
    }
    wanted.notices(&notices);
    if let Some(collector) = &collector {
        wanted.principal(&collector.principal);
    }
    if show.format != ListFormat::Table {
        for (key, ..) in unknown.iter() {
            wanted.fact(key);
        }
    }
    let (contract_name, title) = (context.name_of(contract).to_owned(), context.title_of(contract));
    let shown = Shown {
        snapshot: &snapshot,
        contract_name: &contract_name,
        coverage: &coverage,
        collector: collector.as_ref(),
        unknown: &unknown,
        notices: &notices,
        names: &wanted.names(&store, contract, snapshot.seq).await?,
        snapshots: &snapshots,
    };
    match show.format {
        ListFormat::Table => print(&shown, &title, &mut context.out, context.width)?,
        ListFormat::Csv => certificate::table(&shown).write(&mut context.out, show.format, context.width)?,
        ListFormat::Json => {
            let json = json::pretty(&SnapshotDetailV1::of(&shown))?;
            context.document(Format::Json, json.as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

/// A snapshot for people.
fn print(shown: &Shown<'_>, title: &str, out: &mut dyn Write, width: Option<u16>) -> io::Result<()> {
    for (name, value) in described(shown, title) {
        writeln!(out, "{}", visible(&format!("{name:<12} {value}")))?;
    }
    writeln!(out)?;
    scopes(shown.coverage).write(out, ListFormat::Table, width)?;
    let sections = [
        ("Not read to the end:", gaps(shown.coverage, shown.names)),
        ("Not reported; the last known values are carried:", not_reported(shown.unknown, shown.snapshots)),
        ("Noticed:", notices(shown.notices, shown.names)),
    ];
    for (title, table) in sections.into_iter().filter(|(_, table)| !table.is_empty()) {
        writeln!(out, "\n{title}")?;
        table.write(out, ListFormat::Table, width)?;
    }
    Ok(())
}

fn described(shown: &Shown<'_>, contract: &str) -> Vec<(&'static str, String)> {
    let Shown { snapshot, coverage, collector, names, .. } = shown;
    let (all, complete) = coverage.totals();
    vec![
        ("contract", contract.to_owned()),
        ("snapshot", snapshot.seq.to_string()),
        ("label", snapshot.label.clone().unwrap_or_else(|| "-".to_owned())),
        ("population", format!("{} ({complete} of {all} scopes)", population(snapshot))),
        ("started", to_seconds(snapshot.started)),
        ("finished", to_seconds(snapshot.finished)),
        (
            "collected by",
            collector.map_or_else(|| "not recorded".to_owned(), |collector| names.beside_ids(&collector.to_string())),
        ),
        ("requests", snapshot.requests.to_string()),
        ("source", snapshot.source.api.clone()),
        ("tool", snapshot.source.tool.clone()),
        ("root", snapshot.root.clone()),
    ]
}

fn scopes(coverage: &Coverage) -> Table {
    let mut table = Table::new(&["scope", "scopes", "complete", "pages", "items", "attempts"]);
    for (kind, sum) in &coverage.kinds {
        let effort = &sum.effort;
        let counts = [sum.scopes, sum.complete, effort.pages, effort.items, effort.attempts];
        let [scopes, complete, pages, items, attempts] = counts.map(Into::into);
        table.push([kind.as_str().into(), scopes, complete, pages, items, attempts]);
    }
    table
}

fn gaps(coverage: &Coverage, names: &Names) -> Table {
    let mut table = Table::new(&["scope", "of", "status", "reason", "attempts"]);
    for gap in &coverage.gaps {
        table.push([
            gap.scope.to_string().into(),
            names.of_scope(&gap.scope).into(),
            gap.status.as_str().into(),
            gap.status.reason().into(),
            gap.effort.attempts.into(),
        ]);
    }
    table
}

/// How many objects lack which attribute, and how old the values are that stand for it.
fn not_reported(unknown: &Unknowns, snapshots: &[Snapshot]) -> Table {
    let mut table = Table::new(&["attribute", "of", "objects", "never known", "last known"]);
    for sum in unknown.sums() {
        let snapshot = sum.oldest.and_then(|seq| snapshots.iter().find(|one| one.seq == seq));
        let day = snapshot.map(|one| format!("snapshot {} ({})", one.seq, one.finished.format("%Y-%m-%d")));
        table.push([
            sum.attribute.into(),
            sum.kind.plural().into(),
            sum.count.into(),
            sum.never_known.into(),
            day.unwrap_or_default().into(),
        ]);
    }
    table
}

fn notices(noticed: &[Notice], names: &Names) -> Table {
    let mut table = Table::new(&["severity", "scope", "of", "what"]);
    for notice in noticed {
        let scope = notice.scope();
        table.push([
            notice.severity().as_str().into(),
            scope.map(ToString::to_string).as_deref().into(),
            scope.and_then(|scope| names.of_scope(scope)).into(),
            names.beside_ids(&notice.to_string()).into(),
        ]);
    }
    table
}
