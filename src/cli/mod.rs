//! The command line: one file per command. Data goes to standard output, everything else to standard error.
//!
//! The only place that knows terminals and exit codes.

mod alerts;
mod arguments;
mod backup;
mod certificate;
mod collect;
pub mod completions;
pub mod config;
mod context;
mod contract;
mod demo;
mod diff;
pub mod doctor;
mod emulate;
mod failure;
mod gaps;
mod history;
mod json;
pub mod man;
mod meanings;
mod names;
mod process;
mod progress;
mod recency;
mod report;
mod restore;
mod select;
mod service;
mod signals;
mod sinks;
mod snapshots;
mod status;
mod table;
mod terminal;

use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

pub use arguments::parse;
pub use context::Context;
pub use failure::Failure;
pub use process::{log_unprotected, prepare as prepare_process, protect as protect_process};

use crate::exit::Exit;

/// Who holds which keys to an IONOS Cloud contract, what changed since last time, and the proof of it.
#[derive(Debug, Parser)]
#[command(name = "keyholder", version, max_term_width = 80, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Try `keyholder demo` first: it needs no account. Exit codes, files and variables: `keyholder man`."
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Configuration file [env: `KEYHOLDER_CONFIG`] [default: `keyholder/config.toml` in `$XDG_CONFIG_HOME` or `~/.config`]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Database file [env: `KEYHOLDER_DB`] [default: `keyholder/keyholder.db` in `$XDG_STATE_HOME` or `~/.local/state`]
    #[arg(long, global = true, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Say less on standard error: errors only, twice for nothing
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub quiet: u8,
    /// Say more on standard error; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole job on a made-up contract: collect, a month of changes, collect again, reports
    Demo(demo::Demo),
    /// Collect a contract once and seal the snapshot
    Collect(collect::Collect),
    /// List snapshots, or look at one
    #[command(subcommand)]
    Snapshots(snapshots::Snapshots),
    /// Show what differs between two snapshots
    Diff(diff::Diff),
    /// Show everything that ever happened to a user, group, resource or key
    History(history::History),
    /// Write a report
    Report(report::Report),
    /// List, deliver, retry and mute alerts
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    /// Test where alerts go
    #[command(subcommand)]
    Sinks(sinks::Sinks),
    /// Copy the database while it is in use, and verify the copy
    Backup(backup::Backup),
    /// Write a verified copy of a backup as the database
    Restore(restore::Restore),
    /// Run the jobs of the configuration on their schedules
    Service(service::Service),
    /// Show what the service ran, what is next, and what needs a person
    Status(status::Status),
    /// Serve a made-up contract through the same API, on this machine only
    Emulate(emulate::Emulate),
    /// Check or show the configuration
    Config(config::Args),
    /// Find out why something does not work
    Doctor(doctor::Args),
    /// Print completions for a shell
    Completions(completions::Args),
    /// Print a manual page, or write those of all commands
    Man(man::Args),
}

impl Command {
    /// The threads that it runs on: one for everything that asks questions, since handing each answer to another thread costs
    /// as much as reading it; several for a server, which has many who ask.
    pub fn runtime(&self) -> tokio::runtime::Builder {
        match self {
            Self::Emulate(_) => tokio::runtime::Builder::new_multi_thread(),
            _ => tokio::runtime::Builder::new_current_thread(),
        }
    }
}

/// Says what is odd about the settings without being wrong, where a command works by them and does not say it itself.
fn remark_on_settings(command: &Command, context: &Context) {
    let says_itself = matches!(command, Command::Config(_) | Command::Doctor(_));
    let has_none =
        matches!(command, Command::Demo(_) | Command::Emulate(_) | Command::Completions(_) | Command::Man(_));
    if let Ok(loaded) = &context.loaded
        && !says_itself
        && !has_none
    {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
    }
}

/// Runs a command to its end.
pub async fn run(command: Command, context: &mut Context) -> Result<Exit, Failure> {
    remark_on_settings(&command, context);
    match command {
        Command::Demo(demo) => demo::run(demo, context).await,
        Command::Collect(collect) => collect::run(collect, context).await,
        Command::Snapshots(snapshots) => snapshots::run(snapshots, context).await,
        Command::Diff(diff) => diff::run(diff, context).await,
        Command::History(history) => history::run(history, context).await,
        Command::Report(report) => report::run(report, context).await,
        Command::Alerts(command) => alerts::run(command, context).await,
        Command::Sinks(command) => sinks::run(command, context).await,
        Command::Backup(backup) => backup::run(backup, context).await,
        Command::Restore(restore) => restore::run(restore, context).await,
        Command::Service(service) => service::run(service, context).await,
        Command::Status(status) => status::run(status, context).await,
        Command::Emulate(emulate) => emulate::run(emulate, context).await,
        Command::Config(command) => {
            config::run(&command, &context.loaded, &mut context.out, &mut io::stderr())?;
            Ok(Exit::Done)
        }
        Command::Doctor(command) => {
            let Context { loaded, environment, seams, out, .. } = context;
            Ok(doctor::run(&command, loaded, environment, seams, out).await?)
        }
        Command::Completions(command) => {
            completions::run(&command, Cli::command(), &mut context.out)?;
            Ok(Exit::Done)
        }
        Command::Man(command) => man::run(&command, Cli::command(), &mut context.out),
    }
}

/// Whoever built this by mistake has to notice before the first secret is stored.
#[cfg(feature = "unredacted")]
#[expect(clippy::print_stderr, reason = "before logging is configured, and whatever it is configured to")]
pub fn say_unredacted() {
    eprintln!(
        "WARNING: this is a test build with the feature `unredacted`: it STORES THE SECRETS of S3 keys. Do not use it."
    );
}
