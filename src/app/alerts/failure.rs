//! The alert of a collection that failed, whether its run had begun or not, from the command and from the service.
//!
//! A failure that repeats is alerted once a day; one with another cause, or after a snapshot, is alerted at once.

use chrono::{DateTime, TimeDelta, Utc};

use super::Announcer;
use super::announce::Happened;
use crate::domain::alert::{Details, Event};
use crate::domain::id::ContractNumber;
use crate::domain::time::to_millis;
use crate::exit::Exit;
use crate::seams::Seams;
use crate::store::outbox::Outgoing;
use crate::store::runs::RunId;
use crate::store::{Store, StoreError};

/// What fails again with the same cause, a collection or another job, is alerted once in this time.
pub const MIN_BETWEEN_EQUAL_FAILURES: TimeDelta = TimeDelta::days(1);

/// Composes the alerts of failed collections of one contract.
#[derive(Clone, Debug, Default)]
pub struct FailureAlerts {
    /// Where they go.
    pub announcer: Announcer,
    /// The name of the contract in the configuration, if it has one.
    pub contract_name: Option<String>,
    /// Its number, if that is known before anything is collected.
    pub contract: Option<ContractNumber>,
}

/// A collection that failed.
#[derive(Clone, Debug)]
pub struct FailedCollection {
    /// Its run, if one had begun.
    pub run: Option<RunId>,
    /// The code that the command ends with: failures with one code have the same cause, since which of several requests was
    /// refused first is chance.
    pub exit: Exit,
    /// The reasons in one line.
    pub reason: String,
    /// When it failed.
    pub at: DateTime<Utc>,
}

impl FailureAlerts {
    /// The alert; none if the same cause was alerted within a day and no snapshot was sealed since.
    pub async fn compose(
        &self,
        store: &Store,
        failed: &FailedCollection,
        seams: &Seams,
    ) -> Result<Option<Outgoing>, StoreError> {
        let cause = failed.exit.meaning();
        let last = store.last_failure_alert(self.contract_name.as_deref(), self.contract, cause).await?;
        if last.is_some_and(|last| failed.at - last < MIN_BETWEEN_EQUAL_FAILURES) {
            return Ok(None);
        }
        let origin = store.origin(self.contract, seams).await?;
        let details = Details {
            counts: [("cause".to_owned(), cause.to_owned())].into(),
            reason: failed.reason.clone(),
            contract_name: self.contract_name.clone().unwrap_or_default(),
            ..Details::default()
        };
        let attribute = match failed.run {
            Some(run) => format!("run {}", run.number()),
            None => {
                format!("{} before a run, {}", self.contract_name.as_deref().unwrap_or("collect"), to_millis(failed.at))
            }
        };
        let (contract, at) = (self.contract, failed.at);
        let happened = Happened { event: Event::RunFailed, contract, attribute, span: None, at, details };
        let mutes = store.mutes_at(at).await?;
        Ok(Some(self.announcer.event(&origin.id, happened, &mutes)))
    }

    /// Alerts a collection that failed before its run began. What cannot be recorded is logged: the failure itself is what
    /// the caller reports.
    pub async fn raise(&self, store: &Store, failed: &FailedCollection, seams: &Seams) {
        let raised = async {
            let outgoing = self.compose(store, failed, seams).await?;
            store.raise(outgoing.as_slice()).await
        };
        if let Err(error) = raised.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "The failed collection could not be alerted");
        }
    }
}
