//! What belongs to users and groups that are there after all, put among the sightings.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use futures::stream;

use super::Recheck;
use super::absorb::put_in_order;
use crate::api::wire::Notes;
use crate::collect::error::CollectError;
use crate::collect::reading::{OfGroup, OfUser, Reading, of_group, of_user};
use crate::collect::walk::Walk;
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::id::{GroupId, UserId};
use crate::domain::sighting::Sightings;

impl Recheck<'_> {
    /// Reads what belongs to users and groups that were found only by re-reading their list, or by reading them one by one.
    pub(super) async fn read_returned(&mut self, walk: &mut Walk) -> Result<(), CollectError> {
        let is_unread =
            |scope: &Scope| walk.sightings.scopes.get(scope).is_none_or(|(status, _)| *status == Status::Gone);
        let groups: Vec<GroupId> = walk.sightings.groups.iter().map(|group| group.id.clone()).collect();
        let users: Vec<UserId> = walk.sightings.users.iter().map(|user| user.id.clone()).collect();
        let groups: Vec<GroupId> = groups.into_iter().filter(|id| is_unread(&Scope::Members(id.clone()))).collect();
        let users: Vec<UserId> = users.into_iter().filter(|id| is_unread(&Scope::Owns(id.clone()))).collect();
        if groups.is_empty() && users.is_empty() {
            return Ok(());
        }
        if walk.sightings.scopes.keys().any(|scope| scope.kind() == ScopeKind::UserGroups) {
            // Their own side was to be read as well, and was not.
            for user in &users {
                let scope = Scope::UserGroups(user.clone());
                walk.sightings.scopes.entry(scope).or_insert((Status::NotAttempted, Effort::default()));
            }
        }
        // These are first readings: a collapse among them has to be waited for again.
        self.waited = false;
        let mut returned = Returned::default();
        let mut of_groups = stream::iter(groups.into_iter().map(|group| of_group(self.client, self.seams, group)))
            .buffer_unordered(self.at_once);
        while let Some(Some(of)) = self.in_time(async { of_groups.next().await.transpose() }).await? {
            returned.group(of);
        }
        let mut of_users = stream::iter(users.into_iter().map(|user| of_user(self.client, self.seams, user)))
            .buffer_unordered(self.at_once);
        while let Some(Some(of)) = self.in_time(async { of_users.next().await.transpose() }).await? {
            returned.user(of);
        }
        returned.put_into(walk);
        Ok(())
    }
}

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
