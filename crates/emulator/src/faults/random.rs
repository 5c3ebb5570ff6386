//! Schedules out of a seed: believable bad days. Everything about them follows from the seed, and every one ends.
//!
//! [`Schedule::random`] never lies about what exists: each fault is one that a careful client can see in the single
//! answer. [`Schedule::lies`] are well-formed answers that claim too little or too much, and only a second look can tell.
//! [`Schedule::churn`] is a world that really changes while it is read. A test takes what its client claims to survive.

use std::time::Duration;

use fastrand::Rng;
use serde_json::json;

use super::{
    Answer, Body, Distortion, Edit, Effect, Ending, Gzip, Items, Link, Pages, Phase, RetryAfter, Rule, Schedule,
};

/// How bad a day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Intensity {
    /// One to three rules that fire a few times.
    Calm,
    /// Four to eight.
    Rough,
    /// Ten to twenty, many times.
    Storm,
}

impl Intensity {
    fn rules(self, rng: &mut Rng) -> usize {
        match self {
            Self::Calm => rng.usize(1..=3),
            Self::Rough => rng.usize(4..=8),
            Self::Storm => rng.usize(10..=20),
        }
    }

    fn times(self, rng: &mut Rng) -> u32 {
        match self {
            Self::Calm => rng.u32(1..=4),
            Self::Rough => rng.u32(1..=10),
            Self::Storm => rng.u32(1..=30),
        }
    }
}

/// Lists below something else: a 404 on one of them can be reported from the parent being gone.
const CHILDREN: [&str; 6] = [
    "/um/groups/{groupId}/users",
    "/um/groups/{groupId}/shares",
    "/um/groups/{groupId}/resources",
    "/um/users/{userId}/owns",
    "/um/users/{userId}/s3keys",
    "/um/users/{userId}/groups",
];

const LISTS: [&str; 3] = ["/um/users", "/um/groups", "/um/resources"];

/// Whoever cannot read this has nothing to walk, so nothing but what passes happens here, and seldom.
const CONTRACTS: &str = "/contracts";

/// How often one rule strikes there at most: three attempts are lost, the fourth is not.
const MAX_AT_CONTRACTS: u32 = 3;

const SINGLES: [&str; 2] = ["/um/users/{userId}", "/um/groups/{groupId}"];

impl Schedule {
    /// Busy, broken, slow and hostile answers to reads over all endpoints, of which none claims that something is
    /// there or not there against the truth. No wait in it is longer than 50 ms, but a day asked for by `Retry-After`.
    pub fn random(seed: u64, intensity: Intensity) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x7261_6e64_6f6d);
        let mut schedule = Self::new(seed);
        for _ in 0..intensity.rules(&mut rng) {
            let (path, effect, phase) = honest(&mut rng, intensity);
            let times = intensity.times(&mut rng).min(if path == CONTRACTS { MAX_AT_CONTRACTS } else { u32::MAX });
            // Whoever loses the credentials loses the run: once is enough, and somewhere in the middle.
            let fatal = matches!(&effect, Effect::Answer(answer) if answer.status == 401);
            let rule = Rule::on("GET", path).effect(effect).phase(phase);
            schedule = schedule.rule(if fatal {
                rule.after(rng.u32(20..200)).times(1)
            } else {
                pick(rule, &mut rng).times(times)
            });
        }
        schedule
    }

    /// Lists that claim too little or too much with status 200, each at its first attempt only.
    pub fn lies(seed: u64, intensity: Intensity) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x6c69_6573);
        let mut schedule = Self::new(seed);
        for _ in 0..intensity.rules(&mut rng) {
            let path = *rng.choice(&CHILDREN).filter(|_| rng.bool()).unwrap_or(&LISTS[rng.usize(..LISTS.len())]);
            let lie = match rng.u8(..6) {
                0 | 1 => Distortion::Items(Items::Empty),
                2 | 3 => Distortion::Items(Items::Keep(rng.usize(..3))),
                4 => Distortion::Items(Items::Dangling),
                _ => Distortion::Items(Items::TwiceDifferent),
            };
            let times = intensity.times(&mut rng);
            schedule = schedule.rule(Rule::on("GET", path).effect(Effect::Distort(lie)).attempts(1).times(times));
        }
        schedule
    }

    /// So many changes to the world while it is read, each before some request.
    pub fn churn(seed: u64, edits: u32) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x0063_6875_726e);
        (0..edits).fold(Self::new(seed), |schedule, _| {
            let edit = Effect::Edit(Edit::drawn(rng.u64(..)));
            schedule.rule(Rule::on("GET", "*").effect(edit).after(rng.u32(..200)).times(1))
        })
    }
}

/// Which of the requests: the first attempts, a share, every n-th, or from the n-th on.
fn pick(rule: Rule, rng: &mut Rng) -> Rule {
    match rng.u8(..4) {
        0 => rule.attempts(rng.u32(1..=6)),
        1 => rule.chance(rng.f64() * 0.5),
        2 => rule.every(rng.u32(2..=9)),
        _ => rule.after(rng.u32(..12)),
    }
}

fn honest(rng: &mut Rng, intensity: Intensity) -> (&'static str, Effect, Phase) {
    let phase = [Phase::Before, Phase::After][rng.usize(..2)];
    let path = anywhere(rng);
    let passing = if rng.u8(..12) == 0 { CONTRACTS } else { path };
    match rng.u8(..20) {
        0..=6 => {
            let answer = transient(rng);
            // A day is not waited for.
            let passes = !matches!(answer.retry_after, Some(RetryAfter::Seconds(1..)));
            (if passes { passing } else { path }, Effect::Answer(answer), phase)
        }
        7..=10 => (passing, connection(rng), [Phase::Before, Phase::After, Phase::During][rng.usize(..3)]),
        11 | 12 => (passing, slow(rng), Phase::Before),
        13 => (path, broken_gzip(rng, intensity), Phase::Before),
        14 => {
            let path = *rng.choice(&CHILDREN).unwrap_or(&CHILDREN[0]);
            (path, Effect::Answer(Answer::usual(if rng.bool() { 404 } else { 403 })), phase)
        }
        15 if intensity > Intensity::Calm => (path, Effect::Answer(refusal(rng)), phase),
        15 => (path, Effect::Redirect(302), phase),
        16 => (path, Effect::Answer(hostile(rng)), phase),
        17 => ("/um/users", Effect::Distort(wandering(rng)), Phase::Before),
        _ => (list(rng), Effect::Distort(odd(rng)), Phase::Before),
    }
}

fn list(rng: &mut Rng) -> &'static str {
    let place = rng.usize(..LISTS.len() + CHILDREN.len());
    LISTS.get(place).or_else(|| CHILDREN.get(place - LISTS.len())).unwrap_or(&LISTS[0])
}

fn anywhere(rng: &mut Rng) -> &'static str {
    match rng.u8(..8) {
        0 => "/um/*",
        1 => SINGLES[rng.usize(..SINGLES.len())],
        _ => list(rng),
    }
}

/// What passes when it is asked again.
fn transient(rng: &mut Rng) -> Answer {
    let usual = Answer::usual([500, 502, 503, 504, 429, 429][rng.usize(..6)]);
    match (usual.status, rng.u8(..6)) {
        (429 | 503, 0 | 1) => Answer { retry_after: Some(RetryAfter::Seconds(0)), ..usual },
        (429 | 503, 2) => Answer { retry_after: Some(RetryAfter::Date(Duration::ZERO)), ..usual },
        (429, 3) => Answer { retry_after: Some(RetryAfter::Seconds(86_400)), ..usual },
        (502 | 504, 0..=3) => Answer { body: Body::Html("<html><h1>Bad Gateway</h1></html>".to_owned()), ..usual },
        (500, 0) => Answer { body: Body::Empty, ..usual },
        (500, 1) => Answer { status: 200, body: Body::Html("<html>Maintenance</html>".to_owned()), ..usual },
        _ => usual,
    }
}

fn refusal(rng: &mut Rng) -> Answer {
    Answer::usual([401, 403, 415, 422][rng.usize(..4)])
}

fn connection(rng: &mut Rng) -> Effect {
    match rng.u8(..8) {
        0 | 1 => Effect::Break(Ending::Close),
        2 | 3 => Effect::Break(Ending::Reset),
        4 => Effect::Break(Ending::Silence(Duration::from_millis(rng.u64(1..=50)))),
        5 => Effect::MisstateLength([-1_000_000, -20, 1, 4096][rng.usize(..4)]),
        6 => Effect::Abandon(Ending::Close),
        _ => Effect::Abandon(Ending::Reset),
    }
}

fn slow(rng: &mut Rng) -> Effect {
    if rng.bool() {
        Effect::Delay(Duration::from_millis(rng.u64(1..=50)))
    } else {
        Effect::Drip { bytes: rng.usize(4096..=65_536), every: Duration::from_millis(1) }
    }
}

fn broken_gzip(rng: &mut Rng, intensity: Intensity) -> Effect {
    Effect::Gzip(match rng.u8(..4) {
        0 => Gzip::Plain,
        1 => Gzip::Checksum,
        // A thousand times its size, and yet not enough to take long: it also has no items.
        2 if intensity > Intensity::Calm => Gzip::Bomb { bytes: 1 << 20 },
        _ => Gzip::Cut,
    })
}

fn hostile(rng: &mut Rng) -> Answer {
    let body = match rng.u8(..5) {
        0 => Body::LongString(1 << 20),
        1 => Body::Nested(100_000),
        2 => Body::Verbatim("[]".to_owned()),
        3 => Body::Verbatim(r#"{"items":[{"id":"\ud800"}]}"#.to_owned()),
        _ => Body::Verbatim(r#"{"id":"a","id":"b","items":[]}"#.to_owned()),
    };
    Answer { body, ..Answer::usual(200) }
}

/// Pages that lead nowhere.
fn wandering(rng: &mut Rng) -> Distortion {
    match rng.u8(..4) {
        0 => Distortion::Pages(Pages::Same),
        1 => Distortion::Next(Link::Back),
        2 => Distortion::Next(Link::Standstill),
        _ => Distortion::Next(Link::Elsewhere),
    }
}

/// Lists that are incomplete in a way that shows, or know more than the client does.
fn odd(rng: &mut Rng) -> Distortion {
    let set = |at: &str, value| Distortion::Set { at: at.to_owned(), value };
    match rng.u8(..9) {
        0 | 1 => Distortion::Items(Items::Missing),
        2 => Distortion::Items(Items::Null),
        3 => Distortion::CutShort,
        4 => Distortion::Items(Items::Twice),
        5 => set("id", json!(7)),
        6 => set("metadata.state", json!("HIBERNATING")),
        7 => set("metadata.tomorrow", json!({"deep": [1, "two", null]})),
        _ => set("properties.manageTomorrow", json!(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_schedule_and_every_one_ends() {
        for seed in 0..500 {
            for intensity in [Intensity::Calm, Intensity::Rough, Intensity::Storm] {
                let make = || Schedule::random(seed, intensity).and(Schedule::lies(seed, intensity));
                assert_eq!(format!("{:?}", make()), format!("{:?}", make()));
                assert!((2..=40 * 30).contains(&make().most().unwrap()), "{seed} {intensity:?}");
            }
            assert_eq!(Schedule::churn(seed, 7).most(), Some(7));
        }
    }

    #[test]
    fn a_thousand_seeds_make_every_kind_of_fault() {
        let schedules = (0..1000).map(|seed| Schedule::random(seed, Intensity::Rough));
        let rules: Vec<Rule> = schedules.flat_map(|schedule| schedule.rules).collect();
        let titles: std::collections::BTreeSet<String> = rules.iter().map(|rule| rule.effect.title()).collect();
        for title in [
            "200",
            "401",
            "403",
            "404",
            "429",
            "500",
            "502",
            "503",
            "504",
            "connection abandoned",
            "connection closed",
            "connection reset",
            "cut short",
            "delay",
            "drip",
            "duplicate id",
            "endless pages",
            "gzip error",
            "items missing",
            "next link",
            "property set",
            "silence",
            "wrong length",
        ] {
            assert!(titles.contains(title), "{title}: {titles:?}");
        }
    }

    #[test]
    fn no_random_schedule_denies_that_something_exists() {
        for rule in (0..1000).flat_map(|seed| Schedule::random(seed, Intensity::Storm).rules) {
            match &rule.effect {
                Effect::Answer(answer) if answer.status == 404 => assert!(CHILDREN.contains(&rule.path.as_str())),
                Effect::Distort(Distortion::Items(items)) => {
                    assert!(matches!(items, Items::Missing | Items::Null | Items::Twice), "{items:?}");
                }
                Effect::Distort(Distortion::Pages(pages)) => assert_eq!(*pages, Pages::Same),
                Effect::Distort(Distortion::Remove { .. }) | Effect::Edit(_) => panic!("{rule:?}"),
                _ => {}
            }
        }
    }
}
