//! References to resources that the list of resources does not name.
//!
//! No source says that the API lists every kind of resource that can be shared or owned, so such a reference alone proves
//! nothing against the list. It does where the list named the resource before: then the resource itself is asked for.

use std::collections::BTreeSet;

use super::again::absorb;
use super::{MOST_ASKED, Recheck, add_effort, is_complete, set_unstable};
use crate::collect::error::CollectError;
use crate::collect::reread::read_again;
use crate::collect::walk::Walk;
use crate::domain::coverage::{Scope, ScopeKind, Status};
use crate::domain::notice::Notice;
use crate::domain::sighting::Sightings;
use crate::domain::vanishing::{Vanished, VanishingByScope};

impl Recheck<'_> {
    /// Settles references to resources that no list names: reads the list again, asks for those that it named before, and
    /// counts the rest.
    pub async fn settle_references(&self, walk: &mut Walk, vanishing: &VanishingByScope) -> Result<(), CollectError> {
        if !is_complete(&walk.sightings, &Scope::Resources) || dangling(&walk.sightings).is_empty() {
            return Ok(());
        }
        // The list was read before most of the references: what came in between is in it now.
        let Some(mut again) = self.in_time(read_again(self.client, self.seams, Scope::Resources)).await? else {
            // No time to look again: a list that left out what is still referred to proves nothing.
            let doubtful = dangling(&walk.sightings);
            let mut lost = vanishing.get(&Scope::Resources).into_iter().flat_map(|of| &of.vanished);
            if lost.any(|one| doubtful.contains(&*one.id)) {
                set_unstable(&mut walk.sightings, &Scope::Resources);
            }
            return Ok(());
        };
        let is_whole = again.status == Status::Complete;
        walk.notes.add(std::mem::take(&mut again.notes));
        absorb(&mut walk.sightings, vec![again]);
        let left = dangling(&walk.sightings);
        let lost: Vec<Vanished> = vanishing
            .get(&Scope::Resources)
            .into_iter()
            .flat_map(|of| &of.vanished)
            .filter(|one| left.contains(&*one.id))
            .cloned()
            .collect();
        let lost_ids: BTreeSet<String> = lost.iter().map(|one| one.id.to_string()).collect();
        let gone = if is_whole && lost.len() <= MOST_ASKED { self.ask_for(walk, lost).await? } else { None };
        let carried = if let Some(gone) = gone {
            // A reference is as old as its list: what is gone by now went while we walked, and nobody holds it any more.
            walk.sightings.shares.retain(|share| !gone.contains(share.resource.as_str()));
            walk.sightings.owns.retain(|(_, resource)| !gone.contains(resource.as_str()));
            BTreeSet::new()
        } else {
            if !lost_ids.is_empty() {
                set_unstable(&mut walk.sightings, &Scope::Resources);
            }
            lost_ids
        };
        count(walk, &carried);
        Ok(())
    }

    /// The ids of those that are gone, if each of them could be asked for and none is there or cannot be told. One whose
    /// type was never told has no address: whoever cannot ask does not know.
    async fn ask_for(&self, walk: &mut Walk, lost: Vec<Vanished>) -> Result<Option<BTreeSet<String>>, CollectError> {
        let count = lost.len() as u64;
        let Some(tally) = self.ask(&Scope::Resources, lost).await? else { return Ok(None) };
        add_effort(&mut walk.sightings, &Scope::Resources, tally.effort);
        let is_sure = tally.asked == count && tally.confirms();
        Ok(is_sure.then(|| tally.gone.iter().map(ToString::to_string).collect()))
    }
}

/// The ids of resources that are shared or owned and not listed.
fn dangling(sightings: &Sightings) -> BTreeSet<String> {
    let listed: BTreeSet<&str> = sightings.resources.iter().map(|resource| resource.id.as_str()).collect();
    let shared = sightings.shares.iter().map(|share| share.resource.as_str());
    let owned = sightings.owns.iter().map(|(_, resource)| resource.as_str());
    shared.chain(owned).filter(|id| !listed.contains(id)).map(str::to_owned).collect()
}

/// Counts the references to what no list names; what an unstable list goes on holding is not among them.
fn count(walk: &mut Walk, carried: &BTreeSet<String>) {
    let seen = &walk.sightings;
    let mut left = dangling(seen);
    left.retain(|id| !carried.contains(id));
    let shares = seen.shares.iter().filter(|share| left.contains(share.resource.as_str())).count() as u64;
    let owns = seen.owns.iter().filter(|(_, resource)| left.contains(resource.as_str())).count() as u64;
    for (kind, count) in [(ScopeKind::Shares, shares), (ScopeKind::Owns, owns)] {
        if count > 0 {
            walk.notices.push(Notice::Dangling { kind, count });
        }
    }
}
