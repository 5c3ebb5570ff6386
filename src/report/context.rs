//! What several sections look up about one view: who is in which group, what is called alike, what was not complete.
//!
//! Built once per view; nothing here is shown by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::input::View;
use super::text::sorting_key;
use crate::domain::count::Count;
use crate::domain::coverage::{Scope, Status};
use crate::domain::grant::{Entitlement, Grant, Via};
use crate::domain::id::{GroupId, Seq, UserId};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::State;
use crate::domain::time::to_seconds;

/// A group where it is mentioned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupMention {
    /// Its name, or its id.
    pub label: String,
    /// Its id or the beginning of it, where another group has the same name; empty otherwise.
    pub distinguish: String,
    /// The place of its own row: `group-12`.
    pub anchor: String,
}

/// Lookups of one view.
pub(super) struct Context<'a> {
    pub(super) view: &'a View,
    pub(super) state: &'a State,
    snapshots: &'a BTreeMap<Seq, Snapshot>,
    /// Users as they are listed.
    pub(super) users: Vec<&'a UserId>,
    ranks: HashMap<&'a UserId, usize>,
    /// Groups as they are listed.
    pub(super) groups: Vec<&'a GroupId>,
    places: BTreeMap<&'a GroupId, usize>,
    alike: BTreeSet<&'a str>,
    groups_of: BTreeMap<&'a UserId, Vec<&'a GroupId>>,
    members_of: BTreeMap<&'a GroupId, Vec<usize>>,
    incomplete: BTreeSet<&'a Scope>,
    /// Scopes that the API lists for nobody, beside those.
    not_applicable: BTreeSet<&'a Scope>,
    /// See [`State::unlisted_owner`].
    pub(super) unlisted_owner: Option<UserId>,
}

impl<'a> Context<'a> {
    pub(super) fn of(view: &'a View, snapshots: &'a BTreeMap<Seq, Snapshot>) -> Self {
        let state = &view.state;
        // Members and paths may name a user or group that the lists do not have.
        let mut known: BTreeSet<&UserId> = state.users.keys().collect();
        known.extend(state.members.keys().map(|(_, user)| user));
        known.extend(view.grants.iter().map(|grant| &grant.user));
        let mut users: Vec<_> = known.into_iter().collect();
        users.sort_by_cached_key(|id| sorting_key(state.user_label(id), id.as_str()));
        let ranks: HashMap<_, _> = users.iter().enumerate().map(|(rank, id)| (*id, rank)).collect();

        let mut groups: Vec<_> = state.groups.keys().collect();
        groups.sort_by_cached_key(|id| sorting_key(state.group_label(id), id.as_str()));
        let places = groups.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let alike = groups
            .windows(2)
            .filter(|pair| state.group_label(pair[0]).eq_ignore_ascii_case(state.group_label(pair[1])))
            .flat_map(|pair| [state.group_label(pair[0]), state.group_label(pair[1])])
            .collect();

        let mut groups_of: BTreeMap<&UserId, Vec<&GroupId>> = BTreeMap::new();
        let mut members_of: BTreeMap<&GroupId, Vec<usize>> = BTreeMap::new();
        for (group, user) in state.members.keys() {
            groups_of.entry(user).or_default().push(group);
            members_of.entry(group).or_default().push(ranks[user]);
        }
        for members in members_of.values_mut() {
            members.sort_unstable();
        }
        let gaps = |wanted: fn(&Status) -> bool| {
            view.coverage.gaps.iter().filter(move |gap| wanted(&gap.status)).map(|gap| &gap.scope).collect()
        };
        let (incomplete, not_applicable) = (gaps(Status::is_gap), gaps(|status| *status == Status::NotApplicable));
        Self {
            view,
            state,
            snapshots,
            users,
            ranks,
            groups,
            places,
            alike,
            groups_of,
            members_of,
            incomplete,
            not_applicable,
            unlisted_owner: state.unlisted_owner(),
        }
    }

    /// Whether that stands for an owner of the contract whom no user bears.
    pub(super) fn is_unlisted_owner(&self, id: &UserId) -> bool {
        self.unlisted_owner.as_ref() == Some(id)
    }

    /// The end of a snapshot's run, in text; empty for a snapshot that is not kept any more.
    pub(super) fn time_of(&self, seq: Seq) -> String {
        self.instant_of(seq).map(to_seconds).unwrap_or_default()
    }

    /// The day on which a snapshot's run ended, or its number if it is not kept any more.
    pub(super) fn day_of(&self, seq: Seq) -> String {
        self.instant_of(seq).map_or_else(|| format!("snapshot {seq}"), |at| at.format("%Y-%m-%d").to_string())
    }

    fn instant_of(&self, seq: Seq) -> Option<DateTime<Utc>> {
        if seq == self.view.snapshot.seq {
            return Some(self.view.snapshot.finished);
        }
        self.snapshots.get(&seq).map(|snapshot| snapshot.finished)
    }

    /// The user's place in the list.
    pub(super) fn rank(&self, user: &UserId) -> usize {
        self.ranks.get(user).copied().unwrap_or(self.users.len())
    }

    /// The groups a user is in, as they are listed.
    pub(super) fn groups_of(&self, user: &UserId) -> Vec<&'a GroupId> {
        let mut groups = self.groups_of.get(user).cloned().unwrap_or_default();
        groups.sort_by_key(|group| self.place(group));
        groups
    }

    /// The members of a group as places in [`Context::users`], in order.
    pub(super) fn members_of(&self, group: &GroupId) -> &[usize] {
        self.members_of.get(group).map_or(&[], Vec::as_slice)
    }

    /// The group's place in the list; behind all others for one that is not in it.
    pub(super) fn place(&self, group: &GroupId) -> usize {
        self.places.get(group).copied().unwrap_or(self.groups.len())
    }

    /// Whether another group has the same name.
    pub(super) fn has_namesake(&self, group: &GroupId) -> bool {
        self.alike.contains(self.state.group_label(group))
    }

    /// The group as it is mentioned.
    pub(super) fn mention(&self, group: &GroupId) -> GroupMention {
        GroupMention {
            label: self.state.group_label(group).to_owned(),
            distinguish: if self.has_namesake(group) { self.short_id(group) } else { String::new() },
            anchor: self.places.get(group).map(|place| format!("group-{}", place + 1)).unwrap_or_default(),
        }
    }

    /// The beginning of a group's id, as long as it tells the group from its namesakes.
    fn short_id(&self, group: &GroupId) -> String {
        let short: String = group.as_str().chars().take(8).collect();
        let clash = self.groups.iter().filter(|other| **other != group).any(|other| other.as_str().starts_with(&short));
        if clash { group.to_string() } else { short }
    }

    /// Whether that scope was read to its end.
    pub(super) fn is_complete(&self, scope: &Scope) -> bool {
        !self.incomplete.contains(scope)
    }

    /// How many things of a scope there are, of which so many are known.
    pub(super) fn count_in(&self, scope: &Scope, known: usize) -> Count {
        let is_read = self.is_complete(scope) && !self.not_applicable.contains(scope);
        Count::of(known as u64, is_read)
    }

    /// Whether everything that a grant rests on was read to its end.
    pub(super) fn rests_on_complete(&self, grant: &Grant) -> bool {
        if self.incomplete.is_empty() {
            return true;
        }
        let user = grant.user.clone();
        let own = match &grant.entitlement {
            Entitlement::ContractOwner => self.is_complete(&Scope::Contract),
            Entitlement::Administrator | Entitlement::Account => true,
            Entitlement::Privilege(_) => self.is_complete(&Scope::Groups),
            Entitlement::Share(_) => self.is_complete(&Scope::Groups) && self.is_complete(&Scope::Resources),
            Entitlement::Ownership(_) => self.is_complete(&Scope::Owns(user)),
            Entitlement::S3Key(_) => self.is_complete(&Scope::Keys(user)),
        };
        let shared = matches!(grant.entitlement, Entitlement::Share(_));
        own && self.is_complete(&Scope::Users)
            && grant.paths.iter().all(|path| match &path.via {
                Via::Group(group, _) => {
                    self.is_complete(&Scope::Members(group.clone()))
                        && (!shared || self.is_complete(&Scope::Shares(group.clone())))
                }
                Via::Direct | Via::Administrator | Via::ContractOwner => true,
            })
    }

    /// The last snapshot that proved the grant: the oldest sighting along the freshest path.
    pub(super) fn last_proved(&self, grant: &Grant) -> Seq {
        let now = self.state.seq;
        let user = self.state.users.get(&grant.user).map_or(now, |user| user.seen);
        let own = match &grant.entitlement {
            Entitlement::Ownership(resource) => {
                self.state.owns.get(&(grant.user.clone(), resource.clone())).map_or(now, |held| held.seen)
            }
            Entitlement::S3Key(key) => {
                self.state.keys.get(&(grant.user.clone(), key.clone())).map_or(now, |held| held.seen)
            }
            _ => now,
        };
        let along = grant.paths.iter().map(|path| match &path.via {
            Via::Group(group, _) => self.path_seen(grant, group),
            Via::Direct | Via::Administrator | Via::ContractOwner => now,
        });
        user.min(own).min(along.max().unwrap_or(now))
    }

    fn path_seen(&self, grant: &Grant, group: &GroupId) -> Seq {
        let now = self.state.seq;
        let listed = self.state.groups.get(group).map_or(now, |held| held.seen);
        let member = self.state.members.get(&(group.clone(), grant.user.clone())).map_or(now, |held| held.seen);
        let share = match &grant.entitlement {
            Entitlement::Share(resource) => {
                self.state.shares.get(&(group.clone(), resource.clone())).map_or(now, |held| held.seen)
            }
            _ => now,
        };
        listed.min(member).min(share)
    }
}
