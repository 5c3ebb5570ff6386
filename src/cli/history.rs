//! `keyholder history`: everything that ever happened to one user, group, resource or key.

use clap::Args;

use super::contract::ContractArg;
use super::meanings::{self, Beside, Line, View};
use super::table::ListFormat;
use super::{Context, Failure};
use crate::app::review;
use crate::app::search::{self, Namesakes};
use crate::domain::id::Seq;
use crate::exit::Exit;
use crate::store::Access;

/// Shows the state of an object in the first snapshot, and the events of all later ones in which it had a part,
/// oldest first.
#[derive(Args, Debug)]
pub struct History {
    /// An e-mail address, a name, or an id of a user, group, resource or S3 key, or a part of one that only one object has
    name: String,
    /// Which contract, if the database has several
    #[arg(long, value_name = "NAME or NUMBER")]
    contract: Option<ContractArg>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

pub(super) async fn run(history: History, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    let contract = context.contract(&store, history.contract.as_ref()).await?;
    let hit = search::find(&store, contract, &history.name, None).await?;
    if !hit.is_called(&history.name) {
        tracing::info!("{:?} is {} {} ({})", history.name, hit.kind, hit.id, hit.names.join(", "));
    }
    let snapshots = store.snapshots(contract).await?;
    let mut lines = Vec::new();
    if let Some(first) = snapshots.first() {
        let present = store.facts_of(contract, &hit.id, first.seq).await?;
        let present = review::understand(&store, contract, &present, Seq(0), first.seq).await?;
        lines.extend(present.into_iter().map(|meaning| Line { view: View::Baseline, meaning }));
    }
    let events = store.events_of(contract, &hit.id).await?;
    let mut explained = review::explain(&store, contract, events).await?;
    explained.sort_by_key(|meaning| meaning.to);
    if explained.is_empty() {
        let first = snapshots.first().map(|one| one.seq.to_string()).unwrap_or_default();
        tracing::info!("Nothing has happened to it since snapshot {first}");
    }
    lines.extend(explained.into_iter().map(|meaning| Line { view: View::Event, meaning }));
    let namesakes = match history.format {
        ListFormat::Table => Namesakes::of(&store, contract).await?,
        ListFormat::Csv | ListFormat::Json => Namesakes::default(),
    };
    let beside = Beside { snapshots: &snapshots, contract: (contract, context.name_of(contract)), namesakes };
    meanings::table(&lines, &beside, history.format).write(&mut context.out, history.format, context.width)?;
    Ok(Exit::Done)
}
