//! `keyholder snapshots`: what has been collected, and how completely.

use clap::{Args, Subcommand};

use super::contract::ContractArg;
use super::gaps::names;
use super::table::{ListFormat, Table};
use super::{Context, Failure};
use crate::domain::coverage::Coverage;
use crate::domain::fact::Kind;
use crate::domain::notice::Notice;
use crate::domain::principal::Collector;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;
use crate::domain::unknown::Unknowns;
use crate::domain::untrusted::visible;
use crate::exit::Exit;
use crate::store::Access;

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub enum Snapshots {
    /// List the snapshots, oldest first
    List(List),
    /// Show one snapshot and what it could not see
    Show(Show),
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
    /// How to write the coverage
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// The columns that fit a terminal, below the number of the contract.
const FOR_PEOPLE: [&str; 6] = ["snapshot", "finished_utc", "population", "users", "changes", "label"];

/// All columns.
const FOR_PROGRAMS: [&str; 16] = [
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
    "began",
    "ended",
    "changed",
    "requests",
];

pub(super) async fn run(command: Snapshots, context: &mut Context) -> Result<Exit, Failure> {
    match command {
        Snapshots::List(list) => run_list(list, context).await,
        Snapshots::Show(show) => run_show(show, context).await,
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
    let mut table = Table::new(&OF_RUNS);
    for run in store.runs().await? {
        if asked.is_some_and(|asked| run.contract.is_some_and(|contract| contract != asked)) {
            continue;
        }
        table.push([
            run.number.into(),
            run.state.as_str().into(),
            run.contract.map(|contract| contract.to_string()).unwrap_or_default().into(),
            run.contract.map(|contract| context.name_of(contract)).unwrap_or_default().into(),
            run.seq.map(|seq| seq.to_string()).unwrap_or_default().into(),
            run.schedule.into(),
            to_seconds(run.started).into(),
            run.finished.map(to_seconds).unwrap_or_default().into(),
            run.requests.into(),
            run.reason.unwrap_or_default().into(),
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
    let mut all = Table::new(&FOR_PROGRAMS);
    let mut exit = Exit::Done;
    for (index, contract) in contracts.iter().enumerate() {
        let mut own = Table::new(&FOR_PEOPLE);
        let snapshots = store.snapshots(*contract).await?;
        for snapshot in &snapshots {
            push_for_people(&mut own, snapshot);
            push_for_programs(&mut all, snapshot, context.name_of(*contract));
        }
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
            own.write(&mut context.out, list.format, context.width)?;
        }
    }
    if all.is_empty() {
        tracing::warn!("The database has no snapshot yet; `keyholder collect` makes the first");
    }
    if list.format != ListFormat::Table {
        all.write(&mut context.out, list.format, context.width)?;
    }
    Ok(exit)
}

fn push_for_people(table: &mut Table, snapshot: &Snapshot) {
    table.push([
        u64::from(snapshot.seq.0).into(),
        to_seconds(snapshot.finished).into(),
        population(snapshot).into(),
        snapshot.count(Kind::User).into(),
        format!("+{} -{} ~{}", snapshot.began, snapshot.ended, snapshot.changed).into(),
        snapshot.label.clone().unwrap_or_default().into(),
    ]);
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
        snapshot.began.into(),
        snapshot.ended.into(),
        snapshot.changed.into(),
        snapshot.requests.into(),
    ]);
}

async fn run_show(show: Show, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    let contract = context.contract(&store, show.contract.as_ref()).await?;
    let snapshot = context.select(&store.snapshots(contract).await?, contract, &show.snapshot)?;
    let coverage = store.coverage(contract, snapshot.seq).await?;
    if show.format == ListFormat::Table {
        let collector = store.collector(contract, snapshot.seq).await?;
        for (name, value) in described(&snapshot, &coverage, collector.as_ref(), &context.title_of(contract)) {
            context.line(&visible(&format!("{name:<12} {value}")))?;
        }
        context.line("")?;
    }
    scopes(&coverage, show.format).write(&mut context.out, show.format, context.width)?;
    if show.format == ListFormat::Table && !coverage.gaps.is_empty() {
        context.line("")?;
        context.line("Not read to the end:")?;
        let all: Vec<_> = coverage.gaps.iter().collect();
        let names = names(&store, contract, snapshot.seq, &all).await?;
        gaps(&coverage, names).write(&mut context.out, show.format, context.width)?;
    }
    let unknown = store.unknown_attributes(contract, snapshot.seq).await?;
    if show.format == ListFormat::Table && !unknown.is_empty() {
        let snapshots = store.snapshots(contract).await?;
        context.line("")?;
        context.line("Not reported; the last known values are carried:")?;
        not_reported(&unknown, &snapshots).write(&mut context.out, show.format, context.width)?;
    }
    let noticed = store.notices(contract, snapshot.seq).await?;
    if show.format == ListFormat::Table && !noticed.is_empty() {
        context.line("")?;
        context.line("Noticed:")?;
        notices(&noticed).write(&mut context.out, show.format, context.width)?;
    }
    Ok(Exit::Done)
}

fn described(
    snapshot: &Snapshot,
    coverage: &Coverage,
    collector: Option<&Collector>,
    contract: &str,
) -> Vec<(&'static str, String)> {
    let (all, complete) = coverage.totals();
    vec![
        ("contract", contract.to_owned()),
        ("snapshot", snapshot.seq.to_string()),
        ("label", snapshot.label.clone().unwrap_or_else(|| "-".to_owned())),
        ("population", format!("{} ({complete} of {all} scopes)", population(snapshot))),
        ("started", to_seconds(snapshot.started)),
        ("finished", to_seconds(snapshot.finished)),
        ("collected by", collector.map_or_else(|| "not recorded".to_owned(), ToString::to_string)),
        ("requests", snapshot.requests.to_string()),
        ("source", snapshot.source.api.clone()),
        ("tool", snapshot.source.tool.clone()),
        ("root", snapshot.root.clone()),
    ]
}

fn scopes(coverage: &Coverage, format: ListFormat) -> Table {
    if format == ListFormat::Table {
        let mut table = Table::new(&["scope", "scopes", "complete", "pages", "items", "attempts"]);
        for (kind, sum) in &coverage.kinds {
            let effort = &sum.effort;
            let counts = [sum.scopes, sum.complete, effort.pages, effort.items, effort.attempts];
            let [scopes, complete, pages, items, attempts] = counts.map(Into::into);
            table.push([kind.as_str().into(), scopes, complete, pages, items, attempts]);
        }
        return table;
    }
    let mut table = Table::new(&["scope", "scopes", "complete", "pages", "items", "attempts", "first_utc", "last_utc"]);
    for (kind, sum) in &coverage.kinds {
        table.push([
            kind.as_str().into(),
            sum.scopes.into(),
            sum.complete.into(),
            sum.effort.pages.into(),
            sum.effort.items.into(),
            sum.effort.attempts.into(),
            sum.effort.first_at.map(to_seconds).unwrap_or_default().into(),
            sum.effort.last_at.map(to_seconds).unwrap_or_default().into(),
        ]);
    }
    table
}

fn gaps(coverage: &Coverage, names: Vec<Option<String>>) -> Table {
    let mut table = Table::new(&["scope", "of", "status", "reason", "attempts"]);
    for (gap, name) in coverage.gaps.iter().zip(names) {
        table.push([
            gap.scope.to_string().into(),
            name.unwrap_or_default().into(),
            gap.status.as_str().into(),
            gap.status.reason().unwrap_or_default().into(),
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

fn notices(noticed: &[Notice]) -> Table {
    let mut table = Table::new(&["severity", "scope", "what"]);
    for notice in noticed {
        table.push([
            notice.severity().as_str().into(),
            notice.scope().map(ToString::to_string).unwrap_or_default().into(),
            notice.to_string().into(),
        ]);
    }
    table
}
