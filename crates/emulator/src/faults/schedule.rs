//! Rules that belong together, with the seed of their chances.

use super::Rule;
use super::file::{self, FileError};

/// A list of rules and the seed that every chance among them is drawn from: same seed, same rules, same requests, same
/// faults, in whatever order the requests arrive.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub(super) seed: u64,
    pub(super) rules: Vec<Rule>,
}

impl Schedule {
    /// No rules yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, rules: Vec::new() }
    }

    /// One more rule; where two strike the same request, the first decides.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// The rules of another schedule behind its own; the seed stays.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rules.extend(other.rules);
        self
    }

    /// The rules, first to last.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How often all rules together can fire at most; `None` if there is no end to one of them.
    pub fn most(&self) -> Option<u64> {
        self.rules.iter().map(|rule| rule.times.map(u64::from)).sum()
    }

    /// Reads a fault file, which is TOML.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        file::read(text)
    }
}
