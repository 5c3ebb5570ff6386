//! `keyholder history`: everything that ever happened to one user, group, resource or key.

use clap::Args;

use super::contract::ContractArg;
use super::table::ListFormat;
use super::{Context, Failure, meanings};
use crate::app::review;
use crate::exit::Exit;
use crate::store::Access;

/// Shows the events of all snapshots in which somebody or something had a part, oldest first.
#[derive(Args, Debug)]
pub struct History {
    /// An e-mail address, a name, or an id of a user, group, resource or S3 key
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
    let ids = review::find(&store, contract, &history.name).await?;
    if let [_, _, ..] = ids.as_slice() {
        tracing::warn!("{} objects have that name: {}", ids.len(), ids.join(", "));
    }
    let mut events = Vec::new();
    for id in &ids {
        events.extend(store.events_of(contract, id).await?);
    }
    events.sort_by(|a, b| (a.seq, &a.key).cmp(&(b.seq, &b.key)));
    events.dedup();
    let snapshots = store.snapshots(contract).await?;
    let mut explained = review::explain(&store, contract, events).await?;
    explained.sort_by_key(|meaning| meaning.to);
    if explained.is_empty() {
        let first = snapshots.first().map(|one| one.seq.to_string()).unwrap_or_default();
        tracing::info!("Nothing has happened to it since snapshot {first}");
    }
    let contract = (contract, context.name_of(contract));
    meanings::table(&explained, &snapshots, contract, history.format).write(
        &mut context.out,
        history.format,
        context.width,
    )?;
    Ok(Exit::Done)
}
