//! The contract itself: its number, its owner and its status.
//!
//! Resource limits and usage counters are left out on purpose: they say nothing about access and move every day.

use serde::{Deserialize, Serialize};

use super::body::{Body, BodyError};
use super::id::ContractNumber;
use super::user::Person;

/// A contract as seen in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// `properties.contractNumber`.
    pub number: ContractNumber,
    /// The owner's e-mail address: the only mark of who owns the contract. Names stay empty.
    pub owner: Person,
    /// `BILLABLE`, `CEASED`, `REJECTED`, or a newer word.
    pub status: Option<String>,
    /// `properties.regDomain`.
    pub reg_domain: Option<String>,
}

/// The body of a contract fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContractBody {
    /// Keyed commitment to the owner's e-mail address, in hex.
    pub owner: String,
    /// See [`Contract::reg_domain`].
    pub reg_domain: Option<String>,
    /// See [`Contract::status`].
    pub status: Option<String>,
}

impl Contract {
    /// The fact body, with the commitment that stands for the owner's address.
    pub fn body(&self, commitment: &str) -> Result<Body, BodyError> {
        Body::of(
            "contract",
            &ContractBody {
                owner: commitment.to_owned(),
                reg_domain: self.reg_domain.clone(),
                status: self.status.clone(),
            },
        )
    }

    /// The attributes that the answer did not report, personal data apart.
    pub fn unreported(&self) -> impl Iterator<Item = &'static str> {
        [("regDomain", self.reg_domain.is_none()), ("status", self.status.is_none())]
            .into_iter()
            .filter_map(|(name, is_missing)| is_missing.then_some(name))
    }

    /// Puts a contract together again from what the store keeps apart.
    pub fn from_parts(number: ContractNumber, body: ContractBody, owner: Person) -> Self {
        Self { number, owner, status: body.status, reg_domain: body.reg_domain }
    }
}
