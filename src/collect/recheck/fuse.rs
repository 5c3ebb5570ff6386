//! The fuse: a list that collapses is believed only when asking again confirms it. It tells and never hides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;

use super::again::{Again, absorb, read_again};
use super::single::sample;
use super::tell::{Verdict, tell};
use super::{Recheck, add_effort, is_complete, set_unstable};
use crate::collect::error::CollectError;
use crate::collect::reading::{of_group, of_user};
use crate::collect::walk::Walk;
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::id::{GroupId, UserId};
use crate::domain::sighting::Sightings;
use crate::domain::vanishing::{Vanished, Vanishing, VanishingByScope};

/// No fewer things than this can trip the fuse, unless nothing at all is left.
pub const LEAST: u64 = 11;

/// The lists of the contract, on which everything else hangs.
const LISTS: [Scope; 3] = [Scope::Users, Scope::Groups, Scope::Resources];

/// Whether so much is gone that it has to be confirmed: more than ten things and more than a tenth of them, or all of them
/// and nothing came in their place.
pub fn trips(before: u64, vanished: u64, is_empty_now: bool) -> bool {
    let is_much = vanished >= LEAST && vanished > before / 10;
    is_much || (vanished > 0 && is_empty_now)
}

/// A scope that collapsed.
#[derive(Debug)]
pub(super) struct Tripped {
    pub(super) scope: Scope,
    pub(super) before: u64,
    pub(super) vanished: Vec<Vanished>,
}

impl Recheck<'_> {
    /// Confirms what vanished from the lists of the contract, and reads what belongs to users and groups that are there after
    /// all. Answers whether any of these lists was read again: then more may be known of the scopes below.
    pub async fn confirm_lists(&mut self, walk: &mut Walk, vanishing: &VanishingByScope) -> Result<bool, CollectError> {
        let mut tripped = Vec::new();
        for scope in LISTS {
            let Some(Vanishing { before, vanished }) = vanishing.get(&scope) else { continue };
            if trips(*before, vanished.len() as u64, is_empty(&walk.sightings, &scope)) {
                tripped.push(Tripped { scope, before: *before, vanished: vanished.clone() });
            }
        }
        if tripped.is_empty() {
            return Ok(false);
        }
        let verdicts = self.confirm(walk, tripped).await?;
        tell(walk, verdicts);
        self.read_returned(walk).await?;
        Ok(true)
    }

    /// Confirms what vanished from scopes below groups and users. What is explained by a list does not count: the memberships
    /// of users and the shares of resources that are gone themselves.
    pub async fn confirm_below(&mut self, walk: &mut Walk, vanishing: &VanishingByScope) -> Result<(), CollectError> {
        let explained = Explained::of(&walk.sightings, vanishing);
        let empty = Emptied::of(&walk.sightings);
        let mut tripped = Vec::new();
        for (scope, Vanishing { before, vanished }) in vanishing {
            if LISTS.contains(scope) || !is_complete(&walk.sightings, scope) {
                continue;
            }
            let vanished: Vec<Vanished> =
                vanished.iter().filter(|one| !explained.covers(scope.kind(), &one.id)).cloned().collect();
            if trips(*before, vanished.len() as u64, empty.holds(scope)) {
                tripped.push(Tripped { scope: scope.clone(), before: *before, vanished });
            }
        }
        if tripped.is_empty() {
            return Ok(());
        }
        let verdicts = self.confirm(walk, tripped).await?;
        tell(walk, verdicts);
        Ok(())
    }

    /// Waits once for all of them, reads each again, and asks for some of what is still missing.
    async fn confirm(&mut self, walk: &mut Walk, tripped: Vec<Tripped>) -> Result<Vec<Verdict>, CollectError> {
        let scopes: Vec<Scope> = tripped.iter().map(|one| one.scope.clone()).collect();
        let mut readings = self.read_all_again(scopes).await?;
        let judging = tripped.into_iter().map(|one| {
            // What the walk itself found unstable ends nothing, whatever a second look says.
            let may_be_confirmed = is_complete(&walk.sightings, &one.scope);
            let again = readings.remove(&one.scope);
            self.judge(one, again, may_be_confirmed)
        });
        let judged: Vec<_> = stream::iter(judging.collect::<Vec<_>>()).buffered(self.at_once).collect().await;
        let (mut verdicts, mut added) = (Vec::new(), Vec::new());
        for outcome in judged {
            let (verdict, effort, again) = outcome?;
            if !verdict.is_confirmed {
                set_unstable(&mut walk.sightings, &verdict.scope);
            }
            add_effort(&mut walk.sightings, &verdict.scope, effort);
            verdicts.push(verdict);
            added.extend(again);
        }
        for again in &mut added {
            walk.notes.add(std::mem::take(&mut again.notes));
        }
        absorb(&mut walk.sightings, added);
        Ok(verdicts)
    }

    async fn read_all_again(&mut self, scopes: Vec<Scope>) -> Result<BTreeMap<Scope, Again>, CollectError> {
        let wait = if self.waited { std::time::Duration::ZERO } else { self.reread_after };
        if !wait.is_zero() {
            tracing::info!(scopes = scopes.len(), "Much is missing; reading it again in {} s", wait.as_secs());
        }
        let waiting = async {
            tokio::time::sleep(wait).await;
            Ok(())
        };
        if self.in_time(waiting).await?.is_none() {
            return Ok(BTreeMap::new());
        }
        self.waited = true;
        let reads = scopes.into_iter().map(|scope| read_again(self.client, self.seams, scope));
        let mut running = stream::iter(reads).buffer_unordered(self.at_once);
        let mut readings = BTreeMap::new();
        while let Some(Some(reading)) = self.in_time(async { running.next().await.transpose() }).await? {
            readings.insert(reading.scope.clone(), reading);
        }
        Ok(readings)
    }

    /// Decides on one scope. Without a second reading that agrees nothing is confirmed.
    async fn judge(
        &self,
        Tripped { scope, before, vanished }: Tripped,
        again: Option<Again>,
        may_be_confirmed: bool,
    ) -> Result<(Verdict, Effort, Option<Again>), CollectError> {
        let count = vanished.len() as u64;
        let mut verdict = Verdict { scope, before, vanished: count, asked: 0, present: 0, is_confirmed: false };
        let Some(again) = again else { return Ok((verdict, Effort::default(), None)) };
        let (back, missing): (Vec<&Vanished>, Vec<&Vanished>) =
            vanished.iter().partition(|one| again.ids.contains(&one.id));
        verdict.present = back.len() as u64;
        if again.status != Status::Complete || !back.is_empty() {
            return Ok((verdict, Effort::default(), Some(again)));
        }
        let Some(tally) = self.ask(&verdict.scope, sample(&missing)).await? else {
            return Ok((verdict, Effort::default(), Some(again)));
        };
        (verdict.asked, verdict.present) = (tally.asked, tally.present);
        verdict.is_confirmed = may_be_confirmed && tally.confirms();
        Ok((verdict, tally.effort, Some(again)))
    }

    /// Reads what belongs to users and groups that only a second look at their list found, or found there after all.
    async fn read_returned(&mut self, walk: &mut Walk) -> Result<(), CollectError> {
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
        // These are first looks: whatever collapses among them has to be waited for again.
        self.waited = false;
        let mut returned = super::returned::Returned::default();
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

/// Whether nothing at all was seen of a list of the contract.
fn is_empty(sightings: &Sightings, scope: &Scope) -> bool {
    match scope.kind() {
        ScopeKind::Users => sightings.users.is_empty(),
        ScopeKind::Groups => sightings.groups.is_empty(),
        _ => sightings.resources.is_empty(),
    }
}

/// Groups and users of whom something was seen, by kind of scope.
struct Emptied(BTreeSet<(ScopeKind, Arc<str>)>);

impl Emptied {
    fn of(sightings: &Sightings) -> Self {
        let members = sightings.members.iter().map(|(group, _)| (ScopeKind::Members, group.shared()));
        let shares = sightings.shares.iter().map(|share| (ScopeKind::Shares, share.group.shared()));
        let owns = sightings.owns.iter().map(|(user, _)| (ScopeKind::Owns, user.shared()));
        let keys = sightings.keys.iter().map(|key| (ScopeKind::Keys, key.user.shared()));
        Self(members.chain(shares).chain(owns).chain(keys).collect())
    }

    fn holds(&self, scope: &Scope) -> bool {
        !self.0.contains(&(scope.kind(), Arc::from(scope.parent().unwrap_or_default())))
    }
}

/// Users and resources whose own list says that they are gone, and is believed.
struct Explained<'a> {
    users: BTreeSet<&'a str>,
    resources: BTreeSet<&'a str>,
}

impl<'a> Explained<'a> {
    fn of(sightings: &Sightings, vanishing: &'a VanishingByScope) -> Self {
        let gone = |scope: Scope| -> BTreeSet<&'a str> {
            let vanished = vanishing.get(&scope).filter(|_| is_complete(sightings, &scope));
            vanished.into_iter().flat_map(|of| &of.vanished).map(|one| &*one.id).collect()
        };
        let mut explained = Self { users: gone(Scope::Users), resources: gone(Scope::Resources) };
        // Another look at a list may have found them since.
        for user in &sightings.users {
            explained.users.remove(user.id.as_str());
        }
        for resource in &sightings.resources {
            explained.resources.remove(resource.id.as_str());
        }
        explained
    }

    fn covers(&self, kind: ScopeKind, id: &str) -> bool {
        match kind {
            ScopeKind::Members => self.users.contains(id),
            ScopeKind::Shares | ScopeKind::Owns => self.resources.contains(id),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: u64, vanished: u64, is_empty_now: bool, expected: bool) {
        assert_eq!(trips(before, vanished, is_empty_now), expected, "{vanished} of {before}");
    }

    #[test]
    fn more_than_ten_and_more_than_a_tenth_trip_the_fuse() {
        check(100, 10, false, false);
        check(100, 11, false, true);
        check(109, 11, false, true);
        check(110, 11, false, false);
        check(11, 11, false, true);
        check(10, 10, false, false);
        check(10_000, 1_000, false, false);
        check(10_000, 1_001, false, true);
        check(u64::MAX, u64::MAX / 5, false, true);
    }

    #[test]
    fn whatever_is_empty_and_was_not_trips_the_fuse() {
        check(1, 1, true, true);
        check(40, 40, true, true);
        check(0, 0, true, false);
    }
}
