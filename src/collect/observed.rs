//! Everything a walk has seen so far, put together so that the order of arrival leaves no trace.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::reading::{OfGroup, OfUser, Reading};
use crate::api::wire::Notes;
use crate::domain::agreement::Agree as _;
use crate::domain::contract::Contract;
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ResourceId, UserId};
use crate::domain::key::Key;
use crate::domain::notice::{Notice, membership};
use crate::domain::resource::Resource;
use crate::domain::share::Share;
use crate::domain::sighting::Sightings;
use crate::domain::user::User;

/// Ids of members and of owned resources that no list has named yet, at most. They are kept until the end, since a list may
/// come later, and each takes more than what a run counts for a reference: about 150 bytes. So many are several times the
/// users that a run has room for. What would need more is too large, and its scope fails.
const MAX_UNLISTED: usize = 250_000;

/// The yield of a walk under way.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) contract: Option<Contract>,
    users: BTreeMap<UserId, User>,
    groups: BTreeMap<GroupId, Group>,
    resources: Vec<Resource>,
    members: Vec<(GroupId, UserId)>,
    shares: Vec<Share>,
    owns: Vec<(UserId, ResourceId)>,
    keys: Vec<Key>,
    pub(super) scopes: BTreeMap<Scope, (Status, Effort)>,
    /// What scopes took in an earlier part of the run that came to nothing.
    spent: BTreeMap<Scope, Effort>,
    pub(super) notes: Notes,
    pub(super) repeated: u64,
    /// Things that were there twice with different content, by the kind of the scope.
    differing: BTreeMap<ScopeKind, u64>,
    /// Things that say nothing but their ids, by the kind of the scope.
    odd: BTreeMap<ScopeKind, BTreeSet<String>>,
    /// Users whom no list names, and who are there by themselves.
    unlisted_users: BTreeSet<UserId>,
    gone_users: BTreeSet<UserId>,
    gone_groups: BTreeSet<GroupId>,
    /// Those of them whom a list named that does not name them any more.
    went: BTreeSet<Arc<str>>,
    /// Lists of users or groups that name, twice, what is answered with 404 by itself: such an answer proves nothing in this run.
    pub(super) contradicted: BTreeSet<Scope>,
    /// One text for each id of a user or resource, however often it is referred to.
    texts: HashSet<Arc<str>>,
    /// The same for ids that references name and no list has named yet.
    unlisted: HashSet<Arc<str>>,
    /// How many of these there may be.
    max_unlisted: MaxUnlisted,
}

/// A limit that is [`MAX_UNLISTED`] if nothing else is said.
#[derive(Debug)]
struct MaxUnlisted(usize);

impl Default for MaxUnlisted {
    fn default() -> Self {
        Self(MAX_UNLISTED)
    }
}

impl Observed {
    /// Whether the list of users, groups or resources gave anything to go by. The contract alone does not: a snapshot of
    /// it would say nothing about anybody, and be the one that the next is compared with.
    pub(super) fn has_any_list(&self) -> bool {
        let lists = [Scope::Users, Scope::Groups, Scope::Resources];
        !self.users.is_empty()
            || !self.groups.is_empty()
            || !self.resources.is_empty()
            || lists.iter().any(|scope| self.scopes.get(scope).is_some_and(|(status, _)| *status == Status::Complete))
    }

    /// How many users and groups were seen.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.users.len() as u64, self.groups.len() as u64)
    }

    /// Adds a user; of two with one id that differs is not known in which they differ. Answers whether this one is new.
    pub(super) fn user(&mut self, user: User) -> bool {
        self.listed(user.id.shared());
        self.is_there_after_all(&user.id);
        let id = user.id.clone();
        let Some(known) = self.users.get_mut(&id) else {
            self.users.insert(id, user);
            return true;
        };
        self.repeated += 1;
        if *known != user {
            *self.differing.entry(ScopeKind::Users).or_default() += 1;
            known.agree(&user);
        }
        false
    }

    /// Remembers things that say nothing but their ids.
    pub(super) fn odd(&mut self, kind: ScopeKind, names: Vec<String>) {
        if !names.is_empty() {
            self.odd.entry(kind).or_default().extend(names);
        }
    }

    /// A user who was read again because pages overlap or the list moved: as they are now.
    pub(super) fn user_again(&mut self, user: User) {
        self.is_there_after_all(&user.id);
        self.users.insert(user.id.clone(), user);
    }

    /// A list names a user who was found gone before: the two do not agree, so nothing follows for what is theirs.
    fn is_there_after_all(&mut self, user: &UserId) {
        if !self.gone_users.remove(user) {
            return;
        }
        for scope in [Scope::Owns(user.clone()), Scope::Keys(user.clone())] {
            if let Some((status, _)) = self.scopes.get_mut(&scope) {
                *status = Status::Unstable;
            }
        }
    }

    /// What deserves a notice about the answers themselves.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let repeated = self.differing.iter().map(|(kind, count)| Notice::Repeated { kind: *kind, count: *count });
        let odd = self.odd.iter().map(|(kind, names)| Notice::odd_items(*kind, names));
        let unlisted = self.unlisted_users.iter().filter(|user| !self.gone_users.contains(user));
        let unlisted = Notice::unlisted(ScopeKind::Users, &unlisted.map(ToString::to_string).collect());
        repeated.chain(odd).chain(unlisted).chain(self.dangling_members()).collect()
    }

    /// Memberships of users who are not found, and whom no list named.
    fn dangling_members(&self) -> Option<Notice> {
        let is_dangling = |(group, user): &&(GroupId, UserId)| {
            !self.gone_groups.contains(group) && self.gone_users.contains(user) && !self.users.contains_key(user)
        };
        let label = |group: &GroupId| self.groups.get(group).and_then(|group| group.name.as_deref());
        let dangling = self.members.iter().filter(is_dangling);
        Notice::dangling_members(&dangling.map(|(group, user)| membership(user, group, label(group))).collect())
    }

    /// Whether a user was seen at all.
    pub(super) fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// Members of groups that are there whom no list of users names.
    pub(super) fn unlisted_members(&self) -> BTreeSet<UserId> {
        let members = self.members.iter().filter(|(group, _)| !self.gone_groups.contains(group));
        members.map(|(_, user)| user).filter(|user| !self.users.contains_key(*user)).cloned().collect()
    }

    /// Remembers a user whom no list names and who is there.
    pub(super) fn unlisted_user(&mut self, user: UserId) {
        self.unlisted_users.insert(user);
    }

    /// Whether a list of users that was re-read names only users who were seen. Users whom it names are not unlisted.
    pub(super) fn names_no_other_user(&mut self, ids: &BTreeSet<Arc<str>>) -> bool {
        self.unlisted_users.retain(|user| !ids.contains(user.as_str()));
        ids.iter().all(|id| self.users.contains_key(&UserId::from(Arc::clone(id))))
    }

    /// Remembers a user who vanished during the walk.
    pub(super) fn gone(&mut self, user: UserId) {
        self.gone_users.insert(user);
    }

    /// Adds the groups of a reading and answers with their ids.
    pub(super) fn groups(&mut self, items: Vec<Group>) -> Vec<GroupId> {
        let ids: Vec<GroupId> = items.iter().map(|group| group.id.clone()).collect();
        self.groups.extend(items.into_iter().map(|group| (group.id.clone(), group)));
        ids
    }

    /// Adds the resources of a reading.
    pub(super) fn resources(&mut self, items: Vec<Resource>) {
        for resource in &items {
            self.listed(resource.id.shared());
        }
        self.resources = items;
    }

    /// Adds both scopes of a group.
    pub(super) fn of_group(&mut self, of: OfGroup) {
        let OfGroup { group, mut members, mut shares } = of;
        let gone = settle_gone(&mut members, &mut shares);
        self.share_texts(&mut members, UserId::shared, UserId::from);
        for user in self.take(Scope::Members(group.clone()), members) {
            self.members.push((group.clone(), user));
        }
        for mut share in self.take(Scope::Shares(group.clone()), shares) {
            // What else is known of a share is larger than its id, and counted.
            if let Some(known) = self.known(share.resource.as_str()) {
                share.resource = ResourceId::from(known);
            }
            self.shares.push(share);
        }
        if gone {
            self.gone_groups.insert(group);
        }
    }

    /// Adds both scopes of a user.
    pub(super) fn of_user(&mut self, of: OfUser) {
        let OfUser { user, mut owns, mut keys } = of;
        let gone = settle_gone(&mut owns, &mut keys);
        self.share_texts(&mut owns, ResourceId::shared, ResourceId::from);
        for resource in self.take(Scope::Owns(user.clone()), owns) {
            self.owns.push((user.clone(), resource));
        }
        let keys = self.take(Scope::Keys(user.clone()), keys);
        self.keys.extend(keys);
        if gone {
            self.gone_users.insert(user);
        }
    }

    /// Records how a scope ended and gives back what was seen of it.
    pub(super) fn take<T>(&mut self, scope: Scope, reading: Reading<T>) -> Vec<T> {
        self.notes.add(reading.notes);
        self.repeated += reading.repeated;
        if reading.differing > 0 {
            *self.differing.entry(scope.kind()).or_default() += reading.differing;
        }
        self.odd(scope.kind(), reading.odd);
        self.record(scope, reading.status, reading.effort);
        reading.items
    }

    /// Records how a scope ended, with everything that it took.
    pub(super) fn record(&mut self, scope: Scope, status: Status, mut effort: Effort) {
        if let Some(spent) = self.spent.get(&scope) {
            effort.add(*spent);
        }
        self.scopes.insert(scope, (status, effort));
    }

    /// Remembers what a scope took in an earlier part of the run, beside what it is going to take in this one.
    pub(super) fn spent(&mut self, scope: Scope, effort: Effort) {
        self.spent.entry(scope).or_default().add(effort);
    }

    /// Groups or users who were not found although that list names them, as far as it was not read again since.
    fn missing(&self, list: &Scope) -> Vec<Arc<str>> {
        let missing: Vec<Arc<str>> = match list {
            Scope::Users => {
                self.gone_users.iter().filter(|id| self.users.contains_key(*id)).map(UserId::shared).collect()
            }
            _ => self.gone_groups.iter().filter(|id| self.groups.contains_key(*id)).map(GroupId::shared).collect(),
        };
        missing.into_iter().filter(|id| !self.went.contains(id)).collect()
    }

    /// Whether a list that was read to its end names a user or group that was not found.
    pub(super) fn misses(&self, list: &Scope) -> bool {
        let is_complete = self.scopes.get(list).is_some_and(|(status, _)| *status == Status::Complete);
        is_complete && !self.missing(list).is_empty()
    }

    /// Takes in what a list names that was read once more, if it was read to its end. A user or group that
    /// it no longer names went meanwhile; one that it still names is there, and what it has is not known. Answers how many scopes that are.
    pub(super) fn relisted(&mut self, list: &Scope, ids: Option<&BTreeSet<Arc<str>>>, effort: Effort) -> u64 {
        if let Some((_, known)) = self.scopes.get_mut(list) {
            let items = known.items.max(effort.items);
            known.add(effort);
            known.items = items;
        }
        let mut doubted = 0;
        for id in self.missing(list) {
            match ids {
                Some(named) if !named.contains(&id) => {
                    self.went.insert(id);
                }
                Some(_) => {
                    self.contradicted.insert(list.clone());
                    let reason = format!("not found, although the list of {} names it twice", list.kind());
                    doubted += self.doubt(list, &id, &Status::Failed(reason));
                }
                None => doubted += self.doubt(list, &id, &Status::Unstable),
            }
        }
        doubted
    }

    /// A group or user who was not found stays, and what is theirs ends like that. Answers how many scopes that are.
    fn doubt(&mut self, list: &Scope, id: &Arc<str>, status: &Status) -> u64 {
        let below = if *list == Scope::Users {
            let user = UserId::from(Arc::clone(id));
            self.gone_users.remove(&user);
            [Scope::Owns(user.clone()), Scope::Keys(user)]
        } else {
            let group = GroupId::from(Arc::clone(id));
            self.gone_groups.remove(&group);
            [Scope::Members(group.clone()), Scope::Shares(group)]
        };
        let mut doubted = 0;
        for scope in below {
            if let Some((known, _)) = self.scopes.get_mut(&scope) {
                *known = status.clone();
                doubted += 1;
            }
        }
        doubted
    }

    /// What was seen, in order. Users who vanished during the walk were not there at its end, and nothing of theirs; but where
    /// the list of users proves nothing they stay what they were, members too.
    pub(super) fn finish(mut self) -> Sightings {
        for list in [Scope::Users, Scope::Groups] {
            for id in self.missing(&list) {
                self.doubt(&list, &id, &Status::Unstable);
            }
        }
        let Self { gone_users, gone_groups, .. } = self;
        let is_list_whole = self.scopes.get(&Scope::Users).is_some_and(|(status, _)| *status == Status::Complete);
        let user_stays = |user: &UserId| !gone_users.contains(user);
        let group_stays = |group: &GroupId| !gone_groups.contains(group);
        let mut sightings = Sightings {
            contract: self.contract,
            users: self.users.into_values().filter(|user| user_stays(&user.id)).collect(),
            groups: self.groups.into_values().filter(|group| group_stays(&group.id)).collect(),
            resources: self.resources,
            members: self.members,
            shares: self.shares,
            owns: self.owns,
            keys: self.keys,
            scopes: self.scopes,
        };
        sightings.members.retain(|(group, user)| group_stays(group) && (user_stays(user) || !is_list_whole));
        sightings.shares.retain(|share| group_stays(&share.group));
        sightings.owns.retain(|(user, _)| user_stays(user));
        sightings.keys.retain(|key| user_stays(&key.user));
        sightings.resources.sort_by(|a, b| a.id.cmp(&b.id));
        sightings.members.sort();
        sightings.shares.sort_by(|a, b| (&a.group, &a.resource).cmp(&(&b.group, &b.resource)));
        sightings.owns.sort();
        sightings.keys.sort_by(|a, b| (&a.user, &a.id).cmp(&(&b.user, &b.id)));
        sightings
    }

    /// A list names an id: references to it are no longer unlisted.
    fn listed(&mut self, text: Arc<str>) {
        let text = self.unlisted.take(&text).unwrap_or(text);
        self.texts.insert(text);
    }

    /// Gives references the text of the ids that were seen before. Those for which there is no room are left out, and then
    /// the scope is too large to be read to its end.
    fn share_texts<T>(&mut self, reading: &mut Reading<T>, text: fn(&T) -> Arc<str>, id: fn(Arc<str>) -> T) {
        let count = reading.items.len();
        reading.items.retain_mut(|item| match self.text(text(item)) {
            Some(known) => {
                *item = id(known);
                true
            }
            None => false,
        });
        if reading.items.len() < count && reading.status != Status::Gone {
            reading.status = Status::Failed(format!("too large: more than {} unlisted ids", self.max_unlisted.0));
        }
    }

    /// The text of an id that was seen before.
    fn known(&self, text: &str) -> Option<Arc<str>> {
        self.texts.get(text).or_else(|| self.unlisted.get(text)).cloned()
    }

    /// The text of an id that was seen before, or this one from now on; `None` if there is no room for another.
    fn text(&mut self, text: Arc<str>) -> Option<Arc<str>> {
        if let Some(known) = self.known(&text) {
            return Some(known);
        }
        if self.unlisted.len() >= self.max_unlisted.0 {
            return None;
        }
        self.unlisted.insert(Arc::clone(&text));
        Some(text)
    }
}

/// If one scope of a parent found it gone, the other one is gone as well, whatever it saw before.
fn settle_gone<A, B>(first: &mut Reading<A>, second: &mut Reading<B>) -> bool {
    let gone = first.status == Status::Gone || second.status == Status::Gone;
    if gone {
        first.status = Status::Gone;
        second.status = Status::Gone;
    }
    gone
}

#[cfg(test)]
mod tests;
