//! Answers with status 200 whose JSON, ids, attributes, pages or frame are wrong.

use emulator::faults::{Answer, Body, Distortion, Effect, Items, Link, Pages, Spelling};
use emulator::{Rule, faults};
use serde_json::{Value, json};

use super::{Kind, Place, Trouble, at_first, distort, sometimes};

/// Another body under status 200.
fn body(rng: &mut fastrand::Rng, body: Body) -> Trouble {
    sometimes(rng, Place::List, Effect::Answer(Answer { body, ..Answer::usual(200) }))
}

fn text(rng: &mut fastrand::Rng, verbatim: &str) -> Trouble {
    body(rng, Body::Verbatim(verbatim.to_owned()))
}

fn items(rng: &mut fastrand::Rng, items: Items) -> Trouble {
    sometimes(rng, Place::List, distort(Distortion::Items(items)))
}

fn set(at: &str, value: Value) -> Distortion {
    Distortion::Set { at: at.to_owned(), value }
}

/// At first, a list of one item that does not exist, with something odd beside its id.
fn made_up(rng: &mut fastrand::Rng, beside: &str) -> Trouble {
    let list = format!(r#"{{"items":[{{"id":"ffffffff-0000-4000-8000-000000000001",{beside}}}]}}"#);
    let answer = Answer { body: Body::Verbatim(list), ..Answer::usual(200) };
    at_first(rng, Place::List, Effect::Answer(answer))
}

pub(super) const FORMS: &[Kind] = &[
    Kind { name: "items missing", make: |rng| items(rng, Items::Missing) },
    Kind { name: "items null", make: |rng| items(rng, Items::Null) },
    Kind { name: "no body", make: |rng| body(rng, Body::Empty) },
    Kind { name: "a page of HTML", make: |rng| body(rng, Body::Html("<html>Maintenance</html>".to_owned())) },
    Kind { name: "plain text", make: |rng| body(rng, Body::Text("ok".to_owned())) },
    Kind { name: "an array", make: |rng| text(rng, "[]") },
    Kind { name: "null", make: |rng| text(rng, "null") },
    Kind { name: "an empty object", make: |rng| text(rng, "{}") },
    Kind { name: "a string", make: |rng| text(rng, "\"items\"") },
    Kind { name: "items an object", make: |rng| text(rng, r#"{"items":{}}"#) },
    Kind { name: "items of null", make: |rng| text(rng, r#"{"items":[null,null]}"#) },
    Kind { name: "items of numbers", make: |rng| text(rng, r#"{"items":[1,2,3]}"#) },
    Kind { name: "items twice", make: |rng| text(rng, r#"{"items":[],"items":[]}"#) },
    Kind { name: "id twice", make: |rng| made_up(rng, r#""id":"b""#) },
    Kind { name: "a lone surrogate", make: |rng| text(rng, r#"{"items":[{"id":"\ud800"}]}"#) },
    Kind { name: "text behind the end", make: |rng| text(rng, r#"{"items":[]}{"items":[]}"#) },
    Kind { name: "a byte order mark", make: |rng| text(rng, "\u{feff}{\"items\":[") },
    Kind { name: "not a number", make: |rng| text(rng, r#"{"items":[],"total":NaN}"#) },
    Kind { name: "a number beyond bounds", make: |rng| made_up(rng, r#""properties":{"x":1e999}"#) },
    Kind { name: "nested deeply", make: |rng| body(rng, Body::Nested(100_000)) },
    Kind { name: "a long string", make: |rng| body(rng, Body::LongString(1 << 20)) },
    Kind {
        name: "an error under 200",
        make: |rng| text(rng, r#"{"httpStatus":401,"messages":[{"errorCode":"315","message":"Unauthorized"}]}"#),
    },
];

/// Lists whose items have UUIDs; S3 keys may differ by the case of their ids.
const LISTS_OF_UUIDS: [&str; 6] = [
    "/um/users",
    "/um/groups",
    "/um/resources",
    "/um/groups/{groupId}/users",
    "/um/groups/{groupId}/shares",
    "/um/users/{userId}/owns",
];

fn spelled(rng: &mut fastrand::Rng, spelling: Spelling) -> Trouble {
    let place = Place::At(LISTS_OF_UUIDS[rng.usize(..LISTS_OF_UUIDS.len())]);
    sometimes(rng, place, distort(Distortion::Spell(spelling)))
}

fn with_id(rng: &mut fastrand::Rng, value: Value) -> Trouble {
    sometimes(rng, Place::List, distort(set("id", value)))
}

pub(super) const IDS: &[Kind] = &[
    Kind { name: "ids in upper case", make: |rng| spelled(rng, Spelling::Upper) },
    Kind { name: "ids in braces", make: |rng| spelled(rng, Spelling::Braces) },
    Kind { name: "ids with blanks", make: |rng| spelled(rng, Spelling::Blanks) },
    Kind { name: "ids are numbers", make: |rng| with_id(rng, json!(7)) },
    Kind { name: "ids are null", make: |rng| with_id(rng, Value::Null) },
    Kind { name: "ids are empty", make: |rng| with_id(rng, json!("")) },
    Kind {
        name: "ids lead elsewhere",
        make: |rng| at_first(rng, Place::List, distort(set("id", json!("ffffffff-/../../contracts")))),
    },
    Kind {
        name: "ids are missing",
        make: |rng| sometimes(rng, Place::List, distort(Distortion::Remove { at: "id".to_owned() })),
    },
    Kind { name: "an item twice", make: |rng| items(rng, Items::Twice) },
    Kind { name: "an item twice, differently", make: |rng| items(rng, Items::TwiceDifferent) },
    Kind {
        name: "an item that does not exist",
        make: |rng| at_first(rng, Place::List, distort(Distortion::Items(Items::Dangling))),
    },
];

/// Attributes by the list that answers with them.
const NAMES: [(&str, &[&str]); 5] = [
    ("/um/users", &["email", "firstname", "lastname", "administrator", "forceSecAuth", "secAuthActive", "active"]),
    ("/um/groups", &["name", "createDataCenter", "reserveIp", "accessActivityLog", "s3Privilege", "createSnapshot"]),
    ("/um/resources", &["name"]),
    ("/um/groups/{groupId}/shares", &["editPrivilege", "sharePrivilege"]),
    ("/um/users/{userId}/s3keys", &["active"]),
];

/// The list and the place of some attribute.
fn attribute(rng: &mut fastrand::Rng) -> (&'static str, String) {
    let (path, names) = NAMES[rng.usize(..NAMES.len())];
    (path, format!("properties.{}", names[rng.usize(..names.len())]))
}

fn remade(rng: &mut fastrand::Rng, value: Value) -> Trouble {
    let (path, at) = attribute(rng);
    sometimes(rng, Place::At(path), distort(Distortion::Set { at, value }))
}

fn dated(rng: &mut fastrand::Rng, value: Value) -> Trouble {
    let name = ["metadata.createdDate", "metadata.lastLogin", "metadata.lastModifiedDate"][rng.usize(..3)];
    sometimes(rng, Place::Top, distort(set(name, value)))
}

pub(super) const ATTRIBUTES: &[Kind] = &[
    Kind {
        name: "an attribute missing",
        make: |rng| {
            let (path, at) = attribute(rng);
            sometimes(rng, Place::At(path), distort(Distortion::Remove { at }))
        },
    },
    Kind { name: "an attribute null", make: |rng| remade(rng, Value::Null) },
    Kind { name: "an attribute of another type", make: |rng| remade(rng, json!({ "value": true })) },
    Kind { name: "an attribute is a list", make: |rng| remade(rng, json!([true])) },
    Kind { name: "an attribute is a number", make: |rng| remade(rng, json!(1)) },
    Kind {
        name: "a flag as text",
        make: |rng| {
            let at = ["administrator", "secAuthActive", "active"][rng.usize(..3)];
            sometimes(rng, Place::At("/um/users"), distort(set(&format!("properties.{at}"), json!("true"))))
        },
    },
    Kind {
        name: "all properties missing",
        make: |rng| sometimes(rng, Place::Top, distort(Distortion::Remove { at: "properties".to_owned() })),
    },
    Kind {
        name: "all properties null",
        make: |rng| sometimes(rng, Place::Top, distort(set("properties", Value::Null))),
    },
    Kind {
        name: "metadata missing",
        make: |rng| sometimes(rng, Place::Top, distort(Distortion::Remove { at: "metadata".to_owned() })),
    },
    Kind {
        name: "another state",
        make: |rng| sometimes(rng, Place::Top, distort(set("metadata.state", json!("HIBERNATING")))),
    },
    Kind {
        name: "another type",
        make: |rng| sometimes(rng, Place::At("/um/users"), distort(set("type", json!("robot")))),
    },
    Kind {
        name: "a property of tomorrow",
        make: |rng| sometimes(rng, Place::Top, distort(set("properties.tomorrow", json!({"deep": [1, null]})))),
    },
    Kind { name: "dates to come", make: |rng| dated(rng, json!("2099-01-01T00:00:00Z")) },
    Kind { name: "dates before time", make: |rng| dated(rng, json!("0001-01-01T00:00:00Z")) },
    Kind { name: "dates without a zone", make: |rng| dated(rng, json!("2025-06-01 12:00:00")) },
    Kind { name: "dates that are none", make: |rng| dated(rng, json!("soon")) },
    Kind { name: "dates are numbers", make: |rng| dated(rng, json!(1_700_000_000_000_i64)) },
];

/// Small pages of users, with something wrong about the links.
fn linked(rng: &mut fastrand::Rng, link: Link) -> Trouble {
    let size = rng.usize(5..12);
    sometimes(
        rng,
        Place::At("/um/users"),
        distort(Distortion::All(vec![Distortion::PagesOf(size), Distortion::Next(link)])),
    )
}

/// Small pages of users, of which one or several are like that.
fn paged(rng: &mut fastrand::Rng, distortion: Distortion) -> Trouble {
    let size = rng.usize(5..12);
    let one = Rule::on("GET", "/um/users").after(rng.u32(..4)).times([1, 2, 40][rng.usize(..3)]);
    let pages = Distortion::PagesOf(size);
    Trouble::Answers(vec![
        one.effect(distort(Distortion::All(vec![pages.clone(), distortion]))),
        Rule::on("GET", "/um/users").effect(distort(pages)).times(2_000),
    ])
}

pub(super) const PAGES: &[Kind] = &[
    Kind {
        name: "short pages",
        make: |rng| {
            let size = rng.usize(2..20);
            sometimes(rng, Place::At("/um/users"), distort(Distortion::PagesOf(size)))
        },
    },
    Kind { name: "next on another host", make: |rng| linked(rng, Link::Elsewhere) },
    Kind { name: "next back to the first", make: |rng| linked(rng, Link::Back) },
    Kind { name: "next to itself", make: |rng| linked(rng, Link::Standstill) },
    Kind { name: "next as a path", make: |rng| linked(rng, Link::PathOnly) },
    Kind { name: "next is a number", make: |rng| linked(rng, Link::Unreadable) },
    Kind { name: "next missing", make: |rng| linked(rng, Link::Untold) },
    Kind {
        name: "next on a list without pages",
        make: |rng| sometimes(rng, Place::At("/um/groups"), distort(Distortion::Next(Link::PathOnly))),
    },
    Kind { name: "an empty page", make: |rng| paged(rng, Distortion::Items(Items::Empty)) },
    Kind { name: "a page with one user", make: |rng| paged(rng, Distortion::Items(Items::Keep(1))) },
    Kind {
        name: "every page the same",
        make: |rng| sometimes(rng, Place::At("/um/users"), distort(Distortion::Pages(Pages::Same))),
    },
    Kind {
        name: "pages without end",
        make: |rng| sometimes(rng, Place::At("/um/users"), distort(Distortion::Pages(Pages::Empty))),
    },
    Kind {
        name: "an empty list at first",
        make: |rng| at_first(rng, Place::List, distort(Distortion::Items(Items::Empty))),
    },
    Kind { name: "one item at first", make: |rng| fewer_at_first(rng, 1) },
    Kind { name: "a few items at first", make: |rng| fewer_at_first(rng, 3) },
];

fn fewer_at_first(rng: &mut fastrand::Rng, keep: usize) -> Trouble {
    let place = Place::At(LISTS_ASKED_SINGLY[rng.usize(..LISTS_ASKED_SINGLY.len())]);
    at_first(rng, place, distort(Distortion::Items(Items::Keep(keep))))
}

/// Each user and group that goes is asked for by itself, so these may claim less by any number.
const LISTS_ASKED_SINGLY: [&str; 2] = ["/um/users", "/um/groups"];

fn framed(rng: &mut fastrand::Rng, at: &str, value: Value) -> Trouble {
    let shorter = Distortion::Items(Items::Keep(1));
    let frame = Distortion::Frame { at: at.to_owned(), value };
    sometimes(rng, Place::List, distort(Distortion::All(vec![shorter, frame])))
}

pub(super) const FRAMES: &[Kind] = &[
    Kind { name: "a total beside fewer", make: |rng| framed(rng, "total", json!(4_711)) },
    Kind { name: "a count beside fewer", make: |rng| framed(rng, "count", json!(4_711)) },
    Kind {
        name: "the id of another",
        make: |rng| {
            sometimes(rng, Place::Child, distort(frame("id", json!("00000000-0000-4000-8000-000000000000/users"))))
        },
    },
    Kind {
        name: "the address of another",
        make: |rng| {
            sometimes(rng, Place::Child, distort(frame("href", json!("https://example.org/um/groups/other/users"))))
        },
    },
    Kind {
        name: "the type of another",
        make: |rng| sometimes(rng, Place::List, distort(frame("type", json!("datacenter")))),
    },
    Kind {
        name: "a flood",
        make: |_| {
            let flood = Rule::on("GET", "/um/resources").effect(Effect::Flood(faults::Flood::Items)).times(1);
            Trouble::Answers(vec![flood])
        },
    },
];

fn frame(at: &str, value: Value) -> Distortion {
    Distortion::Frame { at: at.to_owned(), value }
}
