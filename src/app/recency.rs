//! How recent a snapshot is: what the store recorded after it, and whether the next one is overdue.

use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::recency::{Horizon, Recency, next_due};
use crate::domain::snapshot::Snapshot;
use crate::store::{Store, StoreError};

/// What happened within a horizon that none of the contract's snapshots shows.
pub async fn recency(
    store: &Store,
    snapshots: &[Snapshot],
    horizon: &Horizon,
    overdue_after: Duration,
) -> Result<Recency, StoreError> {
    let Horizon { after, until, is_present, is_followed } = horizon;
    let (until, is_followed) = (*until, *is_followed);
    let failed = store.failed_attempts(after, until).await?;
    if !*is_present {
        return Ok(Recency { is_followed, failed, ..Recency::recent(after.finished) });
    }
    let known = snapshots.iter().rposition(|one| one.seq <= after.seq).map_or(0, |last| last + 1);
    let overdue_after = TimeDelta::from_std(overdue_after).unwrap_or(TimeDelta::MAX);
    Ok(Recency {
        collected: after.finished,
        is_followed,
        overdue_since: next_due(&snapshots[..known], overdue_after).filter(|due| *due < until),
        failed,
        stopped: store.stopped_schedule(after, until).await?,
        replaced: store.replacing_contract(after, until).await?,
    })
}
