//! `keyholder diff`: what differs between two snapshots.

use clap::Args;

use super::contract::ContractArg;
use super::table::ListFormat;
use super::{Context, Failure, meanings};
use crate::analyse::in_between::in_between;
use crate::app::review::{self, ReviewError};
use crate::domain::change::Meaning;
use crate::domain::notice::Notice;
use crate::domain::severity::Severity;
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::store::Access;

/// What is compared with where nothing is named.
const PREVIOUS: &str = "previous";

/// Shows what differs between two snapshots. A snapshot is a number, `latest`, `previous`, a label, a month such as
/// 2026-11 (the one that stands for its end), a date (its last snapshot up to the end of that day) or an RFC 3339 time.
#[derive(Args, Debug)]
pub struct Diff {
    /// The earlier snapshot
    #[arg(default_value = PREVIOUS)]
    from: String,
    /// The later snapshot
    #[arg(default_value = "latest")]
    to: String,
    /// Also list what came and went in between
    #[arg(long)]
    in_between: bool,
    /// Only changes of at least this severity: critical, high, medium, low, info
    #[arg(long, value_name = "SEVERITY", default_value = "info")]
    severity: Severity,
    /// Exit with 10 to 13 if a listed change is at least this severe
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// Which contract, if the database has several
    #[arg(long, value_name = "NAME or NUMBER")]
    contract: Option<ContractArg>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

pub(super) async fn run(diff: Diff, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    let contract = context.contract(&store, diff.contract.as_ref()).await?;
    let snapshots = store.snapshots(contract).await?;
    let to = context.select(&snapshots, contract, &diff.to)?;
    let from = if let ([only], PREVIOUS) = (&*snapshots, &*diff.from) {
        let day = to_seconds(only.finished);
        tracing::info!("Contract {contract} has one snapshot, of {day}: there is nothing to compare it with yet");
        only.clone()
    } else {
        context.select(&snapshots, contract, &diff.from)?
    };
    if from.seq > to.seq {
        return Err(ReviewError::Backwards { as_of: to.seq, since: from.seq }.into());
    }
    let changes = store.net(contract, from.seq, to.seq).await?;
    let mut found: Vec<Meaning> = review::understand(&store, contract, &changes, from.seq, to.seq).await?;
    if diff.in_between {
        let events = review::events(&store, contract, from.seq, to.seq).await?;
        let hidden = in_between(&events, &found);
        found.extend(hidden);
    }
    let all = found.len();
    found.retain(|meaning| meaning.severity >= diff.severity);
    match (all, found.len()) {
        (0, _) if snapshots.len() == 1 => {}
        (0, _) => tracing::info!("Snapshots {} and {} do not differ", from.seq, to.seq),
        (all, 0) => tracing::info!("None of the {all} changes is of severity {} or above", diff.severity),
        _ => {}
    }
    for incomplete in [&from, &to].into_iter().filter(|one| !one.is_complete()) {
        tracing::warn!(
            "Snapshot {} is INCOMPLETE: what it could not see is carried from before, not reported as removed",
            incomplete.seq
        );
    }
    for notice in store.notices(contract, to.seq).await? {
        if matches!(notice, Notice::AttributeUnknown { .. }) {
            tracing::warn!("Snapshot {}: {notice}", to.seq);
        }
    }
    if !context.name_of(contract).is_empty() {
        tracing::info!("Contract {}: snapshot {} compared with {}", context.title_of(contract), to.seq, from.seq);
    }
    let contract = (contract, context.name_of(contract));
    meanings::table(&found, &snapshots, contract, diff.format).write(&mut context.out, diff.format, context.width)?;
    let worst = found.iter().map(|meaning| meaning.severity).max();
    Ok(match (diff.fail_on, worst) {
        (Some(threshold), Some(worst)) if worst >= threshold => Exit::found(worst),
        _ => Exit::Done,
    })
}
