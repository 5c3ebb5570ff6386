//! Confirmation: what has to be re-read after a walk before anything that it did not see may count as absent.
//!
//! Works on what was seen and through the client only; what was known before is handed in. Nothing here makes a scope better
//! than its readings were, and no failure of a second request ends the run, except refused credentials.

mod absorb;
mod collapse;
mod cross_check;
mod dangling;
mod returned;
mod single;
#[cfg(test)]
mod tests;
mod unlisted;
mod verdict;

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::error::CollectError;
use super::reading::Unauthorised;
use super::walk::Walk;
use crate::api::read::Client;
use crate::domain::coverage::{Effort, Scope, Status};
use crate::domain::sighting::Sightings;
use crate::seams::Seams;

/// Things of one scope that the collapse check asks for one by one, at most; of users and groups all of them.
const MAX_SAMPLE: usize = 20;

/// Things that vanish from one scope, at least, that are much, unless they are more than half.
const MIN_COLLAPSE: u64 = 11;

/// What a confirmation needs to know.
#[derive(Debug)]
pub struct Recheck<'a> {
    client: &'a Client,
    seams: &'a Seams,
    /// Requests that may wait for the client at once.
    at_once: usize,
    /// How long to wait before a list that collapsed is read again.
    reread_after: Duration,
    /// When the run has to be over.
    deadline: Instant,
    /// Whether that wait is over for what the walk read.
    waited: bool,
}

impl<'a> Recheck<'a> {
    /// Ready to ask until the deadline, that many things at once.
    pub fn new(
        client: &'a Client,
        seams: &'a Seams,
        at_once: usize,
        reread_after: Duration,
        deadline: Instant,
    ) -> Self {
        Self { client, seams, at_once: at_once.max(1), reread_after, deadline, waited: false }
    }

    /// What comes out of it, unless the run has to be over before. Nothing is begun any more when it is late.
    async fn in_time<T>(
        &self,
        future: impl Future<Output = Result<T, Unauthorised>>,
    ) -> Result<Option<T>, CollectError> {
        if Instant::now() >= self.deadline {
            return Ok(None);
        }
        match timeout_at(self.deadline, future).await {
            Ok(Ok(outcome)) => Ok(Some(outcome)),
            Ok(Err(Unauthorised(error))) => Err(CollectError::Refused(error)),
            Err(_) => Ok(None),
        }
    }
}

/// Whether absence in that scope means absent, as far as is known by now.
fn is_complete(sightings: &Sightings, scope: &Scope) -> bool {
    sightings.scopes.get(scope).is_some_and(|(status, _)| *status == Status::Complete)
}

/// Adds what re-reading a scope took. Things that were listed before are not more by being listed again.
fn add_effort(sightings: &mut Sightings, scope: &Scope, effort: Effort) {
    if let Some((_, known)) = sightings.scopes.get_mut(scope) {
        let items = known.items.max(effort.items);
        known.add(effort);
        known.items = items;
    }
}

/// What belongs to a user or group that is said to be gone is settled only by a list of such parents that was read to its end. By
/// any other list the parent stays, and so it is unknown what it holds.
pub fn doubt_the_gone(walk: &mut Walk) {
    let [users, groups] = [Scope::Users, Scope::Groups].map(|list| is_complete(&walk.sightings, &list));
    for (scope, (status, _)) in &mut walk.sightings.scopes {
        let is_list_whole = match scope {
            Scope::Members(_) | Scope::Shares(_) => groups,
            Scope::Owns(_) | Scope::Keys(_) | Scope::UserGroups(_) => users,
            Scope::Contract | Scope::Users | Scope::Groups | Scope::Resources => continue,
        };
        if *status == Status::Gone && !is_list_whole {
            *status = Status::Unstable;
        }
    }
}

/// Two readings of that scope did not agree.
fn set_unstable(sightings: &mut Sightings, scope: &Scope) {
    if let Some((status, _)) = sightings.scopes.get_mut(scope) {
        *status = Status::Unstable;
    }
}
