//! Puts what another reading of a scope yielded among the sightings.

use std::collections::{BTreeMap, BTreeSet};

use super::add_effort;
use crate::api::{Answer, Error};
use crate::collect::reading::effort;
use crate::collect::reread::{Items, Reread};
use crate::domain::coverage::{Effort, ScopeKind};
use crate::domain::sighting::Sightings;
use crate::seams::Seams;

/// Adds what was seen again: whatever is new, and of the rest what it is now. The statuses stay what they are.
pub(super) fn absorb(sightings: &mut Sightings, readings: Vec<Reread>) {
    let mut touched = BTreeSet::new();
    for Reread { scope, effort, items, .. } in readings {
        add_effort(sightings, &scope, effort);
        touched.insert(scope.kind());
        match items {
            Items::Nothing => {}
            Items::Users(users) => sightings.users.extend(users),
            Items::Groups(groups) => sightings.groups.extend(groups),
            Items::Resources(resources) => sightings.resources.extend(resources),
            Items::Members(group, users) => {
                sightings.members.extend(users.into_iter().map(|user| (group.clone(), user)));
            }
            Items::Shares(shares) => sightings.shares.extend(shares),
            Items::Owns(user, resources) => {
                sightings.owns.extend(resources.into_iter().map(|resource| (user.clone(), resource)));
            }
            Items::Keys(keys) => sightings.keys.extend(keys),
        }
    }
    put_in_order(sightings, &touched);
}

/// Puts what was added where it belongs; of two with one key the later one stays.
pub(super) fn put_in_order(sightings: &mut Sightings, touched: &BTreeSet<ScopeKind>) {
    for kind in touched {
        match kind {
            ScopeKind::Contract | ScopeKind::UserGroups => {}
            ScopeKind::Users => once(&mut sightings.users, |user| user.id.clone()),
            ScopeKind::Groups => once(&mut sightings.groups, |group| group.id.clone()),
            ScopeKind::Resources => once(&mut sightings.resources, |resource| resource.id.clone()),
            ScopeKind::Members => once(&mut sightings.members, Clone::clone),
            ScopeKind::Shares => once(&mut sightings.shares, |share| (share.group.clone(), share.resource.clone())),
            ScopeKind::Owns => once(&mut sightings.owns, Clone::clone),
            ScopeKind::Keys => once(&mut sightings.keys, |key| (key.user.clone(), key.id.clone())),
        }
    }
}

fn once<T, K: Ord>(things: &mut Vec<T>, key: impl Fn(&T) -> K) {
    let all: BTreeMap<K, T> = things.drain(..).map(|thing| (key(&thing), thing)).collect();
    things.extend(all.into_values());
}

/// What a request that answers nothing but whether something is there took.
pub(super) fn took<T>(answer: &Result<Answer<T>, Error>, seams: &Seams) -> Effort {
    match answer {
        Ok(Answer { receipt, .. }) => Effort { pages: 0, ..effort(receipt, 0) },
        Err(error) => Effort {
            attempts: u64::from(error.attempts),
            first_at: (error.attempts > 0).then_some(error.sent_at),
            last_at: (error.attempts > 0).then(|| seams.now()),
            ..Effort::default()
        },
    }
}
