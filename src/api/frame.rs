//! What an answer says about itself: status, range and age in its head; id, type, address and count in its body. An answer
//! that is not the whole, or not the answer to what was asked, is refused and asked for again.
//!
//! Knows nothing of items: what they are is for the caller. What an answer leaves unsaid is not held against it.

use reqwest::StatusCode;
use reqwest::header::{AGE, CONTENT_RANGE, HeaderMap};

use super::operation::{self, Operation};
use crate::domain::id::normal;

/// Why an answer does not stand for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Any other success than 200: partial content, accepted, changed on the way, several answers in one.
    #[error("status {0} does not stand for a complete answer")]
    Status(u16),
    /// `Content-Range` beside status 200.
    #[error("the answer is a part of the whole, by its Content-Range header")]
    Range,
    /// `Age`: a cache kept it.
    #[error("the answer comes from a cache and is {0} s old")]
    Cached(u64),
    /// A count beside fewer items.
    #[error("the answer holds {items} items and says that there are {total}")]
    Count {
        /// Items in the list.
        items: u64,
        /// What the list says of itself.
        total: u64,
    },
    /// Another object.
    #[error("the {0} of the answer is that of another object")]
    Another(&'static str),
}

/// What the body of an answer says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::api) struct Frame<'a> {
    pub(in crate::api) id: Option<&'a str>,
    pub(in crate::api) kind: Option<&'a str>,
    pub(in crate::api) href: Option<&'a str>,
    /// Items of a list.
    pub(in crate::api) items: Option<u64>,
    /// How many it says there are.
    pub(in crate::api) total: Option<u64>,
}

/// Types that only one kind of object has.
pub(in crate::api) const TYPES: [&str; 6] = ["collection", "user", "group", "s3key", "contract", "request"];

/// Lists of the contract, as their own ids name them.
const LISTS: [&str; 4] = ["users", "groups", "resources", "contracts"];

/// Checks the head of an answer to a read.
pub(super) fn check_head(status: StatusCode, headers: &HeaderMap) -> Result<(), FrameError> {
    if status != StatusCode::OK {
        return Err(FrameError::Status(status.as_u16()));
    }
    if headers.contains_key(CONTENT_RANGE) {
        return Err(FrameError::Range);
    }
    let age = headers.get(AGE).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    match age {
        Some(seconds) if seconds > 0 => Err(FrameError::Cached(seconds)),
        _ => Ok(()),
    }
}

/// Checks the body of an answer to that operation on those ids.
pub(super) fn check_body(operation: &Operation, ids: &[&str], frame: &Frame<'_>) -> Result<(), FrameError> {
    if let (Some(items), Some(total)) = (frame.items, frame.total)
        && total > items
        // Of pages the walk over them compares the sum.
        && operation.template != operation::USERS.template
    {
        return Err(FrameError::Count { items, total });
    }
    if frame.kind.is_some_and(|kind| !is_type_of(operation, kind)) {
        return Err(FrameError::Another("type"));
    }
    if frame.id.is_some_and(|id| !is_id_of(operation, ids, id)) {
        return Err(FrameError::Another("id"));
    }
    if frame.href.is_some_and(|href| !is_address_of(operation, ids, href)) {
        return Err(FrameError::Another("href"));
    }
    Ok(())
}

/// Whether an answer to that operation may have that type. Words that are not known may stand for anything.
fn is_type_of(operation: &Operation, kind: &str) -> bool {
    let expected: &[&str] = match operation.template {
        template if template == operation::CONTRACTS.template => &["collection", "contract"],
        template if template == operation::USER.template => &["user"],
        template if template == operation::GROUP.template => &["group"],
        template if template == operation::USER_S3KEY.template => &["s3key"],
        template if template == operation::REQUEST_STATUS.template => &["request-status"],
        template if template == operation::SERVICE.template => return true,
        template if is_single(template) => &[],
        _ => &["collection"],
    };
    expected.contains(&kind) || !TYPES.contains(&kind)
}

/// Whether the last step of a path is an id.
fn is_single(template: &str) -> bool {
    template.ends_with('}') && template != operation::RESOURCES_OF_TYPE.template
}

/// Whether an answer to that operation may have that id.
fn is_id_of(operation: &Operation, ids: &[&str], id: &str) -> bool {
    let same = |one: &str, other: &str| normal(one) == normal(other);
    match ids {
        _ if operation.template == operation::REQUEST_STATUS.template => true,
        [.., asked] if is_single(operation.template) => same(id, asked),
        // `<group>/users`; what a list is called without its parent is not known of all of them.
        [parent] if operation.template != operation::RESOURCES_OF_TYPE.template => {
            id.split_once('/').is_none_or(|(of, _)| same(of, parent))
        }
        _ => {
            let own = operation.template.split('/').find(|step| LISTS.contains(step));
            !LISTS.contains(&id) || own == Some(id)
        }
    }
}

/// Whether an answer to that operation may have that address: only the path behind `/um/` is compared, for a server behind a
/// proxy has another idea of the rest.
fn is_address_of(operation: &Operation, ids: &[&str], href: &str) -> bool {
    let path = href.split(['?', '#']).next().unwrap_or_default();
    let (Some((_, found)), Some(template)) = (path.rsplit_once("/um/"), operation.template.strip_prefix("/um/")) else {
        return true;
    };
    let mut ids = ids.iter();
    let asked: Vec<(bool, &str)> = template
        .split('/')
        .map(|step| if step.starts_with('{') { (true, ids.next().copied().unwrap_or_default()) } else { (false, step) })
        .collect();
    let found: Vec<&str> = found.trim_end_matches('/').split('/').collect();
    // The document of the API types the groups of a user as something else, so only the user counts there.
    if operation.template == operation::USER_GROUPS.template {
        return found.first() != Some(&"users") || found.get(1).is_none_or(|id| is_same_step(id, asked[1].1));
    }
    // The list of one kind of resource may give the address of the list of all.
    if operation.template == operation::RESOURCES_OF_TYPE.template {
        return found.first() == Some(&"resources");
    }
    found.len() == asked.len()
        && found.iter().zip(&asked).all(
            |(found, (is_id, asked))| {
                if *is_id { is_same_step(found, asked) } else { found == asked }
            },
        )
}

/// Whether a step of a path, percent-encoded or not, is that id.
fn is_same_step(step: &str, id: &str) -> bool {
    let decoded = percent_decoded(step);
    normal(&decoded) == normal(id)
}

fn percent_decoded(step: &str) -> String {
    if !step.contains('%') {
        return step.to_owned();
    }
    let mut bytes = Vec::with_capacity(step.len());
    let mut rest = step.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|code| hex::decode(code).ok());
        if let Some(code) = code {
            bytes.extend(code);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check_answer(status: u16, headers: &[(HeaderName, &'static str)], expected: Result<(), &str>) {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        let found = check_head(StatusCode::from_u16(status).unwrap(), &headers).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{status} {headers:?}");
    }

    #[test]
    fn only_an_uncached_200_stands_for_the_whole() {
        check_answer(200, &[], Ok(()));
        check_answer(200, &[(AGE, "0")], Ok(()));
        check_answer(200, &[(AGE, "soon")], Ok(()));
        check_answer(200, &[(AGE, "17")], Err("the answer comes from a cache and is 17 s old"));
        let part = "the answer is a part of the whole, by its Content-Range header";
        check_answer(200, &[(CONTENT_RANGE, "items 0-2/4")], Err(part));
        for status in [201, 202, 203, 204, 206, 207] {
            let reported = format!("status {status} does not stand for a complete answer");
            check_answer(status, &[], Err(&reported));
        }
    }

    const ID: &str = "15f67991-0f51-4efc-a8ad-ef1fb31a480c";
    const OTHER: &str = "9b1b4c62-1466-11e7-87d3-d7bb7dac0087";

    #[track_caller]
    fn check(operation: &Operation, frame: Frame<'_>, is_own: bool) {
        let ids: &[&str] = match operation.template.matches('{').count() {
            0 => &[],
            1 => &[ID],
            _ => &["parent", ID],
        };
        assert_eq!(check_body(operation, ids, &frame).is_ok(), is_own, "{operation} {frame:?}");
    }

    #[test]
    fn an_id_of_another_object_is_refused() {
        let id = |id| Frame { id: Some(id), ..Frame::default() };
        let (own, other, shouted) = (format!("{ID}/users"), format!("{OTHER}/users"), ID.to_uppercase());
        check(operation::GROUP_USERS, id(&own), true);
        check(operation::GROUP_USERS, id("users"), true);
        check(operation::GROUP_USERS, id(&other), false);
        check(operation::GROUP, id(ID), true);
        check(operation::GROUP, id(&shouted), true);
        check(operation::GROUP, id(OTHER), false);
        check(operation::GROUP_SHARE, id(ID), true);
        check(operation::USERS, id("users"), true);
        check(operation::USERS, id(OTHER), true);
        check(operation::USERS, id("groups"), false);
        check(operation::RESOURCES_OF_TYPE, id("resources"), true);
    }

    #[test]
    fn an_address_of_another_object_is_refused() {
        let paths = [
            (operation::USERS, "/um/users?offset=99&limit=100".to_owned(), true),
            (operation::USERS, "/um/groups".to_owned(), false),
            (operation::GROUP_USERS, format!("/um/groups/{ID}/users"), true),
            (operation::GROUP_USERS, format!("/um/groups/{}/users/", ID.to_uppercase()), true),
            (operation::GROUP_USERS, format!("/um/groups/{OTHER}/users"), false),
            (operation::GROUP_USERS, format!("/um/groups/{ID}/shares"), false),
            (operation::GROUP_USERS, format!("/um/groups/{ID}"), false),
            (operation::GROUP_SHARE, format!("/um/groups/parent/shares/{ID}"), true),
            (operation::USER_GROUPS, "/um/groups".to_owned(), true),
            (operation::USER_GROUPS, format!("/um/users/{OTHER}/groups"), false),
            (operation::CONTRACTS, "/contracts".to_owned(), true),
        ];
        for (operation, path, is_own) in paths {
            for base in ["https://api.ionos.com/cloudapi/v6", "http://proxy.internal:8080/x"] {
                let href = format!("{base}{path}");
                check(operation, Frame { href: Some(&href), ..Frame::default() }, is_own);
            }
        }
        check(operation::GROUP, Frame { href: Some("<RESOURCE-URI>"), ..Frame::default() }, true);
        assert_eq!(percent_decoded("a%2Fb%zz%"), "a/b%zz%");
    }

    #[test]
    fn a_type_of_another_object_is_refused() {
        let kind = |kind| Frame { kind: Some(kind), ..Frame::default() };
        for (operation, own, other) in [
            (operation::USERS, "collection", "user"),
            (operation::GROUP_SHARES, "shares", "s3key"),
            (operation::USER, "user", "group"),
            (operation::RESOURCE, "k8s", "user"),
            (operation::GROUP_SHARE, "resource", "collection"),
            (operation::CONTRACTS, "contract", "user"),
        ] {
            check(operation, kind(own), true);
            check(operation, kind(other), false);
        }
        check(operation::USER, kind("person"), true);
    }

    #[test]
    fn a_count_beside_fewer_items_is_refused_except_of_pages() {
        let count = |items, total| Frame { items: Some(items), total: Some(total), ..Frame::default() };
        check(operation::GROUPS, count(4, 4), true);
        check(operation::GROUPS, count(4, 3), true);
        check(operation::GROUPS, count(3, 4), false);
        check(operation::USERS, count(100, 250), true);
    }
}
