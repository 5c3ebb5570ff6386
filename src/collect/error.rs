//! Why a walk ends without anything to seal. Everything less is a gap in the coverage, not an error.

use super::journal::JournalError;
use crate::api::{Error, Fault};
use crate::domain::id::ContractNumber;

/// A walk that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// 401: the walk stops at the first one.
    #[error("walk the contract: credentials refused")]
    Refused(#[source] Box<Error>),
    /// The contract number was not given and could not be read.
    #[error("learn the contract number")]
    NoContract(#[source] Box<Error>),
    /// The contract number was not given and no contract with a number is listed.
    #[error("learn the contract number: none is listed")]
    NoneListed,
    /// The contract number was not given and the credentials see more than one contract.
    #[error("learn the contract number: the credentials see {}, say which one to walk", list(.0))]
    SeveralContracts(Vec<ContractNumber>),
    /// The credentials see contracts, but not the given one.
    #[error("find contract {expected}: the credentials see {}", list(.listed))]
    AnotherContract {
        /// The number that was given.
        expected: ContractNumber,
        /// The numbers that are listed.
        listed: Vec<ContractNumber>,
    },
    /// The contract number was given, but the contracts that the credentials see could not be read: what would be seen could
    /// be another contract's.
    #[error("confirm that the credentials see contract {expected}")]
    NotConfirmed {
        /// The number that was given.
        expected: ContractNumber,
        /// Why the contracts could not be read.
        #[source]
        error: Box<Error>,
    },
    /// The walk ran out of time before it was certain which contract this is.
    #[error("walk the contract: the contracts that the credentials see could not be read in time")]
    NotConfirmedInTime,
    /// The run was interrupted, and what it saw before was another contract's: nothing of both may be mixed.
    #[error("resume the run: it began with contract {before}, and the credentials now see {now}")]
    AnotherThanBefore {
        /// The contract of the first part.
        before: ContractNumber,
        /// The contract now.
        now: ContractNumber,
    },
    /// Our clock and the API's differ by so much that everything would be dated wrongly.
    #[error("walk the contract: the API's clock is {} h {} this machine's", ahead.unsigned_abs() / 3600, if *ahead < 0 { "behind" } else { "ahead of" })]
    ClocksDiffer {
        /// By how many seconds the API's is ahead; negative if it is behind.
        ahead: i64,
    },
    /// The walk was stopped. What it has read is in its journal.
    #[error("walk the contract: stopped before its end")]
    Stopped,
    /// What was read could not be kept.
    #[error("keep what was read so far")]
    Journal(#[source] JournalError),
    /// None of the lists of users, groups and resources could be read.
    #[error("walk the contract: nothing could be read")]
    NothingRead(#[source] Box<Error>),
    /// The walk ran out of time before anything was read.
    #[error("walk the contract: nothing could be read in time")]
    NothingInTime,
}

impl CollectError {
    /// None of the lists could be read: because of the first failure, or because there was no time.
    pub(super) fn nothing_read(failure: Option<Box<Error>>) -> Self {
        failure.map_or(Self::NothingInTime, Self::NothingRead)
    }

    /// What went wrong at the API, if that was it.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Refused(error)
            | Self::NoContract(error)
            | Self::NothingRead(error)
            | Self::NotConfirmed { error, .. } => Some(&error.fault),
            Self::NoneListed
            | Self::SeveralContracts(_)
            | Self::AnotherContract { .. }
            | Self::NotConfirmedInTime
            | Self::AnotherThanBefore { .. }
            | Self::ClocksDiffer { .. }
            | Self::Stopped
            | Self::Journal(_)
            | Self::NothingInTime => None,
        }
    }

    /// Whether the walk ran out of time before it had anything to show.
    pub fn is_out_of_time(&self) -> bool {
        matches!(self, Self::NotConfirmedInTime | Self::NothingInTime)
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        let own = match self {
            Self::NoneListed | Self::SeveralContracts(_) | Self::AnotherContract { .. } => {
                "name a contract that the credentials see with --contract or IONOS_CONTRACT_NUMBER"
            }
            Self::NotConfirmed { error, .. } => {
                return error.hint().or_else(|| Some("check the credentials and try again".to_owned()));
            }
            Self::AnotherThanBefore { .. } => "begin a new run with `keyholder collect --fresh`",
            Self::ClocksDiffer { .. } => {
                "nothing was sealed: set the clock of this machine, by NTP, or that of the server if this one is right"
            }
            Self::Stopped => "collect again with the same credentials within 30 minutes, and the run is resumed",
            Self::Journal(_) => return None,
            Self::NotConfirmedInTime | Self::NothingInTime => {
                "try again later; `keyholder doctor` shows how fast the API answers"
            }
            Self::Refused(error) | Self::NoContract(error) | Self::NothingRead(error) => {
                return error.hint().or_else(|| Some("try again later; `keyholder doctor` says what fails".to_owned()));
            }
        };
        Some(own.to_owned())
    }
}

fn list(numbers: &[ContractNumber]) -> String {
    match numbers {
        [] => "none".to_owned(),
        numbers => numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
