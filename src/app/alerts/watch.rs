//! Alerts of what does not happen: no complete snapshot for too long, a token that ends.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Announcer;
use super::announce::Happened;
use crate::domain::alert::{Details, Event};
use crate::domain::id::ContractNumber;
use crate::domain::time::to_seconds;
use crate::seams::Seams;
use crate::store::{Store, StoreError};

/// Alerts every contract of the database that has had no complete snapshot for longer than `after`. Once for each such gap:
/// the next one begins with the next complete snapshot.
pub async fn raise_overdue(
    store: &Store,
    announcer: &Announcer,
    after: Duration,
    seams: &Seams,
) -> Result<(), StoreError> {
    let now = seams.now();
    let after = TimeDelta::from_std(after).unwrap_or(TimeDelta::MAX);
    for contract in store.contracts().await? {
        let snapshots = store.snapshots(contract).await?;
        let last = snapshots.iter().rev().find(|snapshot| snapshot.is_complete());
        let since = last.or(snapshots.first()).map(|snapshot| snapshot.finished);
        if since.is_none_or(|since| now - since <= after) {
            continue;
        }
        let (attribute, reason) = match last {
            Some(last) => (
                format!("after snapshot {}", last.seq),
                format!("the last complete snapshot is {} of {}", last.seq, to_seconds(last.finished)),
            ),
            None => ("no complete snapshot".to_owned(), "there has been no complete snapshot yet".to_owned()),
        };
        raise(store, announcer, (Event::CollectionOverdue, Some(contract), attribute, reason), now, seams).await?;
    }
    Ok(())
}

/// Alerts that the token of a contract ends soon, or has ended. Once for each token.
pub async fn raise_expiry(
    store: &Store,
    announcer: &Announcer,
    contract: Option<ContractNumber>,
    ends: DateTime<Utc>,
    seams: &Seams,
) -> Result<(), StoreError> {
    let now = seams.now();
    let (attribute, reason) = if ends <= now {
        (format!("ended {}", to_seconds(ends)), format!("the token ended on {}", to_seconds(ends)))
    } else {
        (format!("ends {}", to_seconds(ends)), format!("the token ends on {}", to_seconds(ends)))
    };
    raise(store, announcer, (Event::CredentialsExpire, contract, attribute, reason), now, seams).await
}

async fn raise(
    store: &Store,
    announcer: &Announcer,
    (event, contract, attribute, reason): (Event, Option<ContractNumber>, String, String),
    at: DateTime<Utc>,
    seams: &Seams,
) -> Result<(), StoreError> {
    let origin = store.origin(contract, seams).await?;
    let mutes = store.mutes_at(at).await?;
    let details = Details { reason, ..Details::default() };
    let happened = Happened { event, contract, attribute, span: None, at, details };
    store.raise(&[announcer.event(&origin.id, happened, &mutes)]).await.map(drop)
}
