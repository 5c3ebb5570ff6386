//! Lines of effective access: what each user can do, by every path, since when, and how much harm it could do.
//!
//! Administrators and the owner hold everything without a group. That is one line of its own, which says "everything";
//! on privileges and shares that they hold through a group as well, it is one more path.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::grant::{Entitlement, Grant, Path, Via};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ResourceId, Seq, UserId};
use crate::domain::key::Key;
use crate::domain::privilege::{self, Reach};
use crate::domain::severity::Severity;
use crate::domain::share::{Access, Share};
use crate::domain::state::{Held, State};
use crate::domain::user::User;

/// All grants of a state, ordered by user id and then entitlement.
///
/// A group with many members and many shares gives their product in lines; where that is too much to hold at once,
/// take them user by user from a [`Derivation`].
pub fn grants(state: &State) -> Vec<Grant> {
    let derivation = Derivation::of(state);
    derivation.users().flat_map(|user| derivation.grants_of(user)).collect()
}

/// A state indexed by user, ready to derive the grants of one user at a time.
#[derive(Debug)]
pub struct Derivation<'a> {
    state: &'a State,
    users: BTreeSet<UserId>,
    /// The owner of the contract, if no user is known to have that address.
    unlisted_owner: Option<UserId>,
    joined: BTreeMap<&'a UserId, Vec<(&'a GroupId, Seq)>>,
    gives: BTreeMap<&'a GroupId, Gives<'a>>,
}

/// What one group gives each of its members.
#[derive(Debug, Default)]
struct Gives<'a> {
    privileges: Vec<(&'a str, Seq)>,
    shares: Vec<&'a Held<Share>>,
}

/// Why a user can do everything, and since when.
type Everything = Vec<Path>;

impl<'a> Derivation<'a> {
    /// Indexes a state: one pass over memberships, groups and shares.
    pub fn of(state: &'a State) -> Self {
        let mut joined: BTreeMap<&UserId, Vec<(&GroupId, Seq)>> = BTreeMap::new();
        for ((group, user), membership) in &state.members {
            joined.entry(user).or_default().push((group, membership.since));
        }
        let mut gives: BTreeMap<&GroupId, Gives<'_>> = BTreeMap::new();
        for (id, group) in &state.groups {
            gives.entry(id).or_default().privileges = privileges(group);
        }
        for ((group, _), share) in &state.shares {
            gives.entry(group).or_default().shares.push(share);
        }
        // Somebody may hold something without being listed: the list of users may not have been readable.
        let users = state
            .users
            .keys()
            .chain(joined.keys().copied())
            .chain(state.owns.keys().map(|(user, _)| user))
            .chain(state.keys.keys().map(|(user, _)| user))
            .cloned();
        let unlisted_owner = state.unlisted_owner();
        let users = users.chain(unlisted_owner.clone()).collect();
        Self { state, users, unlisted_owner, joined, gives }
    }

    /// Everybody who is listed or holds anything, in order.
    pub fn users(&self) -> impl Iterator<Item = &UserId> {
        self.users.iter()
    }

    /// The grants of one user, ordered by entitlement.
    pub fn grants_of(&self, id: &UserId) -> Vec<Grant> {
        let user = self.state.users.get(id);
        let mut found = Vec::new();
        let mut everything = Everything::new();
        if let Some(user) = user {
            if user.is_administrator() {
                everything.push(Path { via: Via::Administrator, since: user.true_since("administrator") });
            }
            if self.state.is_owner(user) {
                everything.push(Path { via: Via::ContractOwner, since: user.since });
                found.push(direct(id, Entitlement::ContractOwner, user.since, Severity::Critical));
            }
            if user.is_administrator() {
                let since = user.true_since("administrator");
                found.push(direct(id, Entitlement::Administrator, since, Severity::Critical));
            }
        }
        if let Some(contract) = self.state.contract.as_ref().filter(|_| self.unlisted_owner.as_ref() == Some(id)) {
            found.push(direct(id, Entitlement::ContractOwner, contract.changed, Severity::Critical));
        }
        self.through_groups(id, &everything, &mut found);
        for (resource, ownership) in self.owned_by(id) {
            let entitlement = Entitlement::Ownership(resource.clone());
            found.push(direct(id, entitlement, ownership.since, Severity::Medium));
        }
        for key in self.state.keys_of(id) {
            let risk = key_risk(key, user, !everything.is_empty());
            found.push(direct(id, Entitlement::S3Key(key.id.clone()), key.since, risk));
        }
        if let Some(user) = user {
            let since = if user.active == Some(true) { user.true_since("active") } else { user.since };
            found.push(direct(id, Entitlement::Account, since, account_risk(user, self.state.has_second_factor(user))));
        }
        found
    }

    fn owned_by(&self, id: &UserId) -> impl Iterator<Item = (&'a ResourceId, &'a Held<()>)> {
        let first = (id.clone(), ResourceId::from(""));
        let of = id.clone();
        self.state
            .owns
            .range(first..)
            .take_while(move |((user, _), _)| *user == of)
            .map(|((_, resource), ownership)| (resource, ownership))
    }

    fn through_groups(&self, id: &UserId, everything: &Everything, found: &mut Vec<Grant>) {
        let mut privileges: BTreeMap<&str, Vec<Path>> = BTreeMap::new();
        let mut shares: BTreeMap<&ResourceId, (Access, Vec<Path>)> = BTreeMap::new();
        let joined = self.joined.get(id).map_or(&[][..], Vec::as_slice);
        for (group, joined) in joined {
            let Some(gives) = self.gives.get(group) else { continue };
            for (name, since) in &gives.privileges {
                let path = Path { via: Via::Group((*group).clone(), None), since: *joined.max(since) };
                privileges.entry(name).or_insert_with(|| everything.clone()).push(path);
            }
            for share in &gives.shares {
                let access = share.access();
                let path = Path { via: Via::Group((*group).clone(), Some(access)), since: *joined.max(&share.since) };
                let (held, paths) =
                    shares.entry(&share.resource).or_insert_with(|| (whole(everything), everything.clone()));
                *held = held.union(access);
                paths.push(path);
            }
        }
        found.extend(privileges.into_iter().map(|(name, paths)| {
            let risk = privilege_risk(name);
            grant(id, Entitlement::Privilege(name.to_owned()), None, paths, risk)
        }));
        found.extend(shares.into_iter().map(|(resource, (access, paths))| {
            grant(id, Entitlement::Share(resource.clone()), Some(access), paths, share_risk(access))
        }));
    }
}

fn privileges(group: &Held<Group>) -> Vec<(&str, Seq)> {
    group.value.granted().map(|name| (name, group.true_since(name))).collect()
}

/// What somebody who can do everything may do with a resource.
fn whole(everything: &Everything) -> Access {
    if everything.is_empty() { Access::default() } else { Access { edit: true, share: true } }
}

fn direct(user: &UserId, entitlement: Entitlement, since: Seq, risk: Severity) -> Grant {
    grant(user, entitlement, None, vec![Path { via: Via::Direct, since }], risk)
}

fn grant(user: &UserId, entitlement: Entitlement, access: Option<Access>, paths: Vec<Path>, risk: Severity) -> Grant {
    let since = paths.iter().map(|path| path.since).min().expect("every line is made with the path that led to it");
    Grant { user: user.clone(), entitlement, access, paths, since, risk }
}

/// Harm by reach: a privilege that is not classified is rated like a powerful one.
fn privilege_risk(name: &str) -> Severity {
    match privilege::reach(name) {
        Reach::Ordinary => Severity::Low,
        Reach::Sensitive => Severity::Medium,
        Reach::Powerful => Severity::High,
    }
}

/// Sharing on hands the decision to others; editing can destroy; reading discloses.
fn share_risk(access: Access) -> Severity {
    match (access.share, access.edit) {
        (true, _) => Severity::High,
        (false, true) => Severity::Medium,
        (false, false) => Severity::Low,
    }
}

/// A key works without signing in: one whose holder can do everything, or may not even sign in any more, is worse than
/// others. An inactive key can do nothing until somebody enables it.
fn key_risk(key: &Key, holder: Option<&Held<User>>, everything: bool) -> Severity {
    let inactive_holder = holder.is_some_and(|user| !user.is_usable());
    match (key.is_usable(), everything || inactive_holder) {
        (false, _) => Severity::Low,
        (true, false) => Severity::Medium,
        (true, true) => Severity::High,
    }
}

/// An account is what all the rest hangs on; without a second factor it is one password away.
fn account_risk(user: &User, second_factor: Option<bool>) -> Severity {
    match (user.is_usable(), second_factor) {
        (false, _) => Severity::Info,
        (true, Some(false)) => Severity::Medium,
        (true, _) => Severity::Low,
    }
}
