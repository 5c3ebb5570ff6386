//! A history of many days in one file: what a day costs beyond its walk, what a year takes, diffs and past states.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use emulator::Emulator;
use keyholder::domain::id::Seq;
use keyholder::store::{Access, Store};
use serde::Deserialize;

use crate::args::Args;
use crate::child::OwnCpu;
use crate::desk::Desk;
use crate::facts::Facts;
use crate::support::Outcome;
use crate::support::history::History;
use crate::support::site::walked;
use crate::table::Table;
use crate::{MIB, median, milliseconds, say, whole};

/// Unchanged days whose median counts.
const UNCHANGED: u32 = 5;

/// Edits of a day in the smallest contracts: one of every kind at least.
const FEWEST_EDITS: usize = 20;

/// Days with a reader beside them.
const WATCHED: u32 = 3;

/// The whole part: the history is made, then looked at.
pub(crate) async fn days(args: &Args, emulator: &Emulator, python: Option<&Path>, table: &mut Table) -> Outcome<()> {
    let walk = walked(emulator).await?;
    let desk = Desk::new(emulator, "days")?;
    let database = desk.database();
    let facts = Facts::seen(&walk.sightings).total();
    let mut history = History::begin(&database, walk.contract, walk.sightings).await?;
    table.put("days.first", milliseconds(cost(&mut history).await?.0))?;
    let first = whole(size(&mut history).await?);
    let mut costs = Vec::new();
    let mut written = 0;
    for _ in 0..UNCHANGED {
        let (cpu, changes) = cost(&mut history).await?;
        costs.push(milliseconds(cpu));
        written += changes;
    }
    table.put("days.unchanged", median(costs))?;
    table.put("days.unchanged-facts", whole(written))?;
    let unchanged = whole(size(&mut history).await?);
    table.put("days.unchanged-bytes", (unchanged - first) / f64::from(UNCHANGED) / 1024.0)?;

    let (days, edits) = (args.history(), usize::try_from(facts / 1_000)?.max(FEWEST_EDITS));
    say(&format!("… {days} days with {edits} edits each"));
    let mut sealed = BTreeMap::from([(1, Facts::seen(&history.seen))]);
    let (mut costs, mut changes, begun) = (Vec::new(), 0, 1 + UNCHANGED);
    for day in 1..=days {
        history.churn(edits);
        if [1, days / 2, days].contains(&day) {
            sealed.insert(begun + day, Facts::seen(&history.seen));
        }
        let (cpu, events) = cost(&mut history).await?;
        costs.push(milliseconds(cpu));
        changes += events;
    }
    table.put("days.churn", median(costs))?;
    let year = whole(size(&mut history).await?);
    table.put("days.year", year / first)?;
    table.put("days.change", (year - unchanged) / whole(changes))?;
    readers(&mut history, edits, table).await?;
    diffs(&desk, &history, begun + days, python, table).await?;
    past(&history, &sealed, begun + days / 2, table).await
}

/// Seals the next day; what it took of the processor, and how many facts it began, ended or changed.
async fn cost(history: &mut History) -> Outcome<(Duration, u64)> {
    let sightings = history.seen.clone();
    let counter = OwnCpu::begin()?;
    let snapshot = history.seal_those(sightings).await?;
    Ok((counter.used()?, snapshot.began + snapshot.ended + snapshot.changed))
}

/// Bytes of the file once its log is folded into it, which closing does.
async fn size(history: &mut History) -> Outcome<u64> {
    let path = history.store.path().to_owned();
    history.store.clone().close().await;
    history.store = Store::open(&path, Access::Write).await?;
    Ok(std::fs::metadata(&path)?.len())
}

/// How long somebody waits who reads while days are sealed: every answer is one of a fresh look at the snapshots.
async fn readers(history: &mut History, edits: usize, table: &mut Table) -> Outcome<()> {
    let reader = Store::open(history.store.path(), Access::Read).await?;
    let (contract, over) = (history.contract, Arc::new(AtomicBool::new(false)));
    // A task of its own, and so a thread of its own: the sealing one computes between its statements.
    let reading = tokio::spawn({
        let over = Arc::clone(&over);
        async move {
            let mut waits = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let began = Instant::now();
                reader.choose_contract(Some(contract)).await.map_err(|error| error.to_string())?;
                waits.push(milliseconds(began.elapsed()));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, String>(waits)
        }
    });
    let mut written = Ok(());
    for _ in 0..WATCHED {
        history.churn(edits);
        written = written.and(history.seal().await.map(drop));
    }
    over.store(true, Ordering::Relaxed);
    let waits = reading.await??;
    written?;
    table.put("days.readers", percentile(waits, 0.99))
}

/// What a contender prints of a diff.
#[derive(Debug, Deserialize)]
struct Except {
    #[serde(flatten)]
    facts: Facts,
    milliseconds: f64,
}

/// Diffs in the store and by the real binary, and the obvious way to do one.
async fn diffs(desk: &Desk<'_>, history: &History, last: u32, python: Option<&Path>, table: &mut Table) -> Outcome<()> {
    let (store, contract) = (&history.store, history.contract);
    let mut times = Vec::new();
    for to in (2..=last).rev().take(20) {
        let began = Instant::now();
        store.net(contract, Seq(to - 1), Seq(to)).await?;
        times.push(milliseconds(began.elapsed()));
    }
    let neighbours = median(times);
    table.put("diff.neighbours", neighbours)?;
    let mut times = Vec::new();
    let mut changed = 0;
    for _ in 0..5 {
        let began = Instant::now();
        changed = store.net(contract, Seq(1), Seq(last)).await?.len();
        times.push(milliseconds(began.elapsed()));
    }
    let any = median(times);
    table.put("diff.any", any)?;
    table.put("diff.key", any / whole(changed as u64))?;
    let ran = desk.keyholder(&["diff", "1", &last.to_string(), "--format", "csv"])?;
    table.put("diff.process", ran.took.cpu.as_secs_f64())?;
    table.put("diff.process-peak", whole(ran.took.peak) / MIB)?;

    let Some(python) = python else { return table.skip("diff.except", "no contender was run") };
    let database = desk.database();
    let arguments = [&*database.to_string_lossy(), &(last - 1).to_string(), &last.to_string(), "3"];
    let ran = desk.python(python, "diff_except.py", &arguments)?;
    let except: Except = serde_json::from_slice(&ran.out)?;
    let net = Facts::changed(&store.net(contract, Seq(last - 1), Seq(last)).await?);
    if except.facts != net {
        return Err(format!("EXCEPT found {:?} where the diff has {:?}", except.facts, net).into());
    }
    if net.total() == 0 {
        return Err("nothing changed, so nothing was compared".into());
    }
    table.agree(format!("EXCEPT over full copies, {} changed in {:.0} ms", net.total(), except.milliseconds));
    table.put("diff.except", except.milliseconds / neighbours)
}

/// States of days long past, compared with what was sealed; and one group's members on one of them.
async fn past(history: &History, sealed: &BTreeMap<u32, Facts>, day: u32, table: &mut Table) -> Outcome<()> {
    let (store, contract) = (&history.store, history.contract);
    for (seq, facts) in sealed {
        if Facts::held(&store.state(contract, Seq(*seq)).await?) != *facts {
            return Err(format!("the state of snapshot {seq} is not what was sealed").into());
        }
    }
    table.agree(format!(
        "states of {} past days of {}, and what was sealed on them",
        sealed.len(),
        sealed.keys().max().unwrap_or(&0)
    ));
    let (mut times, mut members) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let began = Instant::now();
        let state = store.state(contract, Seq(day)).await?;
        times.push(milliseconds(began.elapsed()));
        for group in state.groups.keys().take(20) {
            let began = Instant::now();
            let found = store.members_of(contract, group, Seq(day)).await?;
            members.push(milliseconds(began.elapsed()));
            if !found.iter().eq(state.members_of(group)) {
                return Err(format!("the members of group {group} are not those of the state of snapshot {day}").into());
            }
        }
    }
    table.put("past.state", median(times))?;
    table.put("past.group", median(members))
}

/// The value that so much of them do not exceed.
fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let place = (whole(values.len() as u64) * share) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}
