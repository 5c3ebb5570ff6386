//! A month in the life of a generated contract: dated steps that follow from the seed, and sign-ins on top, which are
//! no change. Day `d` covers the 24 hours that end `d` days after the baseline.

mod casting;
mod episodes;
mod month;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc, Weekday};

use crate::generate::Cast;
use crate::world::{Id, Kind, NewUser, Refused, Share, World};

/// How many days the script has.
pub const DAYS: u32 = 30;

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The day, 1 to [`DAYS`].
    pub day: u32,
    /// The instant.
    pub at: DateTime<Utc>,
    /// The user who does it.
    pub actor: Id,
    /// What.
    pub change: Change,
}

/// What happens, with the ids of everything that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the ids and values that the variant's line speaks of")]
pub enum Change {
    /// The administrator flag is granted or taken.
    Administrator { user: Id, on: bool },
    /// A second factor is set up or taken down.
    SecAuthActive { user: Id, on: bool },
    /// A second factor is demanded, or no longer.
    ForceSecAuth { user: Id, on: bool },
    /// A user is enabled or disabled.
    Active { user: Id, on: bool },
    /// A user appears.
    UserAdded { user: Id, new: NewUser },
    /// A user goes, with memberships and keys; what they owned goes to the contract owner.
    UserRemoved { user: Id },
    /// A user gets another last name.
    UserRenamed { user: Id, firstname: String, lastname: String },
    /// A group appears.
    GroupAdded { group: Id, name: String, privileges: Vec<&'static str> },
    /// A group goes, with memberships and shares.
    GroupRemoved { group: Id },
    /// A group gets another name.
    GroupRenamed { group: Id, name: String },
    /// A group gains or loses a privilege.
    Privilege { group: Id, privilege: String, on: bool },
    /// A user joins or leaves a group.
    Member { group: Id, user: Id, on: bool },
    /// A resource is shared with a group.
    Shared { group: Id, resource: Id, share: Share },
    /// The flags of a share change.
    ShareEdited { group: Id, resource: Id, before: Share, after: Share },
    /// A share ends.
    Unshared { group: Id, resource: Id },
    /// A key appears.
    KeyAdded { user: Id, key: Id },
    /// A key goes.
    KeyRemoved { user: Id, key: Id },
    /// A key is enabled or disabled.
    KeyActive { user: Id, key: Id, on: bool },
    /// A resource appears.
    ResourceAdded { resource: Id, kind: Kind, name: String, owner: Id },
    /// A resource goes, with its shares.
    ResourceRemoved { resource: Id },
    /// A resource gets another name.
    ResourceRenamed { resource: Id, name: String },
    /// A resource gets another owner.
    Owner { resource: Id, owner: Id },
}

impl Change {
    /// The class of the change, in the words of a change report.
    pub fn class(&self) -> &'static str {
        let either = |on: bool, yes, no| if on { yes } else { no };
        match self {
            Self::Administrator { on, .. } => either(*on, "administrator gained", "administrator lost"),
            Self::SecAuthActive { on, .. } | Self::ForceSecAuth { on, .. } => {
                either(*on, "2FA strengthened", "2FA weakened")
            }
            Self::Active { on, .. } => either(*on, "user enabled", "user disabled"),
            Self::UserAdded { .. } => "user added",
            Self::UserRemoved { .. } => "user removed",
            Self::UserRenamed { .. } => "user renamed",
            Self::GroupAdded { .. } => "group added",
            Self::GroupRemoved { .. } => "group removed",
            Self::GroupRenamed { .. } => "group renamed",
            Self::Privilege { on, .. } => either(*on, "privilege gained", "privilege lost"),
            Self::Member { on, .. } => either(*on, "member added", "member removed"),
            Self::Shared { .. } => "share added",
            Self::ShareEdited { before, after, .. } => {
                let gained = (after.edit && !before.edit) || (after.share && !before.share);
                either(gained, "share widened", "share narrowed")
            }
            Self::Unshared { .. } => "share removed",
            Self::KeyAdded { .. } => "key added",
            Self::KeyRemoved { .. } => "key removed",
            Self::KeyActive { on, .. } => either(*on, "key enabled", "key disabled"),
            Self::ResourceAdded { .. } => "resource appeared",
            Self::ResourceRemoved { .. } => "resource vanished",
            Self::ResourceRenamed { .. } => "resource renamed",
            Self::Owner { .. } => "owner changed",
        }
    }

    fn apply(&self, world: &mut World) -> Result<(), Refused> {
        match self.clone() {
            Self::Administrator { user, on } => world.set_administrator(&user, on),
            Self::SecAuthActive { user, on } => world.set_sec_auth_active(&user, on),
            Self::ForceSecAuth { user, on } => world.set_force_sec_auth(&user, on),
            Self::Active { user, on } => world.set_active(&user, on),
            Self::UserAdded { user, new } => world.insert_user(user, new),
            Self::UserRemoved { user } => world.remove_user(&user),
            Self::UserRenamed { user, firstname, lastname } => world.rename_user(&user, &firstname, &lastname),
            Self::GroupAdded { group, name, privileges } => {
                world.insert_group(group, &name, &privileges);
                Ok(())
            }
            Self::GroupRemoved { group } => world.remove_group(&group),
            Self::GroupRenamed { group, name } => world.rename_group(&group, &name),
            Self::Privilege { group, privilege, on } => world.set_privilege(&group, &privilege, on),
            Self::Member { group, user, on: true } => world.add_member(&group, &user),
            Self::Member { group, user, on: false } => world.remove_member(&group, &user),
            Self::Shared { group, resource, share } => world.share(&group, &resource, share),
            Self::ShareEdited { group, resource, after, .. } => world.edit_share(&group, &resource, after),
            Self::Unshared { group, resource } => world.unshare(&group, &resource),
            Self::KeyAdded { user, key } => world.insert_key(&user, key),
            Self::KeyRemoved { user, key } => world.remove_key(&user, &key),
            Self::KeyActive { user, key, on } => world.set_key_active(&user, &key, on),
            Self::ResourceAdded { resource, kind, name, owner } => {
                world.insert_resource(&resource, kind, &name, Some(&owner))
            }
            Self::ResourceRemoved { resource } => world.remove_resource(&resource),
            Self::ResourceRenamed { resource, name } => world.rename_resource(&resource, &name),
            Self::Owner { resource, owner } => world.set_owner(&resource, Some(&owner)),
        }
    }
}

/// The steps of the month, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    seed: u64,
    base: DateTime<Utc>,
    steps: Vec<Step>,
}

impl Script {
    /// The month that follows a generated contract.
    pub(crate) fn write(seed: u64, world: &World, cast: &Cast, base: DateTime<Utc>) -> Self {
        Self { seed, base, steps: month::write(seed, world, cast, base) }
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Plays the days after `done` up to and including `day`.
    pub(crate) fn play(&self, world: &mut World, done: u32, day: u32) {
        for today in done + 1..=day.min(DAYS) {
            for step in self.steps.iter().filter(|step| step.day == today) {
                world.acting(step.at, &step.actor);
                // A test may have taken away what a step is about; such a step has nothing left to do.
                let _ = step.change.apply(world);
            }
            self.sign_ins(world, today);
        }
    }

    /// Who is in the habit of it signs in, on working days mostly.
    fn sign_ins(&self, world: &mut World, day: u32) {
        let ends = self.base + TimeDelta::days(i64::from(day));
        let dormant = ends - TimeDelta::days(45);
        let weekend = matches!(ends.weekday(), Weekday::Sat | Weekday::Sun);
        let mut rng = fastrand::Rng::with_seed(self.seed ^ (u64::from(day) << 32) ^ 0x006c_6f67_696e);
        for user in world.users_mut() {
            let (chance, before) = (rng.u32(..1000), rng.i64(600..86_000));
            let habitual = user.last_login.is_some_and(|at| at > dormant);
            let fresh = user.last_login.is_none() && user.created.at > self.base;
            let likely = match (habitual || fresh, weekend) {
                (true, false) => 550,
                (true, true) => 60,
                // Somebody who was away for long comes back now and then.
                (false, _) => u32::from(user.last_login.is_some()) * 2,
            };
            let at = ends - TimeDelta::seconds(before);
            if user.active && chance < likely && at > user.created.at {
                user.last_login = user.last_login.max(Some(at));
            }
        }
    }
}

#[cfg(test)]
mod tests;
