//! The snapshots that words on the command line name. Where only the rule of periods decides which they are, the command says which.

use super::{Context, Failure};
use crate::app::review::{Taken, described};
use crate::domain::id::ContractNumber;
use crate::domain::period::{self, Calendar, NoSnapshot, ReviewPeriod, Selected};
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;
use crate::store::StoreError;

impl Context {
    /// The present, and the zone in which months and days begin.
    pub(super) fn calendar(&self) -> Result<Calendar, Failure> {
        Ok(Calendar { now: self.seams.now(), zone: self.config()?.config.report.zone.zone() })
    }

    /// The snapshot that a word names, out of those of a contract.
    pub(super) fn select(
        &self,
        snapshots: &[Snapshot],
        contract: ContractNumber,
        asked: &str,
    ) -> Result<Snapshot, Failure> {
        let refused = |error: NoSnapshot| Failure::Store(StoreError::NoSnapshot(error));
        let Selected { snapshot, month, by_time, provisional } =
            period::select(snapshots, contract, asked, self.calendar()?).map_err(refused)?;
        if by_time {
            tracing::info!("{asked} is {}", described(snapshot));
        }
        if let Some(month) = month.filter(|_| provisional) {
            let until = to_seconds(month.end + period::MAX_WAIT);
            tracing::warn!(
                "The end of {month} is provisional: a complete snapshot before {until} can still stand for it"
            );
        }
        Ok(snapshot.clone())
    }
}

/// Says which snapshots a report is about, unless both were named by number, label or place.
pub(super) fn announce(taken: &Taken) {
    if !taken.by_rule {
        return;
    }
    tracing::info!("{}", taken.described());
    for remark in taken.period.iter().flat_map(ReviewPeriod::remarks) {
        tracing::warn!("{remark}");
    }
}
