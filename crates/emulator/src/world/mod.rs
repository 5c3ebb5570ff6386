//! The contract behind the API: users, groups, members, shares, resources and keys, and the rules that keep both
//! sides of every relation in step. It knows nothing of HTTP, of JSON or of randomness outside its own seed.

mod access;
mod holdings;
mod model;
mod people;
mod sight;
mod table;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, SubsecRound as _, Utc};

use crate::identity::Identity;
pub use model::{Actor, Group, Id, Key, Kind, NewUser, PRIVILEGES_V5, PRIVILEGES_V6, Resource, Share, Stamp, User};
pub(crate) use model::{Target, Tracked};
pub use people::Profile;
use table::Table;

/// The most S3 keys that one user may have.
pub const KEYS_PER_USER: usize = 5;

/// Why the world did not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such user, group, resource, share or membership.
    #[error("no such {what}: {id}")]
    Missing {
        /// The kind of thing.
        what: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// The address belongs to another user.
    #[error("the e-mail address {0} is taken")]
    EmailTaken(String),
    /// The resource is shared with this group already.
    #[error("resource {0} is shared already")]
    SharedAlready(Id),
    /// The user has [`KEYS_PER_USER`] keys.
    #[error("user {0} has the most keys a user may have")]
    TooManyKeys(Id),
    /// Neither administrator nor in a group with `s3Privilege`.
    #[error("user {0} has no S3 privilege")]
    NoS3Privilege(Id),
    /// The contract owner cannot be removed.
    #[error("user {0} owns the contract")]
    ContractOwner(Id),
}

fn missing(what: &'static str, id: &str) -> Refused {
    Refused::Missing { what, id: id.to_owned() }
}

/// One contract, as it is at this moment.
#[derive(Debug, Clone)]
pub struct World {
    identity: Identity,
    owner: Id,
    users: Table<User>,
    emails: HashMap<String, Id>,
    groups: Table<Group>,
    resources: Table<Resource>,
    tracked: BTreeMap<Id, Tracked>,
    rng: fastrand::Rng,
    now: DateTime<Utc>,
    actor: Actor,
    provisioning: Duration,
}

impl World {
    /// A contract with its owner and nothing else, at `now`.
    pub(crate) fn new(identity: Identity, owner: NewUser, now: DateTime<Utc>) -> Self {
        let rng = fastrand::Rng::with_seed(identity.seed ^ 0x0077_6f72_6c64);
        let mut world = Self {
            identity,
            owner: "".into(),
            users: Table::default(),
            emails: HashMap::new(),
            groups: Table::default(),
            resources: Table::default(),
            tracked: BTreeMap::new(),
            rng,
            now: now.trunc_subsecs(0),
            actor: Actor::system(),
            provisioning: Duration::zero(),
        };
        world.owner = world.add_user(owner).expect("an empty contract has no other user with that address");
        world.actor = world.actor_of(&world.owner.clone());
        world
    }

    /// The contract number.
    pub fn contract_number(&self) -> u64 {
        self.identity.contract_number
    }

    /// The id of the contract owner, whom nothing but the contract's e-mail address marks.
    pub fn owner(&self) -> &Id {
        &self.owner
    }

    /// The instant that the next change is stamped with.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// From here on, changes are stamped with this instant and this user.
    pub fn acting(&mut self, now: DateTime<Utc>, user_id: &str) {
        self.now = now.trunc_subsecs(0);
        self.actor = self.actor_of(user_id);
    }

    pub(crate) fn set_provisioning(&mut self, provisioning: Duration) {
        self.provisioning = provisioning;
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How a user is named as creator or changer.
    pub fn actor_of(&self, user_id: &str) -> Actor {
        self.user(user_id)
            .map_or_else(Actor::system, |user| Actor { name: user.email.as_str().into(), id: user.id.clone() })
    }

    /// Every user, oldest first.
    pub fn users(&self) -> impl DoubleEndedIterator<Item = &User> + Clone {
        self.users.iter()
    }

    /// How many users there are.
    pub fn user_count(&self) -> usize {
        self.users.len()
    }

    /// One user.
    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    /// The user with that address, in any case.
    pub fn user_by_email(&self, email: &str) -> Option<&User> {
        self.users.get(self.emails.get(&email.to_lowercase())?)
    }

    /// Every group, oldest first.
    pub fn groups(&self) -> impl DoubleEndedIterator<Item = &Group> + Clone {
        self.groups.iter()
    }

    /// One group.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)
    }

    /// Every resource, oldest first.
    pub fn resources(&self) -> impl DoubleEndedIterator<Item = &Resource> + Clone {
        self.resources.iter()
    }

    /// One resource, of any kind.
    pub fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.get(id)
    }

    /// The ids of a group's members; none for an unknown group.
    pub fn members(&self, group_id: &str) -> impl Iterator<Item = &Id> {
        self.group(group_id).into_iter().flat_map(|group| &group.members)
    }

    /// Whether a user is in a group.
    pub fn is_member(&self, group_id: &str, user_id: &str) -> bool {
        self.group(group_id).is_some_and(|group| group.members.contains(user_id))
    }

    /// The ids of the groups a user is in.
    pub fn groups_of(&self, user_id: &str) -> impl Iterator<Item = &Id> {
        self.user(user_id).into_iter().flat_map(|user| &user.groups)
    }

    /// A group's shares by resource id.
    pub fn shares(&self, group_id: &str) -> impl Iterator<Item = (&Id, Share)> {
        self.group(group_id).into_iter().flat_map(|group| &group.shares).map(|(id, share)| (id, *share))
    }

    /// One share.
    pub fn share_of(&self, group_id: &str, resource_id: &str) -> Option<Share> {
        self.group(group_id)?.shares.get(resource_id).copied()
    }

    /// The ids of the groups that a resource is shared with.
    pub fn groups_seeing(&self, resource_id: &str) -> impl Iterator<Item = &Id> {
        self.resource(resource_id).into_iter().flat_map(|resource| &resource.groups)
    }

    /// The ids of what a user owns.
    pub fn owns(&self, user_id: &str) -> impl Iterator<Item = &Id> {
        self.user(user_id).into_iter().flat_map(|user| &user.owns)
    }

    /// A user's S3 keys.
    pub fn keys(&self, user_id: &str) -> impl Iterator<Item = &Key> {
        self.user(user_id).into_iter().flat_map(|user| user.keys.values())
    }

    /// One key.
    pub fn key(&self, user_id: &str, key_id: &str) -> Option<&Key> {
        self.user(user_id)?.keys.get(key_id)
    }

    /// Whether a user may have S3 keys made: as administrator, or through a group.
    pub fn has_s3_privilege(&self, user_id: &str) -> bool {
        self.user(user_id).is_some_and(|user| {
            user.administrator
                || user.id == self.owner
                || user.groups.iter().filter_map(|id| self.groups.get(id)).any(|group| group.has("s3Privilege"))
        })
    }

    pub(crate) fn tracked(&self, id: &str) -> Option<&Tracked> {
        self.tracked.get(id)
    }

    /// Remembers an accepted write and returns the id of its request.
    pub(crate) fn track(&mut self, target: Target) -> Id {
        let id = self.uuid();
        let done = self.now + self.provisioning;
        self.tracked.insert(id.clone(), Tracked { id: id.clone(), done, target });
        id
    }

    fn stamp(&self) -> Stamp {
        Stamp { at: self.now, by: self.actor.clone() }
    }

    fn uuid(&mut self) -> Id {
        let (high, low) = (self.rng.u64(..), self.rng.u64(..));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        )
        .into()
    }

    fn hex(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from_digit(self.rng.u32(..16), 16).expect("below sixteen")).collect()
    }
}
