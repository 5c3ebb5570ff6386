//! What belongs to users and groups that are there after all, put among the sightings.

use std::collections::BTreeSet;

use super::again::put_in_order;
use crate::api::wire::Notes;
use crate::collect::reading::{OfGroup, OfUser, Reading};
use crate::collect::walk::Walk;
use crate::domain::coverage::{Scope, ScopeKind, Status};
use crate::domain::sighting::Sightings;

/// What was read of them.
#[derive(Debug, Default)]
pub(super) struct Returned {
    sightings: Sightings,
    notes: Notes,
}

impl Returned {
    /// Adds both scopes of a group.
    pub(super) fn group(&mut self, of: OfGroup) {
        let OfGroup { group, members, shares } = of;
        let users = self.take(Scope::Members(group.clone()), members);
        self.sightings.members.extend(users.into_iter().map(|user| (group.clone(), user)));
        let shares = self.take(Scope::Shares(group), shares);
        self.sightings.shares.extend(shares);
    }

    /// Adds both scopes of a user.
    pub(super) fn user(&mut self, of: OfUser) {
        let OfUser { user, owns, keys } = of;
        let resources = self.take(Scope::Owns(user.clone()), owns);
        self.sightings.owns.extend(resources.into_iter().map(|resource| (user.clone(), resource)));
        let keys = self.take(Scope::Keys(user), keys);
        self.sightings.keys.extend(keys);
    }

    fn take<T>(&mut self, scope: Scope, reading: Reading<T>) -> Vec<T> {
        let Reading { items, status, effort, notes, .. } = reading;
        self.notes.add(notes);
        // Listed by the later reading, not found by this one: the two do not agree, and nothing follows from that.
        let status = if status == Status::Gone { Status::Unstable } else { status };
        self.sightings.scopes.insert(scope, (status, effort));
        items
    }

    /// Adds all of it to what the walk saw.
    pub(super) fn put_into(self, walk: &mut Walk) {
        let Self { sightings: more, notes } = self;
        walk.notes.add(notes);
        let seen = &mut walk.sightings;
        for (scope, (status, mut effort)) in more.scopes {
            if let Some((_, before)) = seen.scopes.get(&scope) {
                effort.add(*before);
            }
            seen.scopes.insert(scope, (status, effort));
        }
        seen.members.extend(more.members);
        seen.shares.extend(more.shares);
        seen.owns.extend(more.owns);
        seen.keys.extend(more.keys);
        let touched = [ScopeKind::Members, ScopeKind::Shares, ScopeKind::Owns, ScopeKind::Keys];
        put_in_order(seen, &BTreeSet::from(touched));
    }
}
