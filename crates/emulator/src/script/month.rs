//! The ordinary coming and going of the month, class by class, growing with the contract.

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};

use super::casting::Casting;
use super::{Change, Step};
use crate::generate::{Cast, Draw, fresh_people};
use crate::world::{Group, Id, KEYS_PER_USER, Kind, PRIVILEGES_V5, Resource, Share, User, World};

/// Writes the month, oldest step first. Who goes is cast before everything that speaks of those who stay.
pub(super) fn write(seed: u64, world: &World, cast: &Cast, base: DateTime<Utc>) -> Vec<Step> {
    let mut month = Month { casting: Casting::new(seed, world, cast), seed, base, steps: Vec::new() };
    let size = world.user_count();
    month.episodes();
    month.people(1 + size / 300);
    month.groups(1 + size / 2_000);
    month.keys(1 + size / 250);
    month.newcomers(2 + size / 150);
    month.members(2 + size / 60);
    month.resources(2 + size / 100);
    month.shares(2 + size / 100);
    month.steps.sort_by_key(|step| (step.day, step.at));
    month.steps
}

/// A month in the making.
pub(super) struct Month<'w> {
    pub(super) casting: Casting<'w>,
    seed: u64,
    base: DateTime<Utc>,
    steps: Vec<Step>,
}

impl Month<'_> {
    /// The instant of day `day` at which clocks show this time.
    pub(super) fn at(&self, day: u32, hour: u32, minute: u32) -> DateTime<Utc> {
        let begins = self.base + TimeDelta::days(i64::from(day) - 1);
        let wanted = i64::from(hour * 3600 + minute * 60);
        let shown = i64::from(begins.num_seconds_from_midnight());
        let ahead = (wanted - shown).rem_euclid(86_400);
        begins + TimeDelta::seconds(if ahead == 0 { 86_400 } else { ahead })
    }

    pub(super) fn step(&mut self, day: u32, at: DateTime<Utc>, actor: &Id, change: Change) {
        self.steps.push(Step { day, at, actor: actor.clone(), change });
    }

    /// On an ordinary day, in office hours, by one of those who usually do such things.
    pub(super) fn usual(&mut self, change: Change) {
        let day = self.casting.rng.u32(1..=super::DAYS);
        self.on(day, change);
    }

    pub(super) fn on(&mut self, day: u32, change: Change) {
        let (hour, minute) = (self.casting.rng.u32(7..17), self.casting.rng.u32(..60));
        let (at, actor) = (self.at(day, hour, minute), self.casting.actor());
        self.step(day, at, &actor, change);
    }

    fn people(&mut self, each: usize) {
        for _ in 0..each {
            self.with_user(|user| user.administrator, |user| Change::Administrator { user, on: false });
            self.with_user(|user| !user.active, |user| Change::Active { user, on: true });
            let secured = |user: &User| user.active && user.sec_auth_active && user.force_sec_auth;
            self.with_user(secured, |user| Change::SecAuthActive { user, on: false });
            self.with_user(secured, |user| Change::ForceSecAuth { user, on: false });
            let without = |user: &User| user.active && !user.sec_auth_active;
            self.with_user(without, |user| Change::SecAuthActive { user, on: true });
            let unforced = |user: &User| user.active && !user.force_sec_auth;
            self.with_user(unforced, |user| Change::ForceSecAuth { user, on: true });
            let ordinary = |user: &User| user.active && !user.administrator;
            self.with_user(ordinary, |user| Change::Administrator { user, on: true });
            self.with_user(ordinary, |user| Change::Active { user, on: false });
            if let Some(user) = self.casting.leaver(ordinary).map(|user| user.id.clone()) {
                self.usual(Change::UserRemoved { user });
            }
            if let Some(user) = self.casting.user("properties", ordinary) {
                let (firstname, lastname) = (user.firstname.clone(), format!("{}-Lindgren", user.lastname));
                self.usual(Change::UserRenamed { user: user.id.clone(), firstname, lastname });
            }
        }
    }

    fn with_user(&mut self, fits: impl Fn(&User) -> bool, change: impl FnOnce(Id) -> Change) {
        if let Some(user) = self.casting.user("properties", fits) {
            self.usual(change(user.id.clone()));
        }
    }

    /// New people, in a group from the next day on.
    fn newcomers(&mut self, count: usize) {
        let mut draw = Draw { rng: fastrand::Rng::with_seed(self.seed ^ 0x006e_6577), base: self.base };
        let domain = &self.casting.cast.domain;
        for new in fresh_people(self.casting.world, domain, count, &mut draw) {
            let (user, day) = (self.casting.uuid(), self.casting.rng.u32(2..super::DAYS - 2));
            self.on(day, Change::UserAdded { user: user.clone(), new });
            if let Some(group) = self.casting.team() {
                self.on(day + 1, Change::Member { group: group.id.clone(), user, on: true });
            }
        }
    }

    fn groups(&mut self, each: usize) {
        for number in 1..=each {
            if let Some(group) = self.casting.closing_group() {
                self.usual(Change::GroupRemoved { group: group.id.clone() });
            }
            if let Some(group) = self.casting.group("name", |_| true) {
                let name = format!("{} EMEA", group.name);
                self.usual(Change::GroupRenamed { group: group.id.clone(), name });
            }
            self.privilege(true);
            self.privilege(false);
            let (group, day) = (self.casting.uuid(), self.casting.rng.u32(2..super::DAYS - 2));
            let name = format!("Projekt Nordstern {number}");
            let privileges = vec!["createDataCenter", "createInternetAccess", "s3Privilege"];
            self.on(day, Change::GroupAdded { group: group.clone(), name, privileges });
            if let Some(user) = self.casting.user("member", |user| user.active).map(|user| user.id.clone()) {
                self.on(day + 1, Change::Member { group: group.clone(), user, on: true });
            }
            if let Some(resource) = self.casting.resource(|_| true).map(|it| it.id.clone()) {
                let share = Share { edit: true, share: false };
                self.on(day + 1, Change::Shared { group, resource, share });
            }
        }
    }

    /// A privilege that some group gains or loses.
    fn privilege(&mut self, on: bool) {
        let open = |group: &Group| -> Vec<&'static str> {
            PRIVILEGES_V5.into_iter().filter(|privilege| group.has(privilege) != on).collect()
        };
        let Some(group) = self.casting.group("privilege", |group| !open(group).is_empty()) else {
            return;
        };
        let open = open(group);
        let privilege = open[self.casting.rng.usize(..open.len())].to_owned();
        self.usual(Change::Privilege { group: group.id.clone(), privilege, on });
    }

    fn members(&mut self, each: usize) {
        let almighty = self.casting.cast.almighty.clone();
        let world = self.casting.world;
        for number in 0..each {
            let Some(group) = self.casting.team() else {
                return;
            };
            let joins = |user: &User| user.active && !world.is_member(&group.id, &user.id);
            if let Some(user) = self.casting.user("member", joins).map(|user| user.id.clone()) {
                self.usual(Change::Member { group: group.id.clone(), user: user.clone(), on: true });
                if number == 0 && !world.is_member(&almighty, &user) {
                    self.usual(Change::Member { group: almighty.clone(), user, on: true });
                }
            }
            let anywhere = |user: &User| world.groups_of(&user.id).next().is_some();
            let Some(user) = self.casting.user("member", anywhere) else {
                return;
            };
            let staying = world.groups_of(&user.id).find(|id| self.casting.stays(id)).cloned();
            if let Some(group) = staying {
                self.usual(Change::Member { group, user: user.id.clone(), on: false });
            }
        }
    }

    fn keys(&mut self, each: usize) {
        for _ in 0..each {
            if let Some((user, key)) = self.casting.key(false) {
                self.usual(Change::KeyActive { user, key, on: true });
            }
            if let Some((user, key)) = self.casting.key(true) {
                self.usual(Change::KeyActive { user, key, on: false });
            }
            if let Some((user, key)) = self.casting.key(true) {
                self.usual(Change::KeyRemoved { user, key });
            }
            let world = self.casting.world;
            let room = |user: &User| user.active && world.keys(&user.id).count() < KEYS_PER_USER;
            if let Some(user) = self.casting.user("keys", room).map(|user| user.id.clone()) {
                let key = self.casting.key_id();
                self.usual(Change::KeyAdded { user, key });
            }
        }
    }

    fn resources(&mut self, each: usize) {
        for number in 0..each {
            let resource = self.casting.uuid();
            let kind = Kind::ALL[self.casting.rng.usize(..Kind::ALL.len())];
            let owner = self.casting.actor();
            let name = format!("{kind}-neu-{:02}", number + 1);
            self.usual(Change::ResourceAdded { resource, kind, name, owner });
            if let Some(resource) = self.casting.resource(|_| true).map(|it| it.id.clone()) {
                self.usual(Change::ResourceRemoved { resource });
            }
            if let Some(resource) = self.casting.resource(|_| true) {
                let (resource, name) = (resource.id.clone(), format!("{}-migrated", resource.name));
                self.usual(Change::ResourceRenamed { resource, name });
            }
            let heir = self.casting.actor();
            let other = |it: &Resource| it.owner.as_ref() != Some(&heir);
            if let Some(resource) = self.casting.resource(other).map(|it| it.id.clone()) {
                self.usual(Change::Owner { resource, owner: heir.clone() });
            }
        }
    }

    fn shares(&mut self, each: usize) {
        for _ in 0..each {
            if let Some((group, resource, before)) = self.casting.share(|share| !share.edit) {
                let after = Share { edit: true, ..before };
                self.usual(Change::ShareEdited { group, resource, before, after });
            }
            if let Some((group, resource, before)) = self.casting.share(|share| !share.share) {
                let after = Share { share: true, ..before };
                self.usual(Change::ShareEdited { group, resource, before, after });
            }
            if let Some((group, resource, before)) = self.casting.share(|share| share.edit || share.share) {
                self.usual(Change::ShareEdited { group, resource, before, after: Share::default() });
            }
            if let Some((group, resource, _)) = self.casting.share(|_| true) {
                self.usual(Change::Unshared { group, resource });
            }
            let Some(group) = self.casting.team() else {
                return;
            };
            let world = self.casting.world;
            let unshared = |it: &Resource| world.share_of(&group.id, &it.id).is_none();
            if let Some(resource) = self.casting.resource(unshared).map(|it| it.id.clone()) {
                let share = Share { edit: self.casting.rng.bool(), share: false };
                self.usual(Change::Shared { group: group.id.clone(), resource, share });
            }
        }
    }
}
