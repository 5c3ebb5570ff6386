//! What happened over all stories: how they ended and how often each fault fired.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use keyholder::domain::snapshot::RunState;

use super::case::{HALF_GONE, TIME_OVER, Weather};
use super::play::Story;

/// Every kind of fault that random schedules are made of.
const KINDS: [&str; 33] = [
    HALF_GONE,
    TIME_OVER,
    "200",
    "401",
    "403",
    "404",
    "415",
    "422",
    "429",
    "500",
    "502",
    "503",
    "504",
    "connection abandoned",
    "connection closed",
    "connection reset",
    "cut short",
    "dangling reference",
    "delay",
    "drip",
    "duplicate id",
    "edit",
    "endless pages",
    "emptied",
    "gzip bomb",
    "gzip error",
    "collapsed",
    "items missing",
    "next link",
    "property set",
    "redirect 302",
    "silence",
    "wrong length",
];

/// Sums over stories.
pub(super) struct Statistics {
    stories: usize,
    /// By weather: complete, partial, failed.
    states: BTreeMap<Weather, [usize; 3]>,
    fired: BTreeMap<String, u64>,
    changes: [u64; 3],
    longest: Duration,
}

impl Statistics {
    pub(super) fn of(stories: &[Story]) -> Self {
        let mut sums = Self {
            stories: stories.len(),
            states: BTreeMap::new(),
            fired: BTreeMap::new(),
            changes: [0; 3],
            longest: Duration::ZERO,
        };
        for story in stories {
            let states = sums.states.entry(story.weather).or_default();
            match story.state {
                RunState::Complete => states[0] += 1,
                RunState::Partial => states[1] += 1,
                _ => states[2] += 1,
            }
            for (effect, times) in &story.fired {
                *sums.fired.entry(effect.clone()).or_default() += u64::from(*times);
            }
            for (sum, more) in sums.changes.iter_mut().zip(story.changes) {
                *sum += more;
            }
            sums.longest = sums.longest.max(story.time);
        }
        sums
    }

    /// Expects that every fault was seen, and that the weather leaves enough of every ending.
    #[track_caller]
    pub(super) fn check_mixture(&self) {
        for kind in KINDS {
            assert!(self.fired.get(kind).is_some_and(|times| *times > 0), "{kind} never fired:\n{self}");
        }
        let [complete, partial, failed] = self.endings();
        let share = |count: usize| count * 100 / self.stories.max(1);
        assert!(share(complete) >= 15 && share(partial) >= 30 && (1..=20).contains(&share(failed)), "{self}");
    }

    fn endings(&self) -> [usize; 3] {
        self.states.values().fold([0; 3], |sum, more| std::array::from_fn(|place| sum[place] + more[place]))
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [complete, partial, failed] = self.endings();
        let [began, ended, changed] = self.changes;
        writeln!(f, "{} stories: {complete} complete, {partial} partial, {failed} failed", self.stories)?;
        writeln!(f, "  facts that began {began}, ended {ended}, changed {changed}")?;
        writeln!(f, "  longest walk {} s of virtual time", self.longest.as_secs())?;
        for (weather, [complete, partial, failed]) in &self.states {
            writeln!(f, "  {weather:?}: {complete} complete, {partial} partial, {failed} failed")?;
        }
        for (effect, times) in &self.fired {
            writeln!(f, "  {times:>6} × {effect}")?;
        }
        Ok(())
    }
}
