//! Changes to the world that happen because a request came, so that lists move while they are read.

use std::fmt;
use std::sync::Arc;

use crate::shared::Shared;
use crate::world::{Id, NewUser, World};

/// Which of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The oldest.
    First,
    /// The youngest.
    Last,
}

type Change = Arc<dyn Fn(&mut World) + Send + Sync>;

type Look = Arc<dyn Fn(&World) + Send + Sync>;

/// A change to the world.
#[derive(Clone)]
pub struct Edit {
    kind: Kind,
    /// Who is shown the world behind the change.
    witness: Option<Look>,
}

#[derive(Clone)]
enum Kind {
    AddUser,
    RemoveUser(Place),
    Drawn(u64),
    Other(Change),
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::AddUser => f.write_str("AddUser"),
            Kind::RemoveUser(place) => write!(f, "RemoveUser({place:?})"),
            Kind::Drawn(seed) => write!(f, "Drawn({seed})"),
            Kind::Other(_) => f.write_str("Other"),
        }
    }
}

impl Edit {
    /// A user appears, as the youngest.
    pub fn add_user() -> Self {
        Self::of(Kind::AddUser)
    }

    /// A user goes who neither administers anything nor signs in to the emulator.
    pub fn remove_user(place: Place) -> Self {
        Self::of(Kind::RemoveUser(place))
    }

    /// Whatever the seed says: a user comes or goes, a member joins or leaves, a share ends.
    pub fn drawn(seed: u64) -> Self {
        Self::of(Kind::Drawn(seed))
    }

    /// Anything else.
    pub fn with(change: impl Fn(&mut World) + Send + Sync + 'static) -> Self {
        Self::of(Kind::Other(Arc::new(change)))
    }

    /// The same change, and somebody is shown the world right behind it, before anything else can happen to it.
    #[must_use]
    pub fn watched(self, witness: impl Fn(&World) + Send + Sync + 'static) -> Self {
        Self { witness: Some(Arc::new(witness)), ..self }
    }

    fn of(kind: Kind) -> Self {
        Self { kind, witness: None }
    }

    /// Whether there was anything to change.
    pub(super) fn apply(&self, shared: &Shared) -> bool {
        let mut world = shared.world_mut();
        let owner = world.owner().clone();
        world.acting(shared.clock.now(), &owner);
        let restricted = &shared.credentials.restricted;
        let changed = match &self.kind {
            Kind::AddUser => add(&mut world),
            Kind::RemoveUser(place) => remove(&mut world, restricted, *place),
            Kind::Drawn(seed) => draw(&mut world, restricted, &mut fastrand::Rng::with_seed(*seed)),
            Kind::Other(change) => {
                change(&mut world);
                true
            }
        };
        if let Some(witness) = self.witness.as_ref().filter(|_| changed) {
            witness(&world);
        }
        changed
    }
}

fn add(world: &mut World) -> bool {
    let free = (1..=u32::MAX).map(|number| format!("meanwhile-{number}@example.org"));
    let Some(email) = { free }.find(|email| world.user_by_email(email).is_none()) else {
        return false;
    };
    let (firstname, lastname) = ("Mina".to_owned(), "Meanwhile".to_owned());
    let new = NewUser { firstname, lastname, email, administrator: false, force_sec_auth: false, inactive: false };
    world.add_user(new).is_ok()
}

fn remove(world: &mut World, restricted: &Id, place: Place) -> bool {
    let owner = world.owner().clone();
    let mut plain = world.users().filter(|it| !it.administrator && it.id != owner && it.id != *restricted);
    let found = match place {
        Place::First => plain.next(),
        Place::Last => plain.next_back(),
    };
    let found = found.map(|user| user.id.clone());
    drop(plain);
    found.is_some_and(|id| world.remove_user(&id).is_ok())
}

fn draw(world: &mut World, restricted: &Id, rng: &mut fastrand::Rng) -> bool {
    let groups: Vec<Id> = world.groups().map(|group| group.id.clone()).collect();
    let users: Vec<Id> = world.users().map(|user| user.id.clone()).collect();
    let (Some(group), Some(user)) = (rng.choice(&groups), rng.choice(&users)) else {
        return false;
    };
    let member = rng.choice(world.members(group).cloned().collect::<Vec<_>>());
    let shared = rng.choice(world.shares(group).map(|(id, _)| id.clone()).collect::<Vec<_>>());
    match rng.u8(..5) {
        0 => add(world),
        1 => remove(world, restricted, if rng.bool() { Place::First } else { Place::Last }),
        2 => !world.is_member(group, user) && world.add_member(group, user).is_ok(),
        3 => member.is_some_and(|user| world.remove_member(group, &user).is_ok()),
        _ => shared.is_some_and(|resource| world.unshare(group, &resource).is_ok()),
    }
}
