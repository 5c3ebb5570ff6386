//! Finding who and what a step can be about: seeded, and never the same twice for one purpose, so that no step undoes
//! another.

use std::collections::HashSet;

use crate::generate::Cast;
use crate::world::{Group, Id, KEYS_PER_USER, Resource, Share, User, World};

/// Draws from the contract as it is at the baseline.
pub(super) struct Casting<'w> {
    pub(super) world: &'w World,
    pub(super) cast: &'w Cast,
    pub(super) rng: fastrand::Rng,
    /// Who changes things: the owner, and half of the other administrators.
    actors: Vec<Id>,
    /// Everybody who can be changed: no actor, none of the cast, no machine.
    people: Vec<&'w User>,
    machines: Vec<&'w User>,
    groups: Vec<&'w Group>,
    resources: Vec<&'w Resource>,
    shares: Vec<(&'w Id, &'w Id, Share)>,
    taken: HashSet<String>,
    /// Users and groups that go during the month.
    gone: HashSet<Id>,
}

impl<'w> Casting<'w> {
    pub(super) fn new(seed: u64, world: &'w World, cast: &'w Cast) -> Self {
        let mut actors: Vec<Id> = world
            .users()
            .filter(|user| user.administrator && user.id != cast.auditor)
            .map(|user| user.id.clone())
            .collect();
        actors.truncate(actors.len().div_ceil(2));
        let fixed: HashSet<&Id> = actors.iter().chain([&cast.auditor, &cast.restricted]).collect();
        let free = world.users().filter(|user| !fixed.contains(&user.id));
        let (machines, people) = free.partition(|user| user.firstname == "Service");
        let groups: Vec<&Group> = world.groups().filter(|group| group.id != cast.almighty).collect();
        let shares = groups
            .iter()
            .flat_map(|group| world.shares(&group.id).map(|(resource, share)| (&group.id, resource, share)))
            .collect();
        Self {
            world,
            cast,
            rng: fastrand::Rng::with_seed(seed ^ 0x006d_6f6e_7468),
            actors,
            people,
            machines,
            groups,
            resources: world.resources().filter(|it| it.owner.is_some()).collect(),
            shares,
            taken: HashSet::new(),
            gone: HashSet::new(),
        }
    }

    pub(super) fn actor(&mut self) -> Id {
        self.actors[self.rng.usize(..self.actors.len())].clone()
    }

    /// A user who stays, and whom no other step with that purpose is about.
    pub(super) fn user(&mut self, purpose: &str, fits: impl Fn(&User) -> bool) -> Option<&'w User> {
        let (people, gone) = (self.people.clone(), self.gone.clone());
        self.probe(&people, |user| (!gone.contains(&user.id) && fits(user)).then(|| format!("{purpose} {}", user.id)))
    }

    /// A user who goes, and of whose properties no other step speaks.
    pub(super) fn leaver(&mut self, fits: impl Fn(&User) -> bool) -> Option<&'w User> {
        let user = self.user("properties", fits)?;
        self.gone.insert(user.id.clone());
        Some(user)
    }

    /// A machine's account with room for keys and none disabled, or a person's if there is no such machine.
    pub(super) fn key_user(&mut self) -> Option<&'w User> {
        let world = self.world;
        let room = |user: &User| {
            let all_on = world.keys(&user.id).all(|key| key.active);
            let free = user.active && all_on && world.keys(&user.id).count() < KEYS_PER_USER - 1;
            free.then(|| format!("keys {}", user.id))
        };
        let (machines, people) = (self.machines.clone(), self.people.clone());
        self.probe(&machines, room).or_else(|| self.probe(&people, room))
    }

    /// A key that is on or off, of a user who stays and of whose keys no other step speaks.
    pub(super) fn key(&mut self, active: bool) -> Option<(Id, Id)> {
        let (world, gone) = (self.world, self.gone.clone());
        let holders: Vec<&User> = self.people.iter().chain(&self.machines).copied().collect();
        let has = |user: &&User| world.keys(&user.id).find(|key| key.active == active);
        let user = self.probe(&holders, |user| {
            let found = !gone.contains(&user.id) && has(&user).is_some();
            found.then(|| format!("keys {}", user.id))
        })?;
        Some((user.id.clone(), has(&user)?.id.clone()))
    }

    /// A group that stays and that no other step with that purpose is about; never the almighty one.
    pub(super) fn group(&mut self, purpose: &str, fits: impl Fn(&Group) -> bool) -> Option<&'w Group> {
        let (groups, gone) = (self.groups.clone(), self.gone.clone());
        self.probe(&groups, |group| {
            (!gone.contains(&group.id) && fits(group)).then(|| format!("{purpose} {}", group.id))
        })
    }

    /// A group that goes, with people in it.
    pub(super) fn closing_group(&mut self) -> Option<&'w Group> {
        let world = self.world;
        let fits = |group: &Group| group.name != "Break-glass" && world.members(&group.id).next().is_some();
        let group = self.group("closing", fits)?;
        self.gone.insert(group.id.clone());
        Some(group)
    }

    /// Any group that stays; many steps may be about it.
    pub(super) fn team(&mut self) -> Option<&'w Group> {
        let staying: Vec<&Group> = self.groups.iter().filter(|group| !self.gone.contains(&group.id)).copied().collect();
        (!staying.is_empty()).then(|| staying[self.rng.usize(..staying.len())])
    }

    /// A resource with an owner that no other step is about.
    pub(super) fn resource(&mut self, fits: impl Fn(&Resource) -> bool) -> Option<&'w Resource> {
        let resources = self.resources.clone();
        self.probe(&resources, |resource| fits(resource).then(|| resource.id.to_string()))
    }

    /// A share that no other step is about; its group stays, and of its resource no step speaks.
    pub(super) fn share(&mut self, fits: impl Fn(Share) -> bool) -> Option<(Id, Id, Share)> {
        let (shares, gone, taken) = (self.shares.clone(), self.gone.clone(), self.taken.clone());
        self.probe(&shares, |(group, resource, share)| {
            let stays = !gone.contains(group) && !taken.contains(&**resource);
            (stays && fits(share)).then(|| format!("share {group} {resource}"))
        })
        .map(|(group, resource, share)| (group.clone(), resource.clone(), share))
    }

    /// Whether a user or group stays for the month.
    pub(super) fn stays(&self, id: &Id) -> bool {
        !self.gone.contains(id)
    }

    /// Keeps a user out of other steps with that purpose.
    pub(super) fn take(&mut self, purpose: &str, id: &Id) {
        self.taken.insert(format!("{purpose} {id}"));
    }

    pub(super) fn uuid(&mut self) -> Id {
        let (a, b, c) = (self.rng.u32(..), self.rng.u64(..), self.rng.u32(..));
        format!("{a:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}", b >> 48, c & 0xfff, (c >> 12) & 0xfff, b & 0xffff_ffff_ffff)
            .into()
    }

    pub(super) fn key_id(&mut self) -> Id {
        format!("{:016x}{:04x}", self.rng.u64(..), self.rng.u16(..)).into()
    }

    /// The first item from a random place on whose name nobody took; takes it.
    fn probe<T: Copy>(&mut self, items: &[T], name: impl Fn(T) -> Option<String>) -> Option<T> {
        if items.is_empty() {
            return None;
        }
        let start = self.rng.usize(..items.len());
        let (before, after) = items.split_at(start);
        for &item in after.iter().chain(before) {
            if let Some(name) = name(item)
                && self.taken.insert(name)
            {
                return Some(item);
            }
        }
        None
    }
}
