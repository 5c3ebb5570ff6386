//! `keyholder collect`: one collection of one contract, or of each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::contract::{Chosen, ContractArg};
use super::gaps::lines;
use super::names::Wanted;
use super::progress::ProgressDisplay;
use super::signals::Signals;
use super::{Context, Failure};
use crate::api::recording::Listener;
use crate::app::alerts::failure::FailedCollection;
use crate::app::collect::{CollectFailure, Order, collect, exit_of, reasons};
use crate::app::heartbeat::beat;
use crate::app::preconditions::DatabaseState;
use crate::app::prepare::{CollectRequest, Prepared, prepare};
use crate::app::recording::Recording;
use crate::app::stop::Stop;
use crate::collect::CollectError;
use crate::domain::notice::Notice;
use crate::domain::severity::Severity;
use crate::domain::snapshot::Snapshot;
use crate::exit::Exit;
use crate::seams::Environment;
use crate::store::{Access, Store, StoreError};

/// So many gaps are listed by `collect` itself.
const MAX_GAPS_SHOWN: usize = 10;

/// Reads everything the credentials can see of a contract and seals it as the next snapshot.
///
/// A collection that was interrupted less than 30 minutes ago is resumed; see --fresh.
/// Reading never changes anything at IONOS. What cannot be read makes the snapshot incomplete (exit code 9); it is
/// never taken for removed.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct Collect {
    /// Which contract: a `[[contract]]` of the configuration by its name or number, or the number that is expected; a run
    /// that sees another one is refused
    #[arg(long, value_name = "NAME or NUMBER")]
    contract: Option<ContractArg>,
    /// Every `[[contract]]` of the configuration, one after the other. One that fails does not stop the others; the exit code
    /// is that of the worst outcome
    #[arg(long, conflicts_with_all = ["contract", "record"])]
    all: bool,
    /// A name for the snapshot, to find it again: a letter, then letters, digits, `.`, `_` and `-`
    #[arg(long, value_name = "NAME", value_parser = label)]
    label: Option<String>,
    /// Write every request and answer into this folder, for somebody who has to find out what went wrong. Ids, names and
    /// addresses are replaced by made-up ones, every other text by its length, and times are moved; at most
    /// `collect.max_record_mib`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Read memberships from the users' side too, and compare: one request more for each user
    #[arg(long)]
    cross_check: bool,
    /// Let things end although another principal than the accepted one collects, which may see less. Who says so is recorded
    /// with the run
    #[arg(long)]
    accept_principal: bool,
    /// Who accepts the principal; the name of the account that runs this, if not given
    #[arg(long = "by", value_name = "WHO", requires = "accept_principal")]
    person: Option<String>,
    /// Begin a new run, even if one that was interrupted less than 30 minutes ago could be resumed
    #[arg(long)]
    fresh: bool,
}

pub(super) async fn run(command: Collect, context: &mut Context) -> Result<Exit, Failure> {
    // From the first moment on: a signal has to find somebody who knows what to do.
    let mut signals = Signals::listen()?;
    let mut exits = Vec::new();
    let all = if command.all { context.all()? } else { vec![context.chosen(command.contract.as_ref())?] };
    // Opened when the first client is ready: without credentials the database stays untouched.
    let mut opened = None;
    for chosen in &all {
        let outcome = one(&command, chosen, &mut opened, &mut signals, context).await;
        match outcome.map_err(|failure| failure.of_contract(chosen.config.as_ref())) {
            Ok(exit) => exits.push(exit),
            Err(failure) if all.len() == 1 || failure.is_signal() => {
                close(opened).await;
                return Err(failure);
            }
            Err(failure) => {
                failure.tell(&mut io::stderr().lock())?;
                exits.push(failure.exit());
            }
        }
    }
    close(opened).await;
    Ok(Exit::worst(exits))
}

async fn close(opened: Option<Store>) {
    if let Some(store) = opened {
        store.close().await;
    }
}

/// Collects one contract and says what came of it.
async fn one(
    command: &Collect,
    chosen: &Chosen,
    opened: &mut Option<Store>,
    signals: &mut Signals,
    context: &mut Context,
) -> Result<Exit, Failure> {
    let request = request(command, chosen, &context.environment);
    let Prepared { client, settings, order, heartbeat } = match ready(&request, opened.is_some(), context) {
        Ok(ready) => ready,
        Err(failure) => {
            alert(&request, &failure, opened, context).await;
            return Err(failure);
        }
    };
    let store = match opened {
        Some(store) => &*store,
        None => opened.insert(context.store(Access::Write).await?),
    };
    let max_bytes = context.config()?.config.collect.max_record_mib << 20;
    let recording = command.record.as_deref().map(|folder| Recording::begin(folder, &settings, max_bytes)).transpose();
    let recording = recording.map_err(Failure::Record)?.map(Arc::new);
    let client = match &recording {
        Some(recording) => client.recorded(Arc::clone(recording) as Arc<dyn Listener>)?,
        None => client,
    };
    let stop = Stop::default();
    let order = Order { stop: stop.clone(), ..order };
    let name = chosen.config.as_ref().map(|contract| format!(" for contract {}", contract.name)).unwrap_or_default();
    tracing::info!("Collecting from {}{name}", settings.base);
    let bar = ProgressDisplay::new(context.progress);
    let outcome = signals.obey(&stop, collect(store, &client, &context.seams, order, &|at| bar.show(at))).await;
    bar.finish();
    let recorded = match (&recording, &command.record) {
        (Some(recording), Some(folder)) => end_recording(recording, folder),
        _ => Exit::Done,
    };
    let snapshot = match outcome? {
        (Ok(snapshot), _) => snapshot,
        (Err(CollectFailure::Walk(CollectError::Stopped)), Some(signal)) => return Err(Failure::Stopped { signal }),
        (Err(failure), _) => return Err(failure.into()),
    };
    let name = chosen.config.as_ref().map(|contract| contract.name.as_str());
    let title =
        name.map_or_else(|| context.title_of(snapshot.contract), |name| format!("{} ({name})", snapshot.contract));
    context.line(&snapshot.summary_of(&title))?;
    if let Some(heartbeat) = heartbeat.filter(|_| snapshot.is_complete()) {
        beat(&heartbeat, &context.seams).await;
    }
    Ok(Exit::worst([report(store, &snapshot, context).await?, recorded]))
}

/// Says how a recording ended. One that is not complete does not undo what was sealed.
fn end_recording(recording: &Recording, folder: &Path) -> Exit {
    match recording.end() {
        Ok(0) => {
            tracing::info!("Recorded what was asked and answered in {}", folder.display());
            Exit::Done
        }
        Ok(left_out) => {
            let folder = folder.display();
            tracing::warn!(
                "The recording in {folder} is full: {left_out} exchanges are not in it; see collect.max_record_mib"
            );
            Exit::Done
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "The recording is not complete");
            Exit::Output
        }
    }
}

fn request(command: &Collect, chosen: &Chosen, environment: &Environment) -> CollectRequest {
    CollectRequest {
        contract: chosen.config.clone(),
        number: chosen.number,
        label: command.label.clone(),
        cross_check: command.cross_check,
        fresh: command.fresh,
        accept_principal: command.accept_principal.then(|| accepting_person(command, environment)),
    }
}

/// All that has to be in order before anything is asked.
fn ready(request: &CollectRequest, is_open: bool, context: &Context) -> Result<Prepared, Failure> {
    let state = if is_open { DatabaseState::Open } else { DatabaseState::Closed };
    Ok(prepare(context.config()?, &context.environment, request, &context.seams, state)?)
}

/// Alerts a collection that cannot begin, as the service does. Where there is no database yet, or none that can be written,
/// nothing is alerted.
async fn alert(request: &CollectRequest, failure: &Failure, opened: &mut Option<Store>, context: &Context) {
    let Ok(loaded) = context.config() else { return };
    let is_there = loaded.database().is_ok_and(Path::exists);
    let is_unwritable = matches!(failure, Failure::Store(error) if !matches!(error, StoreError::Cramped { .. }));
    if opened.is_none() && is_there && !is_unwritable {
        match context.store(Access::Write).await {
            Ok(store) => *opened = Some(store),
            Err(error) => tracing::warn!("The failed collection could not be alerted: {}", reasons(&error)),
        }
    }
    if let Some(store) = opened {
        let (exit, reason, at) = (failure.exit(), reasons(failure), context.seams.now());
        let failed = FailedCollection { run: None, exit, reason, at };
        request.failure_alerts(&loaded.config).raise(store, &failed, &context.seams).await;
    }
}

/// The person who accepts another principal: the one who is named, or the account that runs this.
fn accepting_person(command: &Collect, environment: &Environment) -> String {
    let named = command.person.as_deref().and_then(not_blank).or_else(|| account(environment));
    named.unwrap_or("an account without a name").to_owned()
}

/// The name of the account that runs this.
fn account(environment: &Environment) -> Option<&str> {
    ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| environment.get(name).and_then(not_blank))
}

fn not_blank(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Says what the run noticed and could not see.
async fn report(store: &Store, snapshot: &Snapshot, context: &Context) -> Result<Exit, Failure> {
    let coverage = store.coverage(snapshot.contract, snapshot.seq).await?;
    let notices = store.notices(snapshot.contract, snapshot.seq).await?;
    tell(&notices);
    for line in named(store, snapshot, &notices).await? {
        context.remark(&line)?;
    }
    let exit = exit_of(snapshot);
    if exit == Exit::Done {
        return Ok(exit);
    }
    let (all, complete) = coverage.totals();
    tracing::warn!("The population is INCOMPLETE: {complete} of {all} scopes were read to their end");
    let gaps: Vec<_> = coverage.gaps.iter().filter(|gap| gap.status.is_gap()).collect();
    let shown = &gaps[..gaps.len().min(MAX_GAPS_SHOWN)];
    for line in lines(store, snapshot.contract, snapshot.seq, shown).await? {
        context.remark(&format!("not complete: {line}"))?;
    }
    if gaps.len() > MAX_GAPS_SHOWN {
        context.remark(&format!("and {} more; `keyholder snapshots show` lists them", gaps.len() - MAX_GAPS_SHOWN))?;
    }
    Ok(exit)
}

/// Tells what the run noticed: what deserves a look as a warning, the rest in passing.
fn tell(notices: &[Notice]) {
    for notice in notices {
        let of = notice.scope().map(|scope| format!("{scope}: ")).unwrap_or_default();
        if notice.severity() >= Severity::Medium {
            tracing::warn!("{of}{notice}");
        } else {
            tracing::info!("{of}{notice}");
        }
    }
}

/// What the objects are called that the notices name by their ids only: the log has no names of persons.
async fn named(store: &Store, snapshot: &Snapshot, notices: &[Notice]) -> Result<Vec<String>, StoreError> {
    let mut wanted = Wanted::default();
    wanted.notices(notices);
    Ok(wanted.names(store, snapshot.contract, snapshot.seq).await?.lines())
}

/// A label must not be mistaken for a number, a date or a word with a meaning.
fn label(text: &str) -> Result<String, String> {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !is_word || text.len() > 64 || ["latest", "previous"].contains(&text) {
        return Err(
            "expected a letter, then up to 63 letters, digits, '.', '_' or '-'; not `latest` or `previous`".into()
        );
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: [(&str, &str); 3], expected: Option<&str>) {
        assert_eq!(account(&Environment::of(variables)), expected, "{variables:?}");
    }

    #[test]
    fn a_blank_name_of_an_account_is_none() {
        check([("SUDO_USER", "ann"), ("USER", "root"), ("LOGNAME", "root")], Some("ann"));
        check([("SUDO_USER", " "), ("USER", "bob\r\n"), ("LOGNAME", "eve")], Some("bob"));
        check([("SUDO_USER", ""), ("USER", "\t"), ("LOGNAME", "eve")], Some("eve"));
        check([("SUDO_USER", ""), ("USER", ""), ("LOGNAME", "\r\n")], None);
    }
}
