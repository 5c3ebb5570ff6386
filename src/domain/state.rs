//! The state of a contract as of one snapshot: typed, ordered, with the age of everything in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use super::contract::Contract;
use super::fact::{FactKey, Kind};
use super::group::Group;
use super::id::{GroupId, KeyId, ResourceId, Seq, UserId};
use super::key::Key;
use super::resource::Resource;
use super::share::Share;
use super::unknown::Unknowns;
use super::user::{User, is_same_address};

/// Something that is so, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held<T> {
    /// What is so.
    pub value: T,
    /// The snapshot since which the fact has been there without a break.
    pub since: Seq,
    /// The snapshot since which it has been exactly like this.
    pub changed: Seq,
    /// The last snapshot whose scope proved it; older than the state's own where that scope was not complete.
    pub seen: Seq,
    /// For each boolean of the body that is true, the snapshot since which it has been true without a break.
    /// Privileges of a group by their name, other booleans by the API's property name.
    pub true_since: BTreeMap<String, Seq>,
}

impl<T> Held<T> {
    /// Since when that boolean has been true; the fact's own beginning if it is not recorded.
    pub fn true_since(&self, property: &str) -> Seq {
        self.true_since.get(property).copied().unwrap_or(self.since)
    }
}

impl<T> Held<T> {
    /// Another value of the same age.
    pub fn map<U>(self, value: impl FnOnce(T) -> U) -> Held<U> {
        let Self { value: old, since, changed, seen, true_since } = self;
        Held { value: value(old), since, changed, seen, true_since }
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Which part of a state is wanted: the contract, and what is named here as far as it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// Users.
    pub users: BTreeSet<UserId>,
    /// Groups.
    pub groups: BTreeSet<GroupId>,
    /// Resources.
    pub resources: BTreeSet<ResourceId>,
    /// Groups whose memberships are wanted.
    pub members_of: BTreeSet<GroupId>,
    /// Groups whose shares are wanted, with the resources that they share.
    pub shares_of: BTreeSet<GroupId>,
    /// Users whose S3 keys are wanted.
    pub keys_of: BTreeSet<UserId>,
}

/// Everything that was so as of one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The snapshot.
    pub seq: Seq,
    /// The contract; `None` if it has never been read.
    pub contract: Option<Held<Contract>>,
    /// Users by id.
    pub users: BTreeMap<UserId, Held<User>>,
    /// Groups by id.
    pub groups: BTreeMap<GroupId, Held<Group>>,
    /// Resources by id.
    pub resources: BTreeMap<ResourceId, Held<Resource>>,
    /// Memberships.
    pub members: BTreeMap<(GroupId, UserId), Held<()>>,
    /// Shares.
    pub shares: BTreeMap<(GroupId, ResourceId), Held<Share>>,
    /// Ownerships.
    pub owns: BTreeMap<(UserId, ResourceId), Held<()>>,
    /// S3 keys.
    pub keys: BTreeMap<(UserId, KeyId), Held<Key>>,
    /// What the answers did not report: the last known values stand above.
    pub unknown: Unknowns,
    /// What this snapshot could not read to its end, by the kind of facts and their parent: the last snapshot that did, 0 for
    /// none.
    pub unread: BTreeMap<(Kind, Arc<str>), Seq>,
}

impl State {
    /// A state in which nothing is so.
    pub fn empty(seq: Seq) -> Self {
        Self {
            seq,
            contract: None,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            resources: BTreeMap::new(),
            members: BTreeMap::new(),
            shares: BTreeMap::new(),
            owns: BTreeMap::new(),
            keys: BTreeMap::new(),
            unknown: Unknowns::default(),
            unread: BTreeMap::new(),
        }
    }

    /// The last snapshot that read the scope of a fact to its end, where this one did not; `None` if it did, or if none ever
    /// did. What belongs to a user or group that is not there is in the scope of the list that would name it.
    pub fn last_read(&self, key: &FactKey) -> Option<Seq> {
        if self.unread.is_empty() {
            return None;
        }
        let subject = &*key.subject;
        let listed = match key.kind {
            Kind::Member | Kind::Share => (!self.groups.contains_key(&subject.into())).then_some(Kind::Group),
            Kind::Own | Kind::Key => (!self.users.contains_key(&subject.into())).then_some(Kind::User),
            Kind::Contract | Kind::User | Kind::Group | Kind::Resource => Some(key.kind),
        };
        let part = match listed {
            Some(kind) => (kind, Arc::from("")),
            None => (key.kind, Arc::clone(&key.subject)),
        };
        self.unread.get(&part).copied().filter(|seq| seq.0 > 0)
    }

    /// Whether that user owns the contract: nothing in the API marks it but the address.
    pub fn is_owner(&self, user: &User) -> bool {
        let owner = self.contract.as_ref().and_then(|contract| contract.owner.email.as_deref());
        owner.zip(user.person.email.as_deref()).is_some_and(|(owner, email)| is_same_address(owner, email))
    }

    /// The owner of the contract, if no user is known to have the owner's address. The API gives no id then: the address stands
    /// for it.
    pub fn unlisted_owner(&self) -> Option<UserId> {
        let owner = self.contract.as_ref()?.owner.email.as_deref()?.trim();
        let is_listed = self.users.values().any(|user| self.is_owner(user));
        (!owner.is_empty() && !is_listed).then(|| UserId::from(owner.to_lowercase()))
    }

    /// Whether two-factor authentication is set up; that it was when somebody last knew proves nothing.
    pub fn has_second_factor(&self, user: &User) -> Option<bool> {
        let is_unknown = || self.unknown.last_known(Kind::User, user.id.as_str(), None, "secAuthActive").is_some();
        user.sec_auth_active.filter(|is_set_up| !is_set_up || !is_unknown())
    }

    /// What a user is called: the e-mail address, or the id.
    pub fn user_label<'a>(&'a self, id: &'a UserId) -> &'a str {
        self.users.get(id).map_or(id.as_str(), |user| user.value.label())
    }

    /// What a group is called: its name, or the id.
    pub fn group_label<'a>(&'a self, id: &'a GroupId) -> &'a str {
        self.groups.get(id).map_or(id.as_str(), |group| group.value.label())
    }

    /// What a resource is called: its name, or the id.
    pub fn resource_label<'a>(&'a self, id: &'a ResourceId) -> &'a str {
        self.resources.get(id).map_or(id.as_str(), |resource| resource.value.label())
    }

    /// The members of one group, in order.
    pub fn members_of(&self, group: &GroupId) -> impl Iterator<Item = &UserId> {
        let first = (group.clone(), UserId::from(""));
        let group = group.clone();
        self.members.range(first..).take_while(move |((of, _), _)| *of == group).map(|((_, user), _)| user)
    }

    /// The shares of one group, in order.
    pub fn shares_of(&self, group: &GroupId) -> impl Iterator<Item = &Held<Share>> {
        let first = (group.clone(), ResourceId::from(""));
        let group = group.clone();
        self.shares.range(first..).take_while(move |((of, _), _)| *of == group).map(|(_, share)| share)
    }

    /// The keys of one user, in order.
    pub fn keys_of(&self, user: &UserId) -> impl Iterator<Item = &Held<Key>> {
        let first = (user.clone(), KeyId::from(""));
        let user = user.clone();
        self.keys.range(first..).take_while(move |((of, _), _)| *of == user).map(|(_, key)| key)
    }

    /// What one user owns, in order.
    pub fn owned_by(&self, user: &UserId) -> impl Iterator<Item = &ResourceId> {
        let first = (user.clone(), ResourceId::from(""));
        let user = user.clone();
        self.owns.range(first..).take_while(move |((of, _), _)| *of == user).map(|((_, resource), _)| resource)
    }
}
