//! The walk over the list of users, the only list that comes in pages.
//!
//! Pages are handed out one by one, so that a failure on the third leaves the first two as sightings. Every page is asked for
//! at the configured address by an offset that is counted here. A link to a next page only says that there is more: where it
//! leads is noticed, and never followed.
//!
//! The list has no snapshot of its own: somebody who goes moves everybody behind them to the front, and one of those may
//! be on neither page. So each page begins with the last user of the one before. A page with that user and nobody new is the
//! end, whatever its link says; a page without that user, also an empty one, is a list that moved, and another pass begins.
//! When the last page is read, the first is read again, and has to be as it was.
//!
//! A server without pages answers the same list to any offset and limit. Where nothing promises more, it is asked for half as
//! many users as it has just shown: one that shows all of them again looks at neither, and the list is whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::answer::{Answer, Depth, Page};
use super::error::{Error, Fault};
use super::operation::USERS;
use super::read::Client;
use super::wire::user::User;
use super::wire::{Collection, Link};
use crate::domain::id::UserId;

/// Passes over a list that moves, at most.
pub const MAX_PASSES: u32 = 3;

/// Pages of one pass at most: those of a million users who overlap by one, and the first of them again.
pub const MAX_PAGES: u64 = 10_103;

/// Users of one walk at most.
pub const MAX_USERS: u64 = 1_000_000;

/// Requests that a pass over so many users takes, if nothing goes wrong. Up to as many as fit on a page: that page, and one
/// more that brings nobody new. Else pages that overlap by one user, of which the last is not full, and the first of them
/// again; a last page that would be full is followed by one more, with its last user.
pub fn requests(users: u64) -> u64 {
    if users <= Page::MAX_LIMIT { 2 } else { users.div_ceil(Page::MAX_LIMIT - 1) + 1 }
}

/// One page of the walk.
#[derive(Debug)]
pub struct UserPage {
    /// Users that no earlier page had, in the order of the answer.
    pub users: Vec<User>,
    /// Users that this page had before: the server says the same id twice at once.
    pub repeated: Vec<User>,
    /// Users that an earlier page had, as they are now: pages overlap, and a list that moved is read again.
    pub again: Vec<User>,
    /// Users without an id, who were not counted in an earlier pass: somebody is there, nobody can say who.
    pub nameless: usize,
    /// Whether its link to the next page leads to another server or path, or cannot be read.
    pub leads_elsewhere: bool,
    /// What the walk has to remember of it.
    pub step: Step,
    /// Whether this is the end.
    pub last: bool,
    /// At the end: whether the list moved during every pass, so that somebody may be on no page.
    pub moved: bool,
}

/// How far a walk goes at most.
#[derive(Clone, Copy, Debug)]
struct Budget {
    pages: u64,
    users: u64,
}

/// One time through the list.
#[derive(Debug, Default)]
struct Pass {
    seen: BTreeSet<Arc<str>>,
    /// The ids of its first page, in order.
    first: Vec<Option<Arc<str>>>,
    /// The last user of the page before, with whom the next one begins.
    edge: Option<Arc<str>>,
    pages: u64,
    /// Pages that brought somebody new.
    telling: u64,
    /// Users on the largest page.
    largest: u64,
    /// How many users there are, by the list's own word.
    total: u64,
    /// Whether a link of any page said that there is more.
    leads_on: bool,
    nameless: usize,
    /// Whether the page before held a single user and led on: the next one cannot overlap with it.
    alone: bool,
    /// Whether the list moved meanwhile.
    moved: bool,
}

/// What is asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Next {
    /// The page behind so many users.
    Page(u64),
    /// The first page, to see whether it is as it was.
    FirstAgain,
    /// So many of the first users and no more, to see whether the server looks at what it is asked.
    Probe(u64),
}

impl Next {
    /// Behind how many users the page begins.
    fn offset(self) -> u64 {
        match self {
            Self::Page(offset) => offset,
            Self::FirstAgain | Self::Probe(_) => 0,
        }
    }

    /// How many users the page may hold.
    fn limit(self) -> u64 {
        match self {
            Self::Page(_) | Self::FirstAgain => Page::MAX_LIMIT,
            Self::Probe(limit) => limit,
        }
    }
}

/// What a page says of those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Behind {
    /// There is another one.
    More,
    /// Nothing, but the page may be full.
    Untold,
    /// Nothing, and the page is shorter than those before it: it is the last one.
    Nothing,
}

/// A page that was read, as far as the walk has to remember it: with all of them it can go on in another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    asked: Next,
    /// The ids on the page, in order.
    ids: Vec<Option<UserId>>,
    behind: Behind,
    /// How many users there are, if the page says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

/// A walk over all users. Ask for pages until there is none, or an error.
#[derive(Debug)]
pub struct Users {
    client: Client,
    depth: Depth,
    next: Option<Next>,
    /// Everybody of every pass.
    seen: BTreeSet<Arc<str>>,
    pass: Pass,
    passes: u32,
    /// The most users without an id in any pass.
    nameless: usize,
    budget: Budget,
    /// How many of these users had to be read by themselves so far; the caller counts.
    pub read_singly: usize,
}

impl Users {
    pub(super) fn new(client: Client, depth: Depth) -> Self {
        Self {
            client,
            depth,
            next: Some(Next::Page(0)),
            seen: BTreeSet::new(),
            pass: Pass::default(),
            passes: 1,
            nameless: 0,
            budget: Budget { pages: MAX_PAGES, users: MAX_USERS },
            read_singly: 0,
        }
    }

    /// Goes on where another walk stood that had read these pages.
    pub(super) fn from(client: Client, depth: Depth, steps: impl IntoIterator<Item = Step>) -> Self {
        let mut users = Self::new(client, depth);
        for step in steps {
            users.seen.extend(step.ids.iter().flatten().map(UserId::shared));
            users.advance(&step);
        }
        users
    }

    /// The next page; `None` behind the last one and behind an error.
    pub async fn next(&mut self) -> Option<Result<Answer<UserPage>, Error>> {
        let next = self.next.take()?;
        let begun = self.client.now();
        if self.pass.pages == self.budget.pages {
            return Some(Err(self.failed(Fault::Budget { most: self.budget.pages, what: "pages" }, 0, begun)));
        }
        let page = Page { offset: next.offset(), limit: next.limit() };
        let answer = match self.client.users(page, self.depth).await {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        let Answer { value, notes, receipt } = answer;
        Some(match self.take(value, next) {
            Ok(value) => Ok(Answer { value, notes, receipt }),
            Err(fault) => Err(self.failed(fault, receipt.attempts, receipt.sent_at)),
        })
    }

    fn failed(&self, fault: Fault, attempts: u32, sent_at: DateTime<Utc>) -> Error {
        Error { operation: USERS, target: Arc::clone(self.client.target()), attempts, sent_at, fault }
    }

    /// Takes a page in that came from anywhere; `None` if no page is waited for.
    #[cfg(any(test, fuzzing))]
    pub(super) fn feed(&mut self, list: Collection<User>) -> Option<Result<UserPage, Fault>> {
        let next = self.next.take()?;
        Some(self.take(list, next))
    }

    /// Whether a walk that goes on from these pages waits for what this one waits for.
    #[cfg(any(test, fuzzing))]
    pub(super) fn goes_on_from(&self, steps: &[Step]) -> bool {
        let other = Self::from(self.client.clone(), self.depth, steps.iter().cloned());
        other.next == self.next && other.passes == self.passes && other.pass.seen == self.pass.seen
    }

    /// Sorts the users of a page, and decides what is asked for next.
    fn take(&mut self, list: Collection<User>, asked: Next) -> Result<UserPage, Fault> {
        let leads_elsewhere = list.next().is_some_and(|link| leads_elsewhere(link, self.client.base()));
        let (says_more, total) = (list.next().is_some(), list.total());
        // A server may have a smaller page in mind than it was asked for. One user is no page.
        let limit = list.limit.filter(|limit| (2..Page::MAX_LIMIT).contains(limit)).unwrap_or(Page::MAX_LIMIT);
        let items = list.items.ok_or(Fault::NotExpanded)?;
        let count = items.len() as u64;
        // How many fit on a page is known only when there was one before.
        let may_be_full = asked.offset() == 0 || count >= limit.min(self.pass.largest);
        let behind = match says_more {
            true => Behind::More,
            false if may_be_full => Behind::Untold,
            false => Behind::Nothing,
        };
        let ids = items.iter().map(|user| user.id.clone().map(UserId::from)).collect();
        let mut page = self.sort(items, Step { asked, ids, behind, total });
        page.leads_elsewhere = leads_elsewhere;
        if self.seen.len() as u64 > self.budget.users {
            return Err(Fault::Budget { most: self.budget.users, what: "users" });
        }
        (page.moved, page.nameless) = self.advance(&page.step);
        page.last = self.next.is_none();
        Ok(page)
    }

    /// Decides what is asked for behind a page. Answers whether, at the end, the list moved during every pass, and how many
    /// users without an id there are whom no earlier pass had.
    fn advance(&mut self, Step { asked, ids, behind, total }: &Step) -> (bool, usize) {
        self.next = None;
        let ids: Vec<Option<Arc<str>>> = ids.iter().map(|id| id.as_ref().map(UserId::shared)).collect();
        let nameless = ids.iter().filter(|id| id.is_none()).count();
        match asked {
            Next::Page(_) => {}
            Next::FirstAgain if ids == self.pass.first => return (false, 0),
            // More than were asked for, and the same as before: this server knows of no pages.
            Next::Probe(_) if self.pass.is_all_again(&ids, *behind, *total) => return (false, 0),
            _ if !self.may_pass_again() => return (true, nameless),
            // Another first page is as good a beginning as any.
            Next::FirstAgain => {}
            Next::Probe(_) => {
                self.next = Some(Next::Page(0));
                return (false, 0);
            }
        }
        self.pass.nameless += nameless;
        let more_nameless = self.pass.nameless.saturating_sub(self.nameless);
        self.nameless += more_nameless;
        self.pass.total = self.pass.total.max(total.unwrap_or_default());
        self.next = self.follow(&ids, *asked, *behind);
        (self.next.is_none() && self.pass.moved, more_nameless)
    }

    /// Tells apart who is new, who is on this page twice and who was on an earlier one.
    fn sort(&mut self, items: Vec<User>, step: Step) -> UserPage {
        let (mut users, mut repeated, mut again, mut nameless) =
            (Vec::with_capacity(items.len()), Vec::new(), Vec::new(), 0);
        let mut here = BTreeSet::new();
        for user in items {
            let Some(id) = user.id.clone() else {
                nameless += 1;
                continue;
            };
            if !here.insert(Arc::clone(&id)) {
                repeated.push(user);
            } else if self.seen.insert(id) {
                users.push(user);
            } else {
                again.push(user);
            }
        }
        UserPage { users, repeated, again, nameless, leads_elsewhere: false, step, last: false, moved: false }
    }

    /// What to ask for behind a page of those ids; nothing behind the last one.
    fn follow(&mut self, ids: &[Option<Arc<str>>], asked: Next, behind: Behind) -> Option<Next> {
        let (pass, more) = (&mut self.pass, behind == Behind::More);
        pass.pages += 1;
        pass.leads_on |= more;
        let is_first = pass.pages == 1;
        if is_first {
            ids.clone_into(&mut pass.first);
        }
        let lacks_edge = pass.pages == 2 && pass.edge.is_some() && ids.first() != Some(&pass.edge);
        if lacks_edge && ids.len() as u64 <= Page::MAX_LIMIT && pass.is_all_again(ids, behind, None) {
            return Some(Next::Probe(ids.len() as u64 / 2));
        }
        // More than fit on a page, and again: this server knows of no pages, whatever its link says.
        let is_unpaged = !is_first && ids.len() as u64 > Page::MAX_LIMIT && pass.knows(ids);
        let (distinct, new) = if is_unpaged { (0, 0) } else { pass.enter(ids) };
        // A contract has an owner at least: a list that begins with nobody is none.
        pass.moved |= is_first && ids.is_empty();
        let is_over = new == 0 || behind == Behind::Nothing;
        pass.moved |= is_over && ((pass.seen.len() + pass.nameless) as u64) < pass.total;
        if pass.moved && self.may_pass_again() {
            return Some(Next::Page(0));
        }
        let pass = &mut self.pass;
        if is_over {
            // A list that is all on one page is one answer.
            return (!pass.moved && pass.telling > 1).then_some(Next::FirstAgain);
        }
        pass.alone = more && distinct == 1;
        if pass.alone {
            pass.edge = None;
        }
        // By what came, not by what was asked for: a server may put fewer users on a page than it was asked to.
        Some(Next::Page(asked.offset() + if pass.alone { 1 } else { distinct - 1 }))
    }

    /// Begins another pass, if one is left.
    fn may_pass_again(&mut self) -> bool {
        let is_left = self.passes < MAX_PASSES;
        if is_left {
            self.passes += 1;
            self.pass = Pass::default();
        }
        is_left
    }
}

impl Pass {
    /// Whether everybody on a page was on an earlier one, as far as they can be distinguished.
    fn knows(&self, ids: &[Option<Arc<str>>]) -> bool {
        ids.iter().flatten().all(|id| self.seen.contains(id))
    }

    /// Whether a page is the first one again, and nothing said that there is more.
    fn is_all_again(&self, ids: &[Option<Arc<str>>], behind: Behind, total: Option<u64>) -> bool {
        let total = self.total.max(total.unwrap_or_default());
        ids == self.first && total <= ids.len() as u64 && !self.leads_on && behind != Behind::More
    }

    /// Adds the users of a page and watches for signs that the list moved. Answers how many different ones there are, and how
    /// many of them are new. Of those without an id nobody knows; a list with such users has failed.
    fn enter(&mut self, ids: &[Option<Arc<str>>]) -> (u64, u64) {
        let edge = self.edge.take();
        self.moved |= edge.is_some() && ids.first() != Some(&edge);
        let mut here = BTreeSet::new();
        let (mut distinct, mut new) = (0, 0);
        for id in ids {
            let Some(id) = id else {
                distinct += 1;
                self.edge = None;
                continue;
            };
            if !here.insert(id) {
                continue;
            }
            distinct += 1;
            if self.seen.insert(Arc::clone(id)) {
                new += 1;
            } else {
                self.moved |= edge.as_ref() != Some(id) && !self.alone;
            }
            self.edge = Some(Arc::clone(id));
        }
        // A page of one cannot overlap with the next: whether anybody slips between them stays unknown.
        self.moved |= std::mem::take(&mut self.alone) && new > 0;
        self.telling += u64::from(new > 0);
        self.largest = self.largest.max(ids.len() as u64);
        (distinct, new)
    }
}

/// Whether a link to the next page names another server or path than the list that was asked for, or cannot be read.
fn leads_elsewhere(link: &Link, base: &Url) -> bool {
    let Link::To(link) = link else { return true };
    let Ok(link) = Url::parse(link) else { return true };
    let path = format!("{}{}", base.path().trim_end_matches('/'), USERS.template);
    link.origin() != base.origin()
        || !link.username().is_empty()
        || link.password().is_some()
        || link.path().trim_end_matches('/') != path
}

#[cfg(test)]
mod tests;
