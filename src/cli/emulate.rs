//! `keyholder emulate`: the API as a local server, to try things without an account.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use emulator::{Emulator, Schedule, Version};

use super::{Context, Failure};
use crate::exit::Exit;

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
}

pub(super) async fn run(emulate: Emulate, context: &mut Context) -> Result<Exit, Failure> {
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
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "Cannot wait for Ctrl-C");
    }
    let counters = emulator.counters();
    tracing::info!("Answered {} requests", counters.total);
    for (name, fired) in emulator.faults_fired() {
        tracing::info!("Fault {name:?} fired {fired} times");
    }
    Ok(Exit::Done)
}

/// Reads a fault file; what is wrong with it is told with line and key.
fn faults_of(file: &Path) -> Result<Schedule, Failure> {
    let refused = |problem: &dyn std::fmt::Display| Failure::Usage {
        what: format!("read the faults in {}: {problem}", file.display()),
        hint: "docs/emulator.md has an example of every fault",
    };
    let text = std::fs::read_to_string(file).map_err(|error| refused(&error))?;
    Schedule::parse(&text).map_err(|error| refused(&error))
}
