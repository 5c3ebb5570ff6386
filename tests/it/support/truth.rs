//! What is really there, fact by fact: the emulator's world in the store's terms, without a walk in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use emulator::World;
use keyholder::domain::coverage::Scope;
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::state::State;

/// Facts with what is so about them, in words. The contract is left out: it is always there.
pub(crate) type Facts = BTreeMap<FactKey, String>;

/// The key of a thing.
pub(crate) fn thing(kind: Kind, subject: &str) -> FactKey {
    FactKey { kind, subject: subject.into(), object: None }
}

/// The key of a relation.
pub(crate) fn relation(kind: Kind, subject: &str, object: &str) -> FactKey {
    FactKey { kind, subject: subject.into(), object: Some(Arc::from(object)) }
}

/// What is there.
pub(crate) fn there(world: &World) -> Facts {
    let mut facts = Facts::new();
    for user in world.users() {
        let (name, flags) = (
            format!("{} {} {}", user.email, user.firstname, user.lastname),
            [user.administrator, user.force_sec_auth, user.sec_auth_active, user.active].map(Some),
        );
        facts.insert(thing(Kind::User, &user.id), format!("{name} {flags:?}"));
        facts.extend(world.owns(&user.id).map(|id| (relation(Kind::Own, &user.id, id), String::new())));
        let keys = world.keys(&user.id);
        facts.extend(keys.map(|key| (relation(Kind::Key, &user.id, &key.id), format!("{:?}", Some(key.active)))));
    }
    for group in world.groups() {
        let held = group.privileges.iter().filter(|(_, held)| **held).map(|(name, _)| name.as_str());
        facts.insert(thing(Kind::Group, &group.id), format!("{} {:?}", group.name, held.collect::<Vec<_>>()));
        facts.extend(world.members(&group.id).map(|id| (relation(Kind::Member, &group.id, id), String::new())));
        let shares = world.shares(&group.id);
        facts
            .extend(shares.map(|(id, it)| (relation(Kind::Share, &group.id, id), format!("{} {}", it.edit, it.share))));
    }
    let resources = world.resources();
    facts.extend(resources.map(|it| (thing(Kind::Resource, &it.id), format!("{} {}", it.kind.name(), it.name))));
    facts
}

/// What the store says is there, in the same words.
pub(crate) fn held(state: &State) -> Facts {
    let mut facts = Facts::new();
    for (id, user) in &state.users {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let person = &user.person;
        let name = format!("{} {} {}", text(&person.email), text(&person.firstname), text(&person.lastname));
        let flags = [user.administrator, user.force_sec_auth, user.sec_auth_active, user.active];
        facts.insert(thing(Kind::User, id.as_str()), format!("{name} {flags:?}"));
    }
    for (id, group) in &state.groups {
        let granted: Vec<&str> = group.granted().collect();
        facts.insert(thing(Kind::Group, id.as_str()), format!("{} {granted:?}", group.label()));
    }
    for (id, resource) in &state.resources {
        let kind = resource.kind.as_deref().unwrap_or_default();
        facts.insert(thing(Kind::Resource, id.as_str()), format!("{kind} {}", resource.label()));
    }
    for (group, user) in state.members.keys() {
        facts.insert(relation(Kind::Member, group.as_str(), user.as_str()), String::new());
    }
    for ((group, resource), share) in &state.shares {
        let access = share.access();
        facts.insert(
            relation(Kind::Share, group.as_str(), resource.as_str()),
            format!("{} {}", access.edit, access.share),
        );
    }
    for (user, resource) in state.owns.keys() {
        facts.insert(relation(Kind::Own, user.as_str(), resource.as_str()), String::new());
    }
    for ((user, id), key) in &state.keys {
        facts.insert(relation(Kind::Key, user.as_str(), id.as_str()), format!("{:?}", key.active));
    }
    facts
}

/// The scope that a fact is seen in.
pub(crate) fn scope_of(key: &FactKey) -> Scope {
    let subject = &*key.subject;
    match key.kind {
        Kind::Contract => Scope::Contract,
        Kind::User => Scope::Users,
        Kind::Group => Scope::Groups,
        Kind::Resource => Scope::Resources,
        Kind::Member => Scope::Members(subject.into()),
        Kind::Share => Scope::Shares(subject.into()),
        Kind::Own => Scope::Owns(subject.into()),
        Kind::Key => Scope::Keys(subject.into()),
    }
}

/// A fact in a line.
pub(crate) fn line(key: &FactKey) -> String {
    let object = key.object.as_deref().map(|object| format!(" {object}")).unwrap_or_default();
    format!("{} {}{object}", key.kind, key.subject)
}
