//! Memberships from both sides: the groups of every user, compared with the members of every group.
//!
//! The two are read minutes apart, so a difference is read again, from both sides, before it means anything. A side that
//! cannot be read takes nothing away from the other one.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::stream;

use super::absorb::{absorb, put_in_order};
use super::{Recheck, add_effort, is_complete, set_unstable};
use crate::collect::error::CollectError;
use crate::collect::reading::{Reading, groups_of_user};
use crate::collect::reread::{Reread, read_again};
use crate::collect::walk::Walk;
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::id::{GroupId, UserId};
use crate::domain::sighting::Sightings;

/// How often what disagrees is read again.
const MAX_ROUNDS: u32 = 3;

/// Group and user on whom the two sides disagree.
type Pair = (GroupId, UserId);

/// The groups of users, from the users' side, of whom all were read.
type Sides = BTreeMap<UserId, BTreeSet<GroupId>>;

impl Recheck<'_> {
    /// Reads the groups of every user and settles what they and the members of the groups disagree about. A pair is settled
    /// once both sides were read again and agree. What is not is unstable on both sides, whether they still disagree or
    /// one of them could not be read again, and a membership that either side named is one that was seen.
    pub async fn cross_check(&mut self, walk: &mut Walk) -> Result<(), CollectError> {
        self.compare_sides(walk).await?;
        self.settle_missing_users(walk).await
    }

    async fn compare_sides(&mut self, walk: &mut Walk) -> Result<(), CollectError> {
        let users: Vec<UserId> = walk.sightings.users.iter().map(|user| user.id.clone()).collect();
        let mut sides = Sides::new();
        self.read_sides(walk, users, &mut sides).await?;
        let unlisted = unlisted_groups(&walk.sightings, &sides);
        self.settle_groups(walk, unlisted).await?;
        let mut unsettled = differing(&walk.sightings, &sides);
        for _ in 0..MAX_ROUNDS {
            if unsettled.is_empty() {
                return Ok(());
            }
            let answered = self.read_both_again(walk, &unsettled, &mut sides).await?;
            unsettled.retain(|pair| !answered.settles(pair));
            unsettled.extend(differing(&walk.sightings, &sides));
        }
        for (group, user) in unsettled {
            set_unstable(&mut walk.sightings, &Scope::Members(group.clone()));
            set_unstable(&mut walk.sightings, &Scope::UserGroups(user.clone()));
            walk.sightings.members.push((group, user));
        }
        put_in_order(&mut walk.sightings, &BTreeSet::from([ScopeKind::Members]));
        Ok(())
    }

    /// Re-reads the list of users if it names a user whose own groups were not found, nor the user. A user whom it no longer
    /// names went meanwhile; one whom it still names is there.
    async fn settle_missing_users(&self, walk: &mut Walk) -> Result<(), CollectError> {
        let is_missing = |user: &UserId| {
            let side = walk.sightings.scopes.get(&Scope::UserGroups(user.clone()));
            side.is_some_and(|(status, _)| *status == Status::Gone)
        };
        let missing: Vec<UserId> =
            walk.sightings.users.iter().map(|user| &user.id).filter(|user| is_missing(user)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let again = self.in_time(read_again(self.client, self.seams, Scope::Users)).await?;
        if let Some(again) = &again {
            add_effort(&mut walk.sightings, &Scope::Users, again.effort);
        }
        let named = again.filter(|again| again.status == Status::Complete).map(|again| again.ids);
        for user in missing {
            match &named {
                Some(ids) if !ids.contains(user.as_str()) => forget(&mut walk.sightings, &user),
                _ => set_unstable(&mut walk.sightings, &Scope::UserGroups(user)),
            }
        }
        Ok(())
    }

    /// Reads the groups of those users and answers whose were read to their end. What an earlier reading of the others said
    /// stands as far as it goes, but it is not what is so now.
    async fn read_sides(
        &self,
        walk: &mut Walk,
        users: Vec<UserId>,
        sides: &mut Sides,
    ) -> Result<BTreeSet<UserId>, CollectError> {
        let known: BTreeMap<&str, GroupId> =
            walk.sightings.groups.iter().map(|group| (group.id.as_str(), group.id.clone())).collect();
        let mut left: BTreeSet<UserId> = users.iter().cloned().collect();
        let reads = users.into_iter().map(|user| async {
            let reading = groups_of_user(self.client, self.seams, &user).await?;
            Ok((user, reading))
        });
        let mut running = stream::iter(reads).buffer_unordered(self.at_once);
        let mut read = Vec::new();
        while let Some(Some((user, mut reading))) = self.in_time(async { running.next().await.transpose() }).await? {
            left.remove(&user);
            for group in &mut reading.items {
                // One text for each id, however many users are in the group.
                if let Some(known) = known.get(group.as_str()) {
                    group.clone_from(known);
                }
            }
            read.push((user, reading));
        }
        let mut answered = BTreeSet::new();
        for (user, reading) in read {
            if take_side(walk, &user, reading, sides) {
                answered.insert(user);
            }
        }
        let late = Status::Failed("the run had to be over before".to_owned());
        for user in left {
            let scopes = &mut walk.sightings.scopes;
            scopes.entry(Scope::UserGroups(user)).or_insert_with(|| (late.clone(), Effort::default())).0 = late.clone();
        }
        Ok(answered)
    }

    /// Reads both sides of every pair again. A reading that came through replaces the one before.
    async fn read_both_again(
        &self,
        walk: &mut Walk,
        pairs: &BTreeSet<Pair>,
        sides: &mut Sides,
    ) -> Result<Answered, CollectError> {
        let groups: BTreeSet<GroupId> = pairs.iter().map(|(group, _)| group.clone()).collect();
        let users: BTreeSet<UserId> = pairs.iter().map(|(_, user)| user.clone()).collect();
        let reads = groups.into_iter().map(|group| read_again(self.client, self.seams, Scope::Members(group)));
        let mut running = stream::iter(reads).buffer_unordered(self.at_once);
        let mut readings: Vec<Reread> = Vec::new();
        while let Some(Some(mut reading)) = self.in_time(async { running.next().await.transpose() }).await? {
            walk.notes.add(std::mem::take(&mut reading.notes));
            readings.push(reading);
        }
        let groups: BTreeSet<GroupId> = readings
            .iter()
            .filter(|reading| reading.status == Status::Complete)
            .filter_map(|reading| reading.scope.parent().map(GroupId::from))
            .collect();
        walk.sightings.members.retain(|(group, _)| !groups.contains(group));
        absorb(&mut walk.sightings, readings);
        let users = self.read_sides(walk, users.into_iter().collect(), sides).await?;
        Ok(Answered { groups, users })
    }
}

/// Groups and users that were read to the end in one round.
struct Answered {
    groups: BTreeSet<GroupId>,
    users: BTreeSet<UserId>,
}

impl Answered {
    /// Whether both sides of a pair were answered, so that they either agree by now or differ again.
    fn settles(&self, (group, user): &Pair) -> bool {
        self.groups.contains(group) && self.users.contains(user)
    }
}

/// Takes a reading of a user's groups in; answers whether it says which all of them are. A user who is gone has none.
fn take_side(walk: &mut Walk, user: &UserId, reading: Reading<GroupId>, sides: &mut Sides) -> bool {
    let Reading { items, status, effort, notes, .. } = reading;
    walk.notes.add(notes);
    let is_whole = status == Status::Complete || (status == Status::Gone && sides.contains_key(user));
    let scope = Scope::UserGroups(user.clone());
    let before = walk.sightings.scopes.insert(scope.clone(), (status, effort));
    if let Some((_, before)) = before {
        add_effort(&mut walk.sightings, &scope, before);
    }
    if is_whole {
        sides.insert(user.clone(), items.into_iter().collect());
    }
    is_whole
}

/// Memberships in groups that the list of groups does not name, from the users' side.
fn unlisted_groups(sightings: &Sightings, sides: &Sides) -> Vec<Pair> {
    let listed: BTreeSet<&GroupId> = sightings.groups.iter().map(|group| &group.id).collect();
    let pairs = sides.iter().flat_map(|(user, groups)| groups.iter().map(move |group| (group, user)));
    let unlisted = pairs.filter(|(group, _)| !listed.contains(group));
    unlisted.map(|(group, user)| (group.clone(), user.clone())).collect()
}

/// A user who went during the run was not there at its end, and nothing of theirs.
fn forget(sightings: &mut Sightings, gone: &UserId) {
    sightings.users.retain(|user| user.id != *gone);
    sightings.owns.retain(|(user, _)| user != gone);
    sightings.keys.retain(|key| key.user != *gone);
    for scope in [Scope::Owns(gone.clone()), Scope::Keys(gone.clone())] {
        if let Some((status, _)) = sightings.scopes.get_mut(&scope) {
            *status = Status::Gone;
        }
    }
}

/// What one side names and the other, which was read to its end, does not.
fn differing(sightings: &Sightings, sides: &Sides) -> BTreeSet<Pair> {
    let is_whole = |group: &GroupId| is_complete(sightings, &Scope::Members(group.clone()));
    let members: BTreeSet<(&str, &str)> =
        sightings.members.iter().map(|(group, user)| (group.as_str(), user.as_str())).collect();
    let by_groups = sightings
        .members
        .iter()
        .filter(|(group, user)| sides.get(user).is_some_and(|groups| !groups.contains(group)) && is_whole(group));
    let by_users = sides
        .iter()
        .flat_map(|(user, groups)| groups.iter().map(move |group| (group, user)))
        .filter(|(group, user)| !members.contains(&(group.as_str(), user.as_str())) && is_whole(group))
        .map(|(group, user)| (group.clone(), user.clone()));
    by_groups.cloned().chain(by_users).collect()
}
