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
use crate::domain::notice::Notice;
use crate::domain::resource::Resource;
use crate::domain::share::Share;
use crate::domain::sighting::Sightings;
use crate::domain::user::User;

/// Ids of members and of owned resources that no list has named yet, at most. They are kept until the end, since a list may
/// come later, and each takes more than what a run counts for a reference: about 150 bytes. So many are several times the
/// users that a run has room for. What would need more is too large, and its scope fails.
const MOST_UNLISTED: usize = 250_000;

/// The yield of a walk under way.
#[derive(Debug, Default)]
pub(super) struct Seen {
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
    gone_users: BTreeSet<UserId>,
    gone_groups: BTreeSet<GroupId>,
    /// Those of them whom a list named that does not name them any more.
    went: BTreeSet<Arc<str>>,
    /// One text for each id of a user or resource, however often it is referred to.
    texts: HashSet<Arc<str>>,
    /// The same for ids that references name and no list has named yet.
    unlisted: HashSet<Arc<str>>,
    /// How many of these there may be.
    most_unlisted: Most,
}

/// A limit that is [`MOST_UNLISTED`] if nothing else is said.
#[derive(Debug)]
struct Most(usize);

impl Default for Most {
    fn default() -> Self {
        Self(MOST_UNLISTED)
    }
}

impl Seen {
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

    /// A list names somebody who was found gone before: the two do not agree, so nothing follows for what is theirs.
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

    /// What this is worth telling about the answers themselves.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let repeated = self.differing.iter().map(|(kind, count)| Notice::Repeated { kind: *kind, count: *count });
        let odd = self.odd.iter().map(|(kind, names)| Notice::odd_items(*kind, names));
        repeated.chain(odd).collect()
    }

    /// Whether a user was seen at all.
    pub(super) fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// Members of groups that are there whom no list of users names.
    pub(super) fn strays(&self) -> BTreeSet<UserId> {
        let members = self.members.iter().filter(|(group, _)| !self.gone_groups.contains(group));
        members.map(|(_, user)| user).filter(|user| !self.users.contains_key(*user)).cloned().collect()
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

    /// Whether a list that was read to its end names somebody who was not found.
    pub(super) fn misses(&self, list: &Scope) -> bool {
        let is_complete = self.scopes.get(list).is_some_and(|(status, _)| *status == Status::Complete);
        is_complete && !self.missing(list).is_empty()
    }

    /// Takes in what a list names that was read once more, if it was read to its end. Whoever it does not name any more went
    /// meanwhile; whoever it still names is there, and what is theirs is not known. Answers how many scopes that are.
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

    /// What was seen, in order. Whoever vanished during the walk was not there at its end, and nothing of theirs; but where
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

    /// A list names an id: whoever referred to it before was right.
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
            reading.status =
                Status::Failed(format!("too large: more than {} ids that no list names", self.most_unlisted.0));
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
        if self.unlisted.len() >= self.most_unlisted.0 {
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
mod tests {
    use super::*;

    fn of_group(group: &str, members: &[&str]) -> OfGroup {
        let members = Reading::of_items(members.iter().map(|id| UserId::from(*id)).collect());
        OfGroup { group: group.into(), members, shares: Reading::of_items(Vec::new()) }
    }

    fn user(id: &str) -> User {
        let properties = Some(Box::default());
        crate::api::wire::user::User { id: Some(id.into()), properties, ..Default::default() }.into_domain().unwrap()
    }

    /// Takes groups in of which each has so many members, and tells how the members of each ended.
    #[track_caller]
    fn check(listed: &[&str], groups: &[&[&str]], expected: &[&str]) {
        let mut seen = Seen { most_unlisted: Most(2), ..Seen::default() };
        for id in listed {
            seen.user(user(id));
        }
        let mut told = Vec::new();
        for (number, members) in groups.iter().enumerate() {
            let id = format!("g{number}");
            seen.of_group(of_group(&id, members));
            let (status, _) = &seen.scopes[&Scope::Members(id.as_str().into())];
            let kept = seen.members.iter().filter(|(group, _)| group.as_str() == id).count();
            told.push(format!("{kept} {status}"));
        }
        assert_eq!(told, expected, "{listed:?} {groups:?}");
    }

    const TOO_LARGE: &str = "failed (too large: more than 2 ids that no list names)";

    #[test]
    fn members_whom_no_list_names_are_kept_up_to_the_limit_and_then_the_scope_is_too_large() {
        check(&[], &[&["a", "b"]], &["2 complete"]);
        check(&[], &[&["a", "b", "c"]], &[&format!("2 {TOO_LARGE}")]);
        check(&[], &[&["a", "b"], &["b", "a"], &["a", "c"]], &["2 complete", "2 complete", &format!("1 {TOO_LARGE}")]);
        check(&["a", "b", "c"], &[&["a", "b", "c", "d", "e"]], &["5 complete"]);
    }

    #[test]
    fn whoever_is_listed_later_makes_room() {
        let mut seen = Seen { most_unlisted: Most(2), ..Seen::default() };
        seen.of_group(of_group("ops", &["a", "b"]));
        seen.user(user("a"));
        seen.of_group(of_group("dev", &["a", "c"]));
        assert_eq!(seen.scopes[&Scope::Members("dev".into())].0, Status::Complete);
        assert_eq!(seen.strays(), BTreeSet::from(["b".into(), "c".into()]));
    }

    /// A user who was found gone, as members of a group that names them.
    fn with_somebody_gone(users: Status) -> Seen {
        let mut seen = Seen::default();
        seen.user(user("x"));
        seen.record(Scope::Users, users, Effort::default());
        seen.of_group(of_group("ops", &["x"]));
        let gone = || Reading { status: Status::Gone, ..Reading::of_items(Vec::new()) };
        let keys = Reading { status: Status::Gone, ..Reading::of_items(Vec::new()) };
        seen.of_user(OfUser { user: "x".into(), owns: gone(), keys });
        seen
    }

    /// Reads the list of users once more, which names so many of them now, and tells what is left of the one who was gone.
    #[track_caller]
    fn check_missing(named: Option<&[&str]>, expected: (usize, usize, &str)) {
        let mut seen = with_somebody_gone(Status::Complete);
        assert!(seen.misses(&Scope::Users));
        let ids: Option<BTreeSet<Arc<str>>> = named.map(|ids| ids.iter().map(|id| Arc::from(*id)).collect());
        seen.relisted(&Scope::Users, ids.as_ref(), Effort::default());
        let seen = seen.finish();
        let status = seen.scopes[&Scope::Keys("x".into())].0.to_string();
        assert_eq!((seen.users.len(), seen.members.len(), status.as_str()), expected, "{named:?}");
    }

    #[test]
    fn a_missing_user_is_gone_only_if_the_list_agrees() {
        check_missing(Some(&[]), (0, 0, "gone"));
        check_missing(Some(&["x"]), (1, 1, "failed (not found, although the list of users names it twice)"));
        check_missing(None, (1, 1, "unstable"));
    }

    #[test]
    fn a_missing_user_stays_where_the_list_was_not_read_again() {
        for users in [Status::Complete, Status::Unstable] {
            let seen = with_somebody_gone(users).finish();
            assert_eq!((seen.users.len(), seen.members.len()), (1, 1));
            assert_eq!(seen.scopes[&Scope::Owns("x".into())].0, Status::Unstable);
        }
    }

    #[test]
    fn who_is_listed_again_after_having_been_found_gone_is_there_and_what_is_theirs_is_not_known() {
        let listed = |seen: &mut Seen, user| {
            seen.user(user);
        };
        for again in [Seen::user_again, listed] {
            let mut seen = with_somebody_gone(Status::Complete);
            again(&mut seen, user("x"));
            let seen = seen.finish();
            assert_eq!((seen.users.len(), seen.members.len()), (1, 1));
            for scope in [Scope::Owns("x".into()), Scope::Keys("x".into())] {
                assert_eq!(seen.scopes[&scope].0, Status::Unstable);
            }
        }
    }
}
