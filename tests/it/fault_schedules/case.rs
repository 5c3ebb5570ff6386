//! One seed, one story: a contract, what changes in it, and what goes wrong while it is collected.

use std::collections::BTreeSet;

use emulator::faults::Intensity;
use emulator::{Rule, Schedule};
use keyholder::domain::fact::Kind;
use keyholder::seams::{Seams, SeededRandom, SetClock};

use crate::support::model::start;

/// Contracts that stories happen in; their baselines are collected once.
pub(super) const CONTRACTS: usize = 30;

/// What the failing question about a parent is counted as, and the end of the time.
pub(super) const HALF_GONE: &str = "503 behind 404";
pub(super) const TIME_OVER: &str = "time over";

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weather {
    /// Answers that fail, and say so.
    Honest(Intensity),
    /// The world moves while it is read.
    Churn,
    /// Both.
    HonestChurn(Intensity),
    /// Well-formed answers that claim too little or too much.
    Lies(Intensity),
    /// Everything at once.
    All(Intensity),
}

/// A story.
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) contract: usize,
    /// Days of the scripted month that pass between the baseline and the collection that is judged.
    pub(super) days: u32,
    pub(super) weather: Weather,
    pub(super) schedule: Schedule,
    /// The time of the collection is over when so many requests have come; `None` if it lasts.
    pub(super) late: Option<u32>,
}

/// Draws numbers.
struct Dice(Seams);

impl Dice {
    fn below(&self, sides: u64) -> u64 {
        let bytes = self.0.secret_bytes().expect("seeded randomness never ends");
        u64::from_le_bytes(bytes[..8].try_into().expect("eight of thirty-two")) % sides
    }
}

impl Case {
    /// The story of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let dice = Dice(Seams::new(SetClock::at(start()), SeededRandom::new(seed)));
        let intensity = [Intensity::Calm, Intensity::Rough, Intensity::Storm][below(&dice, 3)];
        let weather = match dice.below(10) {
            0..=3 => Weather::Honest(intensity),
            4 => Weather::Churn,
            5 | 6 => Weather::HonestChurn(intensity),
            7 | 8 => Weather::Lies(intensity),
            _ => Weather::All(intensity),
        };
        let contract = below(&dice, CONTRACTS as u64);
        let edits = u32::try_from(1 + dice.below(6)).expect("a small number");
        let (honest, lies) = (Schedule::random(seed, intensity), Schedule::lies(seed, intensity));
        let churn = Schedule::churn(seed, edits);
        let schedule = match weather {
            Weather::Honest(_) => honest,
            Weather::Churn => churn,
            Weather::HonestChurn(_) => churn.and(honest),
            Weather::Lies(_) => lies,
            Weather::All(_) => churn.and(honest).and(lies),
        };
        let number = |sides| u32::try_from(dice.below(sides)).expect("a small number");
        let days = number(31);
        let late = (dice.below(4) == 0).then(|| number(120));
        let schedule = if dice.below(5) == 0 { half_gone(seed, number).and(schedule) } else { schedule };
        Self { seed, contract, days, weather, schedule, late }
    }

    /// Users of a contract: 24 to 54, but one contract in ten has two pages of them.
    pub(super) fn users(contract: usize) -> usize {
        if contract % 10 == 9 { 96 + contract } else { 24 + contract }
    }

    /// How to tell this story alone.
    pub(super) fn command(&self) -> String {
        format!(
            "KEYHOLDER_TEST_SCHEDULES_SEED={} cargo test --test it fault_schedules::random -- --nocapture",
            self.seed
        )
    }
}

/// Something below a group or user is not found, and whether its parent is there cannot be reported.
fn half_gone(seed: u64, number: impl Fn(u64) -> u32) -> Schedule {
    let (child, parent) = [
        ("/um/groups/{groupId}/users", "/um/groups/{groupId}"),
        ("/um/groups/{groupId}/shares", "/um/groups/{groupId}"),
        ("/um/users/{userId}/owns", "/um/users/{userId}"),
        ("/um/users/{userId}/s3keys", "/um/users/{userId}"),
    ][number(4) as usize];
    let missing = Rule::on("GET", child).status(404).after(number(8)).times(1 + number(4));
    let broken = Rule::on("GET", parent).status(503).times(40).named(&format!("GET {parent}: {HALF_GONE}"));
    Schedule::new(seed).rule(missing).rule(broken)
}

fn below(dice: &Dice, sides: u64) -> usize {
    usize::try_from(dice.below(sides)).expect("a small number")
}

/// The kinds of facts about which a fault of that name may have lied.
pub(super) fn kinds_below(fault: &str) -> BTreeSet<Kind> {
    let path = fault.split_whitespace().nth(1).unwrap_or_default().trim_end_matches(':');
    BTreeSet::from_iter(match path {
        "/um/users" => vec![Kind::User, Kind::Member, Kind::Own, Kind::Key],
        "/um/groups" => vec![Kind::Group, Kind::Member, Kind::Share],
        "/um/resources" => vec![Kind::Resource],
        "/um/groups/{groupId}/users" => vec![Kind::Member],
        "/um/groups/{groupId}/shares" => vec![Kind::Share],
        "/um/users/{userId}/owns" => vec![Kind::Own],
        "/um/users/{userId}/s3keys" => vec![Kind::Key],
        _ => vec![],
    })
}
