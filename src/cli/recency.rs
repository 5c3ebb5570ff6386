//! What no snapshot shows, said by the commands that compare them: a warning each, whatever the format of the data.

use super::{Context, Failure};
use crate::app::recency::recency;
use crate::domain::recency::{Horizon, Recency};
use crate::domain::snapshot::Snapshot;
use crate::store::Store;

impl Context {
    /// Warns of what happened after a snapshot, out of those of its contract, that was named by that word. True if the
    /// snapshot is older than its period.
    pub(super) async fn warn_outdated(
        &self,
        store: &Store,
        snapshots: &[Snapshot],
        current: &Snapshot,
        asked: &str,
    ) -> Result<bool, Failure> {
        let horizon = Horizon::of(Some(asked), current, snapshots, self.calendar()?);
        let overdue_after = self.config()?.config.alerts.overdue_after;
        let recency = recency(store, snapshots, &horizon, overdue_after).await?;
        warn(&recency, &self.title_of(current.contract));
        Ok(recency.is_outdated())
    }
}

/// One warning for each thing that happened.
pub(super) fn warn(recency: &Recency, contract: &str) {
    for sentence in recency.sentences() {
        tracing::warn!("Contract {contract}: {sentence}");
    }
}
