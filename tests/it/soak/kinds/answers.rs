//! Answers whose status, headers or bytes on the wire are wrong.

use std::time::Duration;

use emulator::Rule;
use emulator::faults::{Answer, Body, Distortion, Effect, Ending, Gzip, Items, Phase, Restated, RetryAfter};

use super::{Kind, Place, Trouble, distort, restate, sometimes};

/// A list that answers with that status instead.
macro_rules! status {
    ($name:literal, $status:literal) => {
        Kind { name: $name, make: |rng| sometimes(rng, Place::List, Effect::Answer(Answer::usual($status))) }
    };
}

/// The right answer under a status that does not stand for a whole list, one item short.
macro_rules! restated {
    ($name:literal, $status:literal) => {
        Kind {
            name: $name,
            make: |rng| {
                let restated = Restated::status($status).and_header("content-range", "items 0-2/4");
                sometimes(rng, Place::List, restate(restated.and(Distortion::Items(Items::Keep(1)))))
            },
        }
    };
}

pub(super) const STATUSES: &[Kind] = &[
    status!("status 400", 400),
    Kind {
        name: "status 401",
        make: |rng| {
            let rule = Rule::on("GET", "/um/*").status(401).after(rng.u32(..60)).times(1);
            Trouble::Answers(vec![rule])
        },
    },
    status!("status 402", 402),
    status!("status 403", 403),
    Kind {
        name: "status 403 anywhere",
        make: |rng| sometimes(rng, Place::Anywhere, Effect::Answer(Answer::usual(403))),
    },
    Kind { name: "status 404 below", make: |rng| sometimes(rng, Place::Child, Effect::Answer(Answer::usual(404))) },
    Kind { name: "status 404 of a list", make: |rng| sometimes(rng, Place::Top, Effect::Answer(Answer::usual(404))) },
    Kind { name: "status 404 of a user", make: |rng| not_found(rng, "/um/users/{userId}", "/um/users/{userId}/owns") },
    Kind {
        name: "status 404 of a group",
        make: |rng| not_found(rng, "/um/groups/{groupId}", "/um/groups/{groupId}/shares"),
    },
    status!("status 405", 405),
    status!("status 409", 409),
    status!("status 410", 410),
    status!("status 415", 415),
    status!("status 422", 422),
    status!("status 423", 423),
    status!("status 429", 429),
    Kind { name: "status 429 for seconds", make: |rng| retry_after(rng, 429, RetryAfter::Seconds(2)) },
    Kind { name: "status 429 to a date", make: |rng| retry_after(rng, 429, RetryAfter::Date(Duration::from_secs(3))) },
    Kind { name: "status 429 for a day", make: |rng| retry_after(rng, 429, RetryAfter::Seconds(86_400)) },
    status!("status 451", 451),
    status!("status 500", 500),
    status!("status 501", 501),
    Kind {
        name: "status 502 as a page",
        make: |rng| {
            let page = Body::Html("<html><h1>Bad Gateway</h1></html>".to_owned());
            sometimes(rng, Place::Anywhere, Effect::Answer(Answer { body: page, ..Answer::usual(502) }))
        },
    },
    status!("status 503", 503),
    Kind { name: "status 503 for seconds", make: |rng| retry_after(rng, 503, RetryAfter::Seconds(1)) },
    status!("status 504", 504),
    status!("status 599", 599),
    restated!("as 201", 201),
    restated!("as 202", 202),
    restated!("as 203", 203),
    restated!("as 206", 206),
    restated!("as 207", 207),
    restated!("as 226", 226),
    Kind {
        name: "status 204 without a body",
        make: |rng| {
            let nothing = Answer { body: Body::Empty, ..Answer::usual(204) };
            sometimes(rng, Place::List, Effect::Answer(nothing))
        },
    },
    Kind { name: "redirect 301", make: |rng| sometimes(rng, Place::Anywhere, Effect::Redirect(301)) },
    Kind { name: "redirect 302", make: |rng| sometimes(rng, Place::Anywhere, Effect::Redirect(302)) },
    Kind { name: "redirect 307", make: |rng| sometimes(rng, Place::Anywhere, Effect::Redirect(307)) },
    Kind { name: "redirect 308", make: |rng| sometimes(rng, Place::Anywhere, Effect::Redirect(308)) },
];

/// A header that makes a shorter answer a part or an old one.
fn header(rng: &mut fastrand::Rng, name: &str, value: &str) -> Trouble {
    let restated = Restated::header(name, value).and(Distortion::Items(Items::Keep(1)));
    sometimes(rng, Place::List, restate(restated))
}

/// A header that says nothing about the body, which is right.
fn harmless(rng: &mut fastrand::Rng, name: &str, value: &str) -> Trouble {
    sometimes(rng, Place::Anywhere, restate(Restated::header(name, value)))
}

pub(super) const HEADERS: &[Kind] = &[
    Kind { name: "header Age", make: |rng| header(rng, "age", "86400") },
    Kind { name: "header Content-Range", make: |rng| header(rng, "content-range", "items 0-1/40") },
    Kind { name: "header Content-Type html", make: |rng| harmless(rng, "content-type", "text/html") },
    Kind {
        name: "header Content-Type with a charset",
        make: |rng| harmless(rng, "content-type", "application/json;charset=latin1"),
    },
    Kind { name: "header Content-Encoding unknown", make: |rng| harmless(rng, "content-encoding", "zz-unknown") },
    Kind { name: "header RateLimit exhausted", make: |rng| harmless(rng, "x-ratelimit-remaining", "0") },
    Kind { name: "header RateLimit nonsense", make: |rng| harmless(rng, "x-ratelimit-limit", "-7 apples") },
    Kind { name: "header Date nonsense", make: |rng| harmless(rng, "date", "yesterday") },
    Kind { name: "header Date at the epoch", make: |rng| harmless(rng, "date", "Thu, 01 Jan 1970 00:00:00 GMT") },
    Kind { name: "header Warning of staleness", make: |rng| harmless(rng, "warning", "110 - \"Response is Stale\"") },
    Kind { name: "header Connection close", make: |rng| harmless(rng, "connection", "close") },
    Kind { name: "header Set-Cookie", make: |rng| harmless(rng, "set-cookie", "session=1; Domain=example.org") },
];

fn ending(rng: &mut fastrand::Rng, ending: Ending, phase: Phase) -> Trouble {
    let Trouble::Answers(rules) = sometimes(rng, Place::Anywhere, Effect::Break(ending)) else {
        unreachable!("answers")
    };
    Trouble::Answers(rules.into_iter().map(|rule| rule.phase(phase)).collect())
}

fn gzip(rng: &mut fastrand::Rng, gzip: Gzip) -> Trouble {
    sometimes(rng, Place::List, Effect::Gzip(gzip))
}

fn retry_after(rng: &mut fastrand::Rng, status: u16, when: RetryAfter) -> Trouble {
    sometimes(rng, Place::Anywhere, Effect::Answer(Answer { retry_after: Some(when), ..Answer::usual(status) }))
}

/// A user or group that the list names is not found, and what is below it neither.
fn not_found(rng: &mut fastrand::Rng, parent: &str, below: &str) -> Trouble {
    let times = [1, 3, 500][rng.usize(..3)];
    let skip = rng.u32(..5);
    let rule = |path: &str| Rule::on("GET", path).status(404).times(times);
    Trouble::Answers(vec![rule(below).after(skip), rule(parent)])
}

pub(super) const CONNECTIONS: &[Kind] = &[
    Kind { name: "closed before the answer", make: |rng| ending(rng, Ending::Close, Phase::Before) },
    Kind { name: "reset before the answer", make: |rng| ending(rng, Ending::Reset, Phase::Before) },
    Kind { name: "closed in mid-body", make: |rng| ending(rng, Ending::Close, Phase::During) },
    Kind { name: "reset in mid-body", make: |rng| ending(rng, Ending::Reset, Phase::During) },
    Kind {
        name: "silence",
        make: |rng| {
            let phase = [Phase::Before, Phase::During][rng.usize(..2)];
            ending(rng, Ending::Silence(Duration::from_secs(40)), phase)
        },
    },
    Kind { name: "kept, then closed", make: |rng| sometimes(rng, Place::Anywhere, Effect::Abandon(Ending::Close)) },
    Kind { name: "kept, then reset", make: |rng| sometimes(rng, Place::Anywhere, Effect::Abandon(Ending::Reset)) },
    Kind { name: "length too long", make: |rng| sometimes(rng, Place::List, Effect::MisstateLength(400)) },
    Kind { name: "length too short", make: |rng| sometimes(rng, Place::List, Effect::MisstateLength(-20)) },
    Kind {
        name: "drip",
        make: |rng| {
            let effect = Effect::Drip { bytes: rng.usize(100..2_000), every: Duration::from_millis(rng.u64(1..50)) };
            sometimes(rng, Place::List, effect)
        },
    },
    Kind { name: "gzip that is not", make: |rng| gzip(rng, Gzip::Plain) },
    Kind { name: "gzip with a wrong checksum", make: |rng| gzip(rng, Gzip::Checksum) },
    Kind { name: "gzip in half", make: |rng| gzip(rng, Gzip::Cut) },
    Kind {
        name: "gzip bomb",
        make: |_| {
            let bomb = Effect::Gzip(Gzip::Bomb { bytes: 1 << 22 });
            Trouble::Answers(vec![Rule::on("GET", "/um/groups").effect(bomb).times(1)])
        },
    },
    Kind { name: "cut short", make: |rng| sometimes(rng, Place::List, distort(Distortion::CutShort)) },
];
