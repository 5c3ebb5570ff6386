//! Pages that fit together, pages that do not, and links that lead nowhere.

use super::*;
use crate::api::settings::{Credentials, Settings, Version};
use crate::api::wire::Links;
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
        links: Some(Links { next: Some(Link::To(next)), ..Links::default() }),
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
    let (users, expected) = ([0, 1, 99, 100, 101, 198, 199, 200, 10_000], [1, 1, 1, 3, 3, 3, 4, 4, 103]);
    assert_eq!(users.map(requests), expected);
}

/// Takes pages of those users, `>` behind one that leads on and `|` behind one that is full and does not say so, and
/// tells what is asked for after each, and the end.
#[track_caller]
fn check_passes(pages: &[&str], expected: &str) {
    let mut walk = walk(10, 250);
    let mut told = Vec::new();
    let mut asked = Next::Page(0);
    for text in pages {
        let ids = text.trim_end_matches(['>', '|']).split_whitespace();
        let user = |id: &str| User { id: (id != "?").then(|| id.into()), ..User::default() };
        let link = || Link::To("https://api.example/cloudapi/v6/um/users?offset=999".to_owned());
        let next = text.ends_with('>').then(link);
        let list = Collection {
            limit: text.ends_with('|').then_some(ids.clone().count() as u64),
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
            Some(Next::Beyond(offset)) => told.push(format!("{offset}?")),
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
fn a_full_page_is_the_last_when_nobody_new_is_behind_it() {
    check_passes(&["a b c|", "c", "a b c|"], "2? first settled");
    check_passes(&["a b c>", "c d e|", "e", "a b c>"], "2 4? first settled");
    // Nobody said that there was more.
    check_passes(&["a b c|", "c d", "a b c|"], "2? first settled");
    check_passes(&["a b c|", "c d e|", "e f", "a b c|"], "2? 4? first settled");
    check_passes(&["a b c|", "c d e>", "e f", "a b c|"], "2? 4 first settled");
    // A server that does not look at the offset has shown everybody.
    check_passes(&["a b c|", "a b c|", "a b c|"], "2? first settled");
    // Whoever went meanwhile is missing on the first page, too.
    check_passes(&["a b c|", "", "a b"], "2? first settled");
    check_passes(&["a b c|", "d e", "a b d|", "d e", "a b d|"], "2? 0 2? first settled");
    check_passes(&["a b c|", "x c d", "a b c|", "x c d", "a b c|", "x c d"], "2? 0 2? 0 2? moved");
    check_passes(&["a ? c|", "a ? c|", "a ? c|"], "2? first settled");
}

#[test]
fn a_link_that_cannot_be_read_is_not_the_end() {
    let read = |links: &str| {
        let text = format!(r#"{{"items":[{{"id":"a"}}],"_links":{links}}}"#);
        walk(10, 250).take(crate::api::wire::decode(text.as_bytes()).unwrap().value, Next::Page(0))
    };
    for links in ["7", "-1", "1.5", "true", "\"x\"", "[]", r#"["x"]"#] {
        let fault = read(links).unwrap_err();
        assert_eq!(fault.to_string(), "the link to the next page leads to no address", "{links}");
        let next = format!(r#"{{"next":{links}}}"#);
        assert_eq!(read(&next).unwrap_err().to_string(), fault.to_string(), "{next}");
    }
    assert!(read(r#"{"next":{"href":"x"}}"#).is_err());
    for links in ["null", "{}", r#"{"next":null}"#, r#"{"prev":7,"self":[],"next":null}"#] {
        assert!(read(links).unwrap().last, "{links}");
    }
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
