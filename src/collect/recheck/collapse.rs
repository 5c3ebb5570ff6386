//! The collapse check: a list that loses much at once is believed only when re-reading confirms it. It reports, and never hides
//! a change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;

use super::absorb::absorb;
use super::single::sample;
use super::verdict::{Verdict, add_notices};
use super::{MIN_COLLAPSE, Recheck, add_effort, is_complete, set_unstable};
use crate::collect::error::CollectError;
use crate::collect::reread::{Reread, read_again};
use crate::collect::walk::Walk;
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::sighting::Sightings;
use crate::domain::vanishing::{Vanished, Vanishing, VanishingByScope};

/// The lists of the contract, on which everything else hangs.
const LISTS: [Scope; 3] = [Scope::Users, Scope::Groups, Scope::Resources];

/// Whether so much is gone that it has to be confirmed: more than ten things and more than a tenth of them, or more than half
/// of them however few, and so also all of them, whatever came in their place.
pub(super) fn is_collapse(before: u64, vanished: u64) -> bool {
    let is_much = vanished >= MIN_COLLAPSE && vanished > before / 10;
    is_much || vanished > before / 2
}

/// A scope from which something vanished.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) scope: Scope,
    pub(super) before: u64,
    pub(super) vanished: Vec<Vanished>,
}

impl Recheck<'_> {
    /// Confirms what vanished from the lists of the contract, and reads what belongs to users and groups that are there after
    /// all. Answers whether any of these lists was read again: then more may be known of the scopes below.
    pub async fn confirm_lists(&mut self, walk: &mut Walk, vanishing: &VanishingByScope) -> Result<bool, CollectError> {
        let mut collapsed = Vec::new();
        for scope in LISTS {
            let Some(Vanishing { before, vanished }) = vanishing.get(&scope) else { continue };
            let lost = Loss { scope, before: *before, vanished: vanished.clone() };
            if is_collapse(*before, vanished.len() as u64) {
                collapsed.push(lost);
            } else {
                self.confirm_few(walk, lost).await?;
            }
        }
        if collapsed.is_empty() {
            return Ok(false);
        }
        let verdicts = self.confirm(walk, collapsed).await?;
        add_notices(walk, verdicts);
        self.read_returned(walk).await?;
        Ok(true)
    }

    /// Asks at once for each user or group that vanished from a list which did not collapse: one that is there after all, or
    /// of which it is not known, speaks against the list.
    async fn confirm_few(&mut self, walk: &mut Walk, lost: Loss) -> Result<(), CollectError> {
        let Loss { scope, before, vanished } = lost;
        if scope == Scope::Resources || !is_complete(&walk.sightings, &scope) {
            return Ok(());
        }
        let count = vanished.len() as u64;
        let tally = self.ask(&scope, vanished).await?.unwrap_or_default();
        add_effort(&mut walk.sightings, &scope, tally.effort);
        if tally.asked < count || !tally.confirms() || walk.contradicted.contains(&scope) {
            set_unstable(&mut walk.sightings, &scope);
            let (asked, present) = (tally.asked, tally.present);
            add_notices(walk, vec![Verdict { scope, before, vanished: count, asked, present, is_confirmed: false }]);
        }
        Ok(())
    }

    /// Confirms what vanished from scopes below groups and users. What is explained by a list does not count: the memberships
    /// of users and the shares of resources that are gone themselves.
    pub async fn confirm_below(&mut self, walk: &mut Walk, vanishing: &VanishingByScope) -> Result<(), CollectError> {
        let explained = Explained::of(&walk.sightings, vanishing);
        let mut collapsed = Vec::new();
        for (scope, Vanishing { before, vanished }) in vanishing {
            if LISTS.contains(scope) || !is_complete(&walk.sightings, scope) {
                continue;
            }
            let (explained, vanished): (Vec<&Vanished>, Vec<&Vanished>) =
                vanished.iter().partition(|one| explained.covers(scope.kind(), &one.id));
            // What is explained could not be listed any more: the rest is judged as if it had been all.
            let before = before.saturating_sub(explained.len() as u64);
            if is_collapse(before, vanished.len() as u64) {
                let vanished = vanished.into_iter().cloned().collect();
                collapsed.push(Loss { scope: scope.clone(), before, vanished });
            }
        }
        if collapsed.is_empty() {
            return Ok(());
        }
        let verdicts = self.confirm(walk, collapsed).await?;
        add_notices(walk, verdicts);
        Ok(())
    }

    /// Waits once for all of them, reads each again, and asks for some of what is still missing.
    async fn confirm(&mut self, walk: &mut Walk, collapsed: Vec<Loss>) -> Result<Vec<Verdict>, CollectError> {
        let scopes: Vec<Scope> = collapsed.iter().map(|one| one.scope.clone()).collect();
        let mut readings = self.read_all_again(scopes).await?;
        let listed: BTreeSet<Arc<str>> = walk.sightings.users.iter().map(|user| user.id.shared()).collect();
        let judging = collapsed.into_iter().map(|one| {
            // What the walk itself found unstable ends nothing, whatever the re-read says.
            let may_be_confirmed = is_complete(&walk.sightings, &one.scope) && !walk.contradicted.contains(&one.scope);
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

    async fn read_all_again(&mut self, scopes: Vec<Scope>) -> Result<BTreeMap<Scope, Reread>, CollectError> {
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
        Loss { scope, before, vanished }: Loss,
        again: Option<Reread>,
        mut may_be_confirmed: bool,
        listed: &BTreeSet<Arc<str>>,
    ) -> Result<(Verdict, Effort, Option<Reread>), CollectError> {
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
        // Re-reading a list may have found them since.
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
        assert_eq!(is_collapse(before, vanished), expected, "{vanished} of {before}");
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
