//! Rules that belong together, with the seed of their chances.

use super::file::{self, FileError};
use super::{Effect, Rule};
use crate::world::World;

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

    /// The same rules; every change to the world that one of them makes is shown to somebody, right behind the change.
    #[must_use]
    pub fn watched(mut self, witness: impl Fn(&World) + Clone + Send + Sync + 'static) -> Self {
        for rule in &mut self.rules {
            if let Effect::Edit(edit) = &rule.effect {
                rule.effect = Effect::Edit(edit.clone().watched(witness.clone()));
            }
        }
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
