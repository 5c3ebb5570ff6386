//! References to resources that the list of resources does not name.
//!
//! No source says that the API lists every kind of resource that can be shared or owned, so such a reference alone proves
//! nothing against the list. It does where the list named the resource before: then the resource itself is asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::absorb::{absorb, put_in_order};
use super::unlisted::SingleReads;
use super::{Recheck, add_effort, is_complete, set_unstable};
use crate::collect::error::CollectError;
use crate::collect::reread::read_again;
use crate::collect::single_read::{self, MAX_SINGLE_READS};
use crate::collect::walk::Walk;
use crate::domain::coverage::{Scope, ScopeKind, Status};
use crate::domain::id::ResourceId;
use crate::domain::notice::Notice;
use crate::domain::sighting::Sightings;
use crate::domain::vanishing::{Vanished, VanishingByScope};

impl Recheck<'_> {
    /// Settles references to resources that no list names: re-reads the list, reads those that it named before one by one, and
    /// counts the rest.
    pub async fn settle_references(&self, walk: &mut Walk, vanishing: &VanishingByScope) -> Result<(), CollectError> {
        if !is_complete(&walk.sightings, &Scope::Resources) || dangling(&walk.sightings).is_empty() {
            return Ok(());
        }
        // The list was read before most of the references: what came in between is in it now.
        let Some(mut again) = self.in_time(read_again(self.client, self.seams, Scope::Resources)).await? else {
            // No time to re-read it: a list that left out what is still referred to proves nothing.
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
        let carried = if lost.is_empty() || self.read_lost(walk, &lost, is_whole).await? {
            BTreeSet::new()
        } else {
            set_unstable(&mut walk.sightings, &Scope::Resources);
            lost.iter().map(|one| one.id.to_string()).collect()
        };
        count(walk, &carried);
        Ok(())
    }

    /// Reads resources one by one that the list named before. Those that are there are taken in; the references to those that
    /// are gone end with them. Answers whether all of them are settled. One whose type was never reported has no address.
    async fn read_lost(&self, walk: &mut Walk, lost: &[Vanished], is_whole: bool) -> Result<bool, CollectError> {
        let address = |one: &Vanished| Some((one.kind.clone()?, ResourceId::from(Arc::clone(&one.id))));
        let asked: Vec<(String, ResourceId)> = lost.iter().filter_map(address).take(MAX_SINGLE_READS).collect();
        let asked = asked.into_iter();
        let reads = asked.map(|(kind, id)| single_read::resource(self.client, self.seams, kind, id)).collect();
        let reads = self.read_singly(reads).await?;
        let is_settled = is_whole && reads.settles(lost.len());
        let SingleReads { present, gone, effort, notes } = reads;
        add_effort(&mut walk.sightings, &Scope::Resources, effort);
        walk.notes.add(notes);
        if is_settled {
            // A reference is as old as its list: what is gone by now went during the walk, and no user or group has it any more.
            walk.sightings.shares.retain(|share| !gone.contains(share.resource.as_str()));
            walk.sightings.owns.retain(|(_, resource)| !gone.contains(resource.as_str()));
        }
        let ids = present.iter().map(|resource| resource.id.to_string()).collect();
        walk.notices.extend(Notice::unlisted(ScopeKind::Resources, &ids));
        walk.sightings.resources.extend(present);
        put_in_order(&mut walk.sightings, &BTreeSet::from([ScopeKind::Resources]));
        Ok(is_settled)
    }
}

/// The ids of resources that are shared or owned and not listed.
fn dangling(sightings: &Sightings) -> BTreeSet<String> {
    let listed: BTreeSet<&str> = sightings.resources.iter().map(|resource| resource.id.as_str()).collect();
    let shared = sightings.shares.iter().map(|share| share.resource.as_str());
    let owned = sightings.owns.iter().map(|(_, resource)| resource.as_str());
    shared.chain(owned).filter(|id| !listed.contains(id)).map(str::to_owned).collect()
}

/// Counts the references to what no list names; what an unstable list carries is not among them.
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
