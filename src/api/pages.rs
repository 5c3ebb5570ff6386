//! The walk over the list of users, the only list that comes in pages.
//!
//! Pages are handed out one by one, so that a failure on the third leaves the first two as sightings. Whether there is a
//! next page is the server's word, however short this one is; where it begins is counted, never looked up in the answer.
//! A link that leads elsewhere or back, or cannot be read, ends the walk with an error. A full page without a link is not
//! taken for the last before the page behind it, asked for all the same, has brought nobody new.
//!
//! The list has no snapshot of its own: somebody who goes moves everybody behind them to the front, and one of those may
//! be on neither page. So each page begins with the last user of the one before, and when the last is read the first is
//! read again. Where that is not as it was the list moved, and another pass begins.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::answer::{Answer, Depth, Page};
use super::error::{Error, Fault, Foreign};
use super::operation::USERS;
use super::read::Client;
use super::wire::user::User;
use super::wire::{Collection, Link};
use crate::domain::id::UserId;

/// Passes over a list that moves, at most.
pub const MOST_PASSES: u32 = 3;

/// Pages of one pass at most: those of a million users who overlap by one, and the first of them again.
pub const MOST_PAGES: u64 = 10_103;

/// Users of one walk at most.
pub const MOST_USERS: u64 = 1_000_000;

/// Pages in a row at most that are empty although the server says there are more.
pub const MOST_EMPTY_PAGES: u64 = 3;

/// Requests that a pass over so many users takes, if nothing goes wrong: pages that overlap by one user, of which the last
/// is not full, and the first of them again. A last page that would be full is followed by one more, with its last user.
pub fn requests(users: u64) -> u64 {
    if users < Page::LARGEST { 1 } else { users.div_ceil(Page::LARGEST - 1) + 1 }
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
    /// Empty pages since the last one with users.
    empty: u64,
    nameless: usize,
    /// Whether the list moved meanwhile.
    moved: bool,
}

/// What is asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Next {
    /// The page behind so many users.
    Page(u64),
    /// The same, although nobody says that there is one.
    Beyond(u64),
    /// The first page, to see whether it is as it was.
    FirstAgain,
}

impl Next {
    /// Behind how many users the page begins.
    fn offset(self) -> u64 {
        match self {
            Self::Page(offset) | Self::Beyond(offset) => offset,
            Self::FirstAgain => 0,
        }
    }
}

/// What a page says of those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Behind {
    /// There is another one.
    More,
    /// Nothing, but the page is full.
    Untold,
    /// Nothing, and the page is not full: it is the last one.
    Nothing,
}

/// A page that was read, as far as the walk has to remember it: with all of them it can go on in another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    asked: Next,
    /// The ids on the page, in order.
    ids: Vec<Option<UserId>>,
    behind: Behind,
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
            budget: Budget { pages: MOST_PAGES, users: MOST_USERS },
        }
    }

    /// Goes on where another walk stood that had read these pages.
    pub(super) fn from(client: Client, depth: Depth, steps: impl IntoIterator<Item = Step>) -> Self {
        let mut users = Self::new(client, depth);
        for step in steps {
            users.seen.extend(step.ids.iter().flatten().map(UserId::shared));
            // What was read once was within the limits.
            if users.advance(&step).is_err() {
                return Self::new(users.client, depth);
            }
        }
        users
    }

    /// The next page; `None` behind the last one and behind an error.
    pub async fn next(&mut self) -> Option<Result<Answer<UserPage>, Error>> {
        let next = self.next.take()?;
        let begun = self.client.now();
        if self.pass.pages == self.budget.pages {
            return Some(Err(failed(Fault::Budget { most: self.budget.pages, what: "pages" }, 0, begun)));
        }
        let page = Page { offset: next.offset(), limit: Page::LARGEST };
        let answer = match self.client.users(page, self.depth).await {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        let Answer { value, notes, receipt } = answer;
        Some(match self.take(value, next) {
            Ok(value) => Ok(Answer { value, notes, receipt }),
            Err(fault) => Err(failed(fault, receipt.attempts, receipt.sent_at)),
        })
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
        let says_more = match list.next() {
            Some(Link::To(link)) => {
                check_link(link, self.client.base(), asked.offset())?;
                true
            }
            Some(Link::Unreadable) => return Err(Fault::ForeignLink(Foreign::Unreadable)),
            None => false,
        };
        // A server may have a smaller page in mind than it was asked for. One user is no page.
        let limit = list.limit.filter(|limit| (2..Page::LARGEST).contains(limit)).unwrap_or(Page::LARGEST);
        let items = list.items.ok_or(Fault::NotExpanded)?;
        let behind = match says_more {
            true => Behind::More,
            false if items.len() as u64 >= limit => Behind::Untold,
            false => Behind::Nothing,
        };
        let ids = items.iter().map(|user| user.id.clone().map(UserId::from)).collect();
        let mut page = self.sort(items, Step { asked, ids, behind });
        if self.seen.len() as u64 > self.budget.users {
            return Err(Fault::Budget { most: self.budget.users, what: "users" });
        }
        (page.moved, page.nameless) = self.advance(&page.step)?;
        page.last = self.next.is_none();
        Ok(page)
    }

    /// Decides what is asked for behind a page. Answers whether, at the end, the list moved during every pass, and how many
    /// users without an id there are whom no earlier pass had.
    fn advance(&mut self, Step { asked, ids, behind }: &Step) -> Result<(bool, usize), Fault> {
        self.next = None;
        let ids: Vec<Option<Arc<str>>> = ids.iter().map(|id| id.as_ref().map(UserId::shared)).collect();
        let nameless = ids.iter().filter(|id| id.is_none()).count();
        if *asked == Next::FirstAgain {
            if ids == self.pass.first {
                return Ok((false, 0));
            }
            // Another first page is as good a beginning as any.
            if !self.may_pass_again() {
                return Ok((true, nameless));
            }
        }
        self.pass.nameless += nameless;
        let more_nameless = self.pass.nameless.saturating_sub(self.nameless);
        self.nameless += more_nameless;
        self.next = self.follow(&ids, *asked, *behind)?;
        Ok((self.next.is_none() && self.pass.moved, more_nameless))
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
        UserPage { users, repeated, again, nameless, step, last: false, moved: false }
    }

    /// What to ask for behind a page of those ids.
    fn follow(&mut self, ids: &[Option<Arc<str>>], asked: Next, behind: Behind) -> Result<Option<Next>, Fault> {
        let (pass, more) = (&mut self.pass, behind == Behind::More);
        pass.pages += 1;
        pass.empty = if ids.is_empty() { pass.empty + 1 } else { 0 };
        if more && pass.empty > MOST_EMPTY_PAGES {
            return Err(Fault::Budget { most: MOST_EMPTY_PAGES, what: "empty pages in a row" });
        }
        // Nobody said that there would be a page, and there is none: where it stood does not matter.
        let was_the_end = matches!(asked, Next::Beyond(_)) && !more && pass.knows(ids);
        let is_first = pass.pages == 1;
        if is_first {
            ids.clone_into(&mut pass.first);
        }
        let distinct = if was_the_end { 0 } else { pass.enter(ids, more) };
        // A page of one cannot overlap with the next and lead on: whether anybody slips between them stays unknown.
        pass.moved |= more && distinct == 1;
        if pass.moved && self.may_pass_again() {
            return Ok(Some(Next::Page(0)));
        }
        // By what came, not by what was asked for: a server may put fewer users on a page than it was asked to.
        let offset = asked.offset() + if distinct > 1 { distinct - 1 } else { distinct };
        Ok(match behind {
            Behind::More => Some(Next::Page(offset)),
            Behind::Untold if !was_the_end => Some(Next::Beyond(offset)),
            _ if is_first || self.pass.moved => None,
            _ => Some(Next::FirstAgain),
        })
    }

    /// Begins another pass, if one is left.
    fn may_pass_again(&mut self) -> bool {
        let is_left = self.passes < MOST_PASSES;
        if is_left {
            self.passes += 1;
            self.pass = Pass::default();
        }
        is_left
    }
}

impl Pass {
    /// Whether everybody on a page was on an earlier one, as far as they can be told apart.
    fn knows(&self, ids: &[Option<Arc<str>>]) -> bool {
        ids.iter().flatten().all(|id| self.seen.contains(id))
    }

    /// Adds the users of a page, watches for signs that the list moved, and answers how many different ones there are.
    fn enter(&mut self, ids: &[Option<Arc<str>>], more: bool) -> u64 {
        if ids.is_empty() && more {
            return 0;
        }
        let edge = self.edge.take();
        self.moved |= edge.is_some() && ids.first() != Some(&edge);
        let mut here = BTreeSet::new();
        let mut distinct = 0;
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
            self.moved |= !self.seen.insert(Arc::clone(id)) && edge.as_ref() != Some(id);
            self.edge = Some(Arc::clone(id));
        }
        distinct
    }
}

fn failed(fault: Fault, attempts: u32, sent_at: DateTime<Utc>) -> Error {
    Error { operation: USERS, attempts, sent_at, fault }
}

/// A link to the next page must lead to the same list of the same server, and onwards.
fn check_link(link: &str, base: &Url, offset: u64) -> Result<(), Fault> {
    let link = Url::parse(link).map_err(|_| Fault::ForeignLink(Foreign::Unreadable))?;
    let foreign = |foreign| Err(Fault::ForeignLink(foreign));
    if link.origin() != base.origin() || !link.username().is_empty() || link.password().is_some() {
        return foreign(Foreign::Server);
    }
    let path = format!("{}{}", base.path().trim_end_matches('/'), USERS.template);
    if link.path().trim_end_matches('/') != path {
        return foreign(Foreign::Path);
    }
    let next = link.query_pairs().find(|(name, _)| name == "offset").and_then(|(_, value)| value.parse::<u64>().ok());
    if next.is_none_or(|next| next <= offset) {
        return foreign(Foreign::Back);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
