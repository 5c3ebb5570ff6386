//! What is asked for when everything that the lists name was read: members whom the list of users does not name, and the lists
//! that an answer speaks against.
//!
//! A member who is there by itself is a user, with a notice; one who is not found leaves a membership that refers to nobody,
//! with a notice. Nothing here takes a list for complete that may have passed over another user.

use super::{Stage, Walker};
use crate::collect::outcome::{self, Relisted};
use crate::collect::single_read::{MAX_SINGLE_READS, SingleRead};
use crate::domain::coverage::{Effort, Scope, Status};
use crate::domain::id::UserId;
use crate::domain::user::User;

/// Members whom the list of users does not name.
#[derive(Debug, Default)]
pub(super) struct Unlisted {
    /// How many of them have not answered yet.
    waiting: usize,
    /// Whether one of them was not asked for, or is neither there nor gone.
    is_unsettled: bool,
    /// Whether one of them is there.
    is_contradicted: bool,
}

impl Unlisted {
    /// Whether all of them are settled and the list has to be read once more, because it did not name one who is there.
    fn wants_list(&self) -> bool {
        self.waiting == 0 && self.is_contradicted && !self.is_unsettled
    }
}

impl Walker<'_> {
    /// When everything else was read: asks for the users that groups name as members and the list does not. Answers whether
    /// there is anything to wait for. Until they are settled, the list proves nothing.
    pub(super) fn ask_for_unlisted(&mut self) -> bool {
        let is_complete = self.seen.scopes.get(&Scope::Users).is_some_and(|(status, _)| *status == Status::Complete);
        if self.stage != Stage::Reading || !is_complete {
            return false;
        }
        self.stage = Stage::Unlisted;
        let members = self.seen.unlisted_members();
        if members.is_empty() {
            return false;
        }
        self.seen.record(Scope::Users, Status::Unstable, self.paging);
        self.progress.complete -= 1;
        self.unlisted.is_unsettled = members.len() > MAX_SINGLE_READS;
        self.unlisted.waiting = members.len().min(MAX_SINGLE_READS);
        let (client, seams) = (self.client, self.seams);
        for user in members.into_iter().take(MAX_SINGLE_READS) {
            self.ask(outcome::unlisted(client, seams, user));
        }
        true
    }

    /// Takes in what became of a member whom the list does not name.
    pub(super) fn take_unlisted(&mut self, SingleRead { id, item, gone, notes, effort }: SingleRead<User>) {
        self.seen.notes.add(notes);
        match item {
            Some(user) => {
                self.unlisted.is_contradicted = true;
                self.seen.unlisted_user(user.id.clone());
                self.take_user(user);
            }
            None if gone => self.seen.gone(UserId::from(id)),
            None => self.unlisted.is_unsettled = true,
        }
        self.paging.add(effort);
        self.progress.requests += effort.attempts;
        self.unlisted.waiting -= 1;
        let Unlisted { waiting, is_unsettled, is_contradicted } = self.unlisted;
        self.end_users(waiting == 0 && !is_unsettled && !is_contradicted);
    }

    /// Records how the list of users ended, after all.
    fn end_users(&mut self, is_complete: bool) {
        self.progress.complete += u64::from(is_complete);
        let status = if is_complete { Status::Complete } else { Status::Unstable };
        self.seen.record(Scope::Users, status, self.paging);
    }

    /// When everything else was read: reads a list once more that names a group or user who was not found, or does not name a
    /// member who is there. Answers whether there is anything to wait for.
    ///
    /// The two contradict each other. If the list no longer names what was not found, it went in between. If it names only
    /// users who were seen, it has passed over no other than those who were read by themselves.
    pub(super) fn ask_for_lists_again(&mut self) -> bool {
        if std::mem::replace(&mut self.stage, Stage::Lists) == Stage::Lists {
            return false;
        }
        let is_doubted = |list: &Scope| self.seen.misses(list) || (*list == Scope::Users && self.unlisted.wants_list());
        let lists: Vec<Scope> = [Scope::Users, Scope::Groups].into_iter().filter(is_doubted).collect();
        let (client, seams) = (self.client, self.seams);
        for list in &lists {
            self.ask(outcome::relisted(client, seams, list.clone()));
        }
        !lists.is_empty()
    }

    /// Takes in what a list names that was read once more.
    pub(super) fn take_relisted(&mut self, Relisted { scope, ids, notes, effort }: Relisted) {
        self.seen.notes.add(notes);
        self.progress.requests += effort.attempts;
        if scope == Scope::Users {
            if self.unlisted.wants_list() {
                let is_complete = ids.as_ref().is_some_and(|ids| self.seen.names_no_other_user(ids));
                self.end_users(is_complete);
            }
            self.paging.add(Effort { items: 0, ..effort });
        }
        let doubted = self.seen.relisted(&scope, ids.as_ref(), effort);
        self.progress.complete = self.progress.complete.saturating_sub(doubted);
    }
}
