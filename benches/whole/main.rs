//! The whole program against its budgets, and against what people use instead, in one run and one table.
//!
//! `cargo bench --bench whole -- --help`. Figures are told, never asserted: what has to hold is that everybody found the same
//! facts and that every row could be measured.

#![expect(clippy::disallowed_methods, reason = "a bench makes and reads files of its own")]

#[path = "../support/mod.rs"]
mod support;

mod args;
mod budget;
mod child;
mod collecting;
mod days;
mod desk;
mod facts;
mod growth;
mod plot;
mod python;
mod reports;
mod table;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser as _, ValueEnum as _};
use keyholder::seams::Environment;
use tokio::runtime::Runtime;

use self::args::{Args, Part};
use self::support::Outcome;
use self::support::site::serve;
use self::table::Table;

/// Bytes in a MiB.
const MIB: f64 = 1_048_576.0;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = Runtime::new().map_err(Into::into).and_then(|runtime| {
        // Children are waited for on this thread; the emulator answers on those of the runtime.
        runtime.block_on(bench(&args))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("whole: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn bench(args: &Args) -> Outcome<()> {
    if let Some(url) = &args.walk {
        let environment = Environment::of_process();
        return desk::walk_alone(url, environment.get("IONOS_TOKEN").unwrap_or_default()).await;
    }
    if let Some(most) = args.growth {
        return growth::growth(most).await;
    }
    if args.serve {
        return wait(args).await;
    }
    let python = if args.alone { None } else { Some(python::interpreter(args.python.as_deref())?) };
    let mut table = Table::default();
    let parts: Vec<Part> = Part::value_variants().iter().copied().filter(|part| args.wants(*part)).collect();
    for part in &parts {
        say(&format!("{part:?}"));
        measure(*part, args, python.as_ref(), &mut table).await?;
    }
    let names: Vec<&str> = parts.iter().flat_map(|part| part.names()).copied().collect();
    tell(&table.markdown(args.judged()))?;
    match table.missing(&names).as_slice() {
        [] => Ok(()),
        missing => Err(format!("nothing was measured for {}", missing.join(", ")).into()),
    }
}

/// Measures one part, on a contract of its own: no part finds what another has left.
async fn measure(part: Part, args: &Args, python: Option<&PathBuf>, table: &mut Table) -> Outcome<()> {
    if part == Part::Million {
        return collecting::million(table).await;
    }
    let emulator = serve(args.users(), None).await?;
    let python = python.map(PathBuf::as_path);
    match part {
        Part::Help => reports::help(&emulator, table),
        Part::Collect => collecting::collections(args, &emulator, python, table).await,
        Part::Latency => collecting::latencies(args, &emulator, table),
        Part::Faults => collecting::troubles(args, &emulator, table).await,
        Part::Days => days::days(args, &emulator, python, table).await,
        Part::Review | Part::Million => reports::review(&emulator, python, table),
    }
}

/// Serves the contract until standard input closes.
async fn wait(args: &Args) -> Outcome<()> {
    let emulator = serve(args.users(), None).await?;
    let url = emulator.base_url(emulator::Version::V6);
    tell(&format!("export IONOS_API_URL={url} IONOS_TOKEN={}", emulator.token()))?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

/// Prints a result.
fn tell(text: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Says what is going on; nobody needs to hear it.
fn say(text: &str) {
    _ = writeln!(std::io::stderr(), "{text}");
}

/// The middle of them.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn ratio(many: Duration, few: Duration) -> f64 {
    many.as_secs_f64() / few.as_secs_f64()
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "counts and bytes stay far below 2^52")]
fn whole(count: u64) -> f64 {
    count as f64
}
