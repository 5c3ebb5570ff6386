//! Which contract a walk sees: the word of the API in this walk, never only that of the command line.
//!
//! Without it nothing may be sealed: the users of one contract under the number of another would be additions and removals
//! that never happened.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::CollectError;
use super::reading::effort;
use crate::api::operation::CONTRACTS;
use crate::api::wire::{ConvertError, Notes, contract};
use crate::api::{Answer, Error, Fault, Target};
use crate::domain::contract::Contract;
use crate::domain::coverage::Effort;
use crate::domain::id::ContractNumber;

/// A contract that the API lists.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Confirmed {
    pub(super) contract: Contract,
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    pub(super) notes: Notes,
    pub(super) effort: Effort,
    /// By how many seconds the server's clock was ahead of ours when it answered; negative if it was behind.
    pub(super) ahead: Option<i64>,
}

/// The contract to walk among those that the API lists.
pub(super) fn confirmed(
    answer: Result<Answer<Option<Vec<contract::Contract>>>, Error>,
    wanted: Option<ContractNumber>,
    target: &Arc<Target>,
) -> Result<Confirmed, CollectError> {
    let not_confirmed = |error: Box<Error>| match wanted {
        Some(expected) => CollectError::NotConfirmed { expected, error },
        None => CollectError::NoContract(error),
    };
    let Answer { value, notes, receipt } = match answer {
        Ok(answer) => answer,
        // Refused credentials are that, whatever was asked for.
        Err(error) if matches!(error.fault, Fault::Unauthorised { .. }) => {
            return Err(CollectError::Refused(Box::new(error)));
        }
        Err(error) => return Err(not_confirmed(Box::new(error))),
    };
    let useless = |fault| {
        not_confirmed(Box::new(Error {
            operation: CONTRACTS,
            target: Arc::clone(target),
            attempts: receipt.attempts,
            sent_at: receipt.sent_at,
            fault,
        }))
    };
    let listed = value.ok_or_else(|| useless(Fault::NotExpanded))?;
    let effort = effort(&receipt, listed.len());
    let listed: Result<Vec<Contract>, ConvertError> = listed.into_iter().map(contract::Contract::into_domain).collect();
    let contract = choose(listed.map_err(|error| useless(error.into()))?, wanted)?;
    let ahead = receipt.server_date.map(|date| (date - receipt.answered_at).num_seconds());
    Ok(Confirmed { contract, notes, effort, ahead })
}

/// Refuses to walk where our clock and the API's differ by more than `max_skew`.
pub(super) fn refuse_skew(ahead: Option<i64>, max_skew: Option<Duration>) -> Result<(), CollectError> {
    match (ahead, max_skew) {
        (Some(ahead), Some(max)) if ahead.unsigned_abs() > max.as_secs() => Err(CollectError::ClocksDiffer { ahead }),
        _ => Ok(()),
    }
}

/// The contract to walk among those that are listed.
fn choose(listed: Vec<Contract>, wanted: Option<ContractNumber>) -> Result<Contract, CollectError> {
    let mut numbers: Vec<ContractNumber> = listed.iter().map(|contract| contract.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    match (wanted, numbers.as_slice()) {
        (Some(expected), _) => {
            let found = listed.into_iter().rfind(|contract| contract.number == expected);
            found.ok_or(CollectError::AnotherContract { expected, listed: numbers })
        }
        (None, [_]) => listed.into_iter().next_back().ok_or(CollectError::NoneListed),
        (None, []) => Err(CollectError::NoneListed),
        (None, _) => Err(CollectError::SeveralContracts(numbers)),
    }
}
