//! The fuse: a list that collapses is believed only when asking again confirms it. It tells and never hides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;

use super::again::absorb;
use super::single::sample;
use super::tell::{Verdict, tell};
use super::{Recheck, add_effort, is_complete, set_unstable};
use crate::collect::error::CollectError;
use crate::collect::reading::{of_group, of_user};
use crate::collect::reread::{Again, read_again};
use crate::collect::walk::Walk;
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::id::{GroupId, UserId};
use crate::domain::sighting::Sightings;
use crate::domain::vanishing::{Vanished, Vanishing, VanishingByScope};

/// No fewer things than this are much, unless they are more than half.
pub(super) const LEAST: u64 = 11;

/// The lists of the contract, on which everything else hangs.
const LISTS: [Scope; 3] = [Scope::Users, Scope::Groups, Scope::Resources];

/// Whether so much is gone that it has to be confirmed: more than ten things and more than a tenth of them, or more than half
/// of them however few, and so also all of them, whatever came in their place.
pub fn trips(before: u64, vanished: u64) -> bool {
    let is_much = vanished >= LEAST && vanished > before / 10;
    is_much || vanished > before / 2
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
            let lost = Tripped { scope, before: *before, vanished: vanished.clone() };
            if trips(*before, vanished.len() as u64) {
                tripped.push(lost);
            } else {
                self.confirm_few(walk, lost).await?;
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

    /// Asks at once for each user or group that vanished from a list which did not collapse: one that is there after all, or
    /// of which nobody knows, speaks against the list.
    async fn confirm_few(&mut self, walk: &mut Walk, lost: Tripped) -> Result<(), CollectError> {
        let Tripped { scope, before, vanished } = lost;
        if scope == Scope::Resources || !is_complete(&walk.sightings, &scope) {
            return Ok(());
        }
        let count = vanished.len() as u64;
        let tally = self.ask(&scope, vanished).await?.unwrap_or_default();
        add_effort(&mut walk.sightings, &scope, tally.effort);
        if tally.asked < count || !tally.confirms() {
            set_unstable(&mut walk.sightings, &scope);
            let (asked, present) = (tally.asked, tally.present);
            tell(walk, vec![Verdict { scope, before, vanished: count, asked, present, is_confirmed: false }]);
        }
        Ok(())
    }

    /// Confirms what vanished from scopes below groups and users. What is explained by a list does not count: the memberships
    /// of users and the shares of resources that are gone themselves.
    pub async fn confirm_below(&mut self, walk: &mut Walk, vanishing: &VanishingByScope) -> Result<(), CollectError> {
        let explained = Explained::of(&walk.sightings, vanishing);
        let mut tripped = Vec::new();
        for (scope, Vanishing { before, vanished }) in vanishing {
            if LISTS.contains(scope) || !is_complete(&walk.sightings, scope) {
                continue;
            }
            let (explained, vanished): (Vec<&Vanished>, Vec<&Vanished>) =
                vanished.iter().partition(|one| explained.covers(scope.kind(), &one.id));
            // What is explained could not be listed any more: the rest is judged as if it had been all.
            let before = before.saturating_sub(explained.len() as u64);
            if trips(before, vanished.len() as u64) {
                let vanished = vanished.into_iter().cloned().collect();
                tripped.push(Tripped { scope: scope.clone(), before, vanished });
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
        let listed: BTreeSet<Arc<str>> = walk.sightings.users.iter().map(|user| user.id.shared()).collect();
        let judging = tripped.into_iter().map(|one| {
            // What the walk itself found unstable ends nothing, whatever a second look says.
            let may_be_confirmed = is_complete(&walk.sightings, &one.scope);
            let again = readings.remove(&one.scope);
            self.judge(one, again, may_be_confirmed, &listed)
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
        mut may_be_confirmed: bool,
        listed: &BTreeSet<Arc<str>>,
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
        let Some(mut tally) = self.ask(&verdict.scope, sample(&missing)).await? else {
            return Ok((verdict, Effort::default(), Some(again)));
        };
        // Every user or group that is to end is asked for, once none of the first is there.
        if matches!(verdict.scope, Scope::Users | Scope::Groups) && tally.confirms() {
            let rest = missing.into_iter().filter(|one| !tally.gone.contains(&one.id)).cloned().collect();
            match self.ask(&verdict.scope, rest).await? {
                Some(more) => tally.add(more),
                None => may_be_confirmed = false,
            }
        }
        // A member whose account was not found although the list of users names it is not settled by that.
        may_be_confirmed &= tally.accounts.is_disjoint(listed);
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
    fn check(before: u64, vanished: u64, expected: bool) {
        assert_eq!(trips(before, vanished), expected, "{vanished} of {before}");
    }

    #[test]
    fn more_than_ten_and_more_than_a_tenth_is_a_collapse() {
        check(100, 10, false);
        check(100, 11, true);
        check(109, 11, true);
        check(110, 11, false);
        check(11, 11, true);
        check(10_000, 1_000, false);
        check(10_000, 1_001, true);
        check(u64::MAX, u64::MAX / 5, true);
    }

    #[test]
    fn more_than_half_is_a_collapse_however_few() {
        check(0, 0, false);
        check(1, 1, true);
        check(2, 1, false);
        check(2, 2, true);
        check(3, 2, true);
        check(10, 5, false);
        check(10, 6, true);
        check(40, 40, true);
    }
}
