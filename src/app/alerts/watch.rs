//! Alerts of what does not happen: no complete snapshot for too long, a token that ends.

use chrono::{DateTime, Utc};

use super::Announcer;
use super::announce::Happened;
use crate::app::freshness::{ContractStatus, Expectations, Freshness};
use crate::domain::alert::{Details, Event};
use crate::domain::id::ContractNumber;
use crate::domain::time::to_seconds;
use crate::seams::Seams;
use crate::store::{Store, StoreError};

/// Alerts every contract that is overdue. Once for each such gap: the next one begins with the next complete snapshot.
pub async fn raise_overdue(
    store: &Store,
    announcer: &Announcer,
    expected: &Expectations,
    seams: &Seams,
) -> Result<(), StoreError> {
    let now = seams.now();
    let judged = expected.judge(store, now).await?;
    // Where nothing was ever planned or tried there is no time since when it is late.
    let overdue = judged.into_iter().filter(|one| one.freshness == Freshness::Overdue && one.deadline.is_some());
    for ContractStatus { name, contract, complete, .. } in overdue {
        let name = name.unwrap_or_default();
        let (attribute, reason) = match complete {
            Some((seq, at)) => {
                (format!("after snapshot {seq}"), format!("the last complete snapshot is {seq} of {}", to_seconds(at)))
            }
            None => (
                format!("no complete snapshot {name}").trim_end().to_owned(),
                "there has been no complete snapshot yet".to_owned(),
            ),
        };
        let details = Details { reason, contract_name: name, ..Details::default() };
        raise(store, announcer, (Event::CollectionOverdue, contract, attribute, details), now, seams).await?;
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
    let details = Details { reason, ..Details::default() };
    raise(store, announcer, (Event::CredentialsExpire, contract, attribute, details), now, seams).await
}

async fn raise(
    store: &Store,
    announcer: &Announcer,
    (event, contract, attribute, details): (Event, Option<ContractNumber>, String, Details),
    at: DateTime<Utc>,
    seams: &Seams,
) -> Result<(), StoreError> {
    let origin = store.origin(contract, seams).await?;
    let mutes = store.mutes_at(at).await?;
    let happened = Happened { event, contract, attribute, span: None, at, details };
    store.raise(&[announcer.event(&origin.id, happened, &mutes)]).await.map(drop)
}
