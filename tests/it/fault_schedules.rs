//! Random bad days by the thousand: whatever fails, lies or moves while a contract is collected, nothing that is there is
//! reported as removed, nothing that could be read is missed, every collection ends, and the next good one is exact.
//!
//! `KEYHOLDER_TEST_SCHEDULES=N` plays N stories, `KEYHOLDER_TEST_SCHEDULES_SEED=S` begins with that seed, and plays one if no
//! number is given. See `docs/testing.md`.

mod case;
mod oracle;
mod play;
mod statistics;

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use keyholder::seams::Environment;

use self::case::Case;
use self::play::{Collector, Story, play};
use self::statistics::Statistics;
use crate::support::repeats;

/// Stories in full, which is what the CI plays.
const STORIES: u64 = 1_000;

/// Stories played at once.
const THREADS: usize = 2;

/// Which seeds to play.
fn seeds() -> std::ops::Range<u64> {
    let environment = Environment::of_process();
    let number = |name: &str| environment.get(name).map(|text| text.parse::<u64>().expect("a number"));
    let first = number("KEYHOLDER_TEST_SCHEDULES_SEED");
    let count = if first.is_some() && number("KEYHOLDER_TEST_SCHEDULES").is_none() {
        1
    } else {
        repeats("KEYHOLDER_TEST_SCHEDULES", STORIES)
    };
    let first = first.unwrap_or(1);
    first..first + count
}

/// Plays all of them, on several threads.
fn play_all(seeds: std::ops::Range<u64>, collector: Collector) -> Vec<Story> {
    let next = AtomicU64::new(seeds.start);
    let tell = || {
        let mut stories = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return stories;
            }
            stories.push(play(Case::of(seed), collector));
        }
    };
    let mut stories: Vec<Story> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(tell)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    stories.sort_by_key(|story| story.seed);
    stories
}

#[test]
fn random_schedules_never_remove_what_is_there_nor_miss_what_could_be_read() {
    let seeds = seeds();
    let stories = play_all(seeds.clone(), Collector::Product);
    let statistics = Statistics::of(&stories);
    io::stderr().write_all(statistics.to_string().as_bytes()).unwrap();
    let wrong: Vec<&Story> = stories.iter().filter(|story| !story.wrong.is_empty()).collect();
    let shown = wrong.iter().take(10).map(|story| format!("{}\n  {}\n", story.command, story.wrong.join("\n  ")));
    assert!(wrong.is_empty(), "{} of {} stories:\n{}", wrong.len(), stories.len(), shown.collect::<String>());
    if seeds.end - seeds.start >= STORIES {
        statistics.check_mixture();
    }
}

/// Expects that the oracle finds something wrong with such a collector in at least so many of the first so many stories.
#[track_caller]
fn check_caught(collector: Collector, word: &str, least: usize, of: u64) {
    let stories = play_all(1..1 + of, collector);
    let caught = stories.iter().filter(|story| story.wrong.iter().any(|line| line.contains(word))).count();
    assert!(caught >= least, "{caught} of {} stories: {collector:?}", stories.len());
}

#[test]
fn a_collector_that_takes_what_failed_for_empty_is_caught() {
    check_caught(Collector::TakesFailedForEmpty, "FalseRemoval", 5, 30);
}

#[test]
fn a_collector_that_drops_one_user_is_caught() {
    check_caught(Collector::DropsOneUser, "FalseRemoval", 5, 30);
}

#[test]
fn a_collector_that_overlooks_what_is_new_is_caught() {
    check_caught(Collector::OverlooksWhatIsNew, "MissedAddition", 3, 30);
}

#[test]
fn a_collector_that_takes_what_came_too_late_for_empty_is_caught() {
    check_caught(Collector::TakesLateForEmpty, "FalseRemoval", 3, 60);
}

#[test]
fn a_collector_that_takes_not_found_for_gone_is_caught() {
    check_caught(Collector::TakesNotFoundForGone, "FalseRemoval", 3, 60);
}

#[test]
fn a_collector_that_never_ends_is_caught() {
    check_caught(Collector::Hangs, "no end after", 4, 4);
}

#[test]
fn a_collector_that_asks_for_ever_is_caught() {
    check_caught(Collector::AsksForEver, "requests", 2, 2);
}
