//! Members that the list of users does not name, and that only a second look at something brought up: the walk asks for those
//! that it met itself.

use std::collections::BTreeSet;

use super::{MOST_ASKED, Recheck, add_effort, is_complete, set_unstable};
use crate::collect::error::CollectError;
use crate::collect::walk::Walk;
use crate::domain::coverage::Scope;
use crate::domain::id::UserId;
use crate::domain::sighting::Sightings;
use crate::domain::vanishing::Vanished;

impl Recheck<'_> {
    /// Asks for every such member. Only one that is gone agrees with the list of users, and then is nobody's member; if one is
    /// there, cannot be told or cannot be asked for in time, the list proves nothing.
    pub async fn settle_members(&self, walk: &mut Walk) -> Result<(), CollectError> {
        let strangers = strangers(&walk.sightings);
        if strangers.is_empty() || !is_complete(&walk.sightings, &Scope::Users) {
            return Ok(());
        }
        let count = strangers.len();
        let asked = strangers.iter().map(|user| Vanished { id: user.shared(), kind: None }).collect();
        let tally = if count <= MOST_ASKED { self.ask(&Scope::Users, asked).await? } else { None };
        if let Some(tally) = &tally {
            add_effort(&mut walk.sightings, &Scope::Users, tally.effort);
        }
        if tally.is_some_and(|tally| tally.asked == count as u64 && tally.confirms()) {
            walk.sightings.members.retain(|(_, user)| !strangers.contains(user));
        } else {
            set_unstable(&mut walk.sightings, &Scope::Users);
        }
        Ok(())
    }
}

/// Members whom no list names.
fn strangers(sightings: &Sightings) -> BTreeSet<UserId> {
    let listed: BTreeSet<&UserId> = sightings.users.iter().map(|user| &user.id).collect();
    sightings.members.iter().map(|(_, user)| user).filter(|user| !listed.contains(user)).cloned().collect()
}
