//! Random histories: a contract is collected day by day, and most days something is distorted, out of a list of more than
//! a hundred kinds. Nothing ends that is there, nothing changes that did not, everything new that was shown is known, and
//! each distortion is seen through or named; a truthful day at the end finds exactly what is there.
//!
//! `KEYHOLDER_TEST_HISTORIES=N` plays N, `KEYHOLDER_TEST_HISTORIES_SEED=S` begins with that seed, and plays one if no number is
//! given. See `docs/testing.md`.

mod endings;
mod expected;
mod history;
mod kinds;
mod ledger;
mod observation;
mod oracle;
mod planted;
mod stage;
mod statistics;
mod verdict;

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use keyholder::seams::Environment;

use self::history::{History, Server, play};
use self::statistics::Statistics;

/// Histories on every run of the tests.
const HISTORIES: u64 = 40;

/// Every kind strikes in so many.
const ENOUGH_FOR_EVERY_KIND: u64 = 1_000;

/// Histories at once.
const THREADS: usize = 2;

/// Which seeds to play.
fn seeds() -> std::ops::Range<u64> {
    let environment = Environment::of_process();
    let number = |name: &str| environment.get(name).map(|text| text.parse::<u64>().expect("a number"));
    let first = number("KEYHOLDER_TEST_HISTORIES_SEED");
    let count = number("KEYHOLDER_TEST_HISTORIES").unwrap_or(if first.is_some() { 1 } else { HISTORIES });
    let first = first.unwrap_or(1);
    first..first + count
}

/// Plays all of them, on several threads.
fn play_all(seeds: std::ops::Range<u64>, server: Server, keeps: bool) -> Vec<History> {
    let next = AtomicU64::new(seeds.start);
    let play_some = || {
        let mut histories = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return histories;
            }
            histories.push(play(seed, server, keeps));
        }
    };
    let mut histories: Vec<History> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(play_some)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    histories.sort_by_key(|history| history.seed);
    histories
}

#[test]
fn distorted_histories_end_and_change_nothing_that_is_so() {
    let seeds = seeds();
    let histories = play_all(seeds.clone(), Server::Honest, false);
    let statistics = Statistics::of(&histories);
    io::stderr().write_all(statistics.to_string().as_bytes()).unwrap();
    let wrong: Vec<&History> = histories.iter().filter(|history| !history.wrong.is_empty()).collect();
    let lines = wrong.iter().take(40).map(|history| {
        let again = "cargo test --test it soak::distorted -- --nocapture";
        format!("KEYHOLDER_TEST_HISTORIES_SEED={} {again}\n  {}\n", history.seed, history.wrong.join("\n  "))
    });
    assert!(wrong.is_empty(), "{} of {} histories:\n{}", wrong.len(), histories.len(), lines.collect::<String>());
    if seeds.end - seeds.start >= ENOUGH_FOR_EVERY_KIND {
        statistics.check_every_kind();
    }
}

#[test]
fn the_list_has_more_than_sixty_kinds_with_names_of_their_own() {
    let all = kinds::all();
    let names: std::collections::BTreeSet<&str> = all.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), all.len());
    assert!(names.len() >= 60, "{}", names.len());
}

/// Expects that the oracle finds that wrong with such a server in at least one of a few histories.
#[track_caller]
fn check_caught(server: Server, word: &str) {
    let histories = play_all(1..4, server, false);
    let all: Vec<&String> = histories.iter().flat_map(|history| &history.wrong).collect();
    assert!(all.iter().any(|line| line.contains(word)), "{server:?}: {all:?}");
}

#[test]
fn a_server_that_hides_a_known_group_is_caught() {
    check_caught(Server::HidesAGroup, "false ending: group");
}

#[test]
fn a_server_that_promotes_everybody_is_caught() {
    check_caught(Server::PromotesAll, "false change: user");
}

#[test]
fn a_server_that_never_shows_a_group_is_caught() {
    check_caught(Server::NeverShowsAGroup, "missed addition: group");
}
