//! The walk over the list of users, the only list that comes in pages.
//!
//! Pages are handed out one by one, so that a failure on the third leaves the first two as sightings. Whether there is a
//! next page is the server's word, however short this one is; where it begins is counted, never looked up in the answer.
//! A link that leads elsewhere or back ends the walk with an error.

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

/// Pages of one walk at most.
pub const MOST_PAGES: u64 = 10_000;

/// Users of one walk at most.
pub const MOST_USERS: u64 = 1_000_000;

/// Pages in a row at most that are empty although the server says there are more.
pub const MOST_EMPTY_PAGES: u64 = 3;

/// One page of the walk.
#[derive(Debug)]
pub struct UserPage {
    /// Users that no earlier page had, in the order of the answer.
    pub users: Vec<User>,
    /// Users that an earlier page, or this one, had before: the list moved while it was read.
    pub repeated: Vec<User>,
    /// Users without an id: somebody is there, nobody can say who.
    pub nameless: usize,
    /// Users the walk had asked to skip.
    pub offset: u64,
    /// Whether this is the end.
    pub last: bool,
}

/// How far a walk goes at most.
#[derive(Clone, Copy, Debug)]
struct Budget {
    pages: u64,
    users: u64,
}

/// Where a walk over the users stands: with whom it has seen, all that it takes to go on in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Users to skip.
    next: u64,
    /// Pages that were asked for.
    pages: u64,
    /// Empty pages since the last one with users.
    empty: u64,
}

/// A walk over all users. Ask for pages until there is none, or an error.
#[derive(Debug)]
pub struct Users {
    client: Client,
    depth: Depth,
    next: Option<u64>,
    seen: BTreeSet<Arc<str>>,
    pages: u64,
    /// Empty pages since the last one with users.
    empty: u64,
    budget: Budget,
}

impl Users {
    pub(super) fn new(client: Client, depth: Depth) -> Self {
        Self {
            client,
            depth,
            next: Some(0),
            seen: BTreeSet::new(),
            pages: 0,
            empty: 0,
            budget: Budget { pages: MOST_PAGES, users: MOST_USERS },
        }
    }

    /// Goes on where another walk stood that had seen these users.
    pub(super) fn from(client: Client, depth: Depth, cursor: Cursor, seen: impl IntoIterator<Item = UserId>) -> Self {
        let Cursor { next, pages, empty } = cursor;
        let seen = seen.into_iter().map(|user| user.shared()).collect();
        Self { next: Some(next), pages, empty, seen, ..Self::new(client, depth) }
    }

    /// Where the walk stands; `None` at its end.
    pub fn cursor(&self) -> Option<Cursor> {
        self.next.map(|next| Cursor { next, pages: self.pages, empty: self.empty })
    }

    /// The next page; `None` behind the last one and behind an error.
    pub async fn next(&mut self) -> Option<Result<Answer<UserPage>, Error>> {
        let offset = self.next.take()?;
        let begun = self.client.now();
        if self.pages == self.budget.pages {
            return Some(Err(failed(Fault::Budget { most: self.budget.pages, what: "pages" }, 0, begun)));
        }
        self.pages += 1;
        let page = Page { offset, limit: Page::LARGEST };
        let answer = match self.client.users(page, self.depth).await {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        let Answer { value, notes, receipt } = answer;
        Some(match self.take(value, page) {
            Ok(value) => Ok(Answer { value, notes, receipt }),
            Err(fault) => Err(failed(fault, receipt.attempts, receipt.sent_at)),
        })
    }

    /// Sorts the users of a page into new and repeated ones, and decides whether there is another page.
    fn take(&mut self, list: Collection<User>, page: Page) -> Result<UserPage, Fault> {
        let items = list.items.ok_or(Fault::NotExpanded)?;
        let count = items.len() as u64;
        let more = match list.links.and_then(|Links { next, .. }| next) {
            Some(link) => {
                check_link(&link, self.client.base(), page.offset)?;
                true
            }
            None => false,
        };
        self.empty = if count == 0 { self.empty + 1 } else { 0 };
        if more && self.empty > MOST_EMPTY_PAGES {
            return Err(Fault::Budget { most: MOST_EMPTY_PAGES, what: "empty pages in a row" });
        }
        let (mut users, mut repeated, mut nameless) = (Vec::with_capacity(items.len()), Vec::new(), 0);
        for user in items {
            let Some(id) = user.id.clone() else {
                nameless += 1;
                continue;
            };
            if self.seen.insert(id) { users.push(user) } else { repeated.push(user) }
        }
        if self.seen.len() as u64 > self.budget.users {
            return Err(Fault::Budget { most: self.budget.users, what: "users" });
        }
        // By what came, not by what was asked for: a server may put fewer users on a page than it was asked to.
        self.next = more.then(|| page.offset + count);
        Ok(UserPage { users, repeated, nameless, offset: page.offset, last: !more })
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
            let asked = Page { offset: from, limit: 100 };
            walk.take(page(from..from + 100), asked).map(|page| page.last).map_err(|fault| fault.to_string())
        };
        assert_eq!((take(0), take(100)), (Ok(false), Ok(false)));
        assert_eq!(take(200), Err("more than 250 users".to_owned()));
    }

    #[tokio::test]
    async fn a_walk_ends_with_an_error_before_it_asks_for_too_many_pages() {
        let mut walk = walk(3, 1000);
        walk.pages = 3;
        let error = walk.next().await.unwrap().unwrap_err();
        assert_eq!((error.fault.to_string(), error.attempts), ("more than 3 pages".to_owned(), 0));
        assert!(walk.next().await.is_none());
    }
}
