//! `keyholder demo`: the whole job without an account.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::progress::Bar;
use super::table::visible;
use super::{Context, Failure};
use crate::app::demo::{self, Outcome};
use crate::config::Origin;
use crate::domain::change::Meaning;
use crate::domain::severity::Severity;
use crate::exit::Exit;

/// Changes that the summary lists by name.
const LISTED: usize = 12;

/// Starts the emulator, collects a made-up contract five times over a simulated month, and writes the reports.
#[derive(Args, Debug)]
pub struct Demo {
    /// How many users the contract has
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(24..=200_000))]
    users: u32,
    /// Where the database and the reports go
    #[arg(long, value_name = "FOLDER", default_value = "./keyholder-demo")]
    dir: PathBuf,
    /// Same seed, same contract
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) async fn run(command: Demo, context: &mut Context) -> Result<Exit, Failure> {
    let plan = demo::Demo { users: command.users as usize, seed: command.seed, folder: command.dir };
    if matches!(context.loaded.as_ref().map(|loaded| loaded.origin("store.path")), Ok(Origin::Flag(_))) {
        tracing::warn!("The demonstration keeps a database of its own in --dir; the one named by --db is not used");
    }
    let bar = Bar::new(context.progress);
    let outcome = demo::run(&plan, &context.seams, &|at| bar.show(at)).await;
    bar.finish();
    let outcome = outcome?;
    for line in summary(&outcome) {
        context.line(&line)?;
    }
    Ok(Exit::Done)
}

fn summary(outcome: &Outcome) -> Vec<String> {
    let mut lines = vec![format!("Collected {} snapshots over a simulated month:", outcome.snapshots.len())];
    lines.extend(
        outcome
            .snapshots
            .iter()
            .map(|snapshot| format!("  {}  {}", snapshot.finished.format("%Y-%m-%d"), snapshot.summary())),
    );
    if let Some(comparison) = &outcome.input.comparison {
        let all: Vec<&Meaning> = comparison.net.iter().chain(&comparison.in_between).collect();
        let mut worst: Vec<(&Meaning, &str)> = comparison.net.iter().map(|meaning| (meaning, "")).collect();
        worst.extend(comparison.in_between.iter().map(|meaning| (meaning, " (in between)")));
        worst.retain(|(meaning, _)| meaning.severity >= Severity::High);
        worst.sort_by_key(|(meaning, _)| Reverse(meaning.severity));
        lines.push(String::new());
        lines.push(format!("What changed in that month: {}", counted(&all)));
        lines.extend(worst.iter().take(LISTED).map(|(meaning, when)| format!("  {}{when}", sentence(meaning))));
        let left = worst.len().saturating_sub(LISTED);
        if left > 0 {
            lines.push(format!("  … and {left} more of high severity or above, in the change report"));
        }
    }
    lines.push(String::new());
    lines.push("Open next:".to_owned());
    lines.extend(outcome.reports.iter().map(|path| format!("  {}", path.display())));
    lines.push(format!("  {}", outcome.database.display()));
    lines.push(String::new());
    lines.push(format!("And look around in the database: keyholder --db {} diff 1 latest", outcome.database.display()));
    lines
}

fn counted(changes: &[&Meaning]) -> String {
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    for change in changes {
        *counts.entry(change.severity).or_default() += 1;
    }
    let words: Vec<String> = Severity::DESCENDING
        .into_iter()
        .filter_map(|severity| counts.get(&severity).map(|count| format!("{count} {severity}")))
        .collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn sentence(change: &Meaning) -> String {
    let object = change.object.as_ref().map(|object| format!(" / {}", object.label)).unwrap_or_default();
    let field = if change.field.is_empty() { String::new() } else { format!(" ({})", change.field) };
    visible(&format!(
        "{:<9} {}: {}{object}{field}",
        change.severity.to_string(),
        change.class.title(),
        change.subject.label
    ))
}
