//! The list of distortions: each has a name, and makes what goes wrong in one run from a few draws. None is a lie that
//! stays consistent whatever is asked: no client could detect that.

mod answers;
mod around;
mod contents;

use std::time::Duration;

use chrono::TimeDelta;
use emulator::Rule;
use emulator::faults::{Distortion, Effect, Restated};
use fastrand::Rng;

pub(super) use self::around::AROUND;

/// What goes wrong in one run.
pub(super) enum Trouble {
    /// Answers do.
    Answers(Vec<Rule>),
    /// The process does, or what is around it.
    Around(Around),
}

/// What goes wrong around the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// Our clock is off.
    OurClock(TimeDelta),
    /// The server's clock is off.
    ServerClock(TimeDelta),
    /// The process ends behind so many requests; the next run begins so long after.
    Kill(u32, TimeDelta),
    /// It is asked to end behind so many requests.
    Stop(u32, TimeDelta),
    /// A second collection begins at the same time.
    Second,
    /// Another process collects into a copy of the file, and this one is collected into as well.
    OnCopy,
    /// The file is replaced by a copy from before the last run.
    OlderCopy,
    /// The world moves while it is read, so many times.
    Churn(u32),
    /// Lists come in another order.
    Shuffled(u64),
    /// Every answer takes a while.
    Slow(Duration),
    /// A user who administers nothing collects, and gets shorter lists.
    WeakerToken,
    /// Another administrator collects.
    OtherToken,
}

/// One kind of distortion.
pub(super) struct Kind {
    /// What it is counted as.
    pub(super) name: &'static str,
    /// How it looks this time.
    pub(super) make: fn(&mut Rng) -> Trouble,
}

/// Every kind.
pub(super) fn all() -> Vec<&'static Kind> {
    [answers::STATUSES, answers::HEADERS, answers::CONNECTIONS, contents::FORMS, contents::IDS, contents::ATTRIBUTES]
        .into_iter()
        .chain([contents::PAGES, contents::FRAMES, AROUND])
        .flatten()
        .collect()
}

/// Kinds that show less than there is, or something else. A known object is re-read; a new one cannot be missed by a client.
pub(super) const HIDING: [&str; 8] = [
    "a number beyond bounds",
    "id twice",
    "ids lead elsewhere",
    "an item that does not exist",
    "an empty list at first",
    "one item at first",
    "a few items at first",
    "a weaker token",
];

const LISTS: [&str; 3] = ["/um/users", "/um/groups", "/um/resources"];

const CHILDREN: [&str; 4] = [
    "/um/groups/{groupId}/users",
    "/um/groups/{groupId}/shares",
    "/um/users/{userId}/owns",
    "/um/users/{userId}/s3keys",
];

/// Which requests are struck.
#[derive(Clone, Copy)]
enum Place {
    /// One list, drawn.
    List,
    /// One that is not below anything.
    Top,
    /// One below a user or group.
    Child,
    /// Anything that is asked for.
    Anywhere,
    /// That one.
    At(&'static str),
}

impl Place {
    fn drawn(self, rng: &mut Rng) -> &'static str {
        let (top, child) = (LISTS[rng.usize(..LISTS.len())], CHILDREN[rng.usize(..CHILDREN.len())]);
        match (self, rng.u8(..8)) {
            (Self::At(path), _) => path,
            (Self::Top, _) => top,
            (Self::Child, _) => child,
            (Self::Anywhere, 0) => "/um/*",
            (Self::Anywhere, 1) => "/um/users/{userId}",
            (Self::Anywhere, 2) => "/um/groups/{groupId}",
            (Self::Anywhere, 3) => "/contracts",
            (Self::List | Self::Anywhere, _) => {
                if rng.usize(..LISTS.len() + CHILDREN.len()) < LISTS.len() {
                    top
                } else {
                    child
                }
            }
        }
    }
}

/// That happens once, a few times, or for ever; at the beginning or later.
fn sometimes(rng: &mut Rng, place: Place, effect: Effect) -> Trouble {
    let rule = Rule::on("GET", place.drawn(rng)).effect(effect);
    let rule = match rng.u8(..6) {
        0 | 1 => rule.times(1),
        2 => rule.times(rng.u32(2..6)),
        3 => rule.after(rng.u32(..20)).times(rng.u32(1..10)),
        4 => rule.chance(0.3).times(40),
        _ => rule.times(2_000),
    };
    Trouble::Answers(vec![rule])
}

/// That happens to the first answer of each address only: a lie about what exists, which asking again brings to light.
fn at_first(rng: &mut Rng, place: Place, effect: Effect) -> Trouble {
    Trouble::Answers(vec![Rule::on("GET", place.drawn(rng)).effect(effect).attempts(1).times(200)])
}

fn distort(distortion: Distortion) -> Effect {
    Effect::Distort(distortion)
}

fn restate(restated: Restated) -> Effect {
    Effect::Restate(restated)
}
