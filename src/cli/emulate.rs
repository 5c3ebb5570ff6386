//! `keyholder emulate`: the API as a local server, to try things without an account.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use emulator::{Emulator, Recording, Replay, Schedule, Version};

use super::{Context, Failure};
use crate::exit::Exit;
use crate::files::{self, Purpose};

/// Serves a made-up contract on loopback until it is stopped with Ctrl-C.
#[derive(Args, Debug)]
pub struct Emulate {
    /// How many users the contract has
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(24..=200_000))]
    users: u32,
    /// Same seed, same contract
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Milliseconds that every answer takes
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// Let that many days of scripted changes have happened
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=30))]
    day: u32,
    /// What goes wrong: a TOML file of faults (docs/emulator.md)
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Serve what `keyholder collect --record DIR` recorded, instead of a made-up contract
    #[arg(long, value_name = "DIR", conflicts_with_all = ["users", "seed", "latency", "day", "faults"])]
    replay: Option<PathBuf>,
}

pub(super) async fn run(emulate: Emulate, context: &mut Context) -> Result<Exit, Failure> {
    if let Some(folder) = &emulate.replay {
        return run_replay(folder, emulate.port, context).await;
    }
    let faults = match &emulate.faults {
        Some(file) => faults_of(file)?,
        None => Schedule::new(emulate.seed),
    };
    let emulator = Emulator::builder()
        .seed(emulate.seed)
        .users(emulate.users as usize)
        .now(context.seams.now())
        .latency(Duration::from_millis(emulate.latency))
        .port(emulate.port)
        .faults(faults)
        .start()
        .await?;
    emulator.advance_to_day(emulate.day);
    context.line(&format!("# contract {}; point a client at it:", emulator.contract_number()))?;
    context.line(&format!("export IONOS_API_URL={}", emulator.base_url(Version::V6)))?;
    context.line(&format!("export IONOS_TOKEN={}", emulator.token()))?;
    context.line(&format!("# or: IONOS_USERNAME={} IONOS_PASSWORD={}", emulator.username(), emulator.password()))?;
    context.line("# then, in another terminal: keyholder --db ./emulated/keyholder.db collect")?;
    context.out.flush()?;
    tracing::info!("Serving v5 and v6 on {}; stop with Ctrl-C", emulator.origin());
    until_stopped().await;
    let counters = emulator.counters();
    tracing::info!("Answered {} requests", counters.total);
    for (name, fired) in emulator.faults_fired() {
        tracing::info!("Fault {name:?} fired {fired} times");
    }
    Ok(Exit::Done)
}

/// Serves a recording until it is stopped with Ctrl-C.
async fn run_replay(folder: &Path, port: u16, context: &mut Context) -> Result<Exit, Failure> {
    let recording = Recording::read(folder).map_err(|error| Failure::Usage {
        what: chain(&error),
        hint: "name a folder that `keyholder collect --record` wrote",
    })?;
    let exchanges = recording.exchanges();
    let replay = Replay::start(recording, port).await?;
    context.line(&format!("# {exchanges} recorded exchanges; point a client at them:"))?;
    context.line(&format!("export IONOS_API_URL={}", replay.base_url(Version::V6)))?;
    context.line("export IONOS_TOKEN=any")?;
    context.line("# then, in another terminal: keyholder --db ./replayed.db collect")?;
    context.out.flush()?;
    tracing::info!("Serving the recording in {}; stop with Ctrl-C", folder.display());
    until_stopped().await;
    tracing::info!("Answered {} requests; {} were never recorded", replay.answered(), replay.unknown());
    Ok(Exit::Done)
}

/// An error with its reason in one line.
fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

async fn until_stopped() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "Cannot wait for Ctrl-C");
    }
}

/// Reads a fault file; what is wrong with it is reported with line and key.
fn faults_of(file: &Path) -> Result<Schedule, Failure> {
    let refused = |problem: &dyn std::fmt::Display| Failure::Usage {
        what: format!("read the faults in {}: {problem}", file.display()),
        hint: "docs/emulator.md has an example of every fault",
    };
    let text = files::read_text(file, Purpose::Faults).map_err(|error| refused(&error.summary()))?;
    Schedule::parse(&text).map_err(|error| refused(&error))
}
