//! What happened over all histories: how runs ended, and how often each kind of distortion struck and with which code.

use std::collections::BTreeMap;
use std::fmt;

use super::history::History;
use super::kinds;

/// Sums over histories.
pub(super) struct Statistics {
    histories: usize,
    /// The first and the last seed.
    seeds: Option<(u64, u64)>,
    endings: BTreeMap<String, u32>,
    changes: [u64; 3],
    /// How days with a single distortion ended.
    exits: BTreeMap<&'static str, BTreeMap<String, u32>>,
    /// Days on which each kind was drawn, and on which it struck.
    kinds: BTreeMap<&'static str, [u32; 2]>,
}

impl Statistics {
    pub(super) fn of(histories: &[History]) -> Self {
        let kinds = kinds::all().into_iter().map(|kind| (kind.name, [0; 2])).collect();
        let seeds = histories.first().zip(histories.last()).map(|(first, last)| (first.seed, last.seed));
        let mut sums = Self {
            histories: histories.len(),
            seeds,
            endings: BTreeMap::new(),
            changes: [0; 3],
            exits: BTreeMap::new(),
            kinds,
        };
        for history in histories {
            for (ending, times) in &history.endings {
                *sums.endings.entry(ending.clone()).or_default() += times;
            }
            for (sum, more) in sums.changes.iter_mut().zip(history.changes) {
                *sum += more;
            }
            for ((kind, code), times) in &history.exits {
                *sums.exits.entry(kind).or_default().entry(code.clone()).or_default() += times;
            }
            for (kind, [drawn, struck]) in &history.kinds {
                let sum = sums.kinds.entry(kind).or_default();
                sum[0] += drawn;
                sum[1] += struck;
            }
        }
        sums
    }

    /// Expects that every kind struck.
    #[track_caller]
    pub(super) fn check_every_kind(&self) {
        let never: Vec<&str> =
            self.kinds.iter().filter(|(_, [_, struck])| *struck == 0).map(|(name, _)| *name).collect();
        assert!(never.is_empty(), "these never struck: {never:?}\n{self}");
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs: u32 = self.endings.values().sum();
        let [began, ended, changed] = self.changes;
        let (first, last) = self.seeds.unwrap_or_default();
        let kinds = self.kinds.len();
        writeln!(
            f,
            "{} histories (seeds {first} to {last}), {runs} runs, {kinds} kinds of distortion",
            self.histories
        )?;
        writeln!(f, "  facts that began {began}, ended {ended}, changed {changed}")?;
        for (ending, times) in &self.endings {
            writeln!(f, "  {times:>6} x {ending}")?;
        }
        for (kind, [drawn, struck]) in &self.kinds {
            let exits = self.exits.get(kind).into_iter().flatten().map(|(code, times)| format!("{code} x {times}"));
            let exits = exits.collect::<Vec<_>>().join(", ");
            writeln!(f, "  {struck:>4} of {drawn:>4} {kind}; exit codes alone: {exits}")?;
        }
        Ok(())
    }
}
