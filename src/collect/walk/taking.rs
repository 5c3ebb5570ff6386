//! Taking outcomes in, those that have just arrived and those that an earlier part of the run has kept: the same outcomes
//! in the same order come to the same in any process.
//!
//! Nothing here sends anything.

use super::{Parent, Walker};
use crate::collect::confirm::{Confirmed, refuse_skew};
use crate::collect::error::CollectError;
use crate::collect::outcome::{Outcome, Page, PageEnd};
use crate::collect::reading::Reading;
use crate::domain::coverage::{Scope, ScopeKind, Status};
use crate::domain::id::ContractNumber;
use crate::domain::notice::Notice;
use crate::domain::user::User;

/// Clocks that differ by more than that many seconds are worth a notice.
const MAX_SKEW_SECONDS: u64 = 300;

impl Walker<'_> {
    /// Takes in what became of a question.
    pub(super) fn take(&mut self, outcome: Outcome) -> Result<(), CollectError> {
        match outcome {
            Outcome::Contract(confirmed) => self.take_contract(confirmed)?,
            Outcome::Page(page) => self.take_page(page),
            Outcome::Groups(reading) => {
                let items = self.take_list(Scope::Groups, reading);
                for group in self.seen.groups(items) {
                    self.open.extend([Scope::Members(group.clone()), Scope::Shares(group.clone())]);
                    self.waiting.push_back(Parent::Group(group));
                }
            }
            Outcome::Resources(reading) => {
                let items = self.take_list(Scope::Resources, reading);
                self.seen.resources(items);
            }
            Outcome::OfGroup(of) => {
                let scopes = [Scope::Members(of.group.clone()), Scope::Shares(of.group.clone())];
                self.seen.of_group(of);
                self.close(&scopes);
                self.progress.groups_read += 1;
            }
            Outcome::OfUser(of) => {
                let scopes = [Scope::Owns(of.user.clone()), Scope::Keys(of.user.clone())];
                self.seen.of_user(of);
                self.close(&scopes);
                self.progress.users_read += 1;
            }
            Outcome::Unlisted(read) => self.take_unlisted(read),
            Outcome::Relisted(relisted) => self.take_relisted(relisted),
            Outcome::Spent(efforts) => {
                for (scope, effort) in efforts {
                    self.seen.spent(scope, effort);
                }
            }
        }
        self.progress.scopes = self.progress.ended + self.open.len() as u64;
        let (users, groups) = self.seen.counts();
        self.progress.users = users;
        self.progress.has_all_users = !self.open.contains(&Scope::Users);
        self.progress.groups = (!self.open.contains(&Scope::Groups)).then_some(groups);
        Ok(())
    }

    /// Takes in one of the lists that everything else hangs on.
    fn take_list<T>(&mut self, scope: Scope, mut reading: Reading<T>) -> Vec<T> {
        if let Some(error) = reading.error.take() {
            self.failure.get_or_insert(error);
        }
        let items = self.seen.take(scope.clone(), reading);
        self.close(&[scope]);
        items
    }

    fn take_contract(&mut self, confirmed: Confirmed) -> Result<(), CollectError> {
        let Confirmed { contract, notes, effort, ahead } = confirmed;
        refuse_skew(ahead, self.limits.max_skew)?;
        self.ahead = ahead;
        self.confirm(contract.number)?;
        if let Some(seconds) = ahead.filter(|seconds| seconds.unsigned_abs() > MAX_SKEW_SECONDS) {
            self.notices.push(Notice::ClockSkew { seconds });
        }
        self.seen.notes.add(notes);
        self.seen.contract = Some(contract);
        self.seen.record(Scope::Contract, Status::Complete, effort);
        self.close(&[Scope::Contract]);
        Ok(())
    }

    /// It is certain which contract this is. If an earlier part of the run saw another one, nothing of both may be mixed;
    /// else what was seen may be kept.
    pub(super) fn confirm(&mut self, number: ContractNumber) -> Result<(), CollectError> {
        if let Some(before) = self.expected.filter(|before| *before != number) {
            return Err(CollectError::AnotherThanBefore { before, now: number });
        }
        self.keeper.open();
        Ok(())
    }

    fn take_page(&mut self, page: Page) {
        let Page { users, again, moved, leads_elsewhere, unusable, odd, notes, effort, end, error } = page;
        self.seen.odd(ScopeKind::Users, odd);
        self.seen.notes.add(notes);
        self.paging.add(effort);
        self.moved |= moved;
        self.links_elsewhere += u64::from(leads_elsewhere);
        if let Some((count, reason)) = unusable {
            self.unusable.get_or_insert((0, reason)).0 += count;
        }
        for user in again {
            self.seen.user_again(user);
        }
        for user in users {
            self.take_user(user);
        }
        if let Some(error) = error {
            self.failure.get_or_insert(error);
        }
        let status = match end {
            PageEnd::More(step) => {
                self.steps.push(step);
                return;
            }
            PageEnd::Last => self.end_of_users(),
            PageEnd::Broken(status) => status,
        };
        self.seen.record(Scope::Users, status, self.paging);
        self.close(&[Scope::Users]);
    }

    /// How the list of users ended whose last page was read.
    fn end_of_users(&self) -> Status {
        match &self.unusable {
            Some((1, reason)) => Status::Failed(reason.clone()),
            Some((count, reason)) => Status::Failed(format!("{count} users cannot be read, one of them is {reason}")),
            // A contract has at least its owner, and the user whose credentials collect.
            None if self.moved || !self.seen.has_users() => Status::Unstable,
            None => Status::Complete,
        }
    }

    /// Adds a user; the scopes of a new one wait to be read.
    pub(super) fn take_user(&mut self, user: User) {
        let id = user.id.clone();
        if self.seen.user(user) {
            self.open.extend([Scope::Owns(id.clone()), Scope::Keys(id.clone())]);
            self.waiting.push_back(Parent::User(id));
        }
    }

    /// Counts scopes whose reading has ended.
    pub(super) fn close(&mut self, scopes: &[Scope]) {
        for scope in scopes {
            self.open.remove(scope);
            self.progress.ended += 1;
            if let Some((status, effort)) = self.seen.scopes.get(scope) {
                self.progress.complete += u64::from(status.proves_absence());
                self.progress.requests += effort.attempts;
                tracing::debug!(scope = scope.kind().as_str(), status = status.as_str(), "scope read");
            }
        }
    }
}
