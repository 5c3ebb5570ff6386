//! What one walk saw: values of every kind, and for every scope whether that was all there was.

use std::collections::BTreeMap;

use super::contract::Contract;
use super::coverage::{Coverage, Effort, Scope, Status};
use super::group::Group;
use super::id::{GroupId, ResourceId, UserId};
use super::key::Key;
use super::resource::Resource;
use super::share::Share;
use super::user::User;

/// The yield of a walk, in any order; the store sorts.
///
/// Presence needs one sighting, whatever became of the scope. Absence needs a status in `scopes` that proves it:
/// a scope that is not listed there proves nothing.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    /// The contract, if it could be read.
    pub contract: Option<Contract>,
    /// Users that were listed.
    pub users: Vec<User>,
    /// Groups that were listed.
    pub groups: Vec<Group>,
    /// Resources that were listed.
    pub resources: Vec<Resource>,
    /// Memberships, from the groups' side.
    pub members: Vec<(GroupId, UserId)>,
    /// Shares.
    pub shares: Vec<Share>,
    /// Ownerships.
    pub owns: Vec<(UserId, ResourceId)>,
    /// S3 keys.
    pub keys: Vec<Key>,
    /// How the reading of each scope ended, and what it took.
    pub scopes: BTreeMap<Scope, (Status, Effort)>,
}

impl Sightings {
    /// The certificate of the population.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for (scope, (status, effort)) in &self.scopes {
            coverage.record(scope.clone(), status.clone(), *effort);
        }
        coverage.finish();
        coverage
    }
}
