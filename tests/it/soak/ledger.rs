//! What each sealed snapshot of a history says, and what was really so while its run lasted: from this the oracle derives
//! which snapshot knew what.

use std::collections::BTreeSet;
use std::sync::Arc;

use keyholder::domain::coverage::Scope;
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::id::Seq;

use super::oracle::Picture;
use crate::support::truth::{scope_of, thing};

/// One sealed snapshot.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) seq: Seq,
    /// What it says, carried values included.
    pub(super) stored: Picture,
    /// The attributes that it marks as unknown.
    pub(super) unknown: BTreeSet<(FactKey, String)>,
    /// The scopes that were read to their end.
    pub(super) complete: BTreeSet<Scope>,
    /// The scopes that could not be read.
    pub(super) gaps: BTreeSet<Scope>,
    /// Every state of the world while the run lasted.
    pub(super) real: Vec<Picture>,
    /// Whether its answers may have hidden what was new, which nothing known contradicts.
    pub(super) hides_new: bool,
    /// The facts that its change log has lines about.
    pub(super) changed: BTreeSet<FactKey>,
}

impl Sealed {
    /// The stored value of an attribute.
    pub(super) fn value(&self, key: &FactKey, attribute: &str) -> Option<&str> {
        self.stored.get(key)?.get(attribute).map(String::as_str)
    }

    pub(super) fn is_marked(&self, key: &FactKey, attribute: &str) -> bool {
        self.unknown.contains(&(key.clone(), attribute.to_owned()))
    }

    /// Whether an attribute had that value at some time while the run lasted.
    pub(super) fn was_real(&self, key: &FactKey, attribute: &str, value: &str) -> bool {
        self.real.iter().filter_map(|picture| picture.get(key)).any(|of| match of.get(attribute) {
            Some(real) => real == value,
            // The world has no entry for a privilege that a group never had.
            None => key.kind == Kind::Group && value == "false",
        })
    }

    /// Whether a fact was there at some time while the run lasted.
    pub(super) fn was_there(&self, key: &FactKey) -> bool {
        self.real.iter().any(|picture| picture.contains_key(key))
    }

    /// Whether a fact was missing at some time while the run lasted.
    pub(super) fn was_missing(&self, key: &FactKey) -> bool {
        self.real.iter().any(|picture| !picture.contains_key(key))
    }
}

/// The snapshots of a history, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Vec<Arc<Sealed>>);

impl Ledger {
    pub(super) fn push(&mut self, sealed: Sealed) {
        self.0.push(Arc::new(sealed));
    }

    /// Forgets what an older copy of the file does not have.
    pub(super) fn keep_until(&mut self, seq: Seq) {
        self.0.retain(|sealed| sealed.seq <= seq);
    }

    pub(super) fn of(&self, seq: Seq) -> Option<&Sealed> {
        self.0.iter().find(|sealed| sealed.seq == seq).map(AsRef::as_ref)
    }

    /// The snapshots before one, the newest first.
    pub(super) fn before(&self, seq: Seq) -> impl Iterator<Item = &Sealed> {
        self.0.iter().rev().filter(move |sealed| sealed.seq < seq).map(AsRef::as_ref)
    }

    /// Whether the scope of a fact was read to its end before: else what it shows may have been there all along.
    pub(super) fn was_ever_read(&self, before: Seq, key: &FactKey) -> bool {
        let parent = parent_of(key);
        let was_listed = |key: &FactKey| self.before(before).any(|one| one.complete.contains(&scope_of(key)));
        if was_listed(key) {
            return true;
        }
        // Below a parent that is new since its own list was read, everything is new.
        parent.is_some_and(|parent| {
            let was_there = self.before(before).next().is_some_and(|one| one.stored.contains_key(&parent));
            was_listed(&parent) && !was_there
        })
    }

    /// The last snapshot before `seq` that proves what a fact was, or that it was not there: the last whose scope was
    /// complete, or one that saw the fact all the same and has a line about it.
    pub(super) fn last_proof(&self, seq: Seq, key: &FactKey, attribute: &str) -> Option<Seq> {
        let proves = |one: &&Sealed| {
            let was_read = one.complete.contains(&scope_of(key))
                || parent_of(key)
                    .is_some_and(|of| !one.stored.contains_key(&of) && one.complete.contains(&scope_of(&of)));
            let is_known =
                attribute.is_empty() || one.value(key, attribute).is_some() && !one.is_marked(key, attribute);
            (was_read || one.changed.contains(key)) && is_known
        };
        self.before(seq).find(proves).map(|one| one.seq)
    }

    /// Since which snapshot a fact that stands in the one before `seq` has been there without a break.
    pub(super) fn since(&self, seq: Seq, key: &FactKey) -> Option<Seq> {
        self.before(seq).take_while(|one| one.stored.contains_key(key)).last().map(|one| one.seq)
    }
}

/// What has to be there for a relation to be.
pub(super) fn parent_of(key: &FactKey) -> Option<FactKey> {
    match key.kind {
        Kind::Member | Kind::Share => Some(thing(Kind::Group, &key.subject)),
        Kind::Own | Kind::Key => Some(thing(Kind::User, &key.subject)),
        Kind::Contract | Kind::User | Kind::Group | Kind::Resource => None,
    }
}
