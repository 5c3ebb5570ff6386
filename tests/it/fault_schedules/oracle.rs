//! Judges one collection by the world it was made of: what was there the whole time, what was there at any time, and what
//! the store says. Knows nothing of faults.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use emulator::World;
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::fact::FactKey;

use crate::support::truth::{Facts, line, scope_of, there};

/// Everything that was seen of a world that may change while it is read.
#[derive(Clone)]
pub(super) struct Witness(Arc<Mutex<Seen>>);

struct Seen {
    /// What was there in every state.
    always: BTreeSet<FactKey>,
    /// What was there in some state.
    ever: BTreeSet<FactKey>,
}

impl Witness {
    /// Has seen the world once.
    pub(super) fn of(world: &World) -> Self {
        let now: BTreeSet<FactKey> = there(world).into_keys().collect();
        Self(Arc::new(Mutex::new(Seen { always: now.clone(), ever: now })))
    }

    /// Sees the world again.
    pub(super) fn look(&self, world: &World) {
        let now: BTreeSet<FactKey> = there(world).into_keys().collect();
        let mut seen = self.0.lock().unwrap();
        seen.always.retain(|key| now.contains(key));
        seen.ever.extend(now);
    }
}

/// Kinds of violation. The first two are the promise; the others keep it from being kept by saying nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrong {
    /// A fact ended that was there the whole time.
    FalseRemoval,
    /// A fact that was there the whole time is not known, although its scope is complete.
    MissedAddition,
    /// A fact began that was never there.
    FalseAddition,
    /// A fact is still known that was not there at any time, although its scope is complete.
    MissedRemoval,
}

/// Compares what was known before and after a collection with what was there meanwhile.
pub(super) fn judge(
    before: &Facts,
    after: &Facts,
    scopes: &BTreeMap<Scope, Status>,
    witness: &Witness,
) -> Vec<(Wrong, FactKey)> {
    let seen = witness.0.lock().unwrap();
    let is_complete = |key: &FactKey| scopes.get(&scope_of(key)) == Some(&Status::Complete);
    let mut wrong = Vec::new();
    for key in &seen.always {
        if after.contains_key(key) {
            continue;
        }
        if before.contains_key(key) {
            wrong.push((Wrong::FalseRemoval, key.clone()));
        } else if is_complete(key) {
            wrong.push((Wrong::MissedAddition, key.clone()));
        }
    }
    for key in after.keys().filter(|key| !seen.ever.contains(key)) {
        if !before.contains_key(key) {
            wrong.push((Wrong::FalseAddition, key.clone()));
        } else if is_complete(key) {
            wrong.push((Wrong::MissedRemoval, key.clone()));
        }
    }
    wrong
}

/// Violations in a few lines.
pub(super) fn reported(wrong: &[(Wrong, FactKey)]) -> Vec<String> {
    let mut lines: Vec<String> = wrong.iter().map(|(wrong, key)| format!("{wrong:?}: {}", line(key))).collect();
    let more = lines.len().saturating_sub(8);
    lines.truncate(8);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines
}

/// Where two sets of facts differ, in a few lines.
pub(super) fn differences(expected: &Facts, found: &Facts) -> Vec<String> {
    let keys: BTreeSet<&FactKey> = expected.keys().chain(found.keys()).collect();
    let differ = keys.into_iter().filter(|key| expected.get(key) != found.get(key));
    differ.take(8).map(|key| format!("{}: {:?}, not {:?}", line(key), found.get(key), expected.get(key))).collect()
}
