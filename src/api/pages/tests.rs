//! Pages that fit together, pages that do not, and links that lead nowhere.

use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

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
    assert!(requests(MAX_USERS) <= MAX_PAGES);
    let (users, expected) = ([0, 1, 99, 100, 101, 198, 199, 200, 10_000], [2, 2, 2, 2, 3, 3, 4, 4, 103]);
    assert_eq!(users.map(requests), expected);
}

/// Takes pages of those users, `>` behind one that leads on, and tells what is asked for after each, and the end.
#[track_caller]
fn check_passes(pages: &[&str], expected: &str) {
    let mut walk = walk(10, 250);
    let mut reported = Vec::new();
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
            None => reported.push(if page.moved { "moved".to_owned() } else { "settled".to_owned() }),
        }
        match walk.next.take() {
            Some(Next::Page(offset)) => reported.push(offset.to_string()),
            Some(Next::FirstAgain) => reported.push("first".to_owned()),
            Some(Next::Probe(limit)) => reported.push(format!("≤{limit}")),
            None => {}
        }
    }
    assert_eq!(reported.join(" "), expected, "{pages:?}");
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
    let everybody: Vec<String> = (0..=Page::MAX_LIMIT).map(|number| format!("u{number}")).collect();
    let everybody = everybody.join(" ");
    check_passes(&[&everybody, &everybody], "100 settled");
    // Its link says that this is not all, and leads to the same again.
    let more = format!("{everybody}>");
    check_passes(&[&more, &more], "100 settled");
}

#[test]
fn a_server_that_ignores_offset_and_limit_shows_all_it_has() {
    check_passes(&["a b"; 3], "1 ≤1 settled");
    check_passes(&["a b c"; 3], "2 ≤1 settled");
    check_passes(&["a ? c"; 3], "2 ≤1 settled");
    let full: Vec<String> = (0..Page::MAX_LIMIT).map(|number| format!("u{number}")).collect();
    check_passes(&[full.join(" ").as_str(); 3], "99 ≤50 settled");
}

#[test]
fn the_first_page_again_is_not_the_end_where_more_is_promised() {
    check_passes(&["a b c>"; 6], "2 0 2 0 2 moved");
    check_passes(&["a b c>", "a b c", "a b c>", "a b c", "a b c>", "a b c"], "2 0 2 0 2 moved");
    check_passes(&["a b c", "a b c>", "a b c", "a b c>", "a b c", "a b c>"], "2 0 2 0 2 moved");
    // The probe itself leads on.
    check_passes(&["a b c", "a b c", "a b c>", "a b c", "c"], "2 ≤1 0 2 settled");
}

#[test]
fn a_server_that_looks_at_the_limit_has_pages() {
    // The first page came once more by mistake.
    check_passes(&["a b c", "a b c", "a", "a b c", "c d", "a b c"], "2 ≤1 0 2 first settled");
    // It never looks at the offset: nobody knows what is behind the first page.
    check_passes(&["a b c", "a b c", "a", "a b c", "a b c", "a", "a b c", "a b c", "a"], "2 ≤1 0 2 ≤1 0 2 ≤1 moved");
    check_passes(&["a b c", "a b c", "a b c d", "a b c d", "a b c d", "a b c d"], "2 ≤1 0 3 ≤2 settled");
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
fn a_total_above_what_a_server_without_pages_shows_is_a_promise() {
    let mut walk = walk(10, 250);
    let page = r#"{"items":[{"id":"a"},{"id":"b"}],"total":3}"#;
    let mut asked = Vec::new();
    while let Some(next) = walk.next {
        asked.push(next);
        let page = walk.take(crate::api::wire::decode(page.as_bytes()).unwrap().value, next).unwrap();
        assert_eq!(page.last, page.moved, "at the end nothing is known");
    }
    assert_eq!(asked, [Next::Page(0), Next::Page(1)].repeat(3));
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
#[derive(Clone, Debug)]
struct Server {
    users: u64,
    /// How many users fit on a page; `None` shows all users, whatever offset and limit say.
    size: Option<u64>,
    moods: Vec<(Mood, bool)>,
}

/// What an answer says about a next page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Truthful,
    Foreign,
    Missing,
    Echo,
    PathOnly,
    TooEarly,
    TooLate,
}

const MOODS: [Mood; 7] =
    [Mood::Truthful, Mood::Foreign, Mood::Missing, Mood::Echo, Mood::PathOnly, Mood::TooEarly, Mood::TooLate];

/// Walks over the list of a server: how many users came, and whether that is said to be all.
type Pager = fn(&Server) -> (usize, bool);

impl Server {
    /// The page of at most so many users behind so many; the number of the answer decides about its mood.
    fn page(&self, offset: u64, limit: u64, number: usize) -> Collection<User> {
        let (mood, is_empty) = self.moods[number % self.moods.len()];
        let (begin, end) = match self.size {
            Some(size) => (offset.min(self.users), (offset + size.min(limit)).min(self.users)),
            None => (0, self.users),
        };
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

    /// Whether any answer is empty for no reason, or promises more where all users are on the page.
    fn is_doubtful(&self) -> bool {
        let promises = |mood: Mood| !matches!(mood, Mood::Truthful | Mood::Missing | Mood::TooLate);
        self.moods.iter().any(|(mood, is_empty)| *is_empty || (self.size.is_none() && promises(*mood)))
    }

    /// Expects exactly the users or nothing to go by, and the users where nothing but links is odd.
    fn check(&self, pager: Pager) -> Result<(), TestCaseError> {
        let (read, is_settled) = pager(self);
        prop_assert!(read as u64 == self.users || !is_settled, "{read} users are said to be all");
        prop_assert!(is_settled || self.is_doubtful(), "links alone cost nothing");
        Ok(())
    }
}

/// The walk itself.
fn ours(server: &Server) -> (usize, bool) {
    let mut walk = walk(MAX_PAGES, MAX_USERS);
    let mut number = 0;
    while let Some(asked) = walk.next.take() {
        let page = walk.take(server.page(asked.offset(), asked.limit(), number), asked).unwrap();
        number += 1;
        assert!(number < 500, "{} users: no end", server.users);
        if page.last {
            return (walk.seen.len(), !page.moved);
        }
    }
    unreachable!("the last page says so")
}

/// A pager that takes one page without a link for the end.
fn trusting(server: &Server) -> (usize, bool) {
    let mut seen = BTreeSet::new();
    for number in 0..500 {
        let list = server.page(seen.len() as u64, Page::MAX_LIMIT, number);
        let leads_on = list.next().is_some();
        seen.extend(list.items.unwrap_or_default().into_iter().filter_map(|user| user.id));
        if !leads_on {
            break;
        }
    }
    (seen.len(), true)
}

fn servers() -> impl Strategy<Value = Server> {
    let users = prop_oneof![4 => 1_u64..1_100, 1 => Just(1_050)];
    let size = prop::sample::select(vec![Some(25_u64), Some(50), Some(100), None]);
    let moods = prop::collection::vec((prop::sample::select(MOODS.to_vec()), prop::bool::weighted(0.05)), 1..40);
    (users, size, moods).prop_map(|(users, size, moods)| Server { users, size, moods })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn any_mix_of_links_gives_exactly_the_users_or_unstable(server in servers()) {
        server.check(ours)?;
    }
}

#[test]
fn a_pager_that_trusts_one_link_breaks_the_law() {
    let mut runner = TestRunner::deterministic();
    let outcome = runner.run(&servers(), |server| server.check(trusting));
    let Err(TestError::Fail(reason, server)) = outcome else { panic!("not caught: {outcome:?}") };
    assert!(reason.message().contains("are said to be all"), "{reason}");
    assert!(server.moods.iter().any(|(mood, _)| *mood != Mood::Truthful), "{server:?}");
}
