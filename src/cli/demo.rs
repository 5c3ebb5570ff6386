//! `keyholder demo`: the whole job without an account.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::progress::ProgressDisplay;
use super::{Context, Failure};
use crate::app::demo::{self, Arrived, Outcome};
use crate::config::Origin;
use crate::domain::change::Meaning;
use crate::domain::severity::Severity;
use crate::domain::untrusted::visible;
use crate::exit::Exit;

/// Items that the summary lists of one digest.
const LISTED_OF_A_DIGEST: usize = 2;

/// Changes and alerts that the summary lists by name.
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
    let bar = ProgressDisplay::new(context.progress);
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
    lines.extend(arrived(&outcome.alerts));
    lines.push(String::new());
    lines.push("Open next:".to_owned());
    lines.extend(outcome.reports.iter().map(|path| format!("  {}", path.display())));
    lines.push(format!("  {}", outcome.database.display()));
    lines.push(String::new());
    lines.push(format!("And look around in the database: keyholder --db {} diff 1 latest", outcome.database.display()));
    lines
}

/// The alerts, as they arrived at a receiver while the month went by.
fn arrived(alerts: &[Arrived]) -> Vec<String> {
    let mut lines = vec![String::new(), format!("What arrived at a webhook meanwhile: {} messages", alerts.len())];
    for alert in alerts.iter().take(LISTED) {
        let day = alert.raised_at.get(..10).unwrap_or_default();
        lines.push(visible(&format!("  {day}  {:<9} {}", alert.severity.to_string(), alert.headline)).into_owned());
        let shown = alert.items.iter().take(LISTED_OF_A_DIGEST);
        lines.extend(shown.map(|item| format!("                        {}", visible(&item.headline))));
        if alert.items.len() > LISTED_OF_A_DIGEST {
            lines.push(format!("                        … and {} more", alert.items.len() - LISTED_OF_A_DIGEST));
        }
    }
    if alerts.len() > LISTED {
        lines.push(format!("  … and {} more", alerts.len() - LISTED));
    }
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
    .into_owned()
}
