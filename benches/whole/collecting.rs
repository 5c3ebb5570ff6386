//! Collections of the real binary: what they take, at every latency, through faults and limits; and the walks of others.

use std::path::Path;
use std::time::Duration;

use emulator::{Emulator, RateLimit, Rule};
use keyholder::collect::Plan;
use keyholder::domain::id::Seq;
use keyholder::store::{Access, Store};

use crate::args::Args;
use crate::desk::Desk;
use crate::facts::Facts;
use crate::support::Outcome;
use crate::support::site::{CONNECTIONS, serve, size_of};
use crate::table::Table;
use crate::{MIB, ratio, say, whole};

/// A first collection, an unchanged day, a day with churn; then the others on the same contract.
pub(crate) async fn collections(
    args: &Args,
    emulator: &Emulator,
    python: Option<&Path>,
    table: &mut Table,
) -> Outcome<()> {
    let desk = Desk::new(emulator, "collect")?;
    emulator.reset_counters();
    let first = desk.collect()?;
    let requests = emulator.counters().total;
    let size = size_of(args.users());
    let plan = Plan::safe(size.users as u64, size.groups as u64).requests();
    table.put_against("collect.requests", whole(requests), whole(plan))?;
    table.put("collect.cpu", first.cpu.as_secs_f64())?;
    table.put("collect.peak", whole(first.peak) / MIB)?;
    table.put("collect.file", whole(std::fs::metadata(desk.database())?.len()) / MIB)?;
    desk.same("keyholder", &desk.held().await?)?;
    let there = emulator.read(Facts::there);
    table.agree(format!("keyholder {:?}, digest {}", there.counts, &there.digest[..16]));
    table.put("collect.walk", desk.walk()?.cpu.as_secs_f64())?;
    let again = desk.collect()?;
    table.put("collect.again", again.cpu.as_secs_f64())?;
    table.put("collect.again-peak", whole(again.peak) / MIB)?;

    let Some(python) = python else {
        for name in ["collect.sdk", "collect.sdk-one", "collect.sdk-peak", "collect.urllib3"] {
            table.skip(name, "no contender was run")?;
        }
        return churned(&desk, emulator, table).await;
    };
    for (names, script, threads) in [
        (["collect.sdk", "collect.sdk-peak"].as_slice(), "walk_sdk.py", 16),
        (&["collect.sdk-one"], "walk_sdk.py", 1),
        (&["collect.urllib3"], "walk_urllib3.py", 16),
    ] {
        say(&format!("… {script} with {threads} threads"));
        let (took, facts) = desk.contender(python, script, threads)?;
        desk.same(script, &facts)?;
        table.agree(format!("{script} with {threads} threads, {:.1} s CPU", took.cpu.as_secs_f64()));
        for name in names {
            let times =
                if name.ends_with("peak") { whole(took.peak) / whole(first.peak) } else { ratio(took.cpu, first.cpu) };
            table.put(name, times)?;
        }
    }
    churned(&desk, emulator, table).await
}

/// A day on which one in a thousand facts is another, collected by the real binary.
async fn churned(desk: &Desk<'_>, emulator: &Emulator, table: &mut Table) -> Outcome<()> {
    churn(emulator)?;
    table.put("collect.churn", desk.collect()?.cpu.as_secs_f64())?;
    desk.same("keyholder after a day of churn", &desk.held().await?)
}

/// A day on which one in a thousand facts is gone.
pub(crate) fn churn(emulator: &Emulator) -> Outcome<()> {
    let facts = emulator.read(Facts::there).total();
    emulator.edit(|world| remove_members(world, usize::try_from(facts / 1_000)?.max(1)))
}

/// Lets so many members leave, from groups of every size.
fn remove_members(world: &mut emulator::World, edits: usize) -> Outcome<()> {
    let pairs: Vec<_> = world
        .groups()
        .flat_map(|group| world.members(&group.id).map(|user| (group.id.clone(), user.clone())).collect::<Vec<_>>())
        .collect();
    let step = (pairs.len() / edits.max(1)).max(1);
    for (group, user) in pairs.into_iter().step_by(step).take(edits) {
        world.remove_member(&group, &user).map_err(|refused| format!("{refused:?}"))?;
    }
    Ok(())
}

/// Collections at latencies, against what requests × latency ÷ connections allows.
pub(crate) fn latencies(args: &Args, emulator: &Emulator, table: &mut Table) -> Outcome<()> {
    let size = size_of(args.users());
    let plan = Plan::safe(size.users as u64, size.groups as u64).requests();
    for (name, latency) in [("latency.20", 20), ("latency.80", 80)] {
        emulator.set_latency(Duration::from_millis(latency));
        let took = Desk::new(emulator, name)?.collect();
        emulator.set_latency(Duration::ZERO);
        let bound = whole(plan) * whole(latency) / 1000.0 / whole(CONNECTIONS as u64);
        table.put_against(name, took?.wall.as_secs_f64(), bound * 1.05)?;
    }
    Ok(())
}

/// Collections through faults, and through a bucket of 50 requests a second on a contract that takes a minute for that.
pub(crate) async fn troubles(args: &Args, emulator: &Emulator, table: &mut Table) -> Outcome<()> {
    // Every wall is taken at a latency at which the client and not this machine is what is waited for.
    emulator.set_latency(Duration::from_millis(20));
    let quiet = Desk::new(emulator, "quiet")?.collect()?;
    let share = if args.smoke { 0.02 } else { 0.001 };
    for status in [503, 429] {
        emulator.fail(Rule::on("GET", "*").status(status).chance(share).attempts(1).named(&status.to_string()));
    }
    let desk = Desk::new(emulator, "faults")?;
    let troubled = desk.collect();
    emulator.clear_faults();
    emulator.set_latency(Duration::ZERO);
    table.put("faults.wall", ratio(troubled?.wall, quiet.wall))?;
    let fired: u32 = emulator.faults_fired().values().sum();
    if fired == 0 {
        return Err("no fault fired".into());
    }
    table.put("faults.lost", whole(gaps(&desk.database()).await?))?;
    desk.same("keyholder through faults", &desk.held().await?)?;

    let users = if args.smoke { 40 } else { 600 };
    let limited = serve(users, Some(RateLimit { per_minute: 3_000, burst: 50 })).await?;
    let desk = Desk::new(&limited, "bucket")?;
    let took = desk.collect()?;
    let counters = limited.counters();
    let refused = counters.statuses.get(&429).copied().unwrap_or_default();
    let served = whole(counters.total - refused);
    // What the bucket held at first comes on top of what ran into it.
    let possible = 50.0 + 50.0 * took.wall.as_secs_f64();
    table.put("faults.bucket", 100.0 * served / possible)?;
    table.put("faults.refused", 100.0 * whole(refused) / whole(counters.total))?;
    desk.same("keyholder through a rate limit", &desk.held().await?)
}

async fn gaps(database: &Path) -> Outcome<u64> {
    let store = Store::open(database, Access::Read).await?;
    let contract = store.choose_contract(None).await?;
    let gaps = store.coverage(contract, Seq(1)).await?.gaps.len();
    store.close().await;
    Ok(gaps as u64)
}

/// Ten memberships for each of a hundred thousand users.
pub(crate) async fn million(table: &mut Table) -> Outcome<()> {
    let emulator = serve(100_000, None).await?;
    let desk = Desk::new(&emulator, "million")?;
    let took = match desk.collect() {
        Ok(took) => took,
        Err(error) => {
            // A limit of the program, most likely: the figure would be that of another contract.
            say(&error.to_string());
            return table.skip("million.peak", "**not reached**: the collection is not complete");
        }
    };
    table.put("million.peak", whole(took.peak) / MIB)?;
    desk.same("keyholder on a million memberships", &desk.held().await?)
}
