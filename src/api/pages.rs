//! The walk over the list of users, the only list that comes in pages.
//!
//! Pages are handed out one by one, so that a failure on the third leaves the first two as sightings. Whether there is a
//! next page is the server's word, however short this one is; where it begins is counted, never looked up in the answer.
//! A link that leads elsewhere or back ends the walk with an error.
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
use super::wire::{Collection, Links};
use crate::domain::id::UserId;

/// Passes over a list that moves, at most.
pub const MOST_PASSES: u32 = 3;

/// Pages of one pass at most: those of a million users who overlap by one, and the first of them again.
pub const MOST_PAGES: u64 = 10_103;

/// Users of one walk at most.
pub const MOST_USERS: u64 = 1_000_000;

/// Pages in a row at most that are empty although the server says there are more.
pub const MOST_EMPTY_PAGES: u64 = 3;

/// Requests that a pass over so many users takes, if nothing goes wrong.
pub fn requests(users: u64) -> u64 {
    if users <= Page::LARGEST { 1 } else { (users - 1).div_ceil(Page::LARGEST - 1) + 1 }
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
    /// The first page, to see whether it is as it was.
    FirstAgain,
}

/// A page that was read, as far as the walk has to remember it: with all of them it can go on in another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    asked: Next,
    /// The ids on the page, in order.
    ids: Vec<Option<UserId>>,
    /// Whether the server said that there are more.
    more: bool,
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
        let offset = if let Next::Page(offset) = next { offset } else { 0 };
        let page = Page { offset, limit: Page::LARGEST };
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
        let offset = if let Next::Page(offset) = asked { offset } else { 0 };
        let items = list.items.ok_or(Fault::NotExpanded)?;
        let more = match list.links.and_then(|Links { next, .. }| next) {
            Some(link) => {
                check_link(&link, self.client.base(), offset)?;
                true
            }
            None => false,
        };
        let ids = items.iter().map(|user| user.id.clone().map(UserId::from)).collect();
        let mut page = self.sort(items, Step { asked, ids, more });
        if self.seen.len() as u64 > self.budget.users {
            return Err(Fault::Budget { most: self.budget.users, what: "users" });
        }
        (page.moved, page.nameless) = self.advance(&page.step)?;
        page.last = self.next.is_none();
        Ok(page)
    }

    /// Decides what is asked for behind a page. Answers whether, at the end, the list moved during every pass, and how many
    /// users without an id there are whom no earlier pass had.
    fn advance(&mut self, Step { asked, ids, more }: &Step) -> Result<(bool, usize), Fault> {
        self.next = None;
        let ids: Vec<Option<Arc<str>>> = ids.iter().map(|id| id.as_ref().map(UserId::shared)).collect();
        let nameless = ids.iter().filter(|id| id.is_none()).count();
        let offset = if let Next::Page(offset) = asked { *offset } else { 0 };
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
        self.next = self.follow(&ids, offset, *more)?;
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
    fn follow(&mut self, ids: &[Option<Arc<str>>], offset: u64, more: bool) -> Result<Option<Next>, Fault> {
        let pass = &mut self.pass;
        pass.pages += 1;
        pass.empty = if ids.is_empty() { pass.empty + 1 } else { 0 };
        if more && pass.empty > MOST_EMPTY_PAGES {
            return Err(Fault::Budget { most: MOST_EMPTY_PAGES, what: "empty pages in a row" });
        }
        let is_first = pass.pages == 1;
        if is_first {
            ids.clone_into(&mut pass.first);
        }
        let distinct = pass.enter(ids, more);
        // A page of one cannot overlap with the next and lead on: whether anybody slips between them stays unknown.
        pass.moved |= more && distinct == 1;
        if pass.moved && self.may_pass_again() {
            return Ok(Some(Next::Page(0)));
        }
        // By what came, not by what was asked for: a server may put fewer users on a page than it was asked to.
        Ok(match more {
            true => Some(Next::Page(if distinct > 1 { offset + distinct - 1 } else { offset + distinct })),
            false if is_first || self.pass.moved => None,
            false => Some(Next::FirstAgain),
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
mod tests {
    use super::*;
    use crate::api::settings::{Credentials, Settings, Version};
    use crate::seams::Seams;

    fn check(link: &str, expected: Option<Foreign>) {
        let base = Url::parse("https://api.example:8443/cloudapi/v6").unwrap();
        let found = match check_link(link, &base, 100) {
            Ok(()) => None,
            Err(Fault::ForeignLink(foreign)) => Some(foreign),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, expected, "{link}");
    }

    #[test]
    fn a_link_onwards_in_the_same_list_is_fine() {
        check("https://api.example:8443/cloudapi/v6/um/users?depth=1&offset=200&limit=100", None);
        check("https://API.example:8443/cloudapi/v6/um/users/?offset=101", None);
    }

    #[test]
    fn a_link_to_another_server_path_or_back_is_foreign() {
        check("um/users?offset=200", Some(Foreign::Unreadable));
        check("http://api.example:8443/cloudapi/v6/um/users?offset=200", Some(Foreign::Server));
        check("https://api.example/cloudapi/v6/um/users?offset=200", Some(Foreign::Server));
        check("https://evil.example:8443/cloudapi/v6/um/users?offset=200", Some(Foreign::Server));
        check("https://api.example:8443@evil.example/cloudapi/v6/um/users?offset=200", Some(Foreign::Server));
        check("https://me@api.example:8443/cloudapi/v6/um/users?offset=200", Some(Foreign::Server));
        check("https://api.example:8443/cloudapi/v5/um/users?offset=200", Some(Foreign::Path));
        check("https://api.example:8443/cloudapi/v6/um/users/../groups?offset=200", Some(Foreign::Path));
        check("https://api.example:8443/cloudapi/v6/um/users?offset=100", Some(Foreign::Back));
        check("https://api.example:8443/cloudapi/v6/um/users?offset=0", Some(Foreign::Back));
        check("https://api.example:8443/cloudapi/v6/um/users", Some(Foreign::Back));
    }

    fn walk(pages: u64, users: u64) -> Users {
        let base = Url::parse("https://api.example/cloudapi/v6").unwrap();
        let settings = Settings::new(base, Version::V6, Credentials::Bearer("token".into()));
        let client = Client::new(&settings, Seams::system()).unwrap();
        Users { budget: Budget { pages, users }, ..Users::new(client, Depth::Zero) }
    }

    /// A page of those users with a link onwards.
    fn page(users: std::ops::Range<u64>) -> Collection<User> {
        let next = format!("https://api.example/cloudapi/v6/um/users?offset={}", users.end);
        let user = |number| User { id: Some(format!("u{number}").into()), ..User::default() };
        Collection {
            items: Some(users.map(user).collect()),
            links: Some(Links { next: Some(next), ..Links::default() }),
            ..Collection::default()
        }
    }

    #[test]
    fn a_walk_ends_with_an_error_when_it_has_seen_too_many_users() {
        let mut walk = walk(10, 250);
        let mut take = |from: u64| {
            let taken = walk.take(page(from..from + 100), Next::Page(from));
            taken.map(|page| page.last).map_err(|fault| fault.to_string())
        };
        assert_eq!((take(0), take(99)), (Ok(false), Ok(false)));
        assert_eq!(take(198), Err("more than 250 users".to_owned()));
    }

    #[tokio::test]
    async fn a_walk_ends_with_an_error_before_it_asks_for_too_many_pages() {
        let mut walk = walk(3, 1000);
        walk.pass.pages = 3;
        let error = walk.next().await.unwrap().unwrap_err();
        assert_eq!((error.fault.to_string(), error.attempts), ("more than 3 pages".to_owned(), 0));
        assert!(walk.next().await.is_none());
    }

    #[test]
    fn the_pages_of_as_many_users_as_a_walk_may_see_are_within_its_budget() {
        assert!(requests(MOST_USERS) <= MOST_PAGES);
        assert_eq!([0, 1, 100, 101, 199, 200, 10_000].map(requests), [1, 1, 1, 3, 3, 4, 102]);
    }

    /// Takes pages of those users, `>` behind one that leads on, and tells what is asked for after each, and the end.
    #[track_caller]
    fn check_passes(pages: &[&str], expected: &str) {
        let mut walk = walk(10, 250);
        let mut told = Vec::new();
        let mut asked = Next::Page(0);
        for text in pages {
            let ids = text.trim_end_matches('>').split_whitespace();
            let user = |id: &str| User { id: Some(id.into()), ..User::default() };
            let next = text.ends_with('>').then(|| "https://api.example/cloudapi/v6/um/users?offset=999".to_owned());
            let list = Collection {
                items: Some(ids.map(user).collect()),
                links: Some(Links { next, ..Links::default() }),
                ..Collection::default()
            };
            let page = walk.take(list, asked).unwrap();
            match walk.next {
                Some(next) => asked = next,
                None => told.push(if page.moved { "moved".to_owned() } else { "settled".to_owned() }),
            }
            match walk.next.take() {
                Some(Next::Page(offset)) => told.push(offset.to_string()),
                Some(Next::FirstAgain) => told.push("first".to_owned()),
                None => {}
            }
        }
        assert_eq!(told.join(" "), expected);
    }

    #[test]
    fn pages_that_overlap_and_a_first_one_that_stays_settle_the_list() {
        check_passes(&["a b c"], "settled");
        check_passes(&[""], "settled");
        check_passes(&["a b c>", "c d", "a b c>"], "2 first settled");
        check_passes(&["a b c>", "c d>", "d e f", "a b c>"], "2 3 first settled");
        check_passes(&["a b c>", ">", "c d", "a b c>"], "2 2 first settled");
    }

    #[test]
    fn a_list_that_moves_is_read_again() {
        check_passes(&["a b c>", "d e", "a b d>", "d e", "a b d>"], "2 0 2 first settled");
        check_passes(&["a b c>", "x c d", "a b c>", "c d", "a b c>"], "2 0 2 first settled");
        check_passes(&["a b c>", "c d a", "a b c>", "c d", "a b c>"], "2 0 2 first settled");
        check_passes(&["a b c>", "", "a b"], "2 0 settled");
        // The other first page is the beginning of the second pass.
        check_passes(&["a b c>", "c d", "b c d>", "d e", "b c d>"], "2 first 2 first settled");
    }

    #[test]
    fn a_list_that_moves_for_ever_is_read_to_its_end_and_not_believed() {
        check_passes(&["a b>", "x y", "a b>", "x y", "a b>", "x y>", "y z"], "1 0 1 0 1 2 moved");
        check_passes(&["a b>", "b c", "b c>", "c d", "c d>", "d e", "e f"], "1 first 1 first 1 first moved");
    }

    #[test]
    fn pages_of_one_prove_nothing() {
        check_passes(&["a>", "a>", "a>", "b>", "c"], "0 0 1 2 moved");
    }

    #[test]
    fn somebody_who_is_on_a_page_twice_moves_nobody() {
        check_passes(&["a b c a>", "c d c", "a b c a>"], "2 first settled");
    }
}
