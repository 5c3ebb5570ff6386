//! Users and groups that memberships name and no list does, as far as only the confirmation brought them up: the walk itself asks
//! for the members that it met.
//!
//! Each is read by itself. One that is there is taken in with what belongs to it, and the list is re-read for others that it
//! passed over; a membership that names one that is not found is a notice. What is not settled leaves the list unstable.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;

use super::absorb::{absorb, put_in_order};
use super::{Recheck, add_effort, is_complete, set_unstable};
use crate::api::wire::Notes;
use crate::collect::error::CollectError;
use crate::collect::reading::Unauthorised;
use crate::collect::reread::read_again;
use crate::collect::single_read::{self, MAX_SINGLE_READS, SingleRead};
use crate::collect::walk::Walk;
use crate::domain::coverage::{Effort, Scope, Status};
use crate::domain::id::{GroupId, UserId};
use crate::domain::notice::{Notice, membership};

/// What became of things that were read one by one.
#[derive(Debug)]
pub(super) struct SingleReads<T> {
    pub(super) present: Vec<T>,
    /// The ids of those that are not found.
    pub(super) gone: BTreeSet<Arc<str>>,
    pub(super) effort: Effort,
    pub(super) notes: Notes,
}

impl<T> SingleReads<T> {
    /// Whether each of so many is known to be there or to be gone.
    pub(super) fn settles(&self, count: usize) -> bool {
        self.present.len() + self.gone.len() == count
    }
}

impl Recheck<'_> {
    /// Reads things one by one, as far as there is time.
    pub(super) async fn read_singly<T, F: Future<Output = Result<SingleRead<T>, Unauthorised>>>(
        &self,
        reads: Vec<F>,
    ) -> Result<SingleReads<T>, CollectError> {
        let mut running = stream::iter(reads).buffer_unordered(self.at_once);
        let (present, gone) = (Vec::new(), BTreeSet::new());
        let mut all = SingleReads { present, gone, effort: Effort::default(), notes: Notes::default() };
        while let Some(Some(read)) = self.in_time(async { running.next().await.transpose() }).await? {
            let SingleRead { id, item, gone, notes, effort } = read;
            all.present.extend(item);
            all.gone.extend(gone.then_some(id));
            all.notes.add(notes);
            all.effort.add(effort);
        }
        Ok(all)
    }

    /// Settles members whom the list of users does not name. Those who are not found are members of no group.
    pub async fn settle_members(&mut self, walk: &mut Walk) -> Result<(), CollectError> {
        let listed: BTreeSet<&UserId> = walk.sightings.users.iter().map(|user| &user.id).collect();
        let members = walk.sightings.members.iter().map(|(_, user)| user);
        let unlisted: BTreeSet<UserId> = members.filter(|user| !listed.contains(user)).cloned().collect();
        if unlisted.is_empty() || !is_complete(&walk.sightings, &Scope::Users) {
            return Ok(());
        }
        let asked = unlisted.iter().take(MAX_SINGLE_READS).cloned();
        let reads = asked.map(|user| single_read::user(self.client, self.seams, user)).collect();
        let reads = self.read_singly(reads).await?;
        let is_settled = reads.settles(unlisted.len());
        let SingleReads { present, gone, effort, notes } = reads;
        add_effort(&mut walk.sightings, &Scope::Users, effort);
        walk.notes.add(notes);
        let is_dangling = |(_, user): &&(GroupId, UserId)| gone.contains(user.as_str());
        let dangling: Vec<(GroupId, UserId)> = walk.sightings.members.iter().filter(is_dangling).cloned().collect();
        add_dangling(walk, &dangling);
        if is_settled {
            walk.sightings.members.retain(|(_, user)| !gone.contains(user.as_str()));
        }
        let found: BTreeSet<Arc<str>> = present.iter().map(|user| user.id.shared()).collect();
        walk.sightings.users.extend(present);
        self.take_in(walk, Scope::Users, found, is_settled).await
    }

    /// Settles groups that only users name, by those memberships.
    pub(super) async fn settle_groups(
        &mut self,
        walk: &mut Walk,
        memberships: Vec<(GroupId, UserId)>,
    ) -> Result<(), CollectError> {
        let unlisted: BTreeSet<GroupId> = memberships.iter().map(|(group, _)| group.clone()).collect();
        if unlisted.is_empty() || !is_complete(&walk.sightings, &Scope::Groups) {
            return Ok(());
        }
        let asked = unlisted.iter().take(MAX_SINGLE_READS).cloned();
        let reads = asked.map(|group| single_read::group(self.client, self.seams, group)).collect();
        let reads = self.read_singly(reads).await?;
        let is_settled = reads.settles(unlisted.len());
        let SingleReads { present, gone, effort, notes } = reads;
        add_effort(&mut walk.sightings, &Scope::Groups, effort);
        walk.notes.add(notes);
        let is_dangling = |(group, _): &(GroupId, UserId)| gone.contains(group.as_str());
        add_dangling(walk, &memberships.into_iter().filter(is_dangling).collect::<Vec<_>>());
        let found: BTreeSet<Arc<str>> = present.iter().map(|group| group.id.shared()).collect();
        walk.sightings.groups.extend(present);
        self.take_in(walk, Scope::Groups, found, is_settled).await
    }

    /// Takes in users or groups that are there and that their list does not name. The list is re-read: whatever else it passed
    /// over is in it now.
    async fn take_in(
        &mut self,
        walk: &mut Walk,
        list: Scope,
        mut found: BTreeSet<Arc<str>>,
        is_settled: bool,
    ) -> Result<(), CollectError> {
        let mut is_whole = is_settled;
        if !found.is_empty() {
            put_in_order(&mut walk.sightings, &BTreeSet::from([list.kind()]));
            let again = self.in_time(read_again(self.client, self.seams, list.clone())).await?;
            is_whole &= again.as_ref().is_some_and(|again| again.status == Status::Complete);
            if let Some(mut again) = again {
                found.retain(|id| !again.ids.contains(id));
                walk.notes.add(std::mem::take(&mut again.notes));
                absorb(&mut walk.sightings, vec![again]);
            }
        }
        if !is_whole {
            set_unstable(&mut walk.sightings, &list);
        }
        walk.notices.extend(Notice::unlisted(list.kind(), &found.iter().map(ToString::to_string).collect()));
        self.read_returned(walk).await
    }
}

/// Adds the notice of memberships that name a user or group that is not found.
fn add_dangling(walk: &mut Walk, dangling: &[(GroupId, UserId)]) {
    let name = |id: &GroupId| {
        let group = walk.sightings.groups.iter().find(|group| group.id == *id);
        group.and_then(|group| group.name.as_deref())
    };
    let named = dangling.iter().map(|(group, user)| membership(user, group, name(group))).collect();
    walk.notices.extend(Notice::dangling_members(&named));
}
