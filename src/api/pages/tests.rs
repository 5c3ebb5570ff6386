//! Pages that fit together, pages that do not, and links that lead nowhere.

use super::*;
use crate::api::settings::{Credentials, Settings, Version};
use crate::api::wire::Links;
use crate::seams::Seams;

#[track_caller]
fn check(link: &str, expected: bool) {
    let base = Url::parse("https://api.example:8443/cloudapi/v6").unwrap();
    assert_eq!(leads_elsewhere(&Link::To(link.to_owned()), &base), expected, "{link}");
}

#[test]
fn a_link_in_the_same_list_leads_nowhere_else() {
    check("https://api.example:8443/cloudapi/v6/um/users?depth=1&offset=200&limit=100", false);
    check("https://API.example:8443/cloudapi/v6/um/users/?offset=101", false);
    check("https://api.example:8443/cloudapi/v6/um/users?offset=0", false);
    check("https://api.example:8443/cloudapi/v6/um/users", false);
}

#[test]
fn a_link_to_another_server_or_path_leads_elsewhere() {
    check("um/users?offset=200", true);
    check("/cloudapi/v6/um/users?offset=200", true);
    check("http://api.example:8443/cloudapi/v6/um/users?offset=200", true);
    check("https://api.example/cloudapi/v6/um/users?offset=200", true);
    check("https://evil.example:8443/cloudapi/v6/um/users?offset=200", true);
    check("https://api.example:8443@evil.example/cloudapi/v6/um/users?offset=200", true);
    check("https://me@api.example:8443/cloudapi/v6/um/users?offset=200", true);
    check("https://api.example:8443/cloudapi/v5/um/users?offset=200", true);
    check("https://api.example:8443/cloudapi/v6/um/users/../groups?offset=200", true);
    assert!(leads_elsewhere(&Link::Unreadable, &Url::parse("https://api.example").unwrap()));
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
    let (users, expected) = ([0, 1, 99, 100, 101, 198, 199, 200, 10_000], [2, 2, 2, 2, 3, 3, 4, 4, 103]);
    assert_eq!(users.map(requests), expected);
}

/// Takes pages of those users, `>` behind one that leads on, and tells what is asked for after each, and the end.
#[track_caller]
fn check_passes(pages: &[&str], expected: &str) {
    let mut walk = walk(10, 250);
    let mut told = Vec::new();
    let mut asked = Next::Page(0);
    for text in pages {
        let ids = text.trim_end_matches('>').split_whitespace();
        let user = |id: &str| User { id: (id != "?").then(|| id.into()), ..User::default() };
        let link = || Link::To("https://api.example/cloudapi/v6/um/users?offset=999".to_owned());
        let next = text.ends_with('>').then(link);
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
    assert_eq!(told.join(" "), expected, "{pages:?}");
}

#[test]
fn a_page_with_its_edge_and_nobody_new_is_the_end() {
    check_passes(&["a b c", "c"], "2 settled");
    check_passes(&["a", "a"], "0 settled");
    // Whatever the links say.
    check_passes(&["a b c>", "c>"], "2 settled");
    check_passes(&["a b c>", "c d>", "d>", "a b c>"], "2 3 first settled");
}

#[test]
fn pages_that_overlap_and_a_first_one_that_stays_settle_the_list() {
    check_passes(&["a b c>", "c d", "a b c>"], "2 first settled");
    check_passes(&["a b c>", "c d>", "d e f", "f", "a b c>"], "2 3 5 first settled");
    // Nobody says that there is more, and there is.
    check_passes(&["a b c", "c d e", "e f", "a b c"], "2 4 first settled");
    check_passes(&["a b c", "c d e>", "e f", "a b c"], "2 4 first settled");
}

#[test]
fn a_page_without_its_edge_is_a_list_that_moved() {
    check_passes(&["a b c", "", "a b", "b"], "2 0 1 settled");
    check_passes(&["a b c>", ">", "a b c>", "c d", "a b c>"], "2 0 2 first settled");
    check_passes(&["a b c", "c d e", "", "a b d", "d f", "a b d"], "2 4 0 2 first settled");
    check_passes(&["a b c", "d e", "a b d", "d e", "a b d"], "2 0 2 first settled");
    check_passes(&["a b c", "x c d", "a b c", "x c d", "a b c", "x c d", "d"], "2 0 2 0 2 4 moved");
    check_passes(&["a b c>", "c d a", "a b c>", "c d", "a b c>"], "2 0 2 first settled");
}

#[test]
fn a_list_that_begins_with_nobody_is_none() {
    check_passes(&["", "", ""], "0 0 moved");
    check_passes(&[">", "a b>", "b c", "c", "a b>"], "0 1 2 first settled");
    check_passes(&["a b>", "x", "", "a b>", "b c", "c", "a b>"], "1 0 0 1 2 first settled");
}

#[test]
fn a_server_without_pages_is_believed_when_it_shows_more_than_fits() {
    let everybody: Vec<String> = (0..=Page::LARGEST).map(|number| format!("u{number}")).collect();
    let everybody = everybody.join(" ");
    check_passes(&[&everybody, &everybody], "100 settled");
    for page in ["a b c", "a ? c"] {
        check_passes(&[page; 6], "2 0 2 0 2 moved");
    }
    // Its link says that this is not all, and leads to the same again.
    let more = format!("{everybody}>");
    check_passes(&[&more, &more], "100 settled");
}

#[test]
fn a_list_that_says_there_are_more_is_not_at_its_end() {
    let mut walk = walk(10, 250);
    let mut take = |text: &str, asked| {
        let page = walk.take(crate::api::wire::decode(text.as_bytes()).unwrap().value, asked).unwrap();
        (page.last, page.moved)
    };
    let page = r#"{"items":[{"id":"a"},{"id":"b"}],"total":3}"#;
    let last = r#"{"items":[{"id":"b"}],"total":3}"#;
    for _ in 0..2 {
        assert_eq!((take(page, Next::Page(0)), take(last, Next::Page(1))), ((false, false), (false, false)));
    }
    assert_eq!((take(page, Next::Page(0)), take(last, Next::Page(1))), ((false, false), (true, true)));
}

#[test]
fn a_link_that_cannot_be_read_says_that_there_is_more() {
    let read = |links: &str| {
        let text = format!(r#"{{"items":[{{"id":"a"}},{{"id":"b"}}],"_links":{links}}}"#);
        walk(10, 250).take(crate::api::wire::decode(text.as_bytes()).unwrap().value, Next::Page(0)).unwrap()
    };
    for links in ["7", "-1", "1.5", "true", "\"x\"", "[]", r#"["x"]"#] {
        for links in [links.to_owned(), format!(r#"{{"next":{links}}}"#)] {
            assert_eq!((read(&links).leads_elsewhere, read(&links).step.behind), (true, Behind::More), "{links}");
        }
    }
    for links in ["null", "{}", r#"{"next":null}"#, r#"{"prev":7,"self":[],"next":null}"#] {
        assert_eq!((read(links).leads_elsewhere, read(links).step.behind), (false, Behind::Untold), "{links}");
    }
}

#[test]
fn another_first_page_begins_another_pass() {
    check_passes(&["a b c>", "c d", "b c d>", "d e", "b c d>"], "2 first 2 first settled");
}

#[test]
fn a_list_that_moves_for_ever_is_read_to_its_end_and_not_believed() {
    check_passes(&["a b>", "x y", "a b>", "x y", "a b>", "x y>", "y z", "z"], "1 0 1 0 1 2 3 moved");
    check_passes(
        &["a b>", "b c", "c", "b c>", "c d", "d", "c d>", "d e", "e", "e f"],
        "1 2 first 1 2 first 1 2 first moved",
    );
}

#[test]
fn pages_of_one_prove_nothing() {
    check_passes(&["a>", "b>", "a>", "b>", "a>", "b>", ""], "1 0 1 0 1 2 moved");
    check_passes(&["a>", "a>"], "1 settled");
    check_passes(&["a>", ""], "1 settled");
}

#[test]
fn somebody_who_is_on_a_page_twice_moves_nobody() {
    check_passes(&["a b c a>", "c d c", "a b c a>"], "2 first settled");
}

/// A server with so many users that puts so many on a page, and the moods of its answers in order.
struct Server {
    users: u64,
    size: Option<u64>,
    moods: Vec<(Mood, bool)>,
}

/// What an answer says about a next page.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Truthful,
    Foreign,
    Missing,
    Echo,
    PathOnly,
    TooEarly,
    TooLate,
}

impl Server {
    /// The page behind so many users; the number of the answer decides about its mood.
    fn page(&self, offset: u64, number: usize) -> Collection<User> {
        let (mood, is_empty) = self.moods[number % self.moods.len()];
        let end = match self.size {
            Some(size) => (offset + size).min(self.users),
            None => self.users,
        };
        let begin = if self.size.is_none() { 0 } else { offset.min(end) };
        let at = |base: &str, offset| Link::To(format!("{base}/um/users?offset={offset}"));
        let own = "https://api.example/cloudapi/v6";
        let next = match mood {
            Mood::Truthful => (end < self.users).then(|| at(own, end)),
            Mood::Foreign => Some(at("http://other.example:8080", end)),
            Mood::Missing => None,
            Mood::Echo => Some(at(own, offset)),
            Mood::PathOnly => Some(at("/cloudapi/v6", end)),
            Mood::TooEarly => Some(at(own, end)),
            Mood::TooLate => (end + 200 < self.users).then(|| at(own, end)),
        };
        let user = |number| User { id: Some(format!("u{number}").into()), ..User::default() };
        let items = if is_empty { Vec::new() } else { (begin..end).map(user).collect() };
        Collection { items: Some(items), links: Some(Links { next, ..Links::default() }), ..Collection::default() }
    }

    /// Reads all pages. Answers how many users came, and whether that is said to be all.
    fn read(&self) -> (usize, bool) {
        let mut walk = walk(MOST_PAGES, MOST_USERS);
        let mut number = 0;
        while let Some(asked) = walk.next.take() {
            let page = walk.take(self.page(asked.offset(), number), asked).unwrap();
            number += 1;
            assert!(number < 500, "{} users: no end", self.users);
            if page.last {
                return (walk.seen.len(), !page.moved);
            }
        }
        unreachable!("the last page says so")
    }
}

proptest::proptest! {
    #[test]
    fn any_mix_of_links_gives_exactly_the_users_or_unstable(
        users in 1_u64..1_100,
        size in proptest::sample::select(vec![Some(25_u64), Some(50), Some(100), None]),
        moods in proptest::collection::vec((0_u8..7, proptest::bool::weighted(0.05)), 1..40),
    ) {
        let mood = |number| match number {
            0 => Mood::Truthful,
            1 => Mood::Foreign,
            2 => Mood::Missing,
            3 => Mood::Echo,
            4 => Mood::PathOnly,
            5 => Mood::TooEarly,
            _ => Mood::TooLate,
        };
        let moods = moods.into_iter().map(|(number, is_empty)| (mood(number), is_empty)).collect();
        let (read, is_settled) = Server { users, size, moods }.read();
        proptest::prop_assert!(read as u64 == users || !is_settled, "{read} of {users}");
    }
}
