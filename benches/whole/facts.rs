//! What somebody found, in words that can be compared: one line per fact, sorted, counted and hashed.
//!
//! Ids and the flags that decide what somebody can do; no names. `contenders/facts.py` has the same words.

use std::collections::BTreeMap;

use emulator::World;
use keyholder::domain::change::Change;
use keyholder::domain::sighting::Sightings;
use keyholder::domain::state::State;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Facts by kind, and the digest over all of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Facts {
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) digest: String,
}

impl Facts {
    fn of(mut lines: Vec<String>) -> Self {
        lines.sort_unstable();
        let mut counts = BTreeMap::new();
        let mut hash = Sha256::new();
        for line in &lines {
            let kind = line.split('\t').next().unwrap_or_default();
            *counts.entry(kind.to_owned()).or_default() += 1;
            hash.update(line.as_bytes());
            hash.update(b"\n");
        }
        Self { counts, digest: hex::encode(hash.finalize()) }
    }

    /// All facts together.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// What is really there.
    pub(crate) fn there(world: &World) -> Self {
        let mut lines = Vec::new();
        for user in world.users() {
            let id = &user.id;
            lines.push(format!("user\t{id}"));
            lines.extend(world.owns(id).map(|resource| format!("own\t{id}\t{resource}")));
            lines.extend(world.keys(id).map(|key| format!("key\t{id}\t{}\t{}", key.id, u8::from(key.active))));
        }
        for group in world.groups() {
            let id = &group.id;
            lines.push(format!("group\t{id}"));
            lines.extend(world.members(id).map(|user| format!("member\t{id}\t{user}")));
            lines.extend(world.shares(id).map(|(resource, share)| {
                format!("share\t{id}\t{resource}\t{}\t{}", u8::from(share.edit), u8::from(share.share))
            }));
        }
        lines.extend(world.resources().map(|resource| format!("resource\t{}", resource.id)));
        Self::of(lines)
    }

    /// What a snapshot of the store holds.
    pub(crate) fn held(state: &State) -> Self {
        let mut lines = Vec::new();
        lines.extend(state.users.keys().map(|id| format!("user\t{id}")));
        lines.extend(state.groups.keys().map(|id| format!("group\t{id}")));
        lines.extend(state.resources.keys().map(|id| format!("resource\t{id}")));
        lines.extend(state.members.keys().map(|(group, user)| format!("member\t{group}\t{user}")));
        lines.extend(state.owns.keys().map(|(user, resource)| format!("own\t{user}\t{resource}")));
        lines.extend(state.shares.values().map(|share| {
            let (edit, on) = (flag(share.edit_privilege), flag(share.share_privilege));
            format!("share\t{}\t{}\t{edit}\t{on}", share.group, share.resource)
        }));
        lines.extend(state.keys.values().map(|key| format!("key\t{}\t{}\t{}", key.user, key.id, flag(key.active))));
        Self::of(lines)
    }

    /// What a walk saw.
    pub(crate) fn seen(seen: &Sightings) -> Self {
        let mut lines = Vec::new();
        lines.extend(seen.users.iter().map(|user| format!("user\t{}", user.id)));
        lines.extend(seen.groups.iter().map(|group| format!("group\t{}", group.id)));
        lines.extend(seen.resources.iter().map(|resource| format!("resource\t{}", resource.id)));
        lines.extend(seen.members.iter().map(|(group, user)| format!("member\t{group}\t{user}")));
        lines.extend(seen.owns.iter().map(|(user, resource)| format!("own\t{user}\t{resource}")));
        lines.extend(seen.shares.iter().map(|share| {
            let (edit, on) = (flag(share.edit_privilege), flag(share.share_privilege));
            format!("share\t{}\t{}\t{edit}\t{on}", share.group, share.resource)
        }));
        lines.extend(seen.keys.iter().map(|key| format!("key\t{}\t{}\t{}", key.user, key.id, flag(key.active))));
        Self::of(lines)
    }

    /// The keys that a diff names, by the number of their kind.
    pub(crate) fn changed(changes: &[Change]) -> Self {
        let line = |change: &Change| {
            let key = &change.key;
            format!("{}\t{}\t{}", key.kind.code(), key.subject, key.object.as_deref().unwrap_or_default())
        };
        Self::of(changes.iter().map(line).collect())
    }
}

fn flag(flag: Option<bool>) -> u8 {
    u8::from(flag.unwrap_or_default())
}
